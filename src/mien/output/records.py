"""Readings -> rows: one table of columns for images, videos and batches, and its forms.

Every table takes its columns from `COLUMNS`, and its rows from `rows`: CSV, JSON lines, Parquet and
pandas say the same of a face, whoever asks.
"""

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TextIO

from mien.errors import OutputError
from mien.labels import EMOTIONS
from mien.output.files import json_text, write_text
from mien.readings import (
    MOVEMENTS,
    POSE_METHODS,
    UNUSABLE,
    Expectation,
    FaceQuality,
    FacialMovements,
    ImageResult,
    Landmarks,
    Reading,
    TrackedReading,
)

if TYPE_CHECKING:
    import pyarrow

LANDMARKS: Final = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
"""In the order of `mien.readings.Landmarks`; right is the person's own."""

SIDES: Final = ("x0", "y0", "x1", "y1")
RAW: Final = tuple(f"raw_{label}" for label in EMOTIONS)
POINTS: Final = tuple(f"{name}_{axis}" for name in LANDMARKS for axis in "xy")
MEASURES: Final = ("yaw", "pitch", "roll", "size_px", "blur", "light", "contrast", "inside")
"""What is measured of the quality of a face, as columns; `FaceQuality` says what they are."""
QUALITY: Final = (*MEASURES, "usable", "unusable", "pose_method")
MOVES: Final = tuple(f"move_{name}" for name in MOVEMENTS)
"""The last columns, where facial movements are asked for."""

TABLE_SUFFIXES: Final = (".csv", ".json")
"""Of `write_table`."""

_ROUND: Final = "%.7g"  # to the digits of a float32, which is what the networks give
_WHOLE: Final = re.compile(r"\s*([0-9]{1,19})(?:\.0*)?\s*")
_ROUNDED: Final = 1e-5  # how far beyond 0 and 1 rounding may take what is read back
ANSWERS: Final = {
    **dict.fromkeys(("true", "wahr", "vrai", "verdadero", "verdadeiro", "vero", "waar"), True),
    **dict.fromkeys(("false", "falsch", "faux", "falso", "onwaar"), False),
    **dict.fromkeys(("1", "1.0"), True),
    **dict.fromkeys(("0", "0.0"), False),
}
"""What spreadsheets write for true and false in English, German, French, Spanish, Portuguese,
Italian and Dutch, and pandas where other cells of the column are empty."""
NA: Final = "NA"
"""How R writes an empty cell, and pandas reads one; somebody may be called so, too."""
_LARGEST: Final = 1e12  # of times and coordinates that are read back; no video has larger ones


class Column(NamedTuple):
    """A column of a table."""

    name: str  # in the header
    kind: Literal["string", "int32", "int64", "float32", "float64", "bool"]  # how Parquet stores it
    meaning: str  # what its values are


