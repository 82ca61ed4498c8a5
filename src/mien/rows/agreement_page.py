"""How two labellings of a video agree: as a figure, and on a page that needs no other file."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.labels import COLORS, EMOTIONS
from mien.output.figures import COLOR_OF, EMOTION_COLORS, emotion_legend, save
from mien.output.files import write_text
from mien.output.pages import Cell, Figure, Row, Table, facts_table, png_uri, render
from mien.rows.agreement import Agreement, Difference, Estimate
from mien.rows.coding import MISSING
from mien.rows.timeline import (
    HEADING,
    IN_BAND,
    clock,
    figure_of_bands,
    name_band,
    page_ticks,
    time_axis,
    word_s,
)

MAX_DIFFERENCES: Final = 300
"""Rows of the page's table; the longest."""

_HEIGHT_IN: Final = 2.9
_STEPS: Final = 1024  # of a band of the page, across
_BAND_PX: Final = 16
_DIFFERS: Final = (88, 38, 160, 255)  # BGR and how opaque
_DIFFERS_HEX: Final = "#a02658"


def plot_agreement(found: Agreement, path: Path, *, title: str = "") -> list[Path]:
    """Draw both labels over time, one band each, and where they differ.

    Arguments, files and errors are those of `mien.rows.timeline.plot_timeline`.
    """
    with figure_of_bands(3, _HEIGHT_IN) as (drawn, bands):
        start_s, end_s = float(found.edges_s[0]), float(found.edges_s[-1])
        for axes, targets in zip(bands, found.targets, strict=False):
            for first_s, last_s, target in _runs(targets, found.edges_s):
                axes.axvspan(first_s, last_s, color=EMOTION_COLORS[target], linewidth=0)
                word, middle_s = EMOTIONS[target], (first_s + last_s) / 2
                if last_s - first_s >= word_s(word, end_s - start_s):
                    axes.text(middle_s, 0.5, word, **IN_BAND)
        for difference in found.differences:
            bands[2].axvspan(difference.start_s, difference.end_s, color=_DIFFERS_HEX, linewidth=0)
        for axes, name in zip(bands, (*found.names, "differ"), strict=True):
            name_band(axes, name)
            time_axis(axes, start_s, end_s)
        for axes in bands[:2]:
            axes.tick_params(labelbottom=False, length=0)
        heading = f"Cohen's kappa {estimate_in_words(found.kappa)}"
        drawn.suptitle(f"{title}: {heading}" if title else heading, **HEADING)
        emotion_legend(drawn)
        return save(drawn, path)


def write_agreement_page(path: Path, found: Agreement, *, made: Mapping[str, str]) -> None:
    """Write the page: the measures, both labels over time, each emotion, where they differ."""
    text = render(
        "agreement.html",
        title=f"How well {found.names[0]} and {found.names[1]} agree",
        names=found.names,
        facts=[*found.sources, f"{found.units:,} {unit_in_words(found)} labelled by both"],
        numbers={
            "Cohen's kappa": found.kappa,
            "Krippendorff's alpha": found.alpha,
            "same label": found.agreement,
        },
        missing=found.missing,
        unit=unit_in_words(found),
        total=len(found.edges_s) - 1,
        block=f"{found.block_s:.3g}",
        bands=_bands(found),
        ticks=page_ticks(float(found.edges_s[0]), float(found.edges_s[-1])),
        colors=COLOR_OF,
        differs=_DIFFERS_HEX,
        emotions=_emotions_table(found),
        confusion=_confusion_table(found),
        differences=_differences_table(found),
        left_out=max(0, len(found.differences) - MAX_DIFFERENCES),
        made=facts_table(made.items()),
    )
    write_text(path, text)


def estimate_in_words(estimate: Estimate) -> str:
    """`.701 (.598 to .790)`, without what is not defined."""
    if estimate.value is None:
        return "not defined"
    return f"{estimate.value:.3f}{interval_in_words(estimate)}"


