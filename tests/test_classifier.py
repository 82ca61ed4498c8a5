import dataclasses
import json
import math
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from command_line import Mien, assert_refused, in_python
from fakes import SPEC, some_crops, write_model, write_people_model
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


def test_rows_are_probabilities(tiny_model: Path) -> None:
    classifier, crops = Classifier(tiny_model), some_crops(5)
    rows = classifier(crops)
    assert rows.shape == (5, len(EMOTIONS))
    assert rows.dtype == np.float32
    assert (rows >= 0).all()
    assert rows.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert classifier(some_crops(0)).shape == (0, len(EMOTIONS))
    mirrored = crops[::2, :, ::-1]
    assert (classifier(mirrored) == classifier(mirrored.copy())).all()


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


def test_spec_is_that_of_the_file_and_threads_are_none_or_more(tiny_model: Path) -> None:
    assert Classifier(tiny_model).spec == Classifier(str(tiny_model)).spec == SPEC
    for threads in (-1, 10**20, math.inf):  # whose threads would never all begin
        with pytest.raises(OptionError, match=f"threads: expected 0 to 1024; got {threads}"):
            Classifier(tiny_model, threads=threads)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match=r"threads: expected a whole number; got 1\.5"):
        Classifier(tiny_model, threads=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["no-such-model", "folder/no-such.onnx", "", "."])
def test_an_unknown_model_names_those_there_are(model: str) -> None:
    with pytest.raises(ModelError) as caught:
        Classifier(model)
    assert repr(model) in str(caught.value)
    assert all(name in str(caught.value) for name in (DEFAULT_MODEL, *shipped_models()))


VOTING = dataclasses.replace(SPEC, votes_labels=FERPLUS_EMOTIONS)
OF_PEOPLE = dataclasses.replace(VOTING, votes_share=0.7)
JOYFUL = dataclasses.replace(SPEC, votes_labels=("joy",) * 8)
BACKWARDS = dataclasses.replace(SPEC, labels=EMOTIONS[::-1])


@pytest.mark.parametrize(
    ("content", "came"),
    [
        (b"", "expected an"),
        (b"no model", "expected an ONNX model"),
        (bytes(1000), "expected an"),
        (None, "expected an ONNX model"),  # half of one
        ({"metadata": None}, "expected a model made by `mien export`"),
        ({"metadata": "{"}, "its description cannot be read"),
        ({"metadata": BACKWARDS.to_json()}, ".* the labels angry, .*; got .* neutral, surprise"),
        ({"side_px": 64}, r".* got \[.*64, 64.*\] in"),
        ({"input_type": TensorProto.FLOAT}, r".* got \[.*tensor\(float\).*48, 48.*\] in"),
        ({"classes": 8}, r".*\[8\].* out and"),
        ({"votes": 10, "metadata": VOTING.to_json()}, r".*\(N, 7\), \(N, 8\) float out .*\[10\]"),
        ({"metadata": VOTING.to_json()}, r".*\(N, 7\), \(N, 8\) float out"),
        ({"votes": 8}, r".*\(N, 7\) float out .*\[8\]"),
        (
            {"votes": 8, "metadata": JOYFUL.to_json()},
            "expected votes for neutral, .*; got joy, joy",
        ),
        (
            {"votes": 8, "metadata": OF_PEOPLE.to_json()},
            r".*\(N, 7\), \(N, 7\), \(N, 8\) float out",
        ),
    ],
)
def test_a_file_that_is_no_such_model_is_refused(
    content: bytes | dict[str, Any] | None, came: str, tiny_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.onnx"
    if isinstance(content, dict):
        write_model(path, **content)
    else:
        whole = tiny_model.read_bytes()
        path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ModelError, match=rf"wrong\.onnx: {came}"):
        Classifier(path)


def test_shipped_models_say_who_they_are_and_do_not_mind_the_batch() -> None:
    crops = some_crops(7)
    assert DEFAULT_MODEL in shipped_models()
    for name, path in shipped_models().items():
        classifier = Classifier(name)
        assert path.stem == classifier.spec.name == name
        assert json.loads(classifier.spec.to_json())["labels"] == list(EMOTIONS)
        alone = np.concatenate([classifier(crop[None]) for crop in crops])
        assert np.abs(classifier(crops) - alone).max() < 1e-5
        assert alone.sum(axis=1) == pytest.approx(np.ones(7), abs=1e-5)


# FER+ votes


