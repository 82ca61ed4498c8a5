"""Finding faces: `Face`, the `Detector` protocol, YuNet and the paper's Haar cascade."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Final, Protocol, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.environment import of_opencv
from mien.errors import OptionError, check_count, check_number
from mien.readings import Box, Face, Image, Landmarks, check_image
from mien.recognize.yunet import CELL_PX, YuNet

_Row: TypeAlias = NDArray[np.float64]
"""(15,): x, y, width and height of a box, x and y of its five landmarks, score."""

_MOST_CROPPED_PX: Final = 96  # of an image that looks like a face from a data set
_MUCH_SHRUNK: Final = 0.7  # or more: a larger search finds little else
_SMALL_PX: Final = 24  # in the search: where there is a face this small, others were missed


@dataclass(frozen=True)
class Framing:
    """Where FER2013's square frame lies, seen from a detector's box.

    Attributes:
        side: side of the frame, in long sides of the box.
        shift_x: from the center of the box to the center of the frame, to the right along the
            line of the eyes, in long sides of the box.
        shift_y: likewise, downwards and across that line.
        is_frame: the box is the frame, with the margin that the classifier wants around it.
    """

    side: float
    shift_x: float
    shift_y: float
    is_frame: bool = False


class Detector(Protocol):
    """What finds faces. `framing` tells how its boxes relate to the frame of a crop.

    Threads may share those of mien, which are pickled as their settings.
    """

    @property
    def framing(self) -> Framing:
        """How the boxes it gives relate to FER2013's frame."""
        ...

    def detect(self, image: Image) -> list[Face]:
        """The faces of an image, best first.

        Args:
            image: (H, W, 3) uint8, RGB.
        Raises:
            ImageError: it is anything else.
        """
        ...


