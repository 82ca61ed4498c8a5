"""What the image of one face was worth: pose, size, blur, light, and whether to trust it."""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.readings import Box, Face, FaceQuality, Landmarks

MIN_SIZE_PX: Final = 24.0
MIN_INSIDE: Final = 0.7
MAX_YAW: Final = 30.0
MIN_LIGHT: Final = 40.0
MAX_LIGHT: Final = 220.0
MIN_CONTRAST: Final = 15.0
MAX_BLUR: Final = 0.6

_REBLUR: Final = 9  # pixels of the box filter of `blur_of`


def quality_of(face: Face, crop: NDArray[np.uint8], size: tuple[int, int]) -> FaceQuality:
    """Measure what the image of one face is worth.

    Args:
        face: in pixels of the image; without landmarks its angles are not known.
        crop: (48, 48) uint8, gray: of that face, as the classifier reads it.
        size: width and height of the image, in pixels.
    """
    yaw, pitch, roll = (None,) * 3 if face.landmarks is None else pose_of(face.landmarks)
    mean, deviation = cv2.meanStdDev(crop)
    light, contrast = float(mean[0, 0]), float(deviation[0, 0])
    blur, inside, size_px = blur_of(crop), inside_of(face.box, size), face.size_px
    if size_px < MIN_SIZE_PX:
        unusable = "small"
    elif inside < MIN_INSIDE:
        unusable = "cut off"
    elif yaw is not None and abs(yaw) > MAX_YAW:
        unusable = "turned"
    elif light < MIN_LIGHT:
        unusable = "dark"
    elif light > MAX_LIGHT:
        unusable = "bright"
    elif contrast < MIN_CONTRAST:
        unusable = "flat"
    elif blur > MAX_BLUR:
        unusable = "blurred"
    else:
        unusable = ""
    return FaceQuality(yaw, pitch, roll, size_px, blur, light, contrast, inside, unusable)


def pose_of(landmarks: Landmarks) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a head in degrees, from five points."""
    (ax, ay), (bx, by), (nx, ny), (cx, cy), (dx, dy) = landmarks
    roll = math.atan2(by - ay, bx - ax)
    cosine, sine = math.cos(roll), math.sin(roll)
    eyes_x, eyes_y = (ax + bx) / 2, (ay + by) / 2
    mouth_x, mouth_y = (cx + dx) / 2 - eyes_x, (cy + dy) / 2 - eyes_y
    across = math.hypot(bx - ax, by - ay)
    down = cosine * mouth_y - sine * mouth_x
    nose_x, nose_y = nx - eyes_x, ny - eyes_y
    aside = cosine * nose_x + sine * nose_y
    below = cosine * nose_y - sine * nose_x
    yaw = math.atan2(1.6 * aside, across)
    pitch = math.atan2(1.6 * (0.58 * down - below), down)
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def blur_of(crop: NDArray[np.uint8]) -> float:
    """How blurred a crop is, 0 to 1, by how little more blur changes it.

    Crete et al. 2007, "The blur effect", section 3: the share of the differences between
    neighbouring pixels that is left after a box filter along them, across and down, whichever is
    more.

    Args:
        crop: (H, W) uint8, gray.
    """
    gray = crop.astype(np.float32)
    shares = []
    for kernel, step in (((_REBLUR, 1), np.s_[:, 1:]), ((1, _REBLUR), np.s_[1:, :])):
        back = np.s_[:, :-1] if step == np.s_[:, 1:] else np.s_[:-1, :]
        again = cv2.blur(gray, kernel)
        before = np.abs(gray[step] - gray[back])
        after = np.abs(again[step] - again[back])
        total = float(before.sum())
        lost = float(np.maximum(before - after, 0).sum())
        shares.append(1.0 if total == 0.0 else 1.0 - lost / total)
    return max(shares)


def inside_of(box: Box, size: tuple[int, int]) -> float:
    """The share of a box that lies inside an image of this width and height, 0 to 1."""
    x0, y0, x1, y1 = box
    width = min(x1, size[0]) - max(x0, 0.0)
    height = min(y1, size[1]) - max(y0, 0.0)
    area = (x1 - x0) * (y1 - y0)
    return max(width, 0.0) * max(height, 0.0) / area if area > 0.0 else 0.0
