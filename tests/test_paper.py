import numpy as np
import pytest

from learn_fixtures import read_as
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.evaluation.scores import evaluate_probabilities
from mien.learn.reports import paper
from mien.learn.reports.paper import shuffled_report
from mien.readings import Probabilities


def _faces(counts: list[int]) -> FaceSet:
    """So many black faces of each emotion, in no order."""
    targets = np.repeat(np.arange(7), counts)
    targets = np.random.default_rng(1).permutation(targets)
    images = np.zeros((len(targets), 48, 48), np.uint8)
    return FaceSet(images, targets, np.full(len(targets), "test"))


def _reader(faces: FaceSet, right: float) -> Probabilities:
    """Reads that share of the faces right, and of the others anything."""
    generator = np.random.default_rng(2)
    wrong = generator.random(len(faces)) >= right
    read = np.where(wrong, generator.integers(0, 7, len(faces)), faces.targets)
    return read_as(read)


FACES = _faces([958, 111, 1024, 1774, 1247, 831, 1233])


@pytest.mark.parametrize("right", [1.0, 0.6, 0.2])
def test_compared_with_other_faces_every_reader_scores_the_product_of_the_shares(
    right: float,
) -> None:
    read = _reader(FACES, right)
    shuffled = evaluate_probabilities(*shuffled_report(read, FACES))
    labelled = FACES.class_counts() / len(FACES)
    as_read = np.bincount(read.argmax(axis=1), minlength=7) / len(FACES)

    assert evaluate_probabilities(read, FACES.targets).accuracy >= right
    if right == 1.0:
        assert shuffled.accuracy == pytest.approx(paper.REPORT_ACCURACY, abs=0.01)
    assert shuffled.accuracy == pytest.approx(float(labelled @ as_read), abs=0.015)
    for label, share, share_read in zip(EMOTIONS, labelled, as_read, strict=True):
        score = shuffled.per_class[label]
        assert score.precision == pytest.approx(share, abs=0.05), label
        assert score.recall == pytest.approx(share_read, abs=0.05), label


def test_the_report_has_every_reading_once_and_the_labels_in_the_order_of_the_folders() -> None:
    read = np.random.default_rng(0).random((len(FACES), 7)).astype(np.float32)
    (shuffled, targets), (again, _) = shuffled_report(read, FACES), shuffled_report(read, FACES)
    labels = [EMOTIONS[target] for target in targets]

    assert labels == sorted(EMOTIONS[target] for target in FACES.targets)
    assert np.array_equal(shuffled, again)
    assert not np.array_equal(shuffled, read)
    assert np.array_equal(np.sort(shuffled[:, 0]), np.sort(read[:, 0]))


def test_the_papers_slip_of_the_pen() -> None:
    supports = {
        label: paper.TABLE_4[label].support + paper.TABLE_5[label].support for label in EMOTIONS
    }

    assert sum(supports.values()) == 35_887
    wrong = {label for label in EMOTIONS if supports[label] != paper.CLASS_COUNTS[label]}
    assert wrong == {"angry"}
    assert supports["angry"] == 4_953
