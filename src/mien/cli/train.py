"""`mien train`."""

import sys
from dataclasses import dataclass
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
        int | None,
        typer.Option(
            "--limit", help="Train on this many faces, each emotion by its share: to try it out."
        ),
    ] = None
    without_duplicates: Annotated[
        bool,
        typer.Option(
            "--without-duplicates",
            help="Leave out training images that copy one of val or test, or each other.",
        ),
    ] = False
    without_doubtful: Annotated[
        Path | None,
        typer.Option(
            "--without-doubtful",
            help="labels.csv of `mien data audit`: leave out the training images in --drop.",
        ),
    ] = None
    drop: Annotated[
        float | None,
        typer.Option(
            "--drop", help="The share of --without-doubtful's faces, worst labels first, 0 to 1."
        ),
    ] = None
    drop_per_label: Annotated[
        bool,
        typer.Option(
            "--drop-per-label", help="That share of each label: rare ones are in doubt more often."
        ),
    ] = False

    def take(self, faces: "FaceSet") -> "FaceSet":
        """The data set without the others; says how many those are."""
        if self.without_duplicates:
            faces = _without_duplicates(faces)
        if self.without_doubtful is not None and self.drop is not None:
            faces = _without_doubtful(
                faces, self.without_doubtful, self.drop, per_label=self.drop_per_label
            )
        return faces if self.limit is None else faces.limit_train(self.limit)

    def check(self) -> None:
        """Raise OptionError where an option needs another, before anything takes time."""
        from mien.errors import OptionError

        alone = self.drop is None and self.drop_per_label
        if (self.without_doubtful is None) != (self.drop is None) or alone:
            raise OptionError(
                "expected --without-doubtful and --drop together: a file, and a share of it"
            )


@dataclass(frozen=True)
class RecipeOptions:
    """What stands in place of a recipe's settings, by their names."""

    network: Annotated[
        str | None, typer.Option(help="A name that `mien networks` lists; else the recipe's.")
    ] = None
    activation: Annotated[
        str | None,
        typer.Option(help="Of the paper's network: relu, sigmoid, tanh or leaky-relu."),
    ] = None
    pooling: Annotated[
        str | None, typer.Option(help="Of the paper's network: max, average or min.")
    ] = None
    epochs: Annotated[int | None, typer.Option(help="In place of the recipe's.")] = None
    batch_size: Annotated[int | None, typer.Option(help="In place of the recipe's.")] = None
    learning_rate: Annotated[float | None, typer.Option(help="In place of the recipe's.")] = None
    votes_weight: Annotated[
        float | None, typer.Option(help="In place of the recipe's; 0 trains without FER+ votes.")
    ] = None
    precision: PrecisionOption = None


@dataclass(frozen=True)
class RunningOptions:
    """What the training runs on."""

    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto"
    devices: Annotated[
        int, typer.Option(help="So many of them, which share each batch: processes on the CPU.")
    ] = 1
    nodes: Annotated[
        int,
        typer.Option(
            help="Machines, on each of which this command runs; MASTER_ADDR, MASTER_PORT and "
            "NODE_RANK in its environment say where."
        ),
    ] = 1
    compile: Annotated[
        str,
        typer.Option(
            help="off, default, reduce-overhead or max-autotune of torch.compile; auto compiles "
            "on a GPU alone."
        ),
    ] = "auto"


@dataclass(frozen=True)
class EarlierOptions:
    """Earlier runs that this one learns from, or begins with."""

    teachers: Annotated[
        str | None,
        typer.Option(
            help="Folders of finished runs to learn from, with commas; for the recipe "
            "mien-distilled, or others with a distill_weight."
        ),
    ] = None
    stored_views: Annotated[
        int | None,
        typer.Option(
            help="Ask teachers once about so many views of each face, and not in every step; in "
            "place of the recipe's."
        ),
    ] = None
    pretrained: Annotated[
        Path | None,
        typer.Option(
            help="Weights to begin with: mien, for those of the model in the package; the folder "
            "of a run; or a .safetensors of `mien export`."
        ),
    ] = None

    @property
    def teacher_folders(self) -> list[str]:
        """Folders of `--teachers`."""
        return [name.strip() for name in (self.teachers or "").split(",") if name.strip()]


