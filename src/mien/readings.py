"""What is found and read, as plain results: boxes, faces, readings, explanations.

Both flows share them: what recognizes makes them, tables, pages and images are made of them.
"""

from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.compound import compound_of
from mien.errors import ImageError, OptionError, check_number
from mien.labels import EMOTIONS, target_of

Image: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) uint8, RGB."""

Probabilities: TypeAlias = NDArray[np.float32]
"""(N, 7) float32, rows that sum to 1; columns in the order of `mien.EMOTIONS`."""

Point: TypeAlias = tuple[float, float]
"""x, y in pixels of the original image, from its top left corner."""

Box: TypeAlias = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the original image; may reach past its border."""

Landmarks: TypeAlias = tuple[Point, Point, Point, Point, Point]
"""Right eye, left eye, tip of the nose, right and left corner of the mouth."""


def _are_plain(numbers: Any) -> bool:
    return type(numbers) is tuple and [*map(type, numbers)] == [float] * 4


@dataclass(frozen=True)
class Face:
    """One face that a detector found.

    Attributes:
        box: x0, y0, x1, y1 in pixels of the original image.
        score: how sure the detector is, 0 to 1.
        landmarks: right eye, left eye, tip of the nose, right and left corner of the mouth, in
            pixels of the original image, or None. Right is the person's own right: the left one
            in the image.
    Raises:
        OptionError: `box` has not four numbers, its right lies left of its left, `landmarks` are
            not five points, or a number is NaN or infinite.
    """

    box: Box
    score: float
    landmarks: Landmarks | None = None

    def __post_init__(self) -> None:
        # A detector of somebody's own may give arrays, which have no one answer to ==, and numbers
        # of NumPy, which are none to JSON.
        if not (type(self.score) is float and _are_plain(self.box)):
            box = tuple(map(float, self.box))
            if len(box) != 4:
                raise OptionError(f"expected x0, y0, x1 and y1; got {box}", argument="box")
            object.__setattr__(self, "box", box)
            object.__setattr__(self, "score", float(self.score))
        x0, y0, x1, y1 = self.box
        if not (-inf < x0 <= x1 < inf and -inf < y0 <= y1 < inf):
            raise OptionError(
                f"expected finite x0, y0, x1 and y1, x1 and y1 the larger ones; got {self.box}",
                argument="box",
            )
        if not isfinite(self.score):
            raise OptionError(f"expected a finite number; got {self.score}", argument="score")
        if self.landmarks is not None:
            points = tuple((float(x), float(y)) for x, y in self.landmarks)
            if len(points) != 5:
                raise OptionError(f"expected 5 points; got {len(points)}", argument="landmarks")
            if not all(isfinite(x) and isfinite(y) for x, y in points):
                raise OptionError(f"expected finite numbers; got {points}", argument="landmarks")
            object.__setattr__(self, "landmarks", points)

    @property
    def size_px(self) -> float:
        """The longer side of the box."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


UNUSABLE: Final = ("", "small", "cut off", "turned", "dark", "bright", "flat", "blurred")
"""Why a reading is not to be trusted, in the order in which it is looked for; first that it is."""

POSE_METHODS: Final = ("points", "mesh")
"""What the pose of a head is told from: the five landmarks, or the 478 points of the mesh."""


@dataclass(frozen=True)
class FaceQuality:
    """What the image of one face was worth.

    `mien.recognize.quality` measures it, and says how far each angle can be trusted.

    Attributes:
        yaw: degrees by which the head is turned aside, positive where it looks to the right of the
            image; None where there are neither landmarks nor a mesh.
        pitch: degrees by which it is raised, positive where it looks up; likewise.
        roll: degrees by which it is tilted, positive where its top leans to the right of the image;
            likewise.
        size_px: the longer side of the box, in pixels of the original image.
        blur: 0 to 1, from sharp to blurred, of the crop of 48 x 48 pixels that is read.
        light: mean gray level of that crop, 0 to 255.
        contrast: standard deviation of its gray levels.
        inside: share of the box that lies inside the image, 0 to 1.
        unusable: why the reading is not to be trusted, one of `UNUSABLE`; empty where it is.
        pose_method: what the three angles are told from, one of `POSE_METHODS`; None where they
            are not known.
    """

    yaw: float | None
    pitch: float | None
    roll: float | None
    size_px: float
    blur: float
    light: float
    contrast: float
    inside: float
    unusable: str = ""
    pose_method: str | None = None

    @property
    def usable(self) -> bool:
        """Nothing speaks against trusting the reading."""
        return not self.unusable

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**vars(self), "usable": self.usable}


MOVEMENTS: Final = (
    *("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft"),
    *("eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight"),
    *("eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawLeft", "jawOpen"),
    *("mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel"),
    *("mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft"),
    *("mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper"),
    *("mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight"),
    *("mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight"),
)
"""Facial movements by ARKit's names; left and right are the person's own."""


@dataclass(frozen=True)
class FacialMovements:
    """What a face does, whatever it may mean: see docs/movements.md.

    Attributes:
        values: how far each movement of `MOVEMENTS` goes, 0 (not at all) to 1.
        points: (478, 3) float32: x and y in pixels of the original image, from its top left
            corner, and z in the same unit, smaller nearer to the camera; in the order of
            MediaPipe's face mesh. None where they were not kept, as in rows.
    """

    values: tuple[float, ...]
    points: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)

    def by_name(self) -> dict[str, float]:
        """Movement -> how far it goes, in the order of `MOVEMENTS`."""
        return dict(zip(MOVEMENTS, self.values, strict=True))


UNSURE: Final = "unsure"
"""What people are shown in place of an emotion that is not probable enough."""


@dataclass(frozen=True)
class Reading:
    """What was read off one face.

    Attributes:
        box: x0, y0, x1, y1 in pixels of the original image; may reach past its border.
        score: the detector's, that this is a face, 0 to 1.
        landmarks: right eye, left eye, tip of the nose, right and left corner of the mouth, in
            pixels of the original image; None where the detector gives none.
        emotion: the label with the highest probability, whether or not that is enough.
        probability: of that label, 0 to 1.
        probabilities: of the seven labels, in the order of `mien.EMOTIONS`; they sum to 1. Of the
            model in the box: how likely it is that a person who is asked says so.
        unsure: `probability` is below the recognizer's threshold.
        quality: what the image of the face was worth; None where nobody measured it, as in rows
            that were written before there were such columns.
        movements: what the face does; None where nobody asked, or they cannot be seen.
    """

    box: Box
    score: float
    landmarks: Landmarks | None
    emotion: str
    probability: float
    probabilities: tuple[float, ...]
    unsure: bool = False
    quality: FaceQuality | None = None
    movements: FacialMovements | None = None

    @property
    def caption(self) -> str:
        """What people are shown: the emotion, or "unsure"."""
        return UNSURE if self.unsure else self.emotion

    @property
    def usable(self) -> bool:
        """Nothing speaks against trusting it, as far as anybody has measured."""
        return self.quality is None or self.quality.usable

    @property
    def compound(self) -> str | None:
        """Two emotions at once, such as "happily surprised"; None where the face shows no two.

        It rests on `probabilities`, which say much of it where the model tells what people would
        say, and little where it tells a label: `mien.compound`. An unsure face shows none.
        """
        if self.unsure:
            return None
        found = compound_of(self.probabilities)
        return None if found is None else found.name

    def by_emotion(self) -> dict[str, float]:
        """Label -> probability, in the order of `mien.EMOTIONS`."""
        return dict(zip(EMOTIONS, self.probabilities, strict=True))

    def shows(self, emotion: str, *, threshold: float | None = None) -> bool:
        """Whether the face shows an emotion; one that is unsure shows none.

        Args:
            emotion: one of `mien.EMOTIONS`, or a common synonym ("joy", "Anger").
            threshold: it shows the emotion when that has at least this probability, 0 to 1;
                without one, when it is the likeliest of the seven.
        Raises:
            OptionError: there is no such emotion, or `threshold` is not between 0 and 1.
        """
        return self.verify(emotion, threshold=threshold).shows

    def verify(self, emotion: str, *, threshold: float | None = None) -> "Verification":
        """As `shows`, with the probability of that emotion beside the answer."""
        return Expectation.of(emotion, threshold=threshold).verify(self)

    def to_dict(self) -> dict[str, Any]:
        """The reading in plain lists, numbers and strings, ready for JSON.

        Movements are there where they are known.
        """
        moved = self.movements
        return {
            "box": list(self.box),
            "score": self.score,
            "landmarks": None if self.landmarks is None else [list(p) for p in self.landmarks],
            "emotion": self.emotion,
            "probability": self.probability,
            "unsure": self.unsure,
            "probabilities": self.by_emotion(),
            "quality": None if self.quality is None else self.quality.to_dict(),
            **({} if moved is None else {"movements": moved.by_name()}),
        }


def values_of(
    face: Face,
    quality: FaceQuality,
    moved: FacialMovements | None,
    probabilities: NDArray[np.float32],
    threshold: float,
) -> dict[str, Any]:
    """The values of a `Reading` of a face, of (7,) probabilities and the threshold of unsure."""
    best, told = int(probabilities.argmax()), tuple(probabilities.tolist())
    return {
        "box": face.box,
        "score": face.score,
        "landmarks": face.landmarks,
        "emotion": EMOTIONS[best],
        "probability": told[best],
        "probabilities": told,
        "unsure": not told[best] >= threshold,  # so that NaN is unsure, too
        "quality": quality,
        "movements": moved,
    }


@dataclass(frozen=True)
class Expectation:
    """What a face is expected to show; `Expectation.of` makes one of what people write."""

    emotion: str  # one of `mien.EMOTIONS`
    # the probability of `emotion` that is enough, 0 to 1; None asks that it be the likeliest of the
    # seven
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.emotion not in EMOTIONS:
            raise OptionError(
                f"expected an emotion among {', '.join(EMOTIONS)}; got {self.emotion!r}"
            )
        if self.threshold is not None:
            check_number("threshold", self.threshold, 0, 1)

    @classmethod
    def of(cls, emotion: str, *, threshold: float | None = None) -> Self:
        """An expectation of an emotion by its name or a common synonym ("joy", "Anger").

        Raises:
            OptionError: there is no such emotion, or `threshold` is not between 0 and 1.
        """
        target = target_of(emotion) if isinstance(emotion, str) else None
        return cls(emotion if target is None else EMOTIONS[target], threshold)

    def verify(self, reading: Reading) -> "Verification":
        """Compare a face with the expectation.

        A face that is unsure shows nothing, however low the expectation's own threshold is: what
        is not to be named is not to be confirmed either.
        """
        probability = reading.by_emotion()[self.emotion]
        if reading.unsure:
            shows = False
        elif self.threshold is None:
            shows = reading.emotion == self.emotion
        else:
            shows = bool(probability >= self.threshold)  # of a threshold of NumPy, too
        return Verification(reading, self.emotion, probability, shows)


@dataclass(frozen=True)
class Verification:
    """Whether a face shows what it was expected to.

    Attributes:
        reading: what was read off the face.
        expected: the emotion, one of `mien.EMOTIONS`.
        probability: of that emotion, 0 to 1; `reading.probability` is that of the likeliest.
        shows: whether the face shows it.
    """

    reading: Reading
    expected: str
    probability: float
    shows: bool

    def to_dict(self) -> dict[str, Any]:
        """The reading's values with `expected` and `shows`, ready for JSON."""
        return {**self.reading.to_dict(), "expected": self.expected, "shows": self.shows}


