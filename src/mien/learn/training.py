"""One flat training loop on Lightning Fabric.

A run is a folder:

    config.json    recipe, seed, data and versions: what the run is
    history.csv    a row for each finished epoch
    last.pt        everything needed to go on, after each epoch and on Ctrl-C
    best.pt        the weights with the highest accuracy on val so far

The checkpoint is chosen on val (PublicTest) and on nothing else: test (PrivateTest) is never read.
"""

import csv
import dataclasses
import io
import json
import logging
import math
import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from mien import __version__
from mien.errors import DataError, DivergedError, OutputError, TrainingError
from mien.labels import EMOTIONS, FERPLUS_EMOTIONS
from mien.learn.batches import Batches, Mixup, augment, epoch_order
from mien.learn.datasets import FaceSet
from mien.learn.networks import Network, TrunkOptions, build
from mien.learn.recipes import Recipe, recipe_of

EVALUATION_BATCH: Final = 256
CHECK_EVERY_STEPS: Final = 10  # how often the loss is looked at; each look waits for the device


@dataclass(frozen=True)
class EpochRow:
    """One finished epoch, in the form of the paper's Table 3.

    Losses are plain cross-entropies of the emotions, in nats, whatever the recipe adds to what it
    minimises. `loss` and `accuracy` are means over the epoch's batches: augmented, with dropout,
    and by the emotion of the face that has the larger share where two are blended.
    """

    epoch: int  # from 1
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float  # in the last step
    seconds: float


@dataclass(frozen=True)
class Progress:
    """Where a run is; sent every few steps, and with `row` at the end of each epoch."""

    epoch: int  # from 1
    epochs: int
    step: int  # within the epoch, from 1
    steps: int
    loss: float  # mean over the epoch so far
    accuracy: float  # likewise
    row: EpochRow | None = None


@dataclass(frozen=True)
class TrainingResult:
    """What a run came to.

    Attributes:
        run_dir: the folder it lives in.
        history: one row for each finished epoch.
        best: the row whose weights are in best.pt; None before the first epoch is finished.
        train_accuracy: of those weights on train, as it is and without dropout; None until the run
            is finished. Above `best.val_accuracy` by the overfitting gap.
        finished: False if it was interrupted; the same call with `resume` goes on.
        interrupted: an interrupt came so late that the run was finished all the same.
    """

    run_dir: Path
    history: tuple[EpochRow, ...]
    best: EpochRow | None
    train_accuracy: float | None
    finished: bool
    interrupted: bool = False


@dataclass(frozen=True)
class RunConfig:
    """What a run is: enough to repeat it with the same data."""

    recipe: Recipe
    seed: int
    data_name: str
    data_fingerprint: str  # of train and val
    train_count: int
    val_count: int
    precision: str  # in effect: bf16 falls back to 32 where the device has no units for it
    device: str
    mien_version: str
    torch_version: str


@dataclass
class _State:
    """What changes while a run goes on; all of it is in last.pt."""

    network: Network
    optimizer: torch.optim.Optimizer
    generator: torch.Generator  # of the augmentation
    history: list[EpochRow]
    best_epoch: int = 0
    step: int = 0  # finished steps of the epoch under way
    loss_sum: float = 0.0  # over those steps, weighted by faces
    correct: float = 0.0
    seen: int = 0
    seconds: float = 0.0

    @property
    def epoch(self) -> int:
        """The epoch under way, from 1."""
        return len(self.history) + 1

    @property
    def best(self) -> EpochRow | None:
        return self.history[self.best_epoch - 1] if self.best_epoch else None