_PLACES: Final = (
    Column("file", "string", "path of the image"),
    Column("source", "string", "full name of the image, archive, Parquet file or video"),
    Column("key", "string", "of a tar archive: the sample's name without extensions; else null"),
    Column(
        "member", "string", "name within the archive, or the path that a Parquet row tells; or null"
    ),
    Column("row", "int64", "number within the archive or Parquet file, from 0; else null"),
    Column("frame", "int64", "number of the frame in the video, from 0; else null"),
    Column("time_s", "float64", "when the frame is shown, from the start of the video; else null"),
    Column("width", "int32", "of the image in pixels, upright; null where it could not be read"),
    Column("height", "int32", "likewise"),
)
_OF_A_FACE: Final = (
    Column("face", "int32", "from 1, the surest first; null in the row of an image without a face"),
    Column(
        "track", "int64", "number of the person, from 1; null in the row of a frame without a face"
    ),
    Column("name", "string", "what somebody calls the person; null in a frame without a face"),
    *(Column(side, "float32", "of the box, in pixels of the image") for side in SIDES),
    Column("score", "float32", "the detector's, that this is a face, 0 to 1"),
    Column("detected", "bool", "the detector found the face in this frame; else it was followed"),
    *(Column(name, "float32", "in pixels; null where the detector gave none") for name in POINTS),
    Column("emotion", "string", "the likeliest of the seven, of an unsure face, too"),
    Column("probability", "float32", "of that emotion, 0 to 1"),
    Column("unsure", "bool", "the probability is below the threshold"),
    *(
        Column(label, "float32", "probability of this emotion; the seven sum to 1")
        for label in EMOTIONS
    ),
    Column("raw_emotion", "string", "the likeliest of this frame alone"),
    *(Column(name, "float32", "probability of this frame alone, not smoothed") for name in RAW),
    Column("yaw", "float32", "degrees, to the right of the image; null where not known"),
    Column("pitch", "float32", "degrees, upwards; null where not known"),
    Column("roll", "float32", "degrees, clockwise; null where not known"),
    Column("size_px", "float32", "longer side of the box"),
    Column("blur", "float32", "of the crop that was read, 0 (sharp) to 1 (blurred)"),
    Column("light", "float32", "its mean gray level, 0 to 255"),
    Column("contrast", "float32", "standard deviation of its gray levels"),
    Column("inside", "float32", "share of the box that lies inside the image, 0 to 1"),
    Column("usable", "bool", "nothing measured speaks against trusting the reading"),
    Column("unusable", "string", "what does, in a word; empty where usable"),
    Column("pose_method", "string", "what yaw, pitch and roll are told from: points or mesh"),
    Column("expected", "string", "the emotion that was asked for, in every row"),
    Column(
        "shows", "bool", "whether the face shows it; null in the row of an image without a face"
    ),
    *(Column(name, "float32", "facial movement, 0 to 1; null where not seen") for name in MOVES),
    Column("compound", "string", "two emotions at once; null where a face shows none"),
)
_OF_A_RUN: Final = (
    Column("model", "string", "name of the model"),
    Column("model_sha256", "string", "of its file, in hexadecimal digits; of several, with commas"),
    Column("mien_version", "string", "that read it"),
    Column(
        "error", "string", "why the image, or the rest of its source, could not be read; or null"
    ),
)
COLUMNS: Final = {column.name: column for column in (*_PLACES, *_OF_A_FACE, *_OF_A_RUN)}
"""Name -> column, of all tables."""

_READING: Final = ("emotion", "probability", "unsure", *EMOTIONS)

IMAGE_TABLE: Final = ("file", "face", *SIDES, "score", *_READING, *POINTS, *QUALITY, "error")
"""Columns of images as CSV."""

EXPECTED_COLUMNS: Final = ("expected", "shows")
"""What comes after `IMAGE_TABLE` where an emotion is expected of the faces."""

COMPOUND_COLUMN: Final = "compound"
"""The last one, where compound emotions are asked for."""

VIDEO_TABLE: Final = (
    *("frame", "time_s", "track", *SIDES, "score", "detected"),
    *_READING,  # smoothed over time
    *("raw_emotion", *RAW),
    *POINTS,  # where the face was detected
    *QUALITY,
)
"""Columns of videos as CSV, Parquet and pandas."""

NAMED_VIDEO_TABLE: Final = tuple(
    column for name in VIDEO_TABLE for column in ((name, "name") if name == "track" else (name,))
)
"""The same where people have names."""

_VIDEO_CELLS: Final = {*NAMED_VIDEO_TABLE, *MOVES}
_VIDEO_NUMBERS: Final = {name for name in _VIDEO_CELLS if COLUMNS[name].kind == "float32"}

BATCH_TABLE: Final = (
    *("source", "key", "member", "row", "frame", "time_s", "width", "height", "face"),
    *(*SIDES, "score", *POINTS),
    *_READING,
    *QUALITY,
    *("model", "model_sha256", "mien_version", "error"),
)
"""Columns of a data set of `mien batch`."""


