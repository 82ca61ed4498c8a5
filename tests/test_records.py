import csv
import io
import json
from pathlib import Path

import numpy as np

from fakes import a_reading
from mien import EMOTIONS, ImageError, ImageFile, ImageResult, Reading
from mien.output.records import EXPECTED_COLUMNS, IMAGE_TABLE, to_csv, to_dict
from mien.readings import Expectation

IMAGE = np.zeros((40, 60, 3), np.uint8)


def a_result(name: str = "a.jpg", *readings: Reading) -> ImageResult:
    return ImageResult(ImageFile(Path(name), Path(name)), IMAGE, readings)


def a_failure(name: str = "bad.jpg") -> ImageResult:
    file = ImageFile(Path(name), Path(name))
    return ImageResult(file, None, (), ImageError(f"{name}: expected an image,\nit is empty"))


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


def test_an_image_without_a_face_has_a_row_and_one_that_cannot_be_read() -> None:
    empty, unread = read_csv(to_csv([a_result(), a_failure()]))
    assert empty == {**dict.fromkeys(IMAGE_TABLE, ""), "file": "a.jpg"}
    assert unread["error"] == "bad.jpg: expected an image,\nit is empty"
    assert unread["face"] == ""
    assert to_csv([]) == ",".join(IMAGE_TABLE) + "\n"


def test_what_was_expected_comes_after_all_other_columns() -> None:
    results = [a_result("a.jpg", a_reading(), a_reading(emotion="sad")), a_result("b.jpg")]
    plain, expected = (to_csv(results, e) for e in (None, Expectation("sad")))
    rows = read_csv(expected)
    assert expected.splitlines()[0] == ",".join([*IMAGE_TABLE, *EXPECTED_COLUMNS])
    assert {row["expected"] for row in rows} == {"sad"}
    assert [row["shows"] for row in rows] == ["false", "true", ""]
    assert read_csv(plain) == [{name: row[name] for name in IMAGE_TABLE} for row in rows]

    faces = json.loads(json.dumps(to_dict(results[0], Expectation("sad"))))["faces"]
    assert faces == [
        {**face, "expected": "sad", "shows": face["emotion"] == "sad"}
        for face in to_dict(results[0])["faces"]
    ]
