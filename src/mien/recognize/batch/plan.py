"""Files -> shards: what one process reads in one go, and writes as one file.

A plan may have millions of files: it lies in a file of its own, from which shards are read one by
one.
"""

import gzip
import hashlib
import json
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, BinaryIO, Final, Literal, Self

from mien.errors import DataError, ErrorKind, OutputError
from mien.recognize.batch.listing import Found, Kind, find_files
from mien.recognize.batch.parquet import Columns, image_column
from mien.recognize.batch.settings import BatchSettings
from mien.recognize.batch.storage import Folder, open_file, writing
from mien.recognize.sources import LeftOut

MOST_SHARD_IMAGES: Final = 1000
"""Images in a shard, unless it is set: what is lost at most when a process dies, of each."""

_LEAST_SHARD_IMAGES: Final = 16
_SHARDS: Final = 64  # at least, of few images: the last ones keep no core waiting for long
_MOST_CUTS: Final = 8  # of one row group: each cut reads past the rows of those before it
_FORMAT: Final = 1


@dataclass(frozen=True)
class Shard:
    """A part of the work.

    Attributes:
        number: its place in the plan, from 0.
        kind: of its files.
        files: full names; one, unless they are images.
        row_groups: of a Parquet file: the first, and the one after the last.
        skip: rows of them that belong to the shards before.
        rows: of them that belong to this one.
        column: of a Parquet file, that holds the images.
        error: why the file cannot be read, where that is known already.
        error_kind: of which kind that is.
    """

    number: int
    kind: Kind
    files: tuple[str, ...]
    row_groups: tuple[int, int] = (0, 0)
    skip: int = 0
    rows: int = 0
    column: str = ""
    error: str = ""
    error_kind: ErrorKind | Literal[""] = ""

    @property
    def file_name(self) -> str:
        """Of the part of the data set that its rows go to."""
        return f"part-{self.number:06}.parquet"

    def __str__(self) -> str:
        named = self.files[0] if len(self.files) == 1 else f"{self.files[0]} to {self.files[-1]}"
        return f"shard {self.number} ({named})"

    def to_json(self) -> str:
        """In a line; what is not set is left out."""
        values = {
            k: v for k, v in asdict(self).items() if v not in ("", 0, (0, 0)) or k == "number"
        }
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
class Plan:
    """All shards of a batch, in a file without a name that is gone when it is closed.

    Attributes:
        counts: files of each kind.
        images: loose ones and those in Parquet files; how many are in tar archives is seen when
            they are read.
        digest: two plans of the same files, cut alike, have the same.
        all_unreadable: why nothing can be read; empty if something can.
        left_out: files that the searches came by, and that cannot be read.
    """

    counts: dict[str, int] = field(default_factory=dict)
    images: int = 0
    digest: str = ""
    all_unreadable: str = ""
    left_out: LeftOut = field(default_factory=LeftOut)
    _file: BinaryIO = field(default_factory=tempfile.TemporaryFile)
    _offsets: "array[int]" = field(default_factory=lambda: array("q"))
    _weights: "array[float]" = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, number: int) -> Shard:
        self._file.seek(self._offsets[number])
        return Shard.from_json(self._file.readline())

    def heaviest_first(self, numbers: Iterable[int]) -> Sequence[int]:
        """The same numbers, large archives and videos first: one that is last keeps all waiting."""
        return array("q", sorted(numbers, key=lambda number: (-self._weights[number], number)))

    def add(self, shard: Shard, weight: float) -> None:
        """Add the next shard.

        Args:
            shard: with the number `len(self)`.
            weight: how much work it may be, where it is not a usual one; in bytes.
        """
        self._offsets.append(self._file.seek(0, os.SEEK_END))
        self._weights.append(weight)
        self._file.write(shard.to_json().encode() + b"\n")

    def save(self, folder: Folder, name: str) -> None:
        """Write it to a data set.

        Raises:
            OutputError: it cannot be written.
        """
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
            for number in range(len(self)):
                self._file.seek(self._offsets[number])
                file.write(json.dumps(self._weights[number]).encode() + b" ")
                file.write(self._file.readline())

    @classmethod
    def load(cls, folder: Folder, name: str) -> Self:
        """Read one back from a data set.

        Raises:
            OutputError: there is none, or it is damaged.
        """
        plan = cls()
        try:
            with open_file(folder.path(name), in_a_row=True) as raw, gzip.open(raw) as file:
                head = json.loads(file.readline())
                if head["format"] != _FORMAT:
                    raise ValueError(f"expected format {_FORMAT}; got {head['format']}")
                plan.counts, plan.images = head["counts"], head["images"]
                plan.digest = head["digest"]
                plan.left_out = LeftOut(head.get("left_out", {}))
                for line in file:
                    weight, _, shard = line.partition(b" ")
                    plan.add(Shard.from_json(shard), float(weight))
        except (DataError, OSError, EOFError, ValueError, KeyError, TypeError) as error:
            plan.close()
            raise OutputError(
                f"{folder.path(name)}: expected the plan of a data set of `mien batch`; {error}"
            ) from error
        return plan

    def close(self) -> None:
        """Free the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def make_plan(sources: Iterable[str], settings: BatchSettings, *, not_in: str = "") -> Plan:
    """Cut the files that sources name into shards.

    A shard is a tar archive, a video, some row groups of a Parquet file or a part of one, or as
    many images as `BatchSettings.shard_images` says: a 64th of all of them if it does not, 16 at
    least and `MOST_SHARD_IMAGES` at most. The same files give the same shards.

    Args:
        sources: see `find_files`.
        settings: of the batch.
        not_in: a folder that is left out of every search: the data set's own.
    Raises:
        DataError: a source does not exist, may not be read, or names nothing that can be read. A
            Parquet file without images among others is a shard with an `error`, and so is a line
            of a list that names nothing.
    """
    with tempfile.TemporaryFile() as spool:
        counts: dict[str, int] = {}
        left_out = LeftOut()
        for found in find_files(sources, not_in=not_in, left_out=left_out):
            counts[found.kind] = counts.get(found.kind, 0) + 1
            values = [found.kind, found.name, found.bytes, found.error]
            spool.write(json.dumps(values).encode() + b"\n")
        loose = counts.get(Kind.IMAGE, 0)
        size = settings.shard_images or min(
            max(-(-loose // _SHARDS), _LEAST_SHARD_IMAGES), MOST_SHARD_IMAGES
        )
        spool.seek(0)
        files = (Found(Kind(k), n, b, e) for k, n, b, e in map(json.loads, spool))
        plan = Plan(counts=counts, images=loose, left_out=left_out)
        digest = hashlib.sha256()
        problem, readable = "", False
        with writing("the plan, in the folder for temporary files"):
            for shard, weight in _cut(files, size, settings.column):
                plan.add(shard, weight)
                digest.update(f"{weight} {shard.to_json()}\n".encode())
                plan.images += shard.rows
                problem, readable = problem or shard.error, readable or not shard.error
        plan.digest = digest.hexdigest()
        plan.all_unreadable = "" if readable else problem
    return plan


def _cut(files: Iterable[Found], size: int, column: str | None) -> Iterator[tuple[Shard, float]]:
    """Shards with their weights; images that follow each other go together."""
    number = 0
    images: list[str] = []
    for found in files:
        if found.error:
            yield Shard(number, found.kind, (found.name,), error=found.error), 0.0
            number += 1
        elif found.kind is Kind.IMAGE:
            images.append(found.name)
            if len(images) == size:
                yield Shard(number, Kind.IMAGE, tuple(images)), 0.0
                number, images = number + 1, []
        elif found.kind is Kind.PARQUET:
            for shard, weight in _cut_parquet(number, found, size, column):
                yield shard, weight
                number += 1
        else:
            yield Shard(number, found.kind, (found.name,)), float(found.bytes)
            number += 1
    if images:
        yield Shard(number, Kind.IMAGE, tuple(images)), 0.0


def _cut_parquet(
    number: int, found: Found, size: int, column: str | None
) -> Iterator[tuple[Shard, float]]:
    try:
        with open_file(found.name, in_a_row=False) as file:
            columns = Columns.of(file, found.name)
        named = image_column(columns, column)
    except DataError as error:
        shard = Shard(number, Kind.PARQUET, (found.name,), error=str(error), error_kind=error.kind)
        yield shard, 0.0
        return
    for first, stop, skip, rows in _ranges(columns.group_rows, size):
        yield (
            Shard(number, Kind.PARQUET, (found.name,), (first, stop), skip, rows, named),
            0.0,
        )
        number += 1


def _ranges(group_rows: Sequence[int], size: int) -> Iterator[tuple[int, int, int, int]]:
    """(first row group, the one after the last, rows to skip, rows) of each shard."""
    first = rows = 0
    for group, count in enumerate(group_rows):
        if rows and rows + count > size:
            yield first, group, 0, rows
            first, rows = group, 0
        if count > size:
            cuts = min(-(-count // size), _MOST_CUTS)
            edges = [count * cut // cuts for cut in range(cuts + 1)]
            for begin, end in pairwise(edges):
                yield group, group + 1, begin, end - begin
            first, rows = group + 1, 0
        else:
            if not rows:
                first = group
            rows += count
    if rows:
        yield first, len(group_rows), 0, rows
