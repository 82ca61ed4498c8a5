"""The lanes of a report above and below the band of a person: events, and what is not usable."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mien.labels import EMOTIONS
from mien.output.figures import EMOTION_COLORS
from mien.output.pages import Cell, Row, Table
from mien.readings import Event, person_name
from mien.rows.statistics import EmotionStatistics, EventTables
from mien.rows.timeline import EventSpan, Timeline, clock, event_spans
from mien.rows.usable import UnusableSpan, UnusableTotals

MAX_EVENTS: Final = 500
"""Of one person that a lane has: the longest ones. The table counts all."""

_COLORS: Final = dict(zip(EMOTIONS, EMOTION_COLORS, strict=True))


@dataclass(frozen=True)
class Mark:
    """A stretch of a lane, with the places as shares of its length, 0 to 1.

    Attributes:
        left: where it begins.
        width: its length.
        title: what it is, in words.
        peak: where its peak is, as a share of the mark itself; None without one.
        color: as CSS writes it; the style sheet's own without one.
        lane: 0 or 1: where two overlap, one is above the other.
    """

    left: float
    width: float
    title: str
    peak: float | None = None
    color: str = ""
    lane: int = 0


@dataclass(frozen=True)
class Lane:
    """Marks beside the band of one person, and all of them in a few words."""

    marks: Sequence[Mark]
    alt: str

    @property
    def rows(self) -> int:
        """How many marks stand above each other: 1 or 2."""
        return 1 + max((mark.lane for mark in self.marks), default=0)


class Observed:
    """What a report tells beside probabilities.

    Args:
        tables: of the events of the video; None tells nothing of them.
        unusable: which of its readings are not usable; None tells nothing of that.
        usable_only: the events are without faces whose reading is not usable.
    """

    def __init__(
        self,
        tables: EventTables | None = None,
        unusable: UnusableTotals | None = None,
        *,
        usable_only: bool = False,
    ) -> None:
        self._totals, self._usable_only = unusable, usable_only
        self._events: list[Event] = [] if tables is None else tables.events
        self._unusable = {} if unusable is None else unusable.spans()
        self._statistics: dict[int, list[EmotionStatistics]] = {}
        for entry in () if tables is None else tables.statistics:
            self._statistics.setdefault(entry.track, []).append(entry)

    @property
    def is_known(self) -> bool:
        """Whether there is anything to tell."""
        return self._totals is not None

    @property
    def usable(self) -> str:
        """How many of the readings are not usable and why, in a sentence or two."""
        if self._totals is None:
            return ""
        left_out = self._usable_only and bool(self._totals.shares())
        return self._totals.sentence() + " They are left out here." * left_out

    def events(self, timeline: Timeline, track: int) -> Lane:
        """The events of one person."""
        spans = event_spans(timeline, self._events, track)
        drawn = sorted(spans, key=lambda span: -span.width)[:MAX_EVENTS]
        drawn.sort(key=lambda span: (span.left, span.lane))
        few = "" if len(drawn) == len(spans) else f", the {MAX_EVENTS} longest are shown"
        return Lane([_event_mark(span) for span in drawn], f"events: {len(spans):,}{few}")

    def unusable(self, timeline: Timeline, track: int) -> Lane:
        """When the readings of one person are not usable."""
        known = self._totals is not None and bool(self._totals.known)
        spans = self._unusable.get(track, [])
        start_s, length_s = timeline.start_s, max(timeline.end_s - timeline.start_s, 1e-9)
        marks = [
            Mark((span.start_s - start_s) / length_s, width, _why(span))
            for span in spans
            if (width := (span.end_s - span.start_s) / length_s)
        ]
        reasons = ", ".join(dict.fromkeys(span.reason for span in spans))
        share = sum(mark.width for mark in marks)
        if spans:
            return Lane(marks, f"not usable in {share:.0%} of the time: {reasons}")
        return Lane(marks, "usable throughout" if known else "not known when it is usable")

    def numbers(self, track: int) -> dict[str, object]:
        """What the script of the page adds up when people are merged."""
        own = self._statistics.get(track, [])
        return {
            "seen_s": own[0].seen_s if own else 0.0,
            "counts": [entry.count for entry in own],
            "totals_s": [entry.total_s for entry in own],
        }

    def table(self, tracks: Iterable[int]) -> Table:
        """How some people show what they show: a row for each emotion that has an event."""
        rows: list[Row] = []
        for track in tracks:
            own = self._statistics.get(track, [])
            name = own[0].name if own else person_name(track)
            shown = [_statistics_row(name, entry) for entry in own if entry.count]
            rows.extend(shown or [[name, Cell("no event", span=5, kind="left few")]])
        head = ["person", "emotion", "share of time", "events", "mean duration", "a minute"]
        return Table(rows, head=head, left=(0, 1))


def _statistics_row(name: str, entry: EmotionStatistics) -> Row:
    return [
        name,
        Cell(entry.emotion, color=_COLORS[entry.emotion]),
        f"{entry.share:.1%}",
        f"{entry.count}",
        f"{entry.mean_s or 0.0:.1f} s",
        f"{entry.rate_per_min or 0.0:.1f}",
    ]


def _event_mark(span: EventSpan) -> Mark:
    event = span.event
    peak = (span.peak - span.left) / span.width if span.width else 0.0
    return Mark(span.left, span.width, _said(event), peak, span.color, span.lane)


def _said(event: Event) -> str:
    onset, peak, end = (
        clock(time_s, fine=True) for time_s in (event.onset_s, event.peak_s, event.end_s)
    )
    return f"{event.emotion}, {onset} to {end}, peak {event.peak_probability:.0%} at {peak}"


def _why(span: UnusableSpan) -> str:
    start, end = clock(span.start_s, fine=True), clock(span.end_s, fine=True)
    return f"not usable: {span.reason}, {start} to {end}"
