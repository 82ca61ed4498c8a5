import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file
from scipy.special import softmax

from command_line import Mien
from learn_fixtures import (
    FEW_FACES,
    VOTING,
    logits_of,
    made_up_faces,
    write_csv,
    write_votes,
)
from mien import __version__
from mien.errors import DataError, ModelError, OptionError, OutputError, TrainingError
from mien.labels import FERPLUS_COLUMNS, FERPLUS_EMOTIONS
from mien.learn.evaluation.calibration import Calibration, fit_temperature, unsmoothed
from mien.learn.evaluation.scores import Agreement, evaluate, ferplus_targets
from mien.learn.files.export import HALF_PARITY, _deployed, export_model, load_shipped
from mien.learn.files.model_files import ExportWrapper, answers_of
from mien.learn.files.onnx_graph import to_onnx
from mien.learn.training.loop import train
from mien.learn.training.pretrained import Pretrained
from mien.learn.training.recipes import recipe_named
from mien.learn.training.runs import load_best, network_of
from mien.recognize.classifier import Classifier
from mien.spec import ModelSpec

pytestmark = pytest.mark.usefixtures("tiny", "operators_once")

MORE = made_up_faces(train=3, val=6, test=3, seed=1)
# Nine taggers see what the label says.
VOTED = replace(MORE, votes=9 * np.eye(10, dtype=int)[np.array(FERPLUS_COLUMNS)[MORE.targets]])


@pytest.fixture(scope="module", autouse=True)
def converted_once() -> Iterator[None]:
    """Torch's exporter takes a second or two, and the same network gives the same graph."""
    graphs: dict[tuple[object, ...], onnx.ModelProto] = {}

    def to_onnx_once(deployed: ExportWrapper, *, outputs: tuple[str, ...]) -> onnx.ModelProto:
        weights = tuple(t.numpy().tobytes() for t in deployed.state_dict().values())
        key = (weights, deployed.calibration, deployed.pool, outputs)
        if key not in graphs:
            graphs[key] = to_onnx(deployed, outputs=outputs)
        copy = onnx.ModelProto()
        copy.CopyFrom(graphs[key])
        return copy

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mien.learn.files.model_files.to_onnx", to_onnx_once)
        yield


@pytest.fixture(scope="module")
def exported(paper_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelSpec]:
    """The file of that run, and what exporting it gave back."""
    out = tmp_path_factory.mktemp("models") / "deep" / "first.onnx"
    return out, export_model(paper_run, out, faces=FEW_FACES)


def test_the_file_says_where_it_comes_from_and_what_evaluate_gives(
    paper_run: Path, exported: tuple[Path, ModelSpec]
) -> None:
    out, spec = exported
    classifier = Classifier(out)
    crops = np.random.default_rng(0).integers(0, 256, (64, 48, 48), dtype=np.uint8)
    rows = softmax(logits_of(load_best(paper_run)[0], crops) / spec.temperature, axis=1)

    assert classifier.spec == spec
    assert [path.name for path in out.parent.iterdir()] == ["first.onnx"]
    assert spec.name == "first"
    assert spec.network == "paper"
    assert spec.parameters == 2_489_095
    assert (spec.recipe, spec.seed, spec.epoch) == ("paper", 5, 1)
    assert spec.trained_on == "faces train (14 images)"
    assert spec.chosen_on == "faces val (7 images)"
    assert spec.mien_version == __version__
    assert list(spec.scores) == ["val", "test", "val+test"]
    for split, score in spec.scores.items():
        result = evaluate(classifier, FEW_FACES.split(split))
        error = result.reliability.expected_calibration_error
        assert score.expected_calibration_error == pytest.approx(error)
        assert (score.n, score.accuracy, score.macro_f1) == (
            result.n,
            result.accuracy,
            result.macro_f1,
        )
    for count in (1, 3, 64):
        assert np.abs(classifier(crops[:count]) - rows[:count]).max() < 1e-5


