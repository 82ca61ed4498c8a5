import json
import logging
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from command_line import Mien, assert_refused
from learn_fixtures import (
    made_up_faces,
    write_csv,
    write_folders,
    write_votes,
)
from mien.cli.display import TrainingDisplay
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.plots import training as plots
from mien.learn.training.loop import Progress
from mien.learn.training.recipes import recipe_named
from mien.learn.training.runs import load_best, read_config, read_history
from mien.recognize.classifier import Classifier
from mien.recognize.images import load_image

pytestmark = pytest.mark.usefixtures("tiny", "operators_once", "no_figure_of_history")

FACES = made_up_faces(train=2, val=1, test=1, votes=True)
PLOT_HISTORY = plots.plot_history  # before the tests leave it out
TINY = ("--recipe", "paper", "--network", "tiny", "--batch-size", "7")
TRAIN = "train --data fer2013.csv --out run"
PAPER = f"{TRAIN} --recipe paper"
QUICK = ("--batch-size", "7", "--learning-rate", "0.001")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("data") / "fer2013.csv", FACES)


def test_from_a_table_to_a_measured_model(mien: Mien, table: Path, tmp_path: Path) -> None:
    run_dir, model = tmp_path / "run", tmp_path / "first.onnx"

    how = ("--epochs", 2, "--learning-rate", 0.001)
    trained = mien("train", "--data", table, "--out", run_dir, *TINY, *how)
    exported = mien("export", run_dir, "--out", model, "--data", table)
    assert trained.status == 0
    assert trained.stderr.splitlines()[0].startswith("epoch 1/2: loss ")
    assert trained.stdout.startswith("best epoch ")
    assert len(read_history(run_dir)) == 2
    assert read_config(run_dir).recipe == recipe_named(
        "paper", network="tiny", epochs=2, batch_size=7, learning_rate=0.001
    )

    assert exported.status == 0
    spec = Classifier(model).spec
    assert f"{spec.parameters:,} parameters" in exported.stdout
    assert spec.trained_on == "fer2013 train (14 images)"

    evaluated = mien("evaluate", "--model", model, "--data", table, "--split", "val+test", "--json")
    result: dict[str, Any] = json.loads(evaluated.stdout)
    assert evaluated.status == 0
    assert (result["model"], result["data"], result["split"]) == ("first", "fer2013", "val+test")
    assert result["n"] == 14 == sum(map(sum, result["confusion"]))
    assert result["accuracy"] == spec.scores["val+test"].accuracy
    assert result["macro_f1"] == spec.scores["val+test"].macro_f1
    assert list(result["per_class"]) == list(EMOTIONS)


def test_info_counts_each_emotion_in_each_split(mien: Mien, table: Path, tmp_path: Path) -> None:
    votes = write_votes(tmp_path / "fer2013new.csv", FACES)
    plain = json.loads(mien("data", "info", table, "--json").stdout)
    with_votes = json.loads(mien("data", "info", table, "--votes", votes, "--json").stdout)
    shown = mien("data", "info", table)

    assert plain["train"] == {"n": 14} | dict.fromkeys(EMOTIONS, 2)
    assert plain["val"] == plain["test"] == {"n": 7} | dict.fromkeys(EMOTIONS, 1)
    assert plain["all"]["n"] == len(FACES)
    assert (plain["with_votes"], with_votes["with_votes"]) == (0, len(FACES))
    assert shown.status == 0
    assert [line.split()[:2] for line in shown.stdout.splitlines()[1:4]] == [
        ["train", "14"],
        ["val", "7"],
        ["test", "7"],
    ]


def test_a_share_of_train_can_be_held_out(mien: Mien, tmp_path: Path) -> None:
    folders = write_folders(tmp_path / "faces", FACES.split("train"), "train/{1}/{2}.png".format)
    arguments = ("train", "--data", folders, *TINY, "--epochs", 1)
    without = mien(*arguments, "--out", tmp_path / "without")
    held_out = mien(*arguments, "--out", tmp_path / "with", "--val-share", "0.5")

    assert_refused(without, "needs the splits train and val")
    assert held_out.status == 0
    config = read_config(tmp_path / "with")
    assert (config.train_count, config.val_count) == (7, 7)


