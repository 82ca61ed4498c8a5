"""Readings -> rows of a data set, and what a file of them says of itself."""

import io
import json
from typing import TYPE_CHECKING, Any, Final

from mien.batch.reading import Item
from mien.labels import EMOTIONS
from mien.readings import Reading

if TYPE_CHECKING:
    import pyarrow

LANDMARKS: Final = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
"""In the order of `mien.faces.Landmarks`; right is the person's own."""

_SIDES: Final = ("x0", "y0", "x1", "y1")
_POINTS: Final = tuple(f"{name}_{axis}" for name in LANDMARKS for axis in "xy")

COLUMNS: Final[tuple[tuple[str, str, str], ...]] = (
    ("source", "string", "full name of the picture, archive, Parquet file or film"),
    ("key", "string", "of a tar archive: the sample's name without extensions; else null"),
    ("member", "string", "name within the archive, or the path that a Parquet row tells; or null"),
    ("row", "int64", "number within the archive or Parquet file, from 0; else null"),
    ("frame", "int64", "number of the frame in the film, from 0; else null"),
    ("time_s", "float64", "when the frame is shown, from the start of the film; else null"),
    ("width", "int32", "of the picture in pixels, upright; null where it could not be read"),
    ("height", "int32", "likewise"),
    ("face", "int32", "from 1, the surest first; null in the row of a picture without a face"),
    *((side, "float32", "of the box, in pixels of the picture") for side in _SIDES),
    ("score", "float32", "the detector's, that this is a face, 0 to 1"),
    *((name, "float32", "in pixels; null where the detector gives none") for name in _POINTS),
    ("emotion", "string", "the likeliest of the seven, of an unsure face, too"),
    ("probability", "float32", "of that emotion, 0 to 1"),
    ("unsure", "bool", "the probability is below the threshold"),
    *((label, "float32", "probability of this emotion; the seven sum to 1") for label in EMOTIONS),
    ("model", "string", "name of the model"),
    ("model_sha256", "string", "of its file, in hexadecimal digits; of several, with commas"),
    ("mien_version", "string", "that read it"),
    ("error", "string", "why the picture, or the rest of its source, could not be read; or null"),
)
"""Name, type and meaning of each column, in order."""

RECORD_KEY: Final = b"mien_shard"
"""In the metadata of a part: JSON that says which shard of which data set it is, with its counts.
"""


def schema() -> "pyarrow.Schema":
    """The schema of every part: each field says in its metadata what it means."""
    import pyarrow

    kinds = {
        "string": pyarrow.string(),
        "int32": pyarrow.int32(),
        "int64": pyarrow.int64(),
        "float32": pyarrow.float32(),
        "float64": pyarrow.float64(),
        "bool": pyarrow.bool_(),
    }
    return pyarrow.schema(
        [
            pyarrow.field(name, kinds[kind], metadata={"description": meaning})
            for name, kind, meaning in COLUMNS
        ],
        metadata={"mien": json.dumps({"format": 1, "emotions": EMOTIONS})},
    )


class RowBuffer:
    """Rows that wait to be written.

    Args:
        constant: what stands in every row: model, hash and version.
    """

    def __init__(self, constant: dict[str, str]) -> None:
        self._schema = schema()
        self._constant = constant
        self._lines: list[str] = []

    def __len__(self) -> int:
        return len(self._lines)

    def add_readings(self, item: Item, size: tuple[int, int], readings: list[Reading]) -> None:
        """Add a row for each face of a picture, or one without a face.

        Args:
            item: the picture.
            size: its width and height, in pixels.
            readings: of its faces.
        """
        picture = {**_picture(item), "width": size[0], "height": size[1]}
        if not readings:
            self._add(picture)
        for number, reading in enumerate(readings, start=1):
            points = [axis for point in reading.landmarks or () for axis in point]
            self._add(
                {
                    **picture,
                    "face": number,
                    **dict(zip(_SIDES, reading.box, strict=True)),
                    "score": reading.score,
                    **dict(zip(_POINTS, points, strict=False)),
                    "emotion": reading.emotion,
                    "probability": reading.probability,
                    "unsure": reading.unsure,
                    **reading.by_emotion(),
                }
            )

    def add_error(self, item: Item, error: str) -> None:
        """Add the row of a picture, or of the rest of a source, that could not be read."""
        self._add({**_picture(item), "error": as_text(error)})

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


def _picture(item: Item) -> dict[str, Any]:
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
