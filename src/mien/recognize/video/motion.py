"""How faces move: a Kalman filter expects where each is, and optical flow follows what moves it.

The filter is SORT's (Bewley et al. 2016, arXiv:1602.00763). A grid of points on a face is followed
there and back again (Median Flow, Kalal et al. 2010, "Forward-Backward Error"; pyramidal
Lucas-Kanade, Bouguet 2000).
"""

import math
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.readings import Box, Image, Landmarks

Gray: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8."""

Floats: TypeAlias = NDArray[np.float64]


class KalmanFilter:
    """Constant velocity of a box's center and of the logarithm of its size, as in SORT.

    All three share one covariance, as their noise does in units of the size of the face.
    """

    MEASURED_SD: Final = 0.04  # of a position, in sizes of the face
    VELOCITY_SD: Final = 1.0  # at first, in sizes a second
    ACCELERATION_SD: Final = 8.0  # in sizes a second, a second
    MAX_LOG_SIZE: Final = 12.0
    SLOWING_S: Final = 0.25  # in which a face out of sight loses most of its velocity

    def __init__(self, box: Box) -> None:
        self._position, self._ratio = _center_and_log_size(box)
        self._velocity = (0.0, 0.0, 0.0)
        # Of a position, of both, and of a velocity.
        self._variances = self.MEASURED_SD**2, 0.0, self.VELOCITY_SD**2

    def predict(self, step_s: float) -> None:
        """Go on by so many seconds."""
        x, y, log_size = (
            p + step_s * v for p, v in zip(self._position, self._velocity, strict=True)
        )
        # The size of a face that grows for as long as it is out of sight would overflow.
        self._position = x, y, min(max(log_size, 0.0), self.MAX_LOG_SIZE)
        position, both, velocity = self._variances
        push = (self.ACCELERATION_SD * step_s) ** 2
        self._variances = (
            position + step_s * (2.0 * both + step_s * velocity) + push * step_s**2 / 4,
            both + step_s * velocity + push * step_s / 2,
            velocity + push,
        )

    def correct(self, box: Box) -> None:
        """Take in where the face has been seen."""
        measured, self._ratio = _center_and_log_size(box)
        position, both, velocity = self._variances
        whole = position + self.MEASURED_SD**2
        surprise = [m - p for m, p in zip(measured, self._position, strict=True)]
        dx, dy, dlog = (position / whole * s for s in surprise)
        x, y, log_size = self._position
        self._position = x + dx, y + dy, log_size + dlog
        vx, vy, vlog = self._velocity
        dx, dy, dlog = (both / whole * s for s in surprise)
        self._velocity = vx + dx, vy + dy, vlog + dlog
        self._variances = (
            position - position * position / whole,
            both - both * position / whole,
            velocity - both * both / whole,
        )

    def slow(self, step_s: float) -> None:
        """Let the velocity fade, for a face that nothing is seen of."""
        share = math.exp(-step_s / self.SLOWING_S)
        vx, vy, vlog = self._velocity
        self._velocity = share * vx, share * vy, share * vlog

    def box(self) -> Box:
        """Where the face is expected, in pixels of the image."""
        x, y, log_size = self._position
        height = math.exp(log_size)
        width = height * self._ratio
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _center_and_log_size(box: Box) -> tuple[tuple[float, float, float], float]:
    """Centre x and y, log of the height; and the width in heights."""
    width, height = max(box[2] - box[0], 1e-3), max(box[3] - box[1], 1e-3)
    center = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return (*center, math.log(height)), width / height


@dataclass(frozen=True)
class SimilarityTransform:
    """A turn, scaling and shift of the image's plane: z -> turn * z + shift, z = x + iy."""

    turn: complex
    shift: complex

    def points(self, points: Landmarks) -> Landmarks:
        """The moved points."""
        moved = (self.turn * complex(*point) + self.shift for point in points)
        return cast(Landmarks, tuple((point.real, point.imag) for point in moved))

    def box(self, box: Box) -> Box:
        """The box around the moved center, grown but not turned."""
        center = self.turn * complex((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) + self.shift
        half = abs(self.turn) / 2
        width, height = (box[2] - box[0]) * half, (box[3] - box[1]) * half
        return center.real - width, center.imag - height, center.real + width, center.imag + height

    def part(self, share: float) -> "SimilarityTransform":
        """So much of it, 0 to 1: of a steady motion, what is done by then."""
        turn = self.turn**share
        still = abs(self.turn - 1.0) < 1e-9
        shift = self.shift * (share if still else (turn - 1.0) / (self.turn - 1.0))
        return SimilarityTransform(turn, shift)


_SHARES: Final = np.linspace(0.15, 0.85, 5)  # of a box's sides: less background
_GRID: Final = np.stack(np.meshgrid(_SHARES, _SHARES), 2).reshape(-1, 2)
"""(25, 2), x and y of the points that are followed, as shares of the box."""

_MIN_POINTS: Final = 8  # that must agree, of 25
_MAX_GROWTH: Final = 1.25  # from one frame to the next
_AGREEMENT: Final = 0.06  # of the face's size: how far points may depart from the others
_SEARCH_END: Final = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 10, 0.03)  # steps, pixels