def train(
    faces: FaceSet,
    recipe: Recipe,
    run_dir: str | Path,
    *,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    report: Callable[[Progress], None] | None = None,
) -> TrainingResult:
    """Train a network by a recipe; the weights that do best on val are in the run's best.pt.

    An interrupt (Ctrl-C) finishes the step under way, saves and returns; with `resume` the same
    call goes on from there, on the CPU bit for bit as if nothing had happened. A killed process
    goes on from its last finished epoch.

    Args:
        faces: needs the splits train and val; test is not looked at.
        recipe: the settings.
        run_dir: a folder that does not exist or is empty; with `resume`, that of the earlier call.
        seed: of the first weights, the order of the faces, augmentation and dropout.
        device: "auto", "cpu", "cuda" or "mps".
        resume: go on with the run in `run_dir`.
        report: called every few steps and after each epoch.
    Raises:
        DataError: `faces` lacks a split, or the votes that the recipe needs, or train has faces of
            one emotion alone.
        OptionError: no network has the name in the recipe.
        OutputError: `run_dir` holds something, or cannot be written.
        DivergedError: the loss is no longer a finite number.
        TrainingError: the run in `run_dir` is another or damaged, or the device is not there.
    """
    run_dir = Path(run_dir)
    train_faces, val_faces = _splits(faces)
    fabric = _fabric(device, recipe)
    config = _config(faces, recipe, seed, fabric)
    if resume:
        _check_same_run(read_config(run_dir), config, run_dir)

    torch.manual_seed(seed)
    network = _build(recipe)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    train_batches = Batches(train_faces, votes=recipe.votes_weight > 0, device=fabric.device)
    val_batches = Batches.of(val_faces, device=fabric.device)
    compiled: Any = torch.compile(network) if fabric.device.type == "cuda" else network
    model, optimizer = fabric.setup(compiled, _optimizer(network, recipe))
    generator = torch.Generator(fabric.device).manual_seed(seed)
    state = _State(network, optimizer.optimizer, generator, history=[])
    if resume:
        _restore(state, run_dir)
    else:
        _start_folder(run_dir, config)

    steps = math.ceil(len(train_batches) / recipe.batch_size)
    with _interrupt_flag() as interrupted:
        while state.epoch <= recipe.epochs:
            finished = _train_epoch(
                model, state, train_batches, recipe, seed, fabric, report, interrupted
            )
            if not finished:
                _save(state, run_dir)
                return TrainingResult(
                    run_dir, tuple(state.history), state.best, None, finished=False
                )
            started = time.perf_counter()
            val_loss, val_accuracy = _loss_and_accuracy(network, val_batches)
            _check_finite(val_loss, state)
            row = EpochRow(
                epoch=state.epoch,
                loss=state.loss_sum / state.seen,
                accuracy=state.correct / state.seen,
                val_loss=val_loss,
                val_accuracy=val_accuracy,
                learning_rate=state.optimizer.param_groups[0]["lr"],
                seconds=state.seconds + time.perf_counter() - started,
            )
            _finish_epoch(state, row, run_dir)
            if report:
                report(
                    Progress(
                        row.epoch, recipe.epochs, steps, steps, row.loss, row.accuracy, row=row
                    )
                )
            if interrupted.is_set() and state.epoch <= recipe.epochs:
                # It came in the last step of the epoch, or while val was read; all is saved.
                return TrainingResult(
                    run_dir, tuple(state.history), state.best, None, finished=False
                )
    network.load_state_dict(_read_checkpoint(run_dir / "best.pt")["network"])
    _, train_accuracy = _loss_and_accuracy(network, train_batches)
    return TrainingResult(
        run_dir,
        tuple(state.history),
        state.best,
        train_accuracy=train_accuracy,
        finished=True,
        interrupted=interrupted.is_set(),
    )


def _train_epoch(
    model: nn.Module,
    state: _State,
    batches: Batches,
    recipe: Recipe,
    seed: int,
    fabric: Fabric,
    report: Callable[[Progress], None] | None,
    interrupted: threading.Event,
) -> bool:
    """Go through the rest of the epoch under way; False if an interrupt came between two steps."""
    model.train()
    order = epoch_order(len(batches), seed=seed, epoch=state.epoch).to(fabric.device)
    chunks = torch.split(order, recipe.batch_size)
    mixup = Mixup(recipe.mixup, device=fabric.device) if recipe.mixup else None
    loss_sum = torch.tensor(state.loss_sum, device=fabric.device)
    correct = torch.tensor(state.correct, device=fabric.device)
    started = time.perf_counter()
    while state.step < len(chunks):
        batch = batches.take(chunks[state.step])
        rate = learning_rate_at(recipe, state.epoch - 1 + (state.step + 1) / len(chunks))
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        pixels = augment(batch.pixels, recipe.augmentation, state.generator)
        shown, votes = batch.targets, batch.votes
        if mixup:
            pixels, shown, votes = mixup(pixels, batch, state.generator)
        logits, votes_logits = model(pixels)
        loss = _objective(logits, votes_logits, shown, votes, recipe)
        state.optimizer.zero_grad(set_to_none=True)
        fabric.backward(loss)
        state.optimizer.step()

        with torch.no_grad():
            count = len(batch.targets)
            loss_sum += F.cross_entropy(logits, batch.targets) * count
            correct += (logits.argmax(1) == batch.targets).sum()
        state.step += 1
        state.seen += count
        if state.step % CHECK_EVERY_STEPS == 0 or state.step == len(chunks):
            _check_finite(loss_sum, state)
            if report:
                report(
                    Progress(
                        state.epoch,
                        recipe.epochs,
                        state.step,
                        len(chunks),
                        float(loss_sum) / state.seen,
                        float(correct) / state.seen,
                    )
                )
        if interrupted.is_set():
            break
    state.loss_sum, state.correct = float(loss_sum), float(correct)
    state.seconds += time.perf_counter() - started
    return state.step == len(chunks)


