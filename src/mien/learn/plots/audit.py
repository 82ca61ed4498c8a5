"""Figures of an audit of labels."""

from pathlib import Path
from typing import Final

from mien.learn.audit.check import VotesCheck
from mien.output.figures import figure, save

_COLORS: Final = ("#3478cd", "#e56e1e", "#808690")


def plot_precision(check: VotesCheck, stem: Path) -> list[Path]:
    """The share of wrong labels from the top of each ranking down to each rank.

    Args:
        check: of an audit against the FER+ votes.
        stem: path without an ending.
    Returns:
        The files, PNG and SVG.
    """
    with figure(7.0, 3.6) as (drawn, (axes,)):
        for (name, score), color in zip(check.rankings.items(), _COLORS, strict=True):
            axes.plot(check.curve_at, score.curve, color=color, label=name)
        axes.axhline(
            check.prevalence, color="#9aa0a8", linestyle="--", linewidth=1, label="in any order"
        )
        axes.axvline(check.doubted_n, color="#9aa0a8", linestyle=":", linewidth=1)
        axes.annotate(
            f"{check.doubted_n:,} in doubt",
            (check.doubted_n, 1.0),
            xytext=(-4, -2),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=9,
        )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, position: f"{value:,.0f}")
        axes.set_ylim(0.0, 1.02)
        axes.set_xlabel("faces from the top of the ranking")
        axes.set_ylabel("share whose label is wrong")
        axes.set_title(f"Wrong if {check.wrong_if}", fontsize=10)
        axes.legend(frameon=False, loc="lower left")
        return save(drawn, stem)
