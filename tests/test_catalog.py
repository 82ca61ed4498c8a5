"""The models in the package, and `mien models`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from command_line import Mien, assert_refused
from fakes import SPEC
from mien.labels import EMOTIONS
from mien.recognize import catalog, classifier
from mien.recognize.catalog import list_models, measure_speed
from mien.recognize.classifier import DEFAULT_MODEL, Classifier, shipped_models
from mien.recognize.crops import Crops

CARE = {name: getattr(catalog, name) for name in ("_SECONDS", "_LEAST_RUNS", "_WARM_RUNS")}
CARD = "# Model card: tiny\n\nReads *nothing* | at all.\n"


@pytest.fixture
def package(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with the models `tiny`, which has a card, and `bare`, which has none."""
    for name in ("tiny", "bare"):
        shutil.copy(tiny_model, tmp_path / f"{name}.onnx")
    (tmp_path / "tiny.md").write_text(CARD)
    monkeypatch.setattr(classifier, "_MODELS", tmp_path)
    monkeypatch.setattr(catalog, "DEFAULT_MODEL", "tiny")
    return tmp_path


def test_every_shipped_model_is_listed_and_timed() -> None:
    found = {model.name: model for model in list_models()}

    assert found.keys() == shipped_models().keys()
    assert [name for name, model in found.items() if model.default] == [DEFAULT_MODEL]
    for name, model in found.items():
        assert model.spec == Classifier(name).spec
        assert model.size_bytes == model.path.stat().st_size
        # No core does more than 10^12 MACs a second.
        assert 1 < model.speed.faces_per_s < 1e12 / model.spec.macs
        assert 1e3 * model.spec.macs / 1e12 < model.speed.latency_ms < 1e3


def test_speed_is_timed_on_one_face_and_on_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0

    def read(crops: Crops) -> None:
        nonlocal clock
        assert crops.shape[1:] == (48, 48)
        assert crops.dtype == np.uint8
        clock += 0.002 if len(crops) == 1 else 0.032

    for name, value in CARE.items():  # which other tests do without
        monkeypatch.setattr(catalog, name, value)
    monkeypatch.setattr(catalog.time, "perf_counter", lambda: clock)  # type: ignore[attr-defined]
    speed = measure_speed(read)

    assert speed.latency_ms == pytest.approx(2.0)
    assert speed.faces_per_s == pytest.approx(catalog.BATCH / 0.032)
    assert clock < 2  # a table is there at once


def test_the_table_marks_the_default_and_tells_what_there_is(mien: Mien, package: Path) -> None:
    done = mien("models")
    header, tiny, bare = done.stdout.splitlines()

    assert (done.status, done.stderr) == (0, "")
    assert header.split("  ")[0] == "model"
    assert tiny.split()[:6] == ["tiny", "(default)", "matrix", f"{SPEC.parameters:,}", "0.0", "M"]
    assert bare.split()[:2] == ["bare", "matrix"]
    assert bare.split()[7:9] == ["-", "-"]  # it was never measured on test


def test_accuracy_is_that_of_test_with_its_n(mien: Mien) -> None:
    done = mien("models")
    assert (done.status, done.stderr) == (0, "")
    for name, row in zip(shipped_models(), sorted(done.stdout.splitlines()[1:]), strict=True):
        score = Classifier(name).spec.scores["test"]
        assert row.startswith(name)
        assert f"{score.accuracy:.2%}  {score.n:,}" in row
    assert f"{DEFAULT_MODEL} (default)" in done.stdout


def test_json_says_all_that_the_files_say(mien: Mien, package: Path) -> None:
    tiny, bare = json.loads(mien("models", "--json").stdout)

    assert (tiny["name"], tiny["default"], bare["default"]) == ("tiny", True, False)
    for name, values in (("tiny", tiny), ("bare", bare)):
        path = package / f"{name}.onnx"
        assert values["labels"] == list(EMOTIONS)
        assert values["scores"]["val"]["n"] == SPEC.scores["val"].n
        assert (values["file"], values["size_bytes"]) == (str(path), path.stat().st_size)
        assert values["latency_ms"] > 0
        assert values["faces_per_s"] > 0
    one = json.loads(mien("models", "bare", "--json").stdout)
    assert one.keys() == bare.keys()
    assert one["name"] == "bare"


def test_a_name_prints_the_card_which_a_terminal_sets_for_reading(
    mien: Mien, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = mien("models", "tiny")
    assert (done.status, done.stdout, done.stderr) == (0, CARD, "")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    done = mien("models", "tiny")
    assert (done.status, done.stderr) == (0, "")
    assert "Model card: tiny" in done.stdout
    assert not any(mark in done.stdout for mark in ("# Model card", "*nothing*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine"], "in the package, bare, tiny; got 'mine'"),
        (["mine", "--json"], "in the package, bare, tiny; got 'mine'"),
        (["bare"], "expected a card of 'bare' beside its file; No such file"),
    ],
)
def test_a_wrong_name_is_refused(
    arguments: list[str], message: str, mien: Mien, package: Path
) -> None:
    assert_refused(mien("models", *arguments), message)
