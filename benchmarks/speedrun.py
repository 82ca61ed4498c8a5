"""How soon the paper's CNN, trained as fast as the device can, is as good as the paper's.

    python benchmarks/speedrun.py --data FER2013 [--epochs N] [--seeds 5]
    python benchmarks/speedrun.py --data FER2013 --epochs 100          # as many as the paper
    python benchmarks/speedrun.py --data FER2013 --choose 12,16,20,26,32
    python benchmarks/speedrun.py --data FER2013 --device cpu --epochs 1 --limit 2000 --seeds 1

The network is the paper's, with all of its 2,489,095 parameters (`mien.learn.networks`), and trains
on the 28,709 faces of Training from weights that nothing was learned into. The paper reads .6538 of
PublicTest and PrivateTest together (7,178 faces) after 100 epochs in over 17 hours on a CPU. No run
of this has read as much yet (LOG.md, "fewer epochs"); its default of 26 epochs with AdamW, and a
GPU, were not tried.

The clock starts when the data and fresh weights are on the device and all is compiled, and stops
when the last step has left the device; what decides the order of the faces is drawn inside it. A
second figure counts from the start of the process: imports, reading the data, compiling and all.

Nothing is chosen by what is reported: the number of epochs is an option, and `--choose` compares
numbers of epochs by the accuracy on PublicTest alone. The weights are those of the last step. They
are read in full precision, in one view, and beside it in two (mirrored, probabilities averaged).

On an NVIDIA GPU the whole training step is one CUDA graph: gather, augmentation, forward and
backward in bfloat16, the optimizer, and the learning rate from a table, with every number on the
device; training is nothing but its replays. Elsewhere the same function runs as it is, in bfloat16
where a CPU has units for it. After K. Jordan's airbench (arXiv:2404.00498): data on the device,
half precision, channels_last, batched augmentation, a triangular learning rate.
"""

import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Final

import numpy as np
import psutil  # type: ignore[import-untyped]
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from mien.cli.shared import print_table
from mien.errors import DivergedError, MienError, OptionError
from mien.learn.data.datasets import SPLITS, FaceSet, load_faces
from mien.learn.networks import BackboneOptions, Network, build
from mien.learn.training.allocator import kept_memory
from mien.learn.training.batches import Augmentation, Batches, augment_by, augmentation_draws
from mien.learn.training.loop import _has_bf16
from mien.recognize.crops import SIZE_PX
from program import INTERRUPTED, options_of, processor
from program import say as tell

say = partial(tell, "speedrun")

PAPER_ACCURACY: Final = 0.6538  # on val+test: Njoku et al. 2024
PAPER_SECONDS: Final = 17 * 3600.0  # "over 17 hours"

EVALUATION_BATCH: Final = 1024
WARM_UP_STEPS: Final = 3  # before the capture, as PyTorch's notes on CUDA graphs have it


