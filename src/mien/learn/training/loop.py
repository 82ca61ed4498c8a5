"""One flat training loop on Lightning Fabric: one process, or one for each device.

`mien.learn.training.runs` says what the folder of a run holds. The checkpoint is chosen on val
(PublicTest) and on nothing else: test (PrivateTest) is never read.
"""

import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn
from torch.nn import functional as F

from mien import __version__
from mien.errors import DataError, OptionError, TrainingError
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.networks import Network
from mien.learn.training.allocator import kept_memory
from mien.learn.training.averaging import WeightAverage
from mien.learn.training.batches import Batches, share_of
from mien.learn.training.checkpoints import State, own_seed, restore, save
from mien.learn.training.distillation import Teachers
from mien.learn.training.memory import told_of_memory
from mien.learn.training.muon import Muon
from mien.learn.training.pretrained import Pretrained
from mien.learn.training.processes import check_counts, processes, without_notes_of_lightning
from mien.learn.training.recipes import Recipe
from mien.learn.training.runs import (
    EarlierRun,
    EpochRow,
    RunConfig,
    load_best,
    network_of,
    read_checkpoint,
    read_config,
    read_history,
    start_folder,
)
from mien.learn.training.steps import Epochs, Progress, check_finite, learning_rate_at, sum_of
from mien.learn.training.views import StoredViews

__all__ = [
    "EarlierRun",
    "EpochRow",
    "Progress",
    "RunConfig",
    "TrainingResult",
    "learning_rate_at",
    "load_best",
    "read_config",
    "read_history",
    "train",
]

EVALUATION_BATCH: Final = 256
STUCK_AFTER: Final = timedelta(minutes=10)  # a process that waits so long for another gives up

Compile = Literal["auto", "off", "default", "reduce-overhead", "max-autotune"]


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
class _Call:
    """What `train` was asked for, as each of its processes gets it."""

    faces: FaceSet
    recipe: Recipe
    run_dir: Path
    seed: int
    device: str
    resume: bool
    teachers: tuple[str | Path, ...]
    devices: int
    nodes: int
    compile: Compile
    pretrained: str | Path | None


def train(
    faces: FaceSet,
    recipe: Recipe,
    run_dir: str | Path,
    *,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    report: Callable[[Progress], None] | None = None,
    teachers: Sequence[str | Path] = (),
    devices: int = 1,
    nodes: int = 1,
    compile: Compile = "auto",
    pretrained: str | Path | None = None,
) -> TrainingResult:
    """Train a network by a recipe; the weights that do best on val are in the run's best.pt.

    An interrupt (Ctrl-C) finishes the step under way, saves and returns; with `resume` the same
    call goes on from there, on the CPU bit for bit as if nothing had happened. A killed process
    goes on from its last finished epoch, likewise.

    With several devices each works on its share of every batch (data parallelism), so that
    `recipe.batch_size` is that of all together, and the views of the faces are those that one
    device would have made. Batch normalisation takes its statistics over the whole batch on CUDA
    (SyncBatchNorm), and over each process's share on the CPU, where the first one's are kept.
    Dropout is drawn in each process by itself. A run may be resumed with another number.

    With `compile`, torch.compile is used for the network and the augmentation. The last batch of
    an epoch is then filled up with faces from its beginning, since code is compiled for one size.

    Args:
        faces: needs the splits train and val; test is not looked at.
        recipe: the settings.
        run_dir: a folder that does not exist or is empty; with `resume`, that of the earlier call.
            All nodes must see it.
        seed: of the first weights, the order of the faces, augmentation and dropout.
        device: "auto", "cpu", "cuda" or "mps".
        resume: go on with the run in `run_dir`.
        report: called in the first process every few steps and after each epoch.
        teachers: folders of finished runs to learn from, where the recipe gives them a weight.
        devices: of this kind on each node; see `mien.learn.training.processes` for what
            scripts must do.
        nodes: machines on which this same call is made.
        compile: "off"; a mode of torch.compile: "default", "reduce-overhead" (CUDA graphs) or
            "max-autotune"; "auto" is "default" on CUDA and "off" elsewhere.
        pretrained: weights to begin with, in place of random ones: the folder of a run, a file that
            `mien.learn.files.export.export_model` wrote as safetensors, or "mien" for those of the
            model in the package.
    Raises:
        DataError: `faces` lacks a split, or the votes that the recipe needs, or train has faces of
            one emotion alone.
        OptionError: no network has the name in the recipe; a number of devices or nodes is below
            1; there are teachers and the recipe gives them no weight, or the other way round; or
            the pretrained weights are of another network.
        OutputError: `run_dir` holds something, or cannot be written.
        DivergedError: the loss is no longer a finite number.
        OutOfMemoryError: a step does not fit into memory; the message names a batch size that does.
        TrainingError: the run in `run_dir` is another or damaged, a teacher is unfinished, or the
            device is not there, or the pretrained weights are damaged.
        MissingExtraError: they are safetensors, whose package is not installed.
    """
    call = _Call(
        faces=faces,
        recipe=recipe,
        run_dir=Path(run_dir),
        seed=seed,
        device=device,
        resume=resume,
        teachers=tuple(teachers),
        devices=devices,
        nodes=nodes,
        compile=compile,
        pretrained=pretrained,
    )
    check_counts(devices, nodes)
    if compile not in (known := get_args(Compile)):
        raise OptionError(f"compile: expected one of {', '.join(known)}; got {compile!r}")
    _splits(faces)
    fabric = _fabric(call)
    with processes(fabric, _fabric, _train, call):
        return _train(call, fabric, report if fabric.is_global_zero else None)


