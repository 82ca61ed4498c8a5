"""Who shows what, how often and for how long, what follows what, and two people in one moment.

The measures are those of behavioral observation: Bakeman & Quera, Sequential Analysis and
Observational Methods for the Behavioral Sciences, Cambridge University Press 2011. `docs/events.md`
has each definition.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.errors import OptionError
from mien.labels import EMOTIONS
from mien.output.records import write_table
from mien.readings import Event
from mien.rows.events import EVENT_COLUMNS, EventFinder, EventSettings, Presence
from mien.rows.table import VideoResult

_Spans: TypeAlias = NDArray[np.float64]
"""(N, 2): when each begins and ends, in order; none overlap."""

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
    result: VideoResult | Presence, events: Sequence[Event], *, max_gap_s: float = 0.0
) -> list[EmotionStatistics]:
    """How each person shows each emotion: seven entries for each track, in order.

    Args:
        result: of a video, or when its tracks are seen.
        events: of the same video, in the order of their onsets, as `events_of` gives them.
        max_gap_s: as for the events, see `EventSettings`.
    """
    presence = Presence.of(result)
    by_track: dict[int, list[Event]] = {}
    for event in events:
        by_track.setdefault(event.track, []).append(event)
    statistics = []
    for track in presence.tracks:
        of_track = by_track.get(track, [])
        seen = presence.stretches(track)[..., 1]
        gaps_s = seen[1:, 0] - seen[:-1, 1]
        # Within the rounding of times; where they fall a stream was cut.
        visits = np.cumsum((gaps_s > max_gap_s + 1e-6) | (np.diff(seen[:, 0]) < 0))
        onsets_s = np.array([event.onset_s for event in of_track])
        places = np.searchsorted(seen[:, 0], onsets_s, side="right") - 1
        changes = _transitions(of_track, np.append(0, visits)[np.maximum(places, 0)])
        seen_s = _length_s(seen)
        for emotion in EMOTIONS:
            own = [event for event in of_track if event.emotion == emotion]
            total_s = _length_s(_both(seen, _spans(own)))
            entry = EmotionStatistics(
                track=track,
                name=presence.name_of(track),
                emotion=emotion,
                seen_s=seen_s,
                count=len(own),
                total_s=total_s,
                share=total_s / seen_s if seen_s else 0.0,
                mean_s=total_s / len(own) if own else None,
                rate_per_min=60 * len(own) / seen_s if seen_s else None,
                latency_s=own[0].onset_s - float(seen[0, 0]) if own else None,
                transitions=changes[emotion],
            )
            statistics.append(entry)
    return statistics


def dyads_of(
    result: VideoResult | Presence, events: Sequence[Event], *, follow_s: float = FOLLOW_S
) -> list[DyadStatistics]:
    """How each two people show each emotion together: seven entries for each pair, in order.

    Pairs that are never in one frame have none. Who follows whom is counted by time windows (Yoder
    & Tapp 2004, Journal of Behavioral Education 13, 227-246): an onset of one is followed if an
    onset of the other comes later, within `follow_s`.

    Args:
        result: of a video, or when its tracks are seen.
        events: of the same video.
        follow_s: the window, in seconds.
    Raises:
        OptionError: `follow_s` is not above 0.
    """
    check_follow(follow_s)
    presence = Presence.of(result)
    own: dict[tuple[int, str], list[Event]] = {}
    for event in events:
        own.setdefault((event.track, event.emotion), []).append(event)
    dyads = []
    for a, b, together in _pairs(presence):
        together_s = _length_s(together)
        for emotion in EMOTIONS:
            by_a, by_b = (own.get((track, emotion), []) for track in (a, b))
            in_a, in_b = (_both(together, _spans(by)) for by in (by_a, by_b))
            both = _both(in_a, in_b)
            a_s, b_s, both_s = map(_length_s, (in_a, in_b, both))
            of_a, of_b = (_onsets_in(together, by) for by in (by_a, by_b))
            b_lags, a_lags = _lags(of_a, of_b, follow_s), _lags(of_b, of_a, follow_s)
            entry = DyadStatistics(
                track_a=a,
                name_a=presence.name_of(a),
                track_b=b,
                name_b=presence.name_of(b),
                emotion=emotion,
                together_s=together_s,
                a_s=a_s,
                b_s=b_s,
                both_s=both_s,
                both_count=len(both),
                share=both_s / together_s if together_s else 0.0,
                expected_share=a_s * b_s / together_s**2 if together_s else 0.0,
                a_onsets=len(of_a),
                b_follows=len(b_lags),
                b_lag_s=float(b_lags.mean()) if len(b_lags) else None,
                b_onsets=len(of_b),
                a_follows=len(a_lags),
                a_lag_s=float(a_lags.mean()) if len(a_lags) else None,
            )
            dyads.append(entry)
    return dyads


def check_follow(follow_s: float) -> None:
    """Refuse a window that is none, before anything takes time.

    Raises:
        OptionError: it is not above 0.
    """
    if not 0.0 < follow_s < np.inf:
        raise OptionError(f"expected more than 0 seconds; got {follow_s:g}", argument="follow_s")


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
        result: VideoResult | Iterable[VideoResult],
        settings: EventSettings | None = None,
        *,
        follow_s: float = FOLLOW_S,
    ) -> "EventTables":
        """Those of a video, or of its rows that come block by block; arguments as for `events_of`
        and `dyads_of`.
        """
        check_follow(follow_s)
        finder = EventFinder(settings)
        for rows in [result] if isinstance(result, VideoResult) else result:
            finder.add(rows)
        return cls.found_by(finder, follow_s=follow_s)

    @classmethod
    def found_by(
        cls, finder: EventFinder, *, follow_s: float = FOLLOW_S, until_s: float | None = None
    ) -> "EventTables":
        """Those of all rows that a finder has looked at; `until_s` as of `EventFinder.finish`."""
        events, presence = finder.finish(until_s), finder.presence
        statistics = statistics_of(presence, events, max_gap_s=finder.settings.max_gap_s)
        return cls(events, statistics, dyads_of(presence, events, follow_s=follow_s))

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
        return {kind: [one.to_dict() for one in entries] for kind, entries in vars(self).items()}


def _transitions(events: Sequence[Event], visits: NDArray[np.int64]) -> dict[str, dict[str, int]]:
    """Emotion -> emotion -> how often an event of one track is followed by the other in a visit."""
    counts = {emotion: dict.fromkeys(EMOTIONS, 0) for emotion in EMOTIONS}
    for (one, visit), (next_one, next_visit) in pairwise(zip(events, visits.tolist(), strict=True)):
        if visit == next_visit:
            counts[one.emotion][next_one.emotion] += 1
    return counts


def _pairs(presence: Presence) -> Iterator[tuple[int, int, _Spans]]:
    """Each two tracks that are in one frame, and when both are seen."""
    tracks = [(track, presence.stretches(track)) for track in presence.tracks]
    for i, (a, of_a) in enumerate(tracks):
        for b, of_b in tracks[i + 1 :]:
            one, other = of_a[..., 0], of_b[..., 0]
            if one[0, 0] >= other[-1, 1] or other[0, 0] >= one[-1, 1]:
                continue
            in_a, in_b = _meeting(one, other)
            if len(in_a):
                yield a, b, _common(of_a[in_a, :, 1], of_b[in_b, :, 1])


def _meeting(one: NDArray[Any], other: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of (N, 2) spans overlap which of (M, 2) others, in order."""
    first = np.searchsorted(other[:, 1], one[:, 0], side="right")
    counts = np.maximum(np.searchsorted(other[:, 0], one[:, 1]) - first, 0)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return (
        np.repeat(np.arange(len(one)), counts),
        np.repeat(first, counts) + np.arange(counts.sum()) - before,
    )


