"""Files of rows of CSV, JSON lines and Parquet, written as a video is read.

A file has the name `rows.part.csv` until it is finished. What is written reaches the disk within
`FLUSH_S`, in whole rows, so that a kill leaves a file that can be read.
"""

import csv
import json
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from itertools import chain, groupby, zip_longest
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, TextIO, TypeAlias

from mien.errors import OutputError, needs_extra
from mien.output.files import part_name, writing
from mien.output.records import (
    COLUMNS,
    MOVES,
    NA,
    csv_header,
    name_of_row,
    reading_of_cells,
    reading_of_csv,
    reading_of_json,
    real_number,
    schema,
    two_without_a_name,
    video_csv_lines,
    video_json_lines,
    video_rows,
    video_table,
    whole_number,
)
from mien.readings import FrameReadings, TrackedReading
from mien.rows.text_table import header_of, marked_encoding, open_table

SUFFIXES: Final = (".csv", ".jsonl", ".parquet")

FLUSH_S: Final = 0.5
"""After which rows that wait are written to the disk."""

_CALLED: Final = ("name", "file", "source")  # columns of names

_PACKED_ROWS: Final = 500  # rows that wait as Python's objects
_PARQUET_ROWS: Final = 20_000  # rows that wait until they are written together


class RowWriter(ABC):
    """Writes rows to a file that has its name only when it is finished."""

    _file: Any  # with `close`

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = part_name(path)

    @abstractmethod
    def write(self, frame: int, time_s: float, readings: Sequence[TrackedReading]) -> None:
        """Add the rows of one frame."""

    @abstractmethod
    def _flush(self) -> None:
        """Write the rows that wait."""

    def finish(self) -> None:
        """End the file and give it its name."""
        self._flush()
        with writing(self.path):
            self._file.close()
            self._partial.replace(self.path)

    def abandon(self) -> None:
        """End the file and leave it under its name of a part."""
        with suppress(OutputError, OSError, ValueError):  # it is closed where its end failed
            self._flush()
        with suppress(OSError):
            self._file.close()


class _TextRows(RowWriter):
    """Rows of CSV or JSON lines: whole ones, soon on the disk."""

    def __init__(self, path: Path, lines_of: Callable[..., str], header: str = "") -> None:
        super().__init__(path)
        self._lines_of = lines_of
        self._waiting = [header]
        with writing(path):
            self._file = self._partial.open("w", newline="", encoding="utf-8")
        self._flush()

    def write(self, frame: int, time_s: float, readings: Sequence[TrackedReading]) -> None:
        self._waiting.append(self._lines_of(frame, time_s, readings))
        if time.monotonic() - self._flushed_at >= FLUSH_S:
            self._flush()

    def _flush(self) -> None:
        with writing(self.path):
            self._file.write("".join(self._waiting))
            self._file.flush()
        self._waiting.clear()
        self._flushed_at = time.monotonic()


