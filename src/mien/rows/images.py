"""Rows of images, read back: those that `mien detect` and `mien batch` write."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, groupby
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

from mien.errors import OutputError
from mien.output.records import (
    BATCH_TABLE,
    image_reading_of_cells,
    image_reading_of_csv,
    image_rows_of_json,
    real_number,
    where,
    whole_number,
)
from mien.readings import Reading
from mien.rows.files import (
    PlacedCells,
    csv_cells,
    json_cells,
    open_json,
    parquet_cells,
    refusing,
)
from mien.rows.text_table import header_of

_PARTS: Final = "rows"  # folder of a data set of `mien batch`
_PLACE: Final = ("file", "source", "member", "row", "frame")  # which no two images share
_EMPTY: Final = (None, "")

_Cells: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class ImageFaces:
    """The faces of one image, as its rows tell them.

    Attributes:
        name: of its file; of one in an archive, as `mien.output.records.where` tells it.
        readings: of its faces, without movements; empty without a face, and on an error.
        size_px: width and height; None where the rows do not tell.
        frame: its number in a video; None of an image.
        time_s: likewise, when it is shown.
        error: why it could not be read; empty if it could.
    """

    name: str
    readings: tuple[Reading, ...]
    size_px: tuple[int, int] | None = None
    frame: int | None = None
    time_s: float | None = None
    error: str = ""

    def usable(self) -> "ImageFaces":
        """The same without faces whose reading is not usable, by what was measured."""
        return replace(self, readings=tuple(r for r in self.readings if r.usable))


def is_image_rows(path: Path) -> bool:
    """Whether rows are those of images: a data set of `mien batch`, or a file with their columns.

    No for what cannot be read.
    """
    if path.is_dir():
        return bool(_parts(path))
    if path.suffix.lower() == ".json":
        return True
    names = _columns(path)
    return bool({"file", "source"} & names) and bool({"face", "faces"} & names)


def read_image_rows(path: str | Path) -> Iterator[ImageFaces]:
    """Read rows of images back, an image at a time.

    Args:
        path: `.csv` of `mien detect`; `.json` of `mien detect --json`, or its objects as `.jsonl`;
            a data set of `mien batch`, or a part of one, which may be saved as `.csv` or `.jsonl`.
    Raises:
        OutputError: it is no such file, has no image, or, of a file, the rows of an image do not
            follow each other.
        MissingExtraError: Parquet without pyarrow.
    """
    path = Path(path)
    images: Iterator[ImageFaces]
    if path.is_dir():
        images = chain.from_iterable(image_rows_of_parquet(p, str(p)) for p in _parts(path))
    elif path.suffix.lower() == ".parquet":
        images = image_rows_of_parquet(path, str(path))
    elif path.suffix.lower() == ".csv":
        images = _images(str(path), csv_cells(path), image_reading_of_csv)
    else:
        images = _images(str(path), _json_cells(path), image_reading_of_cells)
    if not path.is_dir():
        images = _once(images, str(path))
    first = next(images, None)
    if first is None:
        raise OutputError(f"{path}: expected rows of images that mien wrote; it has none")
    return chain([first], images)


def _once(images: Iterator[ImageFaces], source: str) -> Iterator[ImageFaces]:
    """The same images, none of which comes twice: of a file that somebody may have sorted.

    Raises:
        OutputError: one does.
    """
    seen: set[int] = set()
    for image in images:
        if (key := hash((image.name, image.frame))) in seen:
            frame = "" if image.frame is None else f", frame {image.frame}"
            raise OutputError(
                f"{source}: expected the rows of an image one after the other; those of "
                f"{image.name}{frame} stand in several places: sort by image and face"
            )
        seen.add(key)
        yield image


def image_rows_of_parquet(file: Path | BinaryIO, source: str) -> Iterator[ImageFaces]:
    """The same of a part of a data set, which may be open; errors call it `source`."""
    columns = {"file", *BATCH_TABLE}  # the first of `mien detect`, which pandas saved
    return _images(source, parquet_cells(file, columns=columns), image_reading_of_cells)


def _parts(folder: Path) -> list[Path]:
    """The parts of a data set in a folder, or in this one itself."""
    return sorted((folder / _PARTS).glob("*.parquet")) or sorted(folder.glob("*.parquet"))


def _columns(path: Path) -> set[str]:
    """The names of what is in a file; none of what cannot be read."""
    if path.suffix.lower() == ".csv":
        return set(header_of(path))
    try:
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet

            return set(pyarrow.parquet.read_schema(path).names)
        with open_json(path) as file, closing(json_cells(file)) as lines:
            return set(next(lines, ("", {}))[1])
    except (ImportError, OSError, ValueError, TypeError, RecursionError):
        return set()


def _json_cells(path: Path) -> PlacedCells:
    """The rows of each object, of an array or a line each."""
    with open_json(path) as file:
        if path.suffix.lower() == ".json":
            array = json.load(file)
            if not isinstance(array, list):
                raise ValueError(f"expected an array of images; got a {type(array).__name__}")
            given = ((f"image {number}", one) for number, one in enumerate(array, 1))
        else:
            given = json_cells(file)
        for place, values in given:
            rows = image_rows_of_json(values) if "faces" in values else [values]
            yield from ((place, row) for row in rows)


def _images(
    source: str, given: PlacedCells, reading_of: Callable[[Any], Reading]
) -> Iterator[ImageFaces]:
    with closing(given) as rows, refusing(source, "images"):
        for _, found in groupby(rows, key=lambda row: [row[1].get(name) for name in _PLACE]):
            yield _image(list(found), reading_of)


def _image(rows: list[tuple[str, _Cells]], reading_of: Callable[[Any], Reading]) -> ImageFaces:
    """The image of neighboring rows that are of one place."""
    readings: dict[int, Reading] = {}  # number of the face -> what was read
    for place, cells in rows:
        try:
            if cells["face"] not in _EMPTY:
                face = whole_number(cells, "face", least=1)
                if face in readings:
                    raise ValueError(f"face: expected each face of an image once; got {face} twice")
                readings[face] = reading_of(cells)
            size_px = _whole(cells, "width"), _whole(cells, "height")
            row, frame = _whole(cells, "row"), _whole(cells, "frame")
            time_s = None if cells.get("time_s") in _EMPTY else real_number(cells, "time_s")
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from error
    source = cells["file"] if "file" in cells else cells["source"]
    width, height = size_px
    return ImageFaces(
        name=where(source, cells.get("member") or None, row),
        readings=tuple(readings.values()),
        size_px=None if width is None or height is None else (width, height),
        frame=frame,
        time_s=time_s,
        error=cells.get("error") or "",
    )


def _whole(cells: _Cells, name: str) -> int | None:
    return None if cells.get(name) in _EMPTY else whole_number(cells, name)
