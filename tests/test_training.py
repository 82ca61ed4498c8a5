import errno
import json
import math
import os
import pickle
import shutil
import signal
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from learn_fixtures import (
    TINY,
    PowerCut,
    best_weights,
    history_of,
    interrupt_at,
    made_up_faces,
    same_run,
)
from mien.errors import DataError, OutputError, TrainingError
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.training import batches, loop
from mien.learn.training.loop import Progress, TrainingResult, train
from mien.learn.training.recipes import Recipe
from mien.learn.training.runs import load_best, read_config, read_history
from mien.learn.training.steps import learning_rate_at

pytestmark = pytest.mark.usefixtures("tiny")

FACES = made_up_faces()
HAPPY = FACES.take(FACES.targets == EMOTIONS.index("happy"))
STEPS = 20  # of one epoch: 140 faces in batches of 7


@pytest.fixture(scope="module")
def told() -> list[Progress]:
    """What `reference` told of its progress."""
    return []


@pytest.fixture(scope="module")
def reference(
    tiny: None, told: list[Progress], tmp_path_factory: pytest.TempPathFactory
) -> TrainingResult:
    """A run that nothing interrupted."""
    run_dir = tmp_path_factory.mktemp("runs") / "reference"
    return train(FACES, TINY, run_dir, device="cpu", report=told.append)


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.skipif(os.name == "nt", reason="there are no locks")
def test_two_at_once_do_not_write_into_one_another(resume: bool, tmp_path: Path) -> None:
    refused: list[Progress] = []
    recipe, run_dir = replace(TINY, epochs=1), tmp_path / "run"
    if resume:
        train(FACES, recipe, run_dir, device="cpu", report=interrupt_at((1, 10)))

    def another(progress: Progress) -> None:
        with pytest.raises(OutputError, match="another `mien train` is at work in it"):
            train(FACES, recipe, run_dir, device="cpu", resume=resume)
        refused.append(progress)

    assert train(FACES, recipe, run_dir, device="cpu", resume=resume, report=another).finished
    assert refused
    assert not (run_dir / ".lock").exists()


def test_the_run_folder_holds_what_the_docs_say_and_the_best_weights(
    reference: TrainingResult, told: list[Progress]
) -> None:
    names = sorted(path.name for path in reference.run_dir.iterdir())
    network, config, row = load_best(reference.run_dir)
    val = FACES.split("val")
    with torch.no_grad():
        logits, _ = network(torch.from_numpy(val.images)[:, None].float())

    assert row == reference.best
    assert names == ["best.pt", "config.json", "history.csv", "last.pt"]
    assert read_history(reference.run_dir) == reference.history
    assert [row.epoch for row in reference.history] == [1, 2, 3, 4]
    assert config == read_config(reference.run_dir)
    assert config.recipe == TINY
    assert (config.seed, config.train_count, config.val_count) == (0, 140, 42)
    assert config.data_fingerprint == FACES.split("train+val").fingerprint()
    assert float((logits.argmax(1).numpy() == val.targets).mean()) == row.val_accuracy
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(val.targets))
    assert float(loss) == pytest.approx(row.val_loss, abs=1e-5)
    assert reference.finished
    assert row.val_accuracy > 0.8  # it learns
    assert reference.history[-1].loss < 0.7 * reference.history[0].loss
    # Progress is told within and after each epoch.
    moments = [(p.epoch, p.step) for p in told if p.row is None]
    assert moments == [(epoch, step) for epoch in range(1, 5) for step in (10, STEPS)]
    assert [p.row for p in told if p.row is not None] == list(reference.history)
    assert {(p.epochs, p.steps) for p in told} == {(4, STEPS)}


def test_the_epoch_with_the_best_val_accuracy_is_kept(tmp_path: Path) -> None:
    # Labels of val that contradict those of train: the more it learns, the worse it gets.
    targets = np.where(FACES.splits == "val", (FACES.targets + 1) % 7, FACES.targets)
    result = train(replace(FACES, targets=targets), TINY, tmp_path / "run", device="cpu")
    _, _, row = load_best(tmp_path / "run")

    accuracies = [row.val_accuracy for row in result.history]
    assert row == result.best == result.history[accuracies.index(max(accuracies))]
    assert row.epoch < len(result.history)


