"""Finding faces: `Face`, the `Detector` protocol, YuNet and the paper's Haar cascade."""

import math
from collections.abc import Callable, Iterator
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
    """

    side: float
    shift_x: float
    shift_y: float


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

    Args:
        min_score: detections below it are dropped, 0 to 1. At .8, on nine photos with 43 faces, it
            finds all 43 and nothing else (`python -m mien.bench --photos DIR`).
        min_face_px: smaller faces are dropped; the longer side of the box, in original pixels.
        full_size: search the picture once more as it is, for small faces. Otherwise it is only
            searched shrunk to `SEARCH_SHARE` of its pixels, within bounds; faces of less than
            about ten pixels after that are lost: 28 in a frame of 1280 x 720, 54 in a photo of
            4000 x 3000.
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

    # FER2013's frame of 48 pixels as YuNet sees it: of 3,000 training images it finds 96.0 %, boxes
    # 39.0 x 46.3 pixels around (24.0, 24.7), eyes at (14.8, 17.8) and (32.5, 18.0), tilted by 0.6
    # degrees (standard deviation 7.0). `benchmarks/framing.py` prints these medians and means.
    framing: Final = Framing(side=1.014, shift_x=0.0, shift_y=-0.017)

    def __init__(
        self, *, min_score: float = 0.8, min_face_px: float = 0.0, full_size: bool = False
    ) -> None:
        _check_options(min_score, min_face_px)
        self.min_score = min_score
        self.min_face_px = min_face_px
        self.full_size = full_size
        self._nets = _Idle(partial(_yunet, min_score))

    def detect(self, image: Image) -> list[Face]:
        """The faces of a picture, best first.

        Args:
            image: (H, W, 3) uint8, RGB.
        """
        height, width = image.shape[:2]
        pixels = round(width * height * self.SEARCH_SHARE)
        pixels = min(max(pixels, self.MIN_SEARCH_PIXELS), self.MAX_SEARCH_PIXELS)
        faces = self._search(image, pixels)
        if self.full_size and width * height > pixels:
            for face in self._search(image, self.MAX_FULL_SIZE_PIXELS):
                if all(iou(face.box, other.box) < self.SAME_FACE_IOU for other in faces):
                    faces.append(face)
            faces.sort(key=lambda face: -face.score)
        return [face for face in faces if face.size_px >= self.min_face_px]

    def _search(self, image: Image, pixels: int) -> list[Face]:
        """The faces of a picture that is shrunk to at most so many pixels, best first."""
        small, scale_x, scale_y = _shrink(image, pixels, self.CELL_PX)
        # With a single cell across or down, OpenCV's network reads memory that nothing wrote.
        down, across = (max(0, 2 * self.CELL_PX - side) for side in small.shape[:2])
        if down or across:
            border = cv2.BORDER_CONSTANT
            small = np.asarray(cv2.copyMakeBorder(small, 0, down, 0, across, border), np.uint8)
        bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
        with self._nets.one() as net:
            net.setInputSize((small.shape[1], small.shape[0]))
            rows: Any = net.detect(bgr)[1]  # (F, 15) float32, or None without a face
        if rows is None:
            return []
        scale = np.array([scale_x, scale_y])
        faces = []
        for row in sorted(rows.astype(float), key=lambda row: -row[14]):
            x0, y0 = (row[0:2] / scale).tolist()
            width, height = (row[2:4] / scale).tolist()
            box = (x0, y0, x0 + width, y0 + height)
            points = row[4:14].reshape(5, 2) / scale
            faces.append(Face(box, min(float(row[14]), 1.0), _landmarks(points)))
        return faces


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

    def detect(self, image: Image) -> list[Face]:
        """The faces of a picture, best first; none has landmarks.

        Args:
            image: (H, W, 3) uint8, RGB.
        """
        small, scale_x, scale_y = _shrink(image, self.search_pixels, cell_px=1)
        gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
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
    if name not in DETECTORS:
        raise OptionError(f"expected a detector among {', '.join(DETECTORS)}; got {name!r}")
    return DETECTORS[name](**options)


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


def _landmarks(points: NDArray[np.float64]) -> Landmarks:
    right_eye, left_eye, nose, right_mouth, left_mouth = ((float(x), float(y)) for x, y in points)
    return right_eye, left_eye, nose, right_mouth, left_mouth


def _check_options(min_score: float, min_face_px: float) -> None:
    if not 0.0 <= min_score <= 1.0:
        raise OptionError(f"min_score: expected 0 to 1; got {min_score}")
    if not 0.0 <= min_face_px < math.inf:
        raise OptionError(f"min_face_px: expected 0 or more; got {min_face_px}")


def _shrink(image: Image, pixels: int, cell_px: int) -> tuple[Image, float, float]:
    """A picture of at most `pixels`, counted as the detector pads it, and what it was scaled by.

    The scale is the largest that brings one side to a whole number of cells, so that no time goes
    into searching padding.
    """
    height, width = image.shape[:2]

    def padded(scale: float) -> int:
        across, down = (math.ceil(round(side * scale) / cell_px) for side in (width, height))
        return int(across * down * cell_px * cell_px)

    if padded(1.0) <= pixels:
        return image, 1.0, 1.0
    if cell_px == 1:
        scale = math.sqrt(pixels / (width * height))
    else:
        cells = range(1, math.ceil(math.sqrt(pixels) * 4 / cell_px))
        scales = [cell_px * n / side for n in cells for side in (width, height)]
        scale = max((s for s in scales if s < 1.0 and padded(s) <= pixels), default=0.0)
        # A strip too thin for whole cells has no such scale.
        scale = scale or math.sqrt(pixels / (width * height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = image
    # Halving and one bilinear step come to nearly the same as area means, in a fifth of the time.
    while small.shape[1] >= 2 * size[0] and small.shape[0] >= 2 * size[1]:
        half = (small.shape[1] // 2, small.shape[0] // 2)
        small = np.asarray(cv2.resize(small, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    return small, size[0] / width, size[1] / height
