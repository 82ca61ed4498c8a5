"""Finding faces: `Face`, the `Detector` protocol, YuNet and the paper's Haar cascade."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.environment import broken_opencv
from mien.errors import MienError, OptionError
from mien.images import Image

Point: TypeAlias = tuple[float, float]
"""x, y in pixels of the original image, from its top left corner."""

Box: TypeAlias = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the original image; may reach past its border."""

Landmarks: TypeAlias = tuple[Point, Point, Point, Point, Point]
"""Right eye, left eye, tip of the nose, right and left corner of the mouth."""

_Row: TypeAlias = NDArray[np.float64]
"""(15,): x, y, width and height of a box, x and y of its five landmarks, score."""

_MOST_CROPPED_PX: Final = 96  # of a picture that looks like a face from a data set
_MUCH_SHRUNK: Final = 0.7  # or more: a larger search finds little else
_SMALL_PX: Final = 24  # in the search: where there is a face this small, others were missed

YUNET_FILE: Final = Path(__file__).parent / "assets" / "yunet.onnx"

T = TypeVar("T")


@dataclass(frozen=True)
class Face:
    """One face that a detector found.

    Attributes:
        box: x0, y0, x1, y1 in pixels of the original image.
        score: how sure the detector is, 0 to 1.
        landmarks: right eye, left eye, tip of the nose, right and left corner of the mouth, in
            pixels of the original image, or None. Right is the person's own right: the left one
            in the picture.
    """

    box: Box
    score: float
    landmarks: Landmarks | None = None

    @property
    def size_px(self) -> float:
        """The longer side of the box."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


@dataclass(frozen=True)
class Framing:
    """Where FER2013's square frame lies, seen from a detector's box.

    Attributes:
        side: side of the frame, in long sides of the box.
        shift_x: from the centre of the box to the centre of the frame, to the right along the
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
        """The faces of a picture, best first.

        Args:
            image: (H, W, 3) uint8, RGB.
        """
        ...


