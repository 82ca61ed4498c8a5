"""`mien train`."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli.display import TrainingDisplay
from mien.cli.face_options import TrainingFaces
from mien.cli.shared import (
    EXIT_INTERRUPTED,
    PrecisionOption,
    need_torch,
    say,
    without_missing_votes,
)
from mien.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mien.learn.data.datasets import FaceSet
    from mien.learn.training.loop import Progress, TrainingResult
    from mien.learn.training.recipes import Recipe
    from mien.learn.training.runs import RunConfig


@dataclass(frozen=True)
class TakingOptions:
    """Which faces of train are learned from."""

    limit: Annotated[
        int | None, "Train on this many faces, each emotion by its share: to try it out."
    ] = None
    without_duplicates: Annotated[
        bool, "Leave out training images that copy one of val or test, or each other."
    ] = False
    without_doubtful: Annotated[
        Path | None, "labels.csv of `mien data audit`: leave out the training images in --drop."
    ] = None
    drop: Annotated[
        float | None, "The share of --without-doubtful's faces, worst labels first, 0 to 1."
    ] = None
    drop_per_label: Annotated[
        bool, "That share of each label: rare ones are in doubt more often."
    ] = False

    def take(self, faces: "FaceSet") -> "FaceSet":
        """The data set without the others; says how many those are."""
        if self.without_duplicates:
            from mien.learn.data.duplicates import without_duplicates

            faces = _say_taken_out(faces, without_duplicates(faces), "duplicates")
        if self.without_doubtful is not None and self.drop is not None:
            from mien.learn.audit.label_errors import without_doubtful

            left = without_doubtful(
                faces, self.without_doubtful, self.drop, per_label=self.drop_per_label
            )
            faces = _say_taken_out(faces, left, "labels in doubt")
        return faces if self.limit is None else faces.limit_train(self.limit)

    def check(self) -> None:
        """Raise OptionError where an option needs another, before anything takes time."""
        alone = self.drop is None and self.drop_per_label
        if (self.without_doubtful is None) != (self.drop is None) or alone:
            raise OptionError(
                "expected --without-doubtful and --drop together: a file, and a share of it"
            )


@dataclass(frozen=True)
class RecipeOptions:
    """What stands in place of a recipe's settings, by their names."""

    network: Annotated[str | None, "A name that `mien networks` lists; else the recipe's."] = None
    activation: Annotated[
        str | None, "Of the paper's network: relu, sigmoid, tanh or leaky-relu."
    ] = None
    pooling: Annotated[str | None, "Of the paper's network: max, average or min."] = None
    epochs: Annotated[int | None, "In place of the recipe's."] = None
    batch_size: Annotated[int | None, "In place of the recipe's."] = None
    learning_rate: Annotated[float | None, "In place of the recipe's."] = None
    votes_weight: Annotated[
        float | None, "In place of the recipe's; 0 trains without FER+ votes."
    ] = None
    precision: PrecisionOption = None


@dataclass(frozen=True)
class RunningOptions:
    """What the training runs on."""

    device: Annotated[str, "auto, cpu, cuda or mps."] = "auto"
    devices: Annotated[int, "So many of them, which share each batch: processes on the CPU."] = 1
    nodes: Annotated[
        int,
        "Machines, on each of which this command runs; MASTER_ADDR, MASTER_PORT and NODE_RANK in "
        "its environment say where.",
    ] = 1
    compile: Annotated[
        str,
        "off, default, reduce-overhead or max-autotune of torch.compile; auto compiles on a GPU "
        "alone.",
    ] = "auto"


@dataclass(frozen=True)
class EarlierOptions:
    """Earlier runs that this one learns from, or begins with."""

    teachers: Annotated[
        str | None,
        "Folders of finished runs to learn from, with commas; for the recipe mien-distilled, or "
        "others with a distill_weight.",
    ] = None
    stored_views: Annotated[
        int | None,
        "Ask teachers once about so many views of each face, and not in every step; in place of "
        "the recipe's.",
    ] = None
    pretrained: Annotated[
        Path | None,
        "Weights to begin with: mien, for those of the model in the package; the folder of a run; "
        "or a .safetensors of `mien export`.",
    ] = None

    @property
    def teacher_folders(self) -> list[str]:
        """Folders of `--teachers`."""
        return [name.strip() for name in (self.teachers or "").split(",") if name.strip()]