def _common(one: _Spans, other: _Spans) -> _Spans:
    """What each span has in common with the other that overlaps it."""
    return np.stack((np.maximum(one[:, 0], other[:, 0]), np.minimum(one[:, 1], other[:, 1])), 1)


def _both(one: _Spans, other: _Spans) -> _Spans:
    """The times that are in spans of both."""
    in_one, in_other = _meeting(one, other)
    return _common(one[in_one], other[in_other])


def _spans(events: Sequence[Event]) -> _Spans:
    """When one emotion of one track is shown; events that meet are one span."""
    spans = np.array([(event.onset_s, event.end_s) for event in events]).reshape(-1, 2)
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    reached_s = np.maximum.accumulate(spans[:, 1])
    apart = spans[1:, 0] > reached_s[:-1]
    begins, ends = (np.insert(apart, place, True)[: len(spans)] for place in (0, len(apart)))
    return np.stack((spans[begins, 0], reached_s[ends]), 1)


def _length_s(spans: _Spans) -> float:
    return float((spans[:, 1] - spans[:, 0]).sum())


def _onsets_in(spans: _Spans, events: Sequence[Event]) -> NDArray[np.float64]:
    """The onsets, rising, in frames of these spans; a single frame's may have no length."""
    onsets_s = np.sort([event.onset_s for event in events])
    place = np.searchsorted(spans[:, 0], onsets_s, side="right") - 1
    starts_s, ends_s = spans[np.maximum(place, 0)].T
    return np.asarray(onsets_s[(place >= 0) & ((onsets_s < ends_s) | (onsets_s == starts_s))])


def _lags(
    first_s: NDArray[np.float64], then_s: NDArray[np.float64], follow_s: float
) -> NDArray[np.float64]:
    """For each of the first onsets that is followed, how much later the other one comes."""
    places = np.searchsorted(then_s, first_s, side="right")
    followed = places < len(then_s)
    lags = then_s[places[followed]] - first_s[followed]
    return np.asarray(lags[lags <= follow_s + 1e-9])
