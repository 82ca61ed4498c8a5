"""Readings -> rows of CSV and objects of JSON."""

import csv
import io
from typing import Any, Final, TextIO

from mien.labels import EMOTIONS
from mien.readings import Expectation, PictureResult, Reading

COLUMNS: Final = (
    "file",
    "face",  # from 1, the surest first; empty in the row of a picture without a face
    "x0",
    "y0",
    "x1",
    "y1",
    "score",
    "emotion",  # the likeliest, of an unsure face too
    "probability",
    "unsure",  # true or false; empty in the row of a picture without a face
    *EMOTIONS,
    "error",  # why the picture could not be read; empty otherwise
)

EXPECTED_COLUMNS: Final = (
    "expected",  # the emotion that was asked for, in every row
    "shows",  # true or false; empty in the row of a picture without a face
)
"""What comes after `COLUMNS` where an emotion is expected of the faces."""

COMPOUND_COLUMN: Final = "compound"
"""The last one, where compound emotions are asked for; empty where a face shows none."""


def rows(
    result: PictureResult, expectation: Expectation | None = None, *, compound: bool = False
) -> list[dict[str, Any]]:
    """One row for each face, or one with an empty face for a picture that shows none."""
    file = {"file": str(result.file.path)}
    if expectation is not None:
        file["expected"] = expectation.emotion
    if not result.readings:
        return [{**file, "error": "" if result.error is None else str(result.error)}]
    return [
        {
            **file,
            "face": number,
            **dict(zip(("x0", "y0", "x1", "y1"), reading.box, strict=True)),
            "score": reading.score,
            "emotion": reading.emotion,
            "probability": reading.probability,
            "unsure": _truth(reading.unsure),
            **reading.by_emotion(),
            **_shows(reading, expectation),
            **({COMPOUND_COLUMN: reading.compound or ""} if compound else {}),
        }
        for number, reading in enumerate(result.readings, start=1)
    ]


def _shows(reading: Reading, expectation: Expectation | None) -> dict[str, str]:
    if expectation is None:
        return {}
    return {"shows": _truth(expectation.verify(reading).shows)}


def _truth(value: bool) -> str:
    return "true" if value else "false"  # as JSON has it


def to_dict(
    result: PictureResult, expectation: Expectation | None = None, *, compound: bool = False
) -> dict[str, Any]:
    """One picture as plain values, ready for JSON; `size` is width and height in pixels.

    With an expectation each face says what was `expected` of it, and whether it `shows` that; with
    `compound` which compound emotion it shows, or null.
    """
    size = None if result.image is None else [result.image.shape[1], result.image.shape[0]]
    return {
        "file": str(result.file.path),
        "size": size,
        "faces": [
            {
                **(reading if expectation is None else expectation.verify(reading)).to_dict(),
                **({COMPOUND_COLUMN: reading.compound} if compound else {}),
            }
            for reading in result.readings
        ],
        "error": None if result.error is None else str(result.error),
    }


class CsvWriter:
    """Writes a row for each face to an open text file, with a header in `COLUMNS`.

    With an expectation `EXPECTED_COLUMNS` follow them, and with `compound` the `COMPOUND_COLUMN`.
    """

    def __init__(
        self, file: TextIO, expectation: Expectation | None = None, *, compound: bool = False
    ) -> None:
        self._expectation = expectation
        self._compound = compound
        columns = [*COLUMNS]
        columns += [] if expectation is None else EXPECTED_COLUMNS
        columns += [COMPOUND_COLUMN] if compound else []
        self._writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        self._writer.writeheader()

    def write(self, result: PictureResult) -> None:
        """Add the rows of one picture."""
        self._writer.writerows(rows(result, self._expectation, compound=self._compound))


def to_csv(results: list[PictureResult], expectation: Expectation | None = None) -> str:
    """The rows of several pictures as the text of a CSV file."""
    text = io.StringIO()
    writer = CsvWriter(text, expectation)
    for result in results:
        writer.write(result)
    return text.getvalue()