def learning_rate_at(recipe: Recipe, epochs_done: float) -> float:
    """The learning rate after so many epochs, fractions included; 0 at the end of a cosine."""
    if recipe.warmup_epochs and epochs_done < recipe.warmup_epochs:
        return recipe.learning_rate * epochs_done / recipe.warmup_epochs
    if recipe.schedule == "constant":
        return recipe.learning_rate
    share = (epochs_done - recipe.warmup_epochs) / max(recipe.epochs - recipe.warmup_epochs, 1e-9)
    return recipe.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0)))


def _objective(
    logits: Tensor,
    votes_logits: Tensor | None,
    shown: Tensor,
    votes: Tensor | None,
    recipe: Recipe,
) -> Tensor:
    """What a step minimises: cross-entropy of the emotion, and of the FER+ votes beside it.

    Args:
        logits: (N, 7).
        votes_logits: (N, 8), or None.
        shown: (N,) int64 emotions, or (N, 7) shares of them.
        votes: (N, 8) shares, or None.
        recipe: the weights of the terms.
    """
    loss = F.cross_entropy(logits, shown, label_smoothing=recipe.label_smoothing)
    if votes_logits is not None and votes is not None:
        # A face without votes has a row of zeros, which adds nothing to the mean.
        of_votes = -(votes * votes_logits.log_softmax(1)).sum(1).mean()
        loss = loss + recipe.votes_weight * of_votes
    return loss


@torch.no_grad()
def _loss_and_accuracy(network: Network, batches: Batches) -> tuple[float, float]:
    """Cross-entropy and accuracy as the network will be used: no dropout, full precision."""
    network.eval()
    loss_sum = correct = 0.0
    for batch in batches.in_order(EVALUATION_BATCH):
        logits, _ = network(batch.pixels)
        loss_sum += float(F.cross_entropy(logits, batch.targets, reduction="sum"))
        correct += float((logits.argmax(1) == batch.targets).sum())
    return loss_sum / len(batches), correct / len(batches)


def read_config(run_dir: Path) -> RunConfig:
    """What the run in a folder is.

    Raises:
        TrainingError: there is no run, or its config.json is damaged.
    """
    path = run_dir / "config.json"
    try:
        values = json.loads(path.read_text())
        return RunConfig(recipe=recipe_of(values.pop("recipe")), **values)
    except FileNotFoundError:
        raise TrainingError(f"{run_dir}: expected a training run; it has no config.json") from None
    except (OSError, AttributeError, TypeError, KeyError, ValueError) as error:
        raise TrainingError(f"{path}: expected a training run's settings; {error}") from error


def read_history(run_dir: Path) -> tuple[EpochRow, ...]:
    """The finished epochs of the run in a folder.

    Raises:
        TrainingError: its history.csv is damaged.
    """
    path = run_dir / "history.csv"
    if not path.exists():
        return ()
    try:
        with path.open(newline="") as file:
            return tuple(
                EpochRow(
                    epoch=int(row["epoch"]),
                    **{f.name: float(row[f.name]) for f in dataclasses.fields(EpochRow)[1:]},
                )
                for row in csv.DictReader(file)
            )
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise TrainingError(f"{path}: expected a row for each epoch; {error!r}") from error


