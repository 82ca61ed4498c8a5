"""Onset, peak and end of each expression of each track, as the rows of a video come."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import OptionError
from mien.labels import EMOTIONS
from mien.readings import Event, Probabilities, person_name
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
                raise OptionError(f"expected 0 or more seconds; got {value:g}", argument=name)


@dataclass(frozen=True, eq=False)
class Faces:
    """Faces of a video by track and time; F faces."""

    tracks: NDArray[np.int64]  # (F,) int64, rising
    # (F,) int64: which frame of the video they are in; rising in each track
    positions: NDArray[np.int64]
    # (F,) float64, of their frames; rising in each track, unless a stream jumps back
    times_s: NDArray[np.float64]
    # (F,) float64: when the next frame of the video is shown; of the last frame, where its end is
    # not known, as if it took as long as the one before
    ends_s: NDArray[np.float64]
    raw_probabilities: Probabilities  # (F, 7) float32
    unusable: NDArray[np.int64]  # (F,) int64, see `VideoResult`

    def of_tracks(self) -> Iterator[tuple[int, slice]]:
        """Each track, with the slice of its faces."""
        tracks, firsts = np.unique(self.tracks, return_index=True)
        limits = [*firsts.tolist(), len(self.tracks)]
        for track, (first, end) in zip(tracks.tolist(), pairwise(limits), strict=True):
            yield track, slice(first, end)


class FaceTimes:
    """Gives the faces of a video once it is known when their frames end: the last frame waits."""

    def __init__(self) -> None:
        self._frames = 0
        self._last_s = np.zeros(0)  # the times of the last two frames
        none, no_probabilities = np.zeros(0, np.int64), np.zeros((0, len(EMOTIONS)), np.float32)
        self._waiting: list[NDArray[Any]] = [none, none, no_probabilities, none]

    def add(self, rows: VideoResult) -> Faces:
        """The faces of the next frames but the last, and those that waited.

        Args:
            rows: those that follow the ones before.
        """
        positions = rows.positions + self._frames
        new: list[NDArray[Any]] = [rows.tracks, positions, rows.raw_probabilities, rows.unusable]
        columns = [np.concatenate(pair) for pair in zip(self._waiting, new, strict=True)]
        times_s = np.concatenate((self._last_s[-1:], rows.times_s))
        first = self._frames - len(self._last_s[-1:])
        self._frames += len(rows.frames)
        self._last_s = np.concatenate((self._last_s, rows.times_s))[-2:]
        ended = columns[1] < self._frames - 1
        self._waiting = [column[~ended] for column in columns]
        return _by_track([column[ended] for column in columns], first, times_s)

    def finish(self, until_s: float | None = None) -> Faces:
        """The faces of the last frame; None as its end: it takes as long as the one before."""
        last_s = self._last_s[-1:]
        end_s = 2 * last_s - self._last_s[:1]  # the time itself of a single frame
        if until_s is not None:
            end_s = np.full_like(last_s, until_s)
        return _by_track(self._waiting, self._frames - 1, np.concatenate((last_s, end_s)))


def _by_track(columns: list[NDArray[Any]], first: int, times_s: NDArray[np.float64]) -> Faces:
    """The faces in their order, with times that begin with that of frame `first`."""
    tracks, positions, *others = columns
    order = np.lexsort((positions, tracks))
    places = positions[order] - first
    starts_s = times_s[places]
    ends_s = np.maximum(times_s[places + 1], starts_s)
    return Faces(
        tracks[order], positions[order], starts_s, ends_s, *(column[order] for column in others)
    )


class Presence:
    """When each track of a video is seen. Memory grows with the stretches, not with their length.

    Attributes:
        names: track -> what somebody calls that person.
    """

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self._stretches: dict[int, array[float]] = {}  # track -> as `stretches`, in a row

    @classmethod
    def of(cls, rows: "VideoResult | Presence") -> "Presence":
        """That of a video."""
        if isinstance(rows, Presence):
            return rows
        presence, times = cls(), FaceTimes()
        presence.names |= rows.names
        presence.add(times.add(rows))
        presence.add(times.finish())
        return presence

    def add(self, faces: Faces) -> None:
        """Count the faces that follow those before."""
        for track, own in faces.of_tracks():
            earlier = self._stretches.setdefault(track, array("d"))
            positions, times_s, ends_s = faces.positions[own], faces.times_s[own], faces.ends_s[own]
            # A frame ends when the next one begins, unless time falls.
            apart = (np.diff(positions) != 1) | (ends_s[:-1] != times_s[1:])
            begins, ends = np.append(True, apart), np.append(apart, True)
            found = np.stack(
                (positions[begins], times_s[begins], positions[ends] + 1, ends_s[ends]), 1
            )
            if earlier and earlier[-2:].tolist() == found[0, :2].tolist():
                earlier[-2:] = array("d", found[0, 2:])
                found = found[1:]
            earlier.extend(found.ravel())

    @property
    def tracks(self) -> list[int]:
        """All of them, rising."""
        return sorted(self._stretches)

    def stretches(self, track: int) -> NDArray[np.float64]:
        """Where one track is seen, from frame to frame without a gap.

        Returns:
            (S, 2, 2), S stretches in order: the number of their first frame, and when it begins;
            that of the one after their last, and when that ends.
        """
        return np.array(self._stretches[track]).reshape(-1, 2, 2)

    def name_of(self, track: int) -> str:
        """What a person is called, as `VideoResult.name_of`."""
        return self.names.get(track, person_name(track))


class EventFinder:
    """Finds the expressions of each track as the rows of a video come.

        finder = EventFinder()
        for rows in blocks:
            finder.add(rows)
        events = finder.finish()

    Hysteresis on a running median of the probabilities of single frames. Memory grows with the
    tracks, the stretches in which they are seen and the events, not with the frames.

    Args:
        settings: thresholds, smoothing and durations.

    Attributes:
        settings: as given.
        presence: when each track is seen.
    """

    def __init__(self, settings: EventSettings | None = None) -> None:
        self.settings = settings or EventSettings()
        self.presence = Presence()
        self._times = FaceTimes()
        self._tracks: dict[int, _Track] = {}
        self._found: list[tuple[int, int, _Run]] = []  # track, emotion

    def add(self, rows: VideoResult) -> None:
        """Look at the rows that follow those before."""
        self.presence.names |= rows.names
        self._add(self._times.add(rows.usable() if self.settings.usable_only else rows))

    def _add(self, faces: Faces) -> None:
        self.presence.add(faces)
        for track, own in faces.of_tracks():
            seen = self._tracks.setdefault(track, _Track())
            values = np.nan_to_num(faces.raw_probabilities[own].astype(np.float64))
            seen.add(faces.times_s[own], faces.ends_s[own], values)
            self._keep(track, seen.judge(self.settings))

    def _keep(self, track: int, runs: "Iterator[tuple[int, _Run]]") -> None:
        for emotion, run in runs:
            lasting_s = run.end_s - run.onset_s + _ROUNDING_S
            if run.is_strong and lasting_s >= self.settings.min_duration_s:
                self._found.append((track, emotion, run))

    def finish(self, until_s: float | None = None) -> list[Event]:
        """The events in the order of their onsets, then tracks; call it once, at the end.

        Args:
            until_s: when the last frame ends; None: it takes as long as the one before.
        """
        self._add(self._times.finish(until_s))
        for track, seen in self._tracks.items():
            self._keep(track, seen.judge(self.settings, is_last=True))
        self._found.sort(key=lambda one: (one[2].onset_s, one[0], one[2].end_s, one[1]))
        return [
            Event(
                track=track,
                name=self.presence.name_of(track),
                emotion=EMOTIONS[emotion],
                onset_s=run.onset_s,
                peak_s=run.peak_s,
                end_s=run.end_s,
                peak_probability=run.peak,
                mean_probability=run.total / run.frames,
                frames=run.frames,
            )
            for track, emotion, run in self._found
        ]


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
    finder = EventFinder(settings)
    finder.add(result)
    return finder.finish()


@dataclass(frozen=True)
class _Run:
    """Faces that follow each other and all show one emotion, or the first of them."""

    onset_s: float
    end_s: float
    is_strong: bool  # whether `on` is reached
    peak: float  # the highest mean in a window
    peak_s: float
    total: float  # the sum of the probabilities
    frames: int

    def joined(self, after: "_Run") -> "_Run":
        """With the faces that follow."""
        higher = after if after.peak > self.peak else self
        return replace(
            higher,
            onset_s=self.onset_s,
            end_s=after.end_s,
            is_strong=self.is_strong or after.is_strong,
            total=self.total + after.total,
            frames=self.frames + after.frames,
        )


class _Track:
    """The faces of one track that wait until their windows are full, and runs that have no end."""

    def __init__(self) -> None:
        self._times_s = self._ends_s = np.zeros(0)
        self._values = np.zeros((0, len(EMOTIONS)))
        self._judged = 0  # of the faces that are kept: these stand in windows of others alone
        self._runs: list[_Run | None] = [None] * len(EMOTIONS)

    def add(
        self,
        times_s: NDArray[np.float64],
        ends_s: NDArray[np.float64],
        values: NDArray[np.float64],
    ) -> None:
        self._times_s = np.concatenate((self._times_s, times_s))
        self._ends_s = np.concatenate((self._ends_s, ends_s))
        self._values = np.concatenate((self._values, values))

    def judge(
        self, settings: EventSettings, *, is_last: bool = False
    ) -> Iterator[tuple[int, _Run]]:
        """The emotions and runs that end among the faces whose windows are full."""
        times_s, ends_s, values = self._times_s, self._ends_s, self._values
        apart = times_s[1:] - ends_s[:-1] > settings.max_gap_s + _ROUNDING_S
        apart |= np.diff(times_s) < 0  # a stream that was cut
        visits = np.concatenate(([0], np.cumsum(apart)))
        span_s = float(np.ptp(times_s)) + settings.window_s + 1.0
        keys = times_s - times_s.min() + visits * span_s  # no window leaves a visit
        half_s = settings.window_s / 2 + _ROUNDING_S
        first = np.searchsorted(keys, keys - half_s)
        end = np.searchsorted(keys, keys + half_s, side="right")
        full = len(keys) if is_last else int(np.searchsorted(keys + half_s, keys[-1]))
        own = slice(self._judged, full)
        counts = (end - first)[own, None]
        # A median is at least x where more than half of the values are.
        kept = 2 * _sums(values >= settings.off, first[own], end[own]) > counts
        strong = 2 * _sums(values >= settings.on, first[own], end[own]) > counts
        levels = _sums(values, first[own], end[own]) / counts
        begins = np.concatenate(([True], apart))[own]
        for emotion in range(len(EMOTIONS)):
            run = self._runs[emotion]
            starts, stops = _runs(kept[:, emotion], begins)
            if run is not None and len(begins) and (begins[0] or not kept[0, emotion]):
                yield emotion, run
                run = None
            for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
                peak = start + int(levels[start:stop, emotion].argmax())
                part = _Run(
                    onset_s=float(times_s[own][start]),
                    end_s=float(ends_s[own][stop - 1]),
                    is_strong=bool(strong[start:stop, emotion].any()),
                    peak=float(levels[peak, emotion]),
                    peak_s=float(times_s[own][peak]),
                    total=float(values[own][start:stop, emotion].sum()),
                    frames=stop - start,
                )
                run = part if run is None else run.joined(part)
                if stop < len(begins) or is_last:
                    yield emotion, run
                    run = None
            if run is not None and is_last:
                yield emotion, run
            self._runs[emotion] = run
        # The face before tells whether the next one begins a visit.
        cut = max(0, min(int(first[full]), full - 1)) if full < len(keys) else full
        self._times_s, self._ends_s, self._values = times_s[cut:], ends_s[cut:], values[cut:]
        self._judged = full - cut


def _sums(values: NDArray[Any], first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[Any]:
    """(F, 7): the sums of the values in the window of each."""
    sums = np.concatenate((np.zeros_like(values[:1], float), np.cumsum(values, axis=0)))
    return np.asarray(sums[end] - sums[first])


def _runs(
    kept: NDArray[np.bool_], begins: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where runs of true values begin and end; none goes on where another visit begins."""
    if not kept.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    before = np.concatenate(([False], kept[:-1])) & ~begins
    after = np.concatenate((kept[1:] & ~begins[1:], [False]))
    return np.flatnonzero(kept & ~before), np.flatnonzero(kept & ~after) + 1
