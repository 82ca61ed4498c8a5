import csv
import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from command_line import Mien
from fakes import SPEC, write_model
from learn_fixtures import made_up_faces, write_csv
from mien.classifier import Classifier
from mien.errors import DataError, OptionError
from mien.labels import EMOTIONS
from mien.learn.baselines.features import (
    FEATURES,
    dct_coefficients,
    gabor_magnitudes,
    lbp_histograms,
)
from mien.learn.baselines.methods import METHODS, Method, SparseRepresentation
from mien.learn.baselines.pipelines import (
    BaselineResult,
    compare,
    measure_majority,
    measure_network,
    pairs_of,
)
from mien.learn.data.datasets import draw_stratified
from mien.learn.evaluation.scores import evaluate

FACES = made_up_faces(train=6, val=2, test=3)
DIMENSIONS = {
    "raw": 2304,
    "gabor": 1800,
    "dct": 256,
    "pca": 41,  # one less than there are faces
    "ica": 41,
    "lda": 6,  # one less than there are emotions
    "lbp": 2124,
    "hog": 900,
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred trees, for faces that ten tell apart, would take most of the tests' time."""
    build = METHODS["adaboost"].build

    def build_small(dimensions: int, faces: int, seed: int) -> Any:
        return build(dimensions, faces, seed).set_params(n_estimators=20)

    monkeypatch.setitem(METHODS, "adaboost", replace(METHODS["adaboost"], build=build_small))


def accuracy(result: BaselineResult) -> float:
    assert result.error is None
    assert result.evaluation is not None
    return result.evaluation.accuracy


# Features


@pytest.mark.filterwarnings("ignore:FastICA did not converge")  # there is little but noise
@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_is_a_row_of_finite_numbers_for_each_face(name: str) -> None:
    train, test = FACES.split("train"), FACES.split("test")
    extractor = FEATURES[name].build(len(train), 0)
    of_train = extractor.fit_transform(train.images, train.targets)
    of_test = extractor.transform(test.images)

    assert of_train.shape == (42, DIMENSIONS[name])
    assert of_test.shape == (21, DIMENSIONS[name])
    assert np.isfinite(of_test).all()
    assert np.allclose(extractor.transform(test.images[4:5]), of_test[4:5], rtol=1e-3, atol=1e-4)


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
    (result,) = compare(FACES, [("raw", method)], split="test")

    assert accuracy(result) > 0.7
    assert result.dimensions == 2304
    assert result.train_count == 42
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


def test_every_feature_works_with_every_classifier_once() -> None:
    assert len(pairs_of()) == len(set(pairs_of())) == len(FEATURES) * len(METHODS)
    assert pairs_of(["hog", "raw", "hog"], ["knn"]) == [("hog", "knn"), ("raw", "knn")]
    with pytest.raises(OptionError, match=r"a feature among raw, gabor, .*; got 'sift'"):
        pairs_of(["hog", "sift"])
    with pytest.raises(OptionError, match=r"a classifier among svm-linear, .*; got 'svm'"):
        pairs_of(None, ["svm"])


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_makes_a_pipeline_that_learns(feature: str) -> None:
    (result,) = compare(FACES, [(feature, "svm-linear")], split="val+test")

    assert accuracy(result) > 0.6
    assert result.evaluation is not None
    assert result.evaluation.n == 35
    assert (result.fit_s or 0) > 0
    assert (result.predict_us or 0) > 0


def test_the_same_seed_gives_the_same_reading() -> None:
    pairs = [("pca", "mlp"), ("raw", "adaboost")]
    one, other = (
        [r.evaluation for r in compare(FACES, pairs, limit=14, seed=seed)] for seed in (1, 1)
    )

    assert one == other


def test_it_is_fitted_on_so_many_faces_of_train_as_the_limit_says() -> None:
    results = list(compare(FACES, [("raw", "knn"), ("dct", "src")], limit=20))

    assert [result.train_count for result in results] == [20, 20]


def test_a_slow_classifier_is_fitted_on_fewer_faces_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(METHODS, "knn", replace(METHODS["knn"], most_faces=21))
    (result,) = compare(FACES, [("raw", "knn")])

    assert result.train_count == 21
    assert result.note == "fitted on 21 faces"


def test_labels_of_the_evaluated_faces_are_never_seen() -> None:
    targets = np.where(FACES.splits == "train", FACES.targets, (FACES.targets + 1) % 7)
    for result in compare(replace(FACES, targets=targets), pairs_of(["lda"], ["svm-rbf"])):
        assert accuracy(result) == 0.0


class _Broken(BaseEstimator):  # type: ignore[misc]
    def fit(self, features: Any, targets: Any) -> None:
        raise MemoryError("too much\nof it")


def test_a_pipeline_that_fails_says_why_and_the_rest_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "mlp", Method("breaks", lambda *_: _Broken()))
    first, failed, last = compare(FACES, [("raw", "knn"), ("raw", "mlp"), ("raw", "svm-linear")])

    assert failed.error == "MemoryError: too much of it"
    assert failed.evaluation is None
    assert accuracy(first) > 0.7
    assert accuracy(last) > 0.7


def test_the_floor_reads_always_the_commonest_emotion_of_train() -> None:
    rows = np.flatnonzero((FACES.targets == 3) | (FACES.splits != "train") | (FACES.targets == 5))
    rows = np.concatenate([rows, np.flatnonzero((FACES.splits == "train") & (FACES.targets == 5))])
    result = measure_majority(FACES.take(rows), split="test")

    assert result.evaluation is not None
    assert result.note == "always surprise"
    assert result.evaluation.accuracy == pytest.approx(1 / 7)
    assert result.evaluation.per_class["surprise"].recall == 1.0


