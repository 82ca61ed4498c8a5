"""For whom a model works, on one page of HTML that needs no other file."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from mien import __version__
from mien.errors import counted
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.fairness.comparison import Fairness, stand_out
from mien.learn.fairness.gaps import (
    ACCURACY,
    MIN_CELL,
    SAME_MIX,
    Gap,
    GroupingScore,
    GroupScore,
    Rate,
    figures_of,
    percent_of,
)
from mien.learn.fairness.groups import Grouping
from mien.learn.fairness.slices import SLICES
from mien.output.pages import Cell, Dots, Figure, Row, Table, png_uri, render

THUMBNAILS: Final = 6
"""Faces shown of each group of a slice, drawn by chance."""

LEVEL: Final = 0.05
"""Gaps whose Holm's p is below it are marked."""

_CHART_PX: Final = 150


def fairness_page(result: Fairness, groupings: Sequence[Grouping], faces: FaceSet) -> str:
    """The page: what stands out, every gap, and a table for each grouping.

    The faces that were read are for thumbnails of the groups by what is measured on a face.
    """
    return render(
        "fairness.html",
        title=f"For whom {result.model} works: {result.data} {result.split}",
        result=result,
        right=percent_of(result.accuracy, interval=True),
        version=__version__,
        level=LEVEL,
        found=stand_out(result, level=LEVEL),
        gaps=_gaps(result),
        groupings=[
            _grouping(score, grouping, faces, result.accuracy.value or 0.0)
            for score, grouping in zip(result.groupings, groupings, strict=True)
        ],
        min_cell=MIN_CELL,
    )


class _Scale:
    """Shares on the axis of the charts of one grouping, in whole tenths, two of them at least."""

    def __init__(self, score: GroupingScore, overall: float) -> None:
        rates = [rate for group in score.groups for rate in (group.accuracy, group.same_mix)]
        told = [rate.interval for rate in rates if rate.interval is not None]
        low = min([overall - 0.1, *(interval.low for interval in told)])
        high = max([overall + 0.1, *(interval.high for interval in told)])
        self.low = max(math.floor(10 * low) / 10, 0.0)
        self.high = min(math.ceil(10 * high) / 10, 1.0)
        self.overall = overall

    def x(self, share: float) -> float:
        """Pixels from the left of a chart."""
        return round(8 + (_CHART_PX - 16) * (share - self.low) / (self.high - self.low), 1)


def _gaps(result: Fairness) -> Table:
    rows: list[Row] = []
    for grouping in result.groupings:
        for measure in (ACCURACY, SAME_MIX):
            name = grouping.name if measure == ACCURACY else ""
            gap = grouping.gaps.get(measure)
            if gap is None:
                few = Cell("too few faces to compare two groups", kind="few left", span=7)
                rows.append([name, measure, few])
                continue
            cells = [name, measure, *figures_of(gap), gap.worst, gap.best]
            kind = "most" if gap.holm < LEVEL else ""
            rows.append([Cell(text, kind=kind) for text in cells])
    head = ["groups by", "measure", "gap", "95 %", "ratio", "p", "Holm's p", "lowest", "highest"]
    return Table(rows, head=head, left=(0, 1, 7, 8))


def _grouping(
    score: GroupingScore, grouping: Grouping, faces: FaceSet, overall: float
) -> dict[str, object]:
    scale = _Scale(score, overall)
    axis = f"{100 * scale.low:.0f} to {100 * scale.high:.0f} %"
    right = Cell("right", small=axis)
    rows = [
        _row(score, group, _thumbnails(grouping, number, faces), scale)
        for number, group in enumerate(score.groups)
    ]
    head: Row = [score.name, "n", right, "right (95 %)", "same mix", "sure", *EMOTIONS]
    excess = [
        [group.name, *(f"{100 * group.excess[label]:+.1f}" for label in EMOTIONS)]
        for group in score.groups
        if group.excess is not None
    ]
    return {
        "name": score.name,
        "about": score.about[:1].upper() + score.about[1:],
        "left_out": score.left_out,
        "table": Table(rows, head=head, left=(0, 2)),
        "mix": list(score.mix),
        "not_in_mix": [label for label in EMOTIONS if label not in score.mix],
        "excess": Table(excess, head=[score.name, *EMOTIONS]),
    }


def _row(score: GroupingScore, group: GroupScore, thumbnails: Figure | None, scale: _Scale) -> Row:
    gaps, recall = score.gaps, group.recall
    mix = _cell(gaps.get(SAME_MIX), group, group.same_mix)
    return [
        Cell(group.name, image=thumbnails),
        f"{group.n:,}",
        Cell(dots=_dots(group, scale)),
        _cell(gaps.get(ACCURACY), group, group.accuracy, interval=True),
        mix if group.same_mix.value is not None else Cell("-", kind="few"),
        "" if group.confidence is None else f"{100 * group.confidence:.1f} %",
        *(_cell(gaps.get(label), group, recall[label], with_n=True) for label in EMOTIONS),
    ]


def _cell(
    gap: Gap | None, group: GroupScore, rate: Rate, *, interval: bool = False, with_n: bool = False
) -> Cell:
    if rate.value is None:
        text, _, n = percent_of(rate).partition(" (")
        return Cell(text, small=f"({n}", kind="few")
    kind = ""
    if gap is not None and gap.holm < LEVEL:
        kind = {gap.worst: "worst", gap.best: "best"}.get(group.name, "")
    small = f"n = {rate.n:,}" if with_n else ""
    return Cell(percent_of(rate, interval=interval), small=small, kind=kind)


def _dots(group: GroupScore, scale: _Scale) -> Dots:
    """Accuracy as a dot on its interval, same mix as a ring, all faces as a dashed line."""
    told = group.accuracy.interval
    return Dots(
        width_px=_CHART_PX,
        line=scale.x(scale.overall),
        dot=_place(group.accuracy, scale),
        ring=_place(group.same_mix, scale),
        interval=None if told is None else (scale.x(told.low), scale.x(told.high)),
        alt=f"{group.name}: {percent_of(group.accuracy, interval=True)}",
    )


def _place(rate: Rate, scale: _Scale) -> float | None:
    return None if rate.value is None or rate.interval is None else scale.x(rate.value)


def _thumbnails(grouping: Grouping, group: int, faces: FaceSet) -> Figure | None:
    """Some faces of a group by what is measured on them; who people are is not shown by faces."""
    rows = np.flatnonzero(grouping.members == group)
    if grouping.name not in SLICES or not rows.size:
        return None
    some = np.random.default_rng(0).permutation(rows)[:THUMBNAILS]
    strip = np.concatenate(list(faces.images[np.sort(some)]), axis=1)
    return Figure(png_uri(strip), counted(len(some), "face"), kind="strip")
