"""Readings of a film -> rows of CSV, JSON lines and Parquet, written as the film is read.

A file has the name `rows.part.csv` until it is finished. What is written reaches the disk within
`FLUSH_S`, in whole rows, so that a kill leaves a file that can be read, and gone on with.
"""

import csv
import io
import json
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from mien.errors import MissingExtraError, OutputError
from mien.labels import EMOTIONS
from mien.video.writer import partial_name

if TYPE_CHECKING:
    from mien.video.readings import TrackedReading

COLUMNS: Final = (
    "frame",  # its number in the film, from 0
    "time_s",  # when it is shown, from the start of the film
    "track",  # the number of the person, from 1; empty in the row of a frame without a face
    "x0",
    "y0",
    "x1",
    "y1",
    "score",  # the detector's
    "detected",  # true where the detector found the face, false where it was followed
    "emotion",  # smoothed over time, as are the next columns
    "probability",
    "unsure",
    *EMOTIONS,
    "raw_emotion",  # of this frame alone, as are the next columns
    *(f"raw_{label}" for label in EMOTIONS),
)
"""Columns of CSV and Parquet."""

SUFFIXES: Final = (".csv", ".jsonl", ".parquet")

FLUSH_S: Final = 0.5
"""After which rows that wait are written to the disk."""

_SIDES: Final = ("x0", "y0", "x1", "y1")
_OWN: Final = ("score", "detected", "emotion", "probability", "unsure")
_RAW: Final = tuple(f"raw_{label}" for label in EMOTIONS)
_PACKED_ROWS: Final = 500  # rows that wait as Python's objects
_PARQUET_ROWS: Final = 20_000  # rows that wait until they are written together
_DIGITS: Final = 7  # of a float32, which is what the networks give


@dataclass(frozen=True)
class FrameRows:
    """What the rows of one frame say.

    Attributes:
        frame: its number.
        time_s: when it is shown.
        readings: of its faces, without landmarks; empty where it shows none.
    """

    frame: int
    time_s: float
    readings: "tuple[TrackedReading, ...]"


def rows(frame: int, time_s: float, readings: "Sequence[TrackedReading]") -> list[dict[str, Any]]:
    """One row for each face, or one with an empty face for a frame that shows none."""
    shown: dict[str, Any] = {"frame": frame, "time_s": time_s}
    if not readings:
        return [shown]
    return [
        {
            **shown,
            "track": reading.track,
            **dict(zip(_SIDES, map(_round, reading.box), strict=True)),
            "score": _round(reading.score),
            "detected": reading.detected,
            "emotion": reading.emotion,
            "probability": _round(reading.probability),
            "unsure": reading.unsure,
            **dict(zip(EMOTIONS, map(_round, reading.probabilities), strict=True)),
            "raw_emotion": reading.raw_emotion,
            **dict(zip(_RAW, map(_round, reading.raw_probabilities), strict=True)),
        }
        for reading in readings
    ]


CSV_HEADER: Final = ",".join(COLUMNS) + "\n"
"""The first line of a CSV file."""


