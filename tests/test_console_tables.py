"""Tables that commands print: they fit a terminal of 80 columns, and are whole elsewhere."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from coder_files import write_table
from command_line import Mien
from fakes import a_tracked_reading
from made_up_rows import write_rows
from mien.cli.shared import print_table
from mien.readings import FrameReadings
from videos import make_video, moving_portrait, steady_times

LONG: Final = "Anna Schmidt-Rottluff von Habsburg"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Two people, one of a long name, for an hour; they show what has the longest words."""
    frames = []
    for number in range(80):
        emotion = ("surprise", "neutral", "disgust")[number // 20 % 3]
        anna, other = a_tracked_reading(1, emotion), a_tracked_reading(2, "surprise")
        faces = replace(anna, name=LONG), replace(other, name="person 2")
        frames.append(FrameReadings(number, 3600.0 + number * 1.5, faces))
    return write_rows(tmp_path / "rows.csv", frames, named=True)


def on_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """Standard output is a terminal of so many columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)


def widest(text: str) -> int:
    return max(map(len, text.splitlines()))


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_of_rows_fit_a_terminal(
    mien: Mien, rows: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_terminal(monkeypatch, columns)
    coder = write_table(
        rows.with_name("a coder with a name that is far too long for a table.csv"),
        [(3600.0, 3660.0, "surprise"), (3660.0, 3700.0, "neutral")],
    )
    people, events = mien("rows", rows), mien("events", rows)
    agreement = mien("agree", rows, coder, "--track", LONG)
    for done in (people, events, agreement):
        assert done.status == 0, done.stderr
    assert widest(people.stdout) <= columns
    assert widest(events.stdout) <= columns
    tables = agreement.stdout.split("\n\n", 1)[1]  # after a sentence with both names
    assert widest(tables) <= columns
    assert people.stdout.splitlines()[1].startswith("Ann..urg" if columns == 80 else LONG)
    assert (LONG in people.stdout) == (columns == 120)
    # Numbers are whole, whatever is cut.
    told = "1:00:00.0 1:01:58.5 120.0 s surprise 50% disgust 25% 1.5"
    assert told in " ".join(people.stdout.split())


def test_tables_of_videos_fit_a_terminal(
    mien: Mien, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_terminal(monkeypatch, 80)
    names = ("interview-2024-05-01-participant-017-session-2.mp4", "b.mp4")
    for name in names:
        make_video(tmp_path / name, moving_portrait(), times_s=steady_times(10))
    one = mien("video", tmp_path / names[0], "--model", tiny_model)
    assert one.stdout.split()[:4] == ["person", "from", "to", "on"]
    assert widest(one.stdout) <= 80
    several = mien("video", *(tmp_path / name for name in names), "--model", tiny_model)
    assert widest(several.stdout) <= 80
    assert [line[:12] for line in several.stdout.splitlines()] == [
        *("video       ", "interview-20", "b.mp4       ")
    ]
    assert "2.mp4  1 " in several.stdout


def test_nothing_is_cut_where_no_terminal_reads(
    mien: Mien, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert LONG in mien("events", rows).stdout


def test_wide_letters_and_marks_leave_columns_straight(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("田中", "Zoe\u0308", "Anna", "ｶﾀｶﾅ")
    print_table(["name", "face"], [[name, "1"] for name in names], left=(0,))
    assert capsys.readouterr().out.splitlines() == [
        *("name  face", "田中     1", "Zoe\u0308      1", "Anna     1", "ｶﾀｶﾅ     1")
    ]
    print_table(["face", "name"], [["1", name] for name in names], left=(0,))
    assert capsys.readouterr().out.splitlines()[1:3] == ["1     田中", "1      Zoe\u0308"]
    on_terminal(monkeypatch, 15)
    print_table(["name", "number"], [["田中田中田中.mp4", "1"]], left=(0,), fits=True)
    assert capsys.readouterr().out.splitlines()[1] == "田 ..mp4      1"


def test_numbers_are_never_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = ["name", "a long head"], [["somebody else", "12345678"]]
    on_terminal(monkeypatch, 20)
    print_table(*table, left=(0,), fits=True)
    head, row = capsys.readouterr().out.splitlines()
    assert (head, row) == ("name      a lo..head", "som..lse    12345678")
    print_table(*table, left=(0,))
    assert "somebody else" in capsys.readouterr().out
