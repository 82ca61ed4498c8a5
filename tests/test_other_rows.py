"""Rows of other tools: the same people, times and emotions, whatever the columns are called.

The files are made as those tools make them: py-feat 2.1.5 (`feat/utils/__init__.py`,
`feat/multitask/__init__.py`, `Fex.to_csv` of pandas), fer 25.10.3 (`fer/classes.py`), OpenFace 2.2
(its wiki, "Output Format").
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas
import pytest

from command_line import Mien, assert_refused, csv_rows
from fakes import a_tracked_reading
from made_up_rows import frames_of, video_of
from mien import EMOTIONS
from mien.errors import OptionError, OutputError
from mien.rows.formats import write_format
from mien.rows.others import is_other
from mien.rows.table import VideoResult, read_rows

VERSION1: Final = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
VERSION2: Final = ("Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Anger")
FPS: Final = 25.0


def fex(
    path: Path, shown: Sequence[str | None], emotions: tuple[str, ...], *, empty: str = ""
) -> Path:
    """A face of Person_0 in each frame, or none; `shown` is the likeliest."""
    rows = []
    for frame, emotion in enumerate(shown):
        face = {name: 0.7 if name == emotion else 0.05 for name in emotions}
        box = (50.2, 60.1, 100.0, 120.0, 0.998)
        names = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore")
        row = {**dict(zip(names, box, strict=True)), "X": 1.5, "Y": 2.5, **face}
        if emotion is None:
            row = dict.fromkeys(row, float("nan"))
        identity = float("nan") if emotion is None else "Person_0"
        seconds = int(frame / FPS)
        told = {"input": "talk.mp4", "frame": frame, "approx_time": f"00:{seconds:02d}"}
        rows.append({**row, **told, "Identity": identity})
    pandas.DataFrame(rows).to_csv(path, index=False, na_rep=empty)
    return path


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([*lines, ""]))
    return path


HEADER: Final = "frame,time_s,x,y,w,h,angry,disgust,fear,happy,sad,surprise,neutral"
BOX: Final = "10,20,30,40"


def seen(rows: VideoResult) -> list[tuple[int, float, list[tuple[int, str]]]]:
    return [
        (found.frame, found.time_s, [(one.track, one.emotion) for one in found.readings])
        for found in rows.by_frame()
    ]


@pytest.mark.parametrize(("emotions", "happy", "angry"), [(VERSION1, 3, 0), (VERSION2, 1, 6)])
def test_both_orders_of_py_feat_are_read_by_their_names(
    emotions: tuple[str, ...], happy: int, angry: int, tmp_path: Path
) -> None:
    shown = [emotions[happy], None, emotions[angry]]
    rows = read_rows(fex(tmp_path / "fex.csv", shown, emotions), fps=FPS)
    assert seen(rows) == [(0, 0.0, [(1, "happy")]), (1, 0.04, []), (2, 0.08, [(1, "angry")])]
    assert rows.boxes[0].tolist() == pytest.approx([50.2, 60.1, 150.2, 180.1])
    assert rows.scores[0] == pytest.approx(0.998)
    assert rows.probabilities.sum(1) == pytest.approx(1.0)
    assert (rows.raw_probabilities == rows.probabilities).all()
    assert rows.name_of(1) == "Person_0"


def test_empty_cells_of_r_are_empty(tmp_path: Path) -> None:
    rows = read_rows(fex(tmp_path / "fex.csv", ["Happy", None], VERSION2, empty="NA"), fps=FPS)
    assert seen(rows) == [(0, 0.0, [(1, "happy")]), (1, 0.04, [])]


def test_fex_that_mien_wrote_is_read_back(tmp_path: Path) -> None:
    sad, fear = a_tracked_reading(2, "sad"), a_tracked_reading(3, "fear")
    written = video_of(frames_of([[sad], [sad, fear], [], [sad]], fps=FPS), "talk.mp4")
    write_format(written, "fex", tmp_path / "talk.fex.csv")
    rows = read_rows(tmp_path / "talk.fex.csv", fps=FPS)
    assert seen(rows) == seen(written)
    assert np.allclose(rows.boxes, written.boxes)
    assert np.allclose(rows.probabilities, written.probabilities)
    assert not rows.names


def test_a_rate_that_does_not_fit_the_seconds_of_py_feat_is_told(tmp_path: Path) -> None:
    path = fex(tmp_path / "fex.csv", ["Happy"] * 200, VERSION2)
    told: list[str] = []
    read_rows(path, fps=FPS, tell=told.append)
    assert not told
    read_rows(path, fps=10.0, tell=told.append)
    assert len(told) == 1
    assert "10 frames/s do not fit its approx_time" in told[0]


def test_percent_are_probabilities_and_contempt_and_other_sums_are_told(tmp_path: Path) -> None:
    told: list[str] = []
    eight = table(
        tmp_path / "eight.csv",
        f"{HEADER},Contempt",
        f"0,0,{BOX},0.1,0,0,0.2,0,0,0.1,0.6",
        f"1,0.1,{BOX},0,0,0,1,0,0,0,0",
    )
    rows = read_rows(eight, tell=told.append)
    assert rows.probabilities[0, EMOTIONS.index("happy")] == pytest.approx(0.5)
    line = told.pop()
    assert "contempt is none of the seven" in line
    assert "in 1 of 2 faces" in line
    percent = table(tmp_path / "percent.csv", HEADER, f"0,0,{BOX},10,0,0,80,0,0,10")
    assert read_rows(percent, tell=told.append).probabilities.max() == pytest.approx(0.8)
    assert not told
    part = table(tmp_path / "part.csv", HEADER, f"0,0,{BOX},0,0,0,0.6,0,0,0.2")
    assert read_rows(part, tell=told.append).probabilities.max() == pytest.approx(0.75)
    assert "1 of 1 face sum to 0.8" in told[0]


def test_frames_that_a_table_leaves_out_have_no_face(tmp_path: Path) -> None:
    face = f"{BOX},0,0,0,1,0,0,0"
    frames = [0, 5, 10, 15, 40]
    lines = [f"{frame},{frame / 25},{face}" for frame in frames]
    rows = read_rows(table(tmp_path / "fifth.csv", HEADER, *lines))
    assert rows.frames.tolist() == [0, 5, 10, 15, 20, 40]
    assert rows.times_s.tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.6])
    assert rows.positions.tolist() == [0, 1, 2, 3, 5]


def test_of_two_faces_of_one_person_the_surer_stays(tmp_path: Path) -> None:
    path = table(
        tmp_path / "two.csv",
        f"{HEADER},track,score",
        f"0,0,{BOX},1,0,0,0,0,0,0,Ada,0.5",
        f"0,0,{BOX},0,0,0,1,0,0,0,Ada,0.9",
        f"0,0,{BOX},0,0,0,0,1,0,0,person 1,0.9",
    )
    told: list[str] = []
    rows = read_rows(path, tell=told.append)
    assert seen(rows) == [(0, 0.0, [(2, "happy"), (1, "sad")])]
    assert (rows.name_of(1), rows.name_of(2)) == ("person 1", "Ada")
    assert told == ["1 face left out: a surer one of the same person is in the same frame"]


FER: Final = "box,angry,disgust,fear,happy,sad,surprise,neutral"


def test_videos_of_fer_are_refused_until_somebody_numbers_the_frames(tmp_path: Path) -> None:
    lines = ['"[10 20 30 40]",0.0,0.0,0.01,0.97,0.0,0.0,0.02'] * 2
    first = table(tmp_path / "first.csv", FER, *lines)
    with pytest.raises(OutputError, match=r"first.csv: expected a column 'frame'; fer's videos"):
        read_rows(first, fps=FPS)
    numbered = table(tmp_path / "numbered.csv", f"frame,{FER}", *(f"3,{one}" for one in lines[:1]))
    rows = read_rows(numbered, fps=FPS)
    assert rows.boxes.tolist() == [[10.0, 20.0, 40.0, 60.0]]
    assert seen(rows) == [(3, 0.12, [(1, "happy")])]
    names = [f"{name}0" for name in FER.split(",")]
    every = table(tmp_path / "data.csv", f"frame,{','.join(names)}", f"3,{lines[0]}")
    assert seen(read_rows(every, fps=FPS)) == seen(rows)
    several = table(tmp_path / "several.csv", f"frame,{','.join(names)},box1", f"3,{lines[0]},")
    with pytest.raises(OutputError, match=r"expected a row for each face; .*get_first_face"):
        read_rows(several, fps=FPS)


def test_openface_has_no_emotions(tmp_path: Path) -> None:
    path = table(
        tmp_path / "openface.csv",
        "frame, face_id, timestamp, confidence, success, x_0, X_0, AU01_r, AU12_r, AU12_c",
        "1, 0, 0.000, 0.98, 1, 250.1, -20.5, 0.00, 1.32, 1.00",
    )
    with pytest.raises(OutputError, match=r"OpenFace tells none, and its 3 columns of action"):
        read_rows(path)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([f"0,0,{BOX},1,0,0,0,0,0,x"], "line 2: expected a probability .*'x'"),
        ([f"0,0,{BOX},1,0,0,0,0,0,"], "line 2: expected a probability .*''"),
        ([f"0,0,{BOX},1,0,0,0,0,0,-1"], "line 2: expected a probability, from 0; got '-1'"),
        ([f"0,0,{BOX},0,0,0,0,0,0,0"], "line 2: .*all are 0"),
        ([f"0.5,0,{BOX},1,0,0,0,0,0,0"], "line 2: expected a frame, a whole number"),
        ([f"1e99,0,{BOX},1,0,0,0,0,0,0"], "line 2: expected a frame, a whole number"),
        ([f"0,late,{BOX},1,0,0,0,0,0,0"], "line 2: expected a time in seconds; got 'late'"),
        (["0,0,a,b,c,d,1,0,0,0,0,0,0"], "line 2: expected a box of numbers; got 'a'"),
        (["0,0,1"], "line 2: expected a cell for each column"),
        ([], "expected rows of a video; it has none"),
        ([f"1,0,{BOX},1,0,0,0,0,0,0", f"0,1,{BOX},1,0,0,0,0,0,0"], "order of their frames"),
        ([f"0,1,{BOX},1,0,0,0,0,0,0", f"1,0,{BOX},1,0,0,0,0,0,0"], "expected times that rise"),
        ([f"0,0,{BOX},1,0,0,0,0,0,0"] * 2, "that tells people apart; frame 0 has 2 faces"),
    ],
)
def test_damaged_tables_are_named_with_their_line(
    lines: list[str], said: str, tmp_path: Path
) -> None:
    path = table(tmp_path / "rows.csv", HEADER, *lines)
    with pytest.raises(OutputError, match=f"rows.csv.*{said}"):
        read_rows(path)


def test_columns_that_cannot_be_told_are_named(tmp_path: Path) -> None:
    without_box = HEADER.replace("x,y,w,h,", "")
    with pytest.raises(OutputError, match="expected boxes, as one of x0, y0, x1, y1"):
        read_rows(table(tmp_path / "a.csv", without_box, "0,0,1,0,0,0,0,0,0"))
    with pytest.raises(OutputError, match="one column for happy; got happy and joy"):
        read_rows(table(tmp_path / "b.csv", f"{HEADER},joy", f"0,0,{BOX},1,0,0,0,0,0,0,1"))
    images = fex(tmp_path / "c.csv", ["Happy", "Happy"], VERSION2)
    images.write_text(images.read_text().replace("talk.mp4,1", "other.mp4,1"))
    with pytest.raises(OutputError, match="rows of one video; got 2 in 'input'"):
        read_rows(images, fps=FPS)


def test_a_rate_is_asked_for_where_it_counts_and_only_there(tmp_path: Path) -> None:
    path = fex(tmp_path / "fex.csv", ["Happy"], VERSION2)
    with pytest.raises(OptionError, match="expected --fps with the frames per second"):
        read_rows(path)
    with pytest.raises(OptionError, match="--fps: expected frames per second, above 0; got -1"):
        read_rows(path, fps=-1.0)
    timed = table(tmp_path / "timed.csv", HEADER, f"0,0,{BOX},1,0,0,0,0,0,0")
    with pytest.raises(OptionError, match=r"timed.csv has times of its own"):
        read_rows(timed, fps=25.0)
    own = table(tmp_path / "own.csv", "frame,time_s,track,raw_angry", "0,0,,")
    assert not is_other(own)
    with pytest.raises(OptionError, match=r"own.csv has times of its own"):
        read_rows(own, fps=25.0)


def test_commands_take_rows_of_another_tool(mien: Mien, tmp_path: Path) -> None:
    path = fex(tmp_path / "fex.csv", ["Happy"] * 50 + ["Anger"] * 50, VERSION2)
    done = mien("events", path, "--fps", 25, "--out", tmp_path / "events.csv")
    assert (done.status, done.stderr) == (0, "")
    events = csv_rows(tmp_path / "events.csv")
    assert [(row["name"], row["emotion"]) for row in events] == [
        ("Person_0", "happy"),
        ("Person_0", "angry"),
    ]
    assert float(events[1]["onset_s"]) == pytest.approx(2.0, abs=0.05)

    done = mien("rows", path, "--fps", 25, "--csv", tmp_path / "rows.csv")
    assert (done.status, done.stderr) == (0, "")
    done = mien("convert", path, "--fps", 25, "--to", "eaf", "--out", tmp_path / "talk.eaf")
    assert (done.status, done.stderr) == (0, "")
    options = ("--fps", 25, "--track", "Person_0", "--json")
    done = mien("agree", path, tmp_path / "rows.csv", *options)
    assert (done.status, done.stderr) == (0, "")
    assert '"name": "fex"' in done.stdout

    rows = tmp_path / "rows.csv"
    assert_refused(mien("agree", path, rows, "--fps", 25, "--track", "Bob"), "1 (Person_0, 100%")
    assert_refused(mien("agree", rows, rows, "--fps", 25), "--fps: expected rows of another tool")
    assert_refused(mien("events", path), "expected --fps")
