"""A camera -> what is seen now, read and drawn; frames that there is no time for are dropped."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import numpy as np

from mien.errors import VideoError
from mien.output.overlay import Annotator
from mien.readings import Image
from mien.recognize.video.live_view import Viewer, save_still

if TYPE_CHECKING:
    from mien.readings import TrackedReading
    from mien.recognize.video.frames import Frame

Read: TypeAlias = "Callable[[Iterator[Frame]], Iterator[tuple[Frame, list[TrackedReading]]]]"
"""Frames -> the same with their readings, one after the other: `Recognizer.stream` is one."""

PATIENCE_S: Final = 5.0
"""A camera that gives no image for so long is taken for lost."""

STREAM_PATIENCE_S: Final = 20.0
"""Likewise of a stream; FFmpeg gives up sooner and knows why."""

_CLOSING_S: Final = 2.0  # for the threads to end; a camera may hang in its driver
_RATE_S: Final = 1.0  # over which frames per second are counted
_IDLE_S: Final = 0.1  # without a frame, after which keys are looked at all the same
_REMEMBERED: Final = 36_000  # latencies, for the median


@dataclass(frozen=True)
class LiveFrame:
    """A frame as it is seen, drawn.

    Attributes:
        frame: as the camera gave it.
        readings: of its faces.
        drawn: (H, W, 3) uint8, RGB: the frame with boxes, labels and bars.
        arrived_at: when the frame was there, by `time.monotonic`.
        latency_s: from the moment when the frame was there until it was drawn.
        fps: frames drawn per second, over the last second.
        dropped: frames, until now, that came while another was read.
    """

    frame: "Frame"
    readings: "list[TrackedReading]"
    drawn: Image
    arrived_at: float
    latency_s: float
    fps: float
    dropped: int


@dataclass(frozen=True)
class LiveSummary:
    """What came of a live view.

    Attributes:
        seconds: from the first frame that was drawn to the last, by the clock on the wall.
        frames: drawn.
        dropped: frames that came while another was read.
        people: tracks.
        fps: frames drawn per second; 0 for fewer than two frames.
        latency_ms: median, and the 95th percentile, of the last 36,000 frames; 0 without any.
        latency_p95_ms: see there.
    """

    seconds: float
    frames: int
    dropped: int
    people: int
    fps: float
    latency_ms: float
    latency_p95_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


class Live:
    """Frames read and drawn as they come, each as soon as the one before it is done.

        with Live(frames(0), recognizer.stream) as live:
            for seen in live:
                window.show(seen.drawn)

    One thread takes the frames from the camera and keeps the newest alone, one reads and draws. The
    caller's own has the results: what it does with one goes on beside the reading of the next, and
    no further, so that a slow caller sees fewer frames and not older ones.

    Args:
        frames: of a camera or whatever stands in for it; closed at the end if it can be.
        read: frames -> frames with readings, without looking ahead.
        drop: leave out frames that come while another is read. Without it every frame is read,
            and a file is read as fast as that goes.
        endless: the frames come from a camera or a stream: their end is a fault, and so is a pause.
        patience_s: the longest pause of an endless source.
        name: of the source, for messages.
        bars: draw the probabilities, as `mien.annotate` does.
    """

    def __init__(
        self,
        frames: "Iterable[Frame]",
        read: Read,
        *,
        drop: bool = True,
        endless: bool = False,
        patience_s: float = PATIENCE_S,
        name: str = "the camera",
        bars: bool = True,
    ) -> None:
        self._frames = frames
        self._read = read
        self._drop = drop
        self._endless = endless
        self._patience_s = patience_s
        self._name = name
        self._annotator = Annotator(bars=bars)
        self._newest = _Newest(drop=drop)
        self._results: queue.Queue[_Drawn | BaseException | None] = queue.Queue(1)
        self._taken = threading.Semaphore(0)
        self._arrivals: deque[tuple[int, float]] = deque()
        self._drawn_at: deque[float] = deque()
        self._latencies_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._count = 0
        self._tracks: set[int] = set()
        self._first_at = self._last_at = 0.0
        self._threads = [
            threading.Thread(target=self._capture, name="mien capture", daemon=True),
            threading.Thread(target=self._work, name="mien reading", daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._newest.close()
        self._taken.release()
        deadline = time.monotonic() + _CLOSING_S
        while self._threads[1].is_alive() and time.monotonic() < deadline:
            try:  # it may be about to hand over a result
                self._results.get(timeout=0.01)
                self._taken.release()
            except queue.Empty:
                pass
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def __iter__(self) -> Iterator[LiveFrame]:
        """The frames as they are seen.

        Raises:
            VideoError: the source cannot be read, or an endless one has come to an end.
            MienError: as `read` raises.
        """
        return self.seen()

    def seen(self, idle: Callable[[], None] = lambda: None) -> Iterator[LiveFrame]:
        """As iterating over it, with something to do when no frame comes.

        Args:
            idle: called now and then while there is none; it may call `stop`.
        Raises:
            VideoError: the source cannot be read, or an endless one has come to an end.
            MienError: as `read` raises.
        """
        while True:
            try:
                result = self._results.get(timeout=_IDLE_S)
            except queue.Empty:
                idle()
                continue
            if result is None:
                return
            if isinstance(result, BaseException):
                raise result
            now = time.monotonic()
            self._taken.release()
            yield self._seen(result, now)

    def stop(self) -> None:
        """End it after the frame that is being read."""
        self._newest.close()

    def summary(self) -> LiveSummary:
        """What has been seen until now."""
        seconds = self._last_at - self._first_at
        latencies = np.array(self._latencies_s or [0.0]) * 1000
        return LiveSummary(
            seconds=seconds,
            frames=self._count,
            dropped=self._newest.dropped,
            people=len(self._tracks),
            fps=(self._count - 1) / seconds if seconds else 0.0,
            latency_ms=float(np.median(latencies)),
            latency_p95_ms=float(np.percentile(latencies, 95)),
        )

    def _seen(self, result: "_Drawn", now: float) -> LiveFrame:
        if not self._count:
            self._first_at = now
        self._last_at = now
        self._count += 1
        self._tracks.update(reading.track for reading in result.readings)
        latency_s = now - result.arrived_at
        self._latencies_s.append(latency_s)
        self._drawn_at.append(now)
        while now - self._drawn_at[0] > _RATE_S:
            self._drawn_at.popleft()
        span_s = now - self._drawn_at[0]
        return LiveFrame(
            frame=result.frame,
            readings=result.readings,
            drawn=result.drawn,
            arrived_at=result.arrived_at,
            latency_s=latency_s,
            fps=(len(self._drawn_at) - 1) / span_s if span_s else 0.0,
            dropped=self._newest.dropped,
        )

    def _capture(self) -> None:
        """Take frames from the source until it ends or nobody wants them any more."""
        frames = iter(self._frames)
        error: BaseException | None = None
        try:
            for frame in frames:
                if not self._newest.put(frame, time.monotonic()):
                    break
            else:
                if self._endless:
                    error = VideoError(f"{self._name}: no more images come from it")
        except BaseException as raised:  # goes on to the caller, in its own thread
            error = raised
        finally:
            close = getattr(frames, "close", None)
            if close is not None:
                close()
            self._newest.end(error)

    def _work(self) -> None:
        """Read and draw the newest frame, hand it over, and begin again once it was taken."""
        try:
            for frame, readings in self._read(self._fresh()):
                while self._arrivals[0][0] != frame.index:
                    self._arrivals.popleft()
                _, arrived_at = self._arrivals.popleft()
                drawn = self._annotator(frame.image, readings)
                self._results.put(_Drawn(frame, readings, drawn, arrived_at))
                self._taken.acquire()
        except BaseException as raised:  # raised again by `__iter__`, in the caller's thread
            self._results.put(raised)
        else:
            self._results.put(None)

    def _fresh(self) -> "Iterator[Frame]":
        patience_s = self._patience_s if self._endless else None
        while True:
            try:
                found = self._newest.take(patience_s)
            except TimeoutError:
                raise VideoError(
                    f"{self._name}: expected an image; none came for {self._patience_s:g} s"
                ) from None
            if found is None:
                return
            frame, arrived_at = found
            self._arrivals.append((frame.index, arrived_at))
            yield frame


@dataclass(frozen=True)
class _Drawn:
    frame: "Frame"
    readings: "list[TrackedReading]"
    drawn: Image
    arrived_at: float


class _Newest:
    """The one frame that waits to be read; a newer one takes its place, or waits if it must."""

    def __init__(self, *, drop: bool) -> None:
        self.dropped = 0
        self._drop = drop
        self._changed = threading.Condition()
        self._waiting: tuple[Frame, float] | None = None
        self._ended = False
        self._closed = False
        self._error: BaseException | None = None

    def put(self, frame: "Frame", arrived_at: float) -> bool:
        """Leave a frame; False if no more are wanted."""
        with self._changed:
            if not self._drop:
                self._changed.wait_for(lambda: self._waiting is None or self._closed)
            if self._waiting is not None:
                self.dropped += 1
            self._waiting = (frame, arrived_at)
            self._changed.notify_all()
            return not self._closed

    def take(self, patience_s: float | None) -> "tuple[Frame, float] | None":
        """Wait for a frame and take it, with its time; None at the end. Raises what `end` was told.

        Raises:
            TimeoutError: none came for `patience_s`.
        """
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._closed or self._waiting is not None or self._ended, patience_s
            ):
                raise TimeoutError
            if self._closed:
                return None
            if self._waiting is None and self._error is not None:
                raise self._error
            found, self._waiting = self._waiting, None
            self._changed.notify_all()
            return found

    def end(self, error: BaseException | None) -> None:
        """No more frames come; those that wait are still taken, then comes the error."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def close(self) -> None:
        """No more frames are wanted."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def in_real_time(frames: "Iterable[Frame]") -> "Iterator[Frame]":
    """The frames of a file when a camera would have given them: a stand-in for one.

    Args:
        frames: with rising times.
    """
    start: float | None = None
    try:
        for frame in frames:
            now = time.monotonic()
            if start is None:
                start = now - frame.time_s
            if (early_s := start + frame.time_s - now) > 0:
                time.sleep(early_s)
            yield frame
    finally:
        close = getattr(frames, "close", None)
        if close is not None:
            close()


def watch(
    live: Live,
    *,
    viewer: Viewer | None = None,
    outputs: Sequence[Callable[[LiveFrame], None]] = (),
    recording: bool = False,
    stills: Path = Path(),
    on_still: Callable[[Path], None] = lambda path: None,
    seconds: float | None = None,
) -> None:
    """Show a live view until somebody presses `q`, its source ends, or time is over.

    `s` saves a still. What is shown comes first and is written after, so that writing costs frames
    and no latency.

    Args:
        live: entered.
        viewer: None shows nothing.
        outputs: each is called with every frame.
        recording: one of the outputs writes a video; said in the line below the image.
        stills: folder for them.
        on_still: called with the path of each still.
        seconds: after which it ends, by the times of the frames.
    Raises:
        VideoError: the source cannot be read, or an endless one has come to an end.
        OutputError: something cannot be written.
    """
    first_s: float | None = None

    def look() -> None:
        if viewer is not None and "q" in viewer.pressed():
            live.stop()

    for seen in live.seen(idle=look):
        if first_s is None:
            first_s = seen.frame.time_s
        past_s = seen.frame.time_s - first_s
        keys: Sequence[str] = ()
        if viewer is not None:
            viewer.show(seen, recording_s=past_s if recording else None)
            keys = viewer.pressed()
        for write in outputs:
            write(seen)
        if viewer is not None and "s" in keys:
            still = save_still(seen, stills)
            viewer.saved(still)
            on_still(still)
        if "q" in keys or (seconds is not None and past_s >= seconds):
            return
