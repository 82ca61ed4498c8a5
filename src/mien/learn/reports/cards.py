"""What a model card tells, measured: how good a model file is, how sure, and where it is weaker.

After Mitchell et al. 2019 (arXiv:1810.03993). Every figure is measured when the card is made, on
the file as it is; `mien.learn.reports.card_text` puts it into words.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import OptionError
from mien.learn.data.datasets import FaceSet
from mien.learn.data.duplicates import duplicates_of
from mien.learn.evaluation.calibration import tagger_shares
from mien.learn.evaluation.measures import Measures, measure
from mien.learn.evaluation.robustness import Measurement, Robustness, corruption_named
from mien.learn.evaluation.robustness import measure as measure_robustness
from mien.learn.evaluation.scores import Agreement, majority_of, said_by_taggers, truth_of
from mien.learn.fairness.comparison import Fairness, find_groupings, measure_fairness
from mien.learn.fairness.gaps import metric_frame
from mien.readings import Probabilities
from mien.recognize.classifier import Classifier
from mien.spec import ModelSpec

BANDS: Final = (0.0, 0.4, 0.6, 0.8, 0.9, 1.0)
"""Edges of the probabilities that a card sets beside how often they are right."""

CORRUPTED: Final = (
    ("brightness", -80.0, "darker by 80 gray levels"),
    ("brightness", 80.0, "brighter by 80 gray levels"),
    ("contrast", -0.6, "60 % less"),
    ("noise", 10.0, "standard deviation of 10 gray levels"),
    ("jpeg", 30.0, "quality 30"),
    ("resolution", 24.0, "a face 24 px wide"),
    ("blur", 1.0, "Gaussian of 1 px of 48"),
    ("eyes", 12.0, "covered by a bar, 12 px of 48 high"),
    ("mouth", 12.0, "covered by a bar, 12 px of 48 high"),
    ("rotation", 30.0, "turned by 30 degrees"),
    ("shift-x", 4.0, "framed 4 px of 48 too far to the right"),
    ("zoom", 0.2, "framed 20 % too wide"),
)
"""(corruption, severity, how a card says it): one severity of those in `CORRUPTIONS`, two of
light."""

FER2013_SPLITS: Final = {"train": 28709, "val": 3589, "test": 3589}
"""Images of each split, by which a card knows FER2013 whatever its file is called."""


@dataclass(frozen=True)
class Band:
    """Faces whose likeliest emotion has a probability from `low` up to `high`."""

    low: float  # belongs to the band
    high: float  # belongs to the next one, except 1
    n: int  # how many faces
    confidence: float  # mean of their probabilities; NaN if there are none, as `accuracy`
    accuracy: float  # share that is read right; of people, share of the taggers who say so


@dataclass(frozen=True)
class Card:
    """All that a card tells of one model file."""

    spec: ModelSpec  # what the file says of itself
    file_name: str  # without its folder
    size_bytes: int  # of the file
    sha256: str  # of the file, in hexadecimal digits
    data: str  # name of the data set that was measured on
    is_fer2013: bool  # it has as many images in each split as FER2013
    # Of what the file reads, on "val", "test", "val+test", and "clean test": the faces of test that
    # are not exact duplicates of training images. The last is left out where the data set has no
    # training images, or test no duplicates of them.
    measures: dict[str, Measures]
    labelled: dict[str, Measures]  # of what it says of the label; empty where that is all it says
    duplicates: int  # faces of test that are exact duplicates of training images
    label_agreement: Agreement | None  # of the labels of test with the FER+ majority, if there is
    bands: tuple[Band, ...]  # on test
    robustness: Robustness  # on test, against the truth of the file's head; see `truth_of`
    fairness: Fairness  # likewise, of the groups by what can be measured on a face

    @property
    def test(self) -> Measures:
        """What the file reads on test."""
        return self.measures["test"]

    @property
    def clean(self) -> Measures | None:
        """The same on clean test, if there is one."""
        return self.measures.get("clean test")


def measure_card(
    classifier: Classifier, faces: FaceSet, *, report: Callable[[str], object] = lambda _: None
) -> Card:
    """Measure what a card tells.

    Args:
        classifier: of one file; the card of an ensemble is those of its members.
        faces: a data set with val and test; with train, duplicates of its images are counted.
        report: called with the name of each step as it begins.
    Raises:
        OptionError: the classifier is an ensemble.
        DataError: the set has no val or no test.
        MissingExtraError: the extra `audit` is not installed.
    """
    if len(classifier.paths) > 1:
        names = ", ".join(path.name for path in classifier.paths)
        raise OptionError(f"expected one model file, for a card tells of one; got {names}")
    metric_frame()  # raises now, as does the next
    faces.split("val+test")
    test = faces.split("test")
    own = _without_duplicates(faces)
    measured = _measures(classifier, faces, own, report)
    labelled = {}
    if classifier.head != "label":
        of_label = Classifier(classifier.path, threads=0, head="label")
        labelled = _measures(of_label, faces, own, report)
    report("slices")
    judged = truth_of(classifier.head, faces, "test")
    groupings = find_groupings(judged, "test", report=report)
    fairness = measure_fairness(classifier, judged, "test", groupings)
    content, majority = classifier.path.read_bytes(), majority_of(test)
    return Card(
        spec=classifier.spec,
        file_name=classifier.path.name,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        data=faces.name,
        is_fer2013=all((faces.splits == s).sum() == n for s, n in FER2013_SPLITS.items()),
        measures=measured,
        labelled=labelled,
        duplicates=0 if own is None else len(test) - len(own),
        label_agreement=None if majority is None else Agreement.of(test.targets, majority),
        bands=_bands_of(classifier, test),
        robustness=_robustness(classifier, judged.split("test"), report),
        fairness=fairness,
    )


def _measures(
    classifier: Classifier, faces: FaceSet, own: FaceSet | None, say: Callable[[str], object]
) -> dict[str, Measures]:
    found = {}
    for split in ("val", "test", "val+test"):
        say(f"{split} by the head {classifier.head}")
        found[split] = measure(classifier, faces, split)
    if own is not None:
        found["clean test"] = measure(classifier, own, "test")
    return found


def _bands_of(classifier: Classifier, test: FaceSet) -> tuple[Band, ...]:
    """Of people: how many of the taggers say so; of the label: whether it is that."""
    probabilities = classifier(test.images)
    if classifier.head == "people" and test.votes is not None and majority_of(test) is not None:
        shares, voted = tagger_shares(test.votes)
        return bands(probabilities[voted], said_by_taggers(probabilities, shares)[voted])
    right = (probabilities.argmax(axis=1) == test.targets).astype(np.float32)
    return bands(probabilities, right)


def bands(probabilities: Probabilities, right: NDArray[np.float32]) -> tuple[Band, ...]:
    """How sure a classifier is, and how often it is right then, between the `BANDS`.

    Args:
        probabilities: (N, 7) float.
        right: (N,) float, how far what is read is right, 0 to 1.
    """
    sure = probabilities.max(axis=1)
    number = np.searchsorted(BANDS[1:-1], sure, side="right")
    found = []
    for i, (low, high) in enumerate(pairwise(BANDS)):
        there = number == i
        n = int(there.sum())
        means = (float(values[there].mean()) if n else float("nan") for values in (sure, right))
        found.append(Band(low, high, n, *means))
    return tuple(found)


def _without_duplicates(faces: FaceSet) -> FaceSet | None:
    """The faces of test that no training image equals; None if that is all of them, or none."""
    if not (faces.splits == "train").any():
        return None
    in_test = faces.splits == "test"
    own = in_test & ~duplicates_of(faces, of="train")
    return faces.take(own) if 0 < own.sum() < in_test.sum() else None


def _robustness(classifier: Classifier, test: FaceSet, say: Callable[[str], object]) -> Robustness:
    wanted = [replace(corruption_named(name), severities=(at,)) for name, at, _ in CORRUPTED]
    measured: list[Measurement] = []
    say("corrupted faces")
    for measurement in measure_robustness({classifier.spec.name: classifier}, test, wanted):
        measured.append(measurement)
        say(f"corrupted faces, {len(measured)} of {len(wanted) + 1}")
    return Robustness.of(test, measured, data=f"{test.name} test", seed=0)
