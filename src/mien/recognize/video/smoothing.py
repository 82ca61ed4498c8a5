"""Probabilities of one face over time, steadied: means of logits, and labels that hold.

Single frames are noisy: a blink or a blur moves a face from one label to the next and back. The
mean is taken of log-probabilities, not of probabilities, so that it is again what a softmax of
logits would give, and sure frames count for more; its weights halve every `half_life_s` seconds of
the video's own time, whatever its frame rate.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.errors import OptionError, check_number
from mien.labels import EMOTIONS
from mien.readings import TrackedReading
from mien.recognize.video.info import Frame

Floats: TypeAlias = NDArray[np.float64]

MIN_PROBABILITY: Final = 1e-6
"""Smaller ones count as this: a single 0 would otherwise outweigh any number of frames."""

FORGET_S: Final = 90.0
"""After which the past of a face that is not seen is let go; its number is forgotten earlier."""


@dataclass(frozen=True)
class SmoothingSettings:
    """How probabilities are smoothed over time, and when a label changes.

    Attributes:
        half_life_s: the time after which a frame has half its weight; 0 smooths nothing.
        margin: by how much the probability of another emotion must exceed that of the label before
            the label changes, 0 to 1: hysteresis. 0 makes the label the likeliest emotion.
    Raises:
        OptionError: a value is out of its range.
    """

    half_life_s: float = 0.4
    margin: float = 0.1

    @classmethod
    def of(cls, half_life_s: float | None) -> "SmoothingSettings":
        """Those of a half-life alone; None takes the default one.

        0 smooths nothing, and makes the label the likeliest.
        """
        if half_life_s is None:
            return cls()
        return cls(half_life_s) if half_life_s else cls(0.0, 0.0)

    def __post_init__(self) -> None:
        check_number("half_life_s", self.half_life_s, finite=True)
        check_number("margin", self.margin, 0, 1)


class Smoother:
    """Smooths one face's probabilities as they come, from the past alone.

    The weights of the frames so far are normed, so that the first frame stands for itself and the
    start is not drawn towards anything.

        smoother = Smoother()
        smoothed, label = smoother(probabilities, frame.time_s)

    Args:
        settings: half-life and hysteresis.

    Attributes:
        time_s: of the last frame.
    """

    def __init__(self, settings: SmoothingSettings | None = None) -> None:
        self.settings = settings or SmoothingSettings()
        self._sum: Floats = np.zeros(len(EMOTIONS))
        self._weight = 0.0
        self.time_s = -math.inf
        self._label: int | None = None

    def __call__(self, probabilities: ArrayLike, time_s: float) -> tuple[tuple[float, ...], str]:
        """Take the next frame in.

        Args:
            probabilities: of the seven emotions, in the order of `mien.EMOTIONS`.
            time_s: of the frame; not before the one before.
        Returns:
            The smoothed probabilities, which sum to 1, and the label.
        Raises:
            OptionError: time runs backwards.
        """
        if time_s < self.time_s:
            raise OptionError(f"expected {self.time_s} or later; got {time_s}", argument="time_s")
        values = np.asarray(probabilities, np.float64)
        faded = decay(time_s - self.time_s, self.settings.half_life_s)
        self.time_s = time_s
        self._sum = faded * self._sum + log_probabilities(values)
        self._weight = faded * self._weight + 1.0
        smoothed = values if self._weight == 1.0 else softmax(self._sum / self._weight)
        self._label = held_label(self._label, smoothed, self.settings.margin)
        return tuple(smoothed.tolist()), EMOTIONS[self._label]


def smoothed_online(
    read: Iterable[tuple[Frame, list[TrackedReading]]],
    settings: SmoothingSettings,
    *,
    threshold: float = 0.0,
) -> Iterator[tuple[Frame, list[TrackedReading]]]:
    """Smooth readings from the frames before alone: each frame as it comes, otherwise as
    `mien.recognize.video.offline.smoothed_offline`.
    """
    smooth_faces = FaceSmoothing()
    now_s = -math.inf
    with closing_of(read):
        for frame, readings in read:
            # A stream that was cut may jump back: its rows keep that time, the smoothing does not.
            now_s = max(now_s, frame.time_s)
            yield frame, smooth_faces(readings, now_s, settings, threshold=threshold)


class FaceSmoothing:
    """Smooths the faces of one video as its frames come, each from its own past alone."""

    def __init__(self) -> None:
        self._smoothers: dict[int, Smoother] = {}

    def __call__(
        self,
        readings: Iterable[TrackedReading],
        time_s: float,
        settings: SmoothingSettings,
        *,
        threshold: float,
    ) -> list[TrackedReading]:
        """Take the readings of the next frame in.

        Args:
            readings: of the frame alone.
            time_s: of the frame; not before the one before.
            settings: half-life and hysteresis; other ones than before take the past as it is.
            threshold: a less probable label is unsure.
        Returns:
            The readings, smoothed.
        """
        smoothed = []
        for reading in readings:
            smoother = self._smoothers.setdefault(reading.track, Smoother())
            smoother.settings = settings
            own = smoother(reading.raw_probabilities, time_s)
            smoothed.append(with_smoothed(reading, *own, threshold))
        for track, smoother in list(self._smoothers.items()):
            if time_s - smoother.time_s > FORGET_S:
                del self._smoothers[track]
        return smoothed


def with_smoothed(
    reading: TrackedReading, probabilities: tuple[float, ...], label: str, threshold: float
) -> TrackedReading:
    """A reading with the probabilities and the label that it has by smoothing."""
    probability = probabilities[EMOTIONS.index(label)]
    return replace(
        reading,
        emotion=label,
        probability=probability,
        probabilities=probabilities,
        unsure=not probability >= threshold,  # so that NaN is unsure, too
    )


@contextmanager
def closing_of(read: object) -> Iterator[None]:
    """Close a generator at the end, and leave what cannot be closed."""
    try:
        yield
    finally:
        close = getattr(read, "close", None)
        if close is not None:
            close()


def smooth(
    probabilities: ArrayLike, times_s: ArrayLike, settings: SmoothingSettings | None = None
) -> tuple[Floats, list[str]]:
    """Smooth one face's probabilities with the past and the future alike: centered, without delay.

    The weight of a frame halves every `half_life_s` seconds to either side.

    Args:
        probabilities: (N, 7), columns in the order of `mien.EMOTIONS`; each row sums to 1.
        times_s: (N,), never falling.
        settings: half-life and hysteresis.
    Returns:
        (N, 7) float64, smoothed; and N labels.
    Raises:
        OptionError: the shapes do not fit, or time runs backwards.
    """
    settings = settings or SmoothingSettings()
    values, times = np.asarray(probabilities, np.float64), np.asarray(times_s, np.float64)
    if values.ndim != 2 or values.shape != (len(times), len(EMOTIONS)):
        raise OptionError(
            f"expected (N, {len(EMOTIONS)}) probabilities and N times; "
            f"got {values.shape} and {times.shape}"
        )
    steps_s = np.diff(times)
    if (steps_s < 0).any():
        raise OptionError("expected times that never fall; they do", argument="times_s")
    # Of each frame the logarithms and its weight, before the frames beside it are added.
    rows = np.column_stack((log_probabilities(values), np.ones(len(values))))
    decays = np.array([decay(step_s, settings.half_life_s) for step_s in steps_s.tolist()])
    past, future = _decayed_sums(rows, decays), _decayed_sums(rows[::-1], decays[::-1])[::-1]
    sums = past + future - rows  # each frame is in both
    smoothed = softmax(sums[:, :-1] / sums[:, -1:]) if len(sums) else values
    labels, label = [], None
    for row in smoothed:
        label = held_label(label, row, settings.margin)
        labels.append(EMOTIONS[label])
    return smoothed, labels


def _decayed_sums(rows: Floats, decays: Floats) -> Floats:
    sums = rows.copy()
    for i, left in enumerate(decays, start=1):
        sums[i] += left * sums[i - 1]
    return sums


def decay(step_s: float, half_life_s: float) -> float:
    """The weight that is left of a frame after some seconds, 0 to 1."""
    return float(2.0 ** (-step_s / half_life_s)) if half_life_s > 0.0 else 0.0


def log_probabilities(probabilities: Floats) -> Floats:
    """Their logarithms, with `MIN_PROBABILITY` in place of what is less."""
    return np.log(np.maximum(probabilities, MIN_PROBABILITY))


def softmax(logits: Floats) -> Floats:
    """(..., 7) -> probabilities, which sum to 1 over the last axis."""
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(shares / shares.sum(-1, keepdims=True))


def held_label(label: int | None, probabilities: Floats, margin: float) -> int:
    """The label of the next frame of a face: the last one, until another is clearly more probable.

    Args:
        label: of the frame before, as the number of an emotion; None for the first.
        probabilities: (7,), of this frame.
        margin: by how much another emotion must exceed the label.
    """
    best = int(probabilities.argmax())
    if label is None or probabilities[best] > probabilities[label] + margin:
        return best
    return label
