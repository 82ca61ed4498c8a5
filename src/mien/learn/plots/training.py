"""Figures of networks and of their training."""

from collections.abc import Sequence
from pathlib import Path

from mien.learn.summary import Layer
from mien.learn.training.runs import EpochRow
from mien.output.figures import figure, save

_TRAIN, _VAL = "#3478cd", "#e56e1e"


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


def plot_history(rows: Sequence[EpochRow], stem: Path, *, title: str = "") -> list[Path]:
    """Accuracy and loss of training and validation over the epochs: the paper's Figures 14 and 15.

    The gap between the curves at the end is the overfitting that the paper speaks of. A training
    accuracy with dropout and augmentation on can lie below that of validation.
    """
    from matplotlib.ticker import MaxNLocator

    epochs = [row.epoch for row in rows]
    mark = "o" if len(rows) == 1 else ""  # a line of one point is not seen
    with figure(9.5, 3.8, columns=2) as (drawn, (accuracy, loss)):
        for axes, name in ((accuracy, "accuracy"), (loss, "loss")):
            train, val = ([getattr(row, of) for row in rows] for of in (name, f"val_{name}"))
            axes.plot(epochs, train, mark, color=_TRAIN, label="train (augmented, with dropout)")
            axes.plot(epochs, val, mark, color=_VAL, label="val")
            axes.fill_between(epochs, train, val, color="#9aa0a8", alpha=0.15, linewidth=0)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            gap = train[-1] - val[-1]
            axes.set_title(f"{name.capitalize()}; gap at the end {gap:+.3f}")
            axes.set(
                xlabel="epoch", ylabel="accuracy" if axes is accuracy else "cross-entropy, nats"
            )
        best = max(rows, key=lambda row: row.val_accuracy)
        accuracy.plot([best.epoch], [best.val_accuracy], "o", color=_VAL)
        below = best.accuracy >= best.val_accuracy  # away from the other curve
        accuracy.annotate(
            f"{best.val_accuracy:.4f} in epoch {best.epoch}",
            (best.epoch, best.val_accuracy),
            xytext=(0, -8 if below else 8),
            textcoords="offset points",
            ha="right" if best.epoch > epochs[-1] / 2 else "left",
            va="top" if below else "bottom",
            fontsize=9,
        )
        accuracy.margins(y=0.12)
        accuracy.legend(frameon=False, loc="best")
        if title:
            drawn.suptitle(title, x=0.01, ha="left")
        return save(drawn, stem)
