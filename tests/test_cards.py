"""Model cards, `mien card`, and the cards of the models in the package."""

import dataclasses
import hashlib
import json
import math
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from command_line import Mien, assert_refused
from fakes import SPEC, write_model, write_people_model
from learn_fixtures import made_up_faces, read_as, write_csv, write_parquet_folder
from mien.errors import DataError, OptionError
from mien.labels import EMOTIONS, FERPLUS_EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.evaluation.measures import measure
from mien.learn.evaluation.robustness import CORRUPTIONS, corrupt
from mien.learn.evaluation.scores import Agreement, VotesScore, evaluate, ferplus_targets
from mien.learn.reports import cards
from mien.learn.reports.card_text import card_text
from mien.learn.reports.cards import BANDS, CORRUPTED, Card, bands, measure_card
from mien.recognize.catalog import model_card
from mien.recognize.classifier import Classifier, shipped_models
from mien.spec import ModelSpec

DOCS = Path(__file__).resolve().parent.parent / "docs" / "models"
COPIES = 5


def _faces() -> FaceSet:
    """Made-up faces with votes; five of test stand in train, too."""
    faces = made_up_faces(train=4, val=3, test=5, votes=True)
    images = faces.images.copy()
    test = np.flatnonzero(faces.splits == "test")
    images[test[:COPIES]] = images[:COPIES]
    return dataclasses.replace(faces, images=images, name="made-up")


FACES = _faces()


@pytest.fixture(scope="module")
def classifier(tiny_model: Path) -> Classifier:
    return Classifier(tiny_model)


@pytest.fixture(scope="module")
def steps() -> list[str]:
    """What was told of the progress while `card` was measured."""
    return []


@pytest.fixture(scope="module")
def card(classifier: Classifier, steps: list[str]) -> Card:
    return measure_card(classifier, FACES, report=steps.append)


def table_after(text: str, words: str) -> list[list[str]]:
    """The cells of the first table after these words, without its ruler."""
    after = text.index(words)
    found = re.search(r"\n\n(\|.+?\|)\n(?!\|)", text[after:], re.DOTALL)
    assert found is not None
    rows = [line.strip("| ").split(" | ") for line in found[1].splitlines()]
    return [rows[0], *rows[2:]]


def percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f} %"


# What is measured


def test_a_card_measures_the_file_as_mien_evaluate_does(
    card: Card, classifier: Classifier, steps: list[str]
) -> None:
    content = classifier.path.read_bytes()
    assert card.sha256 == hashlib.sha256(content).hexdigest()
    assert (card.file_name, card.size_bytes) == (classifier.path.name, len(content))
    assert (card.spec, card.data) == (classifier.spec, "made-up")
    for split in ("val", "test", "val+test"):
        assert card.measures[split] == measure(classifier, FACES, split)
    # Clean test has no copies of training images.
    clean = FACES.take(np.flatnonzero(FACES.splits == "test")[COPIES:])
    assert card.duplicates == COPIES
    assert card.clean is not None
    assert card.clean.evaluation == evaluate(classifier, clean) == card.test.clean
    test = FACES.split("test")
    majority = ferplus_targets(test)
    known = majority >= 0
    right = float((majority == test.targets)[known].mean())
    assert card.label_agreement == Agreement(known.sum(), right)
    assert steps[:2] == ["val by the head label", "test by the head label"]
    assert steps[-1] == f"corrupted faces, {len(CORRUPTED) + 1} of {len(CORRUPTED) + 1}"


def test_bands_hold_every_face_once() -> None:
    sure = np.array([0.2, 0.4, 0.59, 0.6, 0.75, 0.91, 1.0])
    right = np.array([1, 1, 0, 1, 1, 0, 1], np.float32)
    found = bands(read_as(np.full(len(sure), 3), sure), right)

    assert [(band.low, band.high) for band in found] == list(pairwise(BANDS))
    assert [band.n for band in found] == [1, 2, 2, 0, 2]
    assert [band.accuracy for band in found[:3]] == [1.0, 0.5, 1.0]
    assert found[1].confidence == pytest.approx(0.495)
    assert math.isnan(found[3].accuracy)