def cells(reading: Reading) -> dict[str, Any]:
    """What tables say of one face, by column; those of video alone only of a tracked one."""
    points = [axis for point in seen_landmarks(reading) or () for axis in point]
    found = {
        **dict(zip(SIDES, reading.box, strict=True)),
        "score": reading.score,
        **dict(zip(POINTS, points, strict=False)),
        "emotion": reading.emotion,
        "probability": reading.probability,
        "unsure": reading.unsure,
        **reading.by_emotion(),
    }
    if reading.quality is not None:
        found |= reading.quality.to_dict()
    if reading.movements is not None:
        found |= dict(zip(MOVES, reading.movements.values, strict=True))
    if isinstance(reading, TrackedReading):
        found |= {
            "track": reading.track,
            **({} if reading.name is None else {"name": reading.name}),
            "detected": reading.detected,
            "raw_emotion": reading.raw_emotion,
            **dict(zip(RAW, reading.raw_probabilities, strict=True)),
        }
    return found


def seen_landmarks(reading: Reading) -> Landmarks | None:
    """The landmarks that a detector gave; those that were moved along since are left out."""
    followed = isinstance(reading, TrackedReading) and not reading.detected
    return None if followed else reading.landmarks


def where(source: str, member: str | None, row: int | None) -> str:
    """How people are told of an image that stands in an archive, or is a file of its own."""
    if member is not None:
        return f"{source}, {member}"
    return source if row is None else f"{source}, row {row}"


def rows(place: Mapping[str, Any], readings: Iterable[Reading]) -> list[dict[str, Any]]:
    """One row for each face, or one without a face where there is none.

    Args:
        place: the cells that all rows have: the file, the frame.
        readings: of the faces; their places are told from 1.
    """
    found = [
        {**place, "face": number, **cells(reading)}
        for number, reading in enumerate(readings, start=1)
    ]
    return found or [dict(place)]


def rounded(value: Any) -> Any:
    """Numbers to the digits that a float32 has: more would only make what is sent twice as long."""
    if isinstance(value, float):
        return float(_ROUND % value)
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return value


def csv_header(columns: Sequence[str]) -> str:
    """The first line of a CSV file."""
    return ",".join(columns) + "\n"


