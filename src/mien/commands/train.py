"""`mien train`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.commands.display import TrainingDisplay
from mien.commands.shared import (
    EXIT_INTERRUPTED,
    DataOption,
    FindFacesOption,
    PrecisionOption,
    ValShareOption,
    VotesOption,
    need_torch,
    read_data,
    say,
    without_missing_votes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mien.learn.data.datasets import FaceSet
    from mien.learn.training.loop import Progress


def train(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="Folder of the run: new, or to resume.")],
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            help="mien (default), paper-modern, paper, mien-teacher, mien-distilled, or a .json "
            "file of settings.",
        ),
    ] = None,
    votes: VotesOption = None,
    find_faces: FindFacesOption = False,
    val_share: ValShareOption = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", help="Train on this many faces, each emotion by its share: to try it out."
        ),
    ] = None,
    without_copies: Annotated[
        bool,
        typer.Option(
            "--without-copies",
            help="Leave out training images that copy one of val or test, or each other.",
        ),
    ] = False,
    without_doubtful: Annotated[
        Path | None,
        typer.Option(
            "--without-doubtful",
            help="labels.csv of `mien data audit`: leave out the training images in --drop.",
        ),
    ] = None,
    drop: Annotated[
        float | None,
        typer.Option(
            "--drop", help="The share of --without-doubtful's faces, worst labels first, 0 to 1."
        ),
    ] = None,
    drop_per_label: Annotated[
        bool,
        typer.Option(
            "--drop-per-label", help="That share of each label: rare ones are in doubt more often."
        ),
    ] = False,
    network: Annotated[
        str | None, typer.Option(help="A name that `mien networks` lists; else the recipe's.")
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option(help="Of the paper's network: relu, sigmoid, tanh or leaky-relu."),
    ] = None,
    pooling: Annotated[
        str | None, typer.Option(help="Of the paper's network: max, average or min.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="In place of the recipe's.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="In place of the recipe's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="In place of the recipe's.")] = None,
    votes_weight: Annotated[
        float | None, typer.Option(help="In place of the recipe's; 0 trains without FER+ votes.")
    ] = None,
    precision: PrecisionOption = None,
    seed: Annotated[
        int | None, typer.Option(help="Of everything that is drawn by chance; 0 if not given.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    devices: Annotated[
        int, typer.Option(help="So many of them, which share each batch: processes on the CPU.")
    ] = 1,
    nodes: Annotated[
        int,
        typer.Option(
            help="Machines, on each of which this command runs; MASTER_ADDR, MASTER_PORT and "
            "NODE_RANK in its environment say where."
        ),
    ] = 1,
    compile: Annotated[
        str,
        typer.Option(
            help="off, default, reduce-overhead or max-autotune of torch.compile; auto compiles "
            "on a GPU alone."
        ),
    ] = "auto",
    teachers: Annotated[
        str | None,
        typer.Option(
            help="Folders of finished runs to learn from, with commas; for the recipe "
            "mien-distilled, or others with a distill_weight."
        ),
    ] = None,
    stored_views: Annotated[
        int | None,
        typer.Option(
            help="Ask teachers once about so many views of each face, and not in every step; in "
            "place of the recipe's."
        ),
    ] = None,
    pretrained: Annotated[
        Path | None,
        typer.Option(
            help="Weights to begin with: mien, for those of the model in the package; the folder "
            "of a run; or a .safetensors of `mien export`."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write OUT/tensorboard for TensorBoard.")
    ] = False,
) -> None:
    """Train a network; the epoch that reads val best is kept.

    Example: mien train --data fer2013.csv --votes fer2013new.csv --out runs/first

    Example: mien train --data fer2013.csv --recipe mien --devices 8 --out runs/eight

    Ctrl-C saves and ends; the same command with --resume goes on from there.
    """
    need_torch("training")
    from dataclasses import replace

    from mien.errors import OptionError
    from mien.learn.training.loop import read_config
    from mien.learn.training.loop import train as run_training
    from mien.learn.training.processes import is_first_process
    from mien.learn.training.recipes import DEFAULT_RECIPE, recipe_named

    changes: dict[str, Any] = {
        "network": network,
        "activation": activation,
        "pooling": pooling,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "votes_weight": votes_weight,
        "precision": precision,
        "stored_views": stored_views,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    if (without_doubtful is None) != (drop is None) or (drop is None and drop_per_label):
        raise OptionError(
            "expected --without-doubtful and --drop together: a file, and a share of it"
        )
    config = read_config(out) if resume else None
    if config is not None and seed is None:
        seed = config.seed
    if config is not None and recipe is None:
        settings = replace(config.recipe, **changes)
    else:
        settings = recipe_named(recipe or DEFAULT_RECIPE, **changes)
    first = is_first_process()
    faces = read_data(data, votes=votes, find_faces=find_faces, quiet=not first)
    if val_share is None and config is not None:
        val_share = config.val_share or None
    if val_share is not None:
        faces = faces.hold_out(val_share)
    if without_copies:
        faces = _without_copies(faces)
    if without_doubtful is not None and drop is not None:
        faces = _without_doubtful(faces, without_doubtful, drop, per_label=drop_per_label)
    if limit is not None:
        faces = faces.limit_train(limit)
    if votes_weight is None and (config is None or not config.recipe.votes_weight):
        settings = without_missing_votes(settings, faces, quiet=not first)
    elif settings.votes_weight:
        faces.vote_shares()  # raises here if there are none, in better words than the run's
    if first:
        _say_unseen(faces)
    listeners: list[Callable[[Progress], None]] = []
    if tensorboard and first:
        from mien.learn.training.tensorboard import TensorBoardWriter

        listeners.append(TensorBoardWriter(out / "tensorboard").report)

    def tell_all(progress: "Progress") -> None:
        for listen in listeners:
            listen(progress)

    with TrainingDisplay() as display:
        listeners.append(display.report)
        result = run_training(
            faces,
            settings,
            out,
            seed=seed or 0,
            device=device,
            resume=resume,
            report=tell_all,
            teachers=[folder.strip() for folder in (teachers or "").split(",") if folder.strip()],
            devices=devices,
            nodes=nodes,
            compile=compile,  # type: ignore[arg-type]
            pretrained=pretrained,
        )
    if not first:  # of several that another program started: one speaks for all
        return
    if result.history:
        from mien.learn.plots.training import plot_history

        plot_history(result.history, out / "history", title=settings.name)
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


def _without_copies(faces: "FaceSet") -> "FaceSet":
    from mien.learn.data.copies import without_copies

    clean = without_copies(faces)
    n = int((faces.splits == "train").sum())
    say(f"left out {len(faces) - len(clean):,} of {n:,} training images: copies")
    return clean


def _without_doubtful(
    faces: "FaceSet", labels: Path, share: float, *, per_label: bool
) -> "FaceSet":
    from mien.learn.audit.doubts import without_doubtful

    clean = without_doubtful(faces, labels, share, per_label=per_label)
    n = int((faces.splits == "train").sum())
    say(f"left out {len(faces) - len(clean):,} of {n:,} training images: labels in doubt")
    return clean
