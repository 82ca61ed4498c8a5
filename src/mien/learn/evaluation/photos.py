"""Photos of people against their labels, as a user meets them: no face found is read wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.labels import EMOTIONS
from mien.learn.data.formats import LabeledImage
from mien.learn.evaluation.scores import Evaluation, Interval

NO_FACE: Final = "no face"
"""What a photo was read as in which none was found."""


@dataclass(frozen=True)
class PhotoScores:
    """What a reader makes of labelled photos; one without a face counts as read wrong."""

    n: int  # number of photos
    faceless: int  # those in which no face was found
    accuracy: float  # share of the photos that were read as they are labelled
    mean_class_recall: float  # unweighted mean of `recall`
    # Label -> share of its photos that were read so; the labels that have photos.
    recall: dict[str, float]
    # Label -> how many of its photos were read as each emotion, or `NO_FACE`.
    read_as: dict[str, dict[str, int]]
    # 95 % bootstrap intervals of `accuracy` and, unless all photos are read right or none, which
    # drawing them again cannot change, of `mean_class_recall`.
    intervals: dict[str, Interval]
    recall_intervals: dict[str, Interval]  # of `recall`


def count_readings(targets: Sequence[int], labels: Sequence[str | None]) -> NDArray[np.int64]:
    """(7, 8) int64: photos with target i that were read as j; the last column is no face.

    Args:
        targets: of the photos.
        labels: what each was read as; None where no face was found or no emotion was given.
    Raises:
        DataError: a label is not one of the seven.
    """
    columns: dict[str | None, int] = {label: column for column, label in enumerate(EMOTIONS)}
    columns[None] = len(EMOTIONS)
    counts = np.zeros((len(EMOTIONS), len(columns)), np.int64)
    for target, label in zip(targets, labels, strict=True):
        if label not in columns:
            raise DataError(f"expected labels among {', '.join(EMOTIONS)}; got {label!r}")
        counts[target, columns[label]] += 1
    return counts


def score_photos(counts: NDArray[np.int64], *, resamples: int = 1000, seed: int = 0) -> PhotoScores:
    """Scores with 95 % percentile intervals by drawing the photos again (Efron 1979).

    They rest on the counts alone, so that the order of the photos changes nothing. In each draw the
    mean class recall is of the classes that are in it.

    Args:
        counts: (7, 8), photos with target i that were read as j; the last column is no face.
        resamples: draws of as many photos, with replacement.
        seed: of the draws.
    Raises:
        DataError: there are no photos.
    """
    n = int(counts.sum())
    if n == 0:
        raise DataError("expected photos to evaluate on; there are none")
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(n, counts.ravel() / n, size=resamples)
    accuracies, recalls = _shares(draws.reshape(-1, *counts.shape))
    (accuracy,), (recall,) = _shares(counts[None])
    right, of_label = np.diagonal(counts), counts.sum(axis=1)
    intervals = {"accuracy": Interval.of_share(int(right.sum()), n, accuracies)}
    if 0 < right.sum() < n:
        intervals["mean_class_recall"] = Interval.of(np.nanmean(recalls, axis=1))
    labelled = {label: row for row, label in enumerate(EMOTIONS) if counts[row].any()}
    return PhotoScores(
        n=n,
        faceless=int(counts[:, -1].sum()),
        accuracy=float(accuracy),
        mean_class_recall=float(np.nanmean(recall)),
        recall={label: float(recall[row]) for label, row in labelled.items()},
        read_as={
            label: dict(zip((*EMOTIONS, NO_FACE), counts[row].tolist(), strict=True))
            for label, row in labelled.items()
        },
        intervals=intervals,
        recall_intervals={
            label: Interval.of_share(int(right[row]), int(of_label[row]), recalls[:, row])
            for label, row in labelled.items()
        },
    )


def score_found_faces(evaluation: Evaluation, faceless: Sequence[LabeledImage]) -> PhotoScores:
    """The scores of photos of which those with a face were evaluated; `faceless` are the others."""
    counts = count_readings([p.target for p in faceless], [None] * len(faceless))
    counts[:, :-1] += np.array(evaluation.confusion)
    return score_photos(counts)


def _shares(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(R,) accuracy and (R, 7) recall, NaN of classes without photos, of (R, 7, 8) counts."""
    right = np.diagonal(counts, axis1=1, axis2=2)
    photos = counts.sum(axis=2)
    recall = np.where(photos > 0, right / np.maximum(photos, 1), np.nan)
    return right.sum(axis=1) / photos.sum(axis=1), recall