def test_each_corruption_is_measured_at_the_level_that_the_card_names(
    card: Card, classifier: Classifier
) -> None:
    test = FACES.split("test")
    measured = {(m.corruption, m.severity): m for m in card.robustness.measurements}
    assert list(measured)[1:] == [(name, level) for name, level, _ in CORRUPTED]
    assert card.robustness.n == len(test)
    for name, level, said in CORRUPTED:
        assert level in CORRUPTIONS[name].severities
        number = f"{abs(level) * 100:g} %" if abs(level) < 1 else f"{abs(level):g}"
        assert number in said
    blurred = dataclasses.replace(test, images=corrupt(test.images, "blur", 1.0))
    assert measured["blur", 1.0].accuracy == evaluate(classifier, blurred).accuracy


def test_a_test_split_without_votes_is_held_against_its_labels(tmp_path: Path) -> None:
    people = Classifier(write_people_model(tmp_path / "people.onnx"))
    voted = made_up_faces(train=1, val=2, test=3, votes=True)
    assert voted.votes is not None
    faces = dataclasses.replace(voted, votes=voted.votes * (voted.splits != "test")[:, None])
    card = measure_card(people, faces)
    n = len(faces.split("test"))
    assert (card.robustness.n, card.fairness.n, sum(band.n for band in card.bands)) == (n, n, n)
    assert (card.test.by_taggers, card.measures["val"].by_taggers) == (False, True)
    right = evaluate(people, faces.split("test")).accuracy
    assert sum(b.n * b.accuracy for b in card.bands if b.n) / n == pytest.approx(right)
    assert card_text(card)


def test_a_card_needs_val_and_test_and_one_file(
    classifier: Classifier, tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="no faces in split 'val'"):
        measure_card(classifier, FACES.take(FACES.splits == "test"))
    both = Classifier([tiny_model, write_model(tmp_path / "second.onnx")])
    with pytest.raises(OptionError, match=r"expected one model file.*tiny\.onnx, second\.onnx"):
        measure_card(both, FACES)


# What is written


def test_the_text_has_every_score_with_its_n(card: Card) -> None:
    rows = {row[0]: row for row in table_after(card_text(card), "## How good it is")}
    assert card.clean is not None
    assert list(card.measures) == ["val", "test", "val+test", "clean test"]
    for name, found in card.measures.items():
        scores = found.evaluation
        assert rows[name][1] == f"{scores.n:,}"
        assert rows[name][2].startswith(percent(scores.accuracy))
        assert rows[name][3].startswith(f"{scores.macro_f1:.4f}")
        assert rows[name][4].startswith(percent(scores.mean_class_recall))
        low = found.intervals["accuracy"].low
        assert f"({100 * low:.1f} to " in rows[name][2]


def test_the_text_tells_of_each_emotion_and_what_it_is_taken_for(card: Card) -> None:
    header, *rows = table_after(card_text(card), "emotion by emotion")
    assert header[:5] == ["labelled", "n", "recall", "precision", "F1"]
    assert [row[0] for row in rows] == list(EMOTIONS)
    for row, (label, score) in zip(rows, card.test.evaluation.per_class.items(), strict=True):
        assert row[1:3] == [f"{score.support}", percent(score.recall, 1)]
        counts = dict(zip(EMOTIONS, card.test.evaluation.confusion[EMOTIONS.index(label)]))  # noqa: B905
        del counts[label]
        if row[5] != "-":
            other = row[5].split(",")[0]
            assert counts[other] == max(counts.values())


def test_the_text_tells_what_a_threshold_leaves(card: Card) -> None:
    rows = table_after(card_text(card), "calls a face unsure")[1:]
    told = [s for s in card.test.risk_coverage.at_threshold if s.accuracy is not None]
    assert rows == [
        [f"{s.threshold:g}", percent(s.coverage, 1), percent(s.accuracy or 0.0, 1)] for s in told
    ]
    assert sum(band.n for band in card.bands) == card.test.evaluation.n


