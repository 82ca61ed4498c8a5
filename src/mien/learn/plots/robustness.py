"""Figures of robustness: accuracy under each corruption, and what its severities look like."""

import textwrap
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mien.errors import counted
from mien.learn.evaluation.robustness import CORRUPTIONS, Robustness, Strip
from mien.output.figures import figure, save

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_MODEL_COLORS: Final = ("#3478cd", "#e56e1e", "#54942c", "#8e5cc9", "#de4236", "#80868e")
_QUIET: Final = "#6a7078"  # of notes
_LETTER_IN: Final = 0.115  # width of a letter of the title, about


def plot_robustness(result: Robustness, stem: Path) -> list[Path]:
    """A panel for each corruption: accuracy against severity, a line for each model.

    The dashed line is the model's accuracy on the images as they are, the pale band each severity's
    95 % interval, the dotted line what reading always the commonest emotion would score.
    """
    names = result.corruptions
    columns = min(len(names), 5)
    rows = -(-len(names) // columns)
    size = (2.35 * max(columns, 2) + 0.4, 2.3 * rows + 0.8)
    with figure(*size, rows=rows, columns=columns) as (drawn, panels):
        for place, (axes, name) in enumerate(zip(panels, names, strict=False)):
            _panel(axes, result, name)
            if place % columns:
                axes.tick_params(labelleft=False)
        for axes in panels[len(names) :]:
            axes.set_axis_off()
        drawn.supylabel("accuracy", fontsize=10)
        heads = ["Accuracy under corruption,", f"{counted(result.n, 'face')} of {result.data}"]
        letters = int(size[0] / _LETTER_IN)
        if len(title := " ".join(heads)) > letters:
            title = "\n".join(textwrap.fill(head, letters) for head in heads)
        drawn.suptitle(title, x=0.01, ha="left", fontweight="bold")
        marks: Any = _legend(result.models)
        plain: dict[str, Any] = {"frameon": False, "fontsize": 9}
        if len(panels) > len(names):
            legend = panels[len(names)].legend(*marks, loc="center left", **plain)
            legend.set_in_layout(columns - len(names) % columns < 2)  # it may reach into the next
        else:
            across = 4 if columns > 2 else 1
            drawn.legend(*marks, loc="outside lower left", ncols=across, **plain)
        return save(drawn, stem)


def _legend(models: Sequence[str]) -> "tuple[list[Artist], list[str]]":
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    marks: list[tuple[Artist, str]] = [
        (Line2D([], [], color=color, marker="o", markersize=3.5), model)
        for model, color in zip(models, cycle(_MODEL_COLORS), strict=False)
    ]
    marks += [
        (Patch(color=_QUIET, alpha=0.25, linewidth=0), "95 % interval"),
        (Line2D([], [], color=_QUIET, linestyle="--", linewidth=1), "images as they are"),
        (Line2D([], [], color=_QUIET, linestyle=":", linewidth=1), "always the commonest emotion"),
    ]
    return [mark for mark, _ in marks], [label for _, label in marks]


def _panel(axes: "Axes", result: Robustness, name: str) -> None:
    corruption = CORRUPTIONS[name]
    highest = max(result.clean(model).interval.high for model in result.models)
    for model, color in zip(result.models, cycle(_MODEL_COLORS), strict=False):
        start = result.clean(model)
        points = list(result.curve(model, name))
        if not corruption.falling:  # 0 is a place on the axis
            points = sorted([start, *points], key=lambda m: m.severity)
        severities = [m.severity for m in points]
        axes.axhline(start.accuracy, color=color, linestyle="--", linewidth=1)
        low, high = [m.interval.low for m in points], [m.interval.high for m in points]
        axes.fill_between(severities, low, high, color=color, alpha=0.15, linewidth=0)
        shown = [m.accuracy for m in points]
        axes.plot(severities, shown, "o-", color=color, markersize=3.5, linewidth=1.6)
    axes.axhline(result.majority, color=_QUIET, linestyle=":", linewidth=1)
    axes.set_ylim(0.0, min(highest * 1.08, 1.0))
    if corruption.falling:
        axes.invert_xaxis()
    axes.set_title(name, fontsize=10)
    axes.set_xlabel(corruption.unit, fontsize=8.5, color=_QUIET)
    axes.tick_params(labelsize=8)


def plot_strips(strips: Sequence[Strip], stem: Path) -> list[Path]:
    """A row for each corruption: one face under all its severities, with what is read off it.

    A reading that is not the one of the face as it is stands in bold.
    """
    columns = max(len(strip.severities) for strip in strips)
    size = (2.3 + 0.95 * columns, 1.36 * len(strips) + 0.1)
    with figure(*size, rows=len(strips), columns=columns) as (drawn, cells):
        for row, strip in enumerate(strips):
            line = cells[row * columns : (row + 1) * columns]
            for axes in line:
                axes.set_axis_off()
            _name(line[0], strip)
            for place, axes in enumerate(line[: len(strip.severities)]):
                _cell(axes, strip, place)
        drawn.get_layout_engine().set(h_pad=0.07)  # type: ignore[union-attr, call-arg]
        return save(drawn, stem)


def _cell(axes: "Axes", strip: Strip, place: int) -> None:
    severity = strip.severities[place]
    axes.imshow(strip.crops[place], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    shown = f"{severity:+g}" if min(strip.severities) < 0 else f"{severity:g}"
    axes.set_title(shown if severity else "as it is", fontsize=8, fontweight="normal", loc="center")
    emotion, probability = strip.read[place]
    changed = emotion != strip.read[strip.severities.index(0.0)][0]
    weight, color = ("bold", "black") if changed else ("normal", _QUIET)
    told = f"{emotion} {probability:.0%}"
    below: dict[str, Any] = {"transform": axes.transAxes, "ha": "center", "va": "top"}
    axes.text(0.5, -0.04, told, fontsize=7.5, fontweight=weight, color=color, **below)


def _name(axes: "Axes", strip: Strip) -> None:
    """What was done, to the left of the row."""
    about = textwrap.fill(strip.corruption.about, 30)
    about += f"\n({strip.corruption.unit})"
    place: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "top"}
    axes.text(-0.15, 0.98, strip.corruption.name, fontweight="bold", fontsize=10, **place)
    axes.text(-0.15, 0.78, about, fontsize=7.5, color=_QUIET, **place)