def test_a_network_is_measured_as_evaluate_does(tiny_model: Path) -> None:
    classifier, faces = Classifier(tiny_model), FACES.split("test")
    result = measure_network(classifier, faces)

    assert result.name == "tiny"
    assert result.evaluation == evaluate(classifier, faces)


@pytest.mark.parametrize("split", ["train", "train+test"])
def test_train_is_not_evaluated_on(split: str) -> None:
    with pytest.raises(OptionError, match="a split beside train"):
        compare(FACES, pairs_of(), split=split)


def test_data_that_cannot_be_compared_on_are_refused_before_anything_is_fitted() -> None:
    one_emotion = FACES.take((FACES.splits != "train") | (FACES.targets == 3))
    with pytest.raises(DataError, match="faces has happy alone on 6 faces"):
        compare(one_emotion, pairs_of())
    with pytest.raises(DataError, match="no faces in split 'test'"):
        compare(FACES.split("train+val"), pairs_of(), split="test")
    with pytest.raises(OptionError, match="limit: expected 1 or more; got 0"):
        compare(FACES, pairs_of(), limit=0)


# The command


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def baselines(mien: Mien, tmp_path: Path) -> Run:
    """Runs `mien baselines` on the made-up faces; gives status, stdout and stderr."""
    table = write_csv(tmp_path / "fer2013.csv", FACES)
    model = write_model(tmp_path / "tiny.onnx")

    def run(*arguments: object) -> tuple[int, str, str]:
        given = ["--data", table, "--model", model, *arguments]
        ended = mien("baselines", *given)
        return ended.status, ended.stdout, ended.stderr

    return run


def test_the_table_sets_pipelines_floor_and_network_side_by_side(baselines: Run) -> None:
    status, shown, said = baselines("--features", "dct,raw", "--classifiers", "svm-linear, knn")
    lines = shown.splitlines()

    assert status == 0
    assert lines[0] == "fitted on up to 42 faces of train, read 14 faces of fer2013 val"
    assert lines[2].split() == ["accuracy", "svm-linear", "knn"]
    assert [line.split()[0] for line in lines[3:5]] == ["dct", "raw"]
    assert lines[6].split() == ["macro", "F1", "svm-linear", "knn"]
    assert lines[11].startswith("always angry")
    assert lines[12].startswith("best of 4 pipelines: ")
    assert lines[13].startswith("tiny ")
    assert lines[15].startswith("tiny against the best pipeline: -")
    assert [line.split(":")[0] for line in said.splitlines()] == [
        "1/4 dct + svm-linear",
        "2/4 dct + knn",
        "3/4 raw + svm-linear",
        "4/4 raw + knn",
    ]


def test_json_and_csv_hold_every_measure(baselines: Run, tmp_path: Path) -> None:
    table = tmp_path / "baselines.csv"
    only = ("--features", "hog", "--classifiers", "knn", "--limit", 21, "--split", "test")
    status, shown, _ = baselines(*only, "--json", "--csv", table)
    found = json.loads(shown)

    assert status == 0
    assert {name: found[name] for name in ("data", "split", "limit", "seed")} == {
        "data": "fer2013",
        "split": "test",
        "limit": 21,
        "seed": 0,
    }
    pipeline, floor, network = found["results"]
    assert (pipeline["feature"], pipeline["classifier"], pipeline["n_train"]) == ("hog", "knn", 21)
    assert floor["accuracy"] == pytest.approx(1 / len(EMOTIONS))
    assert (network["feature"], network["classifier"], network["n"]) == ("", SPEC.name, 21)
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["accuracy"]) for row in rows] == [r["accuracy"] for r in found["results"]]


def test_without_a_network_it_compares_the_pipelines_alone(baselines: Run) -> None:
    status, shown, _ = baselines("--model", "none", "--features", "raw", "--classifiers", "knn")

    assert status == 0
    assert "tiny" not in shown


def test_a_failed_pipeline_is_shown_and_ends_with_status_2(
    baselines: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "mlp", Method("breaks", lambda *_: _Broken()))
    status, shown, said = baselines("--features", "raw", "--classifiers", "mlp,knn")

    assert status == 2
    assert "failed" in shown
    assert "best of 1 pipeline: raw + knn" in shown
    assert "1/2 raw + mlp: failed; MemoryError: too much of it" in said
    assert said.splitlines()[-1] == "mien: 1 of 2 pipelines failed: raw + mlp"


class _Interrupting(BaseEstimator):  # type: ignore[misc]
    def fit(self, features: Any, targets: Any) -> None:
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_prints_what_is_finished(
    baselines: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = tmp_path / "baselines.csv"
    monkeypatch.setitem(METHODS, "mlp", Method("interrupts", lambda *_: _Interrupting()))
    only = ("--features", "raw,hog", "--classifiers", "knn,mlp")
    status, shown, said = baselines(*only, "--csv", table)

    assert status == 130
    assert "best of 1 pipeline: raw + knn" in shown
    assert said.splitlines()[-1] == "mien: interrupted after 1 of 4 pipelines"
    assert len(table.read_text().splitlines()) == 4  # header, pipeline, floor, network


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--features sift", "expected a feature among"),
        ("--classifiers svm", "expected a classifier among"),
        ("--split train", "expected a split beside train"),
        ("--limit 0", "limit: expected 1 or more"),
        ("--model gone.onnx", "there is no file 'gone.onnx'"),
        ("--csv .", "expected a file to write; it is a folder"),
    ],
)
def test_bad_options_are_one_line(arguments: str, message: str, baselines: Run) -> None:
    status, shown, said = baselines(*arguments.split())

    assert status == 2
    assert shown == ""
    (line,) = said.splitlines()
    assert message in line