def _train(
    call: _Call, fabric: Fabric, report: Callable[[Progress], None] | None = None
) -> TrainingResult:
    """One of the processes of a run; all of them go through this in step."""
    recipe, run_dir, seed = call.recipe, call.run_dir, call.seed
    train_faces, val_faces = _splits(call.faces)
    teachers = Teachers(call.teachers, recipe)
    pretrained = None if call.pretrained is None else Pretrained(call.pretrained, recipe)
    mode = _compile_mode(call.compile, fabric.device)
    config = _config(call, teachers, pretrained, mode, fabric)
    if call.resume:
        _check_same_run(read_config(run_dir), config, run_dir)

    torch.manual_seed(seed)
    network = network_of(recipe)
    if pretrained:
        pretrained.fill(network)
    with told_of_memory("the network and the faces"):
        # Before the optimizer is made: a fused one looks where the weights are.
        network.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if fabric.world_size > 1 and fabric.device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        train_batches = Batches(train_faces, votes=recipe.votes_weight > 0, device=fabric.device)
        val_batches = Batches.of(val_faces, device=fabric.device)
        compiled: Any = _compiled(network, mode)
        model, optimizer = fabric.setup(compiled, _optimizer(network, recipe, fabric.device))
        teachers.prepare(fabric.device, compiled=mode != "off")
    state = State(
        network=network,
        optimizer=optimizer.optimizer,
        generator=torch.Generator(fabric.device).manual_seed(seed),
        average=WeightAverage(network, recipe.ema) if recipe.ema else None,
        history=[],
    )
    if fabric.global_rank:  # each process drops units of its own
        torch.manual_seed(own_seed(seed, state, fabric.global_rank))
    if call.resume:
        restore(state, run_dir, fabric, seed)
    elif fabric.is_global_zero:
        start_folder(run_dir, config)
    views = None
    if recipe.stored_views:
        taught = " ".join(run.fingerprint for run in teachers.runs)
        basis = f"{taught} {config.data_fingerprint}"
        views = StoredViews(train_batches, recipe, seed=seed, basis=basis)
    epochs = Epochs(
        model,
        state,
        train_batches,
        recipe,
        seed=seed,
        run_dir=run_dir,
        fabric=fabric,
        teachers=teachers,
        views=views,
        compiled=mode != "off",
        report=report,
    )

    with _interrupt_flag() as interrupted, _fast_convolutions(fabric.device), kept_memory():
        if state.epoch <= recipe.epochs and not epochs.ask_teachers(interrupted):
            return TrainingResult(run_dir, tuple(state.history), state.best, None, finished=False)
        while state.epoch <= recipe.epochs:
            if not epochs.train_one(interrupted):
                save(state, run_dir, fabric)
                return TrainingResult(
                    run_dir, tuple(state.history), state.best, None, finished=False
                )
            started = time.perf_counter()
            val_loss, val_accuracy = _loss_and_accuracy(state.measured, val_batches, fabric)
            check_finite(val_loss, state)
            row = EpochRow(
                epoch=state.epoch,
                loss=state.loss_sum / state.seen,
                accuracy=state.correct / state.seen,
                val_loss=val_loss,
                val_accuracy=val_accuracy,
                learning_rate=state.optimizer.param_groups[0]["lr"],
                seconds=state.seconds + time.perf_counter() - started,
            )
            state.finish_epoch(row)
            save(state, run_dir, fabric)
            if report:
                steps = epochs.steps
                report(
                    Progress(
                        row.epoch, recipe.epochs, steps, steps, row.loss, row.accuracy, row=row
                    )
                )
            if _anywhere(interrupted.is_set(), fabric) and state.epoch <= recipe.epochs:
                # It came in the last step of the epoch, or while val was read; all is saved.
                return TrainingResult(
                    run_dir, tuple(state.history), state.best, None, finished=False
                )
    fabric.barrier()  # the first process has written best.pt
    network.load_state_dict(read_checkpoint(run_dir / "best.pt")["network"])
    _, train_accuracy = _loss_and_accuracy(network, train_batches, fabric)
    return TrainingResult(
        run_dir,
        tuple(state.history),
        state.best,
        train_accuracy=train_accuracy,
        finished=True,
        interrupted=interrupted.is_set(),
    )


