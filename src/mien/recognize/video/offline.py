"""Centered smoothing while a video is read: each frame waits for those that follow it, a moment
long.

`mien.recognize.video.smoothing.smooth` has the whole video at hand. Here a frame waits for
`LOOKAHEAD` half-lives, so that memory does not grow with the video and rows reach the disk while it
is read.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

import cv2
import numpy as np

from mien.errors import MienError
from mien.labels import EMOTIONS
from mien.readings import Image, TrackedReading
from mien.recognize.video.info import Frame
from mien.recognize.video.smoothing import (
    Floats,
    SmoothingSettings,
    closing_of,
    decay,
    held_label,
    log_probabilities,
    softmax,
    with_smoothed,
)

LOOKAHEAD: Final = 4.0
"""Half-lives that a frame waits. A frame after that would have less than a 16th of its weight."""

RAW_BYTES: Final = 256_000_000
"""Of images that wait; those beyond it, as of 4K videos, wait as JPEG."""

_JPEG_QUALITY: Final = 95
_ROOM: Final = 16  # rows of a face of which no frame waits
_NO_IMAGE: Final = np.zeros((0, 0, 3), np.uint8)


def smoothed_offline(
    read: Iterable[tuple[Frame, list[TrackedReading]]],
    settings: SmoothingSettings,
    *,
    threshold: float = 0.0,
    keep_images: bool = True,
) -> Iterator[tuple[Frame, list[TrackedReading]]]:
    """Smooth readings with the frames before and those of the next `LOOKAHEAD` half-lives.

    Args:
        read: frames with their readings, as `mien.recognize.video.readings.frame_readings` gives
            them. Closed at the end if they can be.
        settings: half-life and hysteresis.
        threshold: of the recognizer: a less probable label is unsure.
        keep_images: the frames that are given have their images; without, those are empty and
            take no memory.
    Yields:
        The same frames, later. While they wait they hold `RAW_BYTES` of images at most, and JPEGs
        of the others; beside them memory grows with the number of people alone.
    Raises:
        MienError: as `read` raises; the frames before have then been given.
    """
    waiting: deque[_Waiting] = deque()
    pasts: dict[int, _Past] = {}
    lookahead_s = LOOKAHEAD * settings.half_life_s
    raw_bytes = 0
    now_s = -np.inf

    def first() -> tuple[Frame, list[TrackedReading]]:
        nonlocal raw_bytes
        frame, _, readings, jpeg = waiting.popleft()
        raw_bytes -= frame.image.nbytes
        if jpeg is not None:
            bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert bgr is not None
            rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
            frame = replace(frame, image=rgb)
        return frame, [
            with_smoothed(reading, *pasts[reading.track].first(settings), threshold)
            for reading in readings
        ]

    torn: MienError | None = None
    iterator = iter(read)
    with closing_of(iterator):
        try:
            for frame, readings in iterator:
                # A stream that was cut may jump back: its rows keep that time, the smoothing not.
                now_s = max(now_s, frame.time_s)
                jpeg = None
                if not keep_images:
                    frame = replace(frame, image=_NO_IMAGE)
                elif raw_bytes + frame.image.nbytes > RAW_BYTES:
                    jpeg = to_jpeg(frame.image, _JPEG_QUALITY)
                    frame = replace(frame, image=_NO_IMAGE)
                raw_bytes += frame.image.nbytes
                for reading in readings:
                    past = pasts.setdefault(reading.track, _Past())
                    past.add(reading.raw_probabilities, now_s)
                waiting.append(_Waiting(frame, now_s, readings, jpeg))
                while waiting and now_s - waiting[0].time_s >= lookahead_s:
                    yield first()
        except MienError as error:
            torn = error
        while waiting:
            yield first()
        if torn is not None:
            raise torn


class _Waiting(NamedTuple):
    """A frame that waits; its image is in the frame, or apart as JPEG."""

    frame: Frame
    time_s: float
    readings: list[TrackedReading]
    jpeg: bytes | None


class _Past:
    """One face: the decayed sum of its past, and its frames that wait."""

    def __init__(self) -> None:
        self._sum: Floats = np.zeros(len(EMOTIONS))
        self._weight = 0.0
        self._time_s = -np.inf
        # Those from `_first` to `_end` are of frames that wait: time and logarithms.
        self._rows: Floats = np.empty((0, 1 + len(EMOTIONS)))
        self._first = self._end = 0
        self._label: int | None = None

    def add(self, probabilities: tuple[float, ...], time_s: float) -> None:
        if self._end == len(self._rows):
            self._make_room()
        row = self._rows[self._end]
        row[0], row[1:] = time_s, log_probabilities(np.asarray(probabilities, np.float64))
        self._end += 1

    def _make_room(self) -> None:
        """Move the rows that wait to the start of more than twice the room that they take."""
        waiting = self._rows[self._first : self._end]
        self._rows = np.empty((2 * len(waiting) + _ROOM, waiting.shape[1]))
        self._rows[: len(waiting)] = waiting
        self._first, self._end = 0, len(waiting)

    def first(self, settings: SmoothingSettings) -> tuple[tuple[float, ...], str]:
        """Smooth the first frame that waits, with all that wait, and count it to the past."""
        half_life_s = settings.half_life_s
        waiting = self._rows[self._first : self._end]
        times_s, logs = waiting[:, 0], waiting[:, 1:]
        time_s = float(times_s[0])
        faded = decay(time_s - self._time_s, half_life_s)
        past, past_weight = faded * self._sum, faded * self._weight
        if half_life_s > 0.0:
            weights = 2.0 ** ((times_s - time_s) / -half_life_s)
        else:
            weights = np.eye(1, len(times_s))[0]
        mean = (past + weights @ logs) / (past_weight + weights.sum())
        smoothed = softmax(mean)
        self._label = held_label(self._label, smoothed, settings.margin)
        self._sum, self._weight = past + logs[0], past_weight + 1.0
        self._time_s = time_s
        self._first += 1
        if self._first == self._end:  # it may never be seen again
            self._make_room()
        return tuple(smoothed.tolist()), EMOTIONS[self._label]


def to_jpeg(image: Image, quality: int) -> bytes:
    """(H, W, 3) uint8 RGB as a JPEG file, of a quality from 1 to 100."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(content)
