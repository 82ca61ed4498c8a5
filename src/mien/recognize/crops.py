"""Faces -> (F, 48, 48) gray: the one definition of framing, in training data as in photos."""

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import ImageError
from mien.readings import Face, Image
from mien.recognize.faces import Framing

Crops: TypeAlias = NDArray[np.uint8]
"""(F, 48, 48) uint8, gray."""

SIZE_PX: Final = 48
"""Side of a crop: FER2013's size."""

_MAX_OVERSAMPLING: Final = 16  # a larger part of the image is shrunk before it is turned


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
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ImageError(f"expected (H, W, 3) uint8; got {image.shape} {image.dtype}")
    if framing.is_frame:
        margin = 0.0
    crops = np.empty((len(faces), SIZE_PX, SIZE_PX), np.uint8)
    for row, face in enumerate(faces):
        side = framing.side * face.size_px * (1.0 + 2.0 * margin)
        crops[row] = _cut(image, *_frame(face, framing), side)
    return crops


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


def _frame(face: Face, framing: Framing) -> tuple[float, float, float]:
    """Centre x and y of a face's frame, and the angle of the eyes in radians, clockwise."""
    x0, y0, x1, y1 = face.box
    angle = 0.0
    if face.landmarks is not None:
        (right_x, right_y), (left_x, left_y) = face.landmarks[:2]
        angle = math.atan2(left_y - right_y, left_x - right_x)
    shift_x, shift_y = framing.shift_x * face.size_px, framing.shift_y * face.size_px
    cosine, sine = math.cos(angle), math.sin(angle)
    return (
        (x0 + x1) / 2 + cosine * shift_x - sine * shift_y,
        (y0 + y1) / 2 + sine * shift_x + cosine * shift_y,
        angle,
    )


def _cut(
    image: Image, center_x: float, center_y: float, angle: float, side: float
) -> NDArray[np.uint8]:
    """(48, 48) uint8: a turned square of the image, resampled without aliasing."""
    # Only the part under the square is turned gray; one wholly outside gets the nearest pixels.
    height, width = image.shape[:2]
    reach = side / 2 * (abs(math.cos(angle)) + abs(math.sin(angle))) + 2
    left, right = (int(np.clip(center_x + d, 0, width)) for d in (-reach, reach))
    top, bottom = (int(np.clip(center_y + d, 0, height)) for d in (-reach, reach))
    left, top = min(left, width - 1), min(top, height - 1)
    part = image[top : max(bottom + 1, top + 1), left : max(right + 1, left + 1)]
    gray = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY)

    # Each pixel of the crop is the mean of `over` x `over` samples, about one per source pixel.
    over = min(max(math.ceil(side / SIZE_PX), 1), _MAX_OVERSAMPLING)
    samples = over * SIZE_PX
    step = max(side, 1e-3) / samples  # source pixels from one sample to the next
    scale_x = scale_y = 1.0
    if step > 1.0:
        size = (max(round(gray.shape[1] / step), 1), max(round(gray.shape[0] / step), 1))
        scale_x, scale_y = size[0] / gray.shape[1], size[1] / gray.shape[0]
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
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
        gray,
        to_source,
        (samples, samples),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    crop = cv2.resize(turned, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(crop, dtype=np.uint8)
