"""`mien tune`."""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli.face_options import TrainingFaces
from mien.cli.shared import (
    EXIT_INTERRUPTED,
    JsonOption,
    need_torch,
    print_json,
    print_table,
    say,
    status,
    without_missing_votes,
)
from mien.errors import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mien.learn.tuning.search import TrialResult, TuningProgress, TuningResult

SHOWN = 10  # trials in the table, the best first


@dataclass(frozen=True)
class SearchOptions:
    """How the settings are searched."""

    trials: Annotated[int, "How many there shall be, those in --out among them."] = 20
    search: Annotated[
        str | None,
        "With commas: learning_rate, batch_size, optimizer, dropout, dense_dropout, rotation_deg, "
        "zoom, shift, flip. All if not given.",
    ] = None
    pruner: Annotated[str, "What ends trials that fall behind: median, hyperband or none."] = (
        "median"
    )

    def settings(self) -> "Sequence[str]":
        """Names of the settings that are searched."""
        from mien.learn.tuning.space import SETTINGS

        return SETTINGS if self.search is None else [n.strip() for n in self.search.split(",")]


def tune(
    *,
    faces_from: TrainingFaces,
    out: Annotated[Path, "Folder of the study: new, or to go on with."],
    recipe: Annotated[str, "Where to begin: paper, paper-modern or a .json file."] = "paper-modern",
    searching: SearchOptions,
    epochs: Annotated[int | None, "Of each trial; the recipe's if not given."] = None,
    votes_weight: Annotated[
        float | None, "In place of the recipe's; 0 trains without FER+ votes."
    ] = None,
    network: Annotated[str | None, "A name that `mien networks` lists; else the recipe's."] = None,
    seed: Annotated[int, "Of everything that is drawn by chance."] = 0,
    device: Annotated[str, "auto, cpu, cuda or mps."] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Search the training settings that read val best.

    Example: mien tune --data fer2013.csv --votes fer2013new.csv --out study --epochs 15

    Example: mien train --recipe study/best.json --epochs 60 --data fer2013.csv --out runs/tuned

    The search begins with those of a recipe. Ctrl-C saves and ends, and prints the best so far; the
    same command goes on from there. Every trial is a run in OUT/trials, and 0 is the recipe as it
    is. Test is never read.
    """
    need_torch("tuning")
    from mien.learn.training.recipes import recipe_named
    from mien.learn.tuning.search import tune as run_study

    changes = {"epochs": epochs, "votes_weight": votes_weight, "network": network}
    changes = {name: value for name, value in changes.items() if value is not None}
    base = recipe_named(recipe, **changes)
    faces = faces_from.read()
    if votes_weight is None:
        base = without_missing_votes(base, faces)
    with status("tuning") as show:
        result = run_study(
            faces,
            base,
            out,
            trials=searching.trials,
            settings=searching.settings(),
            pruner=searching.pruner,
            seed=seed,
            device=device,
            report=partial(_report, show),
        )
    if result.best is not None:
        from mien.learn.plots.tuning import plot_study

        with status("drawing"):
            plot_study(result, out)
    if as_json:
        print_json(result.to_dict())
    else:
        _print(result)
    if not result.finished:
        ended = counted(len(result.trials), "trial")
        say(f"interrupted and saved after {ended}; the same command goes on")
        raise typer.Exit(EXIT_INTERRUPTED)


def _report(show: "Callable[[str], None]", progress: "TuningProgress") -> None:
    """A line for each trial that ended, and on a terminal where the one under way is."""
    ended, run = progress.result, progress.run
    if ended is not None:
        print(
            f"trial {ended.number}, {ended.number + 1} of {progress.trials}: {_ending(ended)}",
            file=sys.stderr,
            flush=True,
        )
    elif run is not None:
        best = "" if progress.best is None else f"; best so far {progress.best:.4f}"
        show(
            f"trial {progress.number}, epoch {run.epoch} of {run.epochs}: "
            f"loss {run.loss:.3f}, accuracy {run.accuracy:.3f}{best}"
        )


def _ending(trial: "TrialResult") -> str:
    if trial.error is not None:
        return f"failed; {trial.error}"
    reached = "" if trial.val_accuracy is None else f"val accuracy {trial.val_accuracy:.4f}, "
    ending = "" if trial.state == "finished" else f"{trial.state} after "
    return f"{reached}{ending}{counted(trial.epochs, 'epoch')}, {trial.seconds:.1f} s"


def _print(result: "TuningResult") -> None:
    from mien.learn.tuning.space import settings_of

    if not result.trials:
        print("no trial has ended yet")
        return
    states = [trial.state for trial in result.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    epochs = counted(result.base.epochs, "epoch")
    print(f"{counted(len(states), 'trial')} of {epochs} by {result.base.name}: {counts}")
    ranked = sorted(
        (trial for trial in result.trials if trial.val_accuracy is not None),
        key=lambda trial: (trial.state != "finished", -(trial.val_accuracy or 0.0)),
    )
    if (best := result.best) is None:
        return
    if len(ranked) > SHOWN:
        print(f"the best {SHOWN}:")
    print()
    rows = []
    for trial in ranked[:SHOWN]:
        about = [str(trial.number), f"{trial.val_accuracy:.4f}", str(trial.epoch), trial.state]
        rows.append([*about, *map(_shown, trial.settings.values())])
    print_table(["trial", "val", "epoch", "", *result.settings], rows, left=(3,))
    print()
    base = settings_of(result.base, result.settings)
    importances = {name: f"{share:.0%}" for name, share in result.importances.items()}
    rows = [
        [name, _shown(base[name]), _shown(value), importances.get(name, "-")]
        for name, value in best.settings.items()
    ]
    print_table(["setting", result.base.name, "best", "importance"], rows, left=(0,))
    first = result.trials[0]
    gain = ""
    if first.number == 0 and first.state == "finished" and first.val_accuracy is not None:
        points = 100 * ((best.val_accuracy or 0.0) - first.val_accuracy)
        gain = f", {points:+.2f} points on {result.base.name}"
    print(
        f"\nbest: trial {best.number}, val accuracy {best.val_accuracy:.4f} in epoch "
        f"{best.epoch}{gain}\n"
        f"recipe in {result.out / 'best.json'}, weights in "
        f"{result.out / 'trials' / f'{best.number:03d}'}"
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
