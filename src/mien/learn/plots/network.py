"""Figures of networks."""

from collections.abc import Sequence
from pathlib import Path

from mien.learn.summary import Layer
from mien.output.figures import figure, save


def plot_parameters(layers: Sequence[Layer], stem: Path) -> list[Path]:
    """A bar for the parameters of each layer that has any, as the paper's Figure 16."""
    learnt = [layer for layer in layers if layer.parameters]
    total = sum(layer.parameters for layer in learnt)
    with figure(7.0, 0.32 * len(learnt) + 1.4) as (drawn, (axes,)):
        names = [layer.name for layer in learnt]
        counts = [layer.parameters for layer in learnt]
        bars = axes.barh(names, counts, color="#3478cd")
        labels = [f"{count:,} ({count / total:.1%})" for count in counts]
        axes.bar_label(bars, labels, padding=4)
        axes.invert_yaxis()
        axes.margins(x=0.28)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_title(f"Parameters of each layer; {total:,} in all")
        return save(drawn, stem)
