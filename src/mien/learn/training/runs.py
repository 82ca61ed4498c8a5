"""The folder of a training run: what it is, how it goes, and its best weights.

    config.json    recipe, seed, data, teachers and versions: what the run is
    history.csv    a row for each finished epoch
    last.pt        everything needed to go on, after each epoch and on Ctrl-C
    best.pt        the weights with the highest accuracy on val so far
    views          where the recipe stores them, what teachers say of views of the faces

Each file is written whole or not at all, see `mien.output.files`. A process killed while it writes
leaves the earlier file, and a part that the next start removes.
"""

import csv
import dataclasses
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import torch
from torch.optim.swa_utils import AveragedModel

from mien.errors import OutputError, TrainingError
from mien.labels import EMOTIONS, FERPLUS_EMOTIONS
from mien.learn.networks import BackboneOptions, Network, build
from mien.learn.training.recipes import Recipe, recipe_of
from mien.output.files import LOCK, part_name, write_bytes, writing

if TYPE_CHECKING:
    from lightning_fabric import Fabric

FILES: Final = ("config.json", "history.csv", "last.pt", "best.pt")


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
class EarlierRun:
    """A run whose weights another one uses: to learn from, or to begin with."""

    name: str  # of its folder or file
    fingerprint: str  # SHA-256 of its best weights


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
    # What came later has a default, so that runs begun before it can be read.
    teachers: tuple[EarlierRun, ...] = ()
    processes: int = 1  # it was begun with, one for each device
    compiled: str = "off"  # how torch.compile was used
    pretrained: EarlierRun | None = None  # whose weights it began with
    val_share: float = 0.0  # of train that was held out as val
    val_fingerprint: str = ""  # of val without votes; empty in older runs


def network_of(recipe: Recipe) -> Network:
    """A freshly initialized network as a recipe asks for it.

    Raises:
        OptionError: no network has the name in the recipe.
    """
    return build(
        recipe.network,
        classes=len(EMOTIONS),
        votes=len(FERPLUS_EMOTIONS) if recipe.votes_weight > 0 else 0,
        mean=recipe.mean,
        std=recipe.std,
        options=BackboneOptions(
            dropout=recipe.dropout,
            dense_dropout=recipe.dense_dropout,
            activation=recipe.activation,
            pooling=recipe.pooling,
        ),
    )


def read_config(run_dir: Path) -> RunConfig:
    """What the run in a folder is.

    Raises:
        TrainingError: there is no run, or its config.json is damaged.
    """
    advice = "If its process was killed as it began, start it anew, without resuming"
    with reading_config(run_dir, "a training run", advice) as values:
        recipe = recipe_of(values.pop("recipe"))
        teachers = tuple(EarlierRun(**teacher) for teacher in values.pop("teachers", ()))
        earlier = values.pop("pretrained", None)
        pretrained = None if earlier is None else EarlierRun(**earlier)
        return RunConfig(recipe=recipe, teachers=teachers, pretrained=pretrained, **values)


@contextmanager
def reading_config(folder: Path, what: str, advice: str) -> Iterator[dict[str, Any]]:
    """The values in the config.json of `what` a folder holds; the body makes of them what they say.

    Raises:
        TrainingError: there is no such file, or it, or the body, finds it damaged.
    """
    path = folder / "config.json"
    try:
        yield json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrainingError(f"{folder}: expected {what}; it has no config.json. {advice}") from None
    # RecursionError: of JSON that is nested deeper than Python goes.
    except (OSError, AttributeError, TypeError, KeyError, ValueError, RecursionError) as error:
        raise TrainingError(f"{path}: expected {what}'s settings; {error}") from error


def write_config(folder: Path, values: dict[str, Any]) -> None:
    """Write a folder's config.json."""
    write_bytes(folder / "config.json", json.dumps(values, indent=2).encode() + b"\n")


