"""How far accuracy falls when crops are corrupted: light, noise, blur, cover, turn, framing.

After Hendrycks and Dietterich 2019 (arXiv:1903.12261), who grade common corruptions of ImageNet;
here the severities carry units, so that they can be compared with what a camera or a detector does.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.errors import OptionError, check_count, needs_extra
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.evaluation.scores import Interval, evaluate_probabilities
from mien.opencv import cv2
from mien.readings import Face, Image
from mien.recognize.classifier import Classifier
from mien.recognize.crops import SIZE_PX, Crops, crop_faces
from mien.recognize.faces import Framing, YuNetDetector

CLEAN: Final = "none"
"""The name under which the images as they are stand among the corruptions."""

_SIDE: Final = float(SIZE_PX)
_WHITE: Final = 255.0

_Change: TypeAlias = Callable[[Crops, float, np.random.Generator], NDArray[Any]]


@dataclass(frozen=True)
class Corruption:
    """One way to corrupt a crop, by degrees."""

    name: str  # what people call it on the command line
    about: str  # what it stands for
    unit: str  # of the severities
    # What is measured, from one end to the other. Severity 0, the image as it is, is possible
    # everywhere and not among them.
    severities: tuple[float, ...]
    limits: tuple[float, float]  # the least severity there is, beside 0, and the greatest
    change: _Change  # (crops, severity, random) -> gray levels of the same shape, not yet rounded

    @property
    def falling(self) -> bool:
        """Less is worse, as with the quality of a JPEG."""
        return self.severities[0] > self.severities[-1]


@dataclass(frozen=True)
class Band:
    """A rectangle of the frame, in pixels of the 48, that a bar of any height can cover."""

    x0: int
    x1: int
    middle_y: float

    @classmethod
    def over(cls, right: tuple[float, float], left: tuple[float, float]) -> "Band":
        """The band of two points, reaching half their distance further on either side."""
        reach = (left[0] - right[0]) / 2
        return cls(round(right[0] - reach), round(left[0] + reach), (right[1] + left[1]) / 2)

    def rows(self, height_px: float) -> slice:
        """The rows of a bar of this height."""
        top = round(self.middle_y - height_px / 2)
        return slice(max(top, 0), min(top + round(height_px), SIZE_PX))


# Of the right and the left eye, and corner of the mouth: means over FER2013's training faces, as
# YuNet sees them; `benchmarks/framing.py` prints them.
EYES: Final = Band.over((14.9, 17.8), (32.4, 18.0))
MOUTH: Final = Band.over((16.8, 36.0), (30.7, 36.1))


def _brightness(crops: Crops, severity: float, _: np.random.Generator) -> NDArray[Any]:
    return crops + np.float32(severity)


def _contrast(crops: Crops, severity: float, _: np.random.Generator) -> NDArray[Any]:
    mean = crops.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return np.asarray(mean + np.float32(1.0 + severity) * (crops - mean))


def _noise(crops: Crops, severity: float, random: np.random.Generator) -> NDArray[Any]:
    # One draw for all severities: what differs from severity to severity is the severity alone.
    return crops + np.float32(severity) * random.standard_normal(crops.shape, np.float32)


def _each(change: Callable[[NDArray[np.uint8], float], Any]) -> _Change:
    """What changes one crop after another, by its severity."""

    def change_all(crops: Crops, severity: float, _: np.random.Generator) -> NDArray[Any]:
        changed = [change(crop, severity) for crop in crops]
        return np.asarray(changed, np.uint8).reshape(crops.shape)

    return change_all


def _jpeg(crop: NDArray[np.uint8], severity: float) -> Any:
    _, content = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, round(severity)])
    return cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)


def _resolution(crop: NDArray[np.uint8], severity: float) -> Any:
    # Enlarged as `mien.recognize.crops` enlarges a small face.
    side = round(severity)
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_LINEAR)


def _blur(crop: NDArray[np.uint8], severity: float) -> Any:
    return cv2.GaussianBlur(crop, (0, 0), severity, borderType=cv2.BORDER_REPLICATE)


def _motion(crop: NDArray[np.uint8], severity: float) -> Any:
    # A box of one row is what a steady movement during the exposure leaves.
    return cv2.blur(crop, (round(severity), 1), borderType=cv2.BORDER_REPLICATE)


def _rotation(crop: NDArray[np.uint8], severity: float) -> Any:
    middle = (SIZE_PX - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), -severity, 1.0)  # OpenCV turns the other way
    return cv2.warpAffine(
        crop, turn, crop.shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _reframed(*, x: float = 0.0, y: float = 0.0, wider: float = 0.0) -> _Change:
    """What the frame holds that lies elsewhere, or is wider, by so much for each severity of 1."""

    def cut(crop: NDArray[np.uint8], severity: float) -> Any:
        left, top = x * severity, y * severity
        face = Face((left, top, left + SIZE_PX, top + SIZE_PX), 1.0)
        frame = Framing(side=1.0 + wider * severity, shift_x=0.0, shift_y=0.0)
        return crop_faces(np.repeat(crop[..., np.newaxis], 3, axis=2), [face], frame)[0]

    return _each(cut)


def _cover(band: Band) -> _Change:
    def cover(crops: Crops, severity: float, _: np.random.Generator) -> NDArray[Any]:
        covered = crops.copy()
        mean = crops.mean(axis=(1, 2), keepdims=True).round().astype(np.uint8)
        covered[:, band.rows(severity), band.x0 : band.x1] = mean
        return covered

    return cover


# fmt: off
_TABLE: Final = (
    Corruption("brightness", "every pixel darker or brighter, cut off at black and white",
               "gray levels", (-120.0, -80.0, -40.0, 40.0, 80.0, 120.0), (-_WHITE, _WHITE),
               _brightness),
    Corruption("contrast", "the spread around the face's mean smaller or larger by this share",
               "share of the spread", (-0.9, -0.6, -0.3, 0.5, 1.0, 2.0), (-1.0, 10.0), _contrast),
    Corruption("noise", "Gaussian noise on every pixel, as of a dark room; its standard deviation",
               "gray levels", (5.0, 10.0, 20.0, 30.0, 40.0, 60.0), (0.0, _WHITE), _noise),
    Corruption("jpeg", "compressed as JPEG",
               "quality", (90.0, 70.0, 50.0, 30.0, 15.0, 5.0), (1.0, 100.0), _each(_jpeg)),
    Corruption("resolution", "a face that was this many pixels wide, enlarged to 48",
               "px", (32.0, 24.0, 16.0, 12.0, 8.0, 6.0), (1.0, _SIDE), _each(_resolution)),
    Corruption("blur", "out of focus: a Gaussian; its standard deviation",
               "px of 48", (0.5, 1.0, 1.5, 2.0, 3.0, 4.0), (0.0, _SIDE), _each(_blur)),
    Corruption("motion", "moved sideways by so much during the exposure",
               "px of 48", (3.0, 5.0, 7.0, 9.0, 13.0, 17.0), (1.0, _SIDE), _each(_motion)),
    Corruption("eyes", "a bar of this height over the eyes, in the face's mean gray",
               "px of 48", (3.0, 6.0, 9.0, 12.0, 15.0, 18.0), (0.0, _SIDE), _cover(EYES)),
    Corruption("mouth", "a bar of this height over the mouth, in the face's mean gray",
               "px of 48", (3.0, 6.0, 9.0, 12.0, 15.0, 18.0), (0.0, _SIDE), _cover(MOUTH)),
    Corruption("rotation", "the head turned clockwise in the image; the border is repeated",
               "degrees", (-45.0, -30.0, -15.0, 15.0, 30.0, 45.0), (-360.0, 360.0),
               _each(_rotation)),
    Corruption("shift-x", "the frame too far to the right; the border is repeated",
               "px of 48", (-12.0, -8.0, -4.0, 4.0, 8.0, 12.0), (-_SIDE, _SIDE), _reframed(x=1.0)),
    Corruption("shift-y", "the frame too far down; the border is repeated",
               "px of 48", (-12.0, -8.0, -4.0, 4.0, 8.0, 12.0), (-_SIDE, _SIDE), _reframed(y=1.0)),
    Corruption("zoom", "the frame wider by this share, so the face smaller in it; the border is "
               "repeated", "share of the side", (-0.3, -0.2, -0.1, 0.2, 0.4, 0.6), (-0.9, 4.0),
               _reframed(wider=1.0)),
)
# fmt: on
CORRUPTIONS: Final[Mapping[str, Corruption]] = {row.name: row for row in _TABLE}
"""The corruptions by name.

