"""For whom a model works, on one page of HTML that needs no other file."""

import html
import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from mien import __version__
from mien.html_page import data_uri, html_page
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
    percent_of,
    ratio_of,
)
from mien.learn.fairness.groups import Grouping
from mien.learn.fairness.slices import SLICES

THUMBNAILS: Final = 6
"""Faces shown of each group of a slice, drawn by chance."""

LEVEL: Final = 0.05
"""Gaps whose Holm's p is below it are marked."""

CAUTION: Final = (
    "A gap says that these faces are read less well, not why: groups differ in more than their "
    "name, in light, pose and labels too. Brightness is of the picture, in which light and skin "
    "cannot be told apart. Annotated groups are what annotators saw, not what people say of "
    "themselves. The faces are no sample of any population, and a gap that was not "
    "found may be there: see how few faces a group has. The labels are taken for the truth, and "
    "taggers may err on one group more than on another. Equal accuracy makes no use fair that is "
    "wrong in itself: do not judge people by this model."
)

_CHART_PX: Final = 150
_STYLE: Final = """
body { max-width: 90rem; }
p, li { max-width: 62rem; }
h2 { margin: 2.4rem 0 .2rem; } p.dim { margin: .2rem 0 .6rem; }
table { font-size: .86rem; } th, td { padding: .3rem .55rem; white-space: nowrap; }
td.few { color: #8d949e; font-size: .8rem; }
td.worst { background: #fde7d6; font-weight: 700; } td.best { background: #dcebfa; }
tr.found td { font-weight: 700; }
.key { display: inline-block; padding: 0 .5em; border-radius: .2em; color: #1d2127; }
svg { display: block; } svg .all { stroke: #8d949e; stroke-dasharray: 3 3; }
svg .range { stroke: #3478cd; stroke-width: 2.5; } svg .dot { fill: #3478cd; }
svg .mix { fill: none; stroke: #d1620f; stroke-width: 1.8; }
.faces { display: block; height: 40px; border-radius: .25rem; margin-top: .25rem; }
summary { cursor: pointer; margin: .6rem 0; }
code { font-size: .9em; }
@media (prefers-color-scheme: dark) {
  td.worst { background: #5a3413; } td.best { background: #1d3d5e; }
  svg .range { stroke: #6aa5ea; } svg .dot { fill: #6aa5ea; } svg .mix { stroke: #f0924a; }
  .key { color: #e6e8eb; }
}
"""


def fairness_page(result: Fairness, groupings: Sequence[Grouping], faces: FaceSet) -> str:
    """The page: what stands out, every gap, and a table for each grouping.

    Args:
        result: what was compared.
        groupings: that it is of.
        faces: that were read, N of them, for the thumbnails; only groups by what is measured on a
            face have these.
    """
    title = f"For whom {result.model} works: {result.data} {result.split}"
    tables = "\n".join(
        _grouping(score, grouping, faces, result)
        for score, grouping in zip(result.groupings, groupings, strict=True)
    )
    body = f"""<h1>{html.escape(title)}</h1>
<p class="dim">{result.n:,} faces, one view of each; read right: {_rate_text(result.accuracy)}.
Written by mien {__version__}.</p>
<p class="caution">{html.escape(CAUTION)}</p>
<h2>What stands out</h2>
{_found(result)}
<h2>Gaps</h2>
<p class="dim">The largest difference between two groups, in points. Bold: Holm's p below
{LEVEL:g}.</p>
{_gaps(result)}
{tables}
<h2>How to read this</h2>
{_notes(result)}"""
    return html_page(title, body, style=_STYLE)


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


def _found(result: Fairness) -> str:
    lines = stand_out(result, level=LEVEL)
    if not lines:
        return (
            f"<p>No gap has a Holm's p below {LEVEL:g}: chance alone may leave gaps as large in "
            "groups of these sizes. That is no proof that there are none.</p>"
        )
    return "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>"


