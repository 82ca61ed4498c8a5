"""Figures of an audit of labels."""

from pathlib import Path
from typing import Any, Final

from mien.learn.audit.check import VotesCheck
from mien.output.figures import figure, legend_below, save

_COLORS: Final = ("#3478cd", "#e56e1e", "#808690")


def plot_precision(check: VotesCheck, stem: Path) -> list[Path]:
    """The share of wrong labels from the top of each ranking down to each rank."""
    with figure(7.0, 3.6) as (drawn, (axes,)):
        for (name, score), color in zip(check.rankings.items(), _COLORS, strict=True):
            axes.plot(check.curve_at, score.curve, color=color, label=name)
        thin: dict[str, Any] = {"color": "#9aa0a8", "linewidth": 1}
        axes.axhline(check.prevalence, linestyle="--", label="in any order", **thin)
        axes.axvline(check.doubted_n, linestyle=":", **thin)
        beside: dict[str, Any] = {"xytext": (-4, -2), "textcoords": "offset points"}
        place, told = (check.doubted_n, 1.0), f"{check.doubted_n:,} in doubt"
        axes.annotate(told, place, ha="right", va="top", fontsize=9, **beside)
        axes.set(xscale="log", xlabel="faces from the top of the ranking")
        axes.set(ylim=(0.0, 1.02), ylabel="share whose label is wrong")
        axes.xaxis.set_major_formatter(lambda value, position: f"{value:,.0f}")
        axes.set_title(f"Wrong if {check.wrong_if}", fontsize=10)
        legend_below(drawn)
        return save(drawn, stem)
