"""`mien detect`."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument

from mien.cli.options import RecognizerOptions
from mien.cli.shared import (
    EXIT_ERROR,
    CroppedOption,
    JsonArray,
    JsonOption,
    MovementsOption,
    ThreadsOption,
    fail,
    print_table,
    progress,
    quiet_libraries,
    say,
)
from mien.errors import OptionError, check_number, counted
from mien.labels import EMOTIONS
from mien.readings import Expectation, ImageResult, Reading
from mien.recognize.faces import what_may_help

if TYPE_CHECKING:
    from mien.recognize.recognizer import Recognizer

STRONGEST = 3  # movements of a face that the table has; CSV and JSON have all

EXIT_OTHERWISE = 1  # a face shows something else than was expected, or there is none


@dataclass(frozen=True)
class ExpectOptions:
    """Which emotion the faces are expected to show."""

    expect: Annotated[str | None, "Say of each face whether it shows this emotion."] = None
    expect_threshold: Annotated[
        float | None,
        "Probability that is enough for --expect, 0 to 1; else it must be the likeliest.",
    ] = None

    def expectation(self) -> Expectation | None:
        """What the library takes.

        Raises:
            OptionError: there is no such emotion, or the threshold is without one, or no share.
        """
        if self.expect is not None:
            if self.expect_threshold is not None:  # --threshold is another option
                check_number("expect_threshold", self.expect_threshold, 0, 1)
            return Expectation.of(self.expect, threshold=self.expect_threshold)
        if self.expect_threshold is not None:
            raise OptionError("--expect-threshold: expected an emotion with it, in --expect")
        return None


@dataclass(frozen=True)
class AlsoOptions:
    """What is told of faces beside their emotions."""

    compound: Annotated[bool, "Also name two emotions shown at once: happily surprised, ..."] = (
        False
    )
    movements: MovementsOption = False


@dataclass(frozen=True)
class FileOptions:
    """What is written."""

    out: Annotated[
        Path | None,
        "Folder for annotated copies of the images, which replace earlier ones; it is not searched "
        "for any.",
    ] = None
    csv: Annotated[Path | None, "CSV file to write: one row for each face."] = None
    overwrite: Annotated[bool, "Replace a file of --csv that exists."] = False


def detect(
    context: typer.Context,
    paths: Annotated[list[str], Argument(help="Images, folders of images, or patterns.")],
    *,
    written: FileOptions,
    as_json: JsonOption = False,
    recognizer: RecognizerOptions,
    cropped: CroppedOption = False,
    threads: ThreadsOption = 1,
    expected: ExpectOptions,
    also: AlsoOptions,
) -> None:
    """Find faces and read their emotions.

    Example: mien detect family.jpg holiday/ --out annotated --csv faces.csv

    Example: mien detect passport.jpg --expect neutral

    With --threshold P a face is called unsure where no emotion has the probability P; all its
    probabilities are still told. `mien models NAME` says how many faces that leaves.

    An image that cannot be read is reported and the others go on; the exit status is then 2. Files
    of folders that are no images are counted on standard error; with videos, archives or images
    of other formats among them, the exit status is 2, too.

    --compound goes by the probabilities. Those of the model in the box say how people would divide
    between two emotions; those of models that learned one label for each face say little of that.

    --movements tells what the face does, not what is felt: docs/movements.md has what each
    movement is worth. The table has the three strongest, --csv and --json all.

    With --expect the exit status answers for all images together: 0 if every face that was found
    shows the emotion, 1 if one does not or there is no face. An unsure face shows none.
    """
    from mien.output.files import atomic_text, check_free
    from mien.recognize.image_folders import find_images, read_images
    from mien.recognize.sources import LeftOut

    expectation = expected.expectation()
    left_out = LeftOut()
    files = find_images(paths, not_in=written.out, left_out=left_out)
    if written.csv is not None:
        check_free(written.csv, overwrite=written.overwrite, read=[file.path for file in files])
    reader = recognizer.settings(context, cropped=cropped, movements=also.movements).open(
        threads=threads
    )
    findings = _Findings(reader, expectation)
    printer = (_JsonPrinter if as_json else _TablePrinter)(expectation, **asdict(also))
    writers: list[Any] = [printer]
    with ExitStack() as stack:
        stack.enter_context(quiet_libraries())  # libtiff says on its own what it stumbles over
        if written.out is not None:
            from mien.output.annotated import AnnotatedWriter

            writers.insert(0, AnnotatedWriter(written.out, files, beside=written.csv))
        if written.csv is not None:
            from mien.output.records import CsvWriter

            file = stack.enter_context(atomic_text(written.csv))
            writers.insert(0, CsvWriter(file, expectation, **asdict(also)))
        results = read_images(reader, files)
        for result in progress(results, len(files), "reading images"):
            findings.add(result)
            for writer in writers:
                writer.write(result)
        printer.close()
    findings.say_notes()
    if left_out:
        say(str(left_out))
    if findings.failed:
        fail(f"{findings.failed} of {counted(len(files), 'image')} could not be read")
    if left_out.may_hold_faces:
        raise typer.Exit(EXIT_ERROR)
    if findings.say_otherwise():
        raise typer.Exit(EXIT_OTHERWISE)


class _Findings:
    """What came of all images together, for standard error and the exit status."""

    def __init__(self, recognizer: "Recognizer", expectation: Expectation | None) -> None:
        self._recognizer, self._expectation = recognizer, expectation
        self.failed = self._faces = self._otherwise = 0
        self._noted: dict[str, list[str]] = {}
        self._hints: dict[str, list[str]] = {}

    def add(self, result: ImageResult) -> None:
        """Count one image, and say at once why it could not be read."""
        if result.error is not None:
            self.failed += 1
            say(str(result.error))
        for note in result.notes:
            self._noted.setdefault(note, []).append(str(result.file.relative))
        if hint := _hint(self._recognizer, result):
            self._hints.setdefault(hint.rpartition("; ")[2], []).append(hint)
        self._faces += len(result.readings)
        if self._expectation is not None:
            verify = self._expectation.verify
            self._otherwise += sum(not verify(reading).shows for reading in result.readings)

    def say_notes(self) -> None:
        """Say what had to be decided, and what may find more faces."""
        for note, names in self._noted.items():
            say(names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "") + f": {note}")
        for alike in self._hints.values():
            say(alike[0] + (f" (and {len(alike) - 1} more like it)" if len(alike) > 1 else ""))

    def say_otherwise(self) -> bool:
        """Whether a face shows something else than was expected, or there is none; says so."""
        if self._expectation is None or (self._faces and not self._otherwise):
            return False
        found = "there is no face"
        if self._faces:
            found = f"{self._faces - self._otherwise} of {self._faces} show it"
        say(f"expected {self._expectation.emotion} on every face; {found}")
        return True


def _hint(recognizer: "Recognizer", result: ImageResult) -> str:
    """What may find faces of an image that were missed; empty if none seems to be."""
    if result.image is None:
        return ""
    height, width = result.image.shape[:2]
    boxes = [reading.box for reading in result.readings]
    sizes_px = [max(x1 - x0, y1 - y0) for x0, y0, x1, y1 in boxes]
    hint = what_may_help(recognizer.detector, (width, height), sizes_px)
    found = "only small faces" if boxes else "no face"
    return f"{result.file.relative}: {found}; {hint}" if hint else ""


class _JsonPrinter(JsonArray):
    """Prints a JSON array, an object for each image, as the images come."""

    def __init__(self, expectation: Expectation | None, **also: bool) -> None:
        super().__init__()
        self._expectation = expectation
        self._also = also

    def write(self, result: ImageResult) -> None:
        from mien.output.records import to_dict

        self.add(to_dict(result, self._expectation, **self._also))


class _TablePrinter:
    """Prints a table of all faces at the end."""

    def __init__(self, expectation: Expectation | None, *, compound: bool, movements: bool) -> None:
        self._rows: list[list[str]] = []
        self._also: dict[str, Callable[[Reading], str]] = {}  # head -> what stands below it
        if expectation is not None:
            self._also[f"shows {expectation.emotion}"] = partial(_shown, expectation)
        if compound:
            self._also["compound"] = _compound
        if movements:
            self._also["movements"] = _strongest

    def write(self, result: ImageResult) -> None:
        name = str(result.file.relative)
        if not result.readings and result.error is None:
            self._rows.append([name, "-", "no face", *[""] * (1 + len(EMOTIONS) + len(self._also))])
        for number, reading in enumerate(result.readings, start=1):
            shares = [f"{p:.3f}" for p in reading.probabilities]
            row = [name, str(number), reading.caption, f"{reading.probability:.1%}", *shares]
            self._rows.append([*row, *(tell(reading) for tell in self._also.values())])

    def close(self) -> None:
        header = ["image", "face", "emotion", "sure", *EMOTIONS, *self._also]
        also = range(len(header) - len(self._also), len(header))
        print_table(header, self._rows, left=(0, 2, *also))


def _shown(expectation: Expectation, reading: Reading) -> str:
    found = expectation.verify(reading)
    return f"{'yes' if found.shows else 'no':3} {found.probability:6.1%}"


def _compound(reading: Reading) -> str:
    return reading.compound or "-"


def _strongest(reading: Reading) -> str:
    """The movements of a face that go furthest."""
    if reading.movements is None:
        return "-"
    order = sorted(reading.movements.by_name().items(), key=lambda pair: -pair[1])
    return ", ".join(f"{name} {value:.2f}" for name, value in order[:STRONGEST])
