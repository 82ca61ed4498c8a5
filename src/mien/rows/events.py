"""Onset, peak and end of each expression of each track, from the rows of a video."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import OptionError
from mien.labels import EMOTIONS
from mien.readings import Event
from mien.rows.table import VideoResult

EVENT_COLUMNS: Final = (
    *("track", "name", "emotion", "onset_s", "peak_s", "end_s", "duration_s"),
    *("peak_probability", "mean_probability", "frames"),
)
"""Of a table of events, as CSV and JSON."""

_ROUNDING_S: Final = 1e-6  # by which times may be off


@dataclass(frozen=True)
class EventSettings:
    """When an expression begins and ends; `docs/events.md` says what they were chosen on.

    Attributes:
        on: the probability that an expression must reach somewhere, 0 to 1.
        off: that it must keep from its onset to its end, 0 to `on`: hysteresis (Canny 1986).
        window_s: probabilities are smoothed by a running median over so many seconds: it takes out
            blinks, and leaves onsets where they are (Tukey 1977); 0 smooths nothing.
        min_duration_s: shorter expressions are left out.
        max_gap_s: a face that is not seen for longer ends its expressions; 0 ends them with the
            first frame without it.
        usable_only: leave out faces whose reading is not usable, as if they were not seen; those of
            which it is not known stay. `max_gap_s` bridges short stretches of them.
    Raises:
        OptionError: a value is out of its range.
    """

    on: float = 0.5
    off: float = 0.35
    window_s: float = 0.5
    min_duration_s: float = 0.25
    max_gap_s: float = 0.0
    usable_only: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.off <= self.on <= 1.0:
            raise OptionError(
                f"expected thresholds 0 < off <= on <= 1; got off {self.off:g} and on {self.on:g}"
            )
        for name in ("window_s", "min_duration_s", "max_gap_s"):
            if not 0.0 <= (value := getattr(self, name)) < np.inf:
                raise OptionError(f"{name}: expected 0 or more seconds; got {value:g}")


@dataclass(frozen=True, eq=False)
class Visits:
    """The faces of a video by track and time, and where each track is seen without a gap.

    Attributes:
        rows: (F,) int64: which rows of the `VideoResult` they are.
        positions: (F,) int64: which of its frames they are in.
        tracks: (F,) int64, rising.
        times_s: (F,) float64, of their frames; rising in each track, unless a stream jumps back.
        ends_s: (F,) float64: when the next frame of the video is shown; of the last frame, as if it
            took as long as the one before.
        visits: (F,) int64, rising: the number of the stretch in which a track is seen.
    """

    rows: NDArray[np.int64]
    positions: NDArray[np.int64]
    tracks: NDArray[np.int64]
    times_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]
    visits: NDArray[np.int64]

    @classmethod
    def of(cls, result: VideoResult, *, max_gap_s: float = 0.0) -> "Visits":
        """Sort the faces of a video.

        Args:
            result: of a video.
            max_gap_s: a face that is not seen for longer begins another visit.
        """
        rows = np.lexsort((result.positions, result.tracks))
        positions, tracks = result.positions[rows], result.tracks[rows]
        times_s, ends_s = result.times_s[positions], frame_ends_s(result.times_s)[positions]
        gaps_s = times_s[1:] - ends_s[:-1]
        apart = (np.diff(tracks) != 0) | (gaps_s > max_gap_s + _ROUNDING_S)
        apart |= np.diff(times_s) < 0  # a stream that was cut
        visits = np.concatenate(([0], np.cumsum(apart)))[: len(rows)]
        return cls(rows, positions, tracks, times_s, ends_s, visits)

    def of_tracks(self) -> Iterator[tuple[int, slice]]:
        """Each track, with the slice of its faces."""
        tracks, firsts = np.unique(self.tracks, return_index=True)
        ends = np.append(firsts[1:], len(self.tracks)).tolist()[: len(tracks)]
        for track, first, end in zip(tracks.tolist(), firsts.tolist(), ends, strict=True):
            yield track, slice(first, end)


def events_of(result: VideoResult, settings: EventSettings | None = None) -> list[Event]:
    """The expressions of each track: hysteresis on a running median of the probabilities.

        for event in events_of(read_rows("rows.csv")):
            print(event.name, event.emotion, event.onset_s, event.end_s)

    The median is that of the probabilities of single frames, `raw_probabilities`. The smoothed ones
    of the rows would lose most expressions of less than a second: the mean of log-probabilities
    gives more weight to what is surer, and moves onsets towards it.

    Args:
        result: of a video, read or from `mien.rows.table.read_rows`.
        settings: thresholds, smoothing and durations.
    Returns:
        The events in the order of their onsets, then tracks. Those of one track may overlap where
        two emotions are both above `off`.
    """
    settings = settings or EventSettings()
    if settings.usable_only:
        result = result.usable()
    faces = Visits.of(result, max_gap_s=settings.max_gap_s)
    first, end = _windows(faces, settings.window_s)
    events: list[Event] = []
    for emotion, probabilities in zip(EMOTIONS, result.raw_probabilities.T, strict=True):
        own = np.nan_to_num(probabilities[faces.rows].astype(np.float64))
        # A median is at least x where more than half of the values are.
        kept = 2 * _sums(own >= settings.off, first, end) > end - first
        strong = 2 * _sums(own >= settings.on, first, end) > end - first
        starts, stops = _runs(kept, faces.visits)
        reached = np.concatenate(([0], np.cumsum(strong)))
        lasting = faces.ends_s[stops - 1] - faces.times_s[starts] + _ROUNDING_S
        good = (reached[stops] > reached[starts]) & (lasting >= settings.min_duration_s)
        level = _sums(own, first, end) / (end - first)
        for start, stop in zip(starts[good].tolist(), stops[good].tolist(), strict=True):
            peak = start + int(level[start:stop].argmax())
            track = int(faces.tracks[start])
            event = Event(
                track=track,
                name=result.name_of(track),
                emotion=emotion,
                onset_s=float(faces.times_s[start]),
                peak_s=float(faces.times_s[peak]),
                end_s=float(faces.ends_s[stop - 1]),
                peak_probability=float(level[peak]),
                mean_probability=float(own[start:stop].mean()),
                frames=stop - start,
            )
            events.append(event)
    return sorted(events, key=lambda event: (event.onset_s, event.track, event.end_s))


def frame_ends_s(times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """When each frame ends: at the next one; the last, as if it took as long as the one before.

    Args:
        times_s: (N,), of all frames of a video.
    """
    if len(times_s) < 2:
        return times_s.copy()
    ends_s = np.append(times_s[1:], 2 * times_s[-1] - times_s[-2])
    return np.asarray(np.maximum(ends_s, times_s))


def shown_by(faces: Visits, events: Sequence[Event]) -> NDArray[np.bool_]:
    """(F, 7): which of `mien.EMOTIONS` each face shows by these events.

    Args:
        faces: of the video.
        events: of the same video.
    """
    shown = np.zeros((len(faces.rows), len(EMOTIONS)), np.bool_)
    slices = dict(faces.of_tracks())
    for event in events:
        if (own := slices.get(event.track)) is None:
            continue
        limits_s = np.array([event.onset_s, event.end_s]) - _ROUNDING_S
        start, stop = own.start + np.searchsorted(faces.times_s[own], limits_s)
        shown[start:stop, EMOTIONS.index(event.emotion)] = True
    return shown


def _windows(faces: Visits, window_s: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(F,) each: the first face of the window around each, and the one after its last."""
    if not len(faces.rows):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    span_s = float(np.ptp(faces.times_s)) + window_s + 1.0
    keys = faces.times_s - faces.times_s.min() + faces.visits * span_s  # no window leaves a visit
    half_s = window_s / 2 + _ROUNDING_S
    return np.searchsorted(keys, keys - half_s), np.searchsorted(keys, keys + half_s, side="right")


def _sums(values: NDArray[Any], first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[Any]:
    """(F,): the sum of the values in the window of each."""
    sums = np.concatenate(([0], np.cumsum(values)))
    return np.asarray(sums[end] - sums[first])


def _runs(
    kept: NDArray[np.bool_], visits: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where runs of true values begin and end, each inside one visit."""
    if not len(kept):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    new = np.concatenate(([True], np.diff(visits) != 0))
    before = np.concatenate(([False], kept[:-1])) & ~new
    after = np.concatenate((kept[1:] & ~new[1:], [False]))
    return np.flatnonzero(kept & ~before), np.flatnonzero(kept & ~after) + 1