def interval_in_words(estimate: Estimate) -> str:
    """` (.598 to .790)`; empty without an interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f" ({estimate.low:.3f} to {estimate.high:.3f})"


def unit_in_words(found: Agreement) -> str:
    """What the units of time are called, of several."""
    if found.every_s is None:
        return "frames"
    return "seconds" if found.every_s == 1 else f"units of {found.every_s:g} s"


def longest(found: Agreement, count: int) -> list[Difference]:
    """The stretches that differ the longest, in the order of time."""
    by_length = sorted(found.differences, key=lambda d: d.start_s - d.end_s)[:count]
    return sorted(by_length, key=lambda difference: difference.start_s)


def _runs(
    targets: NDArray[np.int64], edges_s: NDArray[np.float64]
) -> Iterator[tuple[float, float, int]]:
    """Start, end and target of each stretch with one label."""
    changes = np.flatnonzero(np.diff(targets)) + 1
    for start, end in pairwise([0, *changes.tolist(), len(targets)]):
        if targets[start] != MISSING:
            yield float(edges_s[start]), float(edges_s[end]), int(targets[start])


def _bands(found: Agreement) -> list[dict[str, object]]:
    """Three bands that grow and shrink with the page: both labels, and where they differ."""
    edges_s, units = found.edges_s, found.targets.shape[1]
    start_s, length_s = float(edges_s[0]), float(edges_s[-1] - edges_s[0])
    middles_s = start_s + (np.arange(_STEPS) + 0.5) * length_s / _STEPS
    places = np.clip(np.searchsorted(edges_s, middles_s, side="right") - 1, 0, units - 1)
    palette = [(*reversed(COLORS[emotion]), 255) for emotion in EMOTIONS] + [(0, 0, 0, 0)]
    colors = np.array(palette, np.uint8)  # BGR and how opaque; the last one is of nobody's label
    bands: list[dict[str, object]] = []
    for name, targets, left_out in zip(found.names, found.targets, found.unlabelled, strict=True):
        words = [
            {
                "text": EMOTIONS[target],
                "left": ((first_s + last_s) / 2 - start_s) / length_s,
                "short": last_s - first_s < 3 * needed_s,
            }
            for first_s, last_s, target in _runs(targets, edges_s)
            if last_s - first_s >= (needed_s := word_s(EMOTIONS[target], length_s))
        ]
        labelled = f"{1 - left_out:.0%}"
        alt = f"the label that {name} gives over time, {labelled} of which it labels"
        image = _image(colors[targets[places]], alt)
        bands.append(
            {"name": name, "small": f"{labelled} labelled", "image": image, "words": words}
        )
    # Each stretch has a column at least, however short it is.
    differs = np.zeros(_STEPS, bool)
    for difference in found.differences:
        ends_s = np.array([difference.start_s, difference.end_s])
        first, last = ((ends_s - start_s) / length_s * _STEPS).astype(int)
        differs[first : max(last, first + 1)] = True
    share = sum(d.end_s - d.start_s for d in found.differences) / length_s
    columns = np.where(differs[:, None], np.array(_DIFFERS), 0).astype(np.uint8)
    image = _image(columns, f"where they differ, {share:.0%} of the time")
    small = f"{share:.0%} of the time"
    return [*bands, {"name": "differ", "small": small, "image": image, "words": []}]


def _image(columns: NDArray[np.uint8], alt: str) -> Figure:
    """A band of (W, 4) colors."""
    return Figure(png_uri(np.repeat(columns[None], _BAND_PX, axis=0)), alt)


def _emotions_table(found: Agreement) -> Table:
    rows: list[Row] = []
    for label, one in found.emotions.items():
        measures = [_cell(e) for e in (one.precision, one.recall, one.f1, one.kappa)]
        rows.append([_named(label), f"{one.first:,}", f"{one.second:,}", *measures])
    return Table(rows, head=["emotion", *found.names, "precision", "recall", "F1", "kappa"])


def _named(label: str) -> Cell:
    return Cell(label, color=COLOR_OF[label])


def _cell(estimate: Estimate) -> Cell:
    if estimate.value is None:
        return Cell("-", kind="few")
    return Cell(f"{estimate.value:.3f}", small=interval_in_words(estimate).strip(" ()"))


def _confusion_table(found: Agreement) -> Table:
    rows: list[Row] = []
    for label, counts in zip(EMOTIONS, found.confusion.tolist(), strict=True):
        total = sum(counts)
        cells = [Cell(f"{count:,}", tint=count / total if total else 0.0) for count in counts]
        rows.append([label, *cells, f"{total:,}"])
    sums = [f"{count:,}" for count in found.confusion.sum(axis=0).tolist()]
    rows.append(["all", *sums, f"{found.units:,}"])
    return Table(rows, head=[f"{found.names[1]} ↓, {found.names[0]} →", *EMOTIONS, "all"])


def _differences_table(found: Agreement) -> Table:
    rows: list[Row] = []
    for d in longest(found, MAX_DIFFERENCES):
        times = [clock(time_s, fine=True) for time_s in (d.start_s, d.end_s)]
        rows.append([*times, f"{d.end_s - d.start_s:.1f}", _named(d.first), _named(d.second)])
    return Table(rows, head=["from", "to", "seconds", *found.names], left=(3, 4))
