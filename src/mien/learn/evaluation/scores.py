"""Predictions against labels: accuracy, the report per class, confusion, calibration, intervals."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.labels import EMOTIONS, FERPLUS, FERPLUS_EMOTIONS, FERPLUS_TO_EMOTION
from mien.learn.data.datasets import FaceSet
from mien.learn.evaluation.calibration import tagger_shares
from mien.readings import Probabilities
from mien.recognize.classifier import Classifier, Votes

BINS: Final = 15  # of the reliability diagram

_Z: Final = 1.959963984540054  # 95 % of a normal distribution are within so many deviations

_SHAPE: Final = (len(EMOTIONS), len(EMOTIONS))  # of a confusion matrix
_CELLS: Final = len(EMOTIONS) ** 2

FERPLUS_MAJORITY: Final = "FER+ majority"
"""What the truth is called that most taggers chose."""


@dataclass(frozen=True)
class ClassScore:
    """How one class, or a mean over classes, was read; all but `support` are 0 to 1."""

    precision: float
    recall: float
    f1: float
    support: int  # faces that carry the label


@dataclass(frozen=True)
class Reliability:
    """How often a classifier is right when it is so sure (Guo et al. 2017, arXiv:1706.04599)."""

    # Mean probability of the label that was read, for each bin that has faces.
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]  # share of those faces that were read right
    count: tuple[int, ...]  # number of those faces
    expected_calibration_error: float  # mean of |accuracy - confidence|, weighted by `count`


@dataclass(frozen=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float

    @classmethod
    def of(cls, draws: NDArray[np.float64]) -> Self:
        """The middle 95 % of (R,) draws; those that are NaN do not count."""
        low, high = np.nanpercentile(draws, [2.5, 97.5])
        return cls(float(low), float(high))

    @classmethod
    def wilson(cls, right: int, n: int) -> Self:
        """That of a share by its score (Wilson 1927, doi:10.1080/01621459.1927.10502953).

        Args:
            right: faces that were read right.
            n: of so many, at least 1.
        """
        share, of_z = right / n, _Z**2 / n
        center = share + of_z / 2
        reach = math.sqrt(of_z * (share * (1 - share) + of_z / 4))
        low, high = (center - reach) / (1 + of_z), (center + reach) / (1 + of_z)
        return cls(max(low, 0.0), min(high, 1.0))

    @classmethod
    def of_share(cls, right: int, n: int, draws: NDArray[np.float64]) -> Self:
        """Of (R,) draws of a share; Wilson's where all faces are read right or none, which drawing
        them again cannot change.
        """
        return cls.of(draws) if 0 < right < n else cls.wilson(right, n)


@dataclass(frozen=True)
class Evaluation:
    """What a classifier makes of labelled faces.

    Attributes:
        n: number of faces.
        accuracy: share read as they are labelled.
        macro_f1: unweighted mean of the F1 of the classes that have faces.
        per_class: label -> scores, in the order of `mien.labels.EMOTIONS`; where `support` is 0,
            the other numbers are 0 and say nothing.
        macro_average: unweighted means over the classes that have faces.
        weighted_average: means weighted by support.
        confusion: row i, column j: faces labelled i that were read as j.
        reliability: in 15 bins of equal width.
    """

    n: int
    accuracy: float
    macro_f1: float
    per_class: dict[str, ClassScore]
    macro_average: ClassScore
    weighted_average: ClassScore
    confusion: tuple[tuple[int, ...], ...]
    reliability: Reliability

    @property
    def absent(self) -> tuple[str, ...]:
        """The labels that no face carries: no mean over the classes is of them."""
        return tuple(label for label, score in self.per_class.items() if not score.support)

    @property
    def mean_class_recall(self) -> float:
        """Unweighted mean of the classes' recall, also called balanced accuracy."""
        return self.macro_average.recall

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, ready for JSON."""
        return {
            **asdict(self),
            "mean_class_recall": self.mean_class_recall,
            "absent": list(self.absent),
        }


def evaluate(classifier: Classifier, faces: FaceSet) -> Evaluation:
    """Read faces with a classifier, one view each, and compare with their labels.

    Raises:
        DataError: there are no faces.
    """
    return evaluate_probabilities(classifier(faces.images), faces.targets)


def evaluate_probabilities(probabilities: Probabilities, targets: NDArray[np.int64]) -> Evaluation:
    """Compare the likeliest labels with the true ones.

    A class that was never read has precision 0. Means over the classes are of those that have
    faces; to read one of the others is wrong, and counts in the recall of the face's own.

    Args:
        probabilities: (N, 7) float.
        targets: (N,) int.
    Raises:
        DataError: there are no faces.
    """
    if len(targets) == 0:
        raise DataError("expected faces to evaluate on; there are none")
    n, predicted = len(targets), probabilities.argmax(axis=1)
    right = (predicted == targets).astype(np.float64)
    confusion = np.bincount(_cells(targets, predicted), minlength=_CELLS).reshape(_SHAPE)
    scores, macro = _class_scores(confusion)
    support = confusion.sum(axis=1)
    macro_average = _class_score(macro, n)
    columns = zip(EMOTIONS, scores.T, support, strict=True)
    return Evaluation(
        n=n,
        accuracy=float(right.mean()),
        macro_f1=macro_average.f1,
        per_class={label: _class_score(column, count) for label, column, count in columns},
        macro_average=macro_average,
        weighted_average=_class_score((scores * support).sum(axis=1) / n, n),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        reliability=_reliability(probabilities.max(axis=1), right),
    )


def bootstrap_intervals(
    probabilities: Probabilities,
    targets: NDArray[np.int64],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """95 % percentile intervals by drawing the faces again with replacement (Efron 1979).

    They tell how far another draw of test faces would move a score, not another training run. As
    in `evaluate_probabilities`, a mean over the classes is of those that have faces in the draw.

    Returns:
        Intervals of `accuracy`, `macro_f1` and `mean_class_recall`. Where all faces are read right
        or none, drawing them again tells nothing: that of `accuracy` is Wilson's then, and the
        others are not there.
    """
    n, predicted = len(targets), probabilities.argmax(axis=1)
    right = int((predicted == targets).sum())
    if right in (0, n):
        return {"accuracy": Interval.wilson(right, n)}
    cells = _cells(targets, predicted)
    generator = np.random.default_rng(seed)
    drawn = (cells[generator.integers(0, n, n)] for _ in range(resamples))
    confusions = np.stack([np.bincount(cell, minlength=_CELLS) for cell in drawn])
    confusions = confusions.reshape(resamples, *_SHAPE)
    accuracy = np.trace(confusions, axis1=1, axis2=2) / n
    _, recall, f1 = _class_scores(confusions)[1].T
    draws = {"accuracy": accuracy, "macro_f1": f1, "mean_class_recall": recall}
    return {name: Interval.of(values) for name, values in draws.items()}


def _cells(targets: NDArray[np.int64], predicted: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) which cell of a confusion matrix each face belongs to, row by row."""
    return targets * len(EMOTIONS) + predicted


