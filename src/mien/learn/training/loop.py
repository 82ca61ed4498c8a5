"""One flat training loop on Lightning Fabric: one process, or one for each device.

`mien.learn.training.runs` says what the folder of a run holds. The checkpoint is chosen on val
(PublicTest) and on nothing else: test (PrivateTest) is never read.
"""

import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

from mien import __version__
from mien.errors import DataError, DivergedError, TrainingError, check_choice, needs_extra

with needs_extra("train", "training"):
    from lightning_fabric import Fabric
    from lightning_fabric.utilities.exceptions import MisconfigurationException

from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.networks import Network
from mien.learn.training.allocator import kept_memory
from mien.learn.training.batches import Batches, augment_by, epoch_order, share_of, split_order
from mien.learn.training.distillation import Teachers
from mien.learn.training.memory import told_of_memory
from mien.learn.training.pretrained import Pretrained
from mien.learn.training.processes import (
    Flag,
    SeveralDevices,
    check_counts,
    launch,
    quiet_libraries,
    sum_of,
)
from mien.learn.training.recipes import Recipe
from mien.learn.training.runs import (
    EpochRow,
    RunConfig,
    State,
    check_same_run,
    network_of,
    own_seed,
    read_checkpoint,
    read_config,
    restore,
    save,
    start_folder,
)
from mien.learn.training.steps import Step, learning_rate_at, optimizer_of
from mien.learn.training.views import StoredViews
from mien.output.files import alone

EVALUATION_BATCH: Final = 256
CHECK_EVERY_STEPS: Final = 10  # how often the loss is looked at; each look waits for the device