class YuNetDetector:
    """YuNet (Wu, Peng and Yu 2023, doi:10.1007/s11633-023-1423-y), which finds upright faces.

    An image is searched small first. Where that does not show large faces alone, it is searched
    larger; and where something may be a face, its place is enlarged and looked at again, as it is
    and turned by 30 degrees to either side, which confirms or drops it and tells its tilt. In a
    image without a face, or without a sure one, the other three sides are looked at, in case it
    lies on its side or head. `benchmarks/crowds.py` and `benchmarks/hard_faces.py` tell how many
    faces that finds.

    Args:
        min_score: detections below it are dropped, 0 to 1.
        min_face_px: smaller faces are dropped; the longer side of the box, in original pixels.
        full_size: search the image once more as it is, for small faces. Otherwise it is only
            searched shrunk to `SEARCH_SHARE` of its pixels, within bounds.
        second_looks: look again at what may be a face, and for faces that are not upright. Videos
            do without, for they see a face many times, and many of their frames have none.
    Raises:
        OptionError: an argument is out of its range.
    """

    GLANCE_PIXELS: Final = 256 * 256
    SEARCH_SHARE: Final = 1 / 8  # of the image's pixels: in keeping with the time to decode them
    MIN_SEARCH_PIXELS: Final = 448 * 448
    MAX_SEARCH_PIXELS: Final = 640 * 640
    MAX_FULL_SIZE_PIXELS: Final = 25_000_000  # 6000 x 4000; larger images are shrunk to it
    SAME_FACE_IOU: Final = 0.3

    GLANCE_SCORE: Final = 0.2  # from here on something in a glance asks for a larger search
    GLANCE_FACE_PX: Final = 32  # in the glance; boxes of smaller ones are coarse, others are missed
    # Of the side of a square as large as the image: smaller ones may stand in a crowd.
    GLANCE_SHARE: Final = 0.2
    MIN_SCORE: Final = 0.7
    DOUBTFUL_SCORE: Final = 0.3  # from here on it may be a face
    SURE_SCORE: Final = 0.8  # from here on it is one, without a second look
    UPRIGHT_SCORE: Final = 0.9  # seldom reached by what is found in a tilted face
    # Seldom reached by the surest of one or two, or of more, in an image on its side or head.
    LEVEL_SCORES: Final = (0.91, 0.895)
    SEVERAL_LEVEL: Final = (0.87, 2, 1 / 3)  # likewise, of so many and that share of the faces
    LARGE_SHARE: Final = 0.2  # of the longer side: what is smaller may be a part of a face
    TILTED_SCORE: Final = 0.5  # seldom missed by what is found in a tilted face
    LEAST_TILT_DEG: Final = 1.5  # that the eyes tell in a look: an eighth of the true one
    # From here on a face is believed in what was turned, a large one or one that was seen small.
    TURNED_SCORE: Final = 0.85
    SMALL_TURNED_SCORE: Final = 0.88
    ROUND_SCORE: Final = 0.75  # from here on a face is turned to tell the side of its image
    TURNED_GLANCE_SCORE: Final = 0.4  # like GLANCE_SCORE, in an image that is turned
    LOOK_SHARE: Final = 0.6  # of a look in the score of what is found; the rest is the search's
    TILTS: Final = (-30.0, 30.0)  # degrees, counter-clockwise
    LOOK_PX: Final = (128, 80)  # side of what is looked at again, and of the face in it
    TURNED_LOOK_PX: Final = (96, 72)  # likewise, of what is turned for that
    LEAST_LOOK_PX: Final = 24  # in original pixels: enlarged more than that, a face tells little
    MOST_LOOKS: Final = 12  # at one image, so that no texture holds up the reading
    FEW_LOOKS: Final = 2  # after so many, no look is spent on the tilt of faces that are sure

    # FER2013's frame of 48 pixels as YuNet sees it: of 3,000 training images it finds 96.0 %, boxes
    # 39.0 x 46.3 pixels around (24.0, 24.7), eyes at (14.8, 17.8) and (32.5, 18.0), tilted by 0.6
    # degrees (standard deviation 7.0). `benchmarks/framing.py` prints these medians and means.
    framing: Final = Framing(side=1.014, shift_x=0.0, shift_y=-0.017)

    def __init__(
        self,
        *,
        min_score: float = MIN_SCORE,
        min_face_px: float = 0.0,
        full_size: bool = False,
        second_looks: bool = True,
    ) -> None:
        _check_options(min_score, min_face_px)
        self.min_score = min_score
        self.min_face_px = min_face_px
        self.full_size = full_size
        self.second_looks = second_looks
        self._network = YuNet()

    def detect(self, image: Image) -> list[Face]:
        """The faces of an image, best first.

        Args:
            image: (H, W, 3) uint8, RGB.
        """
        check_image(image)
        finds = self._search(image)
        if self.second_looks:
            finds = self._turn_upright(image, finds)
        faces = [find.face() for find in sorted(finds, key=lambda find: -find.score)]
        return [face for face in faces if face.size_px >= self.min_face_px]

    def look_at(self, image: Image, faces: Sequence[Face]) -> list[Face | None]:
        """The faces of a video's frame at places where they are expected, enlarged for that.

        Args:
            image: (H, W, 3) uint8, RGB.
            faces: about where they are, with landmarks.
        Returns:
            What is seen at each place; None where no face is.
        """
        looks = _SecondLooks(self._network, image, len(faces))
        finds = (looks.at([_Find.expected(face)])[0] for face in faces)
        return [
            find.face()
            if find and find.score >= self.min_score and find.size_px >= self.min_face_px
            else None
            for find in finds
        ]

    def search_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height to which an image of this size is shrunk, at most, to be searched."""
        pixels = self.MAX_FULL_SIZE_PIXELS if self.full_size else self._search_pixels(width, height)
        return _shrunk_size(width, height, pixels, CELL_PX)

    def _search_pixels(self, width: int, height: int) -> int:
        pixels = round(width * height * self.SEARCH_SHARE)
        return min(max(pixels, self.MIN_SEARCH_PIXELS), self.MAX_SEARCH_PIXELS)

    def _search(self, image: Image, quarters: int = 0) -> list["_Find"]:
        """The faces of an image that is turned by so many quarters, counter-clockwise."""
        seen = self.TURNED_GLANCE_SCORE if quarters else self.GLANCE_SCORE
        finds = self._find(image, self.GLANCE_PIXELS, quarters, seen)
        if quarters and not finds:
            return []
        least = self.TURNED_SCORE if quarters else self.SURE_SCORE
        clear = not self.full_size and self._shows_all(finds, least)
        finds = [find for find in finds if find.score >= self._doubtful]
        enough = clear and not (self.second_looks and self._may_be_a_crowd(image, finds))
        for pixels in () if enough else self._more_pixels(image):
            more = self._find(image, pixels, quarters, self._doubtful)
            finds = _joined(finds, more) if clear else _joined(more, finds)
        if not self.second_looks:
            return [find for find in finds if find.score >= self.min_score]
        looks = _SecondLooks(self._network, image, self.MOST_LOOKS)
        return _joined(self._looked_at(looks, finds))

    def _shows_all(self, finds: list["_Find"], least: float) -> bool:
        """Whether a glance shows large faces, one of them of that score, and nothing else."""
        return any(find.score >= least for find in finds) and all(
            find.seen_px >= self.GLANCE_FACE_PX
            if find.score >= self.SURE_SCORE
            else find.size_px < self.LEAST_LOOK_PX
            for find in finds
        )

    def _may_be_a_crowd(self, image: Image, finds: list["_Find"]) -> bool:
        """Whether of several sure finds one is so small that a glance may not show others."""
        large_px = self.GLANCE_SHARE * math.sqrt(image.shape[0] * image.shape[1])
        sizes_px = [find.size_px for find in finds if find.score >= self.SURE_SCORE]
        return len(sizes_px) > 1 and min(sizes_px) < large_px

    def _more_pixels(self, image: Image) -> Iterator[int]:
        """Of the searches after the glance."""
        height, width = image.shape[:2]
        pixels = self.GLANCE_PIXELS
        for larger in (self._search_pixels(width, height), self.MAX_FULL_SIZE_PIXELS):
            if width * height > pixels:
                yield larger
            if not self.full_size:
                break
            pixels = larger

    @property
    def _doubtful(self) -> float:
        return min(self.min_score, self.DOUBTFUL_SCORE)

    def _find(self, image: Image, pixels: int, quarters: int, least: float) -> list["_Find"]:
        """What is found in an image when it is shrunk and turned."""
        view = _shrink(image, pixels, CELL_PX)
        if quarters:
            turned = np.ascontiguousarray(np.rot90(view.image, quarters))
            view = _View(turned, view.scale, quarters)
        rows = self._network.find(view.image, least)
        if self.second_looks and pixels > self.GLANCE_PIXELS:  # a crowd has many small ones
            sizes_px = (rows[:, 2:4] / view.scale).max(axis=1)
            rows = rows[(rows[:, 14] >= self.SURE_SCORE) | (sizes_px >= self.LEAST_LOOK_PX)]
        return [view.find(row) for row in rows]

    def _looked_at(self, looks: "_SecondLooks", finds: list["_Find"]) -> list["_Find"]:
        """Finds as they show themselves when they are looked at again, without those of no face."""
        least = max(self.SURE_SCORE, self.min_score)
        sure = sorted((find for find in finds if find.score >= least), key=lambda f: f.score)
        doubtful = [
            find
            for find in sorted(finds, key=lambda find: -find.score)
            if find.score < least and find.size_px >= self.LEAST_LOOK_PX
        ]
        levels = looks.at(doubtful)
        degrees = [self._tilts(level, find) for level, find in zip(levels, doubtful, strict=True)]
        turned = looks.turned(doubtful, degrees)
        seen = [
            self._best(self._agreed(find, level), tilts, self._turned_score(find))
            for find, level, tilts in zip(doubtful, levels, turned, strict=True)
        ]
        faces = [one for one in seen if one is not None and one.score >= self.min_score]
        # What lies in the middle of a sure one is a part of it.
        apart = [one for one in faces if not any(one.is_in(other) for other in sure)]
        # Those first that are likeliest to be tilted.
        return apart + [self._righted(looks, find) for find in sure]

    def _agreed(self, find: "_Find", look: "_Find | None") -> "_Find | None":
        """What a look shows, as sure as it and the search are together."""
        if look is None:
            return None
        share = self.LOOK_SHARE
        return replace(look, score=share * look.score + (1.0 - share) * find.score)

    def _turned_score(self, find: "_Find") -> float:
        """From which score on a doubtful find is believed once it is turned."""
        large = find.seen_px >= _Find.TELLING_PX[0]
        return self.TURNED_SCORE if large else self.SMALL_TURNED_SCORE

    def _righted(self, looks: "_SecondLooks", find: "_Find") -> "_Find":
        """A sure find, as it shows itself if it is tilted."""
        upright = find.score >= self.UPRIGHT_SCORE or find.is_upright
        if upright or find.size_px < self.LEAST_LOOK_PX or looks.count >= self.FEW_LOOKS:
            return find
        # A large face tells to which side it is tilted, a small one once it is enlarged.
        level = find if find.tells_tilt else looks.at([find])[0]
        tilts = looks.turned([find], [self._tilts(level, find)])[0]
        return self._best(find, tilts, self.TURNED_SCORE, level) or find

    def _best(
        self,
        best: "_Find | None",
        tilts: Sequence["_Find | None"],
        least: float,
        level: "_Find | None" = None,
    ) -> "_Find | None":
        """That, or what is surer of it once it is turned and believed."""
        believed = [find for find in tilts if find is not None and find.score >= least]
        seen = [*believed, best, level] if believed else [best]
        return max((find for find in seen if find), key=lambda find: find.score, default=None)

    def _tilts(self, level: "_Find | None", find: "_Find") -> tuple[float, ...]:
        """By how much a head may be tilted that was looked at."""
        if level is None:
            return self.TILTS if find.score >= self.TILTED_SCORE else ()
        if level.score >= self.min_score and level.is_upright:
            return ()
        if abs(level.tilt_deg) >= self.LEAST_TILT_DEG:
            return (math.copysign(self.TILTS[1], level.tilt_deg),)
        return () if level.score >= self.UPRIGHT_SCORE else self.TILTS

    def _turn_upright(self, image: Image, finds: list["_Find"]) -> list["_Find"]:
        """Better finds, if the image lies on its side or head."""
        surest = max(finds, key=lambda find: find.score, default=None)
        score = 0.0 if surest is None else surest.score
        large_px = self.LARGE_SHARE * max(image.shape)
        # An enlarged part of a face may look upright.
        searched = [find for find in finds if not find.enlarged]
        level = any(find.is_upright and find.size_px >= large_px for find in searched)
        least, count, share = self.SEVERAL_LEVEL
        several = sum(find.score >= least for find in finds) >= max(count, share * len(finds))
        if level or several or score >= self.LEVEL_SCORES[len(finds) > 2]:
            return finds
        sides: tuple[int, ...] = (1, 2, 3)
        # What looks more upright than not is a face.
        is_face = (
            surest is not None and not surest.enlarged and surest.tells_tilt and surest.odds > 0.0
        )
        if surest is not None and (is_face or score >= self.ROUND_SCORE):
            degrees = [90.0 * quarters for quarters in sides]
            looks = _SecondLooks(self._network, image, len(sides))
            [seen] = looks.turned([surest], [degrees])
            scores = [0.0 if find is None else find.score for find in seen]
            if max(scores) <= score:
                return finds
            sides = (sides[int(np.argmax(scores))],)
        best = finds
        for quarters in sides:
            turned = self._search(image, quarters)
            # Of the right turn more faces are found, and more surely, than of the opposite one.
            if any(find.score >= self.TURNED_SCORE for find in turned):
                best = max(best, turned, key=lambda found: sum(find.score for find in found))
        return best


class HaarDetector:
    """The frontal Haar cascade of OpenCV (Viola and Jones 2001), which the paper uses.

    It finds upright frontal faces, gives no landmarks, and is slower than YuNet and oftener wrong.
    Its score is the sum of the last stage's votes squeezed into 0 to 1: good for ranking faces, not
    a probability.

    Args:
        min_score: detections below it are dropped, 0 to 1.
        min_face_px: smaller faces are dropped; the longer side of the box, in original pixels.
        full_size: search the image as it is; otherwise it is first shrunk to `SEARCH_PIXELS`.
        min_neighbors: how many overlapping finds make a face; more finds fewer.
    Raises:
        OptionError: an argument is out of its range.
    """

    SEARCH_PIXELS: Final = 640 * 480
    FULL_SIZE_PIXELS: Final = 200_000_000
    SCALE_STEP: Final = 1.1  # between two sizes of the search window
    MIN_WINDOW_PX: Final = 30  # smaller windows find more false faces than true ones

    # Of the same 3,000 images it finds 62.7 %: boxes of 38.0 pixels around (23.9, 23.7).
    framing: Final = Framing(side=1.193, shift_x=0.0, shift_y=0.007)

    def __init__(
        self,
        *,
        min_score: float = 0.0,
        min_face_px: float = 0.0,
        full_size: bool = False,
        min_neighbors: int = 3,
    ) -> None:
        _check_options(min_score, min_face_px)
        check_count("min_neighbors", min_neighbors, 0)
        self.min_score = min_score
        self.min_face_px = min_face_px
        self.min_neighbors = min_neighbors
        self.search_pixels = self.FULL_SIZE_PIXELS if full_size else self.SEARCH_PIXELS
        self._idle = [_haar()]  # what is wrong with it is seen now

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_idle": []}  # they cannot be copied

    def search_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height to which an image of this size is shrunk to be searched."""
        return _shrunk_size(width, height, self.search_pixels, cell_px=1)

    def detect(self, image: Image) -> list[Face]:
        """The faces of an image, best first; none has landmarks.

        Args:
            image: (H, W, 3) uint8, RGB.
        """
        check_image(image)
        view = _shrink(image, self.search_pixels, cell_px=1)
        scale_x, scale_y = view.scale
        gray = cv2.cvtColor(view.image, cv2.COLOR_RGB2GRAY)
        window_px = max(self.MIN_WINDOW_PX, int(self.min_face_px * scale_x))
        # A cascade keeps the state of a call: each call has one to itself, and there are never more
        # than calls at once, however many threads come and go.
        try:
            cascade = self._idle.pop()
        except IndexError:
            cascade = _haar()
        boxes, _, weights = cascade.detectMultiScale3(
            gray,
            self.SCALE_STEP,
            self.min_neighbors,
            minSize=(window_px, window_px),
            outputRejectLevels=True,
        )
        self._idle.append(cascade)  # not after an error: what state it is in, nobody knows
        faces = []
        for box_px, weight in zip(boxes, weights, strict=True):
            x, y, width, height = (int(value) for value in box_px)
            score = 1.0 / (1.0 + math.exp(-float(weight) / 2.0))
            box = (x / scale_x, y / scale_y, (x + width) / scale_x, (y + height) / scale_y)
            face = Face(box, score)
            if score >= self.min_score and face.size_px >= self.min_face_px:
                faces.append(face)
        return sorted(faces, key=lambda face: -face.score)