def make_folder(folder: Path, what: str, *, left: Iterable[str] = ()) -> None:
    """Make a folder for `what`, or take one that is empty but for files that a kill has `left`.

    Raises:
        OutputError: the folder holds something else, or cannot be written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if {file.name for file in folder.iterdir()} - {LOCK, *left}:
            raise OutputError(
                f"{folder}: expected a new or empty folder; it holds files. "
                f"Resume the {what} in it, or choose another folder"
            )


def check_same_run(stored: RunConfig, now: RunConfig, run_dir: Path) -> None:
    """Refuse to go on with a run that was begun with something else.

    Raises:
        TrainingError: recipe, seed, data, teachers or pretrained weights are others.
    """
    different: dict[str, tuple[object, object]] = {
        "recipe settings": different_settings(stored.recipe, now.recipe),
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
    check_same(run_dir, different, "Resume with the same, or train into another folder")


def check_same(folder: Path, begun: Mapping[str, tuple[object, object]], advice: str) -> None:
    """Refuse to go on in a folder with something else than before: name -> what it was, and is.

    Raises:
        TrainingError: something differs; the message ends with the advice.
    """
    for what, (before, now) in begun.items():
        if before != now:
            raise TrainingError(
                f"{folder} was begun with {what} {before}; this call has {now}. {advice}"
            )


def _data_in_words(config: RunConfig) -> str:
    # Without its name: the file may have got another one.
    counts = f"{config.train_count:,} train and {config.val_count:,} val faces"
    return f"{counts} ({config.data_fingerprint[:8]})"


def _names_of(runs: tuple[EarlierRun, ...]) -> str:
    return ", ".join(f"{run.name} ({run.fingerprint[:8]})" for run in runs) or "none"


def different_settings(one: Recipe, other: Recipe) -> tuple[str, str]:
    """The settings in which two recipes differ, as texts of the one and of the other."""
    values, others = asdict(one), asdict(other)
    different = [name for name in values if values[name] != others[name]]
    if len(different) > 1:
        different = [name for name in different if name != "about"]
    texts = [", ".join(f"{name} {of[name]}" for name in different) for of in (values, others)]
    return texts[0], texts[1]


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
    if run_dir == "":  # which pathlib takes for the current folder
        raise TrainingError("expected the folder of a training run; got an empty name")
    run_dir = Path(run_dir)
    config = read_config(run_dir)
    stored = read_checkpoint(run_dir / "best.pt")
    network = network_of(config.recipe)
    try:
        network.load_state_dict(stored["network"])
        row = EpochRow(**stored["row"])
    except (RuntimeError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{run_dir / 'best.pt'}: not the weights of the network in config.json; {error}"
        ) from error
    return network.eval(), config, row


def fingerprint(weights: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of the names, shapes and values of weights, in whatever order they come."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def start_folder(run_dir: Path, config: RunConfig) -> None:
    """Make the folder of a new run, or take an empty one, and write what the run is.

    Raises:
        OutputError: the folder holds something, or cannot be written.
    """
    make_folder(run_dir, "run", left=[part_name(Path(name)).name for name in FILES])
    _remove_parts(run_dir)
    write_config(run_dir, asdict(config))


def _remove_parts(run_dir: Path) -> None:
    """Remove what a killed process had half written."""
    with writing(run_dir):
        for name in FILES:
            part_name(run_dir / name).unlink(missing_ok=True)


def write_best(run_dir: Path, network: torch.nn.Module, row: EpochRow) -> None:
    """Write best.pt: the network's weights and the epoch that they come from."""
    write_checkpoint(run_dir / "best.pt", {"network": network.state_dict(), "row": asdict(row)})


def write_history(run_dir: Path, history: Sequence[EpochRow]) -> None:
    """Write history.csv, all of it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in dataclasses.fields(EpochRow)])
    writer.writeheader()
    writer.writerows(asdict(row) for row in history)
    write_bytes(run_dir / "history.csv", text.getvalue().encode())


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a .pt file holds: tensors, numbers and texts; code in it is refused.

    Raises:
        TrainingError: there is no such file, or it is no checkpoint.
    """
    try:
        if zipfile.is_zipfile(path):  # what it takes in memory is then no more than the file
            with zipfile.ZipFile(path) as archive:
                if any(member.compress_type for member in archive.infolist()):
                    raise TrainingError(
                        f"{path}: expected a checkpoint as torch writes it; it is compressed"
                    )
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except TrainingError:
        raise
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


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write tensors, numbers and texts as a .pt file."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_bytes(path, buffer.getvalue())