@pytest.fixture(scope="module")
def voting_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two outputs: the emotions of `tiny_model`, and FER+ votes."""
    return write_voting_model(tmp_path_factory.mktemp("models") / "voting.onnx")


def write_voting_model(path: Path, *, seed: int = 0) -> Path:
    spec = dataclasses.replace(VOTING, name=path.stem)
    return write_model(path, votes=len(FERPLUS_EMOTIONS), metadata=spec.to_json(), seed=seed)


def test_votes_are_shares_of_the_eight_expressions(voting_model: Path, tiny_model: Path) -> None:
    classifier, crops = Classifier(voting_model), some_crops(Classifier.BATCH + 3)
    votes = classifier.votes(crops)

    assert votes.shape == (len(crops), 8)
    assert votes.dtype == np.float32
    assert votes.sum(axis=1) == pytest.approx(np.ones(len(crops)), abs=1e-5)
    assert classifier.votes(some_crops(0)).shape == (0, 8)
    # The emotions are those of the same network without the votes.
    assert np.array_equal(classifier(crops), Classifier(tiny_model)(crops))


def test_read_gives_both(voting_model: Path, tiny_model: Path) -> None:
    classifier, crops = Classifier(voting_model), some_crops(5)
    probabilities, votes = classifier.read(crops)

    assert np.array_equal(probabilities, classifier(crops))
    assert votes is not None
    assert np.array_equal(votes, classifier.votes(crops))
    assert np.array_equal(Classifier(tiny_model).read(crops)[0], probabilities)


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


def test_commas_divide_names_and_files_but_those_in_the_name_of_a_file(
    tmp_path: Path, three: list[Path]
) -> None:
    text = f"{three[0]}, {three[1]}"
    assert Classifier(text).paths == tuple(three[:2])
    assert Classifier(f"{DEFAULT_MODEL},{three[0]}").spec.name == f"{DEFAULT_MODEL}+m0"
    odd = write_model(tmp_path / "a,b, c.onnx")

    assert Classifier(str(odd)).paths == (odd,)
    assert Classifier(odd).paths == (odd,)
    assert Classifier(f"{three[0]},{odd},{three[1]}").paths == (three[0], odd, three[1])


def test_a_file_without_votes_leaves_its_ensemble_without(
    three: list[Path], tiny_model: Path
) -> None:
    message = r"tiny\.onnx: expected a model with the output 'votes', as `mien export` writes"
    for classifier in (Classifier(tiny_model), Classifier([three[0], tiny_model])):
        assert classifier.read(some_crops(2))[1] is None
        with pytest.raises(ModelError, match=message):
            classifier.votes(some_crops(2))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_a_file_whose_name_is_no_utf_8_is_opened(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.onnx")
    shutil.copy(tiny_model, path)
    assert Classifier(path).spec == Classifier(tiny_model).spec


@pytest.mark.skipif(not shutil.which("localedef"), reason="no locale can be made")
def test_a_file_is_opened_in_a_locale_that_is_no_utf_8(tiny_model: Path, tmp_path: Path) -> None:
    locale = tmp_path / "latin"
    subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", locale], check=False)
    own = {**os.environ, "LOCPATH": str(tmp_path), "LC_ALL": "latin", "PYTHONUTF8": "0"}
    encoding = in_python("-c", "import sys; print(sys.getfilesystemencoding())", env=own).stdout
    if encoding != "iso8859-1\n":
        pytest.skip("there are no sources of locales, or the C library does not take this one")
    path = tmp_path / os.fsdecode(b"caf\xe9.onnx")
    shutil.copy(tiny_model, path)
    code = "import sys, mien; mien.Classifier(sys.argv[1]); print(ascii(sys.argv[1][-9:]))"
    done = in_python("-c", code, path, env=own, errors="replace")
    assert done.stdout == "'caf\\xe9.onnx'\n", done.stderr


def test_errors_name_the_member_at_fault(tmp_path: Path, three: list[Path]) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    spec = dataclasses.replace(SPEC, crop_margin=0.25)
    wide = write_model(tmp_path / "wide.onnx", metadata=spec.to_json())

    for model, kind, message in (
        (f"{three[0]},gone.onnx", ModelError, r"there is no file 'gone\.onnx'"),
        (f"{three[0]},", ModelError, "there is no file ''"),
        (
            [three[0], broken],
            ModelError,
            r"^[^ ]*broken\.onnx: expected an ONNX model((?!broken).)*$",
        ),
        ([three[0], wide], ModelError, r"wide\.onnx: expected the crop margin of .*0\.25"),
        ([*three, str(three[0])], OptionError, r"each model once; .*m0\.onnx' comes twice"),
        ([], OptionError, "expected a model, or several; got none"),
        (None, OptionError, "model: expected a name or a path; got None"),
        (b"mien", OptionError, "model: expected a name or a path; got b'mien'"),
        ([three[0], 5], OptionError, "model: expected a name or a path; got 5"),
    ):
        with pytest.raises(kind, match=message):
            Classifier(model)  # type: ignore[arg-type]


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
    assert_refused(gone, "there is no file 'gone.onnx'")