class WholeImage:
    """For images that are faces, cut out already: each is one, from border to border.

    An image that is not square is made so by repeating its border, as of all crops; FER2013's 48 x
    48 gray pixels stay what they are. A close-up that is not framed like FER2013's faces is better
    read with a detector.

    Args:
        min_face_px: must be 0, since nothing is looked for.
        full_size: must be False, likewise.
    Raises:
        OptionError: an argument is out of its range.
    """

    framing: Final = Framing(side=1.0, shift_x=0.0, shift_y=0.0, is_frame=True)

    def __init__(self, *, min_face_px: float = 0.0, full_size: bool = False) -> None:
        if min_face_px or full_size:
            raise OptionError(
                f"detector {WHOLE_IMAGE!r} takes whole images for faces; expected neither "
                "min_face_px nor full_size"
            )

    def detect(self, image: Image) -> list[Face]:
        """One face without landmarks, whose box is the image and whose score is 1.

        Args:
            image: (H, W, 3) uint8, RGB.
        """
        check_image(image)
        height, width = image.shape[:2]
        return [Face((0.0, 0.0, float(width), float(height)), 1.0)]


WHOLE_IMAGE: Final = "none"
"""The name of `WholeImage`, beside those of `DETECTORS`."""

DETECTORS: Final[dict[str, type[YuNetDetector] | type[HaarDetector]]] = {
    "yunet": YuNetDetector,
    "haar": HaarDetector,
}
"""Detectors by name; the first is the default."""