def csv_lines(columns: Sequence[str], given: Iterable[Mapping[str, Any]]) -> str:
    """Rows as lines of CSV, without the header; cells of other columns are left out."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    # True and false as JSON has them; the writer leaves None empty.
    writer.writerows(
        [
            "true" if cell is True else "false" if cell is False else cell
            for cell in map(row.get, columns)
        ]
        for row in given
    )
    return text.getvalue()


def write_table(path: Path, columns: Sequence[str], given: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV, or as a JSON array of objects, by the ending of the name.

    Times (`_s`) have microseconds, as they may count from 1970; other numbers are `rounded`.

    Args:
        path: `.csv` or `.json`.
        columns: of all rows, in order.
        given: the rows; what is missing or None is an empty cell, and null.
    Raises:
        OutputError: the name has another ending, or the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise OutputError(
            f"{path}: expected a name that ends in {' or '.join(TABLE_SUFFIXES)}; "
            f"got {suffix or 'none'}"
        )
    cells = [{name: _told(name, row.get(name)) for name in columns} for row in given]
    if suffix == ".csv":
        write_text(path, csv_header(columns) + csv_lines(columns, cells))
    else:
        write_text(path, json_text(cells, indent=2) + "\n")


def _told(name: str, value: Any) -> Any:
    is_time = name.endswith("_s") and isinstance(value, float)
    return round(value, 6) if is_time else rounded(value)


def schema(columns: Sequence[str], metadata: Mapping[str, str] | None = None) -> "pyarrow.Schema":
    """The Parquet schema of a table.

    Args:
        columns: names, in order.
        metadata: of the file; with it each field says in its own what it means.
    """
    import pyarrow

    fields = [
        pyarrow.field(
            column.name,
            pyarrow.type_for_alias(column.kind),
            metadata=None if metadata is None else {"description": column.meaning},
        )
        for column in map(COLUMNS.__getitem__, columns)
    ]
    return pyarrow.schema(fields, metadata=metadata)


# Images


def face_to_dict(
    reading: Reading,
    expectation: Expectation | None = None,
    *,
    compound: bool = False,
    movements: bool = False,
) -> dict[str, Any]:
    """One face as plain values, ready for JSON.

    With an expectation it says what was `expected` of it, and whether it `shows` that; with
    `compound` which compound emotion it shows, or null; with `movements` what it does, or null.
    """
    found = (reading if expectation is None else expectation.verify(reading)).to_dict()
    if compound:
        found[COMPOUND_COLUMN] = reading.compound
    if movements:
        found.setdefault("movements", None)
    return found


def to_dict(
    result: ImageResult, expectation: Expectation | None = None, **also: bool
) -> dict[str, Any]:
    """One image as plain values, ready for JSON; `size` is width and height in pixels.

    `also` are `compound` and `movements`, as of `face_to_dict`.
    """
    size = None if result.image is None else [result.image.shape[1], result.image.shape[0]]
    return {
        "file": str(result.file.path),
        "size": size,
        "faces": [face_to_dict(r, expectation, **also) for r in result.readings],
        "error": None if result.error is None else str(result.error),
    }


def image_rows(
    result: ImageResult, expectation: Expectation | None = None, *, compound: bool = False
) -> list[dict[str, Any]]:
    """One row for each face, or one with an empty face for an image that shows none."""
    place = {"file": str(result.file.path)}
    if result.error is not None:
        place["error"] = str(result.error)
    if expectation is not None:
        place["expected"] = expectation.emotion
    found = rows(place, result.readings)
    for row, reading in zip(found, result.readings, strict=False):
        if compound:
            row[COMPOUND_COLUMN] = reading.compound or ""
        if expectation is not None:
            row["shows"] = expectation.verify(reading).shows
    return found


class CsvWriter:
    """Writes a row for each face to an open text file, with a header in `IMAGE_TABLE`.

    With an expectation `EXPECTED_COLUMNS` follow them, with `compound` the `COMPOUND_COLUMN`, and
    with `movements` `MOVES`.
    """

    def __init__(
        self,
        file: TextIO,
        expectation: Expectation | None = None,
        *,
        compound: bool = False,
        movements: bool = False,
    ) -> None:
        self._file, self._expectation, self._compound = file, expectation, compound
        self._columns = [*IMAGE_TABLE]
        self._columns += EXPECTED_COLUMNS if expectation is not None else ()
        self._columns += [COMPOUND_COLUMN] if compound else ()
        self._columns += MOVES if movements else ()
        file.write(csv_header(self._columns))

    def write(self, result: ImageResult) -> None:
        """Add the rows of one image."""
        found = image_rows(result, self._expectation, compound=self._compound)
        self._file.write(csv_lines(self._columns, found))


def to_csv(results: list[ImageResult], expectation: Expectation | None = None) -> str:
    """The rows of several images as the text of a CSV file."""
    text = io.StringIO()
    writer = CsvWriter(text, expectation)
    for result in results:
        writer.write(result)
    return text.getvalue()


# Videos


def video_rows(
    frame: int, time_s: float, readings: Sequence[TrackedReading]
) -> list[dict[str, Any]]:
    """One row for each face, or one with an empty face for a frame without; as `rounded` does."""
    return [
        {
            name: float(_ROUND % value) if name in _VIDEO_NUMBERS else value
            for name, value in row.items()
            if value is not None and name in _VIDEO_CELLS
        }
        for row in rows({"frame": frame, "time_s": time_s}, readings)
    ]


def video_table(*, named: bool = False, movements: bool = False) -> tuple[str, ...]:
    """Columns of videos; `named` with the names of people, `movements` with `MOVES` at the end."""
    return (*(NAMED_VIDEO_TABLE if named else VIDEO_TABLE), *(MOVES if movements else ()))


def video_csv_lines(
    frame: int,
    time_s: float,
    readings: Sequence[TrackedReading],
    columns: Sequence[str] = VIDEO_TABLE,
) -> str:
    """The rows of one frame as lines of CSV, without the header."""
    return csv_lines(columns, video_rows(frame, time_s, readings))


def video_json_lines(frame: int, time_s: float, readings: Sequence[TrackedReading]) -> str:
    """The rows of one frame as lines of JSON, an object in each."""
    lines = []
    for row in video_rows(frame, time_s, readings):
        shown: dict[str, Any] = {"frame": frame, "time_s": time_s, "track": row.get("track")}
        if "track" in row:
            shown |= {
                **({"name": row["name"]} if "name" in row else {}),
                "box": [row[side] for side in SIDES],
                **{n: row[n] for n in ("score", "detected", "emotion", "probability", "unsure")},
                "probabilities": {label: row[label] for label in EMOTIONS},
                "raw_emotion": row["raw_emotion"],
                "raw_probabilities": {label: row[f"raw_{label}"] for label in EMOTIONS},
                "landmarks": _pairs([row[n] for n in POINTS]) if POINTS[0] in row else None,
                "quality": {n: row.get(n) for n in QUALITY} if "usable" in row else None,
            }
        if MOVES[0] in row:
            shown["movements"] = {name: row[f"move_{name}"] for name in MOVEMENTS}
        lines.append(json_text(shown, separators=(",", ":")) + "\n")
    return "".join(lines)


# What is read back: of what is no such row LookupError, TypeError or ValueError is raised. Rows of
# before there were landmarks and quality are read, too.


def image_reading_of_cells(row: Mapping[str, Any]) -> Reading:
    """The reading that a row of an image tells, as Parquet has it."""
    x0, y0, x1, y1 = (real_number(row, side) for side in SIDES)
    return Reading(
        box=(x0, y0, x1, y1),
        score=real_number(row, "score"),
        landmarks=_landmarks(row),
        emotion=_emotion(row, "emotion"),
        probability=_share(row, "probability"),
        probabilities=tuple(_share(row, label) for label in EMOTIONS),
        unsure=_truth(row, "unsure"),
        quality=quality_of_row(row),
        movements=_movements(row),
    )


def image_reading_of_csv(row: Mapping[str, str]) -> Reading:
    """The reading that a row of `image_rows` tells as CSV."""
    return image_reading_of_cells(_values(row, "unsure"))


def image_rows_of_json(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of an image that `to_dict` tells, for `image_reading_of_cells`."""
    place = {"file": values["file"], "error": values["error"], "face": None}
    if values["size"] is not None:
        place |= dict(zip(("width", "height"), values["size"], strict=True))
    faces = enumerate(values["faces"], start=1)
    return [{**place, "face": number, **_flat(face)} for number, face in faces] or [place]


