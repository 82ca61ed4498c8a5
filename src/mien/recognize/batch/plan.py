"""Files -> shards: what one process reads in one go, and writes as one file.

A plan may have millions of files: it lies in a file of its own, from which shards are read one by
one.
"""

import gzip
import hashlib
import json
import os
import shutil
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, BinaryIO, Final, Literal, Self

from mien.errors import DataError, ErrorKind, OutputError
from mien.recognize.batch.listing import Found, Kind, find_files
from mien.recognize.batch.parquet import cut_rows, image_column
from mien.recognize.batch.settings import BatchSettings
from mien.recognize.batch.storage import Folder, open_file, writing
from mien.recognize.sources import LeftOut

MOST_SHARD_IMAGES: Final = 1000
"""Images in a shard, unless it is set: what is lost at most when a process dies, of each."""

_LEAST_SHARD_IMAGES: Final = 16
_SHARDS: Final = 64  # at least, of few images: the last ones keep no core waiting for long
_FORMAT: Final = 1


def part_of(number: int) -> str:
    """The file of a shard's rows."""
    return f"part-{number:06}.parquet"


@dataclass(frozen=True)
class Shard:
    """A part of the work."""

    number: int  # its place in the plan, from 0
    kind: Kind  # of its files
    files: tuple[str, ...]  # full names; one, unless they are images
    row_groups: tuple[int, int] = (0, 0)  # of a Parquet file: the first, and one after the last
    skip: int = 0  # rows of them that belong to the shards before
    rows: int = 0  # of them that belong to this one
    column: str = ""  # of a Parquet file, that holds the images
    error: str = ""  # why the file cannot be read, where that is known already
    error_kind: ErrorKind | Literal[""] = ""

    @property
    def file_name(self) -> str:
        """Of the part of the data set that its rows go to."""
        return part_of(self.number)

    def __str__(self) -> str:
        named = self.files[0] if len(self.files) == 1 else f"{self.files[0]} to {self.files[-1]}"
        return f"shard {self.number} ({named})"

    def to_json(self) -> str:
        """In a line; what is not set is left out."""
        unset = ("", 0, (0, 0))
        values = {k: v for k, v in asdict(self).items() if v not in unset or k == "number"}
        return json.dumps(values, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """What `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        values["kind"] = Kind(values["kind"])
        values["files"] = tuple(values["files"])
        values["row_groups"] = tuple(values.get("row_groups", (0, 0)))
        return cls(**values)


@dataclass
class Plan(AbstractContextManager["Plan"]):
    """All shards of a batch, in a file without a name that is gone when it is closed."""

    counts: dict[str, int] = field(default_factory=dict)  # files of each kind
    images: int = 0  # loose ones and those in Parquet; of tar archives they are seen when read
    all_unreadable: str = ""  # why nothing can be read; empty if something can
    left_out: LeftOut = field(default_factory=LeftOut)  # what the searches came by, and left
    # A line for each shard: its weight in bytes, 0 of a usual one, and what `to_json` gives.
    _file: BinaryIO = field(default_factory=tempfile.TemporaryFile)
    _offsets: "array[int]" = field(default_factory=lambda: array("q"))
    _weights: "array[float]" = field(default_factory=lambda: array("d"))
    _hash: Any = field(default_factory=hashlib.sha256)

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, number: int) -> Shard:
        self._file.seek(self._offsets[number])
        return Shard.from_json(self._file.readline().partition(b" ")[2])

    @property
    def digest(self) -> str:
        """Two plans of the same files, cut alike, have the same."""
        return str(self._hash.hexdigest())

    def heaviest_first(self, numbers: Iterable[int]) -> Sequence[int]:
        """The same numbers, large archives and videos first: one that is last keeps all waiting."""
        return array("q", sorted(numbers, key=lambda number: (-self._weights[number], number)))

    def add(self, line: bytes) -> None:
        """Add the next shard."""
        self._offsets.append(self._file.seek(0, os.SEEK_END))
        self._weights.append(float(line.partition(b" ")[0]))
        self._hash.update(line)
        self._file.write(line)

    def save(self, folder: Folder, name: str) -> None:
        """Write it to a data set; an OutputError where that is impossible."""
        head = {
            "format": _FORMAT,
            "counts": self.counts,
            "images": self.images,
            "digest": self.digest,
            "left_out": self.left_out,
        }
        # The time that gzip stores would make two files of the same plan differ.
        with (
            folder.new_file(name) as path,
            writing(folder.path(name)),
            gzip.GzipFile(path, "wb", mtime=0) as file,
        ):
            file.write(json.dumps(head).encode() + b"\n")
            self._file.seek(0)
            shutil.copyfileobj(self._file, file)

    @classmethod
    def load(cls, folder: Folder, name: str) -> Self:
        """Read one back from a data set; an OutputError where there is none, or it is damaged."""
        plan = cls()
        try:
            with open_file(folder.path(name), in_a_row=True) as raw, gzip.open(raw) as file:
                head = json.loads(file.readline())
                if head["format"] != _FORMAT:
                    raise ValueError(f"expected format {_FORMAT}; got {head['format']}")
                plan.counts, plan.images = head["counts"], head["images"]
                plan.left_out = LeftOut(head.get("left_out", {}))
                for line in file:
                    plan.add(line)
                    Shard.from_json(line.partition(b" ")[2])  # a damaged one is found now
        except (DataError, OSError, EOFError, ValueError, KeyError, TypeError) as error:
            plan.__exit__()
            raise OutputError(
                f"{folder.path(name)}: expected the plan of a data set of `mien batch`; {error}"
            ) from error
        return plan

    def __exit__(self, *_: object) -> None:
        self._file.close()


def make_plan(sources: Iterable[str], settings: BatchSettings, *, not_in: str = "") -> Plan:
    """Cut the files that sources name into shards; see `find_files`.

    A shard is a tar archive, a video, some row groups of a Parquet file or a part of one, or as
    many images as `BatchSettings.shard_images` says: a 64th of all of them if it does not, 16 at
    least and `MOST_SHARD_IMAGES` at most. The same files give the same shards. A Parquet file
    without images among others is a shard with an `error`, and so is a line of a list that names
    nothing.

    Raises:
        DataError: a source does not exist, may not be read, or names nothing that can be read.
    """
    with tempfile.TemporaryFile() as spool:
        counts: dict[str, int] = {}
        left_out = LeftOut()
        for found in find_files(sources, not_in=not_in, left_out=left_out):
            counts[found.kind] = counts.get(found.kind, 0) + 1
            spool.write(json.dumps(found).encode() + b"\n")
        plan = Plan(counts=counts, images=counts.get(Kind.IMAGE, 0), left_out=left_out)
        size = settings.shard_images or min(
            max(-(-plan.images // _SHARDS), _LEAST_SHARD_IMAGES), MOST_SHARD_IMAGES
        )
        spool.seek(0)
        files = (Found(Kind(kind), *others) for kind, *others in map(json.loads, spool))
        problem, readable = "", False
        with writing("the plan, in the folder for temporary files"):
            for number, (shard, weight) in enumerate(_cut(files, size, settings.column)):
                shard = replace(shard, number=number)
                plan.add(f"{weight} {shard.to_json()}\n".encode())
                plan.images += shard.rows
                problem, readable = problem or shard.error, readable or not shard.error
        plan.all_unreadable = "" if readable else problem
    return plan


def _cut(files: Iterable[Found], size: int, column: str | None) -> Iterator[tuple[Shard, float]]:
    """Shards, all with the number 0, and weights; images that follow each other go together."""
    images: list[str] = []
    for found in files:
        if found.error:
            yield Shard(0, found.kind, (found.name,), error=found.error), 0.0
        elif found.kind is Kind.IMAGE:
            images.append(found.name)
            if len(images) == size:
                yield Shard(0, Kind.IMAGE, tuple(images)), 0.0
                images = []
        elif found.kind is Kind.PARQUET:
            for shard in _cut_parquet(found.name, size, column):
                yield shard, 0.0
        else:
            yield Shard(0, found.kind, (found.name,)), float(found.bytes)
    if images:
        yield Shard(0, Kind.IMAGE, tuple(images)), 0.0


def _cut_parquet(name: str, size: int, column: str | None) -> Iterator[Shard]:
    try:
        with open_file(name, in_a_row=False) as file:
            named, group_rows = image_column(file, name, column)
    except DataError as error:
        yield Shard(0, Kind.PARQUET, (name,), error=str(error), error_kind=error.kind)
        return
    # One without a row is a shard, too: a data set without a file of rows cannot be opened.
    for row_groups, skip, rows in [*cut_rows(group_rows, size)] or [((0, 0), 0, 0)]:
        yield Shard(0, Kind.PARQUET, (name,), row_groups, skip, rows, named)
