"""A camera -> what is seen now, read and drawn; frames that there is no time for are dropped."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import numpy as np

from mien.errors import VideoError
from mien.output.overlay import Annotator
from mien.readings import Image, TrackedReading
from mien.recognize.video.info import Frame
from mien.recognize.video.live_view import Viewer, save_still
from mien.recognize.video.smoothing import closing_of

_Drawn: TypeAlias = tuple[Frame, list[TrackedReading], Image, float]  # with its arrival

Read: TypeAlias = Callable[[Iterator[Frame]], Iterator[tuple[Frame, list[TrackedReading]]]]
"""Frames -> the same with their readings, one after the other: `Recognizer.stream` is one."""

PATIENCE_S: Final = 5.0
"""A camera that gives no image for so long is taken for lost."""

STREAM_PATIENCE_S: Final = 20.0
"""Likewise of a stream; FFmpeg gives up sooner and knows why."""

_CLOSING_S: Final = 2.0  # for the threads to end; a camera may hang in its driver
_RATE_S: Final = 1.0  # over which frames per second are counted
_IDLE_S: Final = 0.1  # of a wait, after which it is looked whether somebody wants the end
_REMEMBERED: Final = 36_000  # latencies, for the median


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """A frame as it is seen, drawn."""

    frame: Frame  # as the camera gave it
    readings: list[TrackedReading]  # of its faces
    drawn: Image  # (H, W, 3) uint8, RGB: the frame with boxes, labels and bars
    arrived_at: float  # when the frame was there, by `time.monotonic`
    latency_s: float  # from that moment until it was drawn
    fps: float  # frames drawn per second, over the last second
    dropped: int  # frames, until now, that came while another was read


@dataclass(frozen=True)
class LiveSummary:
    """What came of a live view."""

    seconds: float  # from the first frame that was drawn to the last, by the clock on the wall
    frames: int  # drawn
    dropped: int  # frames that came while another was read
    people: int  # tracks
    fps: float  # frames drawn per second; 0 for fewer than two frames
    latency_ms: float  # median of the last 36,000 frames; 0 without any
    latency_p95_ms: float  # likewise, the 95th percentile

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


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
        patience_s: the longest pause of a camera or a stream, whose end is a fault, too; None for
            a file.
        name: of the source, for messages.
        bars: draw the probabilities, as `mien.annotate` does.
    """

    def __init__(
        self,
        frames: Iterable[Frame],
        read: Read,
        *,
        drop: bool = True,
        patience_s: float | None = None,
        name: str = "the camera",
        bars: bool = True,
    ) -> None:
        self._frames = frames
        self._read = read
        self._drop = drop
        self._patience_s = patience_s
        self._name = name
        self._annotator = Annotator(bars=bars)
        # Each has an error or None as its last. The one frame that waits to be read, and when it
        # was there; and the one that is read and drawn.
        self._newest: queue.Queue[tuple[Frame, float] | BaseException | None] = queue.Queue(1)
        self._results: queue.Queue[_Drawn | BaseException | None] = queue.Queue(1)
        self._stopped = threading.Event()
        self._dropped = 0
        self._drawn_at: deque[float] = deque()
        self._latencies_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._count = 0
        self._arrived_at = 0.0  # of the frame that is being read
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

    def __exit__(self, *raised: object) -> None:
        self.stop()
        deadline = time.monotonic() + _CLOSING_S
        while self._threads[1].is_alive() and time.monotonic() < deadline:
            with suppress(queue.Empty):  # it may be about to hand over a result
                self._results.get(timeout=0.01)
                self._results.task_done()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def __iter__(self) -> Iterator[LiveFrame]:
        """The frames as they are seen.

        Raises:
            VideoError: the source cannot be read, or a camera or a stream has come to an end.
            MienError: as `read` raises.
        """
        return self.seen()

    def seen(self, idle: Callable[[], None] = lambda: None) -> Iterator[LiveFrame]:
        """As iterating over it, with something to do when no frame comes.

        Args:
            idle: called now and then while there is none; it may call `stop`.
        Raises:
            VideoError: the source cannot be read, or a camera or a stream has come to an end.
            MienError: as `read` raises.
        """
        while True:
            try:
                result = self._results.get(timeout=_IDLE_S)
            except queue.Empty:
                idle()
                continue
            self._results.task_done()
            if result is None:
                return
            if isinstance(result, BaseException):
                raise result
            yield self._seen(*result)

    def stop(self) -> None:
        """End it after the frame that is being read."""
        self._stopped.set()
        with suppress(queue.Full):  # what reads may wait for a frame
            self._newest.put_nowait(None)

    def summary(self) -> LiveSummary:
        """What has been seen until now."""
        seconds = self._last_at - self._first_at
        latencies = np.array(self._latencies_s or [0.0]) * 1000
        return LiveSummary(
            seconds=seconds,
            frames=self._count,
            dropped=self._dropped,
            people=len(self._tracks),
            fps=(self._count - 1) / seconds if seconds else 0.0,
            latency_ms=float(np.median(latencies)),
            latency_p95_ms=float(np.percentile(latencies, 95)),
        )

    def _seen(
        self, frame: Frame, readings: list[TrackedReading], drawn: Image, arrived_at: float
    ) -> LiveFrame:
        now = time.monotonic()
        if not self._count:
            self._first_at = now
        self._last_at = now
        self._count += 1
        self._tracks.update(reading.track for reading in readings)
        self._latencies_s.append(now - arrived_at)
        self._drawn_at.append(now)
        while now - self._drawn_at[0] > _RATE_S:
            self._drawn_at.popleft()
        span_s = now - self._drawn_at[0]
        return LiveFrame(
            frame,
            readings,
            drawn,
            arrived_at,
            latency_s=now - arrived_at,
            fps=(len(self._drawn_at) - 1) / span_s if span_s else 0.0,
            dropped=self._dropped,
        )

    def _capture(self) -> None:
        """Take frames from the source until it ends or nobody wants them any more."""
        last: BaseException | None = None
        frames = iter(self._frames)
        try:
            with closing_of(frames):
                for frame in frames:
                    if self._drop:
                        with suppress(queue.Empty):
                            self._dropped += self._newest.get_nowait() is not None
                    self._leave((frame, time.monotonic()))
                    if self._stopped.is_set():
                        return
            if self._patience_s is not None:
                last = VideoError(f"{self._name}: no more images come from it")
        except BaseException as raised:  # goes on to the caller, in its own thread
            last = raised
        self._leave(last)

    def _leave(self, item: tuple[Frame, float] | BaseException | None) -> None:
        """Leave something for what reads, as soon as the frame before it is taken."""
        while True:
            with suppress(queue.Full):
                self._newest.put(item, timeout=_IDLE_S)
                return
            if self._stopped.is_set():  # what reads takes whatever waits, and ends
                return

    def _work(self) -> None:
        """Read and draw the newest frame, hand it over, and begin again once it was taken."""
        last: BaseException | None = None
        try:
            for frame, readings in self._read(self._fresh()):
                drawn = self._annotator(frame.image, readings)
                self._results.put((frame, readings, drawn, self._arrived_at))
                self._results.join()
        except BaseException as raised:  # raised again by `seen`, in the caller's thread
            last = raised
        self._results.put(last)

    def _fresh(self) -> Iterator[Frame]:
        while True:
            try:
                found = self._newest.get(timeout=self._patience_s)
            except queue.Empty:
                raise VideoError(
                    f"{self._name}: expected an image; none came for {self._patience_s:g} s"
                ) from None
            if found is None or self._stopped.is_set():
                return
            if isinstance(found, BaseException):
                raise found
            frame, self._arrived_at = found
            yield frame


def in_real_time(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The frames of a file when a camera would have given them: a stand-in for one.

    Args:
        frames: with rising times.
    """
    start: float | None = None
    with closing_of(frames):
        for frame in frames:
            if start is None:
                start = time.monotonic() - frame.time_s
            time.sleep(max(0.0, start + frame.time_s - time.monotonic()))
            yield frame


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
        VideoError: the source cannot be read, or a camera or a stream has come to an end.
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