def reading_of_cells(row: Mapping[str, Any]) -> TrackedReading:
    """The reading that a row of `video_rows` tells, as Parquet has it."""
    return TrackedReading(
        **vars(image_reading_of_cells(row)),
        track=whole_number(row, "track", least=1),
        name=name_of_row(row),
        raw_probabilities=tuple(_share(row, name) for name in RAW),
        raw_emotion=_emotion(row, "raw_emotion"),
        detected=_truth(row, "detected"),
    )


def reading_of_csv(row: Mapping[str, str]) -> TrackedReading:
    """The reading that a row of `video_csv_lines` tells."""
    return reading_of_cells(_values(row, "detected", "unsure"))


def reading_of_json(values: Mapping[str, Any]) -> TrackedReading:
    """The reading that a line of `video_json_lines` tells."""
    raw = {f"raw_{label}": values["raw_probabilities"][label] for label in EMOTIONS}
    return reading_of_cells({**_flat(values), **raw})


def quality_of_row(row: Mapping[str, Any]) -> FaceQuality | None:
    """The quality that the cells of a row tell; None where the row is of before there was one."""
    if row.get("size_px") is None:
        return None
    unusable = row["unusable"] or ""
    if unusable not in UNUSABLE:
        raise ValueError(f"unusable: expected one of {', '.join(UNUSABLE[1:])}; got {unusable!r}")
    yaw, pitch, roll = (
        None if row[name] is None else real_number(row, name) for name in MEASURES[:3]
    )
    size_px, blur, light, contrast, inside = (real_number(row, name) for name in MEASURES[3:])
    method = None
    if yaw is not None:
        method = row.get("pose_method") or POSE_METHODS[0]  # there was no other before the column
        if method not in POSE_METHODS:
            expected = " or ".join(POSE_METHODS)
            raise ValueError(f"pose_method: expected {expected}; got {method!r}")
    return FaceQuality(yaw, pitch, roll, size_px, blur, light, contrast, inside, unusable, method)


def _pairs(values: Sequence[float]) -> list[list[float]]:
    return [list(pair) for pair in zip(values[::2], values[1::2], strict=True)]


