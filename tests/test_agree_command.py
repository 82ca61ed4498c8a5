"""`mien agree`: rows and coders on the command line."""

import json
from pathlib import Path

import pytest

from coder_files import CODED, LONG_TEXTGRID, write_eaf, write_rows, write_table
from command_line import Mien, assert_refused

SEEN = ((0.0, 3.0, "happy"), (3.0, 7.0, "neutral"), (7.0, 10.0, "sad"))


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "rows.csv", SEEN)


def test_the_table_tells_how_they_agree(mien: Mien, rows: Path, tmp_path: Path) -> None:
    done = mien("agree", rows, write_eaf(tmp_path / "talk.eaf", anna=CODED))
    assert (done.status, done.stderr) == (0, "")
    assert "mien and anna: 10 of 10 seconds labelled by both" in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["same", "label", "0.900"] in [line[:3] for line in lines]
    assert ["happy", "3", "4", "1.000", "0.750", "0.857", "0.783"] in lines
    assert lines[-1] == ["0:03.0", "0:04.0", "neutral", "happy"]


def test_json_has_all_of_it(mien: Mien, rows: Path, tmp_path: Path) -> None:
    coder = tmp_path / "talk.TextGrid"
    coder.write_text(LONG_TEXTGRID)
    done = mien("agree", rows, coder, "--every", "frame", "--json")
    found = json.loads(done.stdout)
    assert (found["units"], found["missing_in_second"], found["every_s"]) == (65, 35, None)
    assert found["second"] == {"name": "anna", "file": str(coder)}
    assert found["differences"] == [
        {"start_s": 3.0, "end_s": 4.0, "first": "neutral", "second": "happy"}
    ]
    assert "anna has no label in 35% of the time" in done.stderr


def test_figure_and_page_are_written(mien: Mien, rows: Path, tmp_path: Path) -> None:
    coder = write_table(tmp_path / "coder.csv", [(0.0, 4.0, "amused")])
    options = ["--map", "amused=happy", "--gaps", "neutral", "--plot", tmp_path / "both.png"]
    done = mien("agree", rows, coder, *options, "--report", tmp_path / "page.html")
    assert done.status == 0
    assert "mien and coder: 10 of 10 seconds" in done.stdout
    assert done.stderr.count("wrote ") == 2
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")
    assert "amused=happy" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("second", "some", "others"),
    [
        ([(0.0, 9.0, "happy"), (9.0, 30.0, "sad")], True, False),
        ([(0.0, 15.0, "happy"), (15.0, 30.0, "sad")], False, True),  # perfect agreement
        ([(0.0, 15.0, "sad"), (15.0, 30.0, "happy")], True, True),  # none is alike in any draw
    ],
)
def test_the_page_tells_of_intervals_where_there_are_some(
    second: list[tuple[float, float, str]], *, some: bool, others: bool, mien: Mien, tmp_path: Path
) -> None:
    coders = [(0.0, 15.0, "happy"), (15.0, 30.0, "sad")], second
    files = [write_table(tmp_path / f"{i}.csv", coded) for i, coded in enumerate(coders)]
    assert mien("agree", *files, "--report", tmp_path / "page.html").status == 0
    page = (tmp_path / "page.html").read_text()
    assert ("Below a number is its 95&nbsp;% interval" in page) == some
    assert ("What has no interval" in page) == others


def test_two_coders_and_two_tracks_are_compared(mien: Mien, tmp_path: Path) -> None:
    path = write_eaf(tmp_path / "talk.eaf", anna=CODED, ben=SEEN)
    done = mien("agree", path, path, "--tier", "ben", "--tier", "anna")
    assert "ben and anna: 10 of 10 seconds" in done.stdout
    rows = write_rows(tmp_path / "rows.csv", CODED, SEEN)
    done = mien("agree", rows, rows, "--track", 1, "--track", 2)
    assert "first and second: 10 of 10 seconds" in done.stdout


def test_a_tier_is_of_the_file_that_has_some(mien: Mien, rows: Path, tmp_path: Path) -> None:
    tiers = write_eaf(tmp_path / "talk.eaf", anna=CODED, ben=SEEN)
    table = write_table(tmp_path / "table.csv", CODED)
    for files, named in (((tiers, table), "ben and table"), ((table, tiers), "table and ben")):
        done = mien("agree", *files, "--tier", "ben")
        assert done.stdout.startswith(f"{named}: 10 of 10 seconds"), done.stderr
    refused = mien("agree", tiers, table, "--tier", "ben", "--tier", "anna")
    assert_refused(refused, "--tier: 1 of the files take one; got 2")
    assert_refused(mien("agree", rows, table, "--tier", "ben"), "--tier: 0 of the files take one")


def test_two_coders_without_an_end_are_told_where_they_were_compared_to(
    mien: Mien, tmp_path: Path
) -> None:
    first = write_table(tmp_path / "first.csv", [(0.0, 2.0, "happy"), (6.0, 8.5, "sad")])
    second = write_table(tmp_path / "second.csv", [(0.0, 2.0, "happy"), (6.0, 8.0, "sad")])
    done = mien("agree", first, second, "--gaps", "neutral")
    assert done.stdout.startswith("first and second: 8 of 8 seconds labelled by both")
    assert "compared up to the end of the last label, at 0:08.5; --to names" in done.stderr
    whole = mien("agree", first, second, "--gaps", "neutral", "--to", "60")
    assert whole.stdout.startswith("first and second: 60 of 60 seconds labelled by both")
    grid = tmp_path / "third.TextGrid"  # which tells how long it is
    grid.write_text(LONG_TEXTGRID, encoding="utf-8")
    known = mien("agree", grid, first, "--gaps", "neutral")
    assert (known.status, whole.stderr, known.stderr) == (0, "", "")


def test_what_cannot_be_compared_is_said(mien: Mien, rows: Path, tmp_path: Path) -> None:
    coder = write_eaf(tmp_path / "talk.eaf", anna=CODED)
    assert_refused(mien("agree", rows, coder, "--tier", "ben"), "anna (3 labels)", "'ben'")
    assert_refused(mien("agree", rows, coder, "--track", "5"), "1 (100% of the frames)", "got 5")
    assert_refused(mien("agree", rows, coder, "--track", 1, "--track", 2), "--track: 1 of the")
    assert_refused(mien("agree", rows, coder, "--map", "joy"), "--map: expected WORD=EMOTION")
    assert_refused(mien("agree", rows, coder, "--gaps", "calm"), "mien: --gaps: expected angry,")
    assert_refused(mien("agree", rows, coder, "--every", "often"), "--every: expected seconds")
    assert_refused(mien("agree", rows, tmp_path / "no.csv"), "no.csv: cannot be read")
    assert_refused(mien("agree", rows, tmp_path / "no.eaf"), "no.eaf: cannot be read")
    broken = tmp_path / "broken.csv"
    broken.write_text("frame,time_s,track,x0\n1,x,2,3\n")
    assert_refused(mien("agree", broken, coder), "broken.csv: expected rows that mien wrote")
    far = write_table(tmp_path / "far.csv", [(0.0, 1e300, "happy")])
    assert_refused(mien("agree", rows, far), "reaches to 1e+300 s, but ", "of another video?")
