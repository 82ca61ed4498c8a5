"""Runs that begin with the weights of another: `train(..., pretrained=...)`."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from command_line import Mien, assert_refused
from learn_fixtures import (
    TINY,
    VOTED_FACES,
    VOTING,
    best_weights,
    history_of,
    made_up_faces,
    write_csv,
)
from mien.errors import MienError, OptionError, TrainingError
from mien.labels import EMOTIONS
from mien.learn.evaluation.calibration import Calibration, Pool
from mien.learn.files.export import export_model
from mien.learn.files.model_files import ExportWrapper, answers_of
from mien.learn.training.loop import train
from mien.learn.training.pretrained import Pretrained
from mien.learn.training.recipes import RECIPES
from mien.learn.training.runs import fingerprint, load_best, network_of, read_config
from mien.recognize.classifier import DEFAULT_MODEL, Classifier, shipped_weights

pytestmark = pytest.mark.usefixtures("tiny", "no_figure_of_history")

FACES = VOTED_FACES
PLAIN = replace(TINY, name="plain")
ALMOST_STILL = replace(PLAIN, epochs=1, learning_rate=1e-9)


@pytest.fixture(scope="module")
def earlier(tiny: None, voting_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a head for the FER+ votes, and its weights as safetensors beside it."""
    folder = tmp_path_factory.mktemp("earlier")
    shutil.copytree(voting_run, folder / "run")
    for head, name in (("people", "votes"), ("label", "plain")):
        out = folder / f"{name}.safetensors"
        export_model(folder / "run", out, to="safetensors", head=head)
    return folder


@pytest.mark.parametrize("source", ["run", "votes.safetensors", "plain.safetensors"])
def test_a_run_begins_with_the_weights_of_another(
    source: str, earlier: Path, tmp_path: Path
) -> None:
    before = train(FACES, VOTING, earlier / "run", device="cpu", resume=True)
    # Nothing to speak of is learnt in this one epoch, so what it knows it knew before.
    result = train(FACES, ALMOST_STILL, tmp_path / "run", device="cpu", pretrained=earlier / source)
    network, _, _ = load_best(earlier / "run")
    without_votes = {
        name: weight
        for name, weight in network.state_dict().items()
        if not name.startswith("votes_head")
    }
    stored = read_config(tmp_path / "run").pretrained

    assert before.best is not None
    assert result.best is not None
    assert result.best.val_accuracy == before.best.val_accuracy > 0.8
    assert stored is not None
    assert stored.name == source
    assert stored.fingerprint == fingerprint(
        without_votes if source == "plain.safetensors" else network.state_dict()
    )
    spec = export_model(tmp_path / "run", tmp_path / "m.safetensors", to="safetensors")
    assert spec.trained_on.endswith(f"images), beginning with the weights of {source}")


def test_the_head_for_the_votes_is_taken_where_both_have_one(earlier: Path) -> None:
    theirs = load_best(earlier / "run")[0].state_dict()
    for source, votes_weight, taken in [
        ("run", 0.5, True),
        ("plain.safetensors", 0.5, False),
        ("run", 0.0, None),
    ]:
        recipe = replace(VOTING, votes_weight=votes_weight)
        network = network_of(recipe)
        fresh = {name: weight.clone() for name, weight in network.state_dict().items()}
        Pretrained(earlier / source, recipe).fill(network)
        for name, weight in network.state_dict().items():
            expected = theirs
            if name.startswith("votes_head"):
                assert taken is not None
                expected = theirs if taken else fresh
            assert torch.equal(weight, expected[name]), name


def test_a_run_is_resumed_with_the_weights_that_it_began_with(
    earlier: Path, tmp_path: Path
) -> None:
    train(FACES, ALMOST_STILL, tmp_path / "other", device="cpu", seed=3)
    arguments: tuple[Any, ...] = (FACES, replace(PLAIN, epochs=1), tmp_path / "run")
    first = train(*arguments, device="cpu", pretrained=earlier / "run")
    begun = r"was begun with pretrained weights run \([0-9a-f]{8}\); this call has "
    with pytest.raises(TrainingError, match=begun + r"other \("):
        train(*arguments, device="cpu", pretrained=tmp_path / "other", resume=True)
    with pytest.raises(TrainingError, match=begun + "none"):
        train(*arguments, device="cpu", resume=True)
    again = train(*arguments, device="cpu", pretrained=earlier / "run", resume=True)
    assert history_of(again.history) == history_of(first.history)