def check_image(image: object) -> None:
    """Raise ImageError where it is not (H, W, 3) uint8 with pixels, which others read wrongly."""
    if not isinstance(image, np.ndarray):
        got = type(image).__name__
    elif image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        got = f"{image.shape} {image.dtype}"
    else:
        return
    raise ImageError(f"expected (H, W, 3) uint8, as mien.load_image gives; got {got}")


@dataclass(frozen=True)
class ImageFile:
    """An image on the disk.

    Attributes:
        path: where it is.
        relative: how to call it below an output folder: its path within the folder that was
            searched, or its name.
    """

    path: Path
    relative: Path


@dataclass(frozen=True, eq=False)
class ImageResult:
    """What came of one image: its readings, or why there are none.

    Attributes:
        file: the image.
        image: (H, W, 3) uint8 RGB, or None if it could not be read.
        readings: one for each face; empty without a face, and on an error.
        error: what was wrong with the file, or None.
        notes: what had to be decided to read it; see `mien.recognize.images.LoadedImage`.
    """

    file: ImageFile
    image: NDArray[np.uint8] | None = field(repr=False)
    readings: tuple[Reading, ...]
    error: ImageError | None = None
    notes: tuple[str, ...] = ()


Heat: TypeAlias = NDArray[np.float32]
"""(48, 48) float32, -1 to 1."""