def flow(
    before: Gray, after: Gray, box: Box, expected: Box, scale: float
) -> SimilarityTransform | None:
    """How a face moved from one shrunk gray image to the next; None where that is unsure.

    Args:
        before: (H, W) uint8.
        after: likewise, of the next frame.
        box: of the face before, in pixels of the original image.
        expected: about where it is after; its motion is sought around that.
        scale: shrunk pixels in one of the original.
    Returns:
        The motion in pixels of the original image.
    """
    x0, y0, x1, y1 = (value * scale for value in box)
    size = max(x1 - x0, y1 - y0)
    height, width = before.shape
    left, top = max(0, int(x0 - size / 2)), max(0, int(y0 - size / 2))
    right, bottom = min(width, int(x1 + size / 2) + 1), min(height, int(y1 + size / 2) + 1)
    window = int(min(max(size / 6, 7), 11)) | 1
    if right - left < 2 * window or bottom - top < 2 * window:
        return None
    start = (_GRID * (x1 - x0, y1 - y0) + (x0 - left, y0 - top)).astype(np.float32)
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        start = start[((start >= 0) & (start < (right - left, bottom - top))).all(1)]
        if len(start) < _MIN_POINTS:
            return None
    away_x = round((expected[0] + expected[2] - box[0] - box[2]) / 2 * scale)
    away_y = round((expected[1] + expected[3] - box[1] - box[3]) / 2 * scale)
    away_x = min(max(away_x, -left), width - right)  # so that both parts are in the image
    away_y = min(max(away_y, -top), height - bottom)
    old = before[top:bottom, left:right]
    new = after[top + away_y : bottom + away_y, left + away_x : right + away_x]
    levels = 3 if size > 80 else 2
    options = {"winSize": (window, window), "maxLevel": levels, "criteria": _SEARCH_END}
    there, found, _ = cv2.calcOpticalFlowPyrLK(old, new, start, None, **options)  # type: ignore[call-overload]
    back, returned, _ = cv2.calcOpticalFlowPyrLK(new, old, there, None, **options)  # type: ignore[call-overload]
    agreement = max(_AGREEMENT * size, 0.5)
    good = (np.abs(back - start).max(1) < agreement) & (found[:, 0] & returned[:, 0] == 1)
    if good.sum() < _MIN_POINTS:
        return None
    start, there = start[good].astype(np.float64), there[good].astype(np.float64)
    # The median holds against the background and what passes in front, least squares do not.
    moved = there - start
    apart = np.abs(moved - np.sort(moved, 0)[len(moved) // 2]).max(1)
    near = apart <= max(2.5 * float(np.sort(apart)[len(apart) // 2]), agreement)
    start += (left, top)
    there += (left + away_x, top + away_y)
    a, b = start[near] @ (1, 1j), there[near] @ (1, 1j)
    middle_a, middle_b = a.sum() / len(a), b.sum() / len(b)
    spread = float((np.abs(a - middle_a) ** 2).sum())
    if len(a) < _MIN_POINTS or spread <= 0.0:
        return None
    turn = complex((np.conj(a - middle_a) * (b - middle_b)).sum() / spread)
    if not 1 / _MAX_GROWTH < abs(turn) < _MAX_GROWTH:
        return None
    return SimilarityTransform(turn, complex(middle_b - turn * middle_a) / scale)


def shrunk_gray(image: Image, pixels: int) -> tuple[Gray, float]:
    """A gray image of at most `pixels`, shrunk by a whole number, and its scale."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    height, width = gray.shape
    factor = max(1, math.ceil(math.sqrt(width * height / pixels) - 1e-9))
    factor = min(factor, width, height)
    if factor > 1:
        whole = gray[: height // factor * factor, : width // factor * factor]
        size = (width // factor, height // factor)
        gray = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    return np.asarray(gray, np.uint8), 1.0 / factor


def patch_of(gray: Gray, box: Box, scale: float, size: tuple[int, int]) -> Floats:
    """The face in a shrunk gray image: (h, w) float, mean 0, norm 1."""
    x0, y0, x1, y1 = (value * scale for value in box)
    center, sides = ((x0 + x1) / 2, (y0 + y1) / 2), (max(x1 - x0, 1.0), max(y1 - y0, 1.0))
    part = cv2.getRectSubPix(gray, (round(sides[0]) or 1, round(sides[1]) or 1), center)
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(float)
    small -= small.mean()
    norm = float(np.linalg.norm(small))
    return small / norm if norm > 0.0 else small
