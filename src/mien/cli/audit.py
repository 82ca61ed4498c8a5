"""`mien data audit`: which training labels are probably wrong."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from mien.cli.data import DataArgument
from mien.cli.display import TrainingDisplay
from mien.cli.shared import (
    EXIT_INTERRUPTED,
    FindFacesOption,
    JsonOption,
    VotesOption,
    need_torch,
    print_table,
    read_data,
    say,
    status,
    tell_written,
)
from mien.errors import counted

if TYPE_CHECKING:
    from mien.learn.audit.check import Score, VotesCheck
    from mien.learn.audit.label_errors import Audit
    from mien.learn.training.loop import Progress


@dataclass(frozen=True)
class NetworkOptions:
    """The networks that are trained."""

    recipe: Annotated[str, "As for `mien train`; FER+ votes in it are left out."] = "paper-modern"
    folds: Annotated[int, "Networks that are trained; each is a training run."] = 5
    epochs: Annotated[int | None, "In place of the recipe's."] = None
    seed: Annotated[int, "Of the folds, and of each run."] = 0
    device: Annotated[str, "auto, cpu, cuda or mps."] = "auto"


def data_audit(
    path: DataArgument,
    *,
    out: Annotated[Path, "Folder of the audit: new, or to resume."],
    votes: VotesOption = None,
    find_faces: FindFacesOption = False,
    networks: NetworkOptions,
    faces_on_page: Annotated[
        int, Option("--page-faces", help="Faces on the page, the most doubtful first.")
    ] = 500,
    resume: Annotated[bool, "Go on with the audit in --out."] = False,
    as_json: JsonOption = False,
) -> None:
    """Rank the training faces by how doubtful their labels are.

    Example: mien data audit fer2013.csv --votes fer2013new.csv --out audit

    Networks read the faces that they were not trained on, and confident learning says which labels
    are probably wrong. OUT gets index.html with the faces to look at, labels.csv with all of them
    and summary.json. FER+ votes, where there are any, are not learned from but say how good the
    ranking is. `mien train --without-doubtful OUT/labels.csv --drop 0.05` trains without the worst.

    Ctrl-C saves and ends; the same command with --resume goes on from there.
    """
    need_torch("auditing labels")
    from mien.learn.audit.check import check_with_votes
    from mien.learn.audit.label_errors import audit_labels
    from mien.learn.reports.audit_page import check_faces_on_page, write_audit
    from mien.learn.training.recipes import recipe_named

    check_faces_on_page(faces_on_page)
    changes = {} if networks.epochs is None else {"epochs": networks.epochs}
    settings = recipe_named(networks.recipe, **changes)
    faces = read_data(path, votes=votes, find_faces=find_faces)
    with TrainingDisplay() as display:
        started = 0

        def report(fold: int, progress: "Progress") -> None:
            nonlocal started
            if fold != started:
                started = fold
                say(f"fold {fold} of {networks.folds}")
            display.report(progress)

        audit = audit_labels(
            faces,
            settings,
            out,
            folds=networks.folds,
            seed=networks.seed,
            device=networks.device,
            resume=resume,
            report=report,
            report_duplicates=lambda share: display.prepare("looking for duplicates", share),
        )
    if audit is None:
        say(f"interrupted and saved; go on with --resume --out {out}")
        raise typer.Exit(EXIT_INTERRUPTED)
    with status("comparing with the FER+ votes"):
        checks = check_with_votes(audit) if audit.faces.votes is not None else ()
    if audit.accuracy <= audit.chance:
        say(
            f"the networks have learned nothing: {audit.accuracy:.1%} are read as labelled, and "
            f"always saying the commonest label would be right for {audit.chance:.1%}. The ranking "
            "says nothing; train longer"
        )
    written = write_audit(audit, checks, out, count=faces_on_page)
    if as_json:
        print((out / "summary.json").read_text(encoding="utf-8"), end="")
    else:
        _print_audit(audit, checks)
    tell_written(*written)


def _print_audit(audit: "Audit", checks: "tuple[VotesCheck, ...]") -> None:
    from mien.learn.audit.label_errors import WORST

    n, doubted = len(audit.faces), int(audit.in_doubt.sum())
    config = audit.read.config
    print(
        f"{counted(n, 'training face')}, {config.folds} folds of {config.recipe.name}, "
        f"{counted(config.recipe.epochs, 'epoch')} each: {audit.accuracy:.4f} are read as labelled "
        "by a network that has not seen them"
    )
    print(f"{counted(doubted, 'label')} in doubt ({doubted / n:.1%})\n")
    header = ["label", "faces", "in doubt", "share", "mostly read as", f"in the worst {WORST:.0%}"]
    header += ["FER+ differs"] * (audit.faces.votes is not None)
    print_table(header, audit.rows_by_label(), left=(0, 4))
    for check in checks:
        _print_check(check)


def _print_check(check: "VotesCheck") -> None:
    print(f"\nwrong if {check.wrong_if}: {check.prevalence:.1%} of {counted(check.n, 'face')}")
    scores = list(check.rankings.values())
    chance = f"{check.prevalence:.3f}"
    rows = [
        ["average precision", chance, *(_cell(score.average_precision) for score in scores)],
        ["AUROC", "0.500", *(_cell(score.auroc) for score in scores)],
    ]
    rows += [
        [
            f"wrong of the first {depth:,} ({depth / check.n:.1%})",
            chance,
            *(_cell(score.precision_at[depth]) for score in scores),
        ]
        for depth in scores[0].precision_at
    ]
    print_table(["ranked by", "chance", *check.rankings], rows, left=(0,))
    if check.doubted_precision is not None and check.doubted_recall is not None:
        print(
            f"of {counted(check.doubted_n, 'label')} in doubt {check.doubted_precision:.1%} are "
            f"wrong, which is {check.doubted_recall:.1%} of the wrong ones"
        )


def _cell(score: "Score") -> str:
    return f"{score.value:.3f} ({score.interval.low:.3f} to {score.interval.high:.3f})"
