"""Rows of a video: what they say, in which forms, and what a kill leaves of them."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from command_line import csv_rows
from fakes import a_reading
from mien import EMOTIONS
from mien.errors import OutputError
from mien.output.files import part_name
from mien.output.records import VIDEO_TABLE
from mien.readings import TrackedReading
from mien.rows.files import (
    FLUSH_S,
    read_frames,
    row_writer,
)


def a_face(track: int = 1, emotion: str = "happy", **changes: Any) -> TrackedReading:
    plain = a_reading((10.0, 20.5, 110.25, 140.0), emotion)
    face = TrackedReading(
        **{name: getattr(plain, name) for name in plain.__dataclass_fields__},
        track=track,
        raw_probabilities=(0.4, *plain.probabilities[1:]),
        raw_emotion="angry",
        detected=True,
    )
    return replace(face, landmarks=None, **changes)


VIDEO: list[tuple[int, float, list[TrackedReading]]] = [
    (0, 0.0, [a_face(1), a_face(2, "sad", detected=False)]),
    (1, 1 / 3, []),
    (3, 0.5, [a_face(2, "sad", unsure=True)]),
]


def write(path: Path, video: list[tuple[int, float, list[TrackedReading]]] = VIDEO) -> Path:
    writer = row_writer(path)
    for frame, time_s, readings in video:
        writer.write(frame, time_s, readings)
    writer.finish()
    return path


def test_a_row_for_each_face_and_each_frame_without_one(tmp_path: Path) -> None:
    rows = csv_rows(write(tmp_path / "rows.csv"))
    assert list(rows[0]) == list(VIDEO_TABLE)
    assert [(row["frame"], row["track"]) for row in rows] == [
        ("0", "1"),
        ("0", "2"),
        ("1", ""),
        ("3", "2"),
    ]
    assert [float(row["time_s"]) for row in rows] == [0.0, 0.0, 1 / 3, 0.5]
    assert [float(rows[0][side]) for side in ("x0", "y0", "x1", "y1")] == [10, 20.5, 110.25, 140]
    assert [rows[i]["emotion"] for i in (0, 1, 3)] == ["happy", "sad", "sad"]
    assert [rows[i]["detected"] for i in (0, 1)] == ["true", "false"]
    assert [float(rows[0][label]) for label in EMOTIONS] == list(a_face().probabilities)
    assert (rows[0]["raw_emotion"], float(rows[0]["raw_angry"])) == ("angry", 0.4)
    assert set(rows[2]) == set(VIDEO_TABLE)
    assert {value for name, value in rows[2].items() if name not in ("frame", "time_s")} == {""}


def test_json_lines_say_the_same(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in write(tmp_path / "rows.jsonl").read_text().splitlines()]
    assert lines[2] == {"frame": 1, "time_s": 1 / 3, "track": None}
    assert lines[1]["box"] == [10, 20.5, 110.25, 140]
    assert lines[1]["probabilities"] == a_face(2, "sad").by_emotion()
    assert lines[3]["unsure"]


def test_parquet_says_the_same_with_types(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(write(tmp_path / "rows.parquet"))
    assert table.column_names == list(VIDEO_TABLE)
    assert table["track"].to_pylist() == [1, 2, None, 2]
    assert table["time_s"].to_pylist() == [0.0, 0.0, 1 / 3, 0.5]
    assert table["detected"].to_pylist() == [True, False, None, True]
    assert table["emotion"].to_pylist() == ["happy", "sad", None, "sad"]


def test_parquet_of_many_rows_is_whole(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    video = [(i, i / 25, [a_face(1)] if i % 3 else []) for i in range(1234)]
    table = parquet.read_table(write(tmp_path / "rows.parquet", video))
    assert table["frame"].to_pylist() == list(range(1234))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_can_be_read_back(suffix: str, tmp_path: Path) -> None:
    found = list(read_frames(write(tmp_path / f"rows{suffix}")))
    assert [(rows.frame, rows.time_s, list(rows.readings)) for rows in found] == VIDEO


def test_what_is_no_file_of_rows_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(OutputError, match="expected rows that mien wrote"):
        list(read_frames(tmp_path / "other.csv"))
    with pytest.raises(OutputError, match=r"\.csv, \.jsonl, \.parquet; got \.txt"):
        row_writer(tmp_path / "rows.txt")
    with pytest.raises(OutputError, match="cannot be written"):
        row_writer(tmp_path / "missing" / "rows.csv")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_reach_the_disk_within_a_second_and_whole(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    writer = row_writer(path)
    deadline = time.monotonic() + FLUSH_S + 0.3
    number = 0
    while time.monotonic() < deadline:
        writer.write(number, number / 25, [a_face(1), a_face(2)])
        number += 1
        time.sleep(0.01)

    content = part_name(path).read_text()

    assert not path.exists()
    assert content.endswith("\n")
    assert len(list(read_frames(part_name(path)))) > number // 3
    writer.finish()
    assert len(list(read_frames(path))) == number
    assert list(tmp_path.iterdir()) == [path]
