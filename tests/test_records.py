import csv
import io
from pathlib import Path

import numpy as np

from fakes import a_reading
from mien import EMOTIONS, ImageFile, ImageResult, Reading
from mien.output.records import to_csv

IMAGE = np.zeros((40, 60, 3), np.uint8)


def a_result(name: str = "a.jpg", *readings: Reading) -> ImageResult:
    return ImageResult(ImageFile(Path(name), Path(name)), IMAGE, readings)


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_for_each_face() -> None:
    first, second = a_reading(), a_reading((0.5, 0.0, 9.25, 9.0), "sad")
    rows = read_csv(to_csv([a_result("a.jpg", first, second)]))
    assert [row["face"] for row in rows] == ["1", "2"]
    assert [row["emotion"] for row in rows] == ["happy", "sad"]
    assert tuple(float(rows[1][side]) for side in ("x0", "y0", "x1", "y1")) == second.box
    assert [float(rows[0][label]) for label in EMOTIONS] == list(first.probabilities)
    assert float(rows[0]["score"]) == first.score
    assert float(rows[0]["probability"]) == first.probability
    assert {row["error"] for row in rows} == {""}
    # Numbers are not rounded.
    third = Reading((1 / 3,) * 4, 1 / 3, None, "sad", 1 / 3, (1 / 3,) * 7)
    (row,) = read_csv(to_csv([a_result("a.jpg", third)]))
    assert float(row["x0"]) == float(row["score"]) == float(row["sad"]) == 1 / 3
