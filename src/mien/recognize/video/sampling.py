"""Which frames of a video are given, and how far ahead of the one who takes them they are made."""

import math
import queue
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Final

from mien.errors import OptionError, check_is_number
from mien.recognize.video.containers import SAME_TIME_S
from mien.recognize.video.info import Frame


def check_times(every_s: float | None, start_s: float | None, end_s: float | None) -> None:
    """Raise `OptionError` for times that make no part of a video."""
    for name, seconds in (("every_s", every_s), ("start_s", start_s), ("end_s", end_s)):
        if seconds is not None:
            check_is_number(name, seconds)
    if every_s is not None and not every_s > 0:
        raise OptionError(f"expected seconds above 0; got {every_s}", argument="every_s")
    if start_s is not None and not start_s >= 0:
        raise OptionError(f"expected seconds of 0 or more; got {start_s}", argument="start_s")
    if end_s is not None and not end_s > (start_s or 0.0):
        raise OptionError(
            f"expected seconds above {start_s or 0.0} ({{other}}); got {end_s}",
            argument="end_s",
            other="start_s",
        )


def check_fps(sequence_fps: float | None) -> None:
    """Raise `OptionError` for what is no rate of frames."""
    if sequence_fps is None:
        return
    check_is_number("sequence_fps", sequence_fps)
    if not 0 < sequence_fps < math.inf:
        raise OptionError(
            f"expected frames per second above 0; got {sequence_fps}", argument="sequence_fps"
        )


class FrameSampler:
    """Which times are asked for."""

    def __init__(self, every_s: float | None, start_s: float | None, end_s: float | None) -> None:
        self._every_s = every_s
        self._start_s = -math.inf if start_s is None else start_s - SAME_TIME_S
        self._end_s = math.inf if end_s is None else end_s - SAME_TIME_S
        self._last_step: float = -math.inf

    def is_over(self, time_s: float) -> bool:
        """Whether neither this frame nor a later one is asked for."""
        return time_s >= self._end_s

    def takes(self, time_s: float) -> bool:
        """Whether this frame is asked for; call it once for each frame, in order."""
        if time_s < self._start_s:
            return False
        if self._every_s is None:
            return True
        step = (time_s + SAME_TIME_S) // self._every_s
        taken = step > self._last_step
        self._last_step = max(step, self._last_step)
        return taken


_ROUNDED_S: Final = 0.001
"""By which the length of a video may be off: Matroska and WebM tell whole milliseconds."""


def end_of_last(
    last_s: float | None, every_s: float | None, *limits_s: float | None, until_s: float
) -> float | None:
    """When the last of the frames that were read ends.

    Args:
        last_s: its time; None if there is none.
        every_s: as of `FrameSampler`.
        limits_s: the ends of the video, and of the part that was read; None for what is not known.
        until_s: when it ends if it takes as long as the one before.
    Returns:
        None where all frames were taken and the last one takes as long as the one before.
    """
    if last_s is None:
        return None
    limits = [end_s for end_s in limits_s if end_s is not None and end_s > last_s]
    if every_s is not None:
        return min([last_s + every_s, *limits])
    end_s = min(limits, default=math.inf)
    return end_s if end_s < until_s - _ROUNDED_S else None


def sampled(
    produced: Iterator[Frame], every_s: float | None, start_s: float | None, end_s: float | None
) -> Iterator[Frame]:
    """The frames within the times, thinned out."""
    sampler = FrameSampler(every_s, start_s, end_s)
    with closing(produced):  # type: ignore[type-var]
        for frame in produced:
            if sampler.is_over(frame.time_s):
                return
            if sampler.takes(frame.time_s):
                yield frame


def prefetch(produced: Iterator[Frame], depth: int, *, newest: bool = False) -> Iterator[Frame]:
    """What `produced` yields, made in a thread of its own that runs `depth` frames ahead.

    Args:
        produced: a generator; only the thread touches it.
        depth: frames that wait at most.
        newest: where too many wait, drop the oldest rather than stop the thread.
    """
    waiting: queue.Queue[Frame | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: Frame | BaseException | None) -> None:
        placed = False
        while not (placed or stopped.is_set()):
            with suppress(queue.Full):
                waiting.put(item, timeout=0.2)
                placed = True

    def run() -> None:
        ended: BaseException | None = None
        try:
            with closing(produced):  # type: ignore[type-var]
                for frame in produced:
                    if stopped.is_set():
                        return
                    if newest and waiting.full():
                        with suppress(queue.Empty):
                            waiting.get_nowait()
                    put(frame)
        except BaseException as error:  # is raised where the frames are taken
            ended = error
        put(ended)

    # A read that hangs, in a camera or a network, must not keep the process from ending.
    thread = threading.Thread(target=run, name="mien-frames", daemon=True)
    thread.start()
    try:
        while True:
            try:
                # On Windows a wait without an end does not hear Ctrl-C.
                item = waiting.get(timeout=0.5)
            except queue.Empty:
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join(timeout=2.0)