def detector_named(name: str, **options: Any) -> Detector:
    """A detector by name, with options of its own.

    Raises:
        OptionError: no detector has that name, or an option is out of its range.
    """
    if name == WHOLE_IMAGE:
        return WholeImage(**options)
    if name not in DETECTORS:
        names = ", ".join((*DETECTORS, WHOLE_IMAGE))
        raise OptionError(f"expected a detector among {names}; got {name!r}")
    return DETECTORS[name](**options)


def what_may_help(detector: Detector, size: tuple[int, int], sizes_px: Sequence[float]) -> str:
    """How faces that a search may have missed can be found, in a few words; empty if none seems so.

    Args:
        detector: that searched the image.
        size: width and height of the image.
        sizes_px: longer side of each box that was found.
    """
    if not isinstance(detector, YuNetDetector | HaarDetector):
        return ""
    if not sizes_px and max(size) <= min(_MOST_CROPPED_PX, 1.3 * min(size)):
        return "a face that is cut out already: --cropped, in Python detector='none'"
    width, height = detector.search_size(*size)
    shrunk = width / size[0]
    if shrunk <= _MUCH_SHRUNK and shrunk * min(sizes_px, default=0.0) < _SMALL_PX:
        return f"searched at {width}x{height}; small faces: --full-size, in Python full_size=True"
    return ""