def test_a_seed_says_everything_about_a_run_and_test_is_never_read(
    reference: TrainingResult, tmp_path: Path
) -> None:
    without = FACES.split("train+val")
    assert same_run(train(without, TINY, tmp_path / "without", device="cpu"), reference)
    # The first weights, of which this rate changes next to nothing, are drawn by it, too.
    recipe = replace(TINY, epochs=1, learning_rate=1e-12)
    drawn: list[torch.Tensor] = []
    for seed in (0, 1):
        train(FACES, recipe, tmp_path / str(seed), device="cpu", seed=seed)
        drawn.append(best_weights(tmp_path / str(seed))["head.weight"])
    assert not torch.allclose(drawn[0], drawn[1], atol=1e-3)


@pytest.mark.parametrize(
    ("moments", "finished"),
    [([(2, STEPS)], 2), ([(1, 10), (2, 10), (4, 10)], 3)],
    ids=["last step of an epoch", "again and again"],
)
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(
    moments: list[tuple[int, int]], finished: int, reference: TrainingResult, tmp_path: Path
) -> None:
    handler = signal.getsignal(signal.SIGINT)
    for count, moment in enumerate(moments):
        report, resume = interrupt_at(moment), count > 0
        result = train(FACES, TINY, tmp_path / "run", device="cpu", resume=resume, report=report)
        assert not result.finished
        assert (result.best is None) == (not result.history)
        assert signal.getsignal(signal.SIGINT) is handler
    assert history_of(result.history) == history_of(reference.history[:finished])
    # What others draw by chance in between changes nothing.
    torch.rand(100)

    resumed = train(FACES, TINY, tmp_path / "run", device="cpu", resume=True)
    assert same_run(resumed, reference)
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_second_interrupt_stops_at_once(reference: TrainingResult, tmp_path: Path) -> None:
    def report(progress: Progress) -> None:
        if (progress.epoch, progress.step) == (2, 10):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(FACES, TINY, tmp_path / "run", device="cpu", report=report)
    assert same_run(train(FACES, TINY, tmp_path / "run", device="cpu", resume=True), reference)


def test_an_interrupt_in_the_last_step_ends_a_finished_run(tmp_path: Path) -> None:
    report = interrupt_at((1, STEPS))
    result = train(FACES, replace(TINY, epochs=1), tmp_path / "run", device="cpu", report=report)

    assert result.finished
    assert result.interrupted  # who has more to do than this run knows of it