def _class_scores(confusion: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision, recall and F1 of (..., 7, 7) confusions: (..., 3, 7), and (..., 3) their means."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    read, support = confusion.sum(axis=-2), confusion.sum(axis=-1)
    of = [(right, read), (right, support), (2 * right, read + support)]
    scores = np.stack([part / np.maximum(whole, 1) for part, whole in of], axis=-2)
    # Classes without faces have 0 everywhere.
    return scores, scores.sum(axis=-1) / (support > 0).sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class Agreement:
    """How often a classifier reads what most FER+ taggers saw."""

    n: int  # faces whose most votes, without a tie, go to one of the seven emotions
    accuracy: float

    @classmethod
    def of(cls, read: NDArray[np.int64], majority: NDArray[np.int64]) -> Self:
        """Of (N,) emotions with a majority as `majority_of` gives it (arXiv:1608.01041).

        Faces whose majority is none of the seven, or that have none, are left out.
        """
        known = majority >= 0
        return cls(int(known.sum()), float((read == majority)[known].mean()))


@dataclass(frozen=True)
class VotesScore:
    """How often the likeliest of the eight FER+ expressions is the one that the taggers chose.

    Published figures differ in the faces that they leave out, so both rules are told with their n.
    """

    accuracy: float  # on the faces where one expression has the most votes of all ten columns
    n: int  # their number
    # How many faces were left out for it, by reason: "tie", "unknown", "not a face", "no votes".
    left_out: dict[str, int]
    # On the faces where, single votes struck out, one expression has more than half of what is
    # left: the rule of the FER+ authors' own code for the accuracies that they published
    # (arXiv:1608.01041). None if there are none.
    majority_accuracy: float | None
    majority_n: int  # their number


@dataclass(frozen=True)
class TaggersScore:
    """How well a classifier says what one of a face's FER+ taggers, drawn at random, says.

    Votes for none of the seven emotions are left out.
    """

    n: int  # faces with votes for the seven
    negative_log_likelihood: float  # of the tagger's vote, nats, mean over the faces
    # Of the probability of what is read, beside the share of taggers who say so.
    reliability: Reliability


def score_taggers(probabilities: Probabilities, faces: FaceSet) -> TaggersScore:
    """Compare probabilities with the shares of the FER+ taggers.

    Args:
        probabilities: (N, 7) float, row i of face i.
        faces: the N faces, with votes.
    Raises:
        DataError: the set has no FER+ votes, or none for the seven emotions.
    """
    shares, voted = tagger_shares(_votes_of(faces))
    if not voted.any():
        raise DataError(f"{faces.name}: expected FER+ votes for the seven emotions; there are none")
    shares, rows = shares[voted], probabilities[voted].astype(np.float64)
    surprise = -(shares * np.log(np.maximum(rows, np.finfo(np.float32).tiny))).sum(axis=1)
    said = said_by_taggers(rows, shares)
    return TaggersScore(
        int(voted.sum()), float(surprise.mean()), _reliability(rows.max(axis=1), said)
    )


def said_by_taggers(
    probabilities: NDArray[np.floating[Any]], shares: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(N,) the share of taggers who say what is read; both arguments are (N, 7)."""
    read = probabilities.argmax(axis=1)[:, None]
    return np.take_along_axis(shares, read, axis=1)[:, 0]


def truth_of(head: str, faces: FaceSet, split: str) -> FaceSet:
    """The faces with what a head's answers are held against as their labels.

    Args:
        head: "label", whose truth are the labels of the data set; or "people", whose truth is the
            emotion that most FER+ taggers chose. Faces on which that is none of the seven, or
            several equally, are left out then. Where the faces of the split, or of one of several,
            have no votes, the labels are all that people have said.
        faces: labelled, with or without votes.
        split: that is measured, as `FaceSet.split` takes it. Of others, those without votes stay as
            they are.
    Raises:
        DataError: the set has no such split.
    """
    if head != "people" or majority_of(faces.split(split)) is None:
        return faces
    majority = ferplus_targets(faces)
    known = majority >= 0
    kept = known | ~np.isin(faces.splits, faces.splits[known])
    targets = np.where(known, majority, faces.targets)
    name = f"{faces.name} ({FERPLUS_MAJORITY})"  # a split may follow
    return replace(faces, targets=targets, name=name).take(kept)


def majority_of(faces: FaceSet) -> NDArray[np.int64] | None:
    """(N,) int64 as `ferplus_targets`; None where no face of one of the splits has a majority."""
    if faces.votes is None or not len(faces):
        return None
    majority = ferplus_targets(faces)
    return majority if np.isin(faces.splits, faces.splits[majority >= 0]).all() else None


def score_votes(read: Votes, faces: FaceSet) -> VotesScore:
    """Compare the eight FER+ expressions that were read with those that the taggers chose.

    Args:
        read: (N, 8) float, row i of face i, in the order of `mien.labels.FERPLUS_EMOTIONS`.
        faces: the N faces, with votes.
    Raises:
        DataError: the set has no FER+ votes, or none that choose one of the expressions.
    """
    votes = _votes_of(faces)
    chosen = _most(votes)
    kept = (chosen >= 0) & (chosen < len(FERPLUS_EMOTIONS))
    # More than half is the most, and alone.
    struck = np.where(votes == 1, 0, votes)
    majority = np.where(2 * struck.max(axis=1) > struck.sum(axis=1), _most(struck), -1)
    clear = (majority >= 0) & (majority < len(FERPLUS_EMOTIONS))
    if not kept.any():
        raise DataError(f"{faces.name}: expected faces with a FER+ expression; there are none")
    likeliest = read.argmax(axis=1)
    reasons = {
        "tie": votes.any(axis=1) & (chosen < 0),
        "unknown": chosen == FERPLUS.index("unknown"),
        "not a face": chosen == FERPLUS.index("NF"),
        "no votes": ~votes.any(axis=1),
    }
    return VotesScore(
        accuracy=float((likeliest == chosen)[kept].mean()),
        n=int(kept.sum()),
        left_out={reason: int(rows.sum()) for reason, rows in reasons.items()},
        majority_accuracy=float((likeliest == majority)[clear].mean()) if clear.any() else None,
        majority_n=int(clear.sum()),
    )


def ferplus_targets(faces: FaceSet) -> NDArray[np.int64]:
    """(N,) int64: the target that most FER+ taggers chose, -1 where there is none.

    Raises:
        DataError: the set has no FER+ votes.
    """
    names = [FERPLUS_TO_EMOTION.get(name) for name in FERPLUS]
    targets = np.array([-1 if name is None else EMOTIONS.index(name) for name in names])
    chosen = _most(_votes_of(faces))
    return np.where(chosen >= 0, targets[chosen], -1).astype(np.int64)


def _votes_of(faces: FaceSet) -> NDArray[np.int64]:
    if faces.votes is None:
        raise DataError(f"{faces.name} has no FER+ votes to compare with")
    return faces.votes


def _most(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) int64: the column of `FERPLUS` with the most votes, -1 for a tie or no votes."""
    most = votes.max(axis=1, keepdims=True)
    alone = ((votes == most).sum(axis=1) == 1) & (most[:, 0] > 0)
    return np.where(alone, votes.argmax(axis=1), -1).astype(np.int64)


def _reliability(
    confidence: NDArray[np.floating[Any]], right: NDArray[np.floating[Any]]
) -> Reliability:
    """Of (N,) probabilities of what is read, and (N,) how far that is right, both 0 to 1."""
    confidence = confidence.astype(np.float64).clip(0.0, 1.0)
    edges = np.linspace(0.0, 1.0, BINS + 1)
    bins = np.searchsorted(edges[1:-1], confidence)
    count = np.bincount(bins, minlength=BINS)
    sums = (np.bincount(bins, values, minlength=BINS) for values in (confidence, right))
    kept = count > 0
    mean_confidence, accuracy = (values[kept] / count[kept] for values in sums)
    count = count[kept]
    error = float((np.abs(accuracy - mean_confidence) * count).sum() / len(confidence))
    return Reliability(
        tuple(mean_confidence.tolist()), tuple(accuracy.tolist()), tuple(count.tolist()), error
    )


def _class_score(scores: NDArray[np.float64], support: int) -> ClassScore:
    precision, recall, f1 = map(float, scores)
    return ClassScore(precision, recall, f1, int(support))