def test_a_few_faces_of_train_are_enough_to_try_it(mien: Mien, table: Path, tmp_path: Path) -> None:
    arguments = ("train", "--data", table, *TINY, "--epochs", 1)
    run = tmp_path / "run"
    begun = mien(*arguments, "--out", run, "--limit", 7)
    whole = mien(*arguments, "--out", run, "--resume")
    again = mien(*arguments, "--out", run, "--resume", "--limit", 7)

    assert begun.status == 0
    config = read_config(run)
    assert (config.train_count, config.val_count) == (7, 7)  # val stays as it is
    few = FACES.limit_train(7)
    assert few.split("train").class_counts().tolist() == [1] * 7
    assert few.split("val+test").fingerprint() == FACES.split("val+test").fingerprint()
    assert (whole.status, again.status) == (2, 0)


def test_a_recipe_with_votes_goes_without_them_where_there_are_none(
    mien: Mien, table: Path, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    arguments = ("train", "--data", table, "--out", run_dir)
    first = ("--recipe", "mien", "--network", "tiny", "--epochs", 1, "--batch-size", 7)
    votes = write_votes(tmp_path / "fer2013new.csv", FACES)
    trained = mien(*arguments, *first)
    resumed = mien(*arguments, "--resume")
    with_votes = mien(*arguments[:-1], tmp_path / "votes", *first, "--votes", votes)
    forgotten = mien(*arguments[:-1], tmp_path / "votes", "--resume")

    told = (
        "mien: fer2013 has no FER+ votes: mien goes without them (votes_weight 0); "
        "--votes fer2013new.csv gives those of fer2013.csv"
    )
    assert (trained.status, resumed.status, with_votes.status) == (0, 0, 0)
    assert trained.stderr.splitlines()[0] == told
    assert read_config(run_dir).recipe.votes_weight == 0
    assert "votes" not in resumed.stderr + with_votes.stderr
    assert read_config(tmp_path / "votes").recipe.votes_weight == 1
    assert_refused(forgotten, "has no FER+ votes; give fer2013new.csv")


@pytest.fixture
def own_images(tmp_path: Path) -> Path:
    """A folder of emotions without splits, and with one that mien does not read."""
    faces = made_up_faces(train=5, val=0, test=0)
    root = write_folders(tmp_path / "mine", faces, "{1}/{2}.png".format)
    (root / "contempt").mkdir()
    (root / "contempt" / "1.png").write_bytes((root / "happy" / "3.png").read_bytes())
    return root


@pytest.mark.slow
def test_own_images_go_from_a_folder_to_a_model_with_scores(
    mien: Mien, own_images: Path, tmp_path: Path
) -> None:
    run_dir, model, also = tmp_path / "run", tmp_path / "mine.onnx", ("--without-duplicates",)
    data = ("--data", own_images)
    held_out = ("--val-share", "0.4")
    trained = mien("train", *data, *held_out, "--out", run_dir, *TINY, "--epochs", 3, *also)
    resumed = mien("train", *data, "--out", run_dir, "--resume", *also)
    exported = mien("export", run_dir, *data, "--out", model)
    evaluated = mien("evaluate", "--model", model, *data, *held_out, "--split", "val", "--json")

    assert [ended.status for ended in (trained, resumed, exported, evaluated)] == [0] * 4
    for ended in (trained, exported, evaluated):
        assert "mien: left out: contempt: 1\n" in ended.stderr
    spec, result = Classifier(model).spec, json.loads(evaluated.stdout)
    assert spec.chosen_on == "mine val (14 images)"
    assert spec.temperature_fitted_on in ("mine val (14 images)", "")
    assert list(spec.scores) == ["val"]
    assert result["n"] == spec.scores["val"].n == 14
    assert result["accuracy"] == spec.scores["val"].accuracy
    best = max(row.val_accuracy for row in read_history(run_dir))
    assert spec.scores["val"].accuracy == pytest.approx(best, abs=1e-6)


def test_export_says_why_it_has_no_val(mien: Mien, own_images: Path, tmp_path: Path) -> None:
    run_dir, model = tmp_path / "run", tmp_path / "mine.onnx"
    other = write_folders(tmp_path / "other", FACES.split("train"), "{1}/{2}.png".format)
    arguments = ("--val-share", "0.4", "--out", run_dir, *TINY, "--epochs", 1)
    mien("train", "--data", own_images, *arguments)
    exported = mien("export", run_dir, "--data", other, "--out", model)

    assert exported.status == 0
    assert exported.stderr == (
        "mien: other has no val, so the temperature is 1 and val is not measured; the run held out "
        "0.4 of the train of mine, and these faces are others: give what it was trained with, and "
        "--find-faces if that was given\n"
    )
    assert Classifier(model).spec.scores == {}


def test_resume_takes_recipe_and_seed_from_the_run(mien: Mien, table: Path, tmp_path: Path) -> None:
    arguments = ("train", "--data", table, "--out", tmp_path / "run")
    begun = mien(*arguments, *TINY, "--epochs", 1, "--seed", 3)
    resumed = mien(*arguments, "--resume")
    named_again = mien(*arguments, "--resume", "--epochs", 1)
    longer = mien(*arguments, "--resume", "--epochs", 2)
    other_seed = mien(*arguments, "--resume", "--seed", 0)
    other_recipe = mien(*arguments, "--resume", "--recipe", "paper")

    assert (begun.status, resumed.status) == (0, 0)
    assert resumed.stdout == named_again.stdout == begun.stdout
    assert_refused(longer, "was begun with recipe settings epochs 1; this call has epochs 2")
    assert_refused(other_seed, "was begun with seed 3; this call has 0")
    assert_refused(other_recipe, "was begun with recipe")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train --data gone.csv --out run", "no such file or folder: gone.csv"),
        ("train --data broken.csv --out run", "broken.csv, row 2: expected 2304 pixels"),
        (f"{TRAIN} --votes-weight 1", "has no FER+ votes"),
        (f"{TRAIN} --epochs 0", "epochs: expected 1 or more"),
        (f"{TRAIN} --val-share 1.5", "--val-share: expected between 0 and 1"),
        (f"{TRAIN} --limit 0", "limit: expected 1 or more; got 0"),
        (f"{PAPER} --device abacus", "device: expected"),
        ("train --data fer2013.csv --out . --recipe paper", "expected a new or empty folder"),
        (f"{TRAIN} --resume", "it has no config.json. If its process was killed"),
        ("train --data fer2013.csv --out train.csv/run --recipe paper", "run: cannot be written"),
        ("evaluate --data fer2013.csv --model gone.onnx", "there is no file 'gone.onnx'"),
        ("evaluate --data fer2013.csv --model tiny.onnx --split dev", "expected a split among"),
        (f"{TRAIN} --drop 2 --without-doubtful labels.csv", "--drop: expected between 0 and 1"),
        ("export gone --out model.onnx", "expected a training run"),
        ("export run --out .", "expected a file to write; it is a folder"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments: str,
    message: str,
    mien: Mien,
    table: Path,
    tiny_model: Path,
    here: Path,
) -> None:
    Path("fer2013.csv").write_bytes(table.read_bytes())
    write_csv(Path("train.csv"), FACES.split("train"))
    Path("broken.csv").write_text("emotion,pixels,Usage\n3,1 2 3,Training\n")
    Path("tiny.onnx").write_bytes(tiny_model.read_bytes())
    before = sorted(here.iterdir())

    assert_refused(mien(*arguments.split()), message)
    assert sorted(here.iterdir()) == before


def test_a_run_shows_its_history_train_accuracy_and_gap(
    mien: Mien, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "plot_history", PLOT_HISTORY)
    run_dir = tmp_path / "run"
    ended = mien("train", "--data", table, "--out", run_dir, *TINY, "--epochs", 3)

    found = re.fullmatch(
        r"best epoch (\d) of 3: val accuracy ([01]\.\d{4}), val loss \d\.\d{4}, train accuracy "
        r"without dropout ([01]\.\d{4}), gap ([+-][01]\.\d{4}); weights in (.+)\n",
        ended.stdout,
    )
    assert found is not None, ended.stdout
    best = read_history(run_dir)[int(found[1]) - 1]
    assert found[2] == f"{best.val_accuracy:.4f}"
    assert float(found[4]) == pytest.approx(float(found[3]) - float(found[2]), abs=1.1e-4)
    assert found[5] == str(run_dir / "best.pt")
    train_faces = FACES.split("train")
    with torch.no_grad():
        network, _, _ = load_best(run_dir)
        logits, _ = network(torch.from_numpy(train_faces.images)[:, None].float())
    right = (logits.argmax(1).numpy() == train_faces.targets).mean()
    assert found[3] == f"{right:.4f}"
    assert min(load_image(run_dir / "history.png").shape[:2]) > 400
    assert "val" in (run_dir / "history.svg").read_text()


def test_the_network_and_its_parts_can_be_chosen(mien: Mien, table: Path, tmp_path: Path) -> None:
    chosen = ("--activation", "tanh", "--pooling", "average", "--precision", "32")
    arguments = ("--recipe", "paper", "--network", "paper", "--epochs", 1, *chosen, *QUICK)
    ended = mien("train", "--data", table, "--out", tmp_path / "run", *arguments)

    assert ended.status == 0
    network, config, _ = load_best(tmp_path / "run")
    kinds = {type(module).__name__ for module in network.modules()}
    assert {"Tanh", "AvgPool2d"} <= kinds
    assert not {"ReLU", "MaxPool2d"} & kinds
    recipe = config.recipe
    assert (recipe.network, recipe.activation, recipe.pooling) == ("paper", "tanh", "average")


def test_training_in_bfloat16_prints_its_own_lines_alone(
    mien: Mien, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    lightning = logging.getLogger("lightning_fabric")
    monkeypatch.setattr(lightning, "handlers", [*lightning.handlers, Listener()])
    monkeypatch.setattr(lightning, "level", logging.INFO)
    monkeypatch.setattr("mien.learn.training.loop._has_bf16", lambda device: True)
    arguments = ("train", "--data", table, *TINY, "--epochs", 1, "--device", "cpu")
    ended = mien(*arguments, "--precision", "bf16", "--out", tmp_path / "run")

    assert ended.status == 0
    assert read_config(tmp_path / "run").precision == "bf16-mixed"
    assert said == []
    assert [line.split()[:2] for line in ended.stderr.splitlines()] == [["epoch", "1/1:"]]
    logging.getLogger("lightning_fabric.utilities.rank_zero").info("others are still heard")
    assert said == ["others are still heard"]


def _scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Name -> epochs and values, of all that a run wrote for TensorBoard."""
    from tensorboard.backend.event_processing import (  # type: ignore[import-untyped]
        event_accumulator,
    )

    events = event_accumulator.EventAccumulator(str(folder))
    events.Reload()
    return {
        name: [(event.step, event.value) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


@pytest.mark.slow
def test_epochs_can_be_followed_in_tensorboard(
    mien: Mien, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "plot_history", PLOT_HISTORY)
    run_dir = tmp_path / "run"
    arguments = ("train", "--data", table, "--out", run_dir, *TINY, "--epochs", 3, "--tensorboard")

    show = TrainingDisplay.report

    def stop(display: TrainingDisplay, progress: Progress) -> None:
        show(display, progress)
        if progress.row is None and progress.epoch == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(TrainingDisplay, "report", stop)
    assert mien(*arguments).status == 130
    monkeypatch.setattr(TrainingDisplay, "report", show)
    assert [epoch for epoch, _ in _scalars(run_dir / "tensorboard")["loss/val"]] == [1, 2]
    assert (run_dir / "history.png").is_file()
    resumed = mien(*arguments, "--resume")

    assert resumed.status == 0
    written = _scalars(run_dir / "tensorboard")
    rows = read_history(run_dir)
    assert len(rows) == 3
    for name, values in {
        "loss/train": [row.loss for row in rows],
        "loss/val": [row.val_loss for row in rows],
        "accuracy/train": [row.accuracy for row in rows],
        "accuracy/val": [row.val_accuracy for row in rows],
        "learning rate": [row.learning_rate for row in rows],
        "seconds": [row.seconds for row in rows],
    }.items():
        assert [epoch for epoch, _ in written[name]] == [1, 2, 3]
        assert [value for _, value in written[name]] == pytest.approx(values, rel=1e-6)


def test_training_images_that_are_copies_can_be_left_out(mien: Mien, tmp_path: Path) -> None:
    images = FACES.images.copy()
    images[1], images[2] = images[14], images[3]  # of val; of train itself
    table = write_csv(tmp_path / "fer2013.csv", replace(FACES, images=images))
    arguments = ("train", "--data", table, *TINY, "--epochs", 1)
    clean = mien(*arguments, "--out", tmp_path / "clean", "--without-duplicates")

    assert clean.status == 0
    config = read_config(tmp_path / "clean")
    assert (config.train_count, config.val_count) == (12, 7)
    assert clean.stderr.splitlines()[0] == "mien: left out 2 of 14 training images: duplicates"


def test_held_out_faces_are_no_copies_of_training_images(mien: Mien, tmp_path: Path) -> None:
    few = FACES.split("train")
    images = np.concatenate([few.images, few.images])
    targets = np.concatenate([few.targets, few.targets])
    twice = FaceSet(images, targets, np.full(len(targets), "train"))
    table = write_csv(tmp_path / "fer2013.csv", twice)
    arguments = ("train", "--data", table, *TINY, "--epochs", 1, "--out", tmp_path / "run")
    ended = mien(*arguments, "--val-share", 0.25, "--without-duplicates")

    # Of 14 images, each there twice, 7 faces are held out: their images leave train.
    config = read_config(tmp_path / "run")
    assert config.val_count == 7
    assert config.train_count == 7
    assert "left out 14 of 21 training images: duplicates" in ended.stderr


def test_training_finds_the_faces_in_photos(mien: Mien, portrait: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in ("train/happy", "train/sad", "val/happy"):
        (photos / name).mkdir(parents=True)
        (photos / name / "astronaut.jpg").write_bytes(portrait.read_bytes())
    PILImage.new("RGB", (200, 200), "gray").save(photos / "train/sad/wall.png")
    arguments = ("train", "--data", photos, *TINY, "--epochs", 1, "--out", tmp_path / "run")
    ended = mien(*arguments, "--find-faces")

    assert ended.status == 0
    assert ended.stderr.splitlines()[0] == "mien: left out: no face found: 1"
    config = read_config(tmp_path / "run")
    assert (config.train_count, config.val_count) == (2, 1)


def test_emotions_without_faces_to_learn_or_choose_the_epoch_by_are_named(
    mien: Mien, tmp_path: Path
) -> None:
    disgust, angry = (FACES.targets == EMOTIONS.index(label) for label in ("disgust", "angry"))
    faces = FACES.take(~disgust & (~angry | (FACES.splits != "val")))
    data = write_csv(tmp_path / "fer2013.csv", faces)
    trained = mien("train", "--data", data, "--out", tmp_path / "run", *TINY, "--epochs", 1)

    assert trained.status == 0
    assert "mien: train has no face of disgust: the network will not learn" in trained.stderr
    assert "mien: val has no face of angry: the epoch is chosen without it" in trained.stderr
