"""All that is told of a model on one split: scores, how sure they are, and against what else."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mien.classifier import Classifier
from mien.learn.data.copies import copies_of
from mien.learn.data.datasets import FaceSet
from mien.learn.evaluation.risk_coverage import RiskCoverage, risk_coverage
from mien.learn.evaluation.scores import (
    Agreement,
    Evaluation,
    Interval,
    VotesScore,
    bootstrap_intervals,
    evaluate_probabilities,
    ferplus_agreement,
    ferplus_targets,
    score_votes,
)


@dataclass(frozen=True)
class Measures:
    """What a classifier makes of one split of a data set, one view of each face.

    Attributes:
        evaluation: on all faces of the split.
        intervals: 95 % bootstrap intervals of `accuracy`, `macro_f1` and `mean_class_recall`.
        clean: on the faces that are not exact copies of training images; None where the data set
            has no other training images, or the copies are all there is.
        agreement: of the seven emotions with the FER+ majority; None without votes.
        risk_coverage: what is right among the readings that are surest.
        votes: of the eight FER+ expressions with the taggers' choice; None where the data have no
            votes or the model does not read them.
    """

    evaluation: Evaluation
    intervals: dict[str, Interval]
    clean: Evaluation | None
    agreement: Agreement | None
    risk_coverage: RiskCoverage
    votes: VotesScore | None

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, ready for JSON; the evaluation's are on top."""
        return {
            **self.evaluation.to_dict(),
            "intervals": {name: asdict(interval) for name, interval in self.intervals.items()},
            "clean": None if self.clean is None else self.clean.to_dict(),
            "ferplus_agreement": None if self.agreement is None else asdict(self.agreement),
            "risk_coverage": asdict(self.risk_coverage),
            "ferplus_votes": None if self.votes is None else asdict(self.votes),
        }


def measure(classifier: Classifier, faces: FaceSet, split: str) -> Measures:
    """Read the faces of a split and compare them with all that the data set says of them.

    Args:
        classifier: what reads them.
        faces: the whole data set: copies are looked for among its training images.
        split: as `FaceSet.split` takes it: "val+test".
    Raises:
        DataError: the set has no such split.
    """
    part = faces.split(split)
    probabilities, votes = classifier.read(part.images)
    names = split.split("+")
    clean = None
    if "train" not in names and (faces.splits == "train").any():
        own = ~copies_of(faces, of="train")[np.isin(faces.splits, names)]
        if own.any():
            clean = evaluate_probabilities(probabilities[own], part.targets[own])
    voted = part.votes is not None and (ferplus_targets(part) >= 0).any()
    return Measures(
        evaluation=evaluate_probabilities(probabilities, part.targets),
        intervals=bootstrap_intervals(probabilities, part.targets),
        clean=clean,
        agreement=ferplus_agreement(probabilities, part) if voted else None,
        risk_coverage=risk_coverage(probabilities, part.targets),
        votes=score_votes(votes, part) if voted and votes is not None else None,
    )
