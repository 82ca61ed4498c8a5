"""`mien batch`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from mien.cli.options import RecognizerOptions
from mien.cli.row_options import ImageFormatName
from mien.cli.shared import (
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    CroppedOption,
    JsonOption,
    MovementsOption,
    fail,
    print_json,
    print_table,
    say,
    stderr,
)
from mien.errors import counted

if TYPE_CHECKING:
    from mien.recognize.batch import BatchResult, Status

SAY_EVERY_S = 30.0  # a line, where standard error is no terminal


@dataclass(frozen=True)
class ReadingOptions:
    """What is read of files with several images; see `mien.recognize.batch.BatchSettings`."""

    column: Annotated[str | None, "Of Parquet files, that holds the images; else it is found."] = (
        None
    )
    every_s: Annotated[
        float | None,
        Option(
            "--every",
            "--every-s",
            help="Of videos: a frame every so many seconds; else every frame.",
        ),
    ] = None
    shard_images: Annotated[int | None, "Images that are read and written together."] = None


@dataclass(frozen=True)
class RunningOptions:
    """How the work is done; see `mien.recognize.batch.run_batch`."""

    processes: Annotated[
        int | None, "At work at once; every core if not given, 0 to do all in the command itself."
    ] = None
    ray: Annotated[
        str | None, "Work on a Ray cluster: its address, auto, or local for one of our own."
    ] = None
    overwrite: Annotated[bool, "Begin anew; what the data set holds is removed."] = False
    as_planned: Annotated[bool, "Go on with the files of the first start; look for none."] = False
    retry_errors: Annotated[bool, "Also do shards again that have errors."] = False


def batch(
    context: typer.Context,
    sources: Annotated[
        list[str],
        Argument(
            help="Folders, patterns, images, tar archives, Parquet files, videos, or text files "
            "that list these; on the disk, or s3://... and gs://..."
        ),
    ],
    out: Annotated[str, "Folder of the data set to write."],
    *,
    file_format: Annotated[
        ImageFormatName | None,
        Option("--format", help="Also a file for another tool: rows.fex.csv for py-feat."),
    ] = None,
    as_json: JsonOption = False,
    recognizer: RecognizerOptions,
    cropped: CroppedOption = False,
    movements: MovementsOption = False,
    reading: ReadingOptions,
    running: RunningOptions,
) -> None:
    """Read an archive of images and videos into a Parquet data set.

    Example: mien batch photos/ 'shards/*.tar' --out readings

    Example: mien batch s3://bucket/train.parquet --out s3://bucket/readings --ray 10.0.0.1:6379

    The data set has a row for each face, and one for an image without a face: see docs/batch.md.
    The same command goes on where it was cut off, by Ctrl-C, a kill or a full disk.

    An image that cannot be read is a row with the error, and the exit status is then 2. Files of
    other kinds are counted on standard error; with images of other formats or packed archives
    among them, the exit status is 2, too.
    """
    from mien.recognize.batch import BatchSettings, run_batch

    faces = recognizer.settings(context, cropped=cropped, movements=movements)
    settings = BatchSettings(**asdict(faces), **asdict(reading))
    try:
        # Ray tells of lost nodes on standard output, which is for results.
        with redirect_stdout(sys.stderr), _reporting() as report:
            result = run_batch(
                list(sources),
                out,
                settings,
                fex=file_format is ImageFormatName.fex,
                report=report,
                **asdict(running),
            )
    except KeyboardInterrupt:
        say(f"interrupted; what is done is kept in {out}, and the same command goes on")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if as_json:
        print_json(result.to_dict(), indent=1)
    else:
        _print(result)
    if result.tally.without_face and not (recognizer.full_size or cropped):
        say(
            f"{result.tally.without_face:,} without a face; small faces: --full-size; "
            "faces that are cut out already: --cropped"
        )
    if result.given_up:
        were = "was" if result.given_up == 1 else "were"
        say(f"{counted(result.given_up, 'shard')} {were} given up; a rerun tries again")
    for note, count in result.tally.notes.items():
        say(f"{counted(count, 'image')}: {note}")
    if result.left_out:
        say(str(result.left_out))
    if result.tally.failed:
        fail(
            f"{result.tally.failed:,} of {result.tally.images + result.tally.failed:,} images or "
            f"archives could not be read, or not to their end; see the column error"
        )
    if result.left_out.may_hold_faces:
        raise typer.Exit(EXIT_ERROR)


def _print(result: "BatchResult") -> None:
    tally = result.tally
    rows = [
        [label, f"{count:,}", f"{count / tally.faces:.1%}" if tally.faces else "-"]
        for label, count in tally.emotions.items()
    ]
    print_table(["emotion", "faces", "share"], rows, left=(0,))
    print()
    print_table(
        ["", ""],
        [
            ["images read", f"{tally.images:,}"],
            ["without a face", f"{tally.without_face:,}"],
            ["faces", f"{tally.faces:,}"],
            ["unsure", f"{tally.unsure:,}"],
            ["errors", f"{tally.failed:,}"],
            *([f"  {kind}", f"{count:,}"] for kind, count in tally.kinds),
            ["shards done", f"{result.shards_done:,} of {result.shards:,}"],
            *([["  by earlier runs", f"{result.shards_before:,}"]] if result.shards_before else []),
            ["seconds", f"{result.seconds:,.1f}"],
            ["images a second", f"{result.images_per_s:,.1f}" if result.images else "-"],
        ],
        left=(0,),
    )
    print(f"\nrows      {result.rows}\nmanifest  {result.out}/manifest.json")
    print(f"summary   {result.out}/summary.html")
    if result.fex is not None:
        print(f"py-feat   {result.fex}")


@contextmanager
def _reporting() -> "Iterator[Callable[[Status], None]]":
    """How far it is: a bar on a terminal, elsewhere a line now and then."""
    if not sys.stderr.isatty():
        said_s = 0.0

        def line(status: "Status") -> None:
            nonlocal said_s
            if status.seconds - said_s >= SAY_EVERY_S:
                said_s = status.seconds
                say(_words(status))

        yield line
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr(), transient=True) as bar:
        task = bar.add_task("planning", total=None)

        def move(status: "Status") -> None:
            if status.images:
                done, total = status.images_done, status.images
            else:
                done, total = status.shards_done, status.shards
            bar.update(task, completed=done, total=total, description=_words(status))

        yield move


def _words(status: "Status") -> str:
    of = f" of {status.images:,}" if status.images else ""
    errors = f", errors: {status.errors:,}" if status.errors else ""
    left = ""
    if status.images and status.images_per_s > 0:
        seconds = (status.images - status.images_done) / status.images_per_s
        left = f", {_span(max(seconds, 0.0))} left"
    return (
        f"{status.images_done:,}{of} images, {status.images_per_s:,.0f} a second, "
        f"{status.shards_done:,} of {status.shards:,} shards{errors}{left}"
    )


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
