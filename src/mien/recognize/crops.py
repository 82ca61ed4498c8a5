"""Faces -> (F, 48, 48) gray: the one definition of framing, in training data as in photos."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.readings import Face, Image, check_image
from mien.recognize.faces import Framing

Crops: TypeAlias = NDArray[np.uint8]
"""(F, 48, 48) uint8, gray."""

SIZE_PX: Final = 48
"""Side of a crop: FER2013's size."""

_MAX_OVERSAMPLING: Final = 16  # a larger part of the image is shrunk before it is turned


class Square(NamedTuple):
    """A turned square of an image."""

    x: float  # of its middle, in pixels of the image; it may reach past its border
    y: float  # likewise
    angle: float  # by which it is turned, in radians, clockwise
    side: float  # in pixels of the image


def crop_faces(
    image: Image, faces: Sequence[Face], framing: Framing, *, margin: float = 0.0
) -> Crops:
    """Cut one square gray crop for each face, framed as FER2013 frames faces.

    Where a face has landmarks, its crop is turned until the eyes are level.

    Args:
        image: (H, W, 3) uint8, RGB.
        faces: in pixels of `image`; a box may reach past its border, which is then repeated.
        framing: of the detector that found them.
        margin: added on each side, as a share of the crop's side; 0 is FER2013's framing. Not
            where boxes are frames already.
    Returns:
        (F, 48, 48) uint8. Row i belongs to face i; no face gives an empty array.
    Raises:
        ImageError: `image` is not (H, W, 3) uint8; the message says what it is.
    """
    check_image(image)
    if framing.is_frame:
        margin = 0.0
    crops = np.empty((len(faces), SIZE_PX, SIZE_PX), np.uint8)
    for row, face in enumerate(faces):
        square = square_of(face, framing)
        square = square._replace(side=square.side * (1.0 + 2.0 * margin))
        crops[row] = _cut(image, square, SIZE_PX, _MAX_OVERSAMPLING, gray=True)
    return crops


def cut_square(image: Image, square: Square, size_px: int) -> Image:
    """Cut a turned square, in color.

    Args:
        image: (H, W, 3) uint8, RGB.
        square: may reach past the border, which is then repeated.
        size_px: side of what is cut.
    Returns:
        (size_px, size_px, 3) uint8, RGB.
    Raises:
        ImageError: `image` is not (H, W, 3) uint8; the message says what it is.
    """
    check_image(image)
    return _cut(image, square, size_px, 1, gray=False)


def whole_image_crop(image: Image) -> NDArray[np.uint8]:
    """An image that is already one framed face, as data sets hold them, as one crop.

    Args:
        image: (H, W, 3) uint8, RGB.
    Returns:
        (48, 48) uint8, gray. A gray image of 48 x 48 comes back unchanged.
    """
    gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    if gray.shape == (SIZE_PX, SIZE_PX):
        return gray
    shrinks = min(gray.shape) > SIZE_PX
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(gray, (SIZE_PX, SIZE_PX), interpolation=method), dtype=np.uint8)


def square_of(face: Face, framing: Framing) -> Square:
    """The frame of a face, as FER2013 frames faces; the eyes are level in it where they are known.

    Args:
        face: in pixels of an image.
        framing: of the detector that found it.
    """
    x0, y0, x1, y1 = face.box
    angle = 0.0
    if face.landmarks is not None:
        (right_x, right_y), (left_x, left_y) = face.landmarks[:2]
        angle = math.atan2(left_y - right_y, left_x - right_x)
    shift_x, shift_y = framing.shift_x * face.size_px, framing.shift_y * face.size_px
    cosine, sine = math.cos(angle), math.sin(angle)
    return Square(
        (x0 + x1) / 2 + cosine * shift_x - sine * shift_y,
        (y0 + y1) / 2 + sine * shift_x + cosine * shift_y,
        angle,
        framing.side * face.size_px,
    )


def _cut(
    image: Image, square: Square, size_px: int, most_samples: int, *, gray: bool
) -> NDArray[np.uint8]:
    """A turned square of the image, resampled without aliasing.

    Returns:
        (size_px, size_px) uint8, or with three colors where it is not to be gray.
    """
    # Only the part under the square is turned gray; one wholly outside gets the nearest pixels.
    height, width = image.shape[:2]
    center_x, center_y, angle, side = square
    reach = side / 2 * (abs(math.cos(angle)) + abs(math.sin(angle))) + 2
    # On single numbers np.clip takes fifteen times as long.
    left, right = (int(min(max(center_x + d, 0), width)) for d in (-reach, reach))
    top, bottom = (int(min(max(center_y + d, 0), height)) for d in (-reach, reach))
    left, top = min(left, width - 1), min(top, height - 1)
    part = image[top : max(bottom + 1, top + 1), left : max(right + 1, left + 1)]
    if gray:
        part = np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), np.uint8)

    # Each pixel of the crop is the mean of `over` x `over` samples, about one per source pixel.
    over = min(max(math.ceil(side / size_px), 1), most_samples)
    samples = over * size_px
    step = max(side, 1e-3) / samples  # source pixels from one sample to the next
    scale_x = scale_y = 1.0
    if step > 1.0:
        size = (max(round(part.shape[1] / step), 1), max(round(part.shape[0] / step), 1))
        scale_x, scale_y = size[0] / part.shape[1], size[1] / part.shape[0]
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    cosine, sine = step * math.cos(angle), step * math.sin(angle)
    middle = (samples - 1) / 2
    first_x = center_x - left - middle * (cosine - sine)
    first_y = center_y - top - middle * (sine + cosine)
    to_source = np.array(
        [
            [cosine * scale_x, -sine * scale_x, first_x * scale_x - 0.5],
            [sine * scale_y, cosine * scale_y, first_y * scale_y - 0.5],
        ]
    )
    turned = cv2.warpAffine(
        part,
        to_source,
        (samples, samples),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    crop = cv2.resize(turned, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return np.asarray(crop, dtype=np.uint8)
