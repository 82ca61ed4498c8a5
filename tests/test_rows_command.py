"""`mien rows`: all that `mien video` writes, anew from its rows, with names."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import made_up_rows
from coder_files import write_rows
from command_line import Mien, assert_refused, csv_rows
from html_pages import Page
from mien import Recognizer
from mien.recognize.video.files import write_video
from mien.recognize.video.outputs import Outputs
from mien.recognize.video.report import read_report
from mien.rows.table import read_rows
from videos import make_video, moving_portrait, steady_times

ROWS = ("--csv", "--jsonl", "--summary", "--report")


def outputs(folder: Path, name: str) -> list[object]:
    files = (f"{name}.csv", f"{name}.jsonl", f"{name}.json", f"{name}.html")
    return [part for pair in zip(ROWS, files, strict=True) for part in (pair[0], folder / pair[1])]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "talk.mp4"
    draw = moving_portrait(lambda n: (10 + n, 10.0), shown=lambda n: n < 30)
    make_video(path, draw, times_s=steady_times(40))
    return path


@pytest.fixture(scope="module")
def written(tiny_model: Path, video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    wanted = Outputs(
        csv=folder / "a.csv",
        jsonl=folder / "a.jsonl",
        summary=folder / "a.json",
        report=folder / "a.html",
    )
    write_video(Recognizer(tiny_model), str(video), wanted)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """With all that is written of one person: a.csv, a.html, ..."""
    return shutil.copytree(written, tmp_path / "out")


@pytest.fixture
def two(folder: Path) -> Path:
    """Rows of the same video, in which the person is track 2 after a second, and track 1 before."""
    frames = [
        replace(f, readings=tuple(replace(r, track=1 + (f.frame >= 25)) for r in f.readings))
        for f in read_rows(folder / "a.csv").by_frame()
    ]
    return made_up_rows.write_rows(folder / "two.csv", frames)


def people_file(folder: Path, *lines: str) -> Path:
    path = folder / "people.csv"
    path.write_text("\n".join(["track,name,exclude", *lines, ""]))
    return path


def test_without_names_all_is_written_as_the_video_had_it(mien: Mien, folder: Path) -> None:
    earlier = ("--earlier-report", folder / "a.html")
    done = mien("rows", folder / "a.csv", *outputs(folder, "b"), *earlier)
    assert (done.status, done.stderr) == (0, "")
    for ending in (".csv", ".jsonl"):
        assert (folder / f"b{ending}").read_bytes() == (folder / f"a{ending}").read_bytes()
    (told,), (before,) = (json.loads((folder / f"{name}.json").read_text()) for name in "ba")
    assert told.keys() == before.keys()
    assert told["means"] == pytest.approx(before["means"], abs=1e-6)
    images = [Page((folder / f"{name}.html").read_text()).sources for name in "ab"]
    assert images[0] == images[1]
    reports = [read_report(folder / f"{name}.html") for name in "ab"]
    assert list(reports[1].facts.items()) == list(reports[0].facts.items())
    assert list(reports[0].facts)[:2] == ["length", "size"]
    made = list(reports[1].made.items())
    assert made[:2] == list(reports[0].made.items())[:2]
    assert made[1] == ("detector", "YuNetDetector")
    assert "a.csv" in reports[1].made.values()


def test_names_are_in_every_output_and_the_video_is_not_needed(
    mien: Mien, folder: Path, two: Path, video: Path
) -> None:
    pytest.importorskip("matplotlib")
    people = people_file(folder, "1,Änne & Co,", "2,Änne & Co,")
    done = mien(
        *("rows", two, "--people", people, *outputs(folder, "b"), "--plot", folder / "b.svg"),
        *("--earlier-report", folder / "a.html"),
    )
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].startswith("Änne & Co")
    named = {row["name"] for row in csv_rows(folder / "b.csv") if row["track"]}
    assert named == {"Änne & Co"}
    (person,) = json.loads((folder / "b.json").read_text())
    assert (person["track"], person["name"]) == (1, "Änne & Co")
    assert "Änne &amp; Co" in (folder / "b.html").read_text(encoding="utf-8")
    assert "Änne &amp; Co" in (folder / "b.svg").read_text(encoding="utf-8")
    report = read_report(folder / "b.html")
    assert report.images.thumbnails == read_report(folder / "a.html").images.thumbnails

    again = mien("rows", folder / "b.csv", "--csv", folder / "c.csv", "--json")
    assert json.loads(again.stdout)[0]["name"] == "Änne & Co"
    assert (folder / "c.csv").read_bytes() == (folder / "b.csv").read_bytes()


def test_of_who_is_excluded_no_image_is_left(mien: Mien, folder: Path, two: Path) -> None:
    people = people_file(folder, "1,,yes")
    arguments = ("--people", people, "--earlier-report", folder / "a.html")
    assert mien("rows", two, *outputs(folder, "b"), *arguments).status == 0
    assert {row["track"] for row in csv_rows(folder / "b.csv")} == {"", "2"}
    assert len(csv_rows(folder / "b.csv")) == 40
    text = (folder / "b.html").read_text()
    assert "image/jpeg" not in text
    assert "written from rows alone, which have no images" in text
    assert "person 1" not in re.sub(r"data:[^\"]+", "", text)


def test_a_file_to_fill_in_is_written(mien: Mien, folder: Path, two: Path) -> None:
    wanted = folder / "who.csv"
    assert mien("rows", two, "--write-people", wanted).status == 0
    assert mien("rows", two, "--people", wanted).stdout.count("person ") == 3  # the head, and two
    assert_refused(mien("rows", two, "--write-people", wanted), "who.csv: it exists", "--overwrite")


def test_what_cannot_be_is_refused_and_leaves_nothing(
    mien: Mien, folder: Path, two: Path, video: Path
) -> None:
    before = sorted(folder.iterdir())
    out = ("--csv", folder / "b.csv", "--report", folder / "b.html")
    assert_refused(mien("rows", two, "--csv", two, "--overwrite"), "would replace what is read")
    refused = mien("rows", two, "--csv", folder / "a.csv")
    assert_refused(refused, "a.csv: it exists; --overwrite replaces it\n")
    assert_refused(
        mien("rows", folder / "none.csv", *out), "none.csv: cannot be read; No such file"
    )
    assert_refused(mien("rows", video, *out), "ends in .csv, .jsonl, .parquet; got .mp4")
    assert_refused(mien("rows", two, *out, "--people", two), "line 1: expected the columns track")
    assert_refused(mien("rows", two, "--earlier-report", folder / "a.html"), "expected --report")
    for page in (two, folder / "a.json"):
        refused = mien("rows", two, *out, "--earlier-report", page)
        assert_refused(refused, f"{page}: expected a report that `mien video --report` wrote")
    assert sorted(folder.iterdir()) == before


def test_a_report_of_another_video_is_refused(mien: Mien, folder: Path) -> None:
    part = folder / "part.csv"
    part.write_text("".join((folder / "a.csv").read_text().splitlines(keepends=True)[:21]))
    arguments = ("--report", folder / "b.html", "--earlier-report", folder / "a.html")
    words = "a.html: expected a report of the same video, of 20 frames; it is of 40"
    assert_refused(mien("rows", part, *arguments), words)


def test_the_page_says_the_command_that_writes_all_anew(
    mien: Mien, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.search(r"<pre>(mien rows [^<]+)</pre>", (folder / "a.html").read_text())
    assert found is not None
    people_file(folder, "1,Anna,").rename(folder / "a-people.csv")
    monkeypatch.chdir(folder)
    assert mien(*found[1].split()[1:]).status == 0
    assert csv_rows(folder / "a-named-summary.csv")[0]["name"] == "Anna"
    assert read_report(folder / "a-named.html").images.thumbnails


def test_names_that_do_not_fit_leave_nothing_behind(mien: Mien, tmp_path: Path) -> None:
    """That two people have one name is seen in the midst of the rows."""
    rows = write_rows(tmp_path / "rows.csv", [(0.0, 9.0, "happy")], [(5.0, 9.0, "sad")])
    out = ("--csv", tmp_path / "named.csv", "--summary", tmp_path / "sum.json", "--format", "fex")
    people = people_file(tmp_path, "1,Anna,", "2,Anna,")
    before = sorted(tmp_path.iterdir())
    assert_refused(mien("rows", rows, "--people", people, *out), "frame 50 at 0:05.0 shows both")
    assert sorted(tmp_path.iterdir()) == before
    people_file(tmp_path, "1,Anna,", "2,Ben,")
    assert mien("rows", rows, "--people", people, *out).status == 0
    assert {row["name"] for row in csv_rows(tmp_path / "named.csv")} == {"Anna", "Ben", ""}