def train(
    *,
    faces_from: TrainingFaces,
    out: Annotated[Path, typer.Option("--out", help="Folder of the run: new, or to resume.")],
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            help="mien (default), paper-modern, paper, mien-teacher, mien-distilled, or a .json "
            "file of settings.",
        ),
    ] = None,
    taking: TakingOptions,
    changing: RecipeOptions,
    seed: Annotated[
        int | None, typer.Option(help="Of everything that is drawn by chance; 0 if not given.")
    ] = None,
    running: RunningOptions,
    earlier: EarlierOptions,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write OUT/tensorboard for TensorBoard.")
    ] = False,
) -> None:
    """Train a network; the epoch that reads val best is kept.

    Example: mien train --data fer2013.csv --votes fer2013new.csv --out runs/first

    Example: mien train --data fer2013.csv --recipe mien --devices 8 --out runs/eight

    After Ctrl-C the same command with --resume goes on from the last finished epoch.
    """
    need_torch("training")
    from mien.learn.training.loop import read_config
    from mien.learn.training.loop import train as run_training
    from mien.learn.training.processes import is_first_process

    taking.check()
    config = read_config(out) if resume else None
    if config is not None and seed is None:
        seed = config.seed
    settings = _settings(recipe, config, {**vars(changing), "stored_views": earlier.stored_views})
    first = is_first_process()
    faces = faces_from.read(quiet=not first)
    val_share = faces_from.val_share
    if val_share is None and config is not None:
        val_share = config.val_share or None
    if val_share is not None:
        faces = faces.hold_out(val_share)
    faces = taking.take(faces)
    if changing.votes_weight is None and (config is None or not config.recipe.votes_weight):
        settings = without_missing_votes(settings, faces, quiet=not first)
    elif settings.votes_weight:
        faces.vote_shares()  # raises here if there are none, in better words than the run's
    if first:
        _say_unseen(faces)
    with TrainingDisplay() as display:
        listeners = [*(_tensorboard(out) if tensorboard and first else ()), display.report]

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


def _tensorboard(out: Path) -> "list[Callable[[Progress], None]]":
    from mien.learn.training.tensorboard import TensorBoardWriter

    return [TensorBoardWriter(out / "tensorboard").report]


def _settings(recipe: str | None, config: "RunConfig | None", changes: dict[str, Any]) -> "Recipe":
    """The recipe by its name, else that of the run that goes on, with what was given in place."""
    from dataclasses import replace

    from mien.learn.training.recipes import DEFAULT_RECIPE, recipe_named

    changes = {name: value for name, value in changes.items() if value is not None}
    if config is not None and recipe is None:
        return replace(config.recipe, **changes)
    return recipe_named(recipe or DEFAULT_RECIPE, **changes)


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


def _say_unseen(faces: "FaceSet") -> None:
    if unseen := faces.take(faces.splits == "train").absent:
        say(f"train has no face of {', '.join(unseen)}: the network will not learn to read it")


def _without_duplicates(faces: "FaceSet") -> "FaceSet":
    from mien.learn.data.duplicates import without_duplicates

    clean = without_duplicates(faces)
    n = int((faces.splits == "train").sum())
    say(f"left out {len(faces) - len(clean):,} of {n:,} training images: duplicates")
    return clean


def _without_doubtful(
    faces: "FaceSet", labels: Path, share: float, *, per_label: bool
) -> "FaceSet":
    from mien.learn.audit.label_errors import without_doubtful

    clean = without_doubtful(faces, labels, share, per_label=per_label)
    n = int((faces.splits == "train").sum())
    say(f"left out {len(faces) - len(clean):,} of {n:,} training images: labels in doubt")
    return clean
