"""benchmarks/baselines.py: what each part does, and the program."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator

import baselines
from baselines import (
    FEATURES,
    METHODS,
    Result,
    SparseRepresentation,
    compare,
    dct_coefficients,
    gabor_magnitudes,
    lbp_histograms,
    measure_floor,
    measure_network,
)
from learn_fixtures import made_up_faces, write_csv
from mien.learn.data.datasets import draw_stratified
from mien.learn.evaluation.scores import evaluate
from mien.recognize.classifier import Classifier

pytestmark = pytest.mark.tools

FACES = made_up_faces(train=6, val=2, test=3)
DIMENSIONS = {"raw": 2304, "gabor": 1800, "dct": 256, "lbp": 2124, "hog": 900}
DIMENSIONS |= {"pca": 41, "ica": 41}  # one less than there are faces
DIMENSIONS |= {"lda": 6}  # one less than there are emotions
TRAIN, VAL, TEST = (FACES.split(split) for split in ("train", "val", "test"))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred trees, for faces that ten tell apart, would take most of the tests' time."""
    build = METHODS["adaboost"]

    def build_small(dimensions: int, faces: int, seed: int) -> Any:
        return build(dimensions, faces, seed).set_params(n_estimators=20)

    monkeypatch.setitem(METHODS, "adaboost", build_small)


def accuracy(result: Result) -> float:
    assert result.accuracy is not None, result.note
    return result.accuracy


# Features


@pytest.mark.filterwarnings("ignore:FastICA did not converge")  # there is little but noise
@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_is_a_row_of_finite_numbers_and_its_pipeline_learns(name: str) -> None:
    extractor = FEATURES[name](len(TRAIN), 0)
    of_train = extractor.fit_transform(TRAIN.images, TRAIN.targets)
    of_test = extractor.transform(TEST.images)

    assert of_train.shape == (42, DIMENSIONS[name])
    assert of_test.shape == (21, DIMENSIONS[name])
    assert np.isfinite(of_test).all()
    assert np.allclose(extractor.transform(TEST.images[4:5]), of_test[4:5], rtol=1e-3, atol=1e-4)

    (result,) = compare(TRAIN, FACES.split("val+test"), [name], ["svm-linear"])
    assert accuracy(result) > 0.6
    assert (result.predict_us or 0) > 0


def test_gabor_wavelets_answer_to_stripes_of_their_own_frequency_and_direction() -> None:
    down = np.arange(48)[:, None] * np.ones(48)
    stripes = (128 + 100 * np.cos(2 * np.pi * down / 8)).astype(np.uint8)
    both = np.stack([stripes, stripes.T])
    answers = gabor_magnitudes(both).reshape(2, 3, 6, 10, 10)  # frequencies and orientations
    inside = answers[..., 3:7, 3:7].mean(axis=(3, 4))

    assert np.unravel_index(inside[1].argmax(), (3, 6)) == (1, 0)  # 8 pixels, left to right
    assert np.unravel_index(inside[0].argmax(), (3, 6)) == (1, 3)  # 8 pixels, down
    assert np.allclose(gabor_magnitudes(np.full((1, 48, 48), 200, np.uint8)), 0.0, atol=1e-3)


def test_cosine_coefficients_of_an_even_face_are_its_level_alone() -> None:
    coefficients = dct_coefficients(np.full((1, 48, 48), 51, np.uint8))[0]

    assert coefficients[0] == pytest.approx(48 * 51 / 255, rel=1e-5)
    assert np.allclose(coefficients[1:], 0.0, atol=1e-5)


def test_binary_patterns_do_not_see_a_change_of_light() -> None:
    faces = FACES.images // 2
    histograms = lbp_histograms(faces)

    assert np.array_equal(histograms, lbp_histograms(2 * faces))
    assert np.allclose(histograms.reshape(len(faces), 36, 59).sum(axis=2), 1.0)


# Classifiers