def load_best(run_dir: str | Path) -> tuple[Network, RunConfig, EpochRow]:
    """The network of a run with its best weights, what the run is, and the epoch they come from.

    Raises:
        TrainingError: there is no run, it has no finished epoch, or its files are damaged.
    """
    run_dir = Path(run_dir)
    config = read_config(run_dir)
    stored = _read_checkpoint(run_dir / "best.pt")
    network = _build(config.recipe)
    try:
        network.load_state_dict(stored["network"])
        row = EpochRow(**stored["row"])
    except (RuntimeError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{run_dir / 'best.pt'}: not the weights of the network in config.json; {error}"
        ) from error
    return network.eval(), config, row


def _splits(faces: FaceSet) -> tuple[FaceSet, FaceSet]:
    there = set(faces.splits.tolist())
    if "train" not in there or "val" not in there:
        raise DataError(
            f"training needs the splits train and val; {faces.name} has "
            f"{', '.join(sorted(there))}. Hold out a share of train as val, "
            "or add a folder val"
        )
    train = faces.split("train")
    if len(known := np.unique(train.targets)) < 2:
        raise DataError(
            f"training needs faces of two emotions and more; train of {faces.name} has only "
            f"{EMOTIONS[known[0]]}"
        )
    return train, faces.split("val")


def _fabric(device: str, recipe: Recipe) -> Fabric:
    try:
        fabric = Fabric(accelerator=device, devices=1, precision="32-true")
        if recipe.precision == "bf16" and _has_bf16(fabric.device):
            with _without_notes_of_lightning():
                fabric = Fabric(accelerator=device, devices=1, precision="bf16-mixed")
    except (RuntimeError, ValueError) as error:
        raise TrainingError(f"device: expected auto, cpu, cuda or mps; {error}") from error
    return fabric


@contextmanager
def _without_notes_of_lightning() -> Iterator[None]:
    """Keeps from standard error what Lightning says of the precision; config.json has it."""
    logger = logging.getLogger("lightning_fabric.utilities.rank_zero")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 numbers faster than 32-bit ones."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported())
    return False


def _config(faces: FaceSet, recipe: Recipe, seed: int, fabric: Fabric) -> RunConfig:
    device = fabric.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    used = faces.split("train+val")
    return RunConfig(
        recipe=recipe,
        seed=seed,
        data_name=faces.name,
        data_fingerprint=used.fingerprint(),
        train_count=int((used.splits == "train").sum()),
        val_count=int((used.splits == "val").sum()),
        precision=fabric._precision.precision,
        device=f"{device.type} ({name}, {torch.get_num_threads()} threads)",
        mien_version=__version__,
        torch_version=torch.__version__,
    )


def _check_same_run(stored: RunConfig, now: RunConfig, run_dir: Path) -> None:
    for field in ("recipe", "seed", "data_fingerprint"):
        before, after = getattr(stored, field), getattr(now, field)
        if before != after:
            if field == "recipe":
                field, before, after = "recipe settings", *_what_differs(before, after)
            raise TrainingError(
                f"{run_dir} was begun with {field} {before}; this call has {after}. "
                "Resume with the same one, or train into another folder"
            )


def _what_differs(one: Recipe, other: Recipe) -> tuple[str, str]:
    """The settings in which two recipes differ, as texts of the one and of the other."""
    values, others = asdict(one), asdict(other)
    different = [name for name in values if values[name] != others[name]]
    if len(different) > 1:
        different = [name for name in different if name != "about"]
    texts = [", ".join(f"{name} {of[name]}" for name in different) for of in (values, others)]
    return texts[0], texts[1]


def _start_folder(run_dir: Path, config: RunConfig) -> None:
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        if any(run_dir.iterdir()):
            raise OutputError(
                f"{run_dir}: expected a new or empty folder; it holds files. "
                "Resume the run in it, or choose another folder"
            )
        _write(run_dir / "config.json", json.dumps(asdict(config), indent=2).encode() + b"\n")
    except OSError as error:
        raise OutputError(f"{run_dir}: cannot be written; {error.strerror or error}") from error


def _build(recipe: Recipe) -> Network:
    return build(
        recipe.network,
        classes=len(EMOTIONS),
        votes=len(FERPLUS_EMOTIONS) if recipe.votes_weight > 0 else 0,
        mean=recipe.mean,
        std=recipe.std,
        options=TrunkOptions(
            dropout=recipe.dropout,
            dense_dropout=recipe.dense_dropout,
            activation=recipe.activation,
            pooling=recipe.pooling,
        ),
    )