A data set has no pixels beyond its crops: where `rotation`, `shift-x`, `shift-y` and `zoom` look
past the border, it is repeated, as `mien.recognize.crops` does at the border of a photo. Of a
frame that is too wide in the middle of a photo they tell less than of one that is too narrow.
"""


@dataclass(frozen=True)
class Measurement:
    """What one model makes of the faces under one corruption at one severity."""

    model: str  # its name
    corruption: str  # a name in `CORRUPTIONS`, or `CLEAN`
    severity: float  # in `unit`; 0 where clean
    unit: str  # of the severity
    n: int  # number of faces
    accuracy: float  # share read as they are labelled, 0 to 1
    # Of the accuracy, 95 %, Wilson's: how far another draw of faces would move it. Every severity
    # is measured on the same faces, so a change from one severity to another is surer than their
    # intervals tell.
    interval: Interval
    macro_f1: float  # unweighted mean of the F1 of the classes that have faces


@dataclass(frozen=True)
class Robustness:
    """Models under corruptions, on the same faces."""

    data: str  # name of the data set, and split
    n: int  # number of faces
    seed: int  # of the noise, and of the faces where not all were taken
    majority: float  # share of the commonest label: what reading nothing else would score
    absent: tuple[str, ...]  # the labels that no face carries
    # In the order in which `measure` gives them; may end early.
    measurements: tuple[Measurement, ...]

    @classmethod
    def of(
        cls, faces: FaceSet, measurements: Iterable[Measurement], *, data: str, seed: int
    ) -> Self:
        """What `measure` found, with what there is to say of the faces."""
        majority = float(faces.class_counts().max()) / max(len(faces), 1)
        return cls(data, len(faces), seed, majority, faces.absent, tuple(measurements))

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models, in the order in which they were given."""
        return tuple(dict.fromkeys(m.model for m in self.measurements))

    @property
    def corruptions(self) -> tuple[str, ...]:
        """Names of the corruptions that were measured, without `CLEAN`."""
        names = dict.fromkeys(m.corruption for m in self.measurements)
        return tuple(name for name in names if name != CLEAN)

    def clean(self, model: str) -> Measurement:
        """The model on the images as they are."""
        return self.curve(model, CLEAN)[0]

    def curve(self, model: str, corruption: str) -> tuple[Measurement, ...]:
        """The model under one corruption, in the order of its severities."""
        wanted = (model, corruption)
        return tuple(m for m in self.measurements if (m.model, m.corruption) == wanted)


