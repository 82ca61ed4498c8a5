"""`mien reproduce`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from mien.cli.display import TrainingDisplay
from mien.cli.shared import (
    EXIT_INTERRUPTED,
    DataOption,
    PrecisionOption,
    VotesOption,
    need_torch,
    read_data,
    say,
    status,
    without_missing_votes,
)


@dataclass(frozen=True)
class TrainingOptions:
    """How the networks are trained."""

    paper_epochs: Annotated[int, "Epochs by the paper's recipe; it has 100, hours on a CPU."] = 100
    modern_epochs: Annotated[int, "Epochs by the recipe paper-modern; 0 leaves it out."] = 60
    train: Annotated[
        bool,
        Option(
            "--train/--no-train", help="--no-train reports on the runs in OUT/runs as they are."
        ),
    ] = True
    precision: PrecisionOption = None


def reproduce(
    *,
    data: DataOption,
    out: Annotated[Path, "Folder of the report and its runs."],
    votes: VotesOption = None,
    training: TrainingOptions,
    photo: Annotated[Path | None, "A photo to read and show in the report."] = None,
    samples: Annotated[
        bool,
        Option(
            "--samples/--no-samples",
            help="--no-samples shows no face of the data set, so that it may be published.",
        ),
    ] = True,
    seed: Annotated[int, "Of everything that is drawn by chance."] = 0,
    device: Annotated[str, "auto, cpu, cuda or mps."] = "auto",
) -> None:
    """Train by the paper's recipe, and set its tables beside ours.

    Example: mien reproduce --data fer2013.csv --votes fer2013new.csv --out report

    Ctrl-C saves and ends; the same command goes on from there. The report is OUT/report.html, and
    the same as Markdown in OUT/report.md with its figures beside it.
    """
    need_torch("reproducing the paper")
    from mien.learn.reports.reproduction import measure_run, write
    from mien.learn.training.loop import train as run_training
    from mien.learn.training.recipes import recipe_named
    from mien.learn.training.runs import read_config
    from mien.recognize.images import load_image

    changes = {} if training.precision is None else {"precision": training.precision}
    recipes = {"paper": recipe_named("paper", epochs=training.paper_epochs, **changes)}
    if training.modern_epochs:
        recipes["paper-modern"] = recipe_named(
            "paper-modern", epochs=training.modern_epochs, **changes
        )
    folders = {name: out / "runs" / name for name in recipes}
    if not training.train:
        for folder in folders.values():
            read_config(folder)  # raises now, not after the data is read and measured
    image = None if photo is None else load_image(photo)
    faces = read_data(data, votes=votes)
    faces.split("train+val+test")  # raises now, not after hours of training
    if training.train:
        for name, folder in folders.items():
            recipe = without_missing_votes(recipes[name], faces)
            begun = (folder / "config.json").exists()
            print(
                f"{'going on with' if begun else 'training by'} {name} in {folder}", file=sys.stderr
            )
            with TrainingDisplay() as display:
                result = run_training(
                    faces,
                    recipe,
                    folder,
                    seed=seed,
                    device=device,
                    resume=begun,
                    report=display.report,
                )
            if not result.finished or result.interrupted:
                say("interrupted and saved; the same command goes on from there")
                raise typer.Exit(EXIT_INTERRUPTED)
    runs = []
    for name, folder in folders.items():
        with status(f"measuring {name}"):
            runs.append(measure_run(folder, faces, out / "models" / f"{name}.onnx", photo=image))
    with status("writing the report"):
        written = write(faces, runs, out, samples=samples, photo=image)
    for path in written:
        print(path)