@dataclass(frozen=True)
class Settings:
    """How the network is trained; times are in epochs, sizes in faces."""

    epochs: int = 26
    batch_size: int = 512  # an epoch's last batch is left out where it is smaller
    learning_rate: float = 2e-3  # AdamW's, at its highest
    warmup: float = 0.1  # of all steps the rate rises, then it falls to 0; both in a line
    weight_decay: float = 0.01
    dropout: float = 0.1  # the paper's two
    dense_dropout: float = 0.2
    mean: float = 129.5  # of the training images, gray levels
    std: float = 65.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    network: str = "paper"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if not getattr(self, name) >= 1:
                raise OptionError(f"{name}: expected 1 or more; got {getattr(self, name)}")
        if not self.learning_rate > 0.0:
            raise OptionError(f"learning_rate: expected more than 0; got {self.learning_rate}")
        for name in ("warmup", "dropout", "dense_dropout"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise OptionError(f"{name}: expected 0 to below 1; got {getattr(self, name)}")


@dataclass(frozen=True)
class SeedResult:
    """One training from one seed; accuracies are 0 to 1, of the weights of the last step."""

    seed: int
    seconds: float  # by the clock above
    val: float
    test: float
    both: float  # val+test, the paper's 7,178 faces
    both_two_views: float  # likewise, mirrored too


@dataclass(frozen=True)
class SpeedrunResult:
    """What the benchmark came to."""

    device: str
    how: str  # precision, and what a step is
    train_faces: int
    eval_faces: int
    limit: int  # of the faces of each split; 0 where all were taken
    settings: Settings
    seeds: tuple[SeedResult, ...]
    prepare_seconds: float  # from the start of the process to the first start of the clock
    first_seconds: float  # from the start of the process to the end of the first training
    flops_per_face: float  # as the function of that name counts them
    flops_per_s: float  # those of all faces, over the seconds of training
    matrix_flops_per_s: float  # what one large matrix product of the same precision reaches


def learning_rates(settings: Settings, steps: int) -> Tensor:
    """(steps,) float32: the learning rate of each step, a triangle that ends at 0.

    As in airbench (arXiv:2404.00498): up in a line, down in a line.
    """
    done = (torch.arange(steps, dtype=torch.float64) + 1.0) / steps
    down = (1.0 - done) / (1.0 - settings.warmup)
    up = done / settings.warmup if settings.warmup else torch.ones_like(done)
    return (settings.learning_rate * torch.minimum(up, down)).to(torch.float32)


class Training:
    """Everything that training touches, on the device and at addresses that stay."""

    def __init__(self, faces: FaceSet, settings: Settings, device: torch.device) -> None:
        if len(faces) < settings.batch_size:
            raise OptionError(
                f"batch_size: expected at most the {len(faces):,} training faces; "
                f"got {settings.batch_size}"
            )
        self.settings = settings
        self.device = device
        self.batches = Batches(faces, device=device)
        self.steps = len(faces) // settings.batch_size  # of an epoch
        total = self.steps * settings.epochs
        # What a step reads and writes besides weights: all of it lives as long as the graph.
        self.index = torch.zeros(1, dtype=torch.int64, device=device)  # of the step
        self.order = torch.zeros(total, settings.batch_size, dtype=torch.int64, device=device)
        self.rates = learning_rates(settings, total).to(device)
        self.loss = torch.zeros((), device=device)  # of the last step
        self.bf16 = _has_bf16(device)
        # The device's own generator is the one that a CUDA graph knows without being told.
        self.generator = (
            torch.cuda.default_generators[torch.cuda.current_device()]
            if device.type == "cuda"
            else torch.default_generator
        )
        self.network = self._fresh_network().to(device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=torch.tensor(settings.learning_rate, device=device),
            weight_decay=settings.weight_decay,
            fused=True,
            capturable=device.type == "cuda",
        )

    def _fresh_network(self) -> Network:
        settings = self.settings
        options = BackboneOptions(dropout=settings.dropout, dense_dropout=settings.dense_dropout)
        return build(settings.network, mean=settings.mean, std=settings.std, options=options)

    def begin(self, seed: int) -> None:
        """Fresh weights and a fresh optimizer, in place: a captured graph knows their addresses."""
        torch.manual_seed(seed)
        self.network.load_state_dict(self._fresh_network().state_dict())
        self.network.train()
        with torch.no_grad():
            for state in self.optimizer.state.values():
                for value in state.values():
                    value.zero_()
            self.index.zero_()

    def draw_order(self) -> None:
        """The faces of every batch of the run."""
        count, size = len(self.batches), self.settings.batch_size
        for epoch in range(self.settings.epochs):
            rows = torch.randperm(count, generator=self.generator, device=self.device)
            first = epoch * self.steps
            self.order[first : first + self.steps] = rows[: self.steps * size].view(-1, size)

    def step(self) -> None:
        """One training step; all it needs is on the device, and nothing waits for it."""
        # By index_select: indexing with a tensor of one number would ask the device for it.
        rows = self.order.index_select(0, self.index).view(-1)
        pixels = self.batches.images.index_select(0, rows).to(torch.float32)
        draws = augmentation_draws(len(rows), self.settings.augmentation, self.generator)
        pixels = augment_by(pixels, draws, self.settings.augmentation)
        shown = self.batches.targets.index_select(0, rows)
        rate = self.rates.index_select(0, self.index).squeeze(0)
        for group in self.optimizer.param_groups:
            group["lr"].copy_(rate)
        # Without gradients before the backward pass, a capture allocates them in its own memory.
        self.optimizer.zero_grad(set_to_none=True)
        # No cache of cast weights: each is cast once a step anyway, and a graph must not keep any.
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.bf16, cache_enabled=False
        ):
            logits, _ = self.network(pixels)  # (N, 7)
        loss = F.cross_entropy(logits.float(), shown)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.loss.copy_(loss.detach())
        self.index.add_(1)

    def warm_up(self) -> None:
        """One step that leaves nothing behind but what the first step of all allocates."""
        self.index.zero_()
        self.step()

    def captured(self) -> Callable[[], None]:
        """The step as one CUDA graph: a function that replays it.

        As PyTorch's notes on CUDA semantics have it ("Whole-network capture"): steps on a side
        stream first, so that what is lazy is made and every kernel is chosen; then the capture.
        """
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_STEPS):
                self.warm_up()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            self.step()
        return graph.replay

    def run(self, advance: Callable[[], None]) -> float:
        """Train from where `begin` left it, step by step; the seconds by the clock."""
        synchronize(self.device)
        start = time.perf_counter()
        self.draw_order()
        for _ in range(self.settings.epochs * self.steps):
            advance()
        synchronize(self.device)
        seconds = time.perf_counter() - start
        if not math.isfinite(loss := float(self.loss)):
            raise DivergedError(f"the loss of the last step is {loss}; try a lower --learning-rate")
        return seconds


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@torch.no_grad()
def correct(network: Network, batches: Batches) -> tuple[int, int]:
    """How many faces are read as they are labelled, in full precision.

    In one view, and in two: the face and its mirror image, whose mean probabilities decide.
    """
    network.eval()
    right = torch.zeros(2, dtype=torch.int64, device=batches.targets.device)
    for batch in batches.in_order(EVALUATION_BATCH):
        one = network(batch.pixels)[0].softmax(1)
        two = one + network(batch.pixels.flip(3))[0].softmax(1)
        for views, probabilities in enumerate((one, two)):
            right[views] += (probabilities.argmax(1) == batch.targets).sum()
    return int(right[0]), int(right[1])