def csv_lines(frame: int, time_s: float, readings: "Sequence[TrackedReading]") -> str:
    """The rows of one frame as lines of CSV, without the header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    for row in rows(frame, time_s, readings):
        truths = {k: "true" if v else "false" for k, v in row.items() if isinstance(v, bool)}
        writer.writerow(row | truths)
    return text.getvalue()


def json_lines(frame: int, time_s: float, readings: "Sequence[TrackedReading]") -> str:
    """The rows of one frame as lines of JSON, an object in each."""
    lines = []
    for row in rows(frame, time_s, readings):
        shown: dict[str, Any] = {"frame": frame, "time_s": time_s, "track": row.get("track")}
        if "track" in row:
            shown |= {
                "box": [row[side] for side in _SIDES],
                **{name: row[name] for name in _OWN},
                "probabilities": {label: row[label] for label in EMOTIONS},
                "raw_emotion": row["raw_emotion"],
                "raw_probabilities": {label: row[f"raw_{label}"] for label in EMOTIONS},
            }
        lines.append(json.dumps(shown, separators=(",", ":")) + "\n")
    return "".join(lines)


def _round(value: float) -> float:
    """To the digits that a float32 has; more would only make the files twice as long."""
    return float(f"{value:.{_DIGITS}g}")


class RowWriter(Protocol):
    """Writes rows to a file that has its name only when it is finished."""

    path: Path

    def write(self, frame: int, time_s: float, readings: "Sequence[TrackedReading]") -> None:
        """Add the rows of one frame."""
        ...

    def finish(self) -> None:
        """End the file and give it its name."""
        ...

    def abandon(self) -> None:
        """End the file and leave it under its name of a part."""
        ...


def row_writer(path: Path, *, keep_bytes: int = 0) -> RowWriter:
    """The writer for the ending of a name: `.csv`, `.jsonl` or `.parquet`.

    Args:
        path: file to write.
        keep_bytes: go on after so many bytes of the part that is there; see `ResumePoint`. Not
            for Parquet, which cannot be gone on with.
    Raises:
        OutputError: the name has another ending, or the file cannot be written.
        MissingExtraError: Parquet without pyarrow.
    """
    kinds: dict[str, type[_CsvRows] | type[_JsonLines]] = {".csv": _CsvRows, ".jsonl": _JsonLines}
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _ParquetRows(path)
    if suffix not in kinds:
        raise OutputError(
            f"{path}: expected a name that ends in {', '.join(SUFFIXES)}; got {suffix or 'none'}"
        )
    return kinds[suffix](path, keep_bytes)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn errors of the disk into ours."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot be written; {error.strerror or error}") from error


class _Rows:
    """What all kinds share: a part that gets the file's name at the end."""

    _file: Any  # with `close`

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = partial_name(path)

    def _flush(self) -> None:
        """Write the rows that wait."""
        raise NotImplementedError

    def finish(self) -> None:
        self._flush()
        with _writing(self.path):
            self._file.close()
            self._partial.replace(self.path)

    def abandon(self) -> None:
        with suppress(OutputError, OSError):
            self._flush()
        with suppress(OSError):
            self._file.close()


class _TextRows(_Rows):
    """What CSV and JSON lines share: whole rows, soon on the disk."""

    def __init__(self, path: Path, keep_bytes: int) -> None:
        super().__init__(path)
        with _writing(path):
            if keep_bytes:
                os.truncate(self._partial, keep_bytes)
            mode: Literal["a", "w"] = "a" if keep_bytes else "w"
            self._file = self._partial.open(mode, newline="", encoding="utf-8")
            self._fresh = not keep_bytes
        self._waiting: list[str] = []
        self._flushed_at = time.monotonic()

    def _add(self, text: str) -> None:
        self._waiting.append(text)
        if time.monotonic() - self._flushed_at >= FLUSH_S:
            self._flush()

    def _flush(self) -> None:
        with _writing(self.path):
            self._file.write("".join(self._waiting))
            self._file.flush()
        self._waiting.clear()
        self._flushed_at = time.monotonic()


class _CsvRows(_TextRows):
    def __init__(self, path: Path, keep_bytes: int) -> None:
        super().__init__(path, keep_bytes)
        if self._fresh:
            self._add(CSV_HEADER)
            self._flush()

    def write(self, frame: int, time_s: float, readings: "Sequence[TrackedReading]") -> None:
        self._add(csv_lines(frame, time_s, readings))


class _JsonLines(_TextRows):
    def write(self, frame: int, time_s: float, readings: "Sequence[TrackedReading]") -> None:
        self._add(json_lines(frame, time_s, readings))


