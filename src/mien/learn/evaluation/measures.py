"""All that is told of a model on one split: scores, how sure they are, and against what else."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mien.learn.data.datasets import FaceSet
from mien.learn.data.duplicates import duplicates_of
from mien.learn.evaluation.risk_coverage import RiskCoverage, risk_coverage
from mien.learn.evaluation.scores import (
    FERPLUS_MAJORITY,
    Agreement,
    Evaluation,
    Interval,
    Reliability,
    TaggersScore,
    VotesScore,
    bootstrap_intervals,
    evaluate_probabilities,
    majority_of,
    score_taggers,
    score_votes,
)
from mien.recognize.classifier import Classifier


@dataclass(frozen=True)
class Measures:
    """What a classifier makes of one split of a data set, one view of each face."""

    head: str  # what it was asked, "people" or "label"
    by_taggers: bool  # held against what most FER+ taggers chose, not the labels; see `truth_of`
    evaluation: Evaluation  # on all faces of the split that have this truth
    # 95 % intervals of `accuracy`, `macro_f1` and `mean_class_recall`; see `bootstrap_intervals`.
    intervals: dict[str, Interval]
    # On the faces that are not exact duplicates of training images; None where the data set has no
    # other training images, or the duplicates are all there is.
    clean: Evaluation | None
    as_labeled: Agreement  # share of all faces of the split that are read as they are labelled
    agreement: Agreement | None  # of the seven emotions with the FER+ majority; None without votes
    # How well it says what one tagger says; None without votes for the seven.
    taggers: TaggersScore | None
    risk_coverage: RiskCoverage  # what is right among the readings that are surest
    # Of the eight FER+ expressions with the taggers' choice; None where the data have no votes or
    # the model does not read them.
    votes: VotesScore | None

    @property
    def reliability(self) -> Reliability:
        """How often it is right when it is so sure: of people, as often as a tagger says so."""
        if self.by_taggers and self.taggers is not None:
            return self.taggers.reliability
        return self.evaluation.reliability

    @property
    def truth(self) -> str:
        """What the evaluation is held against, in words."""
        return FERPLUS_MAJORITY if self.by_taggers else "labels"

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, ready for JSON; the evaluation's are on top."""
        return {
            "head": self.head,
            "truth": self.truth,
            **self.evaluation.to_dict(),
            "intervals": {name: asdict(interval) for name, interval in self.intervals.items()},
            "clean": None if self.clean is None else self.clean.to_dict(),
            "as_labeled": asdict(self.as_labeled),
            "ferplus_agreement": None if self.agreement is None else asdict(self.agreement),
            "taggers": None if self.taggers is None else asdict(self.taggers),
            "risk_coverage": asdict(self.risk_coverage),
            "ferplus_votes": None if self.votes is None else asdict(self.votes),
        }


def measure(classifier: Classifier, faces: FaceSet, split: str) -> Measures:
    """Read the faces of a split and compare them with all that the data set says of them.

    Args:
        classifier: what reads them.
        faces: the whole data set: duplicates are looked for among its training images.
        split: as `FaceSet.split` takes it: "val+test".
    Raises:
        DataError: the set has no such split.
    """
    part = faces.split(split)
    probabilities, votes = classifier.read(part.images)
    majority = majority_of(part)
    by_taggers = classifier.head == "people" and majority is not None
    truths = majority if by_taggers and majority is not None else part.targets
    known = truths >= 0
    names = split.split("+")
    clean = None
    if "train" not in names and (faces.splits == "train").any():
        own = known & ~duplicates_of(faces, of="train")[np.isin(faces.splits, names)]
        if own.any():
            clean = evaluate_probabilities(probabilities[own], truths[own])
    voted, read = majority is not None, probabilities.argmax(axis=1)
    return Measures(
        head=classifier.head,
        by_taggers=by_taggers,
        evaluation=evaluate_probabilities(probabilities[known], truths[known]),
        intervals=bootstrap_intervals(probabilities[known], truths[known]),
        clean=clean,
        as_labeled=Agreement.of(read, part.targets),
        agreement=None if majority is None else Agreement.of(read, majority),
        taggers=score_taggers(probabilities, part) if voted else None,
        risk_coverage=risk_coverage(probabilities[known], truths[known]),
        votes=score_votes(votes, part) if voted and votes is not None else None,
    )
