"""Finding faces: `Face`, the `Detector` protocol, YuNet and the paper's Haar cascade."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import numpy as np

from mien.environment import data_file
from mien.errors import OptionError, check_count, check_number
from mien.opencv import of_opencv
from mien.readings import Face, Image, check_image
from mien.recognize.candidates import (
    DOUBTFUL_SCORE,
    Candidate,
    SecondLooks,
    View,
    distinct,
    shrink,
    shrunk_size,
)
from mien.recognize.yunet import CELL_PX, YuNet

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

    GLANCE_SCORE: Final = 0.2  # from here on something in a glance asks for a larger search
    GLANCE_FACE_PX: Final = 32  # in the glance; boxes of smaller ones are coarse, others are missed
    # Of the side of a square as large as the image: smaller ones may stand in a crowd.
    GLANCE_SHARE: Final = 0.2
    MIN_SCORE: Final = 0.72
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
    LEAST_LOOK_PX: Final = 24  # in original pixels: enlarged more than that, a face tells little
    MOST_LOOKS: Final = 12  # at one image, so that no texture holds up the reading
    FEW_LOOKS: Final = 2  # after so many, no look is spent on the tilt of faces that are sure

    # FER2013's frame of 48 pixels as YuNet sees it: of 3,000 training images it finds 96.0 %, boxes
    # 39.0 x 46.3 pixels around (24.0, 24.7), eyes at (14.8, 17.8) and (32.5, 18.0), tilted by 0.6
    # degrees (standard deviation 7.0). `benchmarks/framing.py` prints these medians and means.
    framing: Framing = Framing(side=1.014, shift_x=0.0, shift_y=-0.017)

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
        candidates = self._search(image)
        if self.second_looks:
            candidates = self._turn_upright(image, candidates)
        faces = [one.face() for one in sorted(candidates, key=lambda one: -one.score)]
        return [face for face in faces if face.size_px >= self.min_face_px]

    def look_at(self, image: Image, faces: Sequence[Face]) -> list[Face | None]:
        """The faces of a video's frame at places where they are expected, enlarged for that.

        Args:
            image: (H, W, 3) uint8, RGB.
            faces: about where they are, with landmarks.
        Returns:
            What is seen at each place; None where no face is.
        """
        looks = SecondLooks(self._network, image, len(faces))
        candidates = (looks.at([Candidate.expected(face)])[0] for face in faces)
        return [
            one.face()
            if one and one.score >= self.min_score and one.size_px >= self.min_face_px
            else None
            for one in candidates
        ]

    def search_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height to which an image of this size is shrunk, at most, to be searched."""
        pixels = self.MAX_FULL_SIZE_PIXELS if self.full_size else self._search_pixels(width, height)
        return shrunk_size(width, height, pixels, CELL_PX)

    def _search_pixels(self, width: int, height: int) -> int:
        pixels = round(width * height * self.SEARCH_SHARE)
        return min(max(pixels, self.MIN_SEARCH_PIXELS), self.MAX_SEARCH_PIXELS)

    def _search(self, image: Image, quarters: int = 0) -> list[Candidate]:
        """The faces of an image that is turned by so many quarters, counter-clockwise."""
        seen = self.TURNED_GLANCE_SCORE if quarters else self.GLANCE_SCORE
        candidates = self._find(image, self.GLANCE_PIXELS, quarters, seen)
        if quarters and not candidates:
            return []
        least = self.TURNED_SCORE if quarters else self.SURE_SCORE
        clear = not self.full_size and self._shows_all(candidates, least)
        candidates = [one for one in candidates if one.score >= self._doubtful]
        enough = clear and not (self.second_looks and self._may_be_a_crowd(image, candidates))
        for pixels in () if enough else self._more_pixels(image):
            more = self._find(image, pixels, quarters, self._doubtful)
            candidates = distinct(candidates, more) if clear else distinct(more, candidates)
        if not self.second_looks:
            return [one for one in candidates if one.score >= self.min_score]
        looks = SecondLooks(self._network, image, self.MOST_LOOKS)
        return distinct(self._looked_at(looks, candidates))

    def _shows_all(self, candidates: list[Candidate], least: float) -> bool:
        """Whether a glance shows large faces, one of them of that score, and nothing else."""
        return any(one.score >= least for one in candidates) and all(
            one.seen_px >= self.GLANCE_FACE_PX
            if one.score >= self.SURE_SCORE
            else one.size_px < self.LEAST_LOOK_PX
            for one in candidates
        )

    def _may_be_a_crowd(self, image: Image, candidates: list[Candidate]) -> bool:
        """Whether of several sure candidates one is so small that a glance may not show others."""
        large_px = self.GLANCE_SHARE * math.sqrt(image.shape[0] * image.shape[1])
        sizes_px = [one.size_px for one in candidates if one.score >= self.SURE_SCORE]
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
        return min(self.min_score, DOUBTFUL_SCORE)

    def _find(self, image: Image, pixels: int, quarters: int, least: float) -> list[Candidate]:
        """What is found in an image when it is shrunk and turned."""
        view = shrink(image, pixels, CELL_PX)
        if quarters:
            turned = np.ascontiguousarray(np.rot90(view.image, quarters))
            view = View(turned, view.scale, quarters)
        rows = self._network.find(view.image, least)
        if self.second_looks and pixels > self.GLANCE_PIXELS:  # a crowd has many small ones
            sizes_px = (rows[:, 2:4] / view.scale).max(axis=1)
            rows = rows[(rows[:, 14] >= self.SURE_SCORE) | (sizes_px >= self.LEAST_LOOK_PX)]
        return [view.candidate(row) for row in rows]

    def _looked_at(self, looks: SecondLooks, candidates: list[Candidate]) -> list[Candidate]:
        """Candidates as a second look shows them, without those of no face."""
        least = max(self.SURE_SCORE, self.min_score)
        sure = sorted((one for one in candidates if one.score >= least), key=lambda one: one.score)
        doubtful = [
            one
            for one in sorted(candidates, key=lambda one: -one.score)
            if one.score < least and one.size_px >= self.LEAST_LOOK_PX
        ]
        levels = looks.at(doubtful)
        degrees = [self._tilts(level, one) for level, one in zip(levels, doubtful, strict=True)]
        turned = looks.turned(doubtful, degrees)
        seen = [
            self._best(self._agreed(one, level), tilts, self._turned_score(one))
            for one, level, tilts in zip(doubtful, levels, turned, strict=True)
        ]
        faces = [one for one in seen if one is not None and one.score >= self.min_score]
        # What lies in the middle of a sure one is a part of it.
        apart = [one for one in faces if not any(one.is_in(other) for other in sure)]
        # Those first that are likeliest to be tilted.
        return apart + [self._righted(looks, one) for one in sure]

    def _agreed(self, candidate: Candidate, look: Candidate | None) -> Candidate | None:
        """What a look shows, as sure as it and the search are together."""
        if look is None:
            return None
        share = self.LOOK_SHARE
        return replace(look, score=share * look.score + (1.0 - share) * candidate.score)

    def _turned_score(self, candidate: Candidate) -> float:
        """From which score on a doubtful candidate is believed once it is turned."""
        large = candidate.seen_px >= Candidate.TELLING_PX[0]
        return self.TURNED_SCORE if large else self.SMALL_TURNED_SCORE

    def _righted(self, looks: SecondLooks, candidate: Candidate) -> Candidate:
        """A sure candidate, as it shows itself if it is tilted."""
        upright = candidate.score >= self.UPRIGHT_SCORE or candidate.is_upright
        if upright or candidate.size_px < self.LEAST_LOOK_PX or looks.count >= self.FEW_LOOKS:
            return candidate
        # A large face tells to which side it is tilted, a small one once it is enlarged.
        level = candidate if candidate.tells_tilt else looks.at([candidate])[0]
        tilts = looks.turned([candidate], [self._tilts(level, candidate)])[0]
        return self._best(candidate, tilts, self.TURNED_SCORE, level) or candidate

    def _best(
        self,
        best: Candidate | None,
        tilts: Sequence[Candidate | None],
        least: float,
        level: Candidate | None = None,
    ) -> Candidate | None:
        """That, or what is surer of it once it is turned and believed."""
        believed = [one for one in tilts if one is not None and one.score >= least]
        seen = [*believed, best, level] if believed else [best]
        return max((one for one in seen if one), key=lambda one: one.score, default=None)

    def _tilts(self, level: Candidate | None, candidate: Candidate) -> tuple[float, ...]:
        """By how much a head may be tilted that was looked at."""
        if level is None:
            return self.TILTS if candidate.score >= self.TILTED_SCORE else ()
        if level.score >= self.min_score and level.is_upright:
            return ()
        if abs(level.tilt_deg) >= self.LEAST_TILT_DEG:
            return (math.copysign(self.TILTS[1], level.tilt_deg),)
        return () if level.score >= self.UPRIGHT_SCORE else self.TILTS

    def _turn_upright(self, image: Image, candidates: list[Candidate]) -> list[Candidate]:
        """Better candidates, if the image lies on its side or head."""
        surest = max(candidates, key=lambda one: one.score, default=None)
        score = 0.0 if surest is None else surest.score
        large_px = self.LARGE_SHARE * max(image.shape)
        # An enlarged part of a face may look upright.
        searched = [one for one in candidates if not one.enlarged]
        level = any(one.is_upright and one.size_px >= large_px for one in searched)
        least, fewest, share = self.SEVERAL_LEVEL
        count = sum(one.score >= least for one in candidates)
        several = count >= max(fewest, share * len(candidates))
        if level or several or score >= self.LEVEL_SCORES[len(candidates) > 2]:
            return candidates
        sides: tuple[int, ...] = (1, 2, 3)
        # What looks more upright than not is a face.
        is_face = (
            surest is not None and not surest.enlarged and surest.tells_tilt and surest.odds > 0.0
        )
        if surest is not None and (is_face or score >= self.ROUND_SCORE):
            degrees = [90.0 * quarters for quarters in sides]
            looks = SecondLooks(self._network, image, len(sides))
            [seen] = looks.turned([surest], [degrees])
            scores = [0.0 if one is None else one.score for one in seen]
            if max(scores) <= score:
                return candidates
            sides = (sides[int(np.argmax(scores))],)
        best = candidates
        for quarters in sides:
            turned = self._search(image, quarters)
            # Of the right turn more faces are found, and more surely, than of the opposite one.
            if any(one.score >= self.TURNED_SCORE for one in turned):
                best = max(best, turned, key=lambda found: sum(one.score for one in found))
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
    framing: Framing = Framing(side=1.193, shift_x=0.0, shift_y=0.007)

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
        return shrunk_size(width, height, self.search_pixels, cell_px=1)

    def detect(self, image: Image) -> list[Face]:
        """The faces of an image, best first; none has landmarks.

        Args:
            image: (H, W, 3) uint8, RGB.
        """
        check_image(image)
        view = shrink(image, self.search_pixels, cell_px=1)
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

    framing: Framing = Framing(side=1.0, shift_x=0.0, shift_y=0.0, is_frame=True)

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
    cascade = data_file(Path(folder) / "haarcascade_frontalface_default.xml", "cv2")
    classifier = of_opencv("CascadeClassifier")()
    # By its text: Python opens it in every folder, also where names are no UTF-8.
    in_memory = cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY
    storage = cv2.FileStorage(cascade.read_text(encoding="utf-8"), in_memory)
    classifier.read(storage.getFirstTopLevelNode())
    return classifier


def _check_options(min_score: float, min_face_px: float) -> None:
    check_number("min_score", min_score, 0, 1)
    check_number("min_face_px", min_face_px, finite=True)