Compile = Literal["auto", "off", "default", "reduce-overhead", "max-autotune"]


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
    asked: float | None = None  # before the first step: share of the teachers' answers


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
    resume: bool
    teachers: tuple[str | Path, ...]
    compile: str  # "auto" is decided
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

    An interrupt (Ctrl-C) finishes the step under way and returns; with `resume` the same call
    begins the epoch again that was under way, as it does after a kill. On the CPU the run comes out
    bit for bit as if nothing had happened.

    With several devices each works on its share of every batch (data parallelism), so that
    `recipe.batch_size` is that of all together, and the views of the faces are those that one
    device would have made. Batch normalization takes its statistics over the whole batch on CUDA
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
        report: called in this process every few steps and after each epoch, on the first node.
        teachers: folders of finished runs to learn from, where the recipe gives them a weight.
        devices: of this kind on each node; see `mien.learn.training.processes` for what
            scripts must do.
        nodes: machines on which this same call is made.
        compile: "off"; a mode of torch.compile: "default", "reduce-overhead" (CUDA graphs) or
            "max-autotune"; "auto" is "reduce-overhead" on one CUDA device, "default" on several
            and "off" elsewhere.
        pretrained: weights to begin with, in place of random ones: the folder of a run, a file that
            `mien.learn.files.export.export_model` wrote as safetensors, or "mien" for those of the
            model in the package.
    Raises:
        DataError: `faces` lacks a split, or the votes that the recipe needs, or train has faces of
            one emotion alone.
        OptionError: no network has the name in the recipe; a number of devices or nodes is below
            1; there are teachers and the recipe gives them no weight, or the other way round; or
            the pretrained weights are of another network.
        OutputError: `run_dir` holds something, another run is at work in it, or it cannot be
            written.
        DivergedError: the loss is no longer a finite number.
        OutOfMemoryError: a step does not fit into memory; the message names a batch size that does.
        TrainingError: the run in `run_dir` is another or damaged, a teacher is unfinished, or the
            device is not there, or the pretrained weights are damaged.
        MissingExtraError: they are safetensors, whose package is not installed.
    """
    check_counts(devices, nodes)
    check_choice("compile", compile, get_args(Compile))
    _splits(faces)
    fabric = _fabric(device, devices, nodes, bf16=recipe.precision == "bf16")
    if compile == "auto":
        compile = "off"
        if fabric.device.type == "cuda":
            compile = "reduce-overhead" if fabric.world_size == 1 else "default"
    call = _Call(faces, recipe, Path(run_dir), seed, resume, tuple(teachers), compile, pretrained)
    return launch(fabric, partial(_train, call), report)


def _train(
    call: _Call, fabric: Fabric, report: Callable[[Progress], None] | None, interrupted: Flag
) -> TrainingResult:
    """One of the processes of a run; all of them go through this in step."""
    recipe, run_dir = call.recipe, call.run_dir
    train_faces, val_faces = _splits(call.faces)
    teachers = Teachers(call.teachers, recipe)
    pretrained = None if call.pretrained is None else Pretrained(call.pretrained, recipe)
    config, compiles = _config(call, teachers, pretrained, fabric), call.compile != "off"
    if call.resume:
        check_same_run(read_config(run_dir), config, run_dir)

    torch.manual_seed(call.seed)
    network = network_of(recipe)
    if pretrained:
        pretrained.fill(network)
    with told_of_memory("the network and the faces"):
        # Before the optimizer is made: a fused one looks where the weights are.
        network.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if fabric.world_size > 1 and fabric.device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        train = Batches(train_faces, votes=recipe.votes_weight > 0, device=fabric.device)
        val = Batches(val_faces, device=fabric.device)
        compiled: Any = network
        if compiles:
            mode = None if call.compile == "default" else call.compile
            compiled = torch.compile(network, dynamic=False, mode=mode)
        model, optimizer = fabric.setup(compiled, optimizer_of(network, recipe, fabric.device))
        teachers.prepare(fabric.device, compiled=compiles)
    state = State(
        network=network,
        optimizer=optimizer.optimizer,
        generator=torch.Generator(fabric.device).manual_seed(call.seed),
        average=AveragedModel(network, use_buffers=True) if recipe.ema else None,
        history=[],
    )
    if fabric.global_rank:  # each process drops units of its own
        torch.manual_seed(own_seed(call.seed, state, fabric.global_rank))
    # Not in the network's mode: what CUDA graphs give is overwritten by their next call.
    moved_by = torch.compile(augment_by, dynamic=False) if compiles else augment_by
    with alone(run_dir, "mien train") if fabric.is_global_zero else nullcontext():
        if call.resume:
            restore(state, run_dir, fabric, call.seed)
        elif fabric.is_global_zero:
            start_folder(run_dir, config)
        views = None
        if recipe.stored_views:
            taught = " ".join(run.fingerprint for run in teachers.runs)
            basis = f"{taught} {config.data_fingerprint}"
            views = StoredViews(
                train, recipe, moved_by, seed=call.seed, basis=basis, compiled=compiles
            )
        step = Step(
            model, state, train, recipe, fabric, teachers, moved_by, views, compiled=compiles
        )
        with _fast_convolutions(fabric.device), kept_memory():
            if not _run_epochs(call, step, val, report, interrupted):
                return TrainingResult(
                    run_dir, tuple(state.history), state.best, None, finished=False
                )
        fabric.barrier()  # the first process has written best.pt
        network.load_state_dict(read_checkpoint(run_dir / "best.pt")["network"])
        _, accuracy = _loss_and_accuracy(network, train, fabric)
    late = interrupted.is_set()
    return TrainingResult(
        run_dir, tuple(state.history), state.best, accuracy, finished=True, interrupted=late
    )


def _run_epochs(
    call: _Call,
    step: Step,
    val: Batches,
    report: Callable[[Progress], None] | None,
    interrupted: Flag,
) -> bool:
    """All epochs that are left; False if an interrupt came before the last was finished."""
    recipe, fabric, state, size = call.recipe, step.fabric, step.state, call.recipe.batch_size
    count, first = len(step.batches), len(state.history) + 1
    steps = math.ceil(count / size)
    tell = report or (lambda progress: None)

    def tell_asked(share: float) -> None:
        tell(Progress(first, recipe.epochs, 0, steps, 0.0, 0.0, asked=share))

    if (
        step.views
        and first <= recipe.epochs
        and not step.views.ask(step.teachers, call.run_dir, fabric, interrupted, tell_asked)
    ):
        return False
    for epoch in range(first, recipe.epochs + 1):
        started = time.perf_counter()
        step.begin(epoch)
        order = epoch_order(count, seed=call.seed, epoch=epoch).to(fabric.device)
        seen, sums = 0, torch.zeros(2, device=fabric.device)  # losses, right answers
        for number, rows in enumerate(split_order(order, size, fill=step.compiled), start=1):
            rate = learning_rate_at(recipe, epoch - 1 + number / steps)
            sums += step(rows, rate, f"epoch {epoch}, step {number}")
            seen += len(rows)
            stop = interrupted.is_set() and fabric.world_size == 1
            if number % CHECK_EVERY_STEPS == 0 or number == steps:
                flag = sums.new_tensor([float(interrupted.is_set())])
                loss, correct, flags = sum_of(torch.cat([sums, flag]), fabric).tolist()
                _check_finite(loss, epoch, number)
                tell(Progress(epoch, recipe.epochs, number, steps, loss / seen, correct / seen))
                stop = stop or flags > 0  # several processes agree on it here
            if stop and number < steps:
                return False
        val_loss, val_accuracy = _loss_and_accuracy(state.measured, val, fabric)
        _check_finite(val_loss, epoch, steps)
        seconds = time.perf_counter() - started
        row = EpochRow(epoch, loss / seen, correct / seen, val_loss, val_accuracy, rate, seconds)
        save(state, row, call.run_dir, fabric)
        tell(Progress(epoch, recipe.epochs, steps, steps, row.loss, row.accuracy, row=row))
        flag = torch.tensor(float(interrupted.is_set()), device=fabric.device)
        if epoch < recipe.epochs and sum_of(flag, fabric):
            return False
    return True


def _check_finite(loss: float, epoch: int, step: int) -> None:
    if not math.isfinite(loss):
        kept = "; the best weights so far are kept" if epoch > 1 else ""
        raise DivergedError(
            f"the loss is no longer a finite number in epoch {epoch}, step {step}. "
            f"Try a lower learning rate{kept}"
        )


@torch.no_grad()
@told_of_memory(f"reading {EVALUATION_BATCH} faces at a time")
def _loss_and_accuracy(network: Network, batches: Batches, fabric: Fabric) -> tuple[float, float]:
    """Cross-entropy and accuracy as the network will be used: no dropout, full precision.

    Each process reads its share of the faces, by the first one's statistics of normalization.
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


