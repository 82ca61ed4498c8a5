"""Frames -> what each face shows over time: followed, smoothed, a reading in every frame."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.classifier import Probabilities
from mien.crops import SIZE_PX, crop_faces
from mien.errors import MienError, MissingExtraError, OptionError
from mien.labels import EMOTIONS
from mien.recognizer import Reading, Recognizer
from mien.video.smoothing import Smoother, SmoothingSettings
from mien.video.tracking import TrackedFace, Tracker, TrackingSettings

if TYPE_CHECKING:
    from mien.video.frames import Frame, VideoSource

BATCH_FRAMES: Final = 8
"""Frames of a file that are held to be read together."""

_PARTS: Final = (6, 6)  # of a crop, that are compared
_UNDECIDED_BATCHES: Final = 3  # that wait together until a face is known to be new or not
_BATCH_BYTES: Final = 64_000_000  # fewer of them where frames are large


@dataclass(frozen=True)
class TrackedReading(Reading):
    """What was read off one face of one frame, and off the same face before.

    `emotion`, `probability`, `probabilities` and `unsure` are smoothed over time; the label holds
    until another emotion is clearly more probable, so that it is not always the likeliest.

    Attributes:
        track: the number of the person, from 1; the same throughout the film.
        raw_probabilities: of this frame alone, in the order of `mien.EMOTIONS`; they sum to 1. Of
            the last frame that was read, where the face has not changed since, see `VideoSettings`.
        raw_emotion: the likeliest of them.
        detected: whether the detector found the face in this frame; otherwise it was followed from
            the frame before, and `score` is that of its last detection.
    """

    track: int = field(kw_only=True)
    raw_probabilities: tuple[float, ...] = field(kw_only=True)
    raw_emotion: str = field(kw_only=True)
    detected: bool = field(kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """The reading in plain lists, numbers and strings, ready for JSON."""
        return {
            "track": self.track,
            **super().to_dict(),
            "raw_emotion": self.raw_emotion,
            "raw_probabilities": dict(zip(EMOTIONS, self.raw_probabilities, strict=True)),
            "detected": self.detected,
        }


@dataclass(frozen=True)
class VideoSettings:
    """How a film is read.

    Attributes:
        tracking: how faces are followed.
        smoothing: how probabilities are smoothed over time.
        batch_frames: how many frames are held at most: half of them are searched for faces while
            those of the other half go through the network together. With 1 each frame is read
            before the next one is asked for, as a live view needs it; a face that returns may then
            have a new number for some frames, until it is recognized.
        read_every_s: read each face only so often, and let its last reading stand between; 0 reads
            every face of every frame that has changed. For many faces or a large network: boxes and
            tracks are as before, and the network takes most of the time.
        min_change: read a face again once some part of it (of 6 x 6) has changed by more than so
            many of 255 gray levels, on the mean of its pixels; until then its last reading stands.
            2 is what a camera's noise does to a face that is still. 0 reads it in every frame.
    Raises:
        OptionError: `batch_frames` is less than 1, or another value is negative.
    """

    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    batch_frames: int = BATCH_FRAMES
    read_every_s: float = 0.0
    min_change: float = 2.0

    def __post_init__(self) -> None:
        if self.batch_frames < 1:
            raise OptionError(f"batch_frames: expected 1 or more; got {self.batch_frames}")
        for name in ("read_every_s", "min_change"):
            if not 0.0 <= (value := getattr(self, name)) < np.inf:
                raise OptionError(f"{name}: expected 0 or more; got {value}")


def read_stream(
    recognizer: Recognizer, frames: "Iterable[Frame]", *, settings: VideoSettings | None = None
) -> "Iterator[tuple[Frame, list[TrackedReading]]]":
    """Read the faces of one film, frame by frame.

    Memory does not grow with the film: it holds `batch_frames` frames, and numbers for the faces
    of the last minute.

    Args:
        recognizer: its detector, network and threshold are used.
        frames: with times that never fall; closed at the end if they can be.
        settings: how faces are followed, smoothed and batched.
    Yields:
        Each frame with the readings of its faces, in the order of their tracks; none for a frame
        without a face.
    Raises:
        MienError: as `frames` raises; the frames before have then been given.
    """
    settings = settings or VideoSettings()
    tracker = Tracker(recognizer.detector, settings.tracking)
    reader = _Reader(recognizer, settings)
    iterator = iter(frames)
    time_s = -np.inf
    try:
        while True:
            try:
                frame = next(iterator, None)
            except MienError:
                yield from reader.read(tracker, wait=True)
                raise
            if frame is None:
                break
            # A stream that was cut may jump back: its rows keep that time, the tracks do not.
            time_s = max(time_s, frame.time_s)
            faces = tracker(frame.image, time_s)
            if reader.add(frame, time_s, faces, undecided=tracker.undecided):
                yield from reader.read(tracker, wait=settings.batch_frames == 1)
        yield from reader.read(tracker, wait=True)
    finally:
        reader.close()
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


def read_video(
    recognizer: Recognizer,
    source: "VideoSource | Iterable[Frame]",
    *,
    settings: VideoSettings | None = None,
    every_s: float | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    stream: bool = False,
) -> "Iterator[tuple[Frame, list[TrackedReading]]]":
    """As `Recognizer.stream`, which calls it.

    Raises:
        VideoError: `source` is not a video that can be read.
        OptionError: an argument is out of its range.
    """
    from mien.video.frames import camera_number, frames

    if isinstance(source, (str, Path, int)):
        live = stream or camera_number(source) is not None
        given: Iterable[Frame] = frames(
            source, every_s=every_s, start_s=start_s, end_s=end_s, stream=stream
        )
    elif every_s is not None or start_s is not None or end_s is not None or stream:
        raise OptionError("every_s, start_s, end_s and stream are for files and addresses")
    else:
        live, given = True, source
    if settings is None:
        settings = VideoSettings(batch_frames=1 if live else BATCH_FRAMES)
    return read_stream(recognizer, given, settings=settings)


class _Batch(NamedTuple):
    """Frames whose faces go through the network together."""

    frames: "list[tuple[Frame, float, list[TrackedFace], set[int]]]"  # and the tracks to be read
    rows: Callable[[], Probabilities]  # (F, 7): waits until the faces are read
    known: set[int]  # the tracks that may be seen again after these frames


class _Reader:
    """Frames that wait for the network, and the smoothed past of each face.

    The network reads some frames in a thread of its own while the next ones are searched.
    """

    def __init__(self, recognizer: Recognizer, settings: VideoSettings) -> None:
        self._classifier = recognizer.classifier
        self._framing = recognizer.detector.framing
        self._threshold = recognizer.threshold
        self._settings = settings
        self._smoothers: dict[int, Smoother] = {}
        self._raw: dict[int, NDArray[Any]] = {}  # track -> its last reading
        self._read_s: dict[int, float] = {}  # track -> when that was
        self._cut: dict[int, NDArray[np.uint8]] = {}  # track -> (48, 48), the crop that was read
        self._waiting: list[tuple[Frame, float, list[TrackedFace], set[int]]] = []
        self._crops: list[NDArray[np.uint8]] = []
        self._running: _Batch | None = None
        self._thread = ThreadPoolExecutor(1, "mien-network")  # begins with its first batch

    def add(
        self, frame: "Frame", time_s: float, faces: list[TrackedFace], *, undecided: bool
    ) -> bool:
        """Take a frame in; gives whether it is time to read.

        Where a face may yet get another number, a batch waits for it; a single frame does not.
        """
        every_s = self._settings.read_every_s - 1e-4  # times are rounded
        due = [f for f in faces if time_s - self._read_s.get(f.track, -np.inf) >= every_s]
        margin = self._classifier.spec.crop_margin
        crops = crop_faces(frame.image, due, self._framing, margin=margin)
        changed: set[int] = set()
        for face, crop in zip(due, crops, strict=True):
            if self._has_changed(face.track, crop):
                changed.add(face.track)
                self._crops.append(crop)
                self._read_s[face.track], self._cut[face.track] = time_s, crop
        self._waiting.append((frame, time_s, faces, changed))
        frames = self._settings.batch_frames
        if undecided and frames > 1:
            frames *= _UNDECIDED_BATCHES
        # Half of them, as the other half is being read.
        held = 2 * len(self._waiting)
        return held >= frames or held * frame.image.nbytes >= _BATCH_BYTES

    def _has_changed(self, track: int, crop: NDArray[np.uint8]) -> bool:
        """Whether some part of a face is not as it was when it was read last."""
        before = self._cut.get(track)
        if before is None or not self._settings.min_change:
            return True
        change = cv2.absdiff(crop, before).astype(np.float32)
        parts = cv2.resize(change, _PARTS, interpolation=cv2.INTER_AREA)
        return float(parts.max()) > self._settings.min_change

    def read(
        self, tracker: Tracker, *, wait: bool
    ) -> "Iterator[tuple[Frame, list[TrackedReading]]]":
        """Give the frames before those that wait, and have these read: now, or meanwhile.

        Args:
            tracker: knows which faces have another number by now, and which may be seen again.
            wait: give these, too.
        """
        yield from self._finish(tracker.renamed)
        if self._waiting:
            waiting, crops = self._waiting, self._crops
            self._waiting, self._crops = [], []
            batch = np.stack(crops) if crops else np.empty((0, SIZE_PX, SIZE_PX), np.uint8)
            rows: Callable[[], Probabilities] = partial(self._classifier, batch)
            if crops and not wait:
                rows = self._thread.submit(self._classifier, batch).result
            self._running = _Batch(waiting, rows, tracker.known)
        if wait:
            yield from self._finish(tracker.renamed)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)

    def _finish(self, renamed: Mapping[int, int]) -> "Iterator[tuple[Frame, list[TrackedReading]]]":
        if self._running is None:
            return
        batch, self._running = self._running, None
        rows = iter(batch.rows())
        for frame, time_s, faces, changed in batch.frames:
            readings = []
            for face in faces:
                track = renamed.get(face.track, face.track)
                if track != face.track and face.track in self._raw:
                    self._raw[track] = self._raw.pop(face.track)
                if face.track in changed:
                    self._raw[track] = next(rows)
                readings.append(self._reading(face, track, self._raw[track], time_s))
            yield frame, sorted(readings, key=lambda reading: reading.track)
        self._forget(batch.known)

    def _reading(
        self, face: TrackedFace, track: int, raw: NDArray[Any], time_s: float
    ) -> TrackedReading:
        smoother = self._smoothers.setdefault(track, Smoother(self._settings.smoothing))
        smoothed, label = smoother(raw, time_s)
        probability = smoothed[EMOTIONS.index(label)]
        return TrackedReading(
            box=face.box,
            score=face.score,
            landmarks=face.landmarks,
            emotion=label,
            probability=probability,
            probabilities=smoothed,
            unsure=not probability >= self._threshold,  # so that NaN is unsure, too
            track=track,
            raw_probabilities=tuple(raw.tolist()),
            raw_emotion=EMOTIONS[int(raw.argmax())],
            detected=face.detected,
        )

    def _forget(self, known: set[int]) -> None:
        """Drop the past of faces that will not be seen again."""
        known = known.union(*(changed for *_, changed in self._waiting))
        for past in (self._smoothers, self._raw, self._read_s, self._cut):
            for track in past.keys() - known:
                del past[track]


@dataclass(frozen=True)
class VideoRow:
    """One face in one frame, or a frame without a face.

    Attributes:
        frame: its number in the film, from 0.
        time_s: when it is shown, in seconds from the start of the film.
        reading: of the face, without landmarks; None where the frame shows no face.
    """

    frame: int
    time_s: float
    reading: TrackedReading | None


@dataclass(frozen=True)
class TrackSummary:
    """What one person shows over a film.

    Attributes:
        track: the number of the person.
        first_s: time of the first frame with the face.
        last_s: time of the last.
        on_screen_s: how long the face is seen: each of its frames counts until the next one of the
            film, the last of them as long as that before it.
        frames: with the face.
        detected: of these, in how many the detector found it; in the others it was followed.
        emotion: the label it has for most of the time.
        shares: label -> share of the time on screen that it has, 0 to 1; they sum to 1.
        means: emotion -> mean of its smoothed probability over the time on screen.
        flips_per_minute: how often the label changes, in a minute of the film between first and
            last.
        raw_flips_per_minute: likewise, of the likeliest emotion of each frame alone.
    """

    track: int
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

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, eq=False)
class VideoResult:
    """Every face of every frame of a film, as columns; F faces in N frames.

    Attributes:
        source: what was read, as text.
        frames: (N,) int64: the numbers of all frames, with a face or without.
        times_s: (N,) float64, their times.
        positions: (F,) int64, rising: which of the N frames a face is in.
        tracks: (F,) int64.
        boxes: (F, 4) float32: x0, y0, x1, y1 in pixels.
        scores: (F,) float32, the detector's.
        detected: (F,) bool.
        raw_probabilities: (F, 7) float32, of each frame alone, columns as `mien.EMOTIONS`.
        probabilities: (F, 7) float32, smoothed over time.
        labels: (F,) int64: which of `mien.EMOTIONS` is the smoothed label.
        threshold: of the recognizer: a less probable label is unsure.
    """

    source: str
    frames: NDArray[np.int64]
    times_s: NDArray[np.float64]
    positions: NDArray[np.int64]
    tracks: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    detected: NDArray[np.bool_]
    raw_probabilities: Probabilities
    probabilities: Probabilities
    labels: NDArray[np.int64]
    threshold: float = 0.0

    @cached_property
    def rows(self) -> list[VideoRow]:
        """A row for each face of each frame, and one for each frame without a face, in order."""
        rows: list[VideoRow] = []
        for frame, (time_s, readings) in zip(self.frames.tolist(), self._by_frame(), strict=True):
            shown = [VideoRow(frame, time_s, reading) for reading in readings]
            rows += shown or [VideoRow(frame, time_s, None)]
        return rows

    def _reading(self, face: int) -> TrackedReading:
        label, raw = int(self.labels[face]), self.raw_probabilities[face]
        x0, y0, x1, y1 = self.boxes[face].tolist()
        probability = float(self.probabilities[face, label])
        return TrackedReading(
            box=(x0, y0, x1, y1),
            score=float(self.scores[face]),
            landmarks=None,
            emotion=EMOTIONS[label],
            probability=probability,
            probabilities=tuple(self.probabilities[face].tolist()),
            unsure=not probability >= self.threshold,
            track=int(self.tracks[face]),
            raw_probabilities=tuple(raw.tolist()),
            raw_emotion=EMOTIONS[int(raw.argmax())],
            detected=bool(self.detected[face]),
        )

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame` with a row for each face of each frame, in order.

        A frame without a face has one row, in which all but `frame` and `time_s` is empty.

        The columns are frame, time_s, track, x0, y0, x1, y1, score, detected, emotion, probability,
        unsure, one for each emotion, raw_emotion, and raw_ with each emotion.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError as error:
            raise MissingExtraError("a data frame", "video", error) from error
        names = np.array(EMOTIONS, object)
        own = self.probabilities[np.arange(len(self.labels)), self.labels]
        faces: dict[str, Any] = {
            "track": self.tracks,
            **dict(zip(("x0", "y0", "x1", "y1"), self.boxes.T, strict=True)),
            "score": self.scores,
            "detected": self.detected,
            "emotion": names[self.labels],
            "probability": own,
            "unsure": ~(own >= self.threshold),
            **dict(zip(EMOTIONS, self.probabilities.T, strict=True)),
            "raw_emotion": names[self.raw_probabilities.argmax(1)],
            **{f"raw_{e}": c for e, c in zip(EMOTIONS, self.raw_probabilities.T, strict=True)},
        }
        # Whole numbers and truth values that may be empty, where pandas would make them floats.
        kinds = {"track": "Int64", "detected": "boolean", "unsure": "boolean"}
        found = pandas.DataFrame(faces, index=self.positions).astype(kinds)
        every = pandas.DataFrame({"frame": self.frames, "time_s": self.times_s})
        return every.join(found, how="left").reset_index(drop=True)

    def _by_frame(self) -> Iterator[tuple[float, list[TrackedReading]]]:
        """Time and faces of each frame, in order."""
        starts = np.searchsorted(self.positions, np.arange(len(self.frames) + 1)).tolist()
        for time_s, (first, end) in zip(self.times_s.tolist(), pairwise(starts), strict=True):
            yield time_s, [self._reading(face) for face in range(first, end)]

    def summary(self) -> list[TrackSummary]:
        """What each person shows, in the order of their numbers."""
        from mien.video.totals import TrackTotals

        totals = TrackTotals()
        for time_s, readings in self._by_frame():
            totals.add(time_s, readings)
        return totals.summary()

    def plot(self, path: str | Path, *, title: str | None = None) -> list[Path]:
        """Draw the smoothed probabilities over time, one band per person.

        Args:
            path: `.png` or `.svg` writes that one; anything else is a stem that both are added to.
            title: over the bands; by default the name of the film.
        Returns:
            The files.
        Raises:
            OutputError: they cannot be written.
            MissingExtraError: matplotlib is not installed.
        """
        from mien.video.timeline import Timeline, plot_timeline

        timeline = Timeline.of(self._by_frame())
        name = Path(self.source).name if title is None else title
        return plot_timeline(timeline, Path(path), title=name)


def analyze_video(
    source: "VideoSource",
    recognizer: Recognizer | None = None,
    *,
    settings: VideoSettings | None = None,
    centred: bool = True,
    every_s: float | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> VideoResult:
    """Read a film as a whole.

        result = analyze_video("interview.mp4")
        result.plot("interview.png")

    Of the film nothing stays but numbers: some 100 bytes for each face of each frame.

    Args:
        source: a video file or a series of pictures; see `mien.video.frames.frames`.
        recognizer: what reads it; by default `Recognizer()`.
        settings: how faces are followed and smoothed.
        centred: smooth with the frames before and after, without delay, as `mien video` does (see
            `mien.video.centring`); otherwise with those before alone, as `read_stream` must.
        every_s: read only the first frame at or after each multiple of it.
        start_s: leave out frames before this time.
        end_s: leave out frames at or after this time.
        progress: called with the time of each frame, in seconds, once it is read.
    Raises:
        VideoError: it is not a video that can be read.
        OptionError: an argument is out of its range.
    """
    from mien.video import centring
    from mien.video.frames import frames

    recognizer = recognizer or Recognizer()
    settings = settings or VideoSettings()
    columns = _Columns()
    read = read_stream(
        recognizer,
        frames(source, every_s=every_s, start_s=start_s, end_s=end_s),
        settings=settings,
    )
    if centred:
        read = centring.centred(
            read, settings.smoothing, threshold=recognizer.threshold, keep_images=False
        )
    for frame, readings in read:
        columns.add(frame, readings)
        if progress is not None:
            progress(frame.time_s)
    return columns.result(str(source), recognizer.threshold)


class _Columns:
    """The columns of a `VideoResult` as they grow: packed numbers, some 100 bytes for a face."""

    def __init__(self) -> None:
        self._frames, self._times_s = array("q"), array("d")
        self._positions, self._tracks = array("q"), array("q")
        self._labels, self._detected = array("b"), array("b")
        self._boxes, self._scores = array("f"), array("f")
        self._raw, self._smoothed = array("f"), array("f")

    def add(self, frame: "Frame", readings: list[TrackedReading]) -> None:
        for reading in readings:
            self._positions.append(len(self._frames))
            self._tracks.append(reading.track)
            self._labels.append(EMOTIONS.index(reading.emotion))
            self._detected.append(reading.detected)
            self._boxes.extend(reading.box)
            self._scores.append(reading.score)
            self._raw.extend(reading.raw_probabilities)
            self._smoothed.extend(reading.probabilities)
        self._frames.append(frame.index)
        self._times_s.append(frame.time_s)

    def result(self, source: str, threshold: float) -> VideoResult:
        """What was added."""
        return VideoResult(
            source=source,
            frames=np.array(self._frames, np.int64),
            times_s=np.array(self._times_s, np.float64),
            positions=np.array(self._positions, np.int64),
            tracks=np.array(self._tracks, np.int64),
            boxes=np.array(self._boxes, np.float32).reshape(-1, 4),
            scores=np.array(self._scores, np.float32),
            detected=np.array(self._detected, np.bool_),
            raw_probabilities=np.array(self._raw, np.float32).reshape(-1, len(EMOTIONS)),
            probabilities=np.array(self._smoothed, np.float32).reshape(-1, len(EMOTIONS)),
            labels=np.array(self._labels, np.int64),
            threshold=threshold,
        )
