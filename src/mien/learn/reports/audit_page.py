"""The faces whose labels are in doubt, on one page of HTML that needs no other file."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import check_count, counted
from mien.labels import EMOTIONS, FERPLUS, FERPLUS_TO_EMOTION
from mien.learn.audit.check import PLAIN, Score, VotesCheck
from mien.learn.audit.label_errors import WORST, Audit, write_labels
from mien.learn.evaluation.scores import ferplus_targets
from mien.learn.plots.audit import plot_precision
from mien.output.figures import COLOR_OF
from mien.output.files import json_text, write_text
from mien.output.pages import Cell, Figure, Part, Row, Table, data_uri, png_uri, render

MOST_FACES: Final = 5000
"""On one page, which then has about 14 MB."""

_COLORS: Final = {
    **COLOR_OF,
    "contempt": "#c7a27c",
    "unknown": "#c9cdd3",
    "not a face": "#e4e6ea",
}
"""Of the emotions, and of what else FER+'s taggers could say."""

_VOTES: Final = {name: FERPLUS_TO_EMOTION.get(name, name) for name in FERPLUS} | {
    "NF": "not a face"
}
"""How the page calls the columns of FER+."""

_VERDICTS: Final = {
    "read": "as the network",
    "label": "as the label",
    "third": "another emotion",
    "other": "no emotion, or a tie",
}
"""What the FER+ majority says, as the page tells it."""


def write_audit(
    audit: Audit, checks: Sequence[VotesCheck], folder: Path, *, count: int = 500
) -> list[Path]:
    """Write index.html, labels.csv, summary.json and, with votes, precision.png and .svg.

    Args:
        audit: what to tell.
        checks: of it against the FER+ votes; none without votes.
        folder: which exists.
        count: faces on the page, the most doubtful first, 1 to 5,000.
    Returns:
        The files.
    Raises:
        OptionError: `count` is out of range.
        OutputError: a file cannot be written.
    """
    page, labels, summary = (folder / n for n in ("index.html", "labels.csv", "summary.json"))
    figures = plot_precision(checks[0], folder / "precision") if checks else []
    text = to_page(audit, checks, count=count, figure=figures[0] if figures else None)
    write_labels(audit, labels)
    told = {**audit.to_dict(), "ferplus": [asdict(check) for check in checks]}
    write_text(summary, json_text(told, indent=2) + "\n")
    write_text(page, text)
    return [page, labels, summary, *figures]


def check_faces_on_page(count: int) -> None:
    """Raise OptionError where a page cannot have so many faces: before hours of training."""
    check_count("faces_on_page", count, 1, MOST_FACES)


def to_page(
    audit: Audit,
    checks: Sequence[VotesCheck] = (),
    *,
    count: int = 500,
    figure: Path | None = None,
) -> str:
    """An audit as one HTML file, with a PNG file of the first check; arguments as `write_audit`."""
    check_faces_on_page(count)
    voted = audit.faces.votes is not None
    emotions = {emotion: emotion for emotion in EMOTIONS}
    controls = {"label": ("labelled", emotions), "read": ("read as", emotions)}
    if voted:
        controls["votes"] = ("FER+ majority", _VERDICTS)
    about = "The share of wrong labels from the top of the ranking down to each rank"
    return render(
        "audit.html",
        title=f"Doubtful labels in {audit.faces.name}",
        audit=audit,
        doubted=int(audit.in_doubt.sum()),
        voted=voted,
        emotions=emotions,
        colors=_COLORS,
        labels=_by_label(audit),
        joint=_joint(audit.joint),
        checks=[(check, _check(check)) for check in checks],
        plain=PLAIN,
        figure=figure and Figure(data_uri(figure.read_bytes()), about, kind="drawn"),
        controls=controls,
        faces=_faces(audit, audit.order[:count]),
    )


def _by_label(audit: Audit) -> Table:
    head = ["label", "faces", "in doubt", "share", "mostly read as", f"in the worst {WORST:.0%}"]
    head += ["FER+ majority differs"] * (audit.faces.votes is not None)
    rows = [
        [Cell(cell, color=_COLORS[cell]) if cell in _COLORS else cell for cell in row]
        for row in audit.rows_by_label()
    ]
    return Table(rows, head=head, left=(0, 4))