def _gaps(result: Fairness) -> str:
    rows = []
    for grouping in result.groupings:
        for measure in (ACCURACY, SAME_MIX):
            name = grouping.name if measure == ACCURACY else ""
            gap = grouping.gaps.get(measure)
            if gap is None:
                rows.append(
                    f"<tr><td>{html.escape(name)}</td><td class=left>{measure}</td>"
                    "<td class='few left' colspan=7>too few faces to compare two groups</td></tr>"
                )
                continue
            marked = " class=found" if gap.holm < LEVEL else ""
            rows.append(
                f"<tr{marked}><td>{html.escape(name)}</td><td class=left>{measure}</td>"
                f"<td>{100 * gap.difference:.1f}</td><td>{_interval(gap)}</td>"
                f"<td>{ratio_of(gap)}</td><td>{gap.p:.4f}</td><td>{gap.holm:.4f}</td>"
                f"<td class=left>{html.escape(gap.worst)}</td>"
                f"<td class=left>{html.escape(gap.best)}</td></tr>"
            )
    head = (
        "<tr><th>groups by</th><th class=left>measure</th><th>gap</th><th>95 %</th><th>ratio</th>"
        "<th>p</th><th>Holm's p</th><th class=left>lowest</th><th class=left>highest</th></tr>"
    )
    return f'<div class="scroll"><table>{head}{"".join(rows)}</table></div>'


def _grouping(score: GroupingScore, grouping: Grouping, faces: FaceSet, result: Fairness) -> str:
    scale = _Scale(score, result.accuracy.value or 0.0)
    about = html.escape(score.about[:1].upper() + score.about[1:])
    if score.left_out:
        about += f". {score.left_out:,} of {result.n:,} faces are in none of these groups"
    recalls = "".join(f"<th>{label}</th>" for label in EMOTIONS)
    axis = f"{100 * scale.low:.0f} to {100 * scale.high:.0f} %"
    head = (
        f"<tr><th>{html.escape(score.name)}</th><th>n</th><th class=left>right<br>"
        f"<small>{axis}</small></th><th>right (95 %)</th><th>same mix</th><th>sure</th>{recalls}"
        "</tr>"
    )
    rows = "".join(
        _row(score, group, _thumbnails(grouping, g, faces), scale)
        for g, group in enumerate(score.groups)
    )
    left_out = [label for label in EMOTIONS if label not in score.mix]
    mix = ""
    if left_out and score.mix:
        mix = (
            f"<p class=dim>Same mix is of {', '.join(score.mix)}: of {', '.join(left_out)} a group "
            f"has fewer than {MIN_CELL} faces.</p>"
        )
    return (
        f"<h2>{html.escape(score.name)}</h2><p class=dim>{about}.</p>"
        f'<div class="scroll"><table>{head}{rows}</table></div>{mix}{_excess(score)}'
    )


