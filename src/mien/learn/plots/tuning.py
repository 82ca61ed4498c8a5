"""Figures of studies of settings, which Optuna draws."""

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from mien.learn.tuning.search import TuningResult, importance_evaluator
from mien.output.figures import save

_STYLE: Final[dict[Any, Any]] = {
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "mien",  # the same figure gives the same file
}


def plot_study(result: TuningResult, folder: Path) -> list[Path]:
    """The val accuracy over the trials, against each setting, and how much each of them matters.

    Trials that were pruned count with the best that they had reached. Without importances the
    third figure is left out.

    Args:
        result: with at least one finished trial.
        folder: for trials-accuracy, settings and importances.
    Raises:
        OutputError: they cannot be written.
    """
    import matplotlib
    from matplotlib import pyplot as plt
    from optuna.visualization import matplotlib as figures

    drawn: dict[str, Callable[..., Any]] = {
        "trials-accuracy": figures.plot_optimization_history,
        "settings": figures.plot_slice,
    }
    if result.importances:
        drawn["importances"] = partial(
            figures.plot_param_importances, evaluator=importance_evaluator()
        )
    files: list[Path] = []
    backend = matplotlib.get_backend()
    plt.switch_backend("agg")  # without a screen
    try:
        with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Optuna: these are new, an axis has one value
            for name, draw in drawn.items():
                draw(result.study, target_name="val accuracy")
                for axes in plt.gcf().axes:
                    if axes.get_xscale() == "log":  # its labels are long: 6 x 10^-4
                        axes.tick_params(axis="x", which="both", labelrotation=90)
                files += save(plt.gcf(), folder / name)
                plt.close()
    finally:
        plt.switch_backend(backend)
    return files
