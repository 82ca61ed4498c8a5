"""--usable-only: what is made as if unusable faces were not seen, and what keeps them."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas
import pytest
from PIL import Image as PILImage

from archives import jpeg
from command_line import Mien, assert_refused, csv_rows
from fakes import a_tracked_reading
from made_up_rows import frames_of, write_rows
from mien.readings import FaceQuality, Image, TrackedReading
from mien.recognize.video.frames import Frame
from mien.recognize.video.report import Highlights
from videos import make_video, moving_portrait, steady_times

GOOD: Final = FaceQuality(0.0, 0.0, 0.0, 90.0, 0.1, 120.0, 40.0, 1.0, pose_method="points")
ASIDE: Final = replace(GOOD, yaw=60.0, unusable="turned")
TABLES: Final = ("events.csv", "statistics.csv", "dyads.csv", "summary.csv")
FORMATS: Final = ("textgrid", "bids", "fex", "openface")
FILES: Final = ("rows.TextGrid", "rows_events.tsv", "rows.fex.csv", "rows.openface.csv")


def write_some(path: Path, *, without: bool = False) -> Path:
    """Happy for four seconds, of which the second is not usable; somebody else never is.

    A third one is usable in the midst of it. `without` has only what is usable.
    """

    def face(track: int, emotion: str, quality: FaceQuality) -> TrackedReading:
        return replace(a_tracked_reading(track, emotion), quality=quality)

    path.parent.mkdir(exist_ok=True)
    frames = []
    for number in range(100):
        faces = [face(1, "happy", ASIDE if 25 <= number < 50 else GOOD), face(2, "sad", ASIDE)]
        if 20 <= number < 80:
            faces.append(face(3, "happy", GOOD))
        frames.append([one for one in faces if one.usable or not without])
    return write_rows(path, frames_of(frames, fps=25))


def outputs(folder: Path) -> list[object]:
    """Options for tables and files of other tools in a folder."""
    named = [word for name in TABLES for word in (f"--{Path(name).stem}", folder / name)]
    return [*named, *(word for name in FORMATS for word in ("--format", name))]


def test_all_but_rows_is_as_if_unusable_faces_were_not_seen(mien: Mien, tmp_path: Path) -> None:
    rows = write_some(tmp_path / "all" / "rows.csv")
    kept = write_some(tmp_path / "kept" / "rows.csv", without=True)
    out, expected = tmp_path / "out", tmp_path / "expected"
    done = mien(
        *("rows", rows, "--usable-only", "--csv", out / "rows.csv"),
        *(*outputs(out), "--report", out / "page.html"),
    )
    plain = mien("rows", kept, "--csv", expected / "rows.csv", *outputs(expected))
    assert (done.status, done.stdout) == (0, plain.stdout)
    said = [line for line in done.stderr.splitlines() if not line.startswith("wrote ")]
    assert said == ["mien: 48% of the 260 readings of faces are not usable: 48% turned."]
    assert (out / "rows.csv").read_bytes() == rows.read_bytes()
    for name in (*TABLES, *FILES):
        assert (out / name).read_bytes() == (expected / name).read_bytes(), name
    times = [(e["track"], e["onset_s"], e["end_s"]) for e in csv_rows(out / "events.csv")]
    assert times == [("1", "0.0", "1.0"), ("3", "0.8", "3.2"), ("1", "2.0", "4.0")]
    (dyad,) = [row for row in csv_rows(out / "dyads.csv") if row["emotion"] == "happy"]
    assert float(dyad["together_s"]) == pytest.approx(1.4)
    page = (out / "page.html").read_text()
    assert "48% turned. They are left out here." in page
    assert "not usable in 25% of the time: turned" in page
    assert "person 2" not in page
    assert "--earlier-report page.html --usable-only</pre>" in page


def test_a_video_gives_what_its_rows_give(mien: Mien, tmp_path: Path) -> None:
    light = moving_portrait(lambda number: (10.0 + number, 10.0))

    def draw(number: int) -> Image:
        return np.asarray(light(number) * (0.15 if 20 <= number < 40 else 1.0), np.uint8)

    make_video(tmp_path / "rows.mp4", draw, times_s=steady_times(60))
    seen, again = tmp_path / "seen", tmp_path / "again"
    video = ("video", tmp_path / "rows.mp4", "--usable-only", "--csv", seen / "rows.csv")
    done = mien(*video, *outputs(seen), "--report", seen / "page.html")
    assert done.status == 0
    assert all(line.startswith("wrote ") for line in done.stderr.splitlines())
    rows = csv_rows(seen / "rows.csv")
    assert len(rows) == 60
    unusable = sum(row["usable"] == "false" for row in rows)
    assert 15 <= unusable <= 25
    assert "They are left out here." in (seen / "page.html").read_text()
    again_done = mien("rows", seen / "rows.csv", "--usable-only", *outputs(again))
    assert again_done.stdout == done.stdout
    for name in TABLES:
        first, second = (pandas.read_csv(folder / name) for folder in (seen, again))
        pandas.testing.assert_frame_equal(first, second, rtol=1e-5)
    (summary,) = csv_rows(seen / "summary.csv")
    assert int(summary["frames"]) == 60 - unusable
    labels = pandas.read_csv(seen / "rows_events.tsv", sep="\t")
    assert labels["duration"].sum() == pytest.approx((60 - unusable) / 25)


def test_convert_and_events_leave_them_out_and_say_so(mien: Mien, tmp_path: Path) -> None:
    rows = write_some(tmp_path / "rows.csv")
    told = "mien: 48% of the 260 readings of faces are not usable: 48% turned.\n"
    done = mien("convert", rows, "--to", "openface", "--usable-only")
    assert (done.stdout.split(": ")[1], done.stderr) == ("2 people, 100 frames\n", told)
    assert {row["face_id"] for row in csv_rows(tmp_path / "rows.openface.csv")} == {"0", "2"}
    assert mien("events", rows, "--usable-only").stderr == told
    model = mien("convert", tmp_path / "model.onnx", "--usable-only", "--out", "x.onnx")
    assert_refused(model, "--usable-only: expected rows")


def test_faces_of_images_are_left_out_likewise(mien: Mien, tmp_path: Path) -> None:
    light = PILImage.open(io.BytesIO(jpeg()))
    light.point(lambda level: round(0.15 * level)).save(tmp_path / "a.png")
    light.save(tmp_path / "b.png")
    mien("detect", tmp_path / "a.png", tmp_path / "b.png", "--csv", tmp_path / "faces.csv")
    assert [row["unusable"] for row in csv_rows(tmp_path / "faces.csv")] == ["dark", ""]
    done = mien("convert", tmp_path / "faces.csv", "--to", "fex", "--usable-only", "--json")
    assert json.loads(done.stdout)["faces"] == 1
    assert pandas.read_csv(tmp_path / "faces.fex.csv")["Happy"].notna().tolist() == [False, True]


def test_rows_that_do_not_tell_stay_and_are_told(mien: Mien, tmp_path: Path) -> None:
    table = "frame,time_s,x,y,w,h,angry,disgust,fear,happy,sad,surprise,neutral\n"
    lines = [f"{n},{n / 25},1,1,9,9,0,0,0,1,0,0,0\n" for n in range(50)]
    (tmp_path / "theirs.csv").write_text(table + "".join(lines))
    done = mien("events", tmp_path / "theirs.csv", "--usable-only", "--json")
    assert done.stderr == "mien: These rows do not tell which readings are usable.\n"
    assert len(json.loads(done.stdout)["events"]) == 1


def test_no_moment_of_a_report_is_of_an_unusable_face() -> None:
    frame = Frame(0, 0.0, np.full((120, 120, 3), 90, np.uint8))
    aside = replace(a_tracked_reading(), quality=ASIDE, probability=0.9)
    for usable_only, moments in ((False, 1), (True, 0)):
        highlights = Highlights(usable_only=usable_only)
        highlights.add(frame, [aside])
        assert len(highlights.images().stills) == moments
        assert 1 in highlights.images().thumbnails  # by which people are named