def _optimizer(network: Network, recipe: Recipe) -> torch.optim.Optimizer:
    rate, decay = recipe.learning_rate, recipe.weight_decay
    decayed = [p for p in network.parameters() if p.ndim > 1]
    free = [p for p in network.parameters() if p.ndim <= 1]  # biases and norms are not decayed
    groups = [
        {"params": decayed, "weight_decay": decay},
        {"params": free, "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True)
    # Keras's epsilon, so that the paper's recipe is the paper's.
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=rate, eps=1e-7)


def _check_finite(loss: Tensor | float, state: _State) -> None:
    if not math.isfinite(float(loss)):
        raise DivergedError(
            f"the loss is no longer a finite number in epoch {state.epoch}, step {state.step}. "
            "Try a lower learning rate; the best weights so far are kept"
        )


def _finish_epoch(state: _State, row: EpochRow, run_dir: Path) -> None:
    best = state.best
    state.history.append(row)
    if best is None or row.val_accuracy > best.val_accuracy:
        state.best_epoch = row.epoch
        _write_checkpoint(
            run_dir / "best.pt", {"network": state.network.state_dict(), "row": asdict(row)}
        )
    state.step = state.seen = 0
    state.loss_sum = state.correct = state.seconds = 0.0
    _save(state, run_dir)
    _write_history(state, run_dir)


def _write_history(state: _State, run_dir: Path) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in dataclasses.fields(EpochRow)])
    writer.writeheader()
    writer.writerows(asdict(row) for row in state.history)
    _write(run_dir / "history.csv", text.getvalue().encode())


def _save(state: _State, run_dir: Path) -> None:
    random: dict[str, Any] = {
        "cpu": torch.get_rng_state(),
        "augmentation": state.generator.get_state(),
    }
    if torch.cuda.is_available():
        random["cuda"] = torch.cuda.get_rng_state()
    _write_checkpoint(
        run_dir / "last.pt",
        {
            "network": state.network.state_dict(),
            "optimizer": state.optimizer.state_dict(),
            "random": random,
            "history": [asdict(row) for row in state.history],
            "best_epoch": state.best_epoch,
            "step": state.step,
            "loss_sum": state.loss_sum,
            "correct": state.correct,
            "seen": state.seen,
            "seconds": state.seconds,
        },
    )


def _restore(state: _State, run_dir: Path) -> None:
    path = run_dir / "last.pt"
    if not path.exists():
        return  # it ended before the first epoch did: begin again
    stored = _read_checkpoint(path)
    try:
        state.network.load_state_dict(stored["network"])
        state.optimizer.load_state_dict(stored["optimizer"])
        state.history[:] = [EpochRow(**row) for row in stored["history"]]
        for field in ("best_epoch", "step", "loss_sum", "correct", "seen", "seconds"):
            setattr(state, field, stored[field])
        torch.set_rng_state(stored["random"]["cpu"])
        state.generator.set_state(stored["random"]["augmentation"])
        if "cuda" in stored["random"] and torch.cuda.is_available():
            torch.cuda.set_rng_state(stored["random"]["cuda"])
    except (RuntimeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{path}: not the state of this run; {error}") from error
    _write_history(state, run_dir)  # it was killed, perhaps, before it could


def _read_checkpoint(path: Path) -> dict[str, Any]:
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such file; the run has no finished epoch") from None
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read; {error.strerror or error}") from error
    # A damaged archive raises nearly anything; torch's own words advise to unpickle it.
    except Exception as error:
        raise TrainingError(
            f"{path}: expected a checkpoint; it is damaged or holds more than tensors and numbers"
        ) from error
    if not isinstance(stored, dict):
        raise TrainingError(f"{path}: expected a checkpoint; got {type(stored).__name__}")
    return stored


def _write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    _write(path, buffer.getvalue())


def _write(path: Path, content: bytes) -> None:
    """Write all or nothing: under another name first, then moved into place."""
    partial = path.with_name(path.name + ".part")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written; {error.strerror or error}") from error


@contextmanager
def _interrupt_flag() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets; a second Ctrl-C stops at once, as without it."""
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag  # signals reach the main thread alone
        return
    before = signal.getsignal(signal.SIGINT)

    def on_interrupt(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        flag.set()

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)