@dataclass(frozen=True, eq=False)
class Strip:
    """One face under all severities of one corruption, as it is among them."""

    corruption: Corruption  # what was done
    severities: tuple[float, ...]  # (L,) from one end to the other; 0 is the face as it is
    crops: Crops  # (L, 48, 48) uint8, gray
    read: tuple[tuple[str, float], ...]  # (L,) the likeliest label and its probability


def corruption_named(name: str) -> Corruption:
    """The corruption of that name.

    Raises:
        OptionError: there is none; the message names all.
    """
    if name not in CORRUPTIONS:
        raise OptionError(f"expected a corruption among {', '.join(CORRUPTIONS)}; got {name!r}")
    return CORRUPTIONS[name]


def corrupt(crops: Crops, name: str, severity: float, *, seed: int = 0) -> Crops:
    """Corrupt every crop alike.

    Args:
        crops: (N, 48, 48) uint8, gray; stay as they are.
        name: one of `CORRUPTIONS`.
        severity: in the unit of the corruption; 0 gives the crops as they are.
        seed: of `noise`, the one corruption that is drawn by chance.
    Returns:
        (N, 48, 48) uint8.
    Raises:
        OptionError: there is no such corruption or no such severity of it, or `crops` has another
            shape or dtype.
    """
    corruption = corruption_named(name)
    if crops.ndim != 3 or crops.shape[1:] != (SIZE_PX, SIZE_PX) or crops.dtype != np.uint8:
        raise OptionError(
            f"expected (N, {SIZE_PX}, {SIZE_PX}) uint8; got {crops.shape} {crops.dtype}",
            argument="crops",
        )
    if severity == 0:
        return crops.copy()
    lowest, highest = corruption.limits
    if not lowest <= severity <= highest:
        raise OptionError(
            f"expected 0 or a severity from {lowest:g} to {highest:g} "
            f"({corruption.unit}); got {severity:g}",
            argument=name,
        )
    changed = corruption.change(crops, severity, np.random.default_rng(seed))
    if changed.dtype == np.uint8:
        return changed
    return changed.round().clip(0, _WHITE).astype(np.uint8)