def _splits(faces: FaceSet) -> tuple[FaceSet, FaceSet]:
    there = set(faces.splits.tolist())
    if "train" not in there or "val" not in there:
        raise DataError(
            f"training needs the splits train and val; {faces.name} has "
            f"{', '.join(sorted(there))}. Hold out a share of train as val, as --val-share 0.1 "
            "does, or add a folder val"
        )
    train = faces.split("train")
    if len(known := np.unique(train.targets)) < 2:
        raise DataError(
            f"training needs faces of two emotions and more; train of {faces.name} has only "
            f"{EMOTIONS[known[0]]}"
        )
    return train, faces.split("val")


def _fabric(device: str, devices: int, nodes: int, *, bf16: bool) -> Fabric:
    def fabric_in(precision: Literal["32-true", "bf16-mixed"]) -> Fabric:
        several: dict[str, Any] = {}
        if devices * nodes > 1:  # a strategy is for one Fabric alone
            several = {"num_nodes": nodes, "strategy": SeveralDevices()}
        return Fabric(accelerator=device, devices=devices, precision=precision, **several)

    try:
        with quiet_libraries():
            fabric = fabric_in("32-true")
            return fabric_in("bf16-mixed") if bf16 and _has_bf16(fabric.device) else fabric
    except (RuntimeError, ValueError, MisconfigurationException) as error:
        what = "" if devices * nodes == 1 else f" with {devices} devices"
        raise TrainingError(f"device: expected auto, cpu, cuda or mps{what}; {error}") from error


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
    call: _Call, teachers: Teachers, pretrained: Pretrained | None, fabric: Fabric
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
        compiled=call.compile,
        pretrained=pretrained.run if pretrained else None,
        val_share=used.val_share,
        val_fingerprint=val.fingerprint(),
    )