class YuNetDetector:
    """YuNet (Wu, Peng and Yu 2023, doi:10.1007/s11633-023-1423-y) through OpenCV.

    It finds upright faces. In a picture without one, or without a sure one, the other three sides
    are looked at, in case it lies on its side or head; and where something may be the face of a
    tilted head, its place is searched once more, turned by 30 degrees to either side. Of nine
    photos with 43 faces that are turned by 30, 45, 90 and 180 degrees it finds 39, 17, 43 and 37
    (`benchmarks/hard_faces.py`). Neither costs time where the faces are surely found.

    Args:
        min_score: detections below it are dropped, 0 to 1. At .8, on nine photos with 43 faces, it
            finds all 43 and nothing else (`python -m mien.bench --photos DIR`).
        min_face_px: smaller faces are dropped; the longer side of the box, in original pixels.
        full_size: search the picture once more as it is, for small faces. Otherwise it is only
            searched shrunk to `SEARCH_SHARE` of its pixels, within bounds. Of faces that have 12
            pixels after that it finds 4 % in photos of crowds, of 16 35 %, of 20 55 %, of 24 68 %
            and of 32 87 %; in the nine photos, shrunk, 7, 56, 88, 95 and 100 %. 20 are 56 in a
            frame of 1280 x 720, and 110 in a photo of 4000 x 3000.
        turned: also look for faces that are not upright. Videos do without: their many frames
            without a face would take four times as long.
    Raises:
        OptionError: an argument is out of its range.
    """

    SEARCH_SHARE: Final = 1 / 8  # of the picture's pixels: in keeping with the time to decode them
    MIN_SEARCH_PIXELS: Final = 352 * 352
    # YuNet was trained on faces of up to 300 pixels, and loses those of more than 500: a close-up
    # must not become that large.
    MAX_SEARCH_PIXELS: Final = 640 * 640
    MAX_FULL_SIZE_PIXELS: Final = 25_000_000  # 6000 x 4000; larger pictures are shrunk to it
    CELL_PX: Final = 32  # YuNet pads both sides to multiples of this
    SAME_FACE_IOU: Final = 0.3

    DOUBTFUL_SCORE: Final = 0.5  # from here on it may be the face of a tilted head
    TURNED_SCORE: Final = 0.85  # from here on a face is believed in what was turned
    UPRIGHT_SCORE: Final = 0.88  # seldom reached by what is found in a picture on its side or head
    TILTS: Final = (-30.0, 30.0)  # degrees, as the next
    SIDES: Final = (90.0, 180.0, 270.0)
    PLACE_FACE_PX: Final = 64  # side of a face where its place is searched once more

    # FER2013's frame of 48 pixels as YuNet sees it: of 3,000 training images it finds 96.0 %, boxes
    # 39.0 x 46.3 pixels around (24.0, 24.7), eyes at (14.8, 17.8) and (32.5, 18.0), tilted by 0.6
    # degrees (standard deviation 7.0). `benchmarks/framing.py` prints these medians and means.
    framing: Final = Framing(side=1.014, shift_x=0.0, shift_y=-0.017)

    def __init__(
        self,
        *,
        min_score: float = 0.8,
        min_face_px: float = 0.0,
        full_size: bool = False,
        turned: bool = True,
    ) -> None:
        _check_options(min_score, min_face_px)
        self.min_score = min_score
        self.min_face_px = min_face_px
        self.full_size = full_size
        self.turned = turned
        least = min(min_score, self.DOUBTFUL_SCORE) if turned else min_score
        self._nets = _Idle(partial(_yunet, least))

    def detect(self, image: Image) -> list[Face]:
        """The faces of a picture, best first.

        Args:
            image: (H, W, 3) uint8, RGB.
        """
        height, width = image.shape[:2]
        pixels = self._search_pixels(width, height)
        view = _shrink(image, pixels, self.CELL_PX)
        faces = self._search(view)
        if self.full_size and width * height > pixels:
            view = _shrink(image, self.MAX_FULL_SIZE_PIXELS, self.CELL_PX)
            for face in self._search(view):
                if all(iou(face.box, other.box) < self.SAME_FACE_IOU for other in faces):
                    faces.append(face)
        if self.turned:
            faces = self._turn_upright(view, faces)
        faces.sort(key=lambda face: -face.score)
        return [face for face in faces if face.size_px >= self.min_face_px]

    def search_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height to which a picture of this size is shrunk to be searched."""
        pixels = self.MAX_FULL_SIZE_PIXELS if self.full_size else self._search_pixels(width, height)
        return _shrunk_size(width, height, pixels, self.CELL_PX)

    def _search_pixels(self, width: int, height: int) -> int:
        pixels = round(width * height * self.SEARCH_SHARE)
        return min(max(pixels, self.MIN_SEARCH_PIXELS), self.MAX_SEARCH_PIXELS)

    def _search(self, view: "_View") -> list[Face]:
        """The faces of a view, with those of tilted heads, in pixels of the picture."""
        rows = self._find(view.image)
        sure = rows[:, 14] >= self.min_score
        faces = [view.face(row) for row in rows[sure]]
        for row in rows[~sure] if self.turned else ():
            tilted = self._find_turned(view.image, row, self.TILTS)
            if tilted is not None and tilted[14] >= self.TURNED_SCORE:
                face = view.face(tilted)
                if all(iou(face.box, other.box) < self.SAME_FACE_IOU for other in faces):
                    faces.append(face)
        return faces

    def _turn_upright(self, view: "_View", faces: list[Face]) -> list[Face]:
        """Better finds in a picture whose surest face may lie on its side or head, or is tilted."""
        surest = max(faces, key=lambda face: face.score, default=None)
        if surest is None:
            return self._search_sides(view, faces)
        if surest.score >= self.UPRIGHT_SCORE:
            return faces
        place = view.row(surest)
        tilted = self._find_turned(view.image, place, self.TILTS)
        on_side = self._find_turned(view.image, place, self.SIDES)
        score = 0.0 if on_side is None else on_side[14]
        if tilted is not None and tilted[14] > max(surest.score, score):
            return [view.face(tilted), *(face for face in faces if face is not surest)]
        return self._search_sides(view, faces) if score > surest.score else faces

    def _search_sides(self, view: "_View", upright: list[Face]) -> list[Face]:
        """The faces of a picture that lies on a side or on its head; `upright` if it does not."""
        best = upright
        for quarters in (1, 2, 3):
            faces = self._search(view.turned(quarters))
            # Of the right turn more faces are found, and more surely, than of the opposite one.
            if any(face.score >= self.TURNED_SCORE for face in faces):
                best = max(best, faces, key=lambda found: sum(face.score for face in found))
        return best

    def _find_turned(self, image: Image, row: _Row, turns: tuple[float, ...]) -> _Row | None:
        """The surest find in the place of another, enlarged and turned by each of these degrees.

        YuNet tells little of the tilt of a small face, but is surer of one that is upright. The box
        stays level, with the sides that it has where the head is upright.
        """
        middle_px = self.PLACE_FACE_PX  # of the place, which is twice as large as the face in it
        center, scale = row[:2] + row[2:4] / 2, self.PLACE_FACE_PX / row[2:4].max()
        shrunk = min(scale, 1.0)  # before it is turned, without aliasing
        if shrunk < 1.0:
            method = cv2.INTER_AREA
            small = cv2.resize(image, None, fx=shrunk, fy=shrunk, interpolation=method)
            image = np.asarray(small, np.uint8)
        best = None
        for degrees in turns:
            turn = cv2.getRotationMatrix2D((0.0, 0.0), degrees, scale)[:, :2]
            shift = middle_px - turn @ center
            to_place = np.column_stack([turn / shrunk, shift])
            place = cv2.warpAffine(image, to_place, (2 * middle_px, 2 * middle_px))
            for found in self._find(np.asarray(place, np.uint8))[:1]:
                middle, sides = found[:2] + found[2:4] / 2, found[2:4] / scale
                is_beside = np.abs(middle - middle_px).max() > middle_px / 2
                if is_beside or (best is not None and best[14] >= found[14]):
                    continue
                points = np.concatenate([middle[None], found[4:14].reshape(5, 2)])
                points = (points - shift) @ np.linalg.inv(turn).T
                corner = points[0] - sides / 2
                best = np.concatenate([corner, sides, points[1:].ravel(), found[14:]])
        return best

    def _find(self, image: Image) -> NDArray[np.float64]:
        """What YuNet finds in an image as it is, best first: (F, 15), see `_Row`."""
        # With a single cell across or down, OpenCV's network reads memory that nothing wrote.
        down, across = (max(0, 2 * self.CELL_PX - side) for side in image.shape[:2])
        if down or across:
            border = cv2.BORDER_CONSTANT
            image = np.asarray(cv2.copyMakeBorder(image, 0, down, 0, across, border), np.uint8)
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        with self._nets.one() as net:
            net.setInputSize((image.shape[1], image.shape[0]))
            rows: Any = net.detect(bgr)[1]  # (F, 15) float32, or None without a face
        if rows is None:
            return np.empty((0, 15))
        return np.asarray(rows[np.argsort(-rows[:, 14], kind="stable")], np.float64)


class HaarDetector:
    """The frontal Haar cascade of OpenCV (Viola and Jones 2001), which the paper uses.

    It finds upright frontal faces, gives no landmarks, and is slower than YuNet and oftener wrong.
    Its score is the sum of the last stage's votes squeezed into 0 to 1: good for ranking faces, not
    a probability.

    Args:
        min_score: detections below it are dropped, 0 to 1.
        min_face_px: smaller faces are dropped; the longer side of the box, in original pixels.
        full_size: search the picture as it is; otherwise it is first shrunk to `SEARCH_PIXELS`.
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
        if min_neighbors < 0:
            raise OptionError(f"min_neighbors: expected 0 or more; got {min_neighbors}")
        self.min_score = min_score
        self.min_face_px = min_face_px
        self.min_neighbors = min_neighbors
        self.search_pixels = self.FULL_SIZE_PIXELS if full_size else self.SEARCH_PIXELS
        self._cascades = _Idle(_haar)

    def search_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height to which a picture of this size is shrunk to be searched."""
        return _shrunk_size(width, height, self.search_pixels, cell_px=1)

    def detect(self, image: Image) -> list[Face]:
        """The faces of a picture, best first; none has landmarks.

        Args:
            image: (H, W, 3) uint8, RGB.
        """
        view = _shrink(image, self.search_pixels, cell_px=1)
        scale_x, scale_y = view.scale
        gray = cv2.cvtColor(view.image, cv2.COLOR_RGB2GRAY)
        window_px = max(self.MIN_WINDOW_PX, int(self.min_face_px * scale_x))
        with self._cascades.one() as cascade:
            boxes, _, weights = cascade.detectMultiScale3(
                gray,
                self.SCALE_STEP,
                self.min_neighbors,
                minSize=(window_px, window_px),
                outputRejectLevels=True,
            )
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
    """For pictures that are faces, cut out already: each is one, from border to border.

    A picture that is not square is made so by repeating its border, as of all crops; FER2013's 48 x
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
                f"detector {WHOLE_IMAGE!r} takes whole pictures for faces; expected neither "
                "min_face_px nor full_size"
            )

    def detect(self, image: Image) -> list[Face]:
        """One face without landmarks, whose box is the picture and whose score is 1.

        Args:
            image: (H, W, 3) uint8, RGB.
        """
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
        detector: that searched the picture.
        size: width and height of the picture.
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


