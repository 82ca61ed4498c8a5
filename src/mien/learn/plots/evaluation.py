"""Figures of evaluations."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from mien.errors import counted
from mien.labels import EMOTIONS
from mien.learn.evaluation.measures import Measures
from mien.learn.evaluation.risk_coverage import RiskCoverage
from mien.learn.evaluation.scores import Evaluation, Reliability
from mien.output.figures import EMOTION_COLORS, figure, legend_below, save

_BLUE: Final = "#3478cd"
_GRAY: Final = "#9aa0a8"
_LABEL_WIDTH: Final = 5  # of a threshold's label, in percent of the faces
_LABEL_HEIGHT: Final = 0.05  # likewise, as a share of the axes


def plot_evaluation(result: Measures, folder: Path) -> list[Path]:
    """All figures of an evaluation: `confusion`, `reliability`, `classes`, `risk-coverage`."""
    scores = result.evaluation
    return [
        *plot_confusion(scores, folder / "confusion", truth=result.truth),
        *plot_reliability(
            result.reliability,
            folder / "reliability",
            by_taggers=result.reliability is not scores.reliability,
        ),
        *plot_class_scores(scores, folder / "classes"),
        *plot_risk_coverage(result.risk_coverage, folder / "risk-coverage"),
    ]


def plot_confusion(
    result: Evaluation, stem: Path, *, title: str = "", truth: str = "labels"
) -> list[Path]:
    """The confusion matrix, `truth` by rows: counts, and the share of the row as a color."""
    counts = np.array(result.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with figure(6.4, 5.6) as (drawn, (axes,)):
        axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        for row, column in np.ndindex(*counts.shape):
            share = shares[row, column]
            told = f"{share:.0%}\n{counts[row, column]:,}" if counts[row].any() else "-"
            color = "white" if share > 0.55 else "black"
            axes.text(column, row, told, ha="center", va="center", fontsize=8, color=color)
        axes.set_xticks(range(len(EMOTIONS)), EMOTIONS, rotation=35, ha="right")
        axes.set_yticks(range(len(EMOTIONS)), EMOTIONS)
        axes.set(xlabel="read as", ylabel="labelled" if truth == "labels" else truth)
        axes.grid(visible=False)
        axes.set_title(title or f"{counted(result.n, 'face')}, accuracy {result.accuracy:.4f}")
        return save(drawn, stem)


def plot_reliability(
    found: Reliability, stem: Path, *, title: str = "", by_taggers: bool = False
) -> list[Path]:
    """How often the classifier is right, or taggers say the same, when it is so sure, and how often
    it is so sure.
    """
    with figure(6.0, 4.6) as (drawn, (axes,)):
        axes.plot([0, 1], [0, 1], color=_GRAY, linestyle="--", label="as sure as right")
        sure = found.confidence
        measured: dict[str, Any] = {"label": "measured", "zorder": 3, "clip_on": False}
        axes.plot(sure, found.accuracy, "o-", color=_BLUE, **measured)
        crowd = np.array(found.count) / sum(found.count)
        axes.bar(sure, crowd, width=0.045, color=_BLUE, alpha=0.25, label="share of the faces")
        axes.set(xlim=(0, 1), xlabel="probability of the emotion that was read")
        right = "share of FER+'s taggers who say so" if by_taggers else "share read right"
        axes.set(ylim=(0, 1), ylabel=right)
        legend_below(drawn)
        error = found.expected_calibration_error
        axes.set_title(title or f"Expected calibration error {error:.3f}")
        return save(drawn, stem)


def plot_class_scores(result: Evaluation, stem: Path, *, title: str = "") -> list[Path]:
    """Recall and precision of each emotion, with the number of faces that carry the label."""
    rows = np.arange(len(EMOTIONS))
    scores = [result.per_class[label] for label in EMOTIONS]
    with figure(7.0, 3.8) as (drawn, (axes,)):
        for at, measure, alpha in ((-0.2, "recall", None), (0.2, "precision", 0.5)):
            values = [getattr(score, measure) for score in scores]
            bars = axes.bar(rows + at, values, 0.4, color=EMOTION_COLORS, alpha=alpha)
            told = [f"{v:.2f}" if s.support else "" for v, s in zip(values, scores, strict=True)]
            axes.bar_label(bars, told, fontsize=8, padding=1)
        names = [f"{label}\n{result.per_class[label].support:,}" for label in EMOTIONS]
        axes.set_xticks(rows, names)
        axes.set_ylim(0, 1.05)
        axes.grid(visible=False, axis="x")
        axes.set_title(title or "Recall (full) and precision (pale) of each emotion")
        return save(drawn, stem)


def plot_risk_coverage(result: RiskCoverage, stem: Path) -> list[Path]:
    """Accuracy against the share of the faces that is read, the surest first."""
    with figure(6.4, 4.4) as (drawn, (axes,)):
        coverage = [100 * selection.coverage for selection in result.curve]
        accuracy = [100 * (selection.accuracy or 0.0) for selection in result.curve]
        axes.plot(coverage, accuracy, color=_BLUE, linewidth=1.8, zorder=3)
        axes.axhline(accuracy[-1], color=_GRAY, linestyle="--", linewidth=1, label="all faces")
        lowest = min(accuracy) - 4
        top = 100 + 0.08 * (100 - lowest)  # a label over the highest dot is below the title
        dot: dict[str, Any] = {"marker": "o", "color": _BLUE, "markersize": 5}
        for threshold, across, up in _apart(result, top - lowest):
            axes.plot(across, up, linestyle="none", zorder=4, **dot)
            beside: dict[str, Any] = {"xytext": (5, 5), "textcoords": "offset points"}
            axes.annotate(f"{threshold:g}", (across, up), fontsize=8.5, **beside)
        axes.plot([], [], linestyle="none", label="those with at least this probability", **dot)
        axes.set(xlim=(0, 101), xlabel="faces that are read, the surest first, %")
        axes.set(ylim=(lowest, top), ylabel="of these read right, %")
        axes.set_yticks([tick for tick in axes.get_yticks() if max(lowest, 0) <= tick <= 100])
        legend_below(drawn)
        axes.set_title(f"Accuracy without the unsure; risk-coverage area {result.area:.3f}")
        return save(drawn, stem)


def _apart(result: RiskCoverage, height: float) -> list[tuple[float, float, float]]:
    """Thresholds with their coverage and accuracy in percent; none so near that labels would touch.

    `height` is that of the axes, in percent of accuracy.
    """
    shown: list[tuple[float, float, float]] = []
    for selection in result.at_threshold:
        if selection.accuracy is None or selection.coverage > 0.985:
            continue
        place = (100 * selection.coverage, 100 * selection.accuracy)
        if all(
            abs(place[0] - across) > _LABEL_WIDTH or abs(place[1] - up) > _LABEL_HEIGHT * height
            for _, across, up in shown
        ):
            shown.append((selection.threshold, *place))
    return shown
