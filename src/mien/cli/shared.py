"""What several commands share: options, messages, tables, progress."""

import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from typer import Option

from mien.environment import without_stderr
from mien.errors import needs_extra
from mien.labels import EMOTIONS

if TYPE_CHECKING:
    from rich.console import Console

    from mien.learn.data.datasets import FaceSet
    from mien.learn.training.recipes import Recipe
    from mien.readings import TrackSummary
    from mien.rows.usable import UnusableTotals
    from mien.spec import ModelSpec

EXIT_ERROR = 2
PEOPLE_HEADER = ["person", "from", "to", "on screen", "mostly", "then", "changes/min"]
_LEAST_TEXT = 8  # letters to which a terminal may cut names in a table
_STDERR = 2  # the number of its file
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it

ModelOption = Annotated[
    str, "A model in the package, or the path of an ONNX file; several, with commas, are averaged."
]


class HeadName(StrEnum):
    """Names in `mien.spec.HEADS`."""

    people = "people"
    label = "label"


CroppedOption = Annotated[bool, "Each image is a face that is cut out already: search for none."]
MovementsOption = Annotated[
    bool, "Also read facial movements, 0 to 1: mouthSmileLeft, browDownLeft, ..."
]
ThreadsOption = Annotated[int, "Threads of the network; 0 takes every core."]
DataOption = Annotated[Path, "fer2013.csv, a folder of Parquet files, or of folders of images."]
SplitOption = Annotated[str, "train, val, test, or several: val+test."]

HeadOption = Annotated[
    HeadName | None,
    "people: what people would say, held against FER+'s taggers where the data have them; label: "
    "FER2013's label, as the paper has it. If not given, people where the model has it.",
]
VotesOption = Annotated[Path | None, "FER+ votes: fer2013new.csv, beside fer2013.csv."]
FindFacesOption = Annotated[
    bool, "Folders hold photos, not faces cut out of them: take the largest face of each."
]
PrecisionOption = Annotated[
    str | None, "32 or bf16, in place of the recipe's; bf16 needs a device that has it."
]
FpsOption = Annotated[float | None, "Of rows of another tool without times: frames per second."]
JsonOption = Annotated[bool, Option("--json", help="Print JSON in place of a table.")]


OverwriteOption = Annotated[bool, "Replace outputs that exist."]
UsableOnlyOption = Annotated[
    bool, "Make all but files of rows as if faces whose reading is not usable were not seen."
]


class _Lossy(io.FileIO):
    """A file that loses what cannot be written."""

    def write(self, content: Any) -> int:
        """Write bytes, or lose them."""
        try:
            return super().write(content) or 0
        except OSError:
            return len(memoryview(content).cast("B"))


def messages_to(descriptor: int, encoding: str) -> io.TextIOWrapper:
    """Standard error whose disk may be full and whose reader may go: no work is lost for it."""
    file = io.BufferedWriter(_Lossy(descriptor, "w"))
    return io.TextIOWrapper(file, encoding, "backslashreplace", line_buffering=True)


def say(message: str) -> None:
    """Print one line on standard error."""
    print(f"mien: {printable(' '.join(message.split()))}", file=sys.stderr)


def tell_written(*paths: Path) -> None:
    """Name on standard error the files among these that are there now."""
    for path in paths:
        if path.exists():
            print(f"wrote {printable(str(path))}", file=sys.stderr)


def say_unusable(totals: "UnusableTotals") -> None:
    """Say on standard error which readings are left out as not usable, or that rows do not tell."""
    if sentence := totals.sentence():
        say(sentence)


def printable(text: str) -> str:
    """The text with escapes in place of what would act on a terminal, or not be seen on it."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def fail(message: str) -> NoReturn:
    """Print one line on standard error and end with status 2."""
    say(message)
    sys.exit(EXIT_ERROR)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """What libraries in C print on standard error is lost; what mien prints there is not.

    For commands that start no other processes: those would be silent, too.
    """
    try:
        ours = sys.stderr.fileno() == _STDERR
    except (OSError, ValueError):  # a test's, which no library prints on
        ours = False
    if not ours:
        yield
        return
    before = sys.stderr
    with without_stderr() as kept, messages_to(os.dup(kept), before.encoding) as sys.stderr:
        try:
            yield
        finally:
            sys.stderr = before


def left_out_line(faces: "FaceSet") -> str:
    """How many faces of a data set were left out, by reason; empty if none was."""
    reasons = "; ".join(f"{reason}: {count:,}" for reason, count in faces.left_out.items())
    return reasons and f"left out: {reasons}"


def say_left_out(faces: "FaceSet") -> None:
    """Say on standard error how a data set was read, and how many faces were left out, if any."""
    for note in faces.notes:
        say(note)
    if line := left_out_line(faces):
        say(line)


def read_data(
    path: Path, *, votes: Path | None = None, find_faces: bool = False, quiet: bool = False
) -> "FaceSet":
    """Read a data set with a bar on a terminal; says what was left out unless it is `quiet`."""
    from mien.learn.data.datasets import load_faces

    with bar("reading the data") as report:
        faces = load_faces(path, votes=votes, find_faces=find_faces, report=report)
    if not quiet:
        say_left_out(faces)
    return faces


def without_missing_votes(recipe: "Recipe", faces: "FaceSet", *, quiet: bool = False) -> "Recipe":
    """The recipe without FER+ votes where the data set has none, which is said."""
    if not recipe.votes_weight or faces.votes is not None:
        return recipe
    if not quiet:
        say(
            f"{faces.name} has no FER+ votes: {recipe.name} goes without them (votes_weight 0); "
            "--votes fer2013new.csv gives those of fer2013.csv"
        )
    return replace(recipe, votes_weight=0.0)


def absent_line(absent: "Sequence[str]", where: str) -> str:
    """Which emotions no face of a split carries, and so no mean over the classes is of."""
    return (
        f"{where} has no face of {', '.join(absent)}: "
        f"means over the emotions are of the other {len(EMOTIONS) - len(absent)}"
    )


def need_torch(purpose: str) -> None:
    """Raise the error that names the extra, before anything else takes time."""
    with needs_extra("train", purpose):
        import lightning_fabric  # noqa: F401
        import torch  # noqa: F401


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print what `--json` asks for."""
    from mien.output.files import json_text

    print(json_text(value, indent=indent))