def train(
    *,
    faces_from: TrainingFaces,
    out: Annotated[Path, "Folder of the run: new, or to resume."],
    recipe: Annotated[
        str | None,
        "mien (default), paper-modern, paper, mien-teacher, mien-distilled, or a .json file of "
        "settings.",
    ] = None,
    taking: TakingOptions,
    changing: RecipeOptions,
    seed: Annotated[int | None, "Of everything that is drawn by chance; 0 if not given."] = None,
    running: RunningOptions,
    earlier: EarlierOptions,
    resume: Annotated[bool, "Go on with the run in --out."] = False,
    tensorboard: Annotated[bool, "Also write OUT/tensorboard for TensorBoard."] = False,
) -> None:
    """Train a network; the epoch that reads val best is kept.

    Example: mien train --data fer2013.csv --votes fer2013new.csv --out runs/first

    Example: mien train --data fer2013.csv --recipe mien --devices 8 --out runs/eight

    After Ctrl-C the same command with --resume goes on from the last finished epoch.
    """
    need_torch("training")
    from mien.learn.training.loop import train as run_training
    from mien.learn.training.processes import is_first_process
    from mien.learn.training.runs import read_config

    taking.check()
    config = read_config(out) if resume else None
    if config is not None and seed is None:
        seed = config.seed
    settings = _settings(recipe, config, {**vars(changing), "stored_views": earlier.stored_views})
    first = is_first_process()
    if faces_from.val_share is None and config is not None:
        faces_from = replace(faces_from, val_share=config.val_share or None)
    faces = taking.take(faces_from.read(quiet=not first))
    if changing.votes_weight is None and (config is None or not config.recipe.votes_weight):
        settings = without_missing_votes(settings, faces, quiet=not first)
    elif settings.votes_weight:
        faces.vote_shares()  # raises here if there are none, in better words than the run's
    if first:
        _say_absent(faces)
    with TrainingDisplay() as display:
        listeners: list[Callable[[Progress], None]] = [display.report]
        if tensorboard and first:
            from mien.learn.training.tensorboard import tensorboard_writer

            listeners.insert(0, tensorboard_writer(out / "tensorboard"))

        def tell_all(progress: "Progress") -> None:
            for listen in listeners:
                listen(progress)

        result = run_training(
            faces,
            settings,
            out,
            seed=seed or 0,
            device=running.device,
            resume=resume,
            report=tell_all,
            teachers=earlier.teacher_folders,
            devices=running.devices,
            nodes=running.nodes,
            compile=running.compile,  # type: ignore[arg-type]
            pretrained=earlier.pretrained,
        )
    if not first:  # of several that another program started: one speaks for all
        return
    _say_result(result, settings.name, out)


def _settings(recipe: str | None, config: "RunConfig | None", changes: dict[str, Any]) -> "Recipe":
    """The recipe by its name, else that of the run that goes on, with what was given in place."""
    from mien.learn.training.recipes import DEFAULT_RECIPE, recipe_named

    changes = {name: value for name, value in changes.items() if value is not None}
    if config is not None and recipe is None:
        return replace(config.recipe, **changes)
    return recipe_named(recipe or DEFAULT_RECIPE, **changes)


def _say_absent(faces: "FaceSet") -> None:
    """Which emotions train or val lacks: what is not learned, and what no epoch is chosen by."""
    train, val = (faces.take(faces.splits == split) for split in ("train", "val"))
    if train.absent:
        say(
            f"train has no face of {', '.join(train.absent)}: the network will not learn to read it"
        )
    unchecked = [label for label in val.absent if label not in train.absent]
    if len(val) and unchecked:
        say(f"val has no face of {', '.join(unchecked)}: the epoch is chosen without it")


def _say_result(result: "TrainingResult", name: str, out: Path) -> None:
    """Draw how the run went, and print what came of it."""
    if result.history:
        from mien.learn.plots.training import plot_history

        plot_history(result.history, out / "history", title=name)
    if not result.finished:
        print(f"mien: interrupted and saved; go on with --resume --out {out}", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED)
    if result.best is not None and result.train_accuracy is not None:
        print(
            f"best epoch {result.best.epoch} of {len(result.history)}: "
            f"val accuracy {result.best.val_accuracy:.4f}, val loss {result.best.val_loss:.4f}, "
            f"train accuracy without dropout {result.train_accuracy:.4f}, gap "
            f"{result.train_accuracy - result.best.val_accuracy:+.4f}; "
            f"weights in {result.run_dir / 'best.pt'}"
        )


def _say_taken_out(faces: "FaceSet", left: "FaceSet", what: str) -> "FaceSet":
    n = int((faces.splits == "train").sum())
    say(f"left out {len(faces) - len(left):,} of {n:,} training images: {what}")
    return left
