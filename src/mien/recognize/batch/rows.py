"""Readings -> rows of a data set, and what a file of them says of itself."""

import io
import json
from typing import TYPE_CHECKING, Any, Final

from mien.labels import EMOTIONS
from mien.output import records
from mien.output.records import BATCH_TABLE, MOVES, rows
from mien.readings import Reading
from mien.recognize.batch.reading import Item

if TYPE_CHECKING:
    import pyarrow

RECORD_KEY: Final = b"mien_shard"
"""In the metadata of a part: JSON that says which shard of which data set it is, with its counts.
"""


def schema(*, movements: bool = False) -> "pyarrow.Schema":
    """The schema of every part: each field says in its metadata what it means.

    Args:
        movements: rows tell facial movements.
    """
    about = {"mien": json.dumps({"format": 1, "emotions": EMOTIONS})}
    return records.schema((*BATCH_TABLE, *(MOVES if movements else ())), about)


class RowBuffer:
    """Rows that wait to be written.

    Args:
        constant: what stands in every row: model, hash and version.
        movements: rows tell facial movements.
    """

    def __init__(self, constant: dict[str, str], *, movements: bool = False) -> None:
        self._schema = schema(movements=movements)
        self._constant = constant
        self._lines: list[str] = []

    def __len__(self) -> int:
        return len(self._lines)

    def add_readings(self, item: Item, size: tuple[int, int], readings: list[Reading]) -> None:
        """Add a row for each face of an image, or one without a face.

        Args:
            item: the image.
            size: its width and height, in pixels.
            readings: of its faces.
        """
        for row in rows({**_image(item), "width": size[0], "height": size[1]}, readings):
            self._add(row)

    def add_error(self, item: Item, error: str) -> None:
        """Add the row of an image, or of the rest of a source, that could not be read."""
        self._add({**_image(item), "error": as_text(error)})

    def take(self) -> "pyarrow.Table":
        """The rows that waited; none waits then."""
        # To make an array of a list, pyarrow would load pandas where that is installed, to see
        # whether it is one of its own: .7 s and 60 MB of every worker. Its JSON reader does not.
        import pyarrow.json

        content = "\n".join(self._lines).encode()
        self._lines.clear()
        return pyarrow.json.read_json(
            io.BytesIO(content),
            pyarrow.json.ReadOptions(use_threads=False, block_size=len(content) + 1),
            pyarrow.json.ParseOptions(
                explicit_schema=self._schema, unexpected_field_behavior="error"
            ),
        )

    def _add(self, row: dict[str, Any]) -> None:
        # JSON has no NaN, which a broken model may give.
        values = {k: None if v != v else v for k, v in {**row, **self._constant}.items()}
        self._lines.append(json.dumps(values))


def _image(item: Item) -> dict[str, Any]:
    return {
        "source": as_text(item.source),
        "key": None if item.key is None else as_text(item.key),
        "member": None if item.member is None else as_text(item.member),
        "row": item.row,
        "frame": item.frame,
        "time_s": item.time_s,
    }


def as_text(name: str) -> str:
    """A name as text: bytes of a file name that are not UTF-8 come as backslash escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