@torch.no_grad()
@told_of_memory(f"reading {EVALUATION_BATCH} faces at a time")
def _loss_and_accuracy(network: Network, batches: Batches, fabric: Fabric) -> tuple[float, float]:
    """Cross-entropy and accuracy as the network will be used: no dropout, full precision.

    Each process reads its share of the faces, by the first one's statistics of normalisation.
    """
    network.eval()
    if fabric.world_size > 1:
        for buffer in network.buffers():
            torch.distributed.broadcast(buffer, 0)
    share = share_of(len(batches), rank=fabric.global_rank, processes=fabric.world_size)
    sums: list[Tensor] = []
    for start in range(share.start, share.stop, EVALUATION_BATCH):
        batch = batches.take(slice(start, min(start + EVALUATION_BATCH, share.stop)))
        logits, _ = network(batch.pixels)
        loss = F.cross_entropy(logits, batch.targets, reduction="sum")
        sums.append(torch.stack([loss, (logits.argmax(1) == batch.targets).sum().to(loss.dtype)]))
    # One wait for the device; summed in double precision, which not every device has.
    own = torch.stack(sums).cpu().double().sum(0) if sums else torch.zeros(2, dtype=torch.float64)
    if fabric.world_size > 1:
        own = sum_of(own.to(fabric.device), fabric)
    loss_sum, correct = own.tolist()
    return loss_sum / len(batches), correct / len(batches)


def _anywhere(flag: bool, fabric: Fabric) -> bool:
    """Whether it is so in any process."""
    if fabric.world_size == 1:
        return flag
    return bool(sum_of(torch.tensor(float(flag), device=fabric.device), fabric))


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


def _fabric(call: _Call) -> Fabric:
    def fabric_in(precision: Literal["32-true", "bf16-mixed"]) -> Fabric:
        several: dict[str, Any] = {}
        if call.devices * call.nodes > 1:  # a strategy is for one Fabric alone
            several = {"num_nodes": call.nodes, "strategy": DDPStrategy(timeout=STUCK_AFTER)}
        return Fabric(accelerator=call.device, devices=call.devices, precision=precision, **several)

    try:
        with without_notes_of_lightning():
            fabric = fabric_in("32-true")
            if call.recipe.precision == "bf16" and _has_bf16(fabric.device):
                fabric = fabric_in("bf16-mixed")
    except (RuntimeError, ValueError, MisconfigurationException) as error:
        what = "" if call.devices * call.nodes == 1 else f" with {call.devices} devices"
        raise TrainingError(f"device: expected auto, cpu, cuda or mps{what}; {error}") from error
    return fabric