def flops_per_face(network: Network) -> float:
    """Floating-point operations of forward and backward in convolutions and matrix products."""
    device = next(network.parameters()).device
    pixels = torch.zeros(2, 1, SIZE_PX, SIZE_PX, device=device)
    with FlopCounterMode(display=False) as counter:
        network(pixels)[0].sum().backward()
    network.zero_grad(set_to_none=True)
    return float(counter.get_total_flops()) / len(pixels)


def matrix_rate(device: torch.device, *, bf16: bool) -> float:
    """Floating-point operations a second in one large matrix product; the best of several."""
    side = 8192 if device.type == "cuda" else 1024
    one = torch.ones(side, side, dtype=torch.bfloat16 if bf16 else torch.float32, device=device)
    best = math.inf
    for _ in range(12):
        synchronize(device)
        start = time.perf_counter()
        one @ one
        synchronize(device)
        best = min(best, time.perf_counter() - start)
    return 2.0 * side**3 / best


def since_process_start() -> float:
    """Seconds since the process was started."""
    return float(time.time() - psutil.Process().create_time())


def device_words(device: torch.device) -> str:
    """The device, so that a reader knows what a time was taken on."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    threads = torch.get_num_threads()
    count = f"{threads} thread{'s' * (threads != 1)}"
    return f"CPU ({processor()}), {count}, torch {torch.__version__}"


def speedrun(
    faces: FaceSet,
    settings: Settings,
    *,
    seeds: Sequence[int],
    device: torch.device,
    limit: int = 0,
    report: Callable[[SeedResult], None] | None = None,
) -> SpeedrunResult:
    """Train once for each seed and measure; Ctrl-C keeps the seeds that are finished.

    Test is read and reported, and decides nothing. With a limit so many faces of each split are
    taken, drawn at random with seed 0.
    """
    train, *parts = (_some(faces.split(name), limit) for name in SPLITS)
    batches = [Batches(part, device=device) for part in parts]  # val, test
    training = Training(train, settings, device)
    if on_gpu := device.type == "cuda":
        torch.backends.cudnn.benchmark = True
    else:
        training.warm_up()
    advance = training.captured() if on_gpu else training.step

    prepare_seconds = first_seconds = 0.0
    results: list[SeedResult] = []
    try:
        for seed in seeds:
            training.begin(seed)
            prepare_seconds = prepare_seconds or since_process_start()
            with kept_memory():
                seconds = training.run(advance)
            first_seconds = first_seconds or since_process_start()
            results.append(_measured(training.network, batches, seed, seconds))
            if report:
                report(results[-1])
    except KeyboardInterrupt:
        if not results:
            raise
    how = "one CUDA graph a step" if on_gpu else "step by step, without a CUDA graph"
    per_face = flops_per_face(training.network)
    return SpeedrunResult(
        device=device_words(device),
        how=f"{'bfloat16' if training.bf16 else 'float32'}, {how}",
        train_faces=len(train),
        eval_faces=sum(map(len, batches)),
        limit=limit,
        settings=settings,
        seeds=tuple(results),
        prepare_seconds=prepare_seconds,
        first_seconds=first_seconds,
        flops_per_face=per_face,
        flops_per_s=per_face
        * training.order.numel()
        / statistics.median(result.seconds for result in results),
        matrix_flops_per_s=matrix_rate(device, bf16=training.bf16),
    )


def _measured(
    network: Network, batches: Sequence[Batches], seed: int, seconds: float
) -> SeedResult:
    right = np.array([correct(network, part) for part in batches])  # by views
    n = np.array([len(part) for part in batches])
    val, test = (right[:, 0] / n).tolist()
    both, both_two_views = (right.sum(axis=0) / n.sum()).tolist()
    return SeedResult(seed, seconds, val, test, both, both_two_views)


def _some(faces: FaceSet, limit: int) -> FaceSet:
    if not 0 < limit < len(faces):
        return faces
    return faces.take(np.random.default_rng(0).permutation(len(faces))[:limit])


def print_result(result: SpeedrunResult) -> None:
    """The result as a table and some lines."""
    settings = result.settings
    print(
        f"{result.device}; {result.how}\n"
        f"network {settings.network}, {result.train_faces:,} faces, "
        f"{settings.epochs} epoch{'s' * (settings.epochs != 1)}, "
        f"batch {settings.batch_size}; read on {result.eval_faces:,} faces\n"
    )
    values = {
        str(r.seed): (
            *(r.seconds, r.seconds / settings.epochs),
            *(r.val, r.test, r.both, r.both_two_views),
        )
        for r in result.seeds
    }
    columns = np.array(list(values.values())).T
    values["mean"] = tuple(map(statistics.mean, columns.tolist()))
    if len(result.seeds) > 1:
        values["spread"] = tuple(map(statistics.stdev, columns.tolist()))
    form = "{:.2f} {:.3f} {:.4f} {:.4f} {:.4f} {:.4f}"
    header = ["seed", "seconds", "an epoch", "val", "test", "val+test", "in two views"]
    print_table(header, [[n, *form.format(*row).split()] for n, row in values.items()], left=(0,))
    print()
    if result.limit:
        print(f"a trial: at most {result.limit:,} faces of each split, not to compare with others")
    else:
        gap = 100.0 * (values["mean"][4] - PAPER_ACCURACY)
        print(
            f"val+test {values['mean'][4]:.4f} in the mean is {abs(gap):.2f} points "
            f"{'above' if gap >= 0.0 else 'below'} the paper's {PAPER_ACCURACY}; "
            f"its 17 hours are {PAPER_SECONDS / np.median(columns[0]):,.0f} times as long"
        )
    print("clock: from data and weights on the device, all compiled, to the end of the last step")
    print(
        f"from the start of the process: {result.prepare_seconds:.1f} s until the clock starts, "
        f"{result.first_seconds:.1f} s until the first seed is trained"
    )
    print(
        f"{result.flops_per_face / 1e9:.3f} GFLOP a face in forward and backward, "
        f"{_rate(result.flops_per_s)}: {result.flops_per_s / result.matrix_flops_per_s:.1%} of "
        f"what a matrix product reaches here ({_rate(result.matrix_flops_per_s)})"
    )


def _rate(flops_per_s: float) -> str:
    if flops_per_s >= 1e12:
        return f"{flops_per_s / 1e12:.1f} TFLOP/s"
    return f"{flops_per_s / 1e9:.1f} GFLOP/s"


def print_choice(results: Sequence[SpeedrunResult]) -> None:
    """What a number of epochs is chosen by: accuracy on val alone."""
    rows, enough = [], []
    for result in results:
        epochs, values = result.settings.epochs, [seed.val for seed in result.seeds]
        seconds, mean = statistics.median(s.seconds for s in result.seeds), statistics.mean(values)
        spread = f"{statistics.stdev(values):.4f}" if len(values) > 1 else ""
        rows.append([str(epochs), f"{seconds:.2f}", f"{mean:.4f}", spread])
        enough += [epochs] if mean >= PAPER_ACCURACY else []
    print(f"{results[0].device}; seeds: {len(results[0].seeds)}\n")
    print_table(["epochs", "seconds", "val", "spread"], rows, left=())
    fewest = min(enough, default="none of these")
    print(f"\nfewest epochs with {PAPER_ACCURACY} on val in the mean: {fewest}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print it; the exit status."""
    parser = options_of(__doc__)
    numbers = {f.name: f.default for f in fields(Settings) if isinstance(f.default, int | float)}
    for name, value in numbers.items():
        if name not in ("mean", "std"):
            parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0")
    parser.add_argument("--choose", help="numbers of epochs with commas: compare them on val")
    gpu = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=("cpu", "cuda"), default=gpu)
    parser.add_argument("--limit", type=int, default=0, help="so many faces of each split")
    options = parser.parse_args(arguments)
    given = {name: getattr(options, name) for name in numbers if hasattr(options, name)}
    results: list[SpeedrunResult] = []

    def report(result: SeedResult) -> None:
        say(f"seed {result.seed}: {result.seconds:.2f} s, val {result.val:.4f}")

    try:
        if options.seeds < 1:
            raise OptionError(f"seeds: expected 1 or more; got {options.seeds}")
        budgets = _numbers(options.choose) if options.choose else [options.epochs]
        faces = load_faces(options.data)
        for epochs in budgets:
            settings = Settings(**given | {"epochs": epochs})
            how = {"device": torch.device(options.device), "limit": options.limit}
            seeds = range(options.seeds)
            results.append(speedrun(faces, settings, seeds=seeds, report=report, **how))
            if len(results[-1].seeds) < options.seeds:
                break  # interrupted
    except KeyboardInterrupt:
        say("interrupted")
    except MienError as error:
        say(str(error))
        return 2
    if not results:
        return INTERRUPTED
    if options.choose:
        print_choice(results)
    else:
        print_result(results[0])
    whole = len(results) == len(budgets) and len(results[-1].seeds) == options.seeds
    return 0 if whole else INTERRUPTED


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise OptionError(f"choose: expected whole numbers with commas; got {text!r}") from None


if __name__ == "__main__":
    sys.exit(main())