def _landmarks(row: Mapping[str, Any]) -> Landmarks | None:
    if row.get(POINTS[0]) is None:
        return None
    values = [real_number(row, name) for name in POINTS]
    right_eye, left_eye, nose, right_mouth, left_mouth = zip(values[::2], values[1::2], strict=True)
    return right_eye, left_eye, nose, right_mouth, left_mouth


def _values(row: Mapping[str, str], *truths: str) -> dict[str, Any]:
    """The cells of a row of CSV, as Parquet has them."""
    values = {name: None if value == "" else value for name, value in row.items()}
    return {**values, **{name: _answer(row, name) for name in truths}}


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """A face in JSON as the cells of a row."""
    return {
        **values,
        **dict(zip(SIDES, values["box"], strict=True)),
        **{label: values["probabilities"][label] for label in EMOTIONS},
        **dict(zip(POINTS, chain.from_iterable(values.get("landmarks") or ()), strict=False)),
        **(values.get("quality") or {}),
        **{f"move_{name}": value for name, value in (values.get("movements") or {}).items()},
    }


def _movements(row: Mapping[str, Any]) -> FacialMovements | None:
    if row.get(MOVES[0]) in (None, ""):  # not asked for, or not seen
        return None
    return FacialMovements(tuple(_share(row, name) for name in MOVES))


def whole_number(row: Mapping[str, Any], name: str, *, least: int = 0) -> int:
    """A whole number that a cell tells, from `least` to what 64 bits hold.

    It may be "3.0", as pandas writes whole numbers of a column with empty cells.
    """
    cell = row[name]
    told = _WHOLE.fullmatch(str(cell))
    value = int(told[1]) if told else -1
    if not least <= value < 2**63:
        raise ValueError(f"{name}: expected a whole number from {least}; got {cell!r}")
    return value


def real_number(row: Mapping[str, Any], name: str) -> float:
    """A number that a cell tells, of a size that times and places have."""
    cell = row[name]
    try:
        value = float(cell)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not abs(value) <= _LARGEST:  # which NaN is not
        raise ValueError(f"{name}: expected a number, {_LARGEST:g} at most; got {cell!r}")
    return value


def _share(row: Mapping[str, Any], name: str) -> float:
    value = real_number(row, name)
    if not -_ROUNDED <= value <= 1 + _ROUNDED:
        raise ValueError(f"{name}: expected 0 to 1; got {row[name]!r}")
    return value


def _truth(row: Mapping[str, Any], name: str) -> bool:
    cell = row[name]
    if not isinstance(cell, bool) and not (isinstance(cell, int | float) and cell in (0, 1)):
        raise ValueError(f"{name}: expected true or false; got {cell!r}")
    return bool(cell)


def name_of_row(row: Mapping[str, Any]) -> str | None:
    """What a row calls the person."""
    name = row.get("name")
    if not isinstance(name, str | None):
        raise ValueError(f"name: expected text; got {name!r}")
    return plain_name(name or "")


def plain_name(text: str) -> str | None:
    """A name as it is compared, None if it is empty.

    Spaces around it, and more than one, are none of it; two ways to write an umlaut, as macOS and
    others have it, are one.
    """
    return unicodedata.normalize("NFC", " ".join(text.split())) or None


def two_without_a_name(other: str) -> str:
    """What a message says of a name that is `NA` where `other`, which has that name, is before."""
    return (
        f"name: expected another than {NA!r}, which R writes for an empty cell and {other} has, "
        "too; two tracks of one name are one person"
    )


def _emotion(row: Mapping[str, Any], name: str) -> str:
    if row[name] not in EMOTIONS:
        raise ValueError(f"{name}: expected one of {', '.join(EMOTIONS)}; got {row[name]!r}")
    return EMOTIONS[EMOTIONS.index(row[name])]


def _answer(row: Mapping[str, str], name: str) -> bool:
    """True or false of a cell of CSV, in the words that spreadsheets save it with, too."""
    answer = (row[name] or "").lower()
    if answer not in ANSWERS:
        raise ValueError(f"{name}: expected true or false; got {row[name]!r}")
    return ANSWERS[answer]