def _joint(joint: NDArray[np.float64]) -> Table:
    """Row i: of the faces labelled i, the shares that show each emotion by the estimate."""
    rows: list[Row] = []
    for label, shares in zip(EMOTIONS, joint, strict=True):
        if total := shares.sum():
            tints = [Cell(f"{share:.0%}", tint=share) for share in shares / total]
            rows.append([label, *tints])
    caption = "What faces of each label show, as confident learning estimates it"
    return Table(rows, head=["labelled", *EMOTIONS], caption=caption)


def _check(check: VotesCheck) -> Table:
    depths = next(iter(check.rankings.values())).precision_at
    wrong = [f"wrong of the first {depth:,} ({depth / check.n:.1%})" for depth in depths]
    by_chance = [f"{check.prevalence:.1%}"] * len(depths)
    rows: list[Row] = [["in any order", f"{check.prevalence:.3f}", "0.500", *by_chance]]
    for name, ranking in check.rankings.items():
        scores = [_score(score, ".3f") for score in (ranking.average_precision, ranking.auroc)]
        rows.append([name, *scores, *(_score(s, ".1%") for s in ranking.precision_at.values())])
    of = counted(check.n, "face")
    caption = f"A label is wrong if {check.wrong_if}: {check.prevalence:.1%} of {of}"
    head = ["ranking", "average precision", "AUROC", *wrong]
    return Table(rows, head=head, caption=caption)


def _score(score: Score, form: str) -> Cell:
    interval = f"({score.interval.low:{form}} to {score.interval.high:{form}})"
    return Cell(f"{score.value:{form}}", small=interval)


def _faces(audit: Audit, rows: NDArray[np.int64]) -> list[dict[str, object]]:
    """What the page tells of each face."""
    faces, read_as, duplicate_labels = audit.faces, audit.read_as, audit.duplicate_labels()
    majority = None if faces.votes is None else ferplus_targets(faces)
    shown: list[dict[str, object]] = []
    for i in rows.tolist():
        label, read = int(faces.targets[i]), int(read_as[i])
        probabilities = dict(zip(EMOTIONS, audit.read.probabilities[i].tolist(), strict=True))
        face: dict[str, object] = {
            "image": Figure(png_uri(faces.images[i]), f"A face labelled {EMOTIONS[label]}"),
            "row": audit.rows[i],
            "source": "" if faces.sources is None else faces.sources[i],
            "label": EMOTIONS[label],
            "label_share": probabilities[EMOTIONS[label]],
            "read": EMOTIONS[read],
            "read_share": probabilities[EMOTIONS[read]],
            "probabilities": _bar(probabilities, {n: f"{p:.0%}" for n, p in probabilities.items()}),
            "duplicates": duplicate_labels.get(i, ()),
        }
        if faces.votes is not None and majority is not None:
            votes = dict(zip(_VOTES.values(), faces.votes[i].tolist(), strict=True))
            face |= _votes(votes, _verdict(int(majority[i]), label, read))
        shown.append(face)
    return shown


def _verdict(majority: int, label: int, read: int) -> str:
    if majority < 0:
        return "other"
    if majority == label:
        return "label"
    return "read" if majority == read else "third"


def _votes(votes: dict[str, int], verdict: str) -> dict[str, object]:
    """What FER+'s taggers said of a face: as a bar, in words, and beside label and network."""
    total = max(sum(votes.values()), 1)
    shares = {name: count / total for name, count in votes.items()}
    counts = sorted(votes.items(), key=lambda vote: -vote[1])
    named = [f"{name} {count}" for name, count in counts if count]
    return {
        "verdict": verdict,
        "votes": _bar(shares, {name: str(count) for name, count in votes.items()}),
        "votes_in_words": f"FER+: {', '.join(named)}" if named else "FER+ has no votes",
    }


def _bar(shares: dict[str, float], words: dict[str, str]) -> list[Part]:
    """Parts in the order of the emotions, in every bar; what is hardly there is left out."""
    return [
        Part(shares[name], color, f"{name} {words[name]}")
        for name, color in _COLORS.items()
        if shares.get(name, 0.0) >= 0.005
    ]