def _compile_mode(asked: Compile, device: torch.device) -> str:
    if asked == "auto":
        return "default" if device.type == "cuda" else "off"
    return asked


def _compiled(network: Network, mode: str) -> Any:
    if mode == "off":
        return network
    return torch.compile(network, dynamic=False, mode=None if mode == "default" else mode)


@contextmanager
def _fast_convolutions(device: torch.device) -> Iterator[None]:
    """Lets cuDNN time its algorithms and keep the fastest: every batch has the same size."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = device.type == "cuda"
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def _has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 numbers faster than 32-bit ones."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported())
    return False


def _config(
    call: _Call, teachers: Teachers, pretrained: Pretrained | None, mode: str, fabric: Fabric
) -> RunConfig:
    device = fabric.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    used = call.faces.split("train+val")
    val = replace(used.split("val"), votes=None)
    return RunConfig(
        recipe=call.recipe,
        seed=call.seed,
        data_name=call.faces.name,
        data_fingerprint=used.fingerprint(),
        train_count=int((used.splits == "train").sum()),
        val_count=int((used.splits == "val").sum()),
        precision=fabric._precision.precision,
        device=f"{device.type} ({name}, {torch.get_num_threads()} threads)",
        mien_version=__version__,
        torch_version=torch.__version__,
        teachers=teachers.runs,
        processes=fabric.world_size,
        compiled=mode,
        pretrained=pretrained.run if pretrained else None,
        val_share=used.val_share,
        val_fingerprint=val.fingerprint(),
    )


def _check_same_run(stored: RunConfig, now: RunConfig, run_dir: Path) -> None:
    different = {
        "recipe settings": _different_settings(stored.recipe, now.recipe),
        "seed": (str(stored.seed), str(now.seed)),
        "data": (_data_in_words(stored), _data_in_words(now)),
    }
    earlier = {
        "teachers": (stored.teachers, now.teachers),
        "pretrained weights": tuple((c.pretrained,) if c.pretrained else () for c in (stored, now)),
    }
    for what, (begun, given) in earlier.items():
        # By their weights; a folder may have got another name.
        if [run.fingerprint for run in begun] != [run.fingerprint for run in given]:
            different[what] = _names_of(begun), _names_of(given)
    for what, (before, after) in different.items():
        if before != after:
            raise TrainingError(
                f"{run_dir} was begun with {what} {before}; this call has {after}. "
                "Resume with the same, or train into another folder"
            )


def _data_in_words(config: RunConfig) -> str:
    # Without its name: the file may have got another one.
    counts = f"{config.train_count:,} train and {config.val_count:,} val faces"
    return f"{counts} ({config.data_fingerprint[:8]})"


def _names_of(runs: tuple[EarlierRun, ...]) -> str:
    return ", ".join(f"{run.name} ({run.fingerprint[:8]})" for run in runs) or "none"


def _different_settings(one: Recipe, other: Recipe) -> tuple[str, str]:
    """The settings in which two recipes differ, as texts of the one and of the other."""
    values, others = asdict(one), asdict(other)
    different = [name for name in values if values[name] != others[name]]
    if len(different) > 1:
        different = [name for name in different if name != "about"]
    texts = [", ".join(f"{name} {of[name]}" for name in different) for of in (values, others)]
    return texts[0], texts[1]


def _optimizer(network: Network, recipe: Recipe, device: torch.device) -> torch.optim.Optimizer:
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "muon":
        return Muon(network, lr=rate, weight_decay=decay)
    decayed = [p for p in network.parameters() if p.ndim > 1]
    free = [p for p in network.parameters() if p.ndim <= 1]  # biases and norms are not decayed
    groups = [
        {"params": decayed, "weight_decay": decay},
        {"params": free, "weight_decay": 0.0},
    ]
    fused = True if device.type in ("cpu", "cuda") else None  # one pass over each parameter
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, fused=fused)
    # Keras's epsilon, so that the paper's recipe is the paper's.
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=rate, eps=1e-7, fused=fused)


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