class _ParquetRows(RowWriter):
    """Rows in Parquet, which has its table of contents at the end: after a kill there is none."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        with needs_extra("batch", "Parquet"):
            import pyarrow
            import pyarrow.parquet
        super().__init__(path)
        self._schema = schema(columns)
        self._rows: list[dict[str, Any]] = []
        self._tables: list[Any] = []
        with writing(path):
            self._file = pyarrow.parquet.ParquetWriter(self._partial, self._schema)

    def write(self, frame: int, time_s: float, readings: Sequence[TrackedReading]) -> None:
        self._rows += video_rows(frame, time_s, readings)
        if len(self._rows) >= _PACKED_ROWS:
            self._pack()
        if sum(table.num_rows for table in self._tables) >= _PARQUET_ROWS:
            self._flush()

    def _pack(self) -> None:
        """Bring rows into columns, where they take far less memory."""
        import pyarrow

        self._tables.append(pyarrow.Table.from_pylist(self._rows, self._schema))
        self._rows.clear()

    def _flush(self) -> None:
        import pyarrow

        self._pack()
        with writing(self.path):
            self._file.write_table(pyarrow.concat_tables(self._tables))
        self._tables.clear()


def row_writer(path: Path, *, named: bool = False, movements: bool = False) -> RowWriter:
    """The writer for the ending of a name: `.csv`, `.jsonl` or `.parquet`.

    Args:
        path: file to write.
        named: with a column for the names of the people, which all readings have then.
        movements: the rows tell facial movements.
    Raises:
        OutputError: the name has another ending, or the file cannot be written.
        MissingExtraError: Parquet without pyarrow, as of all that reads it.
    """
    suffix = path.suffix.lower()
    columns = video_table(named=named, movements=movements)
    if suffix == ".csv":
        return _TextRows(path, partial(video_csv_lines, columns=columns), csv_header(columns))
    if suffix == ".jsonl":
        return _TextRows(path, video_json_lines)
    if suffix == ".parquet":
        return _ParquetRows(path, columns)
    raise OutputError(
        f"{path}: expected a name that ends in {', '.join(SUFFIXES)}; got {suffix or 'none'}"
    )


def read_frames(path: Path) -> Iterator[FrameReadings]:
    """Read rows of `.csv`, `.jsonl` or `.parquet` back, a frame at a time.

    Raises:
        OutputError: it is not a file of such rows.
    """
    kinds: dict[str, Callable[[Any], TrackedReading]] = {
        ".csv": reading_of_csv,
        ".parquet": reading_of_cells,
    }
    reading_of = kinds.get(path.suffix.lower(), reading_of_json)
    return _frames(str(path), _cells_of(path), reading_of)


def read_json_lines(lines: Iterable[str], source: str) -> Iterator[FrameReadings]:
    """The same of JSON lines that are at hand; errors call them `source`."""
    return _frames(source, json_cells(lines), reading_of_json)


class RowFacts(NamedTuple):
    """What the rows of a video are of, told without reading what each face shows."""

    frames: int  # how many
    tracks: frozenset[int]  # all of them
    names: dict[int, str]  # track -> what somebody calls that person
    has_movements: bool  # whether movements are known of some face


def may_tell(path: Path, *columns: str) -> bool:
    """Whether a file of rows has one of these columns; of JSON, whether some line has the word.

    Not all is seen here that would be wrong with the file.
    """
    if path.suffix.lower() == ".csv":
        return not set(columns).isdisjoint(header_of(path))
    with refusing(str(path), "a video"):
        if path.suffix.lower() == ".parquet":
            with closing(_cells_of(path, columns)) as rows:
                return any(cells for _, cells in rows)
        words = [f'"{column}"' for column in columns]
        with open_json(path) as file:
            return any(word in line for line in file for word in words)


def row_facts(path: Path) -> RowFacts:
    """What the rows of a file are of: a fraction of the work of `read_frames`, as of `may_tell`."""
    frames, last = 0, None
    tracks: set[int] = set()
    names: dict[int, str] = {}
    has_movements = False
    given = _cells_of(path, ("frame", "track", "name", MOVES[0]))
    with closing(given) as rows, refusing(str(path), "a video"):
        for place, cells in rows:
            frames += (frame := cells["frame"]) != last
            last = frame
            if cells["track"] in (None, ""):
                continue
            try:
                track = whole_number(cells, "track", least=1)
                _check_name(names, track, name_of_row(cells))
            except ValueError as error:
                raise ValueError(f"{place}: {error}") from error
            tracks.add(track)
            has_movements |= bool(cells.get(MOVES[0]) not in (None, "") or cells.get("movements"))
    return RowFacts(frames, frozenset(tracks), names, has_movements)


def _check_name(names: dict[int, str], track: int, name: str | None) -> None:
    """Keep the name of a track; ValueError if it has another already, or a second one is `NA`."""
    if name is None:
        return
    if (before := names.setdefault(track, name)) != name:
        raise ValueError(
            f"name: expected one name for each track; track {track} is {before!r} and {name!r}: "
            "give each a track of its own"
        )
    if name == NA and (other := next(t for t in names if names[t] == NA)) != track:
        raise ValueError(two_without_a_name(f"track {other}"))


PlacedCells: TypeAlias = Generator[tuple[str, Mapping[str, Any]], None, None]
"""The place of each row, such as "line 3", and its cells by column."""


def _cells_of(path: Path, columns: Collection[str] | None = None) -> PlacedCells:
    """The rows of a file, of all columns or of some that stand before the box."""
    kinds = {".csv": csv_cells, ".parquet": parquet_cells}
    return kinds.get(path.suffix.lower(), _json_cells)(path, columns=columns)


def _frames(
    source: str, given: PlacedCells, reading_of: Callable[[Any], TrackedReading]
) -> Iterator[FrameReadings]:
    with closing(given) as placed, refusing(source, "a video"):
        rows = (_row(place, cells, reading_of) for place, cells in placed)
        names: dict[int, str] = {}
        for (frame, time_s), found in groupby(rows, key=itemgetter(0)):
            of_frame = [face for _, face in found]
            faces = tuple(face for face in of_frame if face is not None)
            if len(of_frame) > max(len(faces), 1):
                raise ValueError(
                    f"frame {frame}: expected one row of a frame without a face; got "
                    f"{len(of_frame)}, {len(faces)} of them with a face: are these rows of one "
                    "video?"
                )
            track, times = Counter(f.track for f in faces).most_common(1)[0] if faces else (0, 0)
            if times > 1:
                raise ValueError(
                    f"frame {frame}: expected each track once; track {track} stands there twice: "
                    "are these rows of one video?"
                )
            for face in faces:
                _check_name(names, face.track, face.name)
            yield FrameReadings(frame, time_s, faces)


def _row(
    place: str, cells: Mapping[str, Any], reading_of: Callable[[Any], TrackedReading]
) -> tuple[tuple[int, float], TrackedReading | None]:
    """The frame and its time, and the face, if the row is of one."""
    try:
        when = whole_number(cells, "frame"), real_number(cells, "time_s")
        return when, None if cells["track"] in (None, "") else reading_of(cells)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


@contextmanager
def refusing(source: str, what: str) -> Iterator[None]:
    """Turn all that is raised of a file without rows of mien into an OutputError.

    Args:
        source: the file.
        what: the rows should be of.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"{source}: cannot be read; {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise OutputError(f"{source}: expected rows that mien wrote; it is no text") from error
    except KeyError as error:
        raise OutputError(
            f"{source}: expected rows that mien wrote of {what}; there is no {error} in them"
        ) from error
    # AttributeError: of a text where an object should be; RecursionError: of JSON that is nested
    # deeper than Python goes.
    except (
        *(ValueError, LookupError, TypeError, AttributeError),
        *(OverflowError, csv.Error, RecursionError),
    ) as error:
        raise OutputError(f"{source}: expected rows that mien wrote; {error}") from error