def measure(
    models: Mapping[str, Classifier],
    faces: FaceSet,
    corruptions: Sequence[Corruption] = tuple(CORRUPTIONS.values()),
    *,
    seed: int = 0,
) -> Iterator[Measurement]:
    """Measure models on faces as they are, then under each corruption severity by severity.

    Args:
        models: by the name that they get in the measurements.
        faces: labelled; as many as there is time for.
        corruptions: of `CORRUPTIONS`.
        seed: of the noise, the same for all models.
    Yields:
        One for each model on the clean faces, then one for each model and severity. Each is
        complete, so that one may stop at any time.
    Raises:
        DataError: there are no faces.
    """
    steps = [(CLEAN, "", 0.0), *((d.name, d.unit, x) for d in corruptions for x in d.severities)]
    for name, unit, severity in steps:
        crops = faces.images
        if name != CLEAN:
            crops = corrupt(crops, name, severity, seed=seed)
        for model, classifier in models.items():
            found = evaluate_probabilities(classifier(crops), faces.targets)
            yield Measurement(
                model=model,
                corruption=name,
                severity=severity,
                unit=unit,
                n=found.n,
                accuracy=found.accuracy,
                interval=Interval.wilson(round(found.accuracy * found.n), found.n),
                macro_f1=found.macro_f1,
            )


def draw_faces(faces: FaceSet, count: int, *, seed: int = 0) -> FaceSet:
    """So many faces drawn by chance without replacement, in the set's order; all if it has fewer.

    Raises:
        OptionError: `count` is less than 1.
    """
    check_count("limit", count, 1)
    if count >= len(faces):
        return faces
    drawn = np.random.default_rng(seed).choice(len(faces), count, replace=False)
    return faces.take(np.sort(drawn))


def portrait_crop() -> NDArray[np.uint8]:
    """(48, 48) uint8: a face to show corruptions on, cut as `mien detect` cuts it.

    It is NASA's portrait of Eileen Collins, in the public domain, which scikit-image brings along.

    Raises:
        MissingExtraError: scikit-image is not installed.
    """
    with needs_extra("train", "showing corruptions"):
        from skimage.data import astronaut

    image: Image = astronaut()  # type: ignore[no-untyped-call]
    detector = YuNetDetector()
    (crop,) = crop_faces(image, detector.detect(image), detector.framing)
    return np.asarray(crop)


def strips(
    crop: NDArray[np.uint8],
    corruptions: Sequence[Corruption] = tuple(CORRUPTIONS.values()),
    *,
    classifier: Classifier,
    seed: int = 0,
) -> list[Strip]:
    """One face under every corruption and severity.

    Args:
        crop: (48, 48) uint8, gray.
        corruptions: of `CORRUPTIONS`.
        classifier: reads each crop.
        seed: of the noise.
    """
    made = []
    for corruption in corruptions:
        # The face as it is stands between the severities below and above 0, or before all.
        below = [severity for severity in corruption.severities if severity < 0]
        severities = (*below, 0.0, *corruption.severities[len(below) :])
        crops = np.concatenate(
            [corrupt(crop[None], corruption.name, severity, seed=seed) for severity in severities]
        )
        rows = classifier(crops)
        read = tuple((EMOTIONS[int(row.argmax())], float(row.max())) for row in rows)
        made.append(Strip(corruption, severities, crops, read))
    return made
