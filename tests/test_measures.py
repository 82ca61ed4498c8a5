import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from command_line import Mien, assert_refused
from fakes import SPEC, write_model, write_people_model
from learn_fixtures import made_up_faces, write_csv, write_votes
from mien.errors import DataError
from mien.labels import EMOTIONS, FERPLUS, FERPLUS_EMOTIONS, FERPLUS_TO_EMOTION
from mien.learn.data.datasets import FaceSet
from mien.learn.evaluation.measures import Measures, measure
from mien.learn.evaluation.risk_coverage import risk_coverage
from mien.learn.evaluation.scores import (
    Agreement,
    Evaluation,
    Interval,
    bootstrap_intervals,
    evaluate,
    evaluate_probabilities,
    ferplus_targets,
    score_taggers,
    score_votes,
    truth_of,
)
from mien.learn.plots.evaluation import plot_class_scores, plot_confusion, plot_evaluation
from mien.recognize.classifier import Classifier
from mien.recognize.images import load_image

COPIES = 3
UNVOTED = 2
WRONG = 3  # each third face has another emotion's label


def _faces() -> FaceSet:
    """Three faces of test stand in train; labels err; FER+ does not, and has no word on two."""
    faces = made_up_faces(train=4, val=2, test=6)
    images = faces.images.copy()
    test = np.flatnonzero(faces.splits == "test")
    images[test[:COPIES]] = images[:COPIES]
    votes = np.zeros((len(faces), len(FERPLUS)), np.int64)
    column_of = {label: FERPLUS.index(name) for name, label in FERPLUS_TO_EMOTION.items()}
    columns = [column_of[EMOTIONS[target]] for target in faces.targets]
    votes[np.arange(len(faces)), columns] = 10
    votes[test[-UNVOTED:]] = [0] * 9 + [10]  # not a face
    targets = faces.targets.copy()
    targets[::WRONG] = (targets[::WRONG] + 1) % 7
    return replace(faces, images=images, targets=targets, votes=votes)


FACES = _faces()
TEST = FACES.split("test")


@pytest.fixture(scope="module")
def model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reads the made-up faces by their bright band, without a mistake."""
    bands = np.zeros((48, 48, 7), np.float32)
    for target in range(7):
        bands[6 * target + 3 : 6 * target + 9, :, target] = 0.02
    stored = onnx.load(tiny_model)
    (weights,) = (w for w in stored.graph.initializer if w.name == "weights")
    weights.CopyFrom(numpy_helper.from_array(bands.reshape(-1, 7), "weights"))
    path = tmp_path_factory.mktemp("models") / "bands.onnx"
    onnx.save(stored, path)
    return path


@pytest.fixture(scope="module")
def classifier(model: Path) -> Classifier:
    return Classifier(model)


@pytest.fixture(scope="module")
def result(classifier: Classifier) -> Measures:
    return measure(classifier, FACES, "test")


def test_a_split_is_measured_against_all_that_the_set_says_of_it(
    classifier: Classifier, result: Measures
) -> None:
    assert result.evaluation == evaluate(classifier, TEST)
    assert result.evaluation.accuracy == pytest.approx(1 - 1 / WRONG, abs=0.05)
    assert result.intervals == bootstrap_intervals(classifier(TEST.images), TEST.targets)
    own = TEST.take(np.arange(COPIES, len(TEST)))
    assert result.clean == evaluate(classifier, own)
    assert result.agreement == Agreement(len(TEST) - UNVOTED, 1.0)
    assert result.risk_coverage == risk_coverage(classifier(TEST.images), TEST.targets)


def test_clean_faces_are_those_that_train_does_not_have(classifier: Classifier) -> None:
    def clean(split: str, faces: FaceSet = FACES) -> Evaluation | None:
        return measure(classifier, faces, split).clean

    assert clean("train") is clean("train+test") is None  # they are no copies of themselves
    duplicates = FACES.take((FACES.splits == "train") | (np.arange(len(FACES)) == len(FACES) - 42))
    assert (duplicates.splits == "test").sum() == 1
    assert clean("test", duplicates) is clean("test", TEST) is None
    both = measure(classifier, FACES, "val+test")
    assert both.clean is not None
    assert (both.evaluation.n, both.clean.n) == (7 * 8, 7 * 8 - COPIES)


@pytest.mark.parametrize("votes", [None, np.zeros((len(FACES), len(FERPLUS)), np.int64)])
def test_without_votes_there_is_no_agreement(votes: Any, classifier: Classifier) -> None:
    assert measure(classifier, replace(FACES, votes=votes), "test").agreement is None


@pytest.fixture(scope="module")
def voting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network with both outputs."""
    spec = replace(SPEC, name="voting", votes_labels=FERPLUS_EMOTIONS)
    path = tmp_path_factory.mktemp("models") / "voting.onnx"
    return write_model(path, votes=len(FERPLUS_EMOTIONS), metadata=spec.to_json(), seed=3)


