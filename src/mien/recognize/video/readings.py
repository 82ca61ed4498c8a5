"""Frames -> what each face shows over time: followed, smoothed, a reading in every frame."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import MienError, OptionError, check_count, check_number
from mien.readings import (
    FaceQuality,
    FacialMovements,
    Image,
    TrackedReading,
    check_image,
    values_of,
)
from mien.recognize.crops import SIZE_PX, Square, crop_faces
from mien.recognize.movements import movement_crop, movement_square, with_pose
from mien.recognize.quality import quality_of
from mien.recognize.video.offline import smoothed_offline
from mien.recognize.video.smoothing import SmoothingSettings, closing_of, smoothed_online
from mien.recognize.video.tracking import TrackedFace, Tracker, TrackingSettings

if TYPE_CHECKING:
    from mien.recognize.recognizer import Recognizer
    from mien.recognize.video.frames import Frame

BATCH_FRAMES: Final = 8
"""Frames of a file that are held to be read together."""

_PARTS: Final = (6, 6)  # of a crop, that are compared
_STANDS_S: Final = 0.1  # that the reading of a face stands at most: means need several of them
_TENTATIVE_BATCHES: Final = 3  # that wait together until a face is known to be new or not
_BATCH_BYTES: Final = 64_000_000  # fewer of them where frames are large


@dataclass(frozen=True)
class VideoSettings:
    """How a video is read.

    Attributes:
        tracking: how faces are followed.
        smoothing: how probabilities are smoothed over time.
        batch_frames: how many frames are held at most: half of them are searched for faces while
            those of the other half go through the network together. With 1 each frame is read
            before the next one is asked for, as a live view needs it: faces are followed from each
            to the next, and one that returns may have a new number for some frames, until it is
            recognized.
        read_every_s: read each face only so often, and let its last reading stand between; 0 reads
            every face of every frame that has changed. For many faces or a large network: boxes and
            tracks are as before, and the network takes most of the time.
        min_change: read a face again once some part of it (of 6 x 6) has changed by more than so
            many of 255 gray levels, on the mean of its pixels; until then, for a tenth of a second
            at most, its last reading stands. 2 is what a camera's noise does to a face that is
            still. 0 reads it in every frame.
    Raises:
        OptionError: `batch_frames` is less than 1, or another value is negative.
    """

    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    batch_frames: int = BATCH_FRAMES
    read_every_s: float = 0.0
    min_change: float = 3.0

    def __post_init__(self) -> None:
        check_count("batch_frames", self.batch_frames, 1)
        check_number("read_every_s", self.read_every_s, finite=True)
        check_number("min_change", self.min_change, finite=True)


def read_stream(
    recognizer: "Recognizer",
    frames: "Iterable[Frame]",
    *,
    settings: VideoSettings | None = None,
    offline: bool = False,
    keep_images: bool = True,
) -> "Iterator[tuple[Frame, list[TrackedReading]]]":
    """As `frame_readings`, smoothed from the frames before or, offline, from those after, too.

    `keep_images` is that of `mien.recognize.video.offline.smoothed_offline`; online images stay.
    """
    settings = settings or VideoSettings()
    read = frame_readings(recognizer, frames, settings=settings)
    smoothing, threshold = settings.smoothing, recognizer.threshold
    if not offline:
        return smoothed_online(read, smoothing, threshold=threshold)
    return smoothed_offline(read, smoothing, threshold=threshold, keep_images=keep_images)


def frame_readings(
    recognizer: "Recognizer", frames: "Iterable[Frame]", *, settings: VideoSettings | None = None
) -> "Iterator[tuple[Frame, list[TrackedReading]]]":
    """Read the faces of one video, frame by frame; their probabilities are of each frame alone.

    Memory does not grow with the video: it holds `batch_frames` frames, and numbers for the faces
    of the last minute.

    Args:
        recognizer: its detector, network and threshold are used.
        frames: with times that never fall; closed at the end if they can be.
        settings: how faces are followed and batched.
    Yields:
        Each frame with the readings of its faces, in the order of their tracks; none for a frame
        without a face.
    Raises:
        MienError: as `frames` raises; the frames before have then been given.
        ImageError: the image of a frame is not (H, W, 3) uint8.
        OptionError: `frames` gives something else.
    """
    settings = settings or VideoSettings()
    tracker = Tracker(recognizer.detector, settings.tracking)
    reader = _Reader(recognizer, settings)
    iterator = iter(frames)
    followed = tracker.over(_checked(iterator), at_once=settings.batch_frames > 1)
    time_s = -np.inf
    with closing_of(iterator), closing(reader):
        while True:
            try:
                frame, faces = next(followed, (None, []))
            except MienError:
                yield from reader.read(tracker, wait=True)
                raise
            if frame is None:
                break
            # A stream that was cut may jump back: its rows keep that time, the tracks do not.
            time_s = max(time_s, frame.time_s)
            if reader.add(frame, time_s, faces, tentative=tracker.tentative):
                yield from reader.read(tracker, wait=settings.batch_frames == 1)
        yield from reader.read(tracker, wait=True)


def _checked(frames: "Iterable[Frame]") -> "Iterator[Frame]":
    for frame in frames:
        if not hasattr(frame, "time_s"):
            raise OptionError(
                "expected each to be a mien.recognize.video.frames.Frame, with its index, "
                f"time_s and image; got {type(frame).__name__}",
                argument="frames",
            )
        check_image(frame.image)
        yield frame


class _Waiting(NamedTuple):
    """A frame that waits for the network."""

    frame: "Frame"
    faces: list[TrackedFace]
    qualities: list[FaceQuality]  # of each face
    changed: set[int]  # the tracks to be read


class _Read(NamedTuple):
    """What the networks say of one face of one frame."""

    probabilities: NDArray[np.float32]  # (7,)
    movements: FacialMovements | None


class _Batch(NamedTuple):
    """Frames whose faces go through the network together."""

    frames: "list[_Waiting]"
    rows: "Callable[[], list[_Read]]"  # of each face: waits until they are read
    known: set[int]  # the tracks that may be seen again after these frames


class _Reader:
    """Frames that wait for the network, and the last reading of each face.

    The network reads some frames in a thread of its own while the next ones are searched.
    """

    def __init__(self, recognizer: "Recognizer", settings: VideoSettings) -> None:
        self._classifier = recognizer.classifier
        self._movements = recognizer.movements
        self._framing = recognizer.detector.framing
        self._threshold = recognizer.threshold
        self._settings = settings
        self._raw: dict[int, _Read] = {}  # track -> its last reading
        self._read_s: dict[int, float] = {}  # track -> when that was
        self._cut: dict[int, NDArray[np.uint8]] = {}  # track -> (48, 48), the crop that was read
        self._last: dict[int, NDArray[np.uint8]] = {}  # track -> (48, 48), the last crop
        self._waiting: list[_Waiting] = []
        self._crops: list[NDArray[np.uint8]] = []
        self._moving: list[tuple[Image, Square]] = []  # likewise, for the movements
        self._running: _Batch | None = None
        self._thread = ThreadPoolExecutor(1, "mien-network")  # begins with its first batch

    def add(
        self, frame: "Frame", time_s: float, faces: list[TrackedFace], *, tentative: bool
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
            self._last[face.track] = crop
            if self._has_changed(face.track, crop, time_s):
                changed.add(face.track)
                self._crops.append(crop)
                if self._movements is not None:
                    square = movement_square(face, self._framing)
                    self._moving.append((movement_crop(frame.image, square), square))
                self._read_s[face.track], self._cut[face.track] = time_s, crop
        size = (frame.image.shape[1], frame.image.shape[0])
        qualities = [quality_of(face, self._last[face.track], size) for face in faces]
        self._waiting.append(_Waiting(frame, faces, qualities, changed))
        frames = self._settings.batch_frames
        if tentative and frames > 1:
            frames *= _TENTATIVE_BATCHES
        # Half of them, as the other half is being read.
        held = 2 * len(self._waiting)
        return held >= frames or held * frame.image.nbytes >= _BATCH_BYTES

    def _has_changed(self, track: int, crop: NDArray[np.uint8], time_s: float) -> bool:
        """Whether some part of a face is not as it was when it was read last, a moment ago."""
        before = self._cut.get(track)
        if before is None or not self._settings.min_change:
            return True
        if time_s - self._read_s[track] > _STANDS_S:
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
        yield from self._finish(tracker.merged)
        if self._waiting:
            waiting, crops, moving = self._waiting, self._crops, self._moving
            self._waiting, self._crops, self._moving = [], [], []
            rows: Callable[[], list[_Read]] = partial(self._read_crops, crops, moving)
            if crops and not wait:
                rows = self._thread.submit(self._read_crops, crops, moving).result
            self._running = _Batch(waiting, rows, tracker.known)
        if wait:
            yield from self._finish(tracker.merged)

    def _read_crops(
        self, crops: list[NDArray[np.uint8]], moving: list[tuple[Image, Square]]
    ) -> "list[_Read]":
        batch = np.stack(crops) if crops else np.empty((0, SIZE_PX, SIZE_PX), np.uint8)
        moved: list[FacialMovements | None] = [None] * len(crops)
        if self._movements is not None:
            moved = self._movements.read_crops([c for c, _ in moving], [s for _, s in moving])
        return list(map(_Read, self._classifier(batch), moved))

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)

    def _finish(self, merged: Mapping[int, int]) -> "Iterator[tuple[Frame, list[TrackedReading]]]":
        if self._running is None:
            return
        batch, self._running = self._running, None
        rows = iter(batch.rows())
        for frame, faces, qualities, changed in batch.frames:
            readings = []
            for face, quality in zip(faces, qualities, strict=True):
                track = merged.get(face.track, face.track)
                if track != face.track and face.track in self._raw:
                    self._raw[track] = self._raw.pop(face.track)
                if face.track in changed:
                    self._raw[track] = next(rows)
                readings.append(self._reading(face, quality, track, self._raw[track]))
            yield frame, sorted(readings, key=lambda reading: reading.track)
        self._forget(batch.known)

    def _reading(
        self, face: TrackedFace, quality: FaceQuality, track: int, read: "_Read"
    ) -> TrackedReading:
        posed = with_pose(quality, read.movements)
        values = values_of(face, posed, read.movements, read.probabilities, self._threshold)
        return TrackedReading(
            **values,
            track=track,
            raw_probabilities=values["probabilities"],
            raw_emotion=values["emotion"],
            detected=face.detected,
        )

    def _forget(self, known: set[int]) -> None:
        """Drop the past of faces that will not be seen again."""
        known = known.union(*(waiting.changed for waiting in self._waiting))
        for past in (self._raw, self._read_s, self._cut, self._last):
            for track in past.keys() - known:
                del past[track]
