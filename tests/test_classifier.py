import dataclasses
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from command_line import Mien
from fakes import SPEC, write_model, write_people_model
from mien import (
    DEFAULT_MODEL,
    EMOTIONS,
    Classifier,
    ModelError,
    OptionError,
    Recognizer,
    shipped_models,
)
from mien.labels import FERPLUS_EMOTIONS
from mien.recognize.crops import Crops


def some_crops(count: int) -> Crops:
    return np.random.default_rng(1).integers(0, 256, (count, 48, 48), dtype=np.uint8)


def test_rows_are_probabilities(tiny_model: Path) -> None:
    rows = Classifier(tiny_model)(some_crops(5))
    assert rows.shape == (5, len(EMOTIONS))
    assert rows.dtype == np.float32
    assert (rows >= 0).all()
    assert rows.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)


def test_batches_do_not_matter(tiny_model: Path) -> None:
    classifier, crops = Classifier(tiny_model), some_crops(2 * Classifier.BATCH + 3)
    alone = np.concatenate([classifier(crop[None]) for crop in crops])
    for size in (3, Classifier.BATCH, Classifier.BATCH + 1, len(crops)):
        parts = [classifier(crops[i : i + size]) for i in range(0, len(crops), size)]
        assert np.abs(np.concatenate(parts) - alone).max() < 1e-5
    assert len({tuple(row) for row in alone.round(5)}) == len(crops)  # each row is its own crop's


def test_threads_do_not_matter(tiny_model: Path) -> None:
    crops = some_crops(9)
    expected = Classifier(tiny_model)(crops)
    for threads in (0, 2):
        assert np.abs(Classifier(tiny_model, threads=threads)(crops) - expected).max() < 1e-5


def test_no_crops_give_no_rows(tiny_model: Path) -> None:
    assert Classifier(tiny_model)(some_crops(0)).shape == (0, len(EMOTIONS))


def test_views_of_crops_work(tiny_model: Path) -> None:
    crops, classifier = some_crops(6), Classifier(tiny_model)
    mirrored = crops[::2, :, ::-1]
    assert (classifier(mirrored) == classifier(mirrored.copy())).all()


@pytest.mark.parametrize(
    ("crops", "came"),
    [
        (np.zeros((1, 48, 48), np.float32), "expected a uint8 array; got float32"),
        (np.zeros((1, 48, 48), np.int64), "expected a uint8 array; got int64"),
        ([[0]], "expected a uint8 array; got list"),
        (None, "expected a uint8 array; got NoneType"),
        (np.zeros((48, 48), np.uint8), r"expected shape \(F, 48, 48\); got \(48, 48\)"),
        (np.zeros((1, 64, 64), np.uint8), r"expected shape \(F, 48, 48\); got \(1, 64, 64\)"),
        (np.zeros((1, 48, 48, 1), np.uint8), r"got \(1, 48, 48, 1\)"),
    ],
)
def test_other_crops_are_refused(tiny_model: Path, crops: Any, came: str) -> None:
    with pytest.raises(OptionError, match=came):
        Classifier(tiny_model)(crops)


def test_spec_is_that_of_the_file(tiny_model: Path) -> None:
    assert Classifier(tiny_model).spec == SPEC
    assert Classifier(str(tiny_model)).spec == SPEC


def test_negative_threads(tiny_model: Path) -> None:
    with pytest.raises(OptionError, match="threads: expected 0 or more; got -1"):
        Classifier(tiny_model, threads=-1)


@pytest.mark.parametrize("model", ["no-such-model", "folder/no-such.onnx", "", "."])
def test_an_unknown_model_names_those_there_are(model: str) -> None:
    with pytest.raises(ModelError) as caught:
        Classifier(model)
    assert repr(model) in str(caught.value)
    assert all(name in str(caught.value) for name in (DEFAULT_MODEL, *shipped_models()))


@pytest.mark.parametrize("content", [b"", b"no model", bytes(1000)])
def test_a_broken_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.onnx: expected an"):
        Classifier(path)


