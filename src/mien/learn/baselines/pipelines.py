"""Classical pipelines, a feature and then a classifier, on the splits that networks are given.

Everything that learns is fitted on train alone. The settings are fixed: nothing is chosen on the
faces that are evaluated.
"""

import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from mien.classifier import Classifier
from mien.errors import DataError, OptionError
from mien.labels import EMOTIONS
from mien.learn.baselines.features import FEATURES, Features
from mien.learn.baselines.methods import METHODS, Targets
from mien.learn.data.datasets import FaceSet, draw_stratified
from mien.learn.evaluation.scores import Evaluation, evaluate_probabilities

Pair: TypeAlias = tuple[str, str]
"""A name in `FEATURES` and a name in `METHODS`."""


@dataclass(frozen=True)
class BaselineResult:
    """What one pipeline, or a network beside them, makes of the evaluated faces.

    Attributes:
        feature: a name in `FEATURES`; empty for a network and for the floor.
        classifier: a name in `METHODS`, the name of the network, or "majority".
        dimensions: numbers that stand for a face before the classifier; None without a feature.
        train_count: faces it was fitted on here; None for a network.
        evaluation: how it read the faces; None if the pair failed. Its `reliability` says nothing
            of pipelines: they give a label and no probability.
        fit_s: seconds to fit feature and classifier; None for a network.
        predict_us: microseconds to read a face, from pixels to label, all faces in one call.
        note: what else to know, such as that the fit did not converge.
        error: why the pair failed; None if it did not.
    """

    feature: str
    classifier: str
    dimensions: int | None = None
    train_count: int | None = None
    evaluation: Evaluation | None = None
    fit_s: float | None = None
    predict_us: float | None = None
    note: str = ""
    error: str | None = None

    @property
    def name(self) -> str:
        """`hog + svm-linear`, or the network's name."""
        return f"{self.feature} + {self.classifier}" if self.feature else self.classifier

    def to_dict(self) -> dict[str, Any]:
        """A flat row of plain values, ready for CSV and JSON; None where there is no value."""
        scores = self.evaluation
        return {
            "feature": self.feature,
            "classifier": self.classifier,
            "dimensions": self.dimensions,
            "n_train": self.train_count,
            "n": scores and scores.n,
            "accuracy": scores and scores.accuracy,
            "macro_f1": scores and scores.macro_f1,
            "mean_class_recall": scores and scores.mean_class_recall,
            "absent": scores and ", ".join(scores.absent),
            "fit_s": self.fit_s,
            "predict_us": self.predict_us,
            "note": self.note,
            "error": self.error,
        }


def pairs_of(
    features: Sequence[str] | None = None, methods: Sequence[str] | None = None
) -> list[Pair]:
    """Every feature with every classifier, each pair once; those of one feature stand together.

    Args:
        features: names in `FEATURES`; None for all.
        methods: names in `METHODS`; None for all.
    Raises:
        OptionError: a name is not known.
    """
    wanted = [
        _known("feature", features, list(FEATURES)),
        _known("classifier", methods, list(METHODS)),
    ]
    return [(feature, method) for feature, method in product(*wanted)]


def _known(kind: str, names: Sequence[str] | None, known: list[str]) -> list[str]:
    if names is None:
        return known
    if unknown := [name for name in names if name not in known]:
        raise OptionError(f"expected a {kind} among {', '.join(known)}; got {unknown[0]!r}")
    return list(dict.fromkeys(names))


def compare(
    faces: FaceSet,
    pairs: Sequence[Pair],
    *,
    split: str = "val",
    limit: int | None = None,
    seed: int = 0,
) -> Iterator[BaselineResult]:
    """Fit each pair on train and evaluate it on another split, one after the other.

    A feature is computed once for the pairs of it that stand together; its time counts in each of
    them. A pair that fails gives a result with `error`, and the rest go on.

    Args:
        faces: needs train, with at least two emotions, and the evaluated split.
        pairs: as `pairs_of` gives them.
        split: what to evaluate on: val, test or val+test.
        limit: fit on so many faces of train, each class by its share.
        seed: of everything that is drawn by chance.
    Raises:
        DataError: `faces` lacks a split, or train has one emotion only.
        OptionError: `split` holds train or is unknown, or `limit` is below 1.
    """
    if "train" in split.split("+"):
        raise OptionError(f"expected a split beside train, which is fitted on; got {split!r}")
    test, train = faces.split(split), faces.split("train")
    if limit is not None:
        if limit < 1:
            raise OptionError(f"limit: expected 1 or more; got {limit}")
        train = train.take(draw_stratified(train.targets, limit, seed=seed))
    there = np.unique(train.targets)
    if len(there) < 2:
        raise DataError(
            f"expected two emotions or more in train to tell apart; {faces.name} has "
            f"{EMOTIONS[there[0]]} alone on {len(train):,} faces"
        )
    # A generator would check nothing before its first result is asked for.
    return _results(train, test, pairs, seed)


