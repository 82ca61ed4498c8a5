"""The lanes of a report above and below the band of a person: events, and what is not usable."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mien.output.figures import COLOR_OF
from mien.output.pages import Cell, Row, Table
from mien.readings import person_name
from mien.rows.statistics import EmotionStatistics, EventTables
from mien.rows.timeline import Timeline, clock, event_spans
from mien.rows.usable import UnusableTotals

MAX_EVENTS: Final = 500
"""Of one person that a lane has: the longest ones. The table counts all."""


@dataclass(frozen=True)
class Mark:
    """A stretch of a lane; places are shares of its length, 0 to 1."""

    left: float
    width: float
    title: str  # what it is, in words
    peak: float | None = None  # where its peak is, as a share of the mark itself
    color: str = ""  # as CSS writes it; the style sheet's own without one
    lane: int = 0  # 0 or 1: where two overlap, one is above the other


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
    """What a report tells beside probabilities: the events of a video, and which of its readings
    are not usable.
    """

    def __init__(
        self, tables: EventTables, unusable: UnusableTotals, *, until_s: float | None = None
    ) -> None:
        self._events = tables.events
        self._is_known, self._unusable = bool(unusable.known), unusable.spans(until_s)
        self._statistics: dict[int, list[EmotionStatistics]] = {}
        for entry in tables.statistics:
            self._statistics.setdefault(entry.track, []).append(entry)

    def events(self, timeline: Timeline, track: int) -> Lane:
        """The events of one person."""
        spans = event_spans(timeline, self._events, track)
        drawn = sorted(spans, key=lambda span: -span.width)[:MAX_EVENTS]
        drawn.sort(key=lambda span: (span.left, span.lane))
        few = "" if len(drawn) == len(spans) else f", the {MAX_EVENTS} longest are shown"
        marks = []
        for span in drawn:
            event = span.event
            peak = f"peak {event.peak_probability:.0%} at {clock(event.peak_s, fine=True)}"
            title = f"{event.emotion}, {_from_to(event.onset_s, event.end_s)}, {peak}"
            place = (span.peak - span.left) / span.width if span.width else 0.0
            marks.append(Mark(span.left, span.width, title, place, span.color, span.lane))
        return Lane(marks, f"events: {len(spans):,}{few}")

    def unusable(self, timeline: Timeline, track: int) -> Lane:
        """When the readings of one person are not usable."""
        spans = self._unusable.get(track, [])
        start_s, length_s = timeline.start_s, max(timeline.end_s - timeline.start_s, 1e-9)
        marks = [
            Mark(
                (span.start_s - start_s) / length_s,
                width,
                f"not usable: {span.reason}, {_from_to(span.start_s, span.end_s)}",
            )
            for span in spans
            if (width := (span.end_s - span.start_s) / length_s)
        ]
        reasons = ", ".join(dict.fromkeys(span.reason for span in spans))
        share = sum(mark.width for mark in marks)
        if spans:
            return Lane(marks, f"not usable in {share:.0%} of the time: {reasons}")
        return Lane(marks, "usable throughout" if self._is_known else "not known when it is usable")

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
            shown: list[Row] = [
                [
                    name,
                    Cell(entry.emotion, color=COLOR_OF[entry.emotion]),
                    f"{entry.share:.1%}",
                    f"{entry.count}",
                    f"{entry.mean_s or 0.0:.1f} s",
                    f"{entry.rate_per_min or 0.0:.1f}",
                ]
                for entry in own
                if entry.count
            ]
            rows.extend(shown or [[name, Cell("no event", span=5, kind="left few")]])
        head = ["person", "emotion", "share of time", "events", "mean duration", "a minute"]
        return Table(rows, head=head, left=(0, 1))


def _from_to(start_s: float, end_s: float) -> str:
    return f"{clock(start_s, fine=True)} to {clock(end_s, fine=True)}"