def _haar() -> Any:
    folder: str = of_opencv("data").haarcascades
    return of_opencv("CascadeClassifier")(folder + "haarcascade_frontalface_default.xml")


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union > 0.0 else 0.0


def _check_options(min_score: float, min_face_px: float) -> None:
    check_number("min_score", min_score, 0, 1)
    check_number("min_face_px", min_face_px, finite=True)


@dataclass(frozen=True)
class _Find:
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
    def expected(cls, face: Face) -> "_Find":
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

    def is_in(self, other: "_Find") -> bool:
        """Whether its middle is in the box of a larger one."""
        x0, y0, x1, y1 = other.box
        x, y = self.middle.tolist()
        return x0 < x < x1 and y0 < y < y1 and self.size_px < other.size_px

    def face(self) -> Face:
        """What a detector says of it."""
        landmarks = cast(Landmarks, tuple(map(tuple, self.points.tolist())))
        return Face(self.box, min(self.score, 1.0), landmarks)


def _upright_odds(row: _Row) -> float:
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


def _joined(first: list[_Find], then: Sequence[_Find] = ()) -> list[_Find]:
    """Finds without those that lie on a surer one; all of the first go before all of the others."""
    kept: list[_Find] = []
    for finds in (first, then):
        for find in sorted(finds, key=lambda one: -one.score):
            if all(iou(find.box, other.box) < YuNetDetector.SAME_FACE_IOU for other in kept):
                kept.append(find)
    return kept