def _row(score: GroupingScore, group: GroupScore, thumbnails: str, scale: _Scale) -> str:
    cells = [
        f"<td>{html.escape(group.name)}{thumbnails}</td><td>{group.n:,}</td>",
        f"<td class=left>{_chart(group, scale)}</td>",
        _cell(score.gaps.get(ACCURACY), group, group.accuracy, interval=True),
        _cell(score.gaps.get(SAME_MIX), group, group.same_mix, few=False),
        "<td></td>" if group.confidence is None else f"<td>{100 * group.confidence:.1f} %</td>",
        *(_cell(score.gaps.get(label), group, group.recall[label]) for label in EMOTIONS),
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _cell(
    gap: Gap | None, group: GroupScore, rate: Rate, *, interval: bool = False, few: bool = True
) -> str:
    if rate.value is None:
        text = percent_of(rate).replace(" (", "<br>(") if few else "-"
        return f"<td class=few>{text}</td>"
    kind = ""
    if gap is not None and gap.holm < LEVEL:
        kind = {gap.worst: " class=worst", gap.best: " class=best"}.get(group.name, "")
    if interval:
        return f"<td{kind}>{_rate_text(rate)}</td>"
    n = f"<small>n = {rate.n:,}</small>" if few else ""
    return f"<td{kind}>{percent_of(rate)}{n}</td>"


def _chart(group: GroupScore, scale: _Scale) -> str:
    """Accuracy as a dot on its interval, same mix as a ring, all faces as a dashed line."""
    middle = scale.x(scale.overall)
    parts = [f'<line class="all" x1="{middle}" x2="{middle}" y1="0" y2="24"/>']
    for rate, mark in ((group.accuracy, "dot"), (group.same_mix, "mix")):
        if rate.value is None or rate.interval is None:
            continue
        if mark == "dot":
            parts.append(
                f'<line class="range" x1="{scale.x(rate.interval.low)}" '
                f'x2="{scale.x(rate.interval.high)}" y1="12" y2="12"/>'
            )
        radius = 4.5 if mark == "dot" else 6.5
        parts.append(f'<circle class="{mark}" cx="{scale.x(rate.value)}" cy="12" r="{radius}"/>')
    said = html.escape(f"{group.name}: {percent_of(group.accuracy, interval=True)}")
    return (
        f'<svg width="{_CHART_PX}" height="24" role="img" aria-label="{said}">'
        f"{''.join(parts)}</svg>"
    )


def _excess(score: GroupingScore) -> str:
    told = [group for group in score.groups if group.excess is not None]
    if not told:
        return ""
    head = "".join(f"<th>{label}</th>" for label in EMOTIONS)
    rows = "".join(
        f"<tr><td>{html.escape(group.name)}</td>"
        + "".join(f"<td>{100 * (group.excess or {})[label]:+.1f}</td>" for label in EMOTIONS)
        + "</tr>"
        for group in told
    )
    return (
        "<details><summary>What each group is read as oftener (+) or less often (-) than it is "
        'labelled, in points</summary><div class="scroll"><table>'
        f"<tr><th>{html.escape(score.name)}</th>{head}</tr>{rows}</table></div></details>"
    )


def _thumbnails(grouping: Grouping, group: int, faces: FaceSet) -> str:
    """Some faces of a group by what is measured on them; who people are is not shown by faces."""
    if grouping.name not in SLICES:
        return ""
    rows = np.flatnonzero(grouping.members == group)
    if not rows.size:
        return ""
    some = np.random.default_rng(0).permutation(rows)[:THUMBNAILS]
    strip = np.concatenate(list(faces.images[np.sort(some)]), axis=1)
    shown = data_uri(cv2.imencode(".png", strip)[1].tobytes())
    return f'<img class="faces" alt="{len(some)} faces" src="{shown}">'


def _notes(result: Fairness) -> str:
    notes = (
        "<b>right</b>: the share of the group that is read as it is labelled. In the chart the dot "
        "is that share, the line its 95 % interval, the ring <i>same mix</i>, and the dashed line "
        "all faces.",
        "<b>same mix</b>: the accuracy that the group would have if its emotions were as common as "
        "in all faces (direct standardisation). A group with many happy faces, which are easy, is "
        "not better for these.",
        "<b>sure</b>: the mean probability of what is read. Where it is above <i>right</i>, the "
        "model is too sure of this group.",
        f"A rate of fewer than {result.min_n} faces is not told, and takes no part in a gap.",
        f"Intervals: bootstrap, {result.resamples:,} draws of the faces with replacement (Efron "
        "1979). That of a gap holds for all pairs of groups at once, for the largest gap is chosen "
        "after the fact.",
        f"p: permutation test, {result.permutations:,} draws. For <i>accuracy</i>, the groups are "
        "dealt out again among all faces; for <i>same mix</i> and recall, among the faces of each "
        "emotion. p is how often a gap at least as large comes about. Holm's p (Holm 1979) is "
        "corrected for all gaps of its kind: accuracy, same mix, recall of all emotions.",
        '<span class="key" style="background:#e56e1e66">lowest</span> and '
        '<span class="key" style="background:#3478cd66">highest</span> mark the gaps with a '
        f"Holm's p below {LEVEL:g}.",
        f"Measures and gaps by fairlearn's MetricFrame; seed {result.seed}.",
    )
    return "<ul>" + "".join(f"<li>{note}</li>" for note in notes) + "</ul>"


def _interval(gap: Gap) -> str:
    return f"{100 * gap.interval.low:.1f} to {100 * gap.interval.high:.1f}"


def _rate_text(rate: Rate) -> str:
    return html.escape(percent_of(rate, interval=True))
