"""What is gained by leaving the faces out that a classifier is not sure of."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.readings import Probabilities

COVERAGES: Final = (1.0, 0.9, 0.8, 0.7, 0.5)
"""Shares of the faces, the surest, that are told of one by one."""

THRESHOLDS: Final = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Probabilities that are told of one by one."""


@dataclass(frozen=True)
class Selection:
    """The faces whose likeliest emotion has at least some probability, and how they are read."""

    threshold: float  # the probability, 0 to 1
    coverage: float  # share of the faces that reach it, 0 to 1
    accuracy: float | None  # share of those that are read right; None if there are none


@dataclass(frozen=True)
class RiskCoverage:
    """Accuracy against the share of the faces that is read, the surest first.

    Geifman and El-Yaniv 2017, arXiv:1705.08500.

    Attributes:
        at_coverage: for each of `COVERAGES`: so large a share of the faces, the surest.
        at_threshold: for each of `THRESHOLDS`.
        area: under the curve of risk (1 - accuracy) over coverage: its mean over the 1, 2, ... N
            surest faces (Geifman et al. 2018, arXiv:1805.08206). Smaller is better.
        least_area: what `area` would be if every wrong reading were less sure than every right one.
        curve: a hundred selections for drawing, from the surest hundredth of the faces to all.
    """

    at_coverage: tuple[Selection, ...]
    at_threshold: tuple[Selection, ...]
    area: float
    least_area: float
    curve: tuple[Selection, ...]


def risk_coverage(probabilities: Probabilities, targets: NDArray[np.int64]) -> RiskCoverage:
    """Measure what is right among the readings that are surest.

    Args:
        probabilities: (N, 7) float.
        targets: (N,) int.
    Raises:
        DataError: there are no faces.
    """
    if len(targets) == 0:
        raise DataError("expected faces to evaluate on; there are none")
    n = len(targets)
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = (probabilities.argmax(axis=1) == targets).astype(np.float64)
    # Equally sure readings count as their mean, so that the order of the faces does not matter.
    _, group, sizes = np.unique(confidence, return_inverse=True, return_counts=True)
    right = (np.bincount(group, right) / sizes)[group]
    order = np.argsort(-confidence, kind="stable")
    confidence, right = confidence[order], right[order]
    counts = np.arange(1, n + 1)
    accuracy = right.cumsum() / counts  # of the 1, 2, ... N surest

    def at_coverage(coverage: float) -> Selection:
        last = max(round(coverage * n), 1) - 1
        return Selection(float(confidence[last]), (last + 1) / n, float(accuracy[last]))

    def at_threshold(threshold: float) -> Selection:
        count = int((confidence >= threshold).sum())
        return Selection(threshold, count / n, float(accuracy[count - 1]) if count else None)

    wrong = n - right.sum()
    return RiskCoverage(
        at_coverage=tuple(at_coverage(share) for share in COVERAGES),
        at_threshold=tuple(at_threshold(threshold) for threshold in THRESHOLDS),
        area=float((1.0 - accuracy).mean()),
        least_area=float((np.maximum(counts - (n - wrong), 0.0) / counts).mean()),
        curve=tuple(at_coverage(percent / 100) for percent in range(1, 101)),
    )
