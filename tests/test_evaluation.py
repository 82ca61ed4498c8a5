import json
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import classification_report, precision_recall_fscore_support

from learn_fixtures import made_up_faces, read_as
from mien.errors import DataError
from mien.labels import EMOTIONS, FERPLUS_EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.evaluation.scores import (
    ClassScore,
    Interval,
    VotesScore,
    bootstrap_intervals,
    evaluate,
    evaluate_probabilities,
    score_votes,
)
from mien.recognize.classifier import Classifier

TARGETS = np.array([0, 0, 0, 3, 3, 6])
READ = np.array([0, 0, 3, 3, 6, 6])


def _close(score: ClassScore, expected: tuple[float, float, float, int]) -> bool:
    return np.allclose(
        (score.precision, score.recall, score.f1, score.support), expected, rtol=0, atol=1e-9
    )


def test_scores_are_those_computed_by_hand() -> None:
    result = evaluate_probabilities(read_as(READ), TARGETS)

    assert result.n == 6
    assert result.accuracy == pytest.approx(4 / 6)
    assert _close(result.per_class["angry"], (1.0, 2 / 3, 0.8, 3))
    assert _close(result.per_class["happy"], (0.5, 0.5, 0.5, 2))
    assert _close(result.per_class["neutral"], (0.5, 1.0, 2 / 3, 1))
    macro = (2 / 3, (2 / 3 + 0.5 + 1) / 3, (0.8 + 0.5 + 2 / 3) / 3, 6)  # of the three with faces
    assert _close(result.macro_average, macro)
    assert (result.mean_class_recall, result.macro_f1) == pytest.approx(macro[1:3])
    weighted = ((3 + 2 * 0.5 + 0.5) / 6, 4 / 6, (3 * 0.8 + 2 * 0.5 + 2 / 3) / 6, 6)
    assert _close(result.weighted_average, weighted)

    confusion = np.zeros((7, 7), int)  # labels in rows, readings in columns
    confusion[[0, 0, 3, 3, 6], [0, 3, 3, 6, 6]] = 2, 1, 1, 1, 1
    values = json.loads(json.dumps(result.to_dict()))
    assert values["accuracy"] == result.accuracy
    assert values["confusion"] == confusion.tolist()
    assert values["per_class"]["happy"] == {
        "precision": 0.5,
        "recall": 0.5,
        "f1": 0.5,
        "support": 2,
    }
    assert values["absent"] == list(result.absent) == ["disgust", "fear", "sad", "surprise"]


def test_scores_and_intervals_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    targets = np.array([*generator.choice([0, 3, 4, 5], 89), 6])  # a third of the draws have no 6
    read = np.where(generator.random(90) < 0.7, targets, generator.integers(0, 7, 90))
    result = evaluate_probabilities(read_as(read), targets)
    told = {"labels": range(7), "target_names": EMOTIONS, "output_dict": True, "zero_division": 0}
    report = classification_report(targets, read, **told)

    def means(rows: NDArray[np.int64]) -> tuple[float, ...]:
        own = np.unique(targets[rows])
        of = precision_recall_fscore_support(
            targets[rows], read[rows], labels=own, average="macro", zero_division=0
        )
        return float((targets[rows] == read[rows]).mean()), float(of[2]), float(of[1])

    for label, score in result.per_class.items():
        assert astuple(score) == tuple(report[label].values())
    assert astuple(result.weighted_average) == tuple(report["weighted avg"].values())
    scores = (result.accuracy, result.macro_f1, result.mean_class_recall)
    assert scores == means(np.arange(90))
    random = np.random.default_rng(5)
    draws = np.transpose([means(random.integers(0, 90, 90)) for _ in range(40)])
    found = bootstrap_intervals(read_as(read), targets, resamples=40, seed=5)
    assert list(found) == ["accuracy", "macro_f1", "mean_class_recall"]
    assert list(found.values()) == [Interval.of(values) for values in draws]


@pytest.mark.parametrize(("shift", "share"), [(0, 1.0), (1, 0.0)])
def test_all_right_and_all_wrong(shift: int, share: float) -> None:
    probabilities = read_as((TARGETS + shift) % 7)
    result = evaluate_probabilities(probabilities, TARGETS)

    assert (result.accuracy, result.macro_f1, result.mean_class_recall) == (share,) * 3
    assert result.reliability.accuracy == (share,)
    # Drawing the faces again cannot change that, and does not show that the next one is read so.
    n = len(TARGETS)
    intervals = bootstrap_intervals(probabilities, TARGETS, resamples=50)
    assert intervals == {"accuracy": Interval.wilson(round(share * n), n)}


