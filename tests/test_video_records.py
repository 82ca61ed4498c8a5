"""Rows of a video: what they say, in which forms, and what a kill leaves of them."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from command_line import csv_rows
from fakes import a_reading
from made_up_rows import write_csv, write_rows
from mien import EMOTIONS
from mien.errors import OutputError
from mien.output.files import part_name
from mien.output.records import POINTS as POINT_COLUMNS
from mien.output.records import QUALITY, VIDEO_TABLE
from mien.readings import POSE_METHODS, UNUSABLE, FaceQuality, FrameReadings, TrackedReading
from mien.rows import table
from mien.rows.files import FLUSH_S, read_frames, row_facts, row_writer

POINTS = ((30.0, 50.5), (70.0, 50.0), (50.0, 70.0), (35.0, 90.0), (65.0, 90.25))
TURNED = FaceQuality(-41.5, 3.0, -0.5, 119.5, 0.25, 131.0, 52.75, 0.875, "turned", "mesh")
FROM_A_BOX = FaceQuality(None, None, None, 119.5, 0.25, 131.0, 52.75, 1.0)


def a_face(track: int = 1, emotion: str = "happy", **changes: Any) -> TrackedReading:
    plain = a_reading((10.0, 20.5, 110.25, 140.0), emotion)
    face = TrackedReading(
        **{name: getattr(plain, name) for name in plain.__dataclass_fields__},
        track=track,
        raw_probabilities=(0.4, *plain.probabilities[1:]),
        raw_emotion="angry",
        detected=True,
    )
    return replace(face, **{"landmarks": None, "quality": FROM_A_BOX, **changes})


VIDEO: list[tuple[int, float, list[TrackedReading]]] = [
    (0, 0.0, [a_face(1, landmarks=POINTS, quality=TURNED), a_face(2, "sad", detected=False)]),
    (1, 1 / 3, []),
    (3, 0.5, [a_face(2, "sad", unsure=True)]),
]


def write(path: Path, video: list[tuple[int, float, list[TrackedReading]]] = VIDEO) -> Path:
    return write_rows(path, [FrameReadings(i, time_s, tuple(faces)) for i, time_s, faces in video])


def test_a_row_for_each_face_and_each_frame_without_one(tmp_path: Path) -> None:
    rows = csv_rows(write(tmp_path / "rows.csv"))
    assert list(rows[0]) == list(VIDEO_TABLE)
    told = [(row["frame"], row["track"]) for row in rows]
    assert told == [("0", "1"), ("0", "2"), ("1", ""), ("3", "2")]
    assert [float(row["time_s"]) for row in rows] == [0.0, 0.0, 1 / 3, 0.5]
    assert [float(rows[0][side]) for side in ("x0", "y0", "x1", "y1")] == [10, 20.5, 110.25, 140]
    assert [rows[i]["emotion"] for i in (0, 1, 3)] == ["happy", "sad", "sad"]
    assert [rows[i]["detected"] for i in (0, 1)] == ["true", "false"]
    assert [float(rows[0][label]) for label in EMOTIONS] == list(a_face().probabilities)
    assert (rows[0]["raw_emotion"], float(rows[0]["raw_angry"])) == ("angry", 0.4)
    assert set(rows[2]) == set(VIDEO_TABLE)
    assert {value for name, value in rows[2].items() if name not in ("frame", "time_s")} == {""}


def test_json_lines_and_parquet_say_the_same(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in write(tmp_path / "rows.jsonl").read_text().splitlines()]
    assert lines[2] == {"frame": 1, "time_s": 1 / 3, "track": None}
    assert lines[1]["box"] == [10, 20.5, 110.25, 140]
    assert lines[1]["probabilities"] == a_face(2, "sad").by_emotion()
    assert lines[3]["unsure"]

    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(write(tmp_path / "rows.parquet"))
    assert table.column_names == list(VIDEO_TABLE)
    assert table["track"].to_pylist() == [1, 2, None, 2]
    assert table["time_s"].to_pylist() == [0.0, 0.0, 1 / 3, 0.5]
    assert table["detected"].to_pylist() == [True, False, None, True]
    assert table["emotion"].to_pylist() == ["happy", "sad", None, "sad"]

    video = [(i, i / 25, [a_face(1)] if i % 3 else []) for i in range(1234)]
    table = parquet.read_table(write(tmp_path / "rows.parquet", video))
    assert table["frame"].to_pylist() == list(range(1234))


def test_what_is_no_file_of_rows_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(OutputError, match="expected rows that mien wrote"):
        list(read_frames(tmp_path / "other.csv"))
    (tmp_path / "other.csv").write_text("frame,time_s,track\n0,0.0," + "9" * 200_000 + "\n")
    with pytest.raises(OutputError, match=r"other.csv: expected rows that mien wrote"):
        list(read_frames(tmp_path / "other.csv"))  # a cell longer than csv allows
    with pytest.raises(OutputError, match=r"\.csv, \.jsonl, \.parquet; got \.txt"):
        row_writer(tmp_path / "rows.txt")
    with pytest.raises(OutputError, match="cannot be written"):
        row_writer(tmp_path / "missing" / "rows.csv")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_reach_the_disk_within_a_second_and_whole(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert FLUSH_S <= 1.0
    monkeypatch.setattr("mien.rows.files.FLUSH_S", 0.1)
    path = tmp_path / f"rows{suffix}"
    writer = row_writer(path)
    deadline = time.monotonic() + 0.16
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


def test_quality_and_landmarks_are_columns(tmp_path: Path) -> None:
    rows = csv_rows(write(tmp_path / "rows.csv"))
    assert (rows[0]["yaw"], rows[0]["inside"]) == ("-41.5", "0.875")
    assert (rows[0]["right_eye_x"], rows[0]["left_mouth_y"]) == ("30.0", "90.25")
    assert [rows[i]["usable"] for i in range(4)] == ["false", "true", "", "true"]
    assert [rows[i]["unusable"] for i in range(4)] == ["turned", "", "", ""]
    assert [rows[i]["pose_method"] for i in range(4)] == ["mesh", "", "", ""]
    assert (rows[1]["yaw"], rows[1]["size_px"], rows[1]["nose_x"]) == ("", "119.5", "")

    lines = [json.loads(line) for line in write(tmp_path / "rows.jsonl").read_text().splitlines()]
    assert lines[0]["quality"] == TURNED.to_dict()
    assert lines[0]["landmarks"] == [list(point) for point in POINTS]
    assert (lines[1]["quality"]["yaw"], lines[1]["landmarks"]) == (None, None)

    moved_along = [(0, 0.0, [a_face(landmarks=POINTS, detected=False)])]
    (row,) = csv_rows(write(tmp_path / "rows.csv", moved_along))
    assert row["right_eye_x"] == ""


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_quality_of_rows_that_are_read_back(suffix: str, tmp_path: Path) -> None:
    found = table.read_rows(write(tmp_path / f"rows{suffix}"))
    assert qualities(found) == [TURNED, FROM_A_BOX, FROM_A_BOX]
    assert found.landmarks[0].tolist() == [list(point) for point in POINTS]
    assert bool(np.isnan(found.landmarks[1:]).all())
    assert found.measures[0].tolist() == [-41.5, 3.0, -0.5, 119.5, 0.25, 131.0, 52.75, 0.875]
    assert found.unusable.tolist() == [UNUSABLE.index("turned"), 0, 0]
    assert found.pose_methods.tolist() == [POSE_METHODS.index("mesh"), -1, -1]

    frame = found.to_pandas()
    assert list(frame.columns) == list(VIDEO_TABLE)
    assert frame["usable"].tolist()[:2] == [False, True]
    assert frame["unusable"].tolist()[:2] == ["turned", ""]
    assert frame["pose_method"][0] == "mesh"
    assert frame["pose_method"].isna().tolist() == [False, True, True, True]


def qualities(found: table.VideoResult) -> list[FaceQuality | None]:
    return [row.reading.quality for row in found.rows if row.reading is not None]


NEW = {*POINT_COLUMNS, *QUALITY, "landmarks", "quality"}


def without(values: dict[str, Any], names: set[str]) -> dict[str, Any]:
    kept = {name: value for name, value in values.items() if name not in names}
    return {n: without(v, names) if isinstance(v, dict) else v for n, v in kept.items()}


def take_out(path: Path, names: set[str]) -> None:
    """Columns of CSV, keys of JSON lines."""
    if path.suffix == ".csv":
        write_csv(path, [without(row, names) for row in csv_rows(path)])
    else:
        lines = [without(json.loads(line), names) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_of_before_there_was_a_mesh_or_quality_are_read(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"rows{suffix}")
    take_out(path, {"pose_method"})
    of_points = replace(TURNED, pose_method="points")
    assert qualities(table.read_rows(path)) == [of_points, FROM_A_BOX, FROM_A_BOX]

    take_out(path, NEW)
    found = table.read_rows(path)
    assert qualities(found) == [None] * 3
    assert found.unusable.tolist() == found.pose_methods.tolist() == [-1, -1, -1]
    assert found.to_pandas()["usable"].isna().all()
    assert [r.emotion for row in found.rows if (r := row.reading)] == ["happy", "sad", "sad"]


def rewrite(path: Path, **cells: str) -> None:
    """Change cells of the first row of a CSV file."""
    first, *others = csv_rows(path)
    write_csv(path, [{**first, **cells}, *others])


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"frame": "9" * 30}, "line 2: frame: expected a whole number from 0; got '9999"),
        ({"frame": "1.5"}, "line 2: frame: expected a whole number from 0; got '1.5'"),
        ({"time_s": "inf"}, "line 2: time_s: expected a number, .*; got 'inf'"),
        ({"time_s": "nan"}, "line 2: time_s: expected a number, .*; got 'nan'"),
        ({"time_s": "1e300"}, "line 2: time_s: expected a number, .*; got '1e300'"),
        ({"track": "0"}, "line 2: track: expected a whole number from 1; got '0'"),
        ({"track": "9" * 30}, "line 2: track: expected a whole number from 1; got '9999"),
        ({"track": "2"}, "frame 0: expected each track once; track 2 stands there twice"),
        ({"happy": "7"}, "line 2: happy: expected 0 to 1; got '7'"),
        ({"raw_sad": "nan"}, "line 2: raw_sad: expected a number, .*; got 'nan'"),
        ({"x0": "1e308"}, "line 2: x0: expected a number, .*; got '1e308'"),
        ({"nose_x": "nan"}, "line 2: nose_x: expected a number, .*; got 'nan'"),
        ({"unusable": "ugly"}, "line 2: unusable: expected one of small, .*; got 'ugly'"),
        ({"blur": "much"}, "line 2: blur: expected a number, .*; got 'much'"),
        ({"light": ""}, "line 2: light: expected a number, .*; got None"),
        ({"yaw": "inf"}, "line 2: yaw: expected a number, .*; got 'inf'"),
        ({"pose_method": "eye"}, "line 2: pose_method: expected points or mesh; got 'eye'"),
        ({"emotion": "bored"}, "line 2: emotion: expected one of angry, .*; got 'bored'"),
        ({"raw_emotion": ""}, "line 2: raw_emotion: expected one of angry, .*; got None"),
        ({"detected": "JA"}, "line 2: detected: expected true or false; got 'JA'"),
    ],
)
def test_cells_that_no_video_has_are_told_by_name(
    cells: dict[str, str], message: str, tmp_path: Path
) -> None:
    rewrite(path := write(tmp_path / "rows.csv"), **cells)
    with pytest.raises(OutputError, match="rows.csv: expected rows that mien wrote; " + message):
        table.read_rows(path)


SAD: dict[str, Any] = dict.fromkeys(EMOTIONS, 0.1) | {"sad": 0.4}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"unsure": "maybe"}, "line 1: unsure: expected true or false; got 'maybe'"),
        ({"detected": 500}, "line 1: detected: expected true or false; got 500"),
        ({"name": 7}, "line 1: name: expected text; got 7"),
        ({"movements": "x"}, ""),
        ({"quality": "x"}, ""),
        ({"landmarks": 5}, ""),
        ({"probabilities": []}, ""),
        ({"probabilities": 7}, ""),
        ({"probabilities": {**SAD, "happy": "high"}}, ""),
        *(({"box": [*box]}, "") for box in ([1, 2, 3], [[1], 2, 3, 4], [1, 2, 3, 10**400])),
        ({"frame": [0]}, ""),
    ],
)
def test_lines_of_another_kind_are_told(
    values: dict[str, Any], message: str, tmp_path: Path
) -> None:
    first, *others = write(path := tmp_path / "rows.jsonl").read_text().splitlines()
    path.write_text("\n".join([json.dumps(json.loads(first) | values), *others]))
    with pytest.raises(OutputError, match="rows.jsonl: expected rows that mien wrote; " + message):
        table.read_rows(path)


@pytest.mark.parametrize("value", ["[]", "3", "null", "[", "frame,time_s,track", '{"frame": 0'])
def test_a_line_that_is_no_object_is_told(value: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{value}\n")
    for read in (table.read_rows, row_facts):
        with pytest.raises(OutputError, match=r"line 1: expected a JSON object; got"):
            read(path)


def test_a_line_that_was_cut_off_is_told_by_its_first_missing_cell(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", VIDEO[:1])
    path.write_text(path.read_text()[: path.read_text().rindex(",0.25,")])
    with pytest.raises(OutputError, match=r"line 3: blur: expected a number, .*; got None"):
        table.read_rows(path)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize(
    ("second", "message"),
    [
        ([a_face()], "frame 0: expected one row of a frame without a face; got 2, 1 of them with"),
        ([], "frame 0: expected one row of a frame without a face; got 2, 0 of them with"),
    ],
)
def test_two_videos_in_one_table_are_not_taken_for_one(
    second: list[TrackedReading], message: str, suffix: str, tmp_path: Path
) -> None:
    """Sorted by frames, where no person is seen in both."""
    path = write(tmp_path / f"rows{suffix}", [(0, 0.0, []), (0, 0.0, second)])
    with pytest.raises(OutputError, match=f"{message}.*are these rows of one video"):
        table.read_rows(path)


def test_a_table_whose_cells_are_not_below_their_names_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv")
    header, *lines = path.read_text().splitlines()
    # As R's write.table does it: rows have a name, and no column is called so.
    named = [f"{i},{line}" for i, line in enumerate(lines, 1)]
    width = len(VIDEO_TABLE)
    for columns, last, cell in ((width, "", ""), (width + 1, ",note", ",")):
        path.write_text("\n".join([header + last, *(line + cell for line in named)]))
        message = f"line 2: expected {columns} cells; got {columns + 1}"
        with pytest.raises(OutputError, match=message):
            table.read_rows(path)
    path.write_text("\n".join([f"{header},happy", *(f"{line},0.5" for line in lines)]))
    with pytest.raises(OutputError, match="line 1: expected each column once; got 'happy' twice"):
        table.read_rows(path)
    # Columns of others may share a name or have none, and empty cells stand at the end.
    path.write_text("\n".join([f"{header},,mine,mine,", *(f"{line},1,2,3,,,," for line in lines)]))
    assert [(r.frame, r.time_s, list(r.readings)) for r in read_frames(path)] == VIDEO


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_json_lines_of_other_programs_are_the_same(encoding: str, tmp_path: Path) -> None:
    """With a mark at the start, empty lines and line ends of Windows."""
    path = tmp_path / "rows.jsonl"
    with path.open("w", newline="", encoding=encoding) as file:
        file.write(write(tmp_path / "plain.jsonl").read_text().replace("\n", "\r\n") + "\r\n \r\n")
    assert [(r.frame, r.time_s, list(r.readings)) for r in read_frames(path)] == VIDEO
    assert row_facts(path) == row_facts(tmp_path / "plain.jsonl")
    assert table.RowFile(path).has_movements is False


def test_truths_that_pandas_made_numbers_of_are_the_same(tmp_path: Path) -> None:
    """As it does where other cells of their column are empty, as in frames without a face."""
    path = write(tmp_path / "rows.csv")
    path.write_text(path.read_text().replace("true", "1.0").replace("false", "0.0"))
    assert [list(rows.readings) for rows in read_frames(path)] == [faces for _, _, faces in VIDEO]
    path = write(tmp_path / "rows.jsonl")
    pandas.read_json(path, lines=True).to_json(path, orient="records", lines=True)
    assert '"detected":1.0' in path.read_text()
    found = [rows.readings for rows in read_frames(path)]
    assert [[(r.track, r.detected, r.unsure) for r in faces] for faces in found] == [
        [(r.track, r.detected, r.unsure) for r in faces] for _, _, faces in VIDEO
    ]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_frames_that_somebody_left_out_are_told_once(suffix: str, tmp_path: Path) -> None:
    kept = [*range(40), *range(70, 90), *range(101, 111)]  # of the others no face was seen
    path = write(tmp_path / f"rows{suffix}", [(i, i / 10, [a_face()]) for i in kept])
    told: list[str] = []
    rows = table.RowFile(path, tell=told.append)
    for _ in range(2):
        assert sum(len(block.frames) for block in rows.blocks()) == len(kept)
    (message,) = told
    assert message.startswith(
        f"rows{suffix}: no rows between frames 39 and 70 and in 1 more place, 4.3 s in all; who is "
        "seen before such a gap counts as seen until its end"
    )


@pytest.mark.parametrize(
    "frames",
    [
        [(i, i / 25) for i in range(100)],
        [(i, i / 2.5) for i in range(0, 400, 10)],  # --every 4
        [(5 + i, 100 + i) for i in range(2)],  # --start
        # --every 1 of a video whose rate falls from 25 to 5 frames a second
        [*((25 * i, i) for i in range(9)), *((200 + 5 * i, 8 + i) for i in range(1, 9))],
        [(0, 0.0), (1, 0.03), (2, 9.0), (3, 9.03)],  # a still image in a recorded screen
        # --every 1 of such a screen, on which something moves now and then
        [frame for k in range(9) for frame in ((60 * k, 6.0 * k), (60 * k + 1, 6.0 * k + 0.02))],
        [(i + i // 7 * 3, (i + i // 7 * 3) / 25) for i in range(100)],  # a camera, some dropped
        [(0, 0.0)],
    ],
)
def test_frames_that_were_never_read_are_not_missed(
    frames: list[tuple[int, float]], tmp_path: Path
) -> None:
    path = write(tmp_path / "rows.csv", [(i, time_s, [a_face()]) for i, time_s in frames])
    told: list[str] = []
    table.read_rows(path, tell=told.append)
    assert told == []


def test_times_that_fall_are_refused(tmp_path: Path) -> None:
    rewrite(path := write(tmp_path / "rows.csv", [(0, 9.0, []), (1, 5.0, [])]))
    with pytest.raises(OutputError, match="times that rise; frame 1 is at 5 s, after one at 9 s"):
        table.read_rows(path)


def test_rows_that_a_spreadsheet_saved_are_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv")
    saved = path.read_text().replace("true", "TRUE").replace("false", "FALSE")
    path.write_text(saved, encoding="utf-8-sig")
    assert [list(rows.readings) for rows in read_frames(path)] == [faces for _, _, faces in VIDEO]


@pytest.mark.parametrize("empty", ["", "NA"])
def test_rows_that_pandas_or_r_saved_are_the_same(empty: str, tmp_path: Path) -> None:
    """Beside frames without a face pandas writes tracks as 1.0; R writes NA for empty cells."""
    path = write(tmp_path / "rows.csv")
    pandas.read_csv(path).to_csv(path, na_rep=empty)
    assert "1.0," in path.read_text()
    assert [list(rows.readings) for rows in read_frames(path)] == [faces for _, _, faces in VIDEO]
    assert row_facts(path).tracks == {face.track for _, _, faces in VIDEO for face in faces}


def test_a_track_that_is_no_whole_number_is_refused(tmp_path: Path) -> None:
    rows = pandas.read_csv(write(tmp_path / "rows.csv"))
    rows.assign(track=rows.track + 0.5).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(OutputError, match=r"row 1: track: expected a whole number .*; got 1\.5"):
        list(read_frames(tmp_path / "rows.parquet"))