def test_the_text_tells_in_which_images_it_is_weaker(card: Card) -> None:
    section = card_text(card).split("## In which images it is weaker")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert header == ["by", "faces", "n", "right", "same mix", "gap", "Holm's p"]

    compared = [g for g in card.fairness.groupings if len(g.groups) > 1]
    assert [row[0] for row in rows if row[0]] == [grouping.name for grouping in compared]
    assert [(row[1], row[2]) for row in rows] == [
        (group.name, f"{group.n:,}") for grouping in compared for group in grouping.groups
    ]
    assert (card.fairness.n, card.fairness.data, card.fairness.split) == (35, "made-up", "test")
    for row in rows:
        few = int(row[2]) < card.fairness.min_n
        assert row[3].startswith(f"too few (n = {row[2]})") is few
    assert "which is no proof that there are none" in section


def test_the_text_says_what_it_must_not_be_used_for(card: Card) -> None:
    text = " ".join(card_text(card).split())
    assert "nan" not in text
    for words in (
        "It must not be used",
        "article 5(1)(f)",
        "Annex III",
        "article 50(3)",
        "Barrett et al. 2019",
        "an expression, not a feeling",
        f"licence is {SPEC.license}",
    ):
        assert words in text


def test_the_text_speaks_of_fer2013_only_where_it_was_measured(card: Card) -> None:
    other = card_text(card)
    fer2013 = card_text(dataclasses.replace(card, is_fer2013=True))

    assert not card.is_fer2013
    for words in ("PublicTest", "People reach about 65 ± 5 %", "Goodfellow"):
        assert words not in " ".join(other.split())
        assert words in " ".join(fer2013.split())
    assert "mien card tiny --data DATA --out tiny.md" in other
    assert "mien card tiny --data FER2013 --out tiny.md" in fer2013


def test_a_set_without_votes_copies_training_images_and_two_of_the_emotions(
    classifier: Classifier,
) -> None:
    alone = dataclasses.replace(FACES.split("val+test"), votes=None)
    found = measure_card(classifier, alone.take(~np.isin(alone.targets, [1, 2])))
    text = card_text(found)

    assert (found.clean, found.duplicates, found.label_agreement) == (None, 0, None)
    assert "FER+" not in text
    assert "training images too" not in text
    rows = table_after(text, "## How good it is")[1:]
    assert [row[0] for row in rows] == ["val", "test", "val+test"]
    # The emotions are named, and are not the weakest.
    assert (
        "Test has no image of disgust, fear: macro F1 and mean class recall are of the other 5"
    ) in " ".join(text.split())
    by_emotion = {row[0]: row[1:] for row in table_after(text, "Test, emotion by emotion:")}
    assert by_emotion["disgust"] == by_emotion["fear"] == ["0", *["-"] * 4]
    assert not re.search(r"weakest at (disgust|fear)", text)


@pytest.mark.parametrize(
    ("excess", "said"),
    [
        (-0.1, "it is too modest"),
        (-0.005, "it is about as sure as it should be"),
        (0.1, "it is too sure"),
    ],
)
def test_the_text_says_whether_it_is_too_sure(card: Card, excess: float, said: str) -> None:
    test = card.test.evaluation
    band = cards.Band(0.0, 1.0, test.n, test.accuracy + excess, test.accuracy)
    text = card_text(dataclasses.replace(card, bands=(band,)))
    assert said in " ".join(text.split())


def test_a_second_output_is_told_with_its_score(card: Card) -> None:
    spec = dataclasses.replace(SPEC, votes_labels=FERPLUS_EMOTIONS)
    votes = VotesScore(0.8125, 3388, {}, None, 0)
    measures = card.measures | {"test": dataclasses.replace(card.test, votes=votes)}
    text = card_text(dataclasses.replace(card, spec=spec, measures=measures))
    about = {row[0]: row[1] for row in table_after(text, "## The file")[1:]}

    assert about["out, too"].endswith(", ".join(FERPLUS_EMOTIONS))
    assert "with the most votes on 81.25 % of 3,388 images of test" in " ".join(text.split())
    assert "second output" not in card_text(card)