@pytest.mark.parametrize(
    ("name", "recipe", "error", "message"),
    [
        ("none", PLAIN, TrainingError, "none: expected the folder of a run, a .safetensors file"),
        ("none.safetensors", PLAIN, TrainingError, "there is no such file or folder"),
        ("", PLAIN, TrainingError, r"expected a training run; it has no config\.json"),
        (
            "run",
            replace(PLAIN, network="se-resnet"),
            OptionError,
            "expected weights for network se-resnet, which the recipe plain has; those of .* are "
            "for network tiny",
        ),
        (
            "votes.safetensors",
            replace(PLAIN, std=65.0),
            OptionError,
            r"weights for std 65\.0, which the recipe plain has; those of .* are for std 64\.0",
        ),
    ],
    ids=["no folder", "no file", "no run", "network", "normalization"],
)
def test_weights_that_do_not_fit_are_refused(
    name: str, recipe: Any, error: type[Exception], message: str, earlier: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        train(FACES, recipe, tmp_path / "run", device="cpu", pretrained=earlier / name)
    assert not (tmp_path / "run").exists()


def test_the_weights_in_the_package_are_those_of_the_model_in_the_box(
    portrait_crop: NDArray[np.uint8],
) -> None:
    face = portrait_crop
    shipped = Classifier()
    recipe = RECIPES["mien"]
    network = network_of(recipe)
    Pretrained("mien", recipe).fill(network)
    spec = shipped.spec
    deployed = ExportWrapper(
        network,
        Calibration(spec.temperature, spec.label_smoothing_undone),
        pool=Pool(spec.votes_share, spec.people_temperature, spec.people_offsets),
    ).eval()
    # The face, mirrored, turned, moved, darker, and without its mouth or its eyes.
    moved = [np.roll(face, shift, axis) for shift in (-4, 4) for axis in (0, 1)]
    covered = np.stack([face, face])
    covered[0, 32:], covered[1, 12:22] = 128, 128
    turned = [face[:, ::-1], np.rot90(face), face // 2]
    crops = np.stack([face, *turned, *moved, *covered])
    in_float, in_the_box = answers_of(deployed, crops), shipped.read_all(crops)

    # The file in the box computes in 8 bits, these in floating point.
    for name in ("people", "label", "votes"):
        assert np.abs(in_float[name] - in_the_box[name]).max() < 0.1
    assert in_float["people"].argmax(1).tolist()[:2] == [EMOTIONS.index("happy")] * 2
    assert shipped_weights().keys() == {DEFAULT_MODEL}


def test_files_that_hold_no_such_weights_are_refused(earlier: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    good = (earlier / "votes.safetensors").read_bytes()
    weights = load_file(earlier / "votes.safetensors")
    recipe = replace(VOTING, epochs=1)
    about = export_of(earlier / "votes.safetensors")
    for content in (b"", b"no safetensors", good[:-100], good[: len(good) // 2]):
        path.write_bytes(content)
        with pytest.raises(TrainingError, match="expected a file that `mien export --to safe"):
            Pretrained(path, recipe)
    save_file(weights, path)
    with pytest.raises(TrainingError, match="it names no recipe"):
        Pretrained(path, recipe)
    save_file(weights, path, {**about, "recipe": "[" * 20_000})
    with pytest.raises(TrainingError, match="expected a file that `mien export"):
        Pretrained(path, recipe)
    save_file({"head.weight": torch.zeros(2, 2)}, path, about)
    with pytest.raises(MienError, match="not the weights of the network that it names"):
        Pretrained(path, recipe).fill(network_of(recipe))


def export_of(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        about: dict[str, str] = file.metadata()
    return about


def test_fine_tuning_from_the_command_line(mien: Mien, earlier: Path, tmp_path: Path) -> None:
    data = write_csv(tmp_path / "fer2013.csv", made_up_faces(train=2, val=1, test=1))
    recipe = tmp_path / "mine.json"
    recipe.write_text(json.dumps({**asdict(ALMOST_STILL), "name": "mine"}))
    arguments = ("train", "--data", data, "--device", "cpu", "--recipe", recipe)
    done = mien(*arguments, "--pretrained", earlier / "run", "--out", tmp_path / "run")
    missing = mien(*arguments, "--pretrained", tmp_path / "no", "--out", tmp_path / "b")

    assert done.status == 0, done.stderr
    begun_with = read_config(tmp_path / "run").pretrained
    assert begun_with is not None
    assert begun_with.fingerprint == fingerprint(best_weights(earlier / "run"))
    assert_refused(missing, f"mien: {tmp_path / 'no'}: expected the folder of a run")