def test_the_file_holds_no_paths_of_this_machine(
    paper_run: Path, exported: tuple[Path, ModelSpec]
) -> None:
    content = exported[0].read_bytes()

    ours = (Path.home(), Path(sys.prefix), Path(__file__).parent)
    for path in (paper_run, exported[0].parent, *ours):
        if len(path.parts) > 1:
            assert str(path).encode() not in content
    for part in (b"site-packages", b".py\x00", b'.py"', b".py:"):
        assert part not in content


def test_an_earlier_file_is_replaced_and_the_name_can_be_given(
    tiny_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model.onnx"
    out.write_text("an earlier one")
    spec = export_model(tiny_run, out, name="second")

    assert spec.name == "second"
    assert spec.scores == {}
    assert Classifier(out).spec == spec


@pytest.mark.parametrize(
    ("limit", "options", "came"),
    [
        ("PARITY", {}, "of the onnx file differ from the network's by"),
        ("PARITY", {"to": "h5"}, "of the h5 file differ from the network's by"),
        ("PARITY", {"to": "safetensors"}, "of the safetensors file differ from the network's by"),
        ("HALF_PARITY", {"store": "fp16"}, "of the fp16 file differ from"),
        ("INT8_LOSS", {"store": "int8"}, r"int8 file reads [01]\.\d{4} of val \(42 images\) right"),
    ],
)
def test_a_file_that_reads_otherwise_is_not_written(
    limit: str,
    options: dict[str, str],
    came: str,
    tiny_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / f"model.{options.get('to', 'onnx')}"
    out.write_text("an earlier one")
    monkeypatch.setattr(f"mien.learn.files.export.{limit}", -1.0)

    with pytest.raises(ModelError, match=came):
        export_model(tiny_run, out, faces=MORE, **options)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["an earlier one"]


def test_a_place_that_cannot_be_written_and_a_run_without_an_epoch_are_named(
    paper_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file: expected a folder to write into; it is a file"):
        export_model(paper_run, tmp_path / "file" / "model.onnx")
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "config.json").write_bytes((paper_run / "config.json").read_bytes())

    with pytest.raises(TrainingError, match="the run has no finished epoch"):
        export_model(begun, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


# Temperature


def test_the_temperature_is_the_one_fitted_on_val(tiny_run: Path, tmp_path: Path) -> None:
    spec = export_model(tiny_run, tmp_path / "fitted.onnx", faces=MORE)
    plain = export_model(tiny_run, tmp_path / "plain.onnx")
    network, _, _ = load_best(tiny_run)
    val = MORE.split("val")
    logits = logits_of(network, val.images)

    assert spec.temperature == fit_temperature(logits, val.targets)
    assert spec.temperature_fitted_on == f"faces val ({len(val)} images)"
    assert (plain.temperature, plain.temperature_fitted_on) == (1.0, "")
    cooled = softmax(logits / spec.temperature, axis=1)
    assert np.abs(Classifier(tmp_path / "fitted.onnx")(val.images) - cooled).max() < 1e-5
    hot = Classifier(tmp_path / "plain.onnx")(val.images)
    assert np.array_equal(hot.argmax(axis=1), cooled.argmax(axis=1))


def test_without_val_or_where_it_does_not_tell_the_temperature_is_1(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "m.safetensors"
    of_test = export_model(tiny_run, out, to="safetensors", faces=MORE.split("test"))
    monkeypatch.setattr(
        "mien.learn.evaluation.calibration.fit_temperature", lambda logits, targets: None
    )
    untold = export_model(tiny_run, out, to="safetensors", faces=MORE)

    assert (of_test.temperature, of_test.temperature_fitted_on) == (1.0, "")
    assert (untold.temperature, untold.temperature_fitted_on) == (1.0, "")
    assert list(of_test.scores) == ["test"]


@pytest.mark.slow
def test_label_smoothing_is_undone_where_that_makes_val_likelier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_named("paper", network="tiny", epochs=1, batch_size=7, label_smoothing=0.3)
    train(FEW_FACES, recipe, tmp_path / "smoothed", seed=1, device="cpu")
    wanted = Calibration(1.25, 0.3)
    monkeypatch.setattr("mien.learn.files.export.fit_calibration", lambda *_, **__: wanted)
    spec = export_model(tmp_path / "smoothed", tmp_path / "model.onnx", faces=MORE)
    logits = logits_of(load_best(tmp_path / "smoothed")[0], MORE.images)

    assert (spec.temperature, spec.label_smoothing_undone) == (1.25, 0.3)
    expected = softmax(unsmoothed(logits, 0.3) / 1.25, axis=1)
    assert np.abs(Classifier(tmp_path / "model.onnx")(MORE.images) - expected).max() < 1e-5


def test_in_a_keras_file_of_mien_label_smoothing_is_not_undone() -> None:
    network, recipe, about = load_shipped("mien")
    smoothing = recipe.label_smoothing
    deployed, spec = _deployed(network, about, None, "h5", with_pool=True, smoothing=smoothing)

    assert about.label_smoothing_undone > 0
    assert (spec.temperature, spec.label_smoothing_undone, spec.temperature_fitted_on) == (1, 0, "")
    own, found = Classifier("mien", head="label"), answers_of(deployed, MORE.images)["label"]
    assert (own(MORE.images).argmax(1) == found.argmax(1)).mean() > 0.8


def test_opencv_takes_the_input_for_what_it_is(exported: tuple[Path, ModelSpec]) -> None:
    kinds = {node.op_type for node in onnx.load(exported[0]).graph.node}

    assert "Reshape" in kinds
    assert "Unsqueeze" not in kinds  # which OpenCV's runtime makes five dimensions of


# Models in the package


@pytest.mark.slow
@pytest.mark.parametrize("name", ["paper", "mien"])
def test_a_model_in_the_package_leaves_it_without_a_run(name: str, tmp_path: Path) -> None:
    out = tmp_path / "theirs.onnx"
    spec = export_model(name, out)
    own, found = Classifier(name), Classifier(out)

    assert found.spec == spec
    same = ("name", "network", "parameters", "macs", "recipe", "seed", "trained_on")
    assert [getattr(spec, field) for field in same] == [getattr(own.spec, field) for field in same]
    assert (spec.temperature, spec.label_smoothing_undone, spec.votes_labels) == (
        own.spec.temperature,
        own.spec.label_smoothing_undone,
        own.spec.votes_labels,
    )
    assert (spec.store, spec.scores) == ("fp32", {})
    difference = np.abs(found(MORE.images) - own(MORE.images))
    if name == "paper":
        assert difference.max() < 1e-5  # the very weights
    else:
        assert difference.mean() < 0.01  # without what 8 bits cost


def test_a_model_in_the_package_as_weights_to_begin_with(tmp_path: Path) -> None:
    out = tmp_path / "paper.safetensors"
    export_model("paper", out, to="safetensors")
    network, recipe, _ = load_shipped("paper")

    Pretrained(out, recipe).fill(begun := network_of(recipe))
    assert all(
        torch.equal(begun.state_dict()[key], weight) for key, weight in network.state_dict().items()
    )


# FER+ votes


@pytest.fixture(scope="module")
def voting_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has seen so few faces that val tells a temperature."""
    run_dir = tmp_path_factory.mktemp("runs") / "voting"
    train(made_up_faces(train=2, val=1, test=2, votes=True), VOTING, run_dir, device="cpu")
    return run_dir


def test_votes_are_kept_as_a_second_output(voting_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "plain.safetensors"
    plain = export_model(voting_run, out, to="safetensors", head="label")
    spec = export_model(voting_run, tmp_path / "votes.onnx", faces=VOTED)
    network, _, _ = load_best(voting_run)
    crops = MORE.images[:9]

    classifier = Classifier(tmp_path / "votes.onnx")
    expected = softmax(logits_of(network, crops)[:, 7:], axis=1)  # whatever the temperature is
    assert np.abs(classifier.votes(crops) - expected).max() < 1e-5
    assert classifier.spec == spec
    assert (plain.votes_labels, spec.votes_labels) == ((), FERPLUS_EMOTIONS)
    # The counts are of what is in the file: a head of 16 x 8 weights and 8 biases more.
    assert spec.parameters - plain.parameters == 16 * 8 + 8
    assert spec.macs - plain.macs == 16 * 8
    weights = onnx.load(tmp_path / "votes.onnx").graph.initializer
    assert sum(np.prod(w.dims) for w in weights if "backbone" in w.name or "head" in w.name) == (
        spec.parameters
    )


def test_what_people_would_say_is_the_pool_of_both_heads(voting_run: Path, tmp_path: Path) -> None:
    spec = export_model(voting_run, tmp_path / "m.onnx", faces=VOTED)
    plain = tmp_path / "plain.safetensors"
    known = export_model(voting_run, plain, to="safetensors", faces=MORE)
    network, _, _ = load_best(voting_run)
    crops = VOTED.images[:40]
    logits, votes_logits = np.hsplit(logits_of(network, crops), [7])
    label = softmax(logits / spec.temperature, axis=1)
    seven = softmax(votes_logits[:, [4, 5, 6, 1, 3, 2, 0]], axis=1)  # FER+'s own order
    assert spec.people_offsets == (0.1, 0.0, 0.25, 0.0, 0.2, 0.8, 0.0)
    pool = label**0.2 * seven**0.8 * np.exp(spec.people_offsets)
    pool = pool ** (1 / spec.people_temperature)

    found = Classifier(tmp_path / "m.onnx")
    assert (found.head, found.spec.heads, spec.votes_share) == ("people", ("people", "label"), 0.8)
    assert np.abs(found(crops) - pool / pool.sum(1, keepdims=True)).max() < 1e-5
    assert np.abs(Classifier(tmp_path / "m.onnx", head="label")(crops) - label).max() < 1e-5
    names = [output.name for output in onnx.load(tmp_path / "m.onnx").graph.output]
    assert names == ["probabilities", "label_probabilities", "votes"]
    # Without votes in the data there is nothing to fit its temperature to, or to score it by.
    assert (known.people_temperature, dict(known.people_scores)) == (1.0, {})
    assert spec.people_temperature != 1.0
    score, part = spec.people_scores["test"], VOTED.split("test")
    agreement = Agreement.of(found(part.images).argmax(axis=1), ferplus_targets(part))
    assert (score.majority_n, score.majority_accuracy) == (agreement.n, agreement.accuracy)
    assert score.n == len(part)


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_split_without_votes_is_not_held_against_them(
    voting_run: Path, tmp_path: Path, split: str
) -> None:
    assert VOTED.votes is not None
    votes = np.where((VOTED.splits == split)[:, None], 0, VOTED.votes)
    faces = replace(VOTED, votes=votes)
    spec = export_model(voting_run, tmp_path / "m.safetensors", to="safetensors", faces=faces)
    # Nor are both together: one half of them would stand for the whole.
    (voted,) = {"val", "test"} - {split}
    assert set(spec.people_scores) == {voted}
    assert spec.people_scores[voted].n == votes[VOTED.splits == voted].any(axis=1).sum()
    assert (spec.people_temperature == 1.0) == (split == "val")


def test_safetensors_keep_the_votes_head_unless_the_label_alone_is_asked(
    voting_run: Path, tmp_path: Path
) -> None:
    for head in ("label", None):
        spec = export_model(voting_run, tmp_path / "m.safetensors", to="safetensors", head=head)
        stored = load_file(tmp_path / "m.safetensors")
        assert ("votes_head.weight" in stored) == (head is None)
        assert bool(spec.votes_labels) == (head is None)


def test_safetensors_of_half_the_size_read_the_same(voting_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    sizes = {}
    for store in ("fp32", "fp16"):
        spec = export_model(voting_run, path, to="safetensors", store=store)
        assert spec.store == store
        sizes[store] = path.stat().st_size
    whole = load_best(voting_run)[0].state_dict()
    stored = load_file(path)

    assert sizes["fp16"] < 0.7 * sizes["fp32"]
    assert stored.keys() == whole.keys()
    for name, weight in stored.items():
        assert weight.dtype == (torch.float16 if weight.ndim > 1 else torch.float32)
        assert torch.allclose(weight.float(), whole[name], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "name", "options", "came"),
    [
        ("", "m.onnx", {"to": "h5"}, r"ends in \.h5"),
        ("", "m.pb", {"to": "tf"}, "to: expected one of onnx, h5, safetensors; got 'tf'"),
        ("", "m.onnx", {"head": "people"}, "trained with votes_weight 0"),
        ("paper", "m.onnx", {"head": "people"}, r"head: expected .* votes; paper has none"),
        ("", "m.h5", {"to": "h5", "head": "people"}, "a Keras file of mien's has the label's prob"),
        ("", "m.onnx", {"head": "votes"}, "head: expected people or label; got 'votes'"),
        ("", "m.onnx", {"store": "int4"}, "store: expected one of fp32, fp16, int8; got 'int4'"),
        ("", "m.onnx", {"store": "int8"}, "store: int8 takes a data set"),
        ("", "m.onnx", {"to": "safetensors"}, r"ends in \.safetensors"),
        ("", "m.safetensors", {"store": "int8", "to": "safetensors"}, "expected fp32 or fp16 in a"),
    ],
)
def test_options_that_cannot_be_are_refused(
    model: str, name: str, options: dict[str, str], came: str, tiny_run: Path, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=came):
        export_model(model or tiny_run, tmp_path / name, **options)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


# Smaller files


@pytest.mark.parametrize(("store", "smaller"), [("fp16", 0.7), ("int8", 0.8)])
def test_weights_can_be_stored_in_less(
    store: str, smaller: float, voting_run: Path, tmp_path: Path
) -> None:
    whole = export_model(voting_run, tmp_path / "whole.onnx", faces=VOTED)
    spec = export_model(voting_run, tmp_path / "m.onnx", faces=VOTED, store=store)

    size, less = ((tmp_path / name).stat().st_size for name in ("whole.onnx", "m.onnx"))
    assert less < smaller * size
    assert spec == replace(
        whole, name="m", store=store, scores=spec.scores, people_scores=spec.people_scores
    )
    read, expected = (
        Classifier(tmp_path / name).read_all(MORE.images) for name in ("m.onnx", "whole.onnx")
    )
    for head in ("people", "label", "votes"):
        difference = np.abs(read[head] - expected[head]).mean()
        assert difference < (HALF_PARITY if store == "fp16" else 0.05)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.onnx", "whole.onnx"]


def test_int8_names_the_split_that_is_missing(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no faces in split 'train'"):
        export_model(tiny_run, tmp_path / "m.onnx", faces=MORE.split("val+test"), store="int8")


# mien export


def test_the_command_prints_what_it_wrote(mien: Mien, voting_run: Path, tmp_path: Path) -> None:
    table = write_csv(tmp_path / "fer2013.csv", VOTED)
    votes = write_votes(tmp_path / "fer2013new.csv", VOTED)
    out = tmp_path / "small.onnx"
    arguments = ("export", voting_run, "--out", out, "--store", "fp16")
    ended = mien(*arguments, "--data", table, "--votes", votes)
    as_json = json.loads(mien(*arguments, "--data", table, "--votes", votes, "--json").stdout)

    spec = Classifier(out).spec
    assert (ended.status, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    size = out.stat().st_size
    assert lines[0] == (
        f"{out}: {spec.parameters:,} parameters, epoch {spec.epoch}, {size / 1e6:.2f} MB, fp16, "
        "parity within 2e-03"
    )
    assert lines[1] == (
        "outputs: what people would say (0.8 of FER+'s votes, temperature "
        f"{spec.people_temperature:g}), the label, and 8 FER+ votes"
    )
    assert lines[2] == f"temperature {spec.temperature:g}, fitted on {spec.temperature_fitted_on}"
    assert " ".join(lines[4].split()) == "label faces accuracy macro F1 calibration error"
    assert [line.split()[0] for line in lines[5:8]] == ["val", "test", "val+test"]
    assert lines[9].split()[:3] == ["people", "faces", "FER+"]
    assert [line.split()[0] for line in lines[10:]] == ["val", "test", "val+test"]
    assert f"{spec.people_scores['test'].majority_accuracy:.4f}" in lines[11]
    assert (as_json["file"], as_json["bytes"], as_json["store"]) == (str(out), size, "fp16")