@dataclass
class State:
    """What changes while a run goes on; all of it is in last.pt."""

    network: Network
    optimizer: torch.optim.Optimizer
    generator: torch.Generator  # of the augmentation; the same in every process
    average: AveragedModel | None  # of the weights and of the statistics of normalization
    history: list[EpochRow]
    best_epoch: int = 0

    @property
    def best(self) -> EpochRow | None:
        """The row whose weights are in best.pt."""
        return self.history[self.best_epoch - 1] if self.best_epoch else None

    @property
    def measured(self) -> Network:
        """The network that val chooses: the average of the weights, if there is one."""
        return cast(Network, self.average.module) if self.average else self.network


def save(state: State, row: EpochRow, run_dir: Path, fabric: "Fabric") -> None:
    """Take in the row of an epoch that is finished, and write last.pt, best.pt and history.csv.

    Every process must call it; the first one writes. last.pt is written first, so that a process
    killed between two files leaves one from which `restore` can write the others.
    """
    best = state.best
    state.history.append(row)
    if best is None or row.val_accuracy > best.val_accuracy:
        state.best_epoch = row.epoch
    draws = _random_states(fabric)
    if not fabric.is_global_zero:
        return
    content = {
        "network": state.network.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "random": {**draws[0], "augmentation": state.generator.get_state()},
        "random_of_others": draws[1:],
        "average": state.average.state_dict() if state.average else None,
        "history": [asdict(row) for row in state.history],
        "best_epoch": state.best_epoch,
    }
    write_checkpoint(run_dir / "last.pt", content)
    if state.best_epoch == row.epoch:
        write_best(run_dir, state.measured, row)
    write_history(run_dir, state.history)


def restore(state: State, run_dir: Path, fabric: "Fabric", seed: int) -> None:
    """Take up the run in a folder after its last whole epoch; with none, it begins again.

    With another number of processes than before, what they draw by chance is drawn anew: dropout
    alone, since augmentation is the same however many processes share a batch.

    Raises:
        TrainingError: last.pt is damaged, or the state of another run.
    """
    if fabric.is_global_zero:
        _remove_parts(run_dir)
    path = run_dir / "last.pt"
    if not path.exists():
        return  # it ended before the first epoch did
    stored = read_checkpoint(path)
    try:
        state.network.load_state_dict(stored["network"])
        state.optimizer.load_state_dict(stored["optimizer"])
        if state.average:
            state.average.load_state_dict(stored["average"])
        state.history[:] = [EpochRow(**row) for row in stored["history"]]
        state.best_epoch = stored["best_epoch"]
        state.generator.set_state(stored["random"]["augmentation"])
        # Runs from before there were several processes have none of others.
        draws = [stored["random"], *stored.get("random_of_others", ())]
        if len(draws) == fabric.world_size or fabric.is_global_zero:
            own = draws[fabric.global_rank]
            torch.set_rng_state(own["cpu"])
            if "cuda" in own and fabric.device.type == "cuda":
                torch.cuda.set_rng_state(own["cuda"], fabric.device)
        else:
            torch.manual_seed(own_seed(seed, state, fabric.global_rank))
        best = state.best
    except (RuntimeError, AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise TrainingError(f"{path}: not the state of this run; {error}") from error
    if fabric.is_global_zero:  # what a process killed after last.pt did not come to write
        write_history(run_dir, state.history)
        if best and state.best_epoch == len(state.history):
            path = run_dir / "best.pt"
            if not path.exists() or read_checkpoint(path).get("row") != asdict(best):
                write_best(run_dir, state.measured, best)


def own_seed(seed: int, state: State, rank: int) -> int:
    """What a process other than the first draws dropout from, where a run begins or changes."""
    return (seed * 1_000_003 + len(state.history) + 1) * 100_003 * 1_009 + rank


def _random_states(fabric: "Fabric") -> list[dict[str, torch.Tensor]]:
    """What each process draws dropout from, in the order of their ranks."""
    own = {"cpu": torch.get_rng_state()}
    if fabric.device.type == "cuda":
        own["cuda"] = torch.cuda.get_rng_state(fabric.device)
    if fabric.world_size == 1:
        return [own]
    every: list[dict[str, torch.Tensor]] = [{} for _ in range(fabric.world_size)]
    torch.distributed.all_gather_object(every, own)
    return every