def test_a_truncated_file(tmp_path: Path, tiny_model: Path) -> None:
    path = tmp_path / "half.onnx"
    path.write_bytes(tiny_model.read_bytes()[: tiny_model.stat().st_size // 2])
    with pytest.raises(ModelError, match=r"half\.onnx: expected an ONNX model"):
        Classifier(path)


def test_an_onnx_file_of_another_tool(tmp_path: Path) -> None:
    path = write_model(tmp_path / "other.onnx", metadata=None)
    with pytest.raises(ModelError, match=r"other\.onnx: expected a model made by `mien export`"):
        Classifier(path)


def test_metadata_that_cannot_be_read(tmp_path: Path) -> None:
    path = write_model(tmp_path / "odd.onnx", metadata="{")
    with pytest.raises(ModelError, match=r"odd\.onnx: its description cannot be read"):
        Classifier(path)


def test_labels_in_another_order(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, labels=EMOTIONS[::-1])
    path = write_model(tmp_path / "order.onnx", metadata=spec.to_json())
    with pytest.raises(ModelError, match=r"the labels angry, .*; got .* neutral, surprise"):
        Classifier(path)


@pytest.mark.parametrize(
    ("change", "came"),
    [
        ({"side_px": 64}, r"got \[.*64, 64.*\] in"),
        ({"input_type": TensorProto.FLOAT}, r"got \[.*tensor\(float\).*48, 48.*\] in"),
        ({"classes": 8}, r"\[8\].* out and"),
    ],
)
def test_a_network_that_breaks_the_contract(
    tmp_path: Path, change: dict[str, int], came: str
) -> None:
    path = write_model(tmp_path / "wrong.onnx", **change)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=came):
        Classifier(path)


def test_shipped_models_say_who_they_are() -> None:
    shipped = shipped_models()
    assert DEFAULT_MODEL in shipped
    for name, path in shipped.items():
        spec = Classifier(name).spec
        assert path.stem == spec.name == name
        assert json.loads(spec.to_json())["labels"] == list(EMOTIONS)


def test_shipped_models_do_not_mind_the_batch() -> None:
    crops = some_crops(7)
    for name in shipped_models():
        classifier = Classifier(name)
        alone = np.concatenate([classifier(crop[None]) for crop in crops])
        assert np.abs(classifier(crops) - alone).max() < 1e-5
        assert alone.sum(axis=1) == pytest.approx(np.ones(7), abs=1e-5)


# FER+ votes


@pytest.fixture(scope="module")
def voting_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two outputs: the emotions of `tiny_model`, and FER+ votes."""
    return write_voting_model(tmp_path_factory.mktemp("models") / "voting.onnx")


def write_voting_model(path: Path, *, seed: int = 0, **changes: Any) -> Path:
    spec = dataclasses.replace(SPEC, name=path.stem, votes_labels=FERPLUS_EMOTIONS)
    settings = {"votes": len(FERPLUS_EMOTIONS), "metadata": spec.to_json(), "seed": seed}
    return write_model(path, **{**settings, **changes})


def test_votes_are_shares_of_the_eight_expressions(voting_model: Path, tiny_model: Path) -> None:
    classifier, crops = Classifier(voting_model), some_crops(Classifier.BATCH + 3)
    votes = classifier.votes(crops)

    assert votes.shape == (len(crops), 8)
    assert votes.dtype == np.float32
    assert votes.sum(axis=1) == pytest.approx(np.ones(len(crops)), abs=1e-5)
    assert classifier.votes(some_crops(0)).shape == (0, 8)
    # The emotions are those of the same network without the votes.
    assert np.array_equal(classifier(crops), Classifier(tiny_model)(crops))


def test_read_gives_both_or_none_in_place_of_votes(voting_model: Path, tiny_model: Path) -> None:
    classifier, crops = Classifier(voting_model), some_crops(5)
    probabilities, votes = classifier.read(crops)
    alone, none = Classifier(tiny_model).read(crops)

    assert np.array_equal(probabilities, classifier(crops))
    assert votes is not None
    assert np.array_equal(votes, classifier.votes(crops))
    assert np.array_equal(alone, probabilities)
    assert none is None


def test_votes_of_a_file_without_them_name_it_and_the_remedy(tiny_model: Path) -> None:
    with pytest.raises(
        ModelError, match=r"tiny\.onnx: expected .*'votes', as `mien export` writes"
    ):
        Classifier(tiny_model).votes(some_crops(1))


@pytest.mark.parametrize(
    ("changes", "came"),
    [
        ({"votes": 10}, r"\(N, 7\), \(N, 8\) float out .*\[10\]"),
        ({"votes": 0}, r"\(N, 7\), \(N, 8\) float out"),
        ({"metadata": SPEC.to_json()}, r"\(N, 7\) float out .*\[8\]"),
        (
            {"metadata": dataclasses.replace(SPEC, votes_labels=("joy",) * 8).to_json()},
            "expected votes for neutral, .*contempt; got joy, joy",
        ),
    ],
)
def test_votes_that_the_file_describes_otherwise(
    tmp_path: Path, changes: dict[str, Any], came: str
) -> None:
    path = write_voting_model(tmp_path / "wrong.onnx", **changes)
    with pytest.raises(ModelError, match=came):
        Classifier(path)


# What people would say, and the label


@pytest.fixture(scope="module")
def people_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three outputs: what people would say, the emotions of `tiny_model`, and FER+ votes."""
    return write_people_model(tmp_path_factory.mktemp("models") / "people.onnx")


def test_what_people_would_say_is_read_unless_the_label_is_asked(
    people_model: Path, tiny_model: Path
) -> None:
    crops = some_crops(Classifier.BATCH + 3)
    people, label = Classifier(people_model), Classifier(people_model, head="label")

    assert (people.head, label.head, people.spec.heads) == ("people", "label", ("people", "label"))
    assert np.array_equal(label(crops), Classifier(tiny_model)(crops))
    assert np.abs(people(crops) - label(crops)).max() > 0.01
    assert np.array_equal(people.votes(crops), label.votes(crops))
    everything = label.read_all(crops)
    assert list(everything) == ["people", "label", "votes"]
    assert np.array_equal(everything["people"], people(crops))
    assert np.array_equal(everything["label"], label(crops))
    assert np.array_equal(everything["votes"], people.votes(crops))
    assert list(Classifier(tiny_model).read_all(crops)) == ["label"]


def test_a_head_is_kept_when_pickled(people_model: Path) -> None:
    classifier = Classifier(people_model)
    assert pickle.loads(pickle.dumps(classifier)).head == "people"
    classifier.head = "label"
    again = pickle.loads(pickle.dumps(classifier))
    assert again.head == "label"
    crops = some_crops(3)
    assert np.array_equal(again(crops), Classifier(people_model, head="label")(crops))


def test_a_head_that_a_file_has_not_is_refused(people_model: Path, tiny_model: Path) -> None:
    with pytest.raises(OptionError, match="head: expected people or label; got 'votes'"):
        Classifier(people_model, head="votes")
    with pytest.raises(OptionError, match=r"head: expected label, which tiny\.onnx has; got peop"):
        Classifier([people_model, tiny_model], head="people")
    with pytest.raises(OptionError, match=r"head: expected label, which tiny\.onnx has; got peop"):
        Classifier(tiny_model).head = "people"


def test_an_ensemble_asks_all_the_same(people_model: Path, tiny_model: Path) -> None:
    crops = some_crops(5)
    mixed = Classifier([people_model, tiny_model])
    label = Classifier(people_model, head="label")

    assert mixed.head == "label"
    assert np.abs(mixed(crops) - label(crops)).max() < 1e-6  # the same network twice
    assert Classifier([people_model, DEFAULT_MODEL]).head == "people"


def test_a_file_without_the_output_that_it_describes_is_refused(tmp_path: Path) -> None:
    path = write_people_model(tmp_path / "wrong.onnx", people=False)
    with pytest.raises(ModelError, match=r"\(N, 7\), \(N, 7\), \(N, 8\) float out"):
        Classifier(path)


# Ensembles


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("members")
    return [write_voting_model(folder / f"m{seed}.onnx", seed=seed) for seed in range(3)]


def test_an_ensemble_is_the_mean_of_its_members(three: list[Path]) -> None:
    crops = some_crops(Classifier.BATCH + 3)
    ensemble, members = Classifier(three), [Classifier(path) for path in three]

    for reader in (Classifier.__call__, Classifier.votes):
        mean = np.mean([reader(member, crops) for member in members], axis=0)
        rows = reader(ensemble, crops)
        assert rows.dtype == np.float32
        assert np.abs(rows - mean).max() < 1e-6
        assert rows.sum(axis=1) == pytest.approx(np.ones(len(crops)), abs=1e-5)
    assert ensemble(some_crops(0)).shape == (0, 7)


def test_an_ensemble_says_what_it_is_made_of(three: list[Path]) -> None:
    ensemble = Classifier(three)

    assert ensemble.spec.name == "m0+m1+m2"
    assert ensemble.spec.members == tuple(Classifier(path).spec for path in three)
    assert ensemble.spec.parameters == 3 * SPEC.parameters
    assert ensemble.paths == tuple(three)
    assert Classifier(three[:1]).spec == Classifier(three[0]).spec


def test_commas_divide_names_and_files(three: list[Path]) -> None:
    crops = some_crops(2)
    text = f"{three[0]}, {three[1]}"

    assert np.array_equal(Classifier(text)(crops), Classifier(three[:2])(crops))
    assert Classifier(f"{DEFAULT_MODEL},{three[0]}").spec.name == f"{DEFAULT_MODEL}+m0"


def test_a_file_whose_name_has_commas_is_one_model(tmp_path: Path, three: list[Path]) -> None:
    odd = write_model(tmp_path / "a,b, c.onnx")

    assert Classifier(str(odd)).paths == (odd,)
    assert Classifier(odd).paths == (odd,)
    assert Classifier(f"{three[0]},{odd},{three[1]}").paths == (three[0], odd, three[1])


def test_a_member_without_votes_leaves_the_ensemble_without(
    three: list[Path], tiny_model: Path
) -> None:
    ensemble = Classifier([three[0], tiny_model])

    assert ensemble.read(some_crops(2))[1] is None
    with pytest.raises(ModelError, match=r"tiny\.onnx: expected a model with the output 'votes'"):
        ensemble.votes(some_crops(2))


def test_errors_name_the_member_at_fault(tmp_path: Path, three: list[Path]) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    spec = dataclasses.replace(SPEC, crop_margin=0.25)
    wide = write_model(tmp_path / "wide.onnx", metadata=spec.to_json())

    with pytest.raises(ModelError, match=r"there is no file 'gone\.onnx'"):
        Classifier(f"{three[0]},gone.onnx")
    with pytest.raises(ModelError, match="there is no file ''"):
        Classifier(f"{three[0]},")
    with pytest.raises(ModelError, match=r"broken\.onnx: expected an ONNX model"):
        Classifier([three[0], broken])
    with pytest.raises(ModelError) as raised:
        Classifier(broken)
    assert str(raised.value).count("broken.onnx") == 1
    with pytest.raises(ModelError, match=r"wide\.onnx: expected the crop margin of .*0\.25"):
        Classifier([three[0], wide])
    with pytest.raises(OptionError, match=r"each model once; .*m0\.onnx' comes twice"):
        Classifier([*three, str(three[0])])
    with pytest.raises(OptionError, match="expected a model, or several; got none"):
        Classifier([])


def test_an_ensemble_is_taken_wherever_a_model_is(
    mien: Mien, three: list[Path], portrait: Path
) -> None:
    text = f"{three[0]},{three[1]}"
    (reading,) = Recognizer(text)(portrait)
    shown = mien("detect", portrait, "--model", text, "--json")
    singles = [Recognizer(path)(portrait)[0].probabilities for path in three[:2]]

    assert reading.probabilities == pytest.approx(np.mean(singles, axis=0), abs=1e-6)
    assert shown.status == 0
    (face,) = json.loads(shown.stdout)[0]["faces"]
    assert list(face["probabilities"].values()) == pytest.approx(reading.probabilities, abs=1e-6)
    gone = mien("detect", portrait, "--model", f"{three[0]},gone.onnx")
    assert gone.status == 2
    assert "there is no file 'gone.onnx'" in gone.stderr


def test_opening_a_model_stays_light(tiny_model: Path) -> None:
    code = f"import sys, mien; mien.Classifier({str(tiny_model)!r}); print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"torch", "scipy", "sklearn", "onnx"} & set(ended.stdout.split())