class _Idle(Generic[T]):
    """Objects that keep the state of a call, as OpenCV's do: each call has one to itself.

    A call takes one that is idle, or makes one where all are busy: there are never more than calls
    at once, however many threads come and go. Copies, in other processes too, begin with none.

    Args:
        make: a new one; can be pickled.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._idle = [make()]  # what is wrong with it is seen now

    def __reduce__(self) -> tuple[Any, ...]:
        return _Idle, (self._make,)

    @contextmanager
    def one(self) -> Iterator[T]:
        """One of them, for as long as the block runs."""
        try:
            taken = self._idle.pop()
        except IndexError:
            taken = self._make()
        yield taken
        self._idle.append(taken)  # not after an error: what state it is in, nobody knows


def _yunet(min_score: float) -> Any:
    return _of_opencv("FaceDetectorYN").create(
        str(YUNET_FILE), "", (320, 320), min_score, nms_threshold=0.3, top_k=5000
    )


def _haar() -> Any:
    folder: str = _of_opencv("data").haarcascades
    return _of_opencv("CascadeClassifier")(folder + "haarcascade_frontalface_default.xml")


def _of_opencv(name: str) -> Any:
    try:
        return getattr(cv2, name)
    except AttributeError:
        raise MienError(broken_opencv(f"cv2 has no {name}")) from None


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union > 0.0 else 0.0


def _check_options(min_score: float, min_face_px: float) -> None:
    if not 0.0 <= min_score <= 1.0:
        raise OptionError(f"min_score: expected 0 to 1; got {min_score}")
    if not 0.0 <= min_face_px < math.inf:
        raise OptionError(f"min_face_px: expected 0 or more; got {min_face_px}")


@dataclass(frozen=True)
class _View:
    """A picture as it is searched: shrunk, and perhaps turned.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        scale: x and y, pixels of the shrunk picture for one of the picture.
        quarters: how often it was turned by 90 degrees after that, counter-clockwise.
    """

    image: Image
    scale: tuple[float, float]
    quarters: int = 0

    def turned(self, quarters: int) -> "_View":
        """It, turned by so many quarters, counter-clockwise."""
        image = np.ascontiguousarray(np.rot90(self.image, quarters))
        return _View(image, self.scale, quarters)

    def row(self, face: Face) -> _Row:
        """The box of a face, where the view is not turned."""
        x0, y0, x1, y1 = np.array(face.box) * (*self.scale, *self.scale)
        return np.array([x0, y0, x1 - x0, y1 - y0])

    def face(self, row: _Row) -> Face:
        """A find in pixels of the picture."""
        corner, sides, points = row[:2], row[2:4], row[4:14].reshape(5, 2)
        height, width = self.image.shape[:2]
        for _ in range(self.quarters):  # back
            corner = np.array([height - corner[1] - sides[1], corner[0]])
            sides = sides[::-1]
            points = np.column_stack([height - points[:, 1], points[:, 0]])
            height, width = width, height
        (x0, y0), (across, down) = (corner / self.scale).tolist(), (sides / self.scale).tolist()
        points = points / self.scale
        right_eye, left_eye, nose, right_mouth, left_mouth = ((x, y) for x, y in points.tolist())
        landmarks = (right_eye, left_eye, nose, right_mouth, left_mouth)
        return Face((x0, y0, x0 + across, y0 + down), min(float(row[14]), 1.0), landmarks)


def _shrink(image: Image, pixels: int, cell_px: int) -> _View:
    """A picture of at most `pixels`, counted as the detector pads it."""
    height, width = image.shape[:2]
    size = _shrunk_size(width, height, pixels, cell_px)
    if size == (width, height):
        return _View(image, (1.0, 1.0))
    small = image
    # Halving and one bilinear step come to nearly the same as area means, in a fifth of the time.
    while small.shape[1] >= 2 * size[0] and small.shape[0] >= 2 * size[1]:
        half = (small.shape[1] // 2, small.shape[0] // 2)
        small = np.asarray(cv2.resize(small, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    return _View(small, (size[0] / width, size[1] / height))


def _shrunk_size(width: int, height: int, pixels: int, cell_px: int) -> tuple[int, int]:
    """Width and height of a picture that is shrunk to at most `pixels`, as a detector pads it.

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