METHOD: Final = "occlusion"


@dataclass(frozen=True)
class CoveredPart:
    """What becomes of a reading when a part of the face is covered, over the crop's whole width."""

    name: str  # "forehead", "eyes" (with the brows), "nose", "mouth" or "chin"
    probability: float  # of the explained emotion, 0 to 1
    emotion: str  # the likeliest then


@dataclass(frozen=True, eq=False)  # arrays have no one answer to ==
class Explanation:
    """What the reading of one face rests on.

    Attributes:
        emotion: whose probability is explained, one of `mien.EMOTIONS`.
        probability: p, of that emotion, on the crop as it is, 0 to 1.
        crop: (48, 48) uint8, gray: what the classifier saw.
        heat: (48, 48) float32, -1 to 1: how much of the probability rests on each pixel, in shares
            of it. The mean over the patches of 12 x 12 that have the pixel, of two shares: what is
            lost where the patch is covered, (p - q) / max(p, q), and what is won where it alone is
            shown, (r - z) / max(p, r, z), if z is the probability with the whole face covered. 0
            where nothing changes, negative where covering raises the probability.
        parts: the reading with each part of the face covered, from the top.
        method: how the heat was found.
        reading: of the face, where it was found in an image; None for a crop that was given.
    """

    emotion: str
    probability: float
    crop: NDArray[np.uint8] = field(repr=False)
    heat: Heat = field(repr=False)
    parts: tuple[CoveredPart, ...]
    method: str = METHOD
    reading: Reading | None = None

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain lists, numbers and strings, ready for JSON."""
        return {
            "method": self.method,
            "emotion": self.emotion,
            "probability": self.probability,
            "parts": [dict(vars(part)) for part in self.parts],
            "reading": None if self.reading is None else self.reading.to_dict(),
            "heat": self.heat.tolist(),
            "crop": self.crop.tolist(),
        }


def person_name(track: int) -> str:
    """What a person is called until somebody gives a name."""
    return f"person {track}"


@dataclass(frozen=True)
class TrackedReading(Reading):
    """What was read off one face of one frame, and off the same face before.

    `emotion`, `probability`, `probabilities` and `unsure` are smoothed over time; the label holds
    until another emotion is clearly more probable, so that it is not always the likeliest.

    Attributes:
        track: the number of the person, from 1; the same throughout the video.
        name: what somebody calls the person; None until somebody does.
        raw_probabilities: of this frame alone, in the order of `mien.EMOTIONS`; they sum to 1. Of
            the last frame that was read, where the face has not changed since, see `VideoSettings`.
        raw_emotion: the likeliest of them.
        detected: whether the detector found the face in this frame; otherwise it was followed from
            the frame before, and `score` is that of its last detection.
    """

    track: int = field(kw_only=True)
    name: str | None = field(default=None, kw_only=True)
    raw_probabilities: tuple[float, ...] = field(kw_only=True)
    raw_emotion: str = field(kw_only=True)
    detected: bool = field(kw_only=True)

    @property
    def person(self) -> str:
        """What the person is called: the name that somebody gave, else "person 1" by the track."""
        return self.name or person_name(self.track)

    def to_dict(self) -> dict[str, Any]:
        """The reading in plain lists, numbers and strings, ready for JSON."""
        return {
            "track": self.track,
            **({} if self.name is None else {"name": self.name}),
            **super().to_dict(),
            "raw_emotion": self.raw_emotion,
            "raw_probabilities": dict(zip(EMOTIONS, self.raw_probabilities, strict=True)),
            "detected": self.detected,
        }


@dataclass(frozen=True)
class FrameReadings:
    """What was read off one frame."""

    frame: int  # its number
    time_s: float  # when it is shown
    # of its faces, with landmarks where they were detected; empty where it shows none
    readings: tuple[TrackedReading, ...]


@dataclass(frozen=True)
class VideoRow:
    """One face in one frame, or a frame without a face."""

    frame: int  # its number in the video, from 0
    time_s: float  # when it is shown, in seconds from the start of the video
    # of the face, with landmarks where it was detected; None where the frame shows none
    reading: TrackedReading | None


@dataclass(frozen=True)
class TrackSummary:
    """What one person shows over a video.

    Attributes:
        track: the number of the person.
        name: what somebody calls the person; None until somebody does.
        first_s: time of the first frame with the face.
        last_s: time of the last.
        on_screen_s: how long the face is seen: each of its frames counts until the next one of the
            video, the last of them as long as that before it.
        frames: with the face.
        detected: of these, in how many the detector found it; in the others it was followed.
        emotion: the label it has for most of the time.
        shares: label -> share of the time on screen that it has, 0 to 1; they sum to 1.
        means: emotion -> mean of its smoothed probability over the time on screen.
        flips_per_minute: how often the label changes from one frame of the video to the next, in a
            minute with the face; time without it, and a change across that, count nowhere.
        raw_flips_per_minute: likewise, of the likeliest emotion of each frame alone.
    """

    track: int
    name: str | None = field(default=None, kw_only=True)
    first_s: float
    last_s: float
    on_screen_s: float
    frames: int
    detected: int
    emotion: str
    shares: dict[str, float]
    means: dict[str, float]
    flips_per_minute: float
    raw_flips_per_minute: float

    @property
    def person(self) -> str:
        """What the person is called: the name that somebody gave, else "person 1" by the track."""
        return self.name or person_name(self.track)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; a name is there where somebody gave one."""
        return {name: value for name, value in vars(self).items() if name != "name" or value}


@dataclass(frozen=True)
class Event:
    """One expression of one person, from its onset to its end.

    Attributes:
        track: the number of the person.
        name: what that person is called, see `mien.VideoResult.name_of`.
        emotion: one of `mien.EMOTIONS`.
        onset_s: time of its first frame.
        peak_s: time of the frame around which its probability is highest on average.
        end_s: when its last frame ends, which is when the next one of the video is shown.
        peak_probability: the mean of the probability around the peak, over the window of
            `mien.rows.events.EventSettings`.
        mean_probability: likewise, over all frames of the event.
        frames: in which the face was seen, from onset to end.
    """

    track: int
    name: str
    emotion: str
    onset_s: float
    peak_s: float
    end_s: float
    peak_probability: float
    mean_probability: float
    frames: int

    @property
    def duration_s(self) -> float:
        """From onset to end."""
        return self.end_s - self.onset_s

    def to_dict(self) -> dict[str, Any]:
        """Plain values, with the duration, ready for JSON."""
        return {**vars(self), "duration_s": self.duration_s}
