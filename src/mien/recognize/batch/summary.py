"""What a data set holds, on one page of HTML that needs no other file."""

import platform
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from mien.output.figures import COLOR_OF
from mien.output.pages import Cell, Part, Row, Table, facts_table, render
from mien.recognize.batch.dataset import SUMMARY, Dataset
from mien.recognize.batch.records import PROBABILITY_BINS, STAGES, Tally

if TYPE_CHECKING:
    from mien.recognize.batch.run import BatchResult

MOST_EXAMPLES: Final = 20
"""Errors that the page quotes."""


def write_summary(dataset: Dataset, result: "BatchResult") -> None:
    """Write the page of a run that has ended into its data set."""
    tally = result.tally
    examples = [text for _, r in sorted(dataset.records.items()) for text in r.examples]
    examples = examples[:MOST_EXAMPLES]
    errors = Table([[kind, f"{count:,}"] for kind, count in tally.kinds], head=["kind", "count"])
    notes = [f"{count:,} x {note}" for note, count in tally.notes.items()]
    page = render(
        "batch.html",
        title=dataset.folder.name.rstrip("/").rsplit("/", 1)[-1] or "readings",
        sources=dataset.about["sources"],
        shards_done=result.shards_done,
        shards=result.shards,
        complete=result.complete,
        numbers={
            "images read": tally.images,
            "faces": tally.faces,
            "images without a face": tally.without_face,
            "unsure faces": tally.unsure,
            "errors": tally.failed,
        },
        emotions=_emotions(tally) if tally.faces else None,
        faces=_faces(tally),
        probabilities=tally.probabilities if tally.faces else [],
        below_half=sum(tally.probabilities[: PROBABILITY_BINS // 2]) / max(tally.faces, 1),
        errors=errors if tally.failed else None,
        examples=examples,
        more_errors=tally.failed - len(examples),
        notes=notes + ([str(result.left_out)] if result.left_out else []),
        images=result.images,
        seconds=result.seconds,
        images_per_s=result.images_per_s,
        engine=_engine(result),
        stages=_stages(tally),
        made=facts_table(_made(dataset.about)),
    )
    dataset.folder.write(SUMMARY, page.encode("utf-8", "backslashreplace"))


def _emotions(tally: Tally) -> Table:
    counts = tally.emotions
    rows = [_row(one, counts[one], tally.faces, color) for one, color in COLOR_OF.items()]
    return _shares(["emotion", "faces"], rows)


def _faces(tally: Tally) -> Table:
    counts = list(tally.faces_per_image)
    names = [str(number) for number in range(len(counts) - 1)] + [f"{len(counts) - 1} or more"]
    while len(counts) > 2 and not counts[-1]:
        counts.pop()
    rows = [_row(name, n, max(tally.images, 1)) for name, n in zip(names, counts, strict=False)]
    return _shares(["faces", "images"], rows)


def _stages(tally: Tally) -> Table:
    total = sum(tally.seconds.values()) or 1.0
    shares = [(stage, tally.seconds[stage], tally.seconds[stage] / total) for stage in STAGES]
    rows: list[Row] = [
        [stage, f"{seconds:,.1f}", f"{share:.0%}", Cell(bar=[Part(share)])]
        for stage, seconds, share in shares
    ]
    return _shares(["stage", "seconds"], rows)


def _row(name: str, count: int, of: int, color: str = "") -> Row:
    return [name, f"{count:,}", f"{count / of:.1%}", Cell(bar=[Part(count / of, color)])]


def _shares(head: list[str], rows: Sequence[Row]) -> Table:
    return Table(rows, head=[*head, "share", ""], left=(0, 3))


def _engine(result: "BatchResult") -> str:
    if result.engine == "ray":
        return "Ray" + (f", {result.workers} workers at most" if result.workers else "")
    return f"{result.workers} processes" if result.workers > 1 else "one process"


def _made(about: Mapping[str, object]) -> list[tuple[str, object]]:
    settings = about["settings"]
    values = {k: v for k, v in about.items() if k not in ("sources", "settings")}
    if isinstance(settings, dict):
        values |= {name: value for name, value in settings.items() if value not in (None, False)}
    return [*values.items(), ("Python", platform.python_version())]
