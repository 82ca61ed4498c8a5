"""Image -> readings: the library's front door."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from mien.classifier import DEFAULT_MODEL, Classifier
from mien.compound import compound_of
from mien.crops import crop_faces
from mien.errors import OptionError
from mien.faces import Box, Detector, Face, Landmarks, detector_named
from mien.images import Image, ImageSource, load_image
from mien.labels import EMOTIONS, target_of

if TYPE_CHECKING:
    from mien.explain import Explanation
    from mien.video.frames import Frame, VideoSource
    from mien.video.readings import TrackedReading, VideoSettings

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
    """

    box: Box
    score: float
    landmarks: Landmarks | None
    emotion: str
    probability: float
    probabilities: tuple[float, ...]
    unsure: bool = False

    @property
    def caption(self) -> str:
        """What people are shown: the emotion, or "unsure"."""
        return UNSURE if self.unsure else self.emotion

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
        """The reading in plain lists, numbers and strings, ready for JSON."""
        return {
            "box": list(self.box),
            "score": self.score,
            "landmarks": None if self.landmarks is None else [list(p) for p in self.landmarks],
            "emotion": self.emotion,
            "probability": self.probability,
            "unsure": self.unsure,
            "probabilities": self.by_emotion(),
        }


@dataclass(frozen=True)
class Expectation:
    """What a face is expected to show; `Expectation.of` makes one of what people write.

    Attributes:
        emotion: one of `mien.EMOTIONS`.
        threshold: the probability of `emotion` that is enough, 0 to 1; None asks that it be the
            likeliest of the seven.
    """

    emotion: str
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.emotion not in EMOTIONS:
            raise OptionError(
                f"expected an emotion among {', '.join(EMOTIONS)}; got {self.emotion!r}"
            )
        if self.threshold is not None:
            _check_threshold(self.threshold)

    @classmethod
    def of(cls, emotion: str, *, threshold: float | None = None) -> Self:
        """An expectation of an emotion by its name or a common synonym ("joy", "Anger").

        Raises:
            OptionError: there is no such emotion, or `threshold` is not between 0 and 1.
        """
        target = target_of(emotion)
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
            shows = probability >= self.threshold
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


