"""What may be a face: where YuNet saw it, a second look at its place, and how images are shrunk."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Final, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.readings import Box, Face, Image, Landmarks
from mien.recognize.yunet import YuNet

Row: TypeAlias = NDArray[np.float64]
"""(15,): x, y, width and height of a box, x and y of its five landmarks, score."""

DOUBTFUL_SCORE: Final = 0.3
"""From here on it may be a face."""

_SAME_FACE_IOU: Final = 0.3


@dataclass(frozen=True, eq=False)
class Candidate:
    """What YuNet found, in pixels of the image.

    Attributes:
        middle: (2,) x and y.
        sides: (2,) across the face and down, in its own upright frame.
        points: (5, 2) x and y of the landmarks.
        score: 0 to 1.
        seen_px: the longer side of the box, where it was found.
        quarters: how often the image was turned by 90 degrees, counter-clockwise, to find it.
        odds: logarithm of the odds that it was upright there, if it is large.
        enlarged: it was seen by a second look.
    """

    middle: NDArray[np.float64]
    sides: NDArray[np.float64]
    points: NDArray[np.float64]
    score: float
    seen_px: float
    quarters: int
    odds: float = -math.inf
    enlarged: bool = False

    TELLING_PX: ClassVar = (60.0, 200.0)  # between these, as it is seen, a face shows a tilt
    UPRIGHT_ODDS: ClassVar = 3.0  # seldom reached by a tilted face, or one on its side or head

    @classmethod
    def expected(cls, face: Face) -> "Candidate":
        """A face that is expected in another image."""
        x0, y0, x1, y1 = face.box
        middle, sides = np.array([x0 + x1, y0 + y1]) / 2, np.array([x1 - x0, y1 - y0])
        return cls(middle, sides, np.array(face.landmarks), face.score, 0.0, 0)

    @property
    def tells_tilt(self) -> bool:
        """Whether it was seen in a size for that."""
        least, most = self.TELLING_PX
        return least <= self.seen_px <= most

    @property
    def is_upright(self) -> bool:
        """Whether it is surely upright, where it was found."""
        return self.tells_tilt and self.odds >= self.UPRIGHT_ODDS

    @cached_property
    def box(self) -> Box:
        """Level in the image, whatever the tilt of the head."""
        sides = self.sides[::-1] if self.quarters % 2 else self.sides
        (x0, y0), (x1, y1) = (self.middle - sides / 2).tolist(), (self.middle + sides / 2).tolist()
        return x0, y0, x1, y1

    @property
    def size_px(self) -> float:
        """The longer side of the box."""
        return float(self.sides.max())

    @property
    def tilt_deg(self) -> float:
        """Of the line of the eyes in the image as it was turned, clockwise."""
        (right_x, right_y), (left_x, left_y) = self.points[:2].tolist()
        tilt = math.degrees(math.atan2(left_y - right_y, left_x - right_x)) + 90.0 * self.quarters
        return (tilt + 180.0) % 360.0 - 180.0

    def is_in(self, other: "Candidate") -> bool:
        """Whether its middle is in the box of a larger one."""
        x0, y0, x1, y1 = other.box
        x, y = self.middle.tolist()
        return x0 < x < x1 and y0 < y < y1 and self.size_px < other.size_px

    def face(self) -> Face:
        """What a detector says of it."""
        landmarks = cast(Landmarks, tuple(map(tuple, self.points.tolist())))
        return Face(self.box, min(self.score, 1.0), landmarks)


def _upright_odds(row: Row) -> float:
    """Logarithm of the odds that a face is upright, and not tilted by 25 degrees or more.

    A tilted face has a wider box, its landmarks lean, and it is found less surely. The weights are
    those of a logistic regression (LOG.md, "a cheaper sign of upright faces").

    Args:
        row: in pixels of the image as it was searched.
    """
    width, height, ax, ay, bx, by, nose_x, _, cx, cy, dx, dy, score = row[2:].tolist()
    side = max(width, height, 1e-6)
    score = min(max(score, 0.01), 0.99)
    lean, middle_x = (cx + dx - ax - bx) / 2, (ax + bx + cx + dx) / 4
    return float(
        10.51
        + 3.79 * math.log(score / (1.0 - score))
        - 1.51 * math.log(side)
        - 20.61 * width / max(height, 1e-6)
        + (2.79 * (cy + dy - ay - by) / 2 + 18.4 * (bx - ax)) / side
        + (7.1 * abs(by - ay) - 28.78 * abs(lean) + 10.86 * abs(nose_x - middle_x)) / side
    )


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union > 0.0 else 0.0


def distinct(first: list[Candidate], then: Sequence[Candidate] = ()) -> list[Candidate]:
    """Those that lie on no surer one; all of the first go before all of the others."""
    kept: list[Candidate] = []
    for candidates in (first, then):
        for candidate in sorted(candidates, key=lambda one: -one.score):
            if all(iou(candidate.box, other.box) < _SAME_FACE_IOU for other in kept):
                kept.append(candidate)
    return kept


class SecondLooks:
    """Second looks at places of one image.

    Args:
        network: that looks.
        image: (H, W, 3) uint8, RGB.
        most: no more than so many.
    """

    LOOK_PX: Final = (128, 80)  # side of what is looked at again, and of the face in it
    TURNED_LOOK_PX: Final = (96, 72)  # likewise, of what is turned for that

    def __init__(self, network: YuNet, image: Image, most: int) -> None:
        self._network, self._image, self._most = network, image, most
        self.count = 0

    def at(self, candidates: Sequence[Candidate]) -> list[Candidate | None]:
        """What is found in the place of each, enlarged."""
        seen = self._seen(candidates, [(0.0,)] * len(candidates), *self.LOOK_PX)
        return [views[0] if views else None for views in seen]

    def turned(
        self, candidates: Sequence[Candidate], degrees: Sequence[Sequence[float]]
    ) -> list[list[Candidate | None]]:
        """What is found in the place of each, turned by each of its degrees, counter-clockwise."""
        return self._seen(candidates, degrees, *self.TURNED_LOOK_PX)

    def _seen(
        self,
        candidates: Sequence[Candidate],
        degrees: Sequence[Sequence[float]],
        side: int,
        face_px: int,
    ) -> list[list[Candidate | None]]:
        """One or none for each turn of each, while looks are left; all lie side by side."""
        places: list[Place] = []
        counts = []
        for candidate, turns in zip(candidates, degrees, strict=True):
            turns = turns[: self._most - self.count]
            self.count += len(turns)
            counts.append(len(turns))
            if turns:
                places += self._places(candidate, turns, side, face_px / candidate.size_px)
        seen: list[Candidate | None] = [None] * len(places)
        if places:
            images = np.hstack([place.image for place in places])
            rows = self._network.find(images, DOUBTFUL_SCORE)
            for row in rows[::-1]:  # the best of a place last
                middle = row[:2] + row[2:4] / 2
                index = int(np.clip(middle[0] // side, 0, len(places) - 1))
                row[[0, 4, 6, 8, 10, 12]] -= index * side
                away = np.abs(row[:2] + row[2:4] / 2 - side / 2).max()
                if away <= face_px / 2 and row[2:4].max() >= face_px / 2:
                    seen[index] = places[index].candidate(row)  # others lie beside it, or in it
        one = iter(seen)
        return [[next(one) for _ in range(count)] for count in counts]

    def _places(
        self, candidate: Candidate, degrees: Sequence[float], side: int, scale: float
    ) -> Iterator["Place"]:
        """The place of a candidate, turned by each; `side` and `scale` are those of `_part`."""
        part, start, factor = self._part(candidate, side, scale)
        for more in degrees:
            angle = 90.0 * candidate.quarters + more
            matrix = cv2.getRotationMatrix2D((0.0, 0.0), angle, scale)
            turn = np.asarray(matrix[:, :2], np.float64)
            shift = side / 2 - turn @ candidate.middle
            warp = np.column_stack([factor * turn, turn @ start + shift])
            image = np.asarray(cv2.warpAffine(part, warp, (side, side)), np.uint8)
            yield Place(image, turn, shift, scale, candidate.quarters)

    def _part(
        self, candidate: Candidate, side: int, scale: float
    ) -> tuple[Image, NDArray[np.float64], int]:
        """What is around it, where it begins, and by which factor it is shrunk, so as not to alias.

        Args:
            candidate: whose place is looked at.
            side: of the place, in pixels as it is looked at.
            scale: of the place, pixels in one of the image.
        """
        reach = 0.75 * side / scale  # of a square that is turned
        limits = np.array(self._image.shape[1::-1])
        start, end = (
            np.clip(candidate.middle + away, 0, limits).astype(int) for away in (-reach, reach + 1)
        )
        part = self._image[start[1] : end[1], start[0] : end[0]]
        small, factor = _halved(part, [round(scale * length) for length in part.shape[1::-1]])
        return small, start.astype(float), factor


@dataclass(frozen=True, eq=False)
class Place:
    """A place of an image as it is looked at again.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        turn: (2, 2) that with `shift`, (2,), leads from pixels of the whole image to those of it.
        scale: pixels of it for one of the whole image.
        quarters: how often the whole image was turned by 90 degrees, counter-clockwise.
    """

    image: Image
    turn: NDArray[np.float64]
    shift: NDArray[np.float64]
    scale: float
    quarters: int

    def candidate(self, row: Row) -> Candidate:
        """What YuNet says of it, in pixels of the whole image."""
        points = np.vstack([row[:2] + row[2:4] / 2, row[4:14].reshape(5, 2)])
        points = (points - self.shift) @ np.linalg.inv(self.turn).T
        sides, seen_px = row[2:4] / self.scale, float(row[2:4].max())
        score, odds = float(row[14]), _upright_odds(row)
        return Candidate(points[0], sides, points[1:], score, seen_px, self.quarters, odds, True)


@dataclass(frozen=True, eq=False)
class View:
    """An image as it is searched: shrunk, and perhaps turned.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        scale: x and y, pixels of the shrunk image for one of the image.
        quarters: how often it was turned by 90 degrees after that, counter-clockwise.
    """

    image: Image
    scale: tuple[float, float]
    quarters: int = 0

    def candidate(self, row: Row) -> Candidate:
        """What YuNet says of it, in pixels of the image."""
        points = np.vstack([row[:2] + row[2:4] / 2, row[4:14].reshape(5, 2)])
        height, width = self.image.shape[:2]
        for _ in range(self.quarters):  # back
            points = np.column_stack([height - points[:, 1], points[:, 0]])
            height, width = width, height
        points = points / self.scale
        scale = self.scale[::-1] if self.quarters % 2 else self.scale
        sides, seen_px, score = row[2:4] / scale, float(row[2:4].max()), float(row[14])
        odds = _upright_odds(row)
        return Candidate(points[0], sides, points[1:], score, seen_px, self.quarters, odds)


def shrink(image: Image, pixels: int, cell_px: int) -> View:
    """An image of at most `pixels`, counted as the detector pads it."""
    height, width = image.shape[:2]
    size = shrunk_size(width, height, pixels, cell_px)
    if size == (width, height):
        return View(image, (1.0, 1.0))
    # Halving and one bilinear step come to nearly the same as area means, in a fifth of the time.
    halved, factor = _halved(image, size)
    small = cv2.resize(halved, size, interpolation=cv2.INTER_LINEAR)
    across, down = (small.shape[i] / (factor * halved.shape[i]) for i in (1, 0))
    return View(np.asarray(small, np.uint8), (across, down))


def _halved(image: Image, least: Sequence[int]) -> tuple[Image, int]:
    """An image, halved while that leaves at least this width and height; and by which factor.

    Of an odd number of rows or columns the last one is left out.
    """
    factor = 1
    while image.shape[1] >= 2 * max(least[0], 1) and image.shape[0] >= 2 * max(least[1], 1):
        height, width = (length // 2 for length in image.shape[:2])
        even = image[: 2 * height, : 2 * width]
        halved = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
        image, factor = np.asarray(halved, np.uint8), 2 * factor
    return image, factor


@lru_cache
def shrunk_size(width: int, height: int, pixels: int, cell_px: int) -> tuple[int, int]:
    """Width and height of an image that is shrunk to at most `pixels`, as a detector pads it.

    The scale is the largest that brings one side to a whole number of cells, so that no time goes
    into searching padding.
    """

    def padded(scale: float) -> int:
        across, down = (math.ceil(round(side * scale) / cell_px) for side in (width, height))
        return int(across * down * cell_px * cell_px)

    if padded(1.0) <= pixels:
        return width, height
    if cell_px == 1:
        scale = math.sqrt(pixels / (width * height))
    else:
        cells = range(1, math.ceil(math.sqrt(pixels) * 4 / cell_px))
        scales = [cell_px * n / side for n in cells for side in (width, height)]
        scale = max((s for s in scales if s < 1.0 and padded(s) <= pixels), default=0.0)
        # A strip too thin for whole cells has no such scale.
        scale = scale or math.sqrt(pixels / (width * height))
    return max(1, round(width * scale)), max(1, round(height * scale))