class _SecondLooks:
    """Second looks at places of one image.

    Args:
        network: that looks.
        image: (H, W, 3) uint8, RGB.
        most: no more than so many.
    """

    def __init__(self, network: YuNet, image: Image, most: int) -> None:
        self._network, self._image, self._most = network, image, most
        self.count = 0

    def at(self, finds: Sequence[_Find]) -> list[_Find | None]:
        """What is found in the place of each, enlarged."""
        seen = self._seen(finds, [(0.0,)] * len(finds), *YuNetDetector.LOOK_PX)
        return [views[0] if views else None for views in seen]

    def turned(
        self, finds: Sequence[_Find], degrees: Sequence[Sequence[float]]
    ) -> list[list[_Find | None]]:
        """What is found in the place of each, turned by each of its degrees, counter-clockwise."""
        return self._seen(finds, degrees, *YuNetDetector.TURNED_LOOK_PX)

    def _seen(
        self,
        finds: Sequence[_Find],
        degrees: Sequence[Sequence[float]],
        side: int,
        face_px: int,
    ) -> list[list[_Find | None]]:
        """One or none for each turn of each, while looks are left; all lie side by side."""
        places: list[_Place] = []
        counts = []
        for find, turns in zip(finds, degrees, strict=True):
            turns = turns[: self._most - self.count]
            self.count += len(turns)
            counts.append(len(turns))
            places += self._places(find, turns, side, face_px / find.size_px) if turns else []
        seen: list[_Find | None] = [None] * len(places)
        if places:
            images = np.hstack([place.image for place in places])
            rows = self._network.find(images, YuNetDetector.DOUBTFUL_SCORE)
            for row in rows[::-1]:  # the best of a place last
                middle = row[:2] + row[2:4] / 2
                index = int(np.clip(middle[0] // side, 0, len(places) - 1))
                row[[0, 4, 6, 8, 10, 12]] -= index * side
                away = np.abs(row[:2] + row[2:4] / 2 - side / 2).max()
                if away <= face_px / 2 and row[2:4].max() >= face_px / 2:
                    seen[index] = places[index].find(row)  # others lie beside it, or in it
        one = iter(seen)
        return [[next(one) for _ in range(count)] for count in counts]

    def _places(
        self, find: _Find, degrees: Sequence[float], side: int, scale: float
    ) -> Iterator["_Place"]:
        """The place of a find, turned by each of these; `side` and `scale` are those of `_part`."""
        part, start, factor = self._part(find, side, scale)
        for more in degrees:
            angle = 90.0 * find.quarters + more
            matrix = cv2.getRotationMatrix2D((0.0, 0.0), angle, scale)
            turn = np.asarray(matrix[:, :2], np.float64)
            shift = side / 2 - turn @ find.middle
            warp = np.column_stack([factor * turn, turn @ start + shift])
            image = np.asarray(cv2.warpAffine(part, warp, (side, side)), np.uint8)
            yield _Place(image, turn, shift, scale, find.quarters)

    def _part(self, find: _Find, side: int, scale: float) -> tuple[Image, NDArray[np.float64], int]:
        """What is around it, where it begins, and by which factor it is shrunk, so as not to alias.

        Args:
            find: whose place is looked at.
            side: of the place, in pixels as it is looked at.
            scale: of the place, pixels in one of the image.
        """
        reach = 0.75 * side / scale  # of a square that is turned
        limits = np.array(self._image.shape[1::-1])
        start, end = (
            np.clip(find.middle + away, 0, limits).astype(int) for away in (-reach, reach + 1)
        )
        part = self._image[start[1] : end[1], start[0] : end[0]]
        small, factor = _halved(part, [round(scale * length) for length in part.shape[1::-1]])
        return small, start.astype(float), factor


@dataclass(frozen=True)
class _Place:
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

    def find(self, row: _Row) -> _Find:
        """What YuNet says of it, in pixels of the whole image."""
        points = np.vstack([row[:2] + row[2:4] / 2, row[4:14].reshape(5, 2)])
        points = (points - self.shift) @ np.linalg.inv(self.turn).T
        sides, seen_px = row[2:4] / self.scale, float(row[2:4].max())
        score, odds = float(row[14]), _upright_odds(row)
        return _Find(points[0], sides, points[1:], score, seen_px, self.quarters, odds, True)


@dataclass(frozen=True)
class _View:
    """An image as it is searched: shrunk, and perhaps turned.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        scale: x and y, pixels of the shrunk image for one of the image.
        quarters: how often it was turned by 90 degrees after that, counter-clockwise.
    """

    image: Image
    scale: tuple[float, float]
    quarters: int = 0

    def find(self, row: _Row) -> _Find:
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
        return _Find(points[0], sides, points[1:], score, seen_px, self.quarters, odds)


def _shrink(image: Image, pixels: int, cell_px: int) -> _View:
    """An image of at most `pixels`, counted as the detector pads it."""
    height, width = image.shape[:2]
    size = _shrunk_size(width, height, pixels, cell_px)
    if size == (width, height):
        return _View(image, (1.0, 1.0))
    # Halving and one bilinear step come to nearly the same as area means, in a fifth of the time.
    halved, factor = _halved(image, size)
    small = cv2.resize(halved, size, interpolation=cv2.INTER_LINEAR)
    across, down = (small.shape[i] / (factor * halved.shape[i]) for i in (1, 0))
    return _View(np.asarray(small, np.uint8), (across, down))


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
def _shrunk_size(width: int, height: int, pixels: int, cell_px: int) -> tuple[int, int]:
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
