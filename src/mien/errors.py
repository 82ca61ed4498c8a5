"""Every error that mien raises on purpose.

    MienError
    |-- ImageError         an image that cannot be read, or an array that is not an image
    |-- VideoError         a video, stream or camera that cannot be read
    |-- ModelError         a model file that is missing, broken, or not a classifier of faces
    |-- DataError          a data set that is missing, broken or incomplete; names file and row
    |-- OptionError        an argument outside its range
    |-- OutputError        a file or folder that cannot be written
    |-- TrainingError      a training run that cannot start, go on or be resumed
    |   |-- DivergedError  its loss is no longer a finite number
    |   `-- OutOfMemoryError  a step of it does not fit into memory; names a batch size that does
    `-- MissingExtraError  a part of mien that was not installed; names the command that installs it

The message says what was expected and what came. On the command line each of them is one line on
standard error and exit status 2. All of them travel between processes. What a program needs to know
of one stands in its attributes: nothing is told from the words of a message.
"""

import copy
import math
from contextlib import contextmanager
from operator import index
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ErrorKind: TypeAlias = Literal[
    "kills the process that reads it",
    "damaged or cut archive",
    "damaged Parquet file",
    "not a Parquet file",
    "no column with images",
    "Parquet row without an image",
    "no right to read it",
    "missing file",
    "file that cannot be read",
    "empty file",
    "not an image",
    "damaged image",
    "image too small",
    "image too large",
    "video that cannot be read",
    "other",
]
"""What can be wrong with a file that is read, as `mien batch` counts it."""


class MienError(Exception):
    """Base of all errors below: `except MienError` catches every one of them.

    Args:
        problem: what was expected and what came.
        source: the file that this is about, if the message is to begin with it.
        kind: of error; None is the usual one of the class.
        limit: how much is allowed, where something is too large, too long or too many.
        remedy: what a caller of the library, and nobody else, can do: ends the message.
    """

    source: str | None = None
    kind: ErrorKind = "other"
    limit: float | None = None
    remedy: str | None = None

    def __init__(
        self,
        problem: str,
        *,
        source: str | None = None,
        kind: ErrorKind | None = None,
        limit: float | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.source, self.limit, self.remedy = source, limit, remedy
        if kind is not None:
            self.kind = kind

    @property
    def problem(self) -> str:
        """The message without the source and the remedy."""
        return super().__str__()

    def __str__(self) -> str:
        begin = "" if self.source is None else f"{self.source}: "
        return f"{begin}{self.problem}" + ("" if self.remedy is None else f". {self.remedy}")

    def with_source(self, source: str) -> Self:
        """The same error of another source; one that names none stays as it is."""
        if self.source is None:
            return self
        named = copy.copy(self)
        named.source = source
        return named


class ImageError(MienError):
    """An image that cannot be read, or an array that is not an image."""


class VideoError(MienError):
    """A video, stream or camera that cannot be read."""

    kind = "video that cannot be read"


class ModelError(MienError):
    """A model file that is missing, broken, or not a classifier of faces."""


class DataError(MienError):
    """A data set that is missing, broken or incomplete; names the file and the row."""


class OptionError(MienError, ValueError):
    """An argument outside its range.

    Attributes:
        argument: its name, with which the message begins; None where several or none is to blame.
        other: another argument, whose name stands in the place of "{other}" in the problem.
    """

    def __init__(
        self,
        problem: str,
        *,
        argument: str | None = None,
        other: str | None = None,
        source: str | None = None,
        kind: ErrorKind | None = None,
    ) -> None:
        super().__init__(problem, source=source, kind=kind)
        self.argument, self.other = argument, other

    @property
    def problem(self) -> str:
        """The message without the source; it begins with the argument's name."""
        problem = super().problem.replace("{other}", self.other or "{other}")
        return problem if self.argument is None else f"{self.argument}: {problem}"


class OutputError(MienError):
    """A file or folder that cannot be written."""


class TrainingError(MienError):
    """A training run that cannot start, go on or be resumed."""


class DivergedError(TrainingError):
    """The loss of a run is no longer a finite number; its best weights so far are kept."""


class OutOfMemoryError(TrainingError, RuntimeError):
    """A training step does not fit into the device's memory; finished epochs are kept.

    The message names a batch size that fits. A RuntimeError too, as torch's own, for which it
    stands.
    """


class MissingExtraError(MienError, ImportError):
    """A part of mien that was not installed; the message names the command that installs it."""

    def __init__(self, purpose: str, extra: str, cause: ImportError) -> None:
        super().__init__(
            f"{purpose} needs the extra '{extra}' ({cause}). "
            f"Install it with: pip install 'mien[{extra}]'"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self).__new__, (type(self), *self.args)  # without the constructor


def check_is_number(name: str, value: object) -> None:
    """Raise OptionError where an option's value cannot be compared with a number."""
    try:
        bool(value < 0)  # type: ignore[operator]
    except (TypeError, ValueError):  # a text, None, an array of several
        raise OptionError(f"expected a number; got {value!r}", argument=name) from None


def check_number(
    name: str, value: float, least: float = 0, most: float = math.inf, *, finite: bool = False
) -> None:
    """Raise OptionError where an option's value is out of its range, or NaN.

    Infinity is no limit where there is no `most`, unless the value has to be `finite`.
    """
    check_is_number(name, value)
    if not least <= value <= most or (finite and value == math.inf):
        bounds = f"{least} or more" if most == math.inf else f"{least} to {most}"
        raise OptionError(f"expected {bounds}; got {value}", argument=name)


def counted(number: int, what: str, several: str | None = None) -> str:
    """A number and what it counts, as messages have it: "1 face", "1,234 faces".

    `several` is the plural of what has one without an s.
    """
    return f"{number:,} {what if number == 1 else several or f'{what}s'}"


def check_count(name: str, value: float, least: int, most: float = math.inf) -> None:
    """As `check_number`, of what is a whole number: so many, or infinity."""
    if value != math.inf:
        try:
            index(value)  # type: ignore[arg-type]
        except TypeError:
            raise OptionError(f"expected a whole number; got {value!r}", argument=name) from None
    check_number(name, value, least, most)


def check_choice(name: str, value: object, known: "Iterable[str]") -> None:
    """Raise OptionError where an option's value is none of those that it has."""
    if value not in (known := tuple(known)):
        raise OptionError(f"expected one of {', '.join(known)}; got {value!r}", argument=name)


@contextmanager
def needs_extra(extra: str, purpose: str) -> "Iterator[None]":
    """Raise `MissingExtraError` where an import in the body fails: what `purpose` needs."""
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(purpose, extra, error) from error