@pytest.mark.parametrize("writes", range(2, 8))
def test_a_run_cut_off_while_it_writes_leaves_whole_files(
    writes: int, reference: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = tmp_path / "run"
    done: list[int] = []

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            return
        done.append(descriptor)
        if len(done) == writes:
            os.ftruncate(descriptor, 10)
            raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(PowerCut):
            train(FACES, TINY, run_dir, device="cpu")

    finished = len(read_history(run_dir))
    assert history_of(read_history(run_dir)) == history_of(reference.history[:finished])
    if (run_dir / "best.pt").exists():
        assert load_best(run_dir)[2].epoch <= finished + 1
    assert same_run(train(FACES, TINY, run_dir, device="cpu", resume=True), reference)


def test_resuming_a_finished_run_changes_nothing_and_gives_a_lost_row_back(
    reference: TrainingResult, tmp_path: Path
) -> None:
    run_dir = shutil.copytree(reference.run_dir, tmp_path / "run")
    before = (run_dir / "best.pt").read_bytes()
    lines = (run_dir / "history.csv").read_text().splitlines()
    (run_dir / "history.csv").write_text("\n".join(lines[:-1]) + "\n")  # as if killed before it
    result = train(FACES, TINY, run_dir, device="cpu", resume=True)

    assert result == replace(reference, run_dir=run_dir)
    assert read_history(run_dir) == reference.history
    assert (run_dir / "best.pt").read_bytes() == before


def _brighter(faces: FaceSet) -> FaceSet:
    images = faces.images.copy()
    images[0, 0, 0] += 1
    return replace(faces, images=images)


@pytest.mark.parametrize(
    ("faces", "recipe", "seed", "differs"),
    [
        (FACES, replace(TINY, epochs=9), 0, "recipe"),
        (FACES, TINY, 1, "seed 0; this call has 1"),
        (_brighter(FACES), TINY, 0, r"data 140 train and 42 val faces \([0-9a-f]{8}\)"),
    ],
    ids=["recipe", "seed", "data"],
)
def test_a_run_is_resumed_with_what_it_was_begun_with(
    faces: FaceSet, recipe: Recipe, seed: int, differs: str, reference: TrainingResult
) -> None:
    with pytest.raises(TrainingError, match=f"was begun with {differs}"):
        train(faces, recipe, reference.run_dir, seed=seed, device="cpu", resume=True)


def test_a_full_disk_is_an_error_of_ours_and_the_run_goes_on_later(
    reference: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_up(progress: Progress) -> None:
        if progress.epoch == 3:
            patch.setattr(os, "fsync", full)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with (
        monkeypatch.context() as patch,
        pytest.raises(OutputError, match="No space left on device"),
    ):
        train(FACES, TINY, tmp_path / "run", device="cpu", report=fill_up)
    assert same_run(train(FACES, TINY, tmp_path / "run", device="cpu", resume=True), reference)


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        (FACES.split("train+test"), "needs the splits train and val"),
        (FACES.split("val+test"), "needs the splits train and val"),
        (HAPPY, r"two emotions and more; train of .* has only happy"),
    ],
    ids=["no val", "no train", "one emotion"],
)
def test_faces_that_nothing_can_be_learnt_from_leave_no_folder(
    faces: FaceSet, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        train(faces, TINY, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_votes_help_in_training_and_leave_no_parameters(
    reference: TrainingResult, voting_run: Path
) -> None:
    network, _, row = load_best(voting_run)
    plain, _, _ = load_best(reference.run_dir)
    assert network.parameter_count() == plain.parameter_count()
    assert row.val_accuracy > 1 / 7
    assert row.val_loss != reference.history[row.epoch - 1].val_loss


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_other_optimizers_lower_the_loss_too_and_the_history_has_the_last_rate(
    optimizer: Any, tmp_path: Path
) -> None:
    recipe = replace(TINY, optimizer=optimizer, epochs=2, schedule="cosine", warmup_epochs=1.0)
    first, second = train(FACES, recipe, tmp_path / "run", device="cpu").history

    assert second.loss < first.loss
    assert first.learning_rate == pytest.approx(recipe.learning_rate)
    assert second.learning_rate == pytest.approx(0.0, abs=1e-9)


def test_a_loss_that_blows_up_ends_the_run_and_the_best_weights_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bytes] = []

    def blow_up(progress: Progress) -> None:
        if progress.row is not None and progress.epoch == 2:
            kept.append((tmp_path / "run" / "best.pt").read_bytes())
            monkeypatch.setattr(loop, "learning_rate_at", lambda recipe, epochs_done: 1e30)

    with pytest.raises(TrainingError, match=r"a finite number in epoch 3, .* kept$"):
        train(FACES, TINY, tmp_path / "run", device="cpu", report=blow_up)
    assert kept == [(tmp_path / "run" / "best.pt").read_bytes()]
    assert len(read_history(tmp_path / "run")) == 2


def test_weights_that_blow_up_in_the_last_step_are_not_kept(tmp_path: Path) -> None:
    recipe = replace(TINY, batch_size=140, learning_rate=1e30)

    with pytest.raises(TrainingError, match=r"a finite number in epoch 1, .* rate$"):
        train(FACES, recipe, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run" / "best.pt").exists()


class _Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def _saved(content: Any, path: Path) -> bytes:
    torch.save(content, path)
    return path.read_bytes()


DAMAGE: dict[str, Callable[[bytes, Path], bytes]] = {
    "empty": lambda _, __: b"",
    "cut short": lambda content, _: content[: len(content) // 2],
    "an empty dictionary": lambda _, path: _saved({}, path),
    "words for weights": lambda _, path: _saved({"network": "x", "optimizer": "y"}, path),
    "other weights": lambda _, path: _saved({"network": {"weight": torch.ones(2)}}, path),
    "code": lambda _, path: _saved({"network": _Payload(path.with_name("owned"))}, path),
    "code in a pickle": lambda _, path: pickle.dumps(_Payload(path.with_name("owned"))),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_named_and_code_in_it_is_not_run(
    damage: str, reference: TrainingResult, tmp_path: Path
) -> None:
    run_dir = shutil.copytree(reference.run_dir, tmp_path / "run")
    for name in ("last.pt", "best.pt"):
        content = (run_dir / name).read_bytes()
        (run_dir / name).write_bytes(DAMAGE[damage](content, tmp_path / "other.pt"))

    why = ": expected a checkpoint; it is damaged" if damage.startswith("code") else ""
    with pytest.raises(TrainingError, match=rf"last\.pt{why}"):
        train(FACES, TINY, run_dir, device="cpu", resume=True)
    with pytest.raises(TrainingError, match=rf"best\.pt{why}"):
        load_best(run_dir)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        *((text, "") for text in ("", "{", "[]", "null", '"x"', "{}", "\x00", "[" * 100_000)),
        ('{"recipe": 3}', ""),
        ('{"recipe": {}}', ""),
        ('{"recipe": {"lookahead": 5}}', "lookahead"),  # of a newer mien
    ],
)
def test_damaged_settings_are_named(
    content: str, why: str, reference: TrainingResult, tmp_path: Path
) -> None:
    run_dir = shutil.copytree(reference.run_dir, tmp_path / "run")
    (run_dir / "config.json").write_text(content)

    with pytest.raises(TrainingError, match=rf"config\.json.*{why}"):
        load_best(run_dir)
    with pytest.raises(TrainingError, match=r"config\.json"):
        train(FACES, TINY, run_dir, device="cpu", resume=True)


@pytest.mark.parametrize("content", ["epoch\nx\n", "epoch,loss\n1\n", "epoch,loss\n1,2\n"])
def test_a_damaged_history_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text(content)

    with pytest.raises(TrainingError, match=r"history\.csv"):
        read_history(tmp_path)


def test_the_rate_rises_from_0_to_its_peak_and_falls_along_a_cosine_to_0() -> None:
    recipe = replace(TINY, epochs=10, learning_rate=0.1, schedule="cosine", warmup_epochs=2.0)
    constant = {learning_rate_at(replace(TINY, epochs=10), done) for done in (0, 0.01, 5, 10)}

    assert constant == {TINY.learning_rate}
    assert learning_rate_at(recipe, 0.0) == 0.0
    assert learning_rate_at(recipe, 0.5) == pytest.approx(0.025)
    assert learning_rate_at(recipe, 2.0) == pytest.approx(0.1)
    assert learning_rate_at(recipe, 4.0) == pytest.approx(0.05 * (1 + math.cos(math.pi / 4)))
    assert learning_rate_at(recipe, 6.0) == pytest.approx(0.05)
    assert learning_rate_at(recipe, 10.0) == pytest.approx(0.0, abs=1e-12)


def test_a_run_begun_by_an_earlier_version_can_be_read_and_gone_on_with(
    reference: TrainingResult, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    train(FACES, TINY, run_dir, device="cpu", report=interrupt_at((2, 10)))
    config = json.loads((run_dir / "config.json").read_text())
    for name in ("teachers", "processes", "compiled"):
        del config[name]
    for name in ("ema", "distill_weight", "distill_temperature"):
        del config["recipe"][name]
    (run_dir / "config.json").write_text(json.dumps(config))
    last = torch.load(run_dir / "last.pt", weights_only=True)
    for name in ("average", "random_of_others"):
        del last[name]
    last |= {"step": 10, "loss_sum": 0.0, "correct": 0.0, "seen": 70, "seconds": 0.0}
    torch.save(last, run_dir / "last.pt")

    assert load_best(run_dir)[1].recipe == TINY
    assert same_run(train(FACES, TINY, run_dir, device="cpu", resume=True), reference)


@pytest.mark.parametrize(
    ("device", "devices", "mode"),
    [("cpu", 1, "off"), ("cpu", 2, "off"), ("cuda", 1, "reduce-overhead"), ("cuda", 2, "default")],
)
def test_what_is_compiled_is_decided_by_the_devices(
    device: str, devices: int, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[str] = []
    fabric = SimpleNamespace(device=torch.device(device), world_size=devices)
    monkeypatch.setattr(loop, "_fabric", lambda *_, **__: fabric)
    monkeypatch.setattr(loop, "launch", lambda _, work, __: modes.append(work.args[0].compile))
    train(FACES, TINY, tmp_path / "run")
    assert modes == [mode]


def test_compiled_training_learns_the_same_and_compiles_for_one_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The loop is that of a GPU; its compiler is left out, which takes half a minute.
    compiled: list[Any] = []

    def traced(model: Any, **options: Any) -> Any:
        compiled.append((model, options))
        return model

    monkeypatch.setattr(torch, "compile", traced)
    recipe = replace(TINY, batch_size=40, learning_rate=1e-2)  # batches of 40, 40, 40 and 20
    sizes: list[int] = []
    take = batches.Batches.take

    def count(self: batches.Batches, rows: Any) -> batches.Batch:
        batch = take(self, rows)
        if isinstance(rows, torch.Tensor):
            sizes.append(len(batch.targets))
        return batch

    monkeypatch.setattr(batches.Batches, "take", count)
    result = train(FACES, recipe, tmp_path / "run", device="cpu", compile="reduce-overhead")

    assert set(sizes) == {40}
    assert len(sizes) == 16
    assert result.history[-1].loss < 0.8 * result.history[0].loss
    assert read_config(tmp_path / "run").compiled == "reduce-overhead"
    assert [options for _, options in compiled] == [
        {"dynamic": False, "mode": "reduce-overhead"},
        {"dynamic": False},
    ]