def _results(
    train: FaceSet, test: FaceSet, pairs: Sequence[Pair], seed: int
) -> Iterator[BaselineResult]:
    extracted: _Extracted | None = None
    for feature, method in pairs:
        try:
            if extracted is None or extracted.feature != feature:
                extracted = None  # before the next takes as much memory
                extracted = _extract(feature, train, test, seed)
            yield _fit_and_score(extracted, method, train.targets, test.targets, seed)
        except Exception as error:  # of any of four libraries
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            yield BaselineResult(feature, method, error=reason)


@dataclass(frozen=True)
class _Extracted:
    feature: str
    train: Features  # (train faces, D)
    test: Features  # (evaluated faces, D)
    fit_s: float
    test_s: float
    converged: bool


def _extract(name: str, train: FaceSet, test: FaceSet, seed: int) -> _Extracted:
    with _complaints() as caught:
        started = time.perf_counter()
        extractor = FEATURES[name].build(len(train), seed)
        of_train = extractor.fit_transform(train.images, train.targets)
        fitted = time.perf_counter()
        of_test = extractor.transform(test.images)
        ended = time.perf_counter()
    return _Extracted(name, of_train, of_test, fitted - started, ended - fitted, _converged(caught))


def _fit_and_score(
    extracted: _Extracted, name: str, train_targets: Targets, test_targets: Targets, seed: int
) -> BaselineResult:
    method = METHODS[name]
    features, targets = extracted.train, train_targets
    notes = [] if extracted.converged else [f"{extracted.feature} did not converge"]
    if method.most_faces is not None and len(targets) > method.most_faces:
        rows = draw_stratified(targets, method.most_faces, seed=seed)
        features, targets = features[rows], targets[rows]
        notes.append(f"fitted on {len(rows):,} faces")
    with _complaints() as caught:
        classifier = method.build(features.shape[1], len(features), seed)
        started = time.perf_counter()
        classifier.fit(features, targets)
        fitted = time.perf_counter()
        predicted = classifier.predict(extracted.test)
        ended = time.perf_counter()
    if name != "mlp" and not _converged(caught):  # whose number of epochs is a setting
        notes.append(f"{name} did not converge")
    return BaselineResult(
        feature=extracted.feature,
        classifier=name,
        dimensions=features.shape[1],
        train_count=len(features),
        evaluation=_evaluate(predicted, test_targets),
        fit_s=extracted.fit_s + fitted - started,
        predict_us=(extracted.test_s + ended - fitted) / len(test_targets) * 1e6,
        note="; ".join(notes),
    )


def _complaints() -> Any:
    """Collects the warnings of fits that do not converge, whatever the process does with them."""
    from sklearn.exceptions import ConvergenceWarning

    return warnings.catch_warnings(record=True, action="always", category=ConvergenceWarning)


def _converged(caught: list[warnings.WarningMessage]) -> bool:
    from sklearn.exceptions import ConvergenceWarning

    return not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)


def _evaluate(predicted: Targets, targets: Targets) -> Evaluation:
    certain = np.eye(len(EMOTIONS), dtype=np.float32)[predicted]
    return evaluate_probabilities(certain, targets)


def measure_majority(faces: FaceSet, *, split: str = "val") -> BaselineResult:
    """The floor: the commonest emotion in train, whatever the face.

    Raises:
        DataError: `faces` lacks a split.
        OptionError: `split` is unknown.
    """
    train, test = faces.split("train"), faces.split(split)
    commonest = int(train.class_counts().argmax())
    return BaselineResult(
        feature="",
        classifier="majority",
        train_count=len(train),
        evaluation=_evaluate(np.full(len(test), commonest), test.targets),
        note=f"always {EMOTIONS[commonest]}",
    )


def measure_network(classifier: Classifier, faces: FaceSet) -> BaselineResult:
    """The same measures for a network that was trained elsewhere, to stand beside the pipelines.

    Raises:
        DataError: there are no faces.
    """
    started = time.perf_counter()
    probabilities = classifier(faces.images)
    seconds = time.perf_counter() - started
    return BaselineResult(
        feature="",
        classifier=classifier.spec.name,
        evaluation=evaluate_probabilities(probabilities, faces.targets),
        predict_us=seconds / len(faces) * 1e6,
    )
