"""Figures of studies of settings."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mien.figures import figure, save
from mien.learn.tuning.search import TrialResult, TuningResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BEST, _FINISHED, _QUIET = "#e56e1e", "#3478cd", "#9aa0a8"
_LOGARITHMIC: Final = ("learning_rate", "batch_size")


def plot_trials(result: TuningResult, stem: Path) -> list[Path]:
    """The val accuracy of each trial in its order, and the best so far.

    Args:
        result: with at least one finished trial.
        stem: path without an ending.
    Returns:
        The files, PNG and SVG.
    """
    from matplotlib.ticker import MaxNLocator

    finished = [trial for trial in result.trials if trial.state == "finished"]
    with figure(7.0, 4.0) as (drawn, (axes,)):
        _scatter(axes, result, [trial.number for trial in result.trials])
        best = list(accumulate((_percent(trial) for trial in finished), max))
        numbers = [trial.number for trial in finished]
        axes.step(
            [*numbers, result.trials[-1].number],
            [*best, best[-1]],
            where="post",
            color=_BEST,
            linewidth=1.5,
            label="best so far",
            zorder=1,
        )
        if result.trials[0].number == 0 and finished[0].number == 0:
            axes.axhline(
                best[0], color=_QUIET, linestyle="--", linewidth=1, label="base recipe", zorder=0
            )
        axes.set_xlabel("trial")
        axes.set_ylabel("val accuracy, %")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(y=0.12)
        axes.legend(frameon=False, loc="best", fontsize=9)
        gain = f", {best[-1] - best[0]:+.1f} points on the base" if finished[0].number == 0 else ""
        axes.set_title(f"{len(result.trials)} trials; the best reads {best[-1]:.1f} %{gain}")
        return save(drawn, stem)


def plot_importances(result: TuningResult, stem: Path) -> list[Path]:
    """How much of the differences between trials goes back to each setting.

    Args:
        result: with importances.
        stem: path without an ending.
    Returns:
        The files, PNG and SVG.
    """
    names, shares = list(result.importances), list(result.importances.values())
    with figure(7.0, 0.36 * len(names) + 1.5) as (drawn, (axes,)):
        bars = axes.barh(names, shares, color=_FINISHED)
        axes.bar_label(bars, [f"{share:.0%}" for share in shares], padding=4)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xlabel("share of the differences in val accuracy (functional ANOVA)")
        axes.set_title(f"How much each setting matters, from {len(result.trials)} trials")
        return save(drawn, stem)


def plot_settings(result: TuningResult, stem: Path) -> list[Path]:
    """A panel for each setting: val accuracy against its value, a point for each trial.

    Args:
        result: with at least one trial that has an accuracy.
        stem: path without an ending.
    Returns:
        The files, PNG and SVG.
    """
    names = result.settings
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    with figure(3.1 * columns + 0.6, 2.3 * rows + 0.9, rows=rows, columns=columns) as (
        drawn,
        panels,
    ):
        for axes, name in zip(panels, names, strict=False):
            values = [trial.settings[name] for trial in result.trials]
            _panel(axes, result, name, values)
        for axes in panels[len(names) :]:
            axes.set_axis_off()
        drawn.supylabel("val accuracy, %", fontsize=10)
        handles, labels = panels[0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside lower left", ncols=4, frameon=False, fontsize=9)
        return save(drawn, stem)


def _panel(axes: "Axes", result: TuningResult, name: str, values: Sequence[Any]) -> None:
    if isinstance(values[0], str | bool):
        kinds = sorted(set(values))
        _scatter(axes, result, [kinds.index(value) for value in values])
        names = {False: "no", True: "yes"}
        axes.set_xticks(range(len(kinds)), [names.get(kind, kind) for kind in kinds])
        axes.set_xlim(-0.6, len(kinds) - 0.4)
    else:
        _scatter(axes, result, values)
        if name in _LOGARITHMIC:
            axes.set_xscale("log", base=2 if name == "batch_size" else 10)
            if name == "batch_size":
                axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_title(name, fontsize=10)
    axes.tick_params(labelsize=8)


def _scatter(axes: "Axes", result: TuningResult, places: Sequence[float]) -> None:
    """A point for each trial that has an accuracy; its mark says how it ended."""
    by_state = {
        "finished": {"color": _FINISHED, "marker": "o", "s": 28},
        "pruned": {"color": _QUIET, "marker": "x", "s": 26},
        "diverged": {"color": "#de4236", "marker": "x", "s": 26},
    }
    at = dict(zip((trial.number for trial in result.trials), places, strict=True))
    for state, marks in by_state.items():
        shown = [t for t in result.trials if t.state == state and t.val_accuracy is not None]
        if shown:
            accuracies = [_percent(trial) for trial in shown]
            axes.scatter([at[t.number] for t in shown], accuracies, label=state, zorder=2, **marks)  # type: ignore[arg-type]
    if result.best is not None:
        axes.scatter(
            [at[result.best.number]],
            [_percent(result.best)],
            s=90,
            facecolors="none",
            edgecolors=_BEST,
            linewidths=2,
            label="best",
            zorder=3,
        )


def _percent(trial: TrialResult) -> float:
    return 100 * (trial.val_accuracy or 0.0)
