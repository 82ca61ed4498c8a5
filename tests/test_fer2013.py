import numpy as np
import pytest

from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.evaluation.scores import evaluate_probabilities
from mien.learn.reports.paper import REPORT_ACCURACY, TABLE_4, TABLE_5, shuffled_report
from mien.readings import Probabilities
from mien.recognize.classifier import Classifier, shipped_models

pytestmark = pytest.mark.slow  # it is read for seconds, by a network for more

COUNTS = {
    "train": [3995, 436, 4097, 7215, 4830, 3171, 4965],
    "val": [467, 56, 496, 895, 653, 415, 607],
    "test": [491, 55, 528, 879, 594, 416, 626],
}


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return Classifier(shipped_models()["paper"], threads=0)


@pytest.fixture(scope="session")
def readings(fer2013: FaceSet, classifier: Classifier) -> Probabilities:
    """Of every face in val and test, on which the shipped model claims its scores."""
    rows = np.isin(fer2013.splits, ["val", "test"])
    probabilities = np.full((len(fer2013), 7), np.nan, np.float32)
    probabilities[rows] = classifier(fer2013.images[rows])
    return probabilities


@pytest.mark.parametrize("split", COUNTS)
def test_each_split_has_the_known_faces_of_each_emotion(split: str, fer2013: FaceSet) -> None:
    assert fer2013.split(split).class_counts().tolist() == COUNTS[split]


def test_the_training_pixels_have_the_mean_and_spread_that_recipes_use(fer2013: FaceSet) -> None:
    pixels = fer2013.split("train").images

    assert pixels.mean() == pytest.approx(129.5, abs=0.1)
    assert pixels.std(dtype=np.float64) == pytest.approx(65.0, abs=0.1)


def test_the_shipped_model_scores_what_it_claims_and_better_than_the_paper(
    fer2013: FaceSet, classifier: Classifier, readings: Probabilities
) -> None:
    for split, claimed in classifier.spec.scores.items():
        rows = np.isin(fer2013.splits, split.split("+"))
        result = evaluate_probabilities(readings[rows], fer2013.targets[rows])
        assert result.n == claimed.n
        assert result.accuracy == pytest.approx(claimed.accuracy, abs=1e-3), split
        assert result.macro_f1 == pytest.approx(claimed.macro_f1, abs=1e-3), split
    assert classifier.spec.scores["val+test"].accuracy >= 0.665  # the paper's is 0.6538


def test_the_papers_tables_count_the_faces_of_train_and_of_val_and_test() -> None:
    for split, table in (("train", TABLE_4), ("val+test", TABLE_5)):
        counts = np.sum([COUNTS[name] for name in split.split("+")], axis=0).tolist()
        assert {label: table[label].support for label in EMOTIONS} == dict(
            zip(EMOTIONS, counts, strict=True)
        )


def test_a_good_reader_compared_with_labels_of_other_faces_gives_the_papers_report(
    fer2013: FaceSet, readings: Probabilities
) -> None:
    rows = np.isin(fer2013.splits, ["val", "test"])
    shuffled = evaluate_probabilities(*shuffled_report(readings[rows], fer2013.take(rows)))

    assert 0.17 <= round(shuffled.accuracy, 2) <= 0.19
    assert shuffled.accuracy == pytest.approx(REPORT_ACCURACY, abs=0.015)
    for label, printed in TABLE_5.items():
        score = shuffled.per_class[label]
        assert score.support == printed.support
        assert score.precision == pytest.approx(printed.support / shuffled.n, abs=0.045), label
        assert score.precision == pytest.approx(printed.precision, abs=0.045), label