def print_spec(spec: "ModelSpec", file: Path) -> None:
    """Print what a model file that was written says of itself, as JSON."""
    about = {"file": str(file), "bytes": file.stat().st_size}
    print_json({**about, **json.loads(spec.to_json())})


def print_table(
    header: list[str], rows: list[list[str]], *, left: tuple[int, ...], fits: bool = False
) -> None:
    """Print aligned columns.

    Args:
        header: what stands above them.
        rows: of cells.
        left: the numbers of those that start at the left.
        fits: cut these in their middles where a terminal is narrower, and then what stands above
            the others; numbers stay whole.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(_width(row[i]) for row in [header, *rows]) for i in range(len(header))]
    # Not by COLUMNS alone: whatever has loaded readline hands that on to those that read a pipe.
    if fits and sys.stdout.isatty():
        terminal = shutil.get_terminal_size().columns
        columns, room = range(len(header)), terminal - 2 * (len(header) - 1)
        numbers = [max((_width(row[i]) for row in rows), default=0) for i in columns]
        least = [_LEAST_TEXT if i in left else numbers[i] for i in columns]
        _narrow(widths, left, least, room)
        _narrow(widths, columns, least, room)
    for row in [header, *rows]:
        cells = []
        for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
            shown = _cut(cell, width)
            padding = " " * (width - _width(shown))
            cells.append(shown + padding if i in left else padding + shown)
        print("  ".join(cells).rstrip())


def _width(text: str) -> int:
    """Columns of a terminal that it takes: East Asian letters take two, combining marks none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _narrow(widths: list[int], columns: Iterable[int], least: list[int], room: int) -> None:
    """Take from the widest of some columns until all have room, or none has more than its least."""
    columns = list(columns)
    while sum(widths) > room and (wide := [i for i in columns if widths[i] > least[i]]):
        widths[max(wide, key=lambda i: widths[i])] -= 1


def _cut(text: str, width: int) -> str:
    """The text, or its begin and its end: files often differ there alone."""
    if _width(text) <= width:
        return text
    from rich.cells import set_cell_size

    end = max(width - 2, 0) // 2
    begin = max(width - 2, 0) - end
    return set_cell_size(text, begin) + ".." + set_cell_size(text[::-1], end)[::-1]


def people_rows(people: "Iterable[TrackSummary]") -> list[list[str]]:
    """What each person of a video shows, for `print_table` under `PEOPLE_HEADER`.

    It has what 80 columns hold; the summary has the rest.
    """
    from mien.rows.timeline import clock

    rows = []
    for person in people:
        first, second, *_ = sorted(person.shares, key=lambda label: -person.shares[label])
        then = f"{second} {person.shares[second]:.0%}" if person.shares[second] >= 0.005 else ""
        rows.append(
            [
                person.name or str(person.track),
                *(clock(time_s, fine=True) for time_s in (person.first_s, person.last_s)),
                *(f"{person.on_screen_s:.1f} s", f"{first} {person.shares[first]:.0%}", then),
                f"{person.flips_per_minute:.1f}",
            ]
        )
    return rows or [["-", "no face"] + [""] * (len(PEOPLE_HEADER) - 2)]


def stderr() -> "Console":
    """A console on standard error."""
    from rich.console import Console

    return Console(stderr=True)


@contextmanager
def status(what: str) -> Iterator[Callable[[str], None]]:
    """A spinner on a terminal, told which part is under way; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda part: None
        return
    with stderr().status(what) as shown:
        yield lambda part: shown.update(f"{what}: {part}")


class JsonArray:
    """Prints a JSON array, an object in a line, as the objects come."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, value: dict[str, Any]) -> None:
        """Print one more object."""
        from mien.output.files import json_text

        print("[" if self._count == 0 else ",")
        print(json_text(value), end="")
        self._count += 1

    def close(self) -> None:
        """End the array; it may be empty."""
        print("\n]" if self._count else "[]")


@contextmanager
def bar(what: str) -> Iterator[Callable[[float], None]]:
    """A bar on a terminal, told what share is done, 0 to 1; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda share: None
        return
    from rich.progress import Progress

    with Progress(console=stderr(), transient=True) as bars:
        task = bars.add_task(what, total=1.0)
        yield lambda share: bars.update(task, completed=share)


def progress(items: Any, total: int, what: str) -> Any:
    """The items, with a bar on a terminal when there are enough to wait for."""
    if total < 2 or not sys.stderr.isatty():
        return items
    from rich.progress import track

    return track(items, what, total=total, console=stderr(), transient=True)