def test_votes_are_scored_where_model_and_data_have_them(
    voting: Path, classifier: Classifier
) -> None:
    reader = Classifier(voting)

    assert measure(reader, FACES, "test").votes == score_votes(reader.votes(TEST.images), TEST)
    assert measure(reader, replace(FACES, votes=None), "test").votes is None
    assert measure(classifier, FACES, "test").votes is None


@pytest.fixture(scope="module")
def of_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that also says what people would say; otherwise than the label."""
    return write_people_model(tmp_path_factory.mktemp("models") / "people.onnx", seed=3)


def test_each_head_is_held_against_its_own_truth(of_people: Path) -> None:
    people, label = Classifier(of_people), Classifier(of_people, head="label")
    found, labelled = measure(people, FACES, "test"), measure(label, FACES, "test")
    voted = TEST.take(np.arange(len(TEST) - UNVOTED))
    majority = ferplus_targets(voted)

    assert (found.head, found.truth) == ("people", "FER+ majority")
    assert found.evaluation == evaluate_probabilities(people(voted.images), majority)
    assert found.clean is not None
    assert found.clean.n == len(TEST) - UNVOTED - COPIES
    right = float((people(TEST.images).argmax(1) == TEST.targets).mean())
    assert found.as_labeled == Agreement(len(TEST), right)
    assert (labelled.head, labelled.truth) == ("label", "labels")
    assert labelled.evaluation == evaluate(label, TEST)
    without = measure(people, replace(FACES, votes=None), "test")
    assert (without.truth, without.taggers) == ("labels", None)
    assert without.evaluation == evaluate(people, TEST)


def test_people_are_as_sure_as_taggers_agree() -> None:
    faces = TEST.take(np.arange(4))
    votes = np.zeros((4, len(FERPLUS)), np.int64)
    votes[0, FERPLUS.index("happiness")] = 10
    votes[1, [FERPLUS.index("happiness"), FERPLUS.index("neutral")]] = 5
    votes[2, [FERPLUS.index("happiness"), FERPLUS.index("contempt")]] = [2, 8]
    votes[3, FERPLUS.index("unknown")] = 10  # of none of the seven
    happy = np.full((4, 7), 0.4 / 6, np.float32)
    happy[:, EMOTIONS.index("happy")] = 0.6
    score = score_taggers(happy, replace(faces, votes=votes))

    assert score.n == 3
    expected = -(np.log(0.6) + (np.log(0.6) + np.log(0.4 / 6)) / 2 + np.log(0.6)) / 3
    assert score.negative_log_likelihood == pytest.approx(expected)
    assert list(score.reliability.confidence) == pytest.approx([0.6])
    assert list(score.reliability.accuracy) == pytest.approx([2.5 / 3])
    assert score.reliability.expected_calibration_error == pytest.approx(2.5 / 3 - 0.6)
    voted = replace(faces, votes=votes)
    assert len(truth_of("people", voted, "test")) == 1  # half and half is no majority
    # Where nobody voted on the split that is measured, its labels are the truth.
    first_of_val = replace(voted, splits=np.array(["val", *["test"] * (len(faces) - 1)]))
    unvoted = replace(first_of_val, votes=votes * (first_of_val.splits == "val")[:, None])
    assert truth_of("people", unvoted, "test") is unvoted
    assert truth_of("label", voted, "test") is voted
    # Nor do two splits have two truths; a split that is not measured keeps its faces.
    assert truth_of("people", unvoted, "val+test") is unvoted
    val_alone = truth_of("people", unvoted, "val")
    assert val_alone.splits.tolist() == unvoted.splits.tolist()
    assert val_alone.targets[0] == EMOTIONS.index("happy")
    assert np.array_equal(val_alone.targets[1:], unvoted.targets[1:])
    with pytest.raises(DataError, match=r"votes for the seven emotions; there are none"):
        score_taggers(happy[3:], replace(faces, votes=votes).take(np.array([3])))


# mien evaluate


def test_evaluate_says_which_head_it_measures(
    mien: Mien, of_people: Path, data: tuple[object, ...]
) -> None:
    arguments = ("evaluate", "--model", of_people, *data)
    people = mien(*arguments)
    lines = shown_lines(people.stdout)
    n = len(TEST) - UNVOTED
    assert (
        lines[0] == f"people, head people, on fer2013 test: {n} faces, held against FER+ majority"
    )
    assert any(line.startswith("agreement with labels 0.") for line in lines)
    assert any(line.endswith(f"of a random tagger, n {n}") for line in lines)
    assert "FER+ majority (rows) and read (columns)" in lines
    label = json.loads(mien(*arguments, "--head", "label", "--json").stdout)
    assert (label["head"], label["truth"], label["n"]) == ("label", "labels", len(TEST))
    refused = mien("evaluate", "--model", "paper", "--head", "people", *data)
    assert_refused(refused, "head: expected label, which paper.onnx has; got people")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    folder = tmp_path_factory.mktemp("data")
    table = write_csv(folder / "fer2013.csv", FACES)
    return ("--data", table, "--votes", write_votes(folder / "fer2013new.csv", FACES))


def shown_lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_evaluate_prints_draws_and_gives_as_json_what_is_measured(
    mien: Mien, model: Path, data: tuple[object, ...], result: Measures, tmp_path: Path
) -> None:
    ended = mien("evaluate", "--model", model, *data, "--json")
    found: dict[str, Any] = json.loads(ended.stdout)

    assert (ended.status, ended.stderr) == (0, "")
    assert (found["model"], found["data"], found["split"]) == ("tiny", "fer2013", "test")
    expected = json.loads(json.dumps(result.to_dict()))
    assert {name: found[name] for name in expected} == expected
    assert (found["clean"]["n"], found["n"]) == (len(TEST) - COPIES, len(TEST))

    plots = tmp_path / "figures" / "tiny"
    ended = mien("evaluate", "--model", model, *data, "--plots", plots)
    lines = shown_lines(ended.stdout)
    assert lines[0] == (
        f"tiny, head label, on fer2013 test: {len(TEST)} faces, held against labels"
    )
    for line, name in zip(lines[2:], ("accuracy", "macro_f1", "mean_class_recall"), strict=False):
        interval = result.intervals[name]
        value = f"{getattr(result.evaluation, name):.4f}"
        shown = name.replace("_f1", "_F1").replace("_", " ")
        assert line == f"{shown} {value} {interval.low:.4f} to {interval.high:.4f}"
    assert result.clean is not None
    clean = f"{result.clean.accuracy:.4f} n {len(TEST) - COPIES}"
    assert f"accuracy without duplicates of training images {clean}" in lines
    assert f"agreement with FER+ majority 1.0000 n {len(TEST) - UNVOTED}" in lines
    area = f"area under the risk-coverage curve {result.risk_coverage.area:.4f}"
    assert any(area in line for line in lines)
    for selection in result.risk_coverage.at_coverage:
        told = f"{selection.threshold:.3f} {selection.coverage:.1%} {selection.accuracy:.4f}"
        assert any(line.startswith(told) for line in lines)
    assert sorted(path.name for path in plots.iterdir()) == [
        f"{name}.{ending}"
        for name in ("classes", "confusion", "reliability", "risk-coverage")
        for ending in ("png", "svg")
    ]
    for path in plots.glob("*.png"):
        assert min(load_image(path).shape[:2]) > 400
    assert "those with at least this probability" in (plots / "risk-coverage.svg").read_text()
    drawn = (plots / "confusion.svg").read_text()
    assert f"{len(TEST)} faces, accuracy {result.evaluation.accuracy:.4f}" in drawn


@pytest.mark.parametrize(
    ("head", "axis"),
    [("people", "share of FER+'s taggers who say so"), ("label", "share read right")],
)
def test_the_figure_of_reliability_names_who_is_held_against(
    head: str, axis: str, of_people: Path, tmp_path: Path
) -> None:
    plot_evaluation(measure(Classifier(of_people, head=head), FACES, "test"), tmp_path)
    assert f">{axis}</text>" in (tmp_path / "reliability.svg").read_text()


def test_evaluate_says_nothing_of_what_it_cannot_measure(
    mien: Mien, model: Path, tmp_path: Path
) -> None:
    table = write_csv(tmp_path / "test.csv", TEST)
    shown = mien("evaluate", "--model", model, "--data", table)
    as_json = json.loads(mien("evaluate", "--model", model, "--data", table, "--json").stdout)

    assert shown.status == 0
    assert "duplicates" not in shown.stdout
    assert "FER+" not in shown.stdout
    assert (as_json["clean"], as_json["ferplus_agreement"]) == (None, None)
    assert (as_json["ferplus_votes"], as_json["members"]) == (None, [])


def test_evaluate_gives_no_interval_of_draws_where_all_is_read_right(
    mien: Mien, model: Path, classifier: Classifier, tmp_path: Path
) -> None:
    right = TEST.take(classifier(TEST.images).argmax(axis=1) == TEST.targets)
    table = write_csv(tmp_path / "test.csv", right)
    lines = shown_lines(mien("evaluate", "--model", model, "--data", table).stdout)
    low = Interval.wilson(len(right), len(right)).low
    assert f"accuracy 1.0000 {low:.4f} to 1.0000" in lines
    assert {"macro F1 1.0000 -", "mean class recall 1.0000 -"} <= set(lines)


def test_evaluate_names_the_emotions_that_no_face_carries(
    mien: Mien, model: Path, classifier: Classifier, tmp_path: Path
) -> None:
    some = TEST.take(~np.isin(TEST.targets, [1, 2]))
    table = write_csv(tmp_path / "test.csv", some)
    shown = mien("evaluate", "--model", model, "--data", table)
    values = json.loads(mien("evaluate", "--model", model, "--data", table, "--json").stdout)

    lines = shown_lines(shown.stdout)
    expected = "test has no face of disgust, fear: means over the emotions are of the other 5"
    assert lines[1] == expected
    assert "disgust - - - 0" in lines
    assert values["absent"] == ["disgust", "fear"]
    with_faces = [row for row in values["per_class"].values() if row["support"]]
    assert len(with_faces) == 5
    assert values["macro_f1"] == pytest.approx(np.mean([row["f1"] for row in with_faces]))
    for name, interval in values["intervals"].items():
        assert interval["low"] <= values[name] <= interval["high"]
    # Their rows of the confusion matrix say nothing, and neither do their bars.
    found = evaluate(classifier, some)
    (matrix,) = plot_confusion(found, tmp_path / "confusion.svg")
    (classes,) = plot_class_scores(found, tmp_path / "classes.svg")
    assert matrix.read_text().count(">-</text>") == 2 * 7
    bars = re.findall(r">[01]\.\d\d</text>", classes.read_text())
    assert len(bars) == 5 * 2


def test_evaluate_scores_the_votes(mien: Mien, voting: Path, data: tuple[object, ...]) -> None:
    arguments = ("evaluate", "--model", voting, *data)
    lines = shown_lines(mien(*arguments).stdout)
    votes = json.loads(mien(*arguments, "--json").stdout)["ferplus_votes"]

    assert votes["n"] == votes["majority_n"] == len(TEST) - UNVOTED
    assert votes["left_out"] == {"tie": 0, "unknown": 0, "not a face": UNVOTED, "no votes": 0}
    n = f"n {len(TEST) - UNVOTED}"
    accuracy = f"{votes['accuracy']:.4f}"
    assert f"FER+ 8 classes, most votes {accuracy} {n}; without not a face {UNVOTED}" in lines
    assert any(
        line.startswith(f"FER+ 8 classes, over half, as published {accuracy} {n}") for line in lines
    )


def test_evaluate_averages_several_models(
    mien: Mien, model: Path, voting: Path, data: tuple[object, ...]
) -> None:
    arguments = ("evaluate", "--model", f"{model},{voting}", *data)
    lines = mien(*arguments).stdout.splitlines()
    found = json.loads(mien(*arguments, "--json").stdout)
    crops = TEST.images
    mean = Classifier([model, voting])(crops)

    assert lines[0].startswith(f"tiny+voting, head label, on fer2013 test: {len(TEST)} faces, ")
    assert lines[1].startswith(f"the mean of 2 networks, {2 * SPEC.parameters:,} parameters")
    assert (found["model"], found["members"]) == ("tiny+voting", ["tiny", "voting"])
    assert found["accuracy"] == evaluate_probabilities(mean, TEST.targets).accuracy
