"""Who shows what, how often and for how long, what follows what, and two people in one moment.

The measures are those of behavioral observation: Bakeman & Quera, Sequential Analysis and
Observational Methods for the Behavioral Sciences, Cambridge University Press 2011. `docs/events.md`
has each definition.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import OptionError
from mien.labels import EMOTIONS
from mien.output.records import write_table
from mien.readings import Event
from mien.rows.events import (
    EVENT_COLUMNS,
    EventSettings,
    Visits,
    events_of,
    shown_by,
)
from mien.rows.table import VideoResult

FOLLOW_S: Final = 2.0
"""Within which an expression counts as following another: a choice, not a measurement."""

STATISTICS_COLUMNS: Final = (
    *("track", "name", "emotion", "seen_s", "count", "total_s", "share", "mean_s"),
    *("rate_per_min", "latency_s"),
    *(f"to_{emotion}" for emotion in EMOTIONS),
    *(f"p_to_{emotion}" for emotion in EMOTIONS),
)
"""Of a table of statistics, as CSV and JSON."""


@dataclass(frozen=True)
class EmotionStatistics:
    """How one person shows one emotion over a video.

    Attributes:
        track: the number of the person.
        name: what that person is called.
        emotion: one of `mien.EMOTIONS`.
        seen_s: how long the face is seen, in seconds of the video.
        count: of the events (frequency).
        total_s: how long the face shows the emotion, of `seen_s` (duration).
        share: `total_s` in `seen_s`, 0 to 1 (probability, or relative duration).
        mean_s: `total_s` over `count` (mean event duration); None without an event.
        rate_per_min: `count` for each minute of `seen_s` (rate); None where that is 0.
        latency_s: from the first frame with the face to the first onset; None without an event.
        transitions: emotion -> how often the next event of that person is of that emotion. Events
            follow each other by their onsets; none follows across a time without the face.
    """

    track: int
    name: str
    emotion: str
    seen_s: float
    count: int
    total_s: float
    share: float
    mean_s: float | None
    rate_per_min: float | None
    latency_s: float | None
    transitions: dict[str, int]

    @property
    def transition_probabilities(self) -> dict[str, float]:
        """Emotion -> share of the transitions that lead to it; empty where there is none."""
        total = sum(self.transitions.values())
        return {e: count / total for e, count in self.transitions.items()} if total else {}

    def to_dict(self) -> dict[str, Any]:
        """A row of the table: plain values by `STATISTICS_COLUMNS`, ready for JSON."""
        values = asdict(self)
        values |= {f"to_{e}": count for e, count in self.transitions.items()}
        values |= {f"p_to_{e}": share for e, share in self.transition_probabilities.items()}
        return {name: values.get(name) for name in STATISTICS_COLUMNS}


@dataclass(frozen=True)
class DyadStatistics:
    """How two people show one emotion while both are seen.

    Attributes:
        track_a: the number of one person, the lower one.
        name_a: what that person is called.
        track_b: of the other.
        name_b: likewise.
        emotion: one of `mien.EMOTIONS`.
        together_s: how long both faces are seen.
        a_s: of that, how long a shows the emotion.
        b_s: likewise, b.
        both_s: how long both show it in the same moment (co-occurrence).
        both_count: in how many stretches.
        share: `both_s` in `together_s`, 0 to 1.
        expected_share: the share that chance gives: those of a and b multiplied.
        a_onsets: onsets of a while both are seen.
        b_follows: after how many of them b begins to show it, later and within the window.
        b_lag_s: how much later, on average; None if never.
        b_onsets: onsets of b while both are seen.
        a_follows: as `b_follows`, the other way round.
        a_lag_s: likewise.
    """

    track_a: int
    name_a: str
    track_b: int
    name_b: str
    emotion: str
    together_s: float
    a_s: float
    b_s: float
    both_s: float
    both_count: int
    share: float
    expected_share: float
    a_onsets: int
    b_follows: int
    b_lag_s: float | None
    b_onsets: int
    a_follows: int
    a_lag_s: float | None

    def to_dict(self) -> dict[str, Any]:
        """A row of the table, ready for JSON."""
        return asdict(self)


DYAD_COLUMNS: Final = tuple(DyadStatistics.__dataclass_fields__)
"""Of a table of dyads, as CSV and JSON."""


def statistics_of(
    result: VideoResult, events: Sequence[Event], *, max_gap_s: float = 0.0
) -> list[EmotionStatistics]:
    """How each person shows each emotion: seven entries for each track, in order.

    Args:
        result: of a video.
        events: of the same video, in the order of their onsets, as `events_of` gives them.
        max_gap_s: as for the events, see `EventSettings`.
    """
    faces = Visits.of(result, max_gap_s=max_gap_s)
    shown = shown_by(faces, events)
    seconds = faces.ends_s - faces.times_s
    by_track: dict[int, list[Event]] = {}
    for event in events:
        by_track.setdefault(event.track, []).append(event)
    statistics = []
    for track, own in faces.of_tracks():
        of_track = by_track.get(track, [])
        onsets_s = np.array([event.onset_s for event in of_track])
        places = own.start + np.searchsorted(faces.times_s[own], onsets_s)
        changes = _transitions(of_track, faces.visits[np.minimum(places, own.stop - 1)])
        seen_s, totals_s = float(seconds[own].sum()), seconds[own] @ shown[own]
        for emotion, total_s in zip(EMOTIONS, totals_s.tolist(), strict=True):
            onsets = [event.onset_s for event in of_track if event.emotion == emotion]
            entry = EmotionStatistics(
                track=track,
                name=result.name_of(track),
                emotion=emotion,
                seen_s=seen_s,
                count=len(onsets),
                total_s=total_s,
                share=total_s / seen_s if seen_s else 0.0,
                mean_s=total_s / len(onsets) if onsets else None,
                rate_per_min=60 * len(onsets) / seen_s if seen_s else None,
                latency_s=onsets[0] - float(faces.times_s[own.start]) if onsets else None,
                transitions=changes[emotion],
            )
            statistics.append(entry)
    return statistics


def dyads_of(
    result: VideoResult, events: Sequence[Event], *, follow_s: float = FOLLOW_S
) -> list[DyadStatistics]:
    """How each two people show each emotion together: seven entries for each pair, in order.

    Pairs that are never in one frame have none. Who follows whom is counted by time windows (Yoder
    & Tapp 2004, Journal of Behavioral Education 13, 227-246): an onset of one is followed if an
    onset of the other comes later, within `follow_s`.

    Args:
        result: of a video.
        events: of the same video.
        follow_s: the window, in seconds.
    Raises:
        OptionError: `follow_s` is not above 0.
    """
    if not 0.0 < follow_s < np.inf:
        raise OptionError(f"follow_s: expected more than 0 seconds; got {follow_s:g}")
    faces = Visits.of(result)
    shown = shown_by(faces, events)
    seconds = faces.ends_s - faces.times_s
    onsets: dict[tuple[int, str], list[float]] = {}
    for event in events:
        onsets.setdefault((event.track, event.emotion), []).append(event.onset_s)
    dyads = []
    for a, b, in_a, in_b in _pairs(faces):
        weights, times_s = seconds[in_a], faces.times_s[in_a]
        both = shown[in_a] & shown[in_b]
        together_s = float(weights.sum())
        apart = np.concatenate(([True], np.diff(faces.positions[in_a]) > 1))
        begins = both & ~(np.concatenate((np.zeros_like(both[:1]), both[:-1])) & ~apart[:, None])
        a_s, b_s, both_s = (weights @ who for who in (shown[in_a], shown[in_b], both))
        for i, emotion in enumerate(EMOTIONS):
            of_a, of_b = (_during(onsets.get((track, emotion), []), times_s) for track in (a, b))
            b_lags, a_lags = _lags(of_a, of_b, follow_s), _lags(of_b, of_a, follow_s)
            entry = DyadStatistics(
                track_a=a,
                name_a=result.name_of(a),
                track_b=b,
                name_b=result.name_of(b),
                emotion=emotion,
                together_s=together_s,
                a_s=float(a_s[i]),
                b_s=float(b_s[i]),
                both_s=float(both_s[i]),
                both_count=int(begins[:, i].sum()),
                share=float(both_s[i]) / together_s if together_s else 0.0,
                expected_share=float(a_s[i] * b_s[i]) / together_s**2 if together_s else 0.0,
                a_onsets=len(of_a),
                b_follows=len(b_lags),
                b_lag_s=float(b_lags.mean()) if len(b_lags) else None,
                b_onsets=len(of_b),
                a_follows=len(a_lags),
                a_lag_s=float(a_lags.mean()) if len(a_lags) else None,
            )
            dyads.append(entry)
    return dyads


@dataclass(frozen=True)
class EventTables:
    """Events and what is counted of them.

    Attributes:
        events: in the order of their onsets.
        statistics: seven for each track.
        dyads: seven for each two tracks that are in one frame.
    """

    events: list[Event]
    statistics: list[EmotionStatistics]
    dyads: list[DyadStatistics]

    @classmethod
    def of(
        cls,
        result: VideoResult,
        settings: EventSettings | None = None,
        *,
        follow_s: float = FOLLOW_S,
    ) -> "EventTables":
        """Those of a video; arguments as for `events_of` and `dyads_of`."""
        settings = settings or EventSettings()
        if settings.usable_only:
            result = result.usable()
        events = events_of(result, settings)
        statistics = statistics_of(result, events, max_gap_s=settings.max_gap_s)
        return cls(events, statistics, dyads_of(result, events, follow_s=follow_s))

    def write(
        self,
        *,
        events: Path | None = None,
        statistics: Path | None = None,
        dyads: Path | None = None,
    ) -> None:
        """Write tables, as `.csv` or `.json`; None for what is not wanted.

        Raises:
            OutputError: a name has another ending, or a file cannot be written.
        """
        for path, columns, entries in (
            (events, EVENT_COLUMNS, self.events),
            (statistics, STATISTICS_COLUMNS, self.statistics),
            (dyads, DYAD_COLUMNS, self.dyads),
        ):
            if path is not None:
                write_table(path, columns, [entry.to_dict() for entry in entries])

    def to_dict(self) -> dict[str, Any]:
        """All three in plain lists and values, ready for JSON."""
        return {
            "events": [event.to_dict() for event in self.events],
            "statistics": [entry.to_dict() for entry in self.statistics],
            "dyads": [entry.to_dict() for entry in self.dyads],
        }


def _transitions(events: Sequence[Event], visits: NDArray[np.int64]) -> dict[str, dict[str, int]]:
    """Emotion -> emotion -> how often an event of one track is followed by the other in a visit."""
    counts = {emotion: dict.fromkeys(EMOTIONS, 0) for emotion in EMOTIONS}
    for (one, visit), (next_one, next_visit) in pairwise(zip(events, visits.tolist(), strict=True)):
        if visit == next_visit:
            counts[one.emotion][next_one.emotion] += 1
    return counts


def _pairs(
    faces: Visits,
) -> Iterator[tuple[int, int, NDArray[np.int64], NDArray[np.int64]]]:
    """Each two tracks that are in one frame, with the places of their faces in those frames."""
    tracks = list(faces.of_tracks())
    for i, (a, of_a) in enumerate(tracks):
        for b, of_b in tracks[i + 1 :]:
            one, other = faces.positions[of_a], faces.positions[of_b]
            if one[0] > other[-1] or other[0] > one[-1]:
                continue
            frames, in_a, in_b = np.intersect1d(one, other, return_indices=True)
            if len(frames):
                yield a, b, of_a.start + in_a, of_b.start + in_b


def _during(onsets_s: list[float], times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The onsets, rising, in frames at these times."""
    onsets = np.array(onsets_s)
    return np.sort(onsets[np.isin(onsets, times_s)])


def _lags(
    first_s: NDArray[np.float64], then_s: NDArray[np.float64], follow_s: float
) -> NDArray[np.float64]:
    """For each of the first onsets that is followed, how much later the other one comes."""
    places = np.searchsorted(then_s, first_s, side="right")
    followed = places < len(then_s)
    lags = then_s[places[followed]] - first_s[followed]
    return np.asarray(lags[lags <= follow_s + 1e-9])