def csv_cells(path: Path, *, columns: Collection[str] | None = None) -> PlacedCells:
    """The cells of a table of text, of all columns or of those of some that it has.

    `NA`, as R writes an empty cell, is one, but where somebody or something may be called so.

    Raises:
        ValueError: a column of `COLUMNS` comes twice, or a line has more cells than the header: R
            names rows without a name for that column, and all others would stand one too far left.
    """
    with open_table(path) as table:
        header = table.header
        if twice := next((n for n in header if n in COLUMNS and header.count(n) > 1), None):
            raise ValueError(f"line 1: expected each column once; got {twice!r} twice")
        places = [(n, i) for i, n in enumerate(header) if columns is not None and n in columns]
        for line, cells in table.rows():
            if any(more := cells[len(header) :]) or len(more) == 1:  # R's last column may be empty
                raise ValueError(f"line {line}: expected {len(header)} cells; got {len(cells)}")
            few = places and len(cells) == len(header)
            named = {n: cells[i] for n, i in places} if few else dict(zip_longest(header, cells))
            if NA in cells:
                named = {n: "" if v == NA and n not in _CALLED else v for n, v in named.items()}
            yield f"line {line}", named


@contextmanager
def open_json(path: Path) -> Iterator[TextIO]:
    """A file of JSON, in UTF-8 or UTF-16 with a mark, as other programs save it."""
    with path.open("rb") as content:
        encoding = marked_encoding(content.read(4))
    with path.open(newline="", encoding=encoding) as file:
        yield file


def json_cells(lines: Iterable[str]) -> PlacedCells:
    """The values of JSON lines; empty lines are left out."""
    for number, line in _filled(lines):
        yield f"line {number}", _cells_in(line, number)


def _filled(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The lines with something in them, and their numbers from 1."""
    return ((number, line) for number, line in enumerate(lines, 1) if not line.isspace())


def _cells_in(line: str, number: int) -> dict[str, Any]:
    try:
        cells = json.loads(line)
    except json.JSONDecodeError:
        cells = None
    if not isinstance(cells, dict):
        raise ValueError(f"line {number}: expected a JSON object; got {line[:40].strip()}")
    return cells


def _json_cells(path: Path, *, columns: Collection[str] | None) -> PlacedCells:
    """With `columns` of lines as mien writes them what stands before the box; of others all."""
    with open_json(path) as file:
        if columns is None:
            yield from json_cells(file)
            return
        for number, line in _filled(file):
            head, box, rest = line.partition(',"box":')
            cells = _cells_in(head + "}" if box else line, number)
            if box and "track" not in cells:
                cells = _cells_in(line, number)
            elif '"movements":{' in rest:
                cells["movements"] = True
            yield f"line {number}", cells


def parquet_cells(file: Path | BinaryIO, *, columns: Collection[str] | None = None) -> PlacedCells:
    """The cells of a file, which may be open, of all columns or of those of some that it has."""
    with needs_extra("batch", "Parquet"):
        import pyarrow.parquet
    with pyarrow.parquet.ParquetFile(file) as opened:
        names = [n for n in opened.schema_arrow.names if columns is None or n in columns]
        # A row group after another: of several at once pyarrow 26 has most of the file in memory.
        batches = chain.from_iterable(
            opened.iter_batches(_PACKED_ROWS, row_groups=[group], columns=names)
            for group in range(opened.num_row_groups)
        )
        rows = chain.from_iterable(batch.to_pylist() for batch in batches)
        for number, cells in enumerate(rows, 1):
            yield f"row {number}", cells