def test_evaluate_reads_every_face_once_with_the_classifier(tiny_model: Path) -> None:
    classifier, faces = Classifier(tiny_model), made_up_faces()

    result = evaluate(classifier, faces)
    assert result == evaluate_probabilities(classifier(faces.images), faces.targets)
    assert [score.support for score in result.per_class.values()] == [len(faces) // 7] * 7
    with pytest.raises(DataError, match="expected faces to evaluate on; there are none"):
        evaluate(classifier, made_up_faces(train=0, val=0, test=0))


def test_reliability_is_the_one_computed_by_hand() -> None:
    targets = np.array([0, 1, 2, 3, 4, 5])
    read = np.array([0, 1, 2, 3, 0, 0])
    probabilities = np.concatenate([read_as(read[:2], 0.5), read_as(read[2:], 0.9)])
    reliability = evaluate_probabilities(probabilities, targets).reliability

    assert reliability.count == (2, 4)
    assert reliability.confidence == pytest.approx((0.5, 0.9))
    assert reliability.accuracy == pytest.approx((1.0, 0.5))
    assert reliability.expected_calibration_error == pytest.approx((2 * 0.5 + 4 * 0.4) / 6)


def test_an_interval_is_the_middle_of_the_draws_that_are_numbers() -> None:
    draws = np.random.default_rng(0).permutation([*np.arange(1001.0), np.nan])

    assert Interval.of(draws) == Interval(25.0, 975.0)


# FER+ votes; the columns are neutral, happiness, surprise, sadness, anger, disgust, fear, contempt,
# unknown and NF.

VOTES = np.array(
    [
        [8, 2, 0, 0, 0, 0, 0, 0, 0, 0],  # neutral, by both rules
        [0, 0, 0, 0, 0, 0, 0, 6, 4, 0],  # contempt, by both
        [4, 2, 2, 2, 0, 0, 0, 0, 0, 0],  # neutral by the most votes; not over half
        [5, 2, 2, 1, 0, 0, 0, 0, 0, 0],  # likewise, but 5 of 9 without the single vote
        [4, 1, 1, 1, 1, 1, 1, 0, 0, 0],  # likewise: 4 of 4
        [5, 5, 0, 0, 0, 0, 0, 0, 0, 0],  # a tie
        [3, 0, 0, 0, 0, 0, 0, 0, 7, 0],  # unknown
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 9],  # not a face
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],  # a tie, of which nothing is left
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],  # FER+ leaves it out
    ]
)


def _voted(votes: NDArray[np.int64]) -> FaceSet:
    faces = made_up_faces(train=0, val=0, test=2, votes=True)
    return replace(faces.take(np.arange(len(votes))), votes=votes)


def test_votes_are_scored_by_both_rules_with_what_each_leaves_out() -> None:
    read = np.full((len(VOTES), len(FERPLUS_EMOTIONS)), 0.1, np.float32)
    read[:, 0] = 0.3  # neutral, which all but the second are

    assert score_votes(read, _voted(VOTES)) == VotesScore(
        accuracy=4 / 5,
        n=5,
        left_out={"tie": 2, "unknown": 1, "not a face": 1, "no votes": 1},
        majority_accuracy=3 / 4,
        majority_n=4,
    )


def test_without_a_clear_majority_that_rule_has_no_accuracy_and_without_votes_none_has() -> None:
    read = np.eye(8, dtype=np.float32)[:1]
    found = score_votes(read, _voted(VOTES[2:3]))

    assert (found.accuracy, found.n) == (1.0, 1)
    assert (found.majority_accuracy, found.majority_n) == (None, 0)
    with pytest.raises(DataError, match="has no FER\\+ votes"):
        score_votes(read, replace(_voted(VOTES[:1]), votes=None))
    with pytest.raises(DataError, match="expected faces with a FER\\+ expression"):
        score_votes(read, _voted(VOTES[5:6]))


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n) with z = 1.959964, by hand
    [(63, 100, 0.53218, 0.71824), (0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0)],
)
def test_the_interval_is_wilsons(right: int, n: int, low: float, high: float) -> None:
    interval = Interval.wilson(right, n)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-4)
