"""One film, read in a thread: what comes of it, until its end or until nobody wants it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast

from mien.errors import VideoError
from mien.readings import TrackedReading
from mien.recognizer import Recognizer
from mien.video.frames import Frame, VideoInfo, open_film
from mien.video.offline import smoothed_offline
from mien.video.readings import frame_readings
from mien.video.smoothing import SmoothingSettings
from mien.video.times import CLOCK_FORMATS
from mien.video.totals import TrackTotals
from mien.web.answers import Refusal
from mien.web.channels import Channel
from mien.web.limits import Limits

_BATCH_S: Final = 0.25  # of the clock on the wall, for which frames are sent together
_BATCH_FRAMES: Final = 250
_ROOM: Final = 2  # batches that wait for the client


@dataclass(frozen=True)
class FilmSettings:
    """How a film is read.

    Attributes:
        threshold: a less probable reading is unsure.
        half_life_s: of the smoothing, with the frames before and after.
        every_s: read only the first frame at or after each multiple of it; None reads all.
    """

    threshold: float = 0.0
    half_life_s: float = SmoothingSettings().half_life_s
    every_s: float | None = None


@dataclass(frozen=True)
class Accepted:
    """The film could be opened."""

    info: VideoInfo


@dataclass(frozen=True)
class Frames:
    """Some frames with their readings, in order."""

    frames: list[tuple[Frame, list[TrackedReading]]]


@dataclass(frozen=True)
class Result:
    """The film was read to its end.

    Attributes:
        frames: that were read.
        people: what each person shows, ready for JSON.
        duration_s: of the film; where no header tells it, as its frames do.
        read_s: how long it took.
    """

    frames: int
    people: list[dict[str, Any]]
    duration_s: float | None
    read_s: float


Event = Accepted | Frames | Result | Refusal

Encode = Callable[[Event], bytes]


class _OpenFilm:
    """A file that seems to end when nobody wants it any more: decoders then stop by themselves."""

    def __init__(self, file: BinaryIO, deadline: float) -> None:
        self._file = file
        self._deadline = deadline
        self.is_cancelled = False

    @property
    def is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def read(self, size: int) -> bytes:
        return b"" if self.is_cancelled or self.is_late else self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class FilmReading:
    """One film that is being read, in a thread; `events` has what comes of it.

    Args:
        file: of the film, at its start; it must stay open until `join`.
        name: for messages.
        recognizer: whose settings nobody else changes.
        settings: how it is read.
        limits: of the film.
        encode: makes what is sent of an event; in the thread, as it takes time.
    Attributes:
        events: each with what is sent of it. The last is a result or a refusal.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        recognizer: Recognizer,
        settings: FilmSettings,
        limits: Limits,
        encode: Encode,
    ) -> None:
        self.events: Channel[tuple[Event, bytes]] = Channel(room=_ROOM)
        self._encode = encode
        self._file = _OpenFilm(file, time.monotonic() + limits.read_s)
        self._name = name
        self._recognizer = recognizer
        self._settings = settings
        self._limits = limits
        self._thread = threading.Thread(target=self._work, name="mien film", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Stop reading; the last event says so."""
        self._file.is_cancelled = True

    def close(self) -> None:
        """Stop reading, and take no more events."""
        self.cancel()
        self.events.close()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(seconds)

    def _work(self) -> None:
        try:
            self._read()
        except Exception as error:
            self._put(self._refusal(error))

    def _put(self, event: Event) -> bool:
        return self.events.put((event, self._encode(event)))

    def _refusal(self, error: Exception) -> Refusal:
        if self._file.is_cancelled:
            return cancelled()
        return Refusal.of(error)

    def _read(self) -> None:
        start = time.monotonic()
        limits, settings = self._limits, self._settings
        info, frames = open_film(
            cast(BinaryIO, self._file),
            self._name,
            every_s=settings.every_s,
            max_pixels=limits.video_pixels,
        )
        # The clock of a transport stream may jump; how long it is shows when it is read.
        told_s = None if info.container in CLOCK_FORMATS else info.duration_s
        if told_s is not None and told_s > limits.video_s:
            raise _too_long(self._name, limits.video_s, told_s)
        if not self._put(Accepted(info)):
            return
        self._recognizer.threshold = settings.threshold
        smoothing = SmoothingSettings(
            settings.half_life_s, SmoothingSettings().margin if settings.half_life_s else 0.0
        )
        read = smoothed_offline(
            frame_readings(self._recognizer, self._bounded(frames)),
            smoothing,
            threshold=settings.threshold,
            keep_images=False,
        )
        totals, count, waiting, sent_at = TrackTotals(), 0, [], start
        last_s = step_s = 0.0
        with closing(read):  # type: ignore[type-var]
            for frame, readings in read:
                count += 1
                last_s, step_s = frame.time_s, frame.time_s - last_s
                totals.add(frame.time_s, readings)
                waiting.append((frame, readings))
                if len(waiting) >= _BATCH_FRAMES or time.monotonic() - sent_at >= _BATCH_S:
                    if not self._put(Frames(waiting)):
                        return
                    waiting, sent_at = [], time.monotonic()
        self._check()
        if waiting:
            self._put(Frames(waiting))
        people = [person.to_dict() for person in totals.summary()]
        duration_s = (last_s + step_s or None) if told_s is None else told_s
        self._put(Result(count, people, duration_s, time.monotonic() - start))

    def _bounded(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The frames, until somebody cancels; no more of them than a film may have."""
        limits = self._limits
        with closing(frames):  # type: ignore[type-var]
            for frame in frames:
                self._check()
                if frame.time_s > limits.video_s:
                    raise _too_long(self._name, limits.video_s, None)
                if frame.index >= limits.video_frames:
                    raise VideoError(
                        f"expected at most {limits.video_frames:,} frames; more came",
                        source=self._name,
                        limit=limits.video_frames,
                    )
                yield frame

    def _check(self) -> None:
        if self._file.is_cancelled:
            raise _CancelledError
        if self._file.is_late:
            raise VideoError(
                f"expected at most {self._limits.read_s:g} s to read it; it takes longer",
                source=self._name,
                limit=self._limits.read_s,
            )


class _CancelledError(Exception):
    pass


def cancelled() -> Refusal:
    """That nobody wants the film any more."""
    return Refusal(409, "cancelled", "the film was cancelled")


def _too_long(name: str, most_s: float, got_s: float | None) -> VideoError:
    came = "it is longer" if got_s is None else f"got {got_s / 60:.1f}"
    return VideoError(
        f"expected at most {most_s / 60:g} minutes; {came}", source=name, limit=most_s
    )
