"""What faces look like, for telling apart people who appear in one video.

Looks are the gray levels of the turned crop and the colors of head and shoulders: of the same
clothes, in the same light. They are no face recognition.
"""

import math
from typing import Final

import cv2
import numpy as np

from mien.readings import Face, Image
from mien.recognize.crops import crop_faces
from mien.recognize.faces import Framing
from mien.recognize.video.motion import Floats


class AppearanceOf:
    """The appearance of the faces of one image, each worked out once, when it is asked for."""

    def __init__(self, image: Image, framing: Framing) -> None:
        self._image, self._framing = image, framing
        self._known: dict[int, Floats] = {}

    def __call__(self, face: Face) -> Floats:
        """Those of one face, as `appearance_of` gives them."""
        if id(face) not in self._known:
            self._known[id(face)] = appearance_of(self._image, face, self._framing)
        return self._known[id(face)]


_LOOKS_PX: Final = 12  # side of the gray part
_BODY_PX: Final = (24, 32)  # width and height of the colored part
_BINS: Final = (8, 3, 3)  # of hue, saturation and value


def appearance_of(image: Image, face: Face, framing: Framing) -> Floats:
    """What a face looks like, for telling it from others of the same video.

    Of 44 faces in ten photos, found again 175 times in copies that were turned, scaled, darker or
    brighter, blurred or noisy, the most alike was the right one for 99 %; 95 % of them were at
    least .81 alike, and 1 % of the faces from other photos were more than .74
    (`benchmarks/video.py --only looks`).

    Args:
        image: (H, W, 3) uint8, RGB.
        face: in pixels of `image`.
        framing: of the detector that found it.
    Returns:
        (288,) float64 of norm 1: half of it the gray levels of the crop, less their mean, and half
        the roots of histograms of color in the upper and lower half of head and shoulders. The
        product of two of them is their similarity, -0.5 to 1.
    """
    crop = crop_faces(image, [face], framing)[0]
    gray = cv2.resize(crop, (_LOOKS_PX, _LOOKS_PX), interpolation=cv2.INTER_AREA).astype(float)
    gray -= gray.mean()
    gray /= float(np.linalg.norm(gray)) or 1.0
    x0, y0, x1, y1 = face.box
    width, height = x1 - x0, y1 - y0
    left, right = _span(x0 - 0.5 * width, x1 + 0.5 * width, image.shape[1])
    top, bottom = _span(y0 - 0.4 * height, y1 + 1.5 * height, image.shape[0])
    # Every so many pixels are enough for a histogram, and cheap.
    step = max(1, min((right - left) // _BODY_PX[0], (bottom - top) // _BODY_PX[1]))
    body = cv2.resize(
        image[top:bottom:step, left:right:step], _BODY_PX, interpolation=cv2.INTER_AREA
    )
    hsv = cv2.cvtColor(body, cv2.COLOR_RGB2HSV)
    parts = [gray.ravel()]
    for half in (hsv[: _BODY_PX[1] // 2], hsv[_BODY_PX[1] // 2 :]):
        ranges = [0.0, 180.0, 0.0, 256.0, 0.0, 256.0]
        counts = cv2.calcHist([half], [0, 1, 2], None, list(_BINS), ranges).ravel()
        parts.append(np.sqrt(counts.astype(float) / counts.sum() / 2))
    return np.concatenate(parts) / math.sqrt(2.0)


def _span(low: float, high: float, length: int) -> tuple[int, int]:
    """Whole pixels of a side, at least one, within the image."""
    first = min(max(int(low), 0), length - 1)
    return first, max(first + 1, min(int(high), length))