# The command


def test_the_command_writes_the_card_wherever_it_is_wanted(
    mien: Mien, tiny_model: Path, tmp_path: Path, card: Card
) -> None:
    data = write_parquet_folder(tmp_path / "made-up", FACES)
    first, second = tmp_path / "one.md", tmp_path / "two.md"
    done = mien("card", tiny_model, "--data", data, "--out", first, "--out", second)

    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == f"{first}\n{second}\n"
    assert first.read_text() == second.read_text() == card_text(card)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["made-up", "one.md", "two.md"]


def test_what_cannot_be_written_is_said_at_once_and_an_interrupt_leaves_an_earlier_card(
    mien: Mien, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cards, "measure_card", interrupted)
    data, out = write_csv(tmp_path / "faces.csv", FACES), tmp_path / "card.md"
    done = mien("card", tiny_model, "--data", data, "--out", data / "card.md")
    assert_refused(done, "faces.csv: expected a folder to write into; it is a file")
    out.write_text("of yesterday")
    assert mien("card", tiny_model, "--data", data, "--out", out).status == 130
    assert out.read_text() == "of yesterday"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["card.md", "faces.csv"]


# The cards in the package


@pytest.mark.parametrize("name", shipped_models())
def test_the_card_in_the_package_is_the_one_in_the_docs(name: str) -> None:
    assert model_card(name) == (DOCS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", shipped_models())
def test_the_card_in_the_package_says_what_the_file_says(name: str) -> None:
    text, path = model_card(name), shipped_models()[name]
    spec: ModelSpec = Classifier(name).spec
    about = {row[0]: row[1] for row in table_after(text, "## The file")[1:]}
    of_people = "people" in spec.heads
    labels = "as papers report:" if of_people else "## How good it is"
    scores = {row[0]: row for row in table_after(text, labels)}
    people = {row[0]: row for row in table_after(text, "## How good it is")}

    assert text.startswith(f"# Model card: {spec.name}\n")
    assert spec.people_scores.keys() == (spec.scores.keys() if of_people else set())
    for split, told in spec.people_scores.items():
        assert people[split][1] == f"{told.majority_n:,}"
        assert people[split][2].startswith(percent(told.majority_accuracy))
    if of_people:
        error = spec.people_scores["test"].expected_calibration_error
        assert f"differ by {100 * error:.1f} points" in " ".join(text.split())
        offsets = ", ".join(
            f"{o:g} for {name}" for o, name in zip(spec.people_offsets, EMOTIONS, strict=True) if o
        )
        pooled = f"{1 - spec.votes_share:g} log label + {spec.votes_share:g} log votes + {offsets}"
        assert f"({pooled}) / {spec.people_temperature:g}" in about["out"]
    assert about["sha256"] == f"`{hashlib.sha256(path.read_bytes()).hexdigest()}`"
    assert about["file"] == f"`{path.name}`, {path.stat().st_size / 1e6:.1f} MB"
    assert about["network"].startswith(f"`{spec.network}`: {spec.parameters:,} parameters, ")
    assert about["licence"] == spec.license
    assert f"temperature {spec.temperature:g}" in about["inside"]
    assert f"`{spec.recipe}`, seed {spec.seed}, epoch {spec.epoch}, " in about["made by"]
    unwrapped = " ".join(text.split())
    assert f"- Trained on: {spec.trained_on}." in unwrapped
    assert spec.chosen_on in unwrapped
    assert spec.scores.keys() == {"val", "test", "val+test"}
    for split, score in spec.scores.items():
        assert scores[split][1] == f"{score.n:,}"
        assert scores[split][2].startswith(percent(score.accuracy))
        assert scores[split][3].startswith(f"{score.macro_f1:.4f}")
    assert f"**{percent(spec.scores['test'].accuracy)}**" in text


def test_json_of_models_and_cards_name_the_same_models(mien: Mien) -> None:
    for model in json.loads(mien("models", "--json").stdout):
        assert mien("models", model["name"]).stdout == model_card(model["name"])