@pytest.mark.parametrize("method", METHODS)
def test_every_classifier_learns_the_made_up_faces(method: str) -> None:
    (result,) = compare(TRAIN, TEST, ["raw"], [method])

    assert accuracy(result) > 0.7
    assert result.note == ""


def test_sparse_representation_gives_a_face_to_the_class_that_spans_it() -> None:
    generator = np.random.default_rng(0)
    spans = generator.normal(size=(3, 4, 30))  # three classes, each of four atoms
    targets = np.repeat([0, 2, 5], 4)
    mixtures = np.concatenate([generator.uniform(0.5, 1, (10, 4)) @ span for span in spans])
    model = SparseRepresentation(most_terms=4).fit(spans.reshape(12, 30), targets)

    assert model.predict(mixtures).tolist() == [0] * 10 + [2] * 10 + [5] * 10
    assert model.predict(mixtures[11:12]).tolist() == [2]


def test_a_stratified_draw_keeps_the_shares_and_a_smaller_one_is_part_of_it() -> None:
    targets = np.repeat([0, 1, 6], [80, 16, 4])
    large, small = (draw_stratified(targets, count, seed=3) for count in (50, 25))

    assert np.bincount(targets[large], minlength=7).tolist() == [40, 8, 0, 0, 0, 0, 2]
    assert set(small) < set(large)
    assert large.tolist() == sorted(set(large))
    assert np.array_equal(draw_stratified(targets, 500, seed=3), np.arange(100))
    assert not np.array_equal(large, draw_stratified(targets, 50, seed=4))


# Comparing


class _Broken(BaseEstimator):  # type: ignore[misc]
    def fit(self, features: Any, targets: Any) -> None:
        raise MemoryError("too much\nof it")


def test_what_fails_says_why_and_the_rest_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FEATURES, "dct", lambda *_: _Broken())
    monkeypatch.setitem(METHODS, "mlp", lambda *_: _Broken())
    results = list(compare(TRAIN, VAL, ["dct", "raw"], ["knn", "mlp", "svm-linear"]))

    assert all(result.note.startswith("failed: AttributeError: ") for result in results[:3])
    first, failed, last = results[3:]
    assert failed.note == "failed: MemoryError: too much of it"
    assert failed.accuracy is None
    assert accuracy(first) > 0.7
    assert accuracy(last) > 0.7


def test_floor_and_network_are_measured_as_evaluate_does(tiny_model: Path) -> None:
    floor, classifier = measure_floor(TRAIN.take(TRAIN.targets == 5), TEST), Classifier(tiny_model)
    network = measure_network(classifier, TEST)

    assert floor.name == "always surprise"
    assert floor.accuracy == pytest.approx(1 / 7)
    assert (network.name, network.accuracy) == ("tiny", evaluate(classifier, TEST).accuracy)


# The program


@pytest.fixture
def given(tmp_path: Path, tiny_model: Path) -> list[str]:
    """The made-up faces, and a network."""
    table = write_csv(tmp_path / "fer2013.csv", FACES)
    return ["--data", str(table), "--model", str(tiny_model)]


def test_the_tables_set_pipelines_floor_and_network_side_by_side(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    only = ["--features", "dct", "raw", "--classifiers", "svm-linear", "knn"]
    status = baselines.main([*given, *only, "--limit", "20"])
    shown, said = capsys.readouterr()
    lines = shown.splitlines()

    assert status == 0
    assert lines[0] == "fitted on 20 faces, read 14 of fer2013 val"
    assert lines[2] == "| accuracy | svm-linear | knn |"
    assert [line.split()[1] for line in lines[4:6]] == ["dct", "raw"]
    assert lines[7] == "| macro F1 | svm-linear | knn |"
    assert lines[14].startswith("| best: ")
    assert lines[15].startswith("| always angry | 0.143 ")
    assert lines[16].startswith("| tiny ")
    pipelines = [f"{one} + {other}" for one in ("dct", "raw") for other in ("svm-linear", "knn")]
    assert [line.split(":")[0] for line in said.splitlines()] == pipelines