class _ParquetRows(_Rows):
    """Rows in Parquet, which has its table of contents at the end: after a kill there is none."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise MissingExtraError("Parquet", "batch", error) from error
        super().__init__(path)
        kinds = {
            "frame": pyarrow.int64(),
            "time_s": pyarrow.float64(),
            "track": pyarrow.int64(),
            "detected": pyarrow.bool_(),
            "emotion": pyarrow.string(),
            "unsure": pyarrow.bool_(),
            "raw_emotion": pyarrow.string(),
        }
        self._schema = pyarrow.schema([(c, kinds.get(c, pyarrow.float32())) for c in COLUMNS])
        self._rows: list[dict[str, Any]] = []
        self._tables: list[Any] = []
        with _writing(path):
            self._file = pyarrow.parquet.ParquetWriter(self._partial, self._schema)

    def write(self, frame: int, time_s: float, readings: "Sequence[TrackedReading]") -> None:
        self._rows += rows(frame, time_s, readings)
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
        with _writing(self.path):
            self._file.write_table(pyarrow.concat_tables(self._tables))
        self._tables.clear()


@dataclass(frozen=True)
class ResumePoint:
    """Up to where a file that was cut off can be used.

    Attributes:
        frame: the first frame that is to be read again.
        time_s: when it is shown.
        bytes: where its rows begin.
    """

    frame: int
    time_s: float
    bytes: int


def resume_point(path: Path, *, before_s: float = math.inf) -> ResumePoint | None:
    """Find where the last frame of a part begins: its rows may not all be there.

    Args:
        path: of the finished file, `.csv` or `.jsonl`; what is read is its part.
        before_s: take no later frame than the first at or after this time.
    Returns:
        None where there is nothing to go on with.
    """
    point: ResumePoint | None = None
    with suppress(FileNotFoundError), partial_name(path).open("rb") as file:
        offset = 0
        if path.suffix.lower() == ".csv":
            offset = len(file.readline())
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                frame, time_s = _frame_of(line, path)
            except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
                break
            if point is None or frame != point.frame:
                point = ResumePoint(frame, time_s, offset)
                if time_s >= before_s:
                    break
            offset += len(line)
    return point


def _frame_of(line: bytes, path: Path) -> tuple[int, float]:
    if path.suffix.lower() == ".csv":
        frame, time_s = line.split(b",", 2)[:2]
        return int(frame), float(time_s)
    values = json.loads(line)
    return int(values["frame"]), float(values["time_s"])


def read_rows(path: Path) -> Iterator[FrameRows]:
    """Read rows back, a frame at a time.

    Args:
        path: `.csv` or `.jsonl`.
    Raises:
        OutputError: it is not a file of such rows.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            values: Iterable[Mapping[str, Any]]
            is_csv = path.suffix.lower() == ".csv"
            values = csv.DictReader(file) if is_csv else map(json.loads, file)
            by_frame = groupby(values, key=lambda row: (int(row["frame"]), float(row["time_s"])))
            for (frame, time_s), found in by_frame:
                readings = tuple(_reading(row, is_csv) for row in found if row["track"])
                yield FrameRows(frame, time_s, readings)
    # RecursionError: of JSON that is nested deeper than Python goes.
    except (ValueError, LookupError, TypeError, OverflowError, csv.Error, RecursionError) as error:
        raise OutputError(f"{path}: expected rows that mien wrote; {error!r}") from error


def _reading(row: Mapping[str, Any], is_csv: bool) -> "TrackedReading":
    from mien.video.readings import TrackedReading

    if is_csv:
        box = [float(row[side]) for side in _SIDES]
        smoothed = [float(row[label]) for label in EMOTIONS]
        raw = [float(row[f"raw_{label}"]) for label in EMOTIONS]
        truths = {name: row[name] == "true" for name in ("detected", "unsure")}
    else:
        box = [float(side) for side in row["box"]]
        smoothed = [float(row["probabilities"][label]) for label in EMOTIONS]
        raw = [float(row["raw_probabilities"][label]) for label in EMOTIONS]
        truths = {name: row[name] for name in ("detected", "unsure")}
    return TrackedReading(
        box=(box[0], box[1], box[2], box[3]),
        score=float(row["score"]),
        landmarks=None,
        emotion=row["emotion"],
        probability=float(row["probability"]),
        probabilities=tuple(smoothed),
        unsure=truths["unsure"],
        track=int(row["track"]),
        raw_probabilities=tuple(raw),
        raw_emotion=row["raw_emotion"],
        detected=truths["detected"],
    )
