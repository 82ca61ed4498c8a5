"""What the image of one face was worth: pose, size, blur, light, and whether to trust it."""

import math
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.readings import Box, Face, FaceQuality, Landmarks

# From these on an earlier model `mien` read the same faces more than five points less often right,
# in each set of faces that tells of it; the one in the box stands more of size, blur and contrast:
# `python benchmarks/quality.py --data FER2013 --photos PHOTOS`; docs/quality.md.
MIN_SIZE_PX: Final = 22.0
MIN_INSIDE: Final = 0.95
MAX_YAW: Final = 35.0
MAX_PITCH: Final = 25.0  # of a mesh: that of points says too little
MIN_LIGHT: Final = 30.0
MAX_LIGHT: Final = 230.0
MIN_CONTRAST: Final = 10.0
MAX_BLUR: Final = 0.55

# Of MediaPipe's canonical face (canonical_face_model.obj), in distances between its eyes.
_NOSE_DOWN, _NOSE_OUT = 0.595, 0.636  # from the middle of the eyes to the tip of the nose
_MOUTH_DOWN, _MOUTH_OUT = 1.106, 0.130  # and to the middle of the mouth

_YAW: Final = 2.0
"""1.8 on that face. YuNet's points turn a little less than the head."""

_BOX: Final = 9  # pixels, of the filter of `blur_of`


def quality_of(face: Face, crop: NDArray[np.uint8], size: tuple[int, int]) -> FaceQuality:
    """Measure what the image of one face is worth.

    Args:
        face: in pixels of the image; without landmarks its angles are not known.
        crop: (48, 48) uint8, gray: of that face, as the classifier reads it.
        size: width and height of the image, in pixels.
    """
    points = face.landmarks
    yaw, pitch, roll = (None, None, None) if points is None else pose_of(points)
    mean, deviation = cv2.meanStdDev(crop)
    light, contrast = float(mean[0, 0]), float(deviation[0, 0])
    measures = (face.size_px, blur_of(crop), light, contrast, inside_of(face.box, size))
    method = None if points is None else "points"
    return _judged(FaceQuality(yaw, pitch, roll, *measures, pose_method=method))


def with_mesh(quality: FaceQuality, pose: tuple[float, float, float]) -> FaceQuality:
    """The same with the pose that the mesh tells, and usable or not by that.

    Args:
        quality: of the face.
        pose: yaw, pitch and roll, of `mien.recognize.movements.pose_of`.
    """
    yaw, pitch, roll = pose
    return _judged(replace(quality, yaw=yaw, pitch=pitch, roll=roll, pose_method="mesh"))


def _judged(quality: FaceQuality) -> FaceQuality:
    """With what speaks against trusting a reading, of `mien.readings.UNUSABLE`."""
    raised = abs(quality.pitch or 0.0) > MAX_PITCH and quality.pose_method == "mesh"
    reasons = (
        (quality.size_px < MIN_SIZE_PX, "small"),
        (quality.inside < MIN_INSIDE, "cut off"),
        (raised or abs(quality.yaw or 0.0) > MAX_YAW, "turned"),
        (quality.light < MIN_LIGHT, "dark"),
        (quality.light > MAX_LIGHT, "bright"),
        (quality.contrast < MIN_CONTRAST, "flat"),
        (quality.blur > MAX_BLUR, "blurred"),
    )
    unusable = next((reason for speaks, reason in reasons if speaks), "")
    return quality if unusable == quality.unusable else replace(quality, unusable=unusable)


def pose_of(landmarks: Landmarks) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a head in degrees, from five points.

    After Gee and Cipolla 1994 ("Determining the gaze of faces in images"): seen from afar, the tip
    of the nose moves against the plane of eyes and mouth as the head turns. The roll is that of the
    eyes; then the nose's place beside the line from the eyes to the mouth, in distances between the
    eyes, tells the yaw, and its place along that line the pitch.

    On 300 renders of a scanned head the yaw is off by 6 to 8 degrees on average up to 45. The pitch
    is told hardly at all: open mouths and long noses move the same points as a raised chin. Large
    rolls are told too small. `mien.recognize.movements.pose_of` tells all three better from a mesh
    (`benchmarks/quality.py`, docs/quality.md).

    Returns:
        yaw, pitch, roll; their signs as in `mien.FaceQuality`.
    """
    (ax, ay), (bx, by), nose, (cx, cy), (dx, dy) = landmarks
    across = math.hypot(bx - ax, by - ay)
    roll = math.atan2(by - ay, bx - ax)
    cosine, sine = math.cos(roll), math.sin(roll)
    eyes_x, eyes_y = (ax + bx) / 2, (ay + by) / 2

    def level(x: float, y: float) -> tuple[float, float]:
        x, y = x - eyes_x, y - eyes_y
        return cosine * x + sine * y, cosine * y - sine * x

    nose_x, nose_y = level(*nose)
    mouth_x, mouth_y = level((cx + dx) / 2, (cy + dy) / 2)
    along = nose_y / mouth_y if mouth_y > 0.0 else _NOSE_DOWN / _MOUTH_DOWN
    yaw = math.atan2(_YAW * (nose_x - along * mouth_x), across)
    pitch = math.atan2(_NOSE_DOWN - along * _MOUTH_DOWN, _NOSE_OUT - along * _MOUTH_OUT)
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def blur_of(crop: NDArray[np.uint8]) -> float:
    """How blurred a crop is, 0 to 1, by how little more blur changes it.

    Crete et al. 2007 ("The blur effect", section 3): the share of the differences between
    neighboring pixels that a box filter of 9 leaves, across or down, whichever is more. Contrast
    and light cancel out; noise makes a face look sharp.

    Args:
        crop: (48, 48) uint8, gray.
    """
    gray = crop.astype(np.float32)
    left = 0.0
    for lines in (gray, np.ascontiguousarray(gray.T)):
        again = cv2.blur(lines, (_BOX, 1))
        before = cv2.absdiff(lines[:, 1:], lines[:, :-1])
        after = cv2.absdiff(again[:, 1:], again[:, :-1])
        total = cv2.sumElems(before)[0]
        lost = cv2.sumElems(np.maximum(before - after, 0.0))[0]
        left = max(left, 1.0 - lost / total if total > 0.0 else 1.0)
    return left


def inside_of(box: Box, size: tuple[int, int]) -> float:
    """The share of a box that lies inside an image of this width and height, 0 to 1."""
    x0, y0, x1, y1 = box
    width = min(x1, size[0]) - max(x0, 0.0)
    height = min(y1, size[1]) - max(y0, 0.0)
    area = (x1 - x0) * (y1 - y0)
    return max(width, 0.0) * max(height, 0.0) / area if area > 0.0 else 0.0