class Recognizer:
    """Finds the faces of a picture and reads the emotion that each shows.

        readings = Recognizer()("family.jpg")

    Threads may share one: the readings are those of one thread. Its settings, such as `threshold`,
    are not to be changed while others read: `copy.copy(recognizer)` has some of its own, with the
    same detector and network. It is pickled as its settings, for other processes; docs/python.md.

    Args:
        model: a name among `mien.shipped_models()`, the path of a file made by `mien export`, or
            that of a Keras classifier of faces; or several, whose probabilities are averaged. See
            `mien.Classifier`.
        detector: "yunet", "haar", "none" for pictures that are faces, cut out already, or any
            object that is a `mien.Detector`; to share the recognizer among threads, or to pickle
            it, that must allow it, too.
        min_face_px: smaller faces are left out; the longer side of the box. Not for a detector of
            your own.
        full_size: search large pictures at their full size, for small faces; slower. Likewise.
        threshold: 0 to 1; a reading whose emotion is less probable is `unsure`. With 0 none is. A
            model's card (`mien models NAME`) says how many faces a threshold leaves, and how many
            of those are read right.
        threads: processor threads for the network; 0 takes every core.
    Raises:
        ModelError: the model is missing, broken, or of another kind.
        OptionError: an argument is out of its range.
    """

    BATCH_IMAGES = 16  # pictures whose faces go through the network together

    def __init__(
        self,
        model: str | Path | Sequence[str | Path] = DEFAULT_MODEL,
        *,
        detector: str | Detector = "yunet",
        min_face_px: float = 0.0,
        full_size: bool = False,
        threshold: float = 0.0,
        threads: int = 1,
    ) -> None:
        _check_threshold(threshold)
        self.threshold = threshold
        if isinstance(detector, str):
            detector = detector_named(detector, min_face_px=min_face_px, full_size=full_size)
        self.detector = detector
        self.classifier = Classifier(model, threads=threads)

    def __call__(self, source: ImageSource) -> list[Reading]:
        """Read every face of one picture.

        Args:
            source: a path, the bytes of a file, a PIL image, or an array (H, W, 3) uint8 RGB; see
                `mien.load_image`.
        Returns:
            One reading for each face, the surest face first; no face gives an empty list.
        Raises:
            ImageError: it is not a picture.
        """
        return self.read_images([load_image(source)])[0]

    def verify(
        self, source: ImageSource, emotion: str, *, threshold: float | None = None
    ) -> list[Verification]:
        """Say of every face of one picture whether it shows an emotion.

            smiling = all(v.shows for v in Recognizer().verify("family.jpg", "happy"))

        Args:
            source: as for reading it.
            emotion: one of `mien.EMOTIONS`, or a common synonym ("joy", "Anger").
            threshold: a face shows the emotion when that has at least this probability, 0 to 1;
                without one, when it is the likeliest of the seven. One that is unsure by the
                recognizer's own threshold shows none.
        Returns:
            One verification for each face, the surest face first; no face gives an empty list,
            of which `all` is true.
        Raises:
            ImageError: it is not a picture.
            OptionError: there is no such emotion, or `threshold` is not between 0 and 1.
        """
        expectation = Expectation.of(emotion, threshold=threshold)
        return [expectation.verify(reading) for reading in self(source)]

    def explain(
        self, source: ImageSource, *, face: int = 0, emotion: str | None = None
    ) -> "Explanation":
        """Find the pixels that the reading of one face of a picture rests on.

            heat = Recognizer().explain("portrait.jpg").heat  # (48, 48), of the crop

        Args:
            source: as for reading it.
            face: which, from 0, in the order of the readings: the surest face first.
            emotion: whose probability to explain; by default the likeliest.
        Raises:
            ImageError: it is not a picture, or there is no face in it.
            OptionError: there is no such face or emotion.
        """
        from mien.explain import explain

        return explain(self, source, face=face, emotion=emotion)

    def read_many(self, sources: Iterable[ImageSource]) -> Iterator[list[Reading]]:
        """Read pictures one after the other, `BATCH_IMAGES` at a time through the network.

        Args:
            sources: as for one picture; may be endless.
        Yields:
            The readings of each picture, in order.
        Raises:
            ImageError: one of them is not a picture.
        """
        pictures = (load_image(source) for source in sources)
        while batch := list(islice(pictures, self.BATCH_IMAGES)):
            yield from self.read_images(batch)

    def read_images(self, images: Sequence[Image]) -> list[list[Reading]]:
        """Read pictures that are at hand as arrays; all their faces go through the network at once.

        Args:
            images: each (H, W, 3) uint8, RGB.
        Returns:
            The readings of each picture, in order.
        """
        found = [self.detector.detect(image) for image in images]
        margin = self.classifier.spec.crop_margin
        crops = [
            crop_faces(image, faces, self.detector.framing, margin=margin)
            for image, faces in zip(images, found, strict=True)
        ]
        if not crops:
            return []
        rows = iter(self.classifier(np.concatenate(crops)))
        return [[_reading(face, next(rows), self.threshold) for face in faces] for faces in found]

    def stream(
        self,
        source: "VideoSource | Iterable[Frame]",
        *,
        settings: "VideoSettings | None" = None,
        every_s: float | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
        stream: bool = False,
    ) -> "Iterator[tuple[Frame, list[TrackedReading]]]":
        """Read a film or a camera: every face followed, its probabilities smoothed over time.

            for frame, readings in Recognizer().stream("interview.mp4"):
                print(frame.time_s, [(reading.track, reading.emotion) for reading in readings])

        Memory does not grow with the film.

        Args:
            source: a video file, a series of pictures, a camera by number or device, or the
                address of a stream, see `mien.video.frames.frames`; or frames, as that gives them.
            settings: how faces are followed and smoothed. By default the frames of files are read
                some at a time, and those of cameras, streams and given frames one by one.
            every_s: read only the first frame at or after each multiple of it.
            start_s: leave out frames before this time.
            end_s: leave out frames at or after this time.
            stream: `source` is an address to connect to, such as `rtsp://...`.
        Yields:
            Each frame with the readings of its faces, in the order of their tracks.
        Raises:
            VideoError: it is not a video that can be read.
            OptionError: an argument is out of its range.
        """
        from mien.video.readings import read_video

        return read_video(
            self,
            source,
            settings=settings,
            every_s=every_s,
            start_s=start_s,
            end_s=end_s,
            stream=stream,
        )


def _check_threshold(threshold: float) -> None:
    if not 0.0 <= threshold <= 1.0:  # nor is NaN
        raise OptionError(f"threshold: expected 0 to 1; got {threshold}")


def _reading(
    face: Face,
    probabilities: np.ndarray[Any, np.dtype[np.float32]],
    threshold: float,
) -> Reading:
    best = int(probabilities.argmax())
    return Reading(
        box=face.box,
        score=face.score,
        landmarks=face.landmarks,
        emotion=EMOTIONS[best],
        probability=float(probabilities[best]),
        probabilities=tuple(float(p) for p in probabilities),
        unsure=not float(probabilities[best]) >= threshold,  # so that NaN is unsure, too
    )
