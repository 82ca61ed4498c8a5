"""Names for the tracks of a video: the table that gives them, and what becomes of the rows."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import Mien, assert_refused, csv_rows
from fakes import a_tracked_reading
from made_up_rows import frames_of, video_of, write_rows
from mien.errors import DataError, OutputError
from mien.labels import EMOTIONS
from mien.readings import FrameReadings, TrackedReading
from mien.rows.coding import coding_of_rows
from mien.rows.people import Naming, Person, apply, read_people, write_people_template
from mien.rows.table import RowFile, VideoResult, read_rows


def rows_of(*frames: list[TrackedReading]) -> VideoResult:
    """A video of ten frames a second."""
    return video_of(frames_of(frames), "talk.csv")


@pytest.fixture
def talk() -> VideoResult:
    """Two people, the first of whom returns as track 3; a poster in the last frame; a gap."""
    one, two, three = (a_tracked_reading(track) for track in (1, 2, 3))
    return rows_of([one, two], [one, two], [two], [], [three, two], [a_tracked_reading(4)])


def people_file(folder: Path, text: str) -> Path:
    path = folder / "people.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_tracks_are_named_merged_and_excluded(talk: VideoResult, tmp_path: Path) -> None:
    path = people_file(
        tmp_path, "track,name,exclude,note\n1,Anna,,\n3,Anna,,back again\n4,,yes,a poster\n"
    )
    named = apply(talk, read_people(path))
    assert [(row.frame, row.reading and row.reading.track) for row in named.rows] == [
        *((0, 1), (0, 2), (1, 1), (1, 2), (2, 2), (3, None), (4, 1), (4, 2), (5, None)),
    ]
    assert named.names == {1: "Anna", 2: "person 2"}
    anna, other = named.summary()
    assert (anna.person, anna.frames) == ("Anna", 3)
    assert anna.on_screen_s == pytest.approx(0.3)
    assert (other.person, other.frames) == ("person 2", 4)
    assert talk.names == {}
    assert Naming(talk, read_people(path)).numbers == {1: 1, 2: 2, 3: 1}
    generated: Any = (person for person in read_people(path))
    assert apply(talk, generated).names == named.names


def test_names_that_tracks_have_anyway_merge_and_stay(talk: VideoResult) -> None:
    named = apply(talk, [Person(3, "person 1")])
    assert sorted(set(named.tracks.tolist())) == [1, 2, 4]
    named = apply(apply(talk, [Person(1, "Anna")]), [Person(2, "Ben")])
    assert named.names == {1: "Anna", 2: "Ben", 3: "person 3", 4: "person 4"}


@pytest.mark.parametrize("returns_first", [True, False])
def test_a_face_that_was_only_followed_gives_way_to_one_that_was_found(
    returns_first: bool,
) -> None:
    """The tracker follows a lost face for a moment, while a new track has begun with it."""
    old, drifting = a_tracked_reading(2), a_tracked_reading(2, "sad", detected=False)
    new, followed = a_tracked_reading(5), a_tracked_reading(5, detected=False)
    order = -1 if returns_first else 1
    result = rows_of([old], [drifting, new][::order], [drifting, followed][::order], [followed])
    named = apply(result, [Person(2, "Ben"), Person(5, "Ben")])
    assert named.tracks.tolist() == [2, 2, 2, 2]
    assert [row.reading and row.reading.emotion for row in named.rows] == ["happy"] * 4


def test_columns_of_faces_stay_in_step(talk: VideoResult) -> None:
    named = apply(talk, [Person(2, exclude=True)])
    assert named.positions.tolist() == [0, 1, 4, 5]
    assert named.boxes.shape == (4, 4)
    np.testing.assert_array_equal(named.frames, talk.frames)


@pytest.mark.parametrize(
    ("people", "words"),
    [
        ("track,name\n1,Anna\n9,Ben\n", "line 3: track 9 is not in the rows; they have 1, 2, 3, 4"),
        ("track,exclude\n1,x\n2,x\n3,yes\n4,1\n", "line 5: all tracks are excluded"),
        (
            "track,name\n1,Anna\n2,Anna\n",
            "line 3: tracks 1 and 2 are both 'Anna', but frame 0 at 0:00.0 shows both; give one of "
            "them another name, or exclude it$",
        ),
    ],
)
def test_what_does_not_fit_the_rows_is_refused(
    talk: VideoResult, tmp_path: Path, people: str, words: str
) -> None:
    with pytest.raises(DataError, match=f"people.csv, {words}"):
        apply(talk, read_people(people_file(tmp_path, people)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: expected the columns track, name, exclude, note; there is no track"),
        ("name\nAnna\n", "line 1: .*there is no track"),
        ("track,nmae\n1,Anna\n", "line 1: expected the columns .*; got 'nmae'"),
        ("track,name,name\n", "line 1: expected each column once; got 'name' twice"),
        ("track,name\n1,Anna\n\n1,Ben\n", "line 4: track 1 stands in line 2, too"),
        ("track,name\none,Anna\n", "line 2: track: expected a number from 1; got 'one'"),
        ("track,name\n,Anna\n", "line 2: track: expected a number from 1; got ''"),
        ("track,name\n0,Anna\n", "line 2: track: expected a number from 1; got '0'"),
        ("track,name\n1,Anna,x\n", "line 2: expected 2 cells; got 3"),
        ("track,exclude\n1,maybe\n", "line 2: exclude: expected yes, no or nothing; got 'maybe'"),
        (f"track,name\n1,{'a' * 61}\n", "line 2: name: expected 60 letters at most; got 61"),
        ("track,name\n1,a\0b\n", "line 2: name: expected letters"),
        ('track,name\n1,"Anna\n', "line 2: expected a table"),
        (
            "track,name\n1,NA\n2,Ben\n3,NA\n",
            "line 4: name: .*than 'NA', which R writes for an empty cell and track 1 has, too",
        ),
    ],
)
def test_a_broken_table_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=f"people.csv, {words}"):
        read_people(people_file(tmp_path, text))
    with pytest.raises(DataError, match="cannot be read; No such file"):
        read_people(tmp_path / "none.csv")


def test_tables_of_other_spreadsheets_are_read(tmp_path: Path) -> None:
    """With a mark at the start, semicolons, other line ends and an umlaut of two signs."""
    path = tmp_path / "people.csv"
    path.write_bytes("\ufeffTrack;Name;Exclude\r\n2; Ju\u0308rgen   K. ;NO\r\n;;\r\n".encode())
    (person,) = read_people(path)
    assert (person.track, person.name, person.exclude) == (2, "J\u00fcrgen K.", False)


def test_what_pandas_r_and_spreadsheets_make_of_the_table_is_read(tmp_path: Path) -> None:
    """Numbers of rows without a name, numbers with a point, NA, and the answers of a language."""
    text = '"","track","name","exclude",\n"1",1.0,"Anna",NA,\n"2",2,"NA",WAHR,\n"3",3,"",FALSE,\n'
    people = read_people(people_file(tmp_path, text))
    assert [(p.track, p.name, p.exclude) for p in people] == [
        *((1, "Anna", False), (2, "NA", True), (3, None, False)),
    ]


def test_a_template_has_every_track_and_changes_nothing(talk: VideoResult, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    write_people_template(talk, path)
    people = read_people(path)
    assert [person.track for person in people] == [1, 2, 3, 4]
    assert apply(talk, people).summary()[0].to_dict() == {
        **talk.summary()[0].to_dict(),
        "name": "person 1",
    }
    assert '1,person 1,,"0:00.0 to 0:00.1, 0.2 s, mostly happy"' in path.read_text()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_names_go_out_and_come_back(talk: VideoResult, tmp_path: Path, suffix: str) -> None:
    named = apply(talk, [Person(1, 'A "nna", B.'), Person(3, 'A "nna", B.'), Person(2, "B\u00ebn")])
    back = read_rows(write_rows(tmp_path / f"rows{suffix}", named.by_frame(), named=True))
    assert back.names == named.names == {1: 'A "nna", B.', 2: "B\u00ebn", 4: "person 4"}
    assert back.rows == named.rows


NameOf = Callable[[int, int], str | None]
"""Frame and track -> a name."""


def called(video: VideoResult, name_of: NameOf) -> list[FrameReadings]:
    return [
        replace(f, readings=tuple(replace(r, name=name_of(f.frame, r.track)) for r in f.readings))
        for f in video.by_frame()
    ]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_tracks_that_somebody_gave_one_name_are_one_person_everywhere(
    mien: Mien, talk: VideoResult, tmp_path: Path, suffix: str
) -> None:
    """In rows that were named elsewhere: spaces and other ways to write umlauts make no other."""
    names = {1: "Zo\u00eb", 2: "Ben", 3: " Zoe\u0308 ", 4: "person 4"}
    frames = called(talk, lambda _, track: names[track])
    path = write_rows(tmp_path / f"rows{suffix}", frames, named=True)
    wanted = apply(read_rows(path), ())
    assert (sorted(wanted.names), wanted.names[1]) == ([1, 2, 4], names[1])
    done = mien("events", path, "--min-duration", "0", "--json", "--off", ".1", "--on", ".1")
    statistics = json.loads(done.stdout)["statistics"]
    seen = {one["name"]: one["seen_s"] for one in statistics}
    assert len(statistics) == 3 * len(EMOTIONS)
    assert seen == pytest.approx({names[1]: 0.3, "Ben": 0.4, "person 4": 0.1})
    mien("convert", path, "--to", "openface", "--out", tmp_path / "of.csv")
    assert {row["face_id"] for row in csv_rows(tmp_path / "of.csv")} == {"0", "1", "3"}
    mien("rows", path, "--csv", tmp_path / "again.csv")
    assert {row["track"] for row in csv_rows(tmp_path / "again.csv")} == {"1", "2", "4", ""}
    coding = coding_of_rows(RowFile(path), names[1])
    assert coding.starts_s.tolist() == pytest.approx([0.0, 0.1, 0.4])
    mien(
        "rows", path, "--write-people", tmp_path / "people.csv"
    )  # each by itself, to be told apart
    table = read_people(tmp_path / "people.csv")
    assert {person.track: person.name for person in table} == names | {3: names[1]}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_track_of_two_names_and_two_faces_of_one_are_refused(
    mien: Mien, talk: VideoResult, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"rows{suffix}"
    cases: dict[str, NameOf] = {
        "track 2 is 'Anna' and 'Ben'": lambda frame, _: "Anna" if frame < 2 else "Ben",
        f"{path}: tracks 1 and 2 are both 'Anna', but frame 0 at": lambda *_: "Anna",
        "1 and 2 are both 'person 2'": lambda _, track: "person 2" if track == 1 else None,
        "'NA', which R writes for an empty cell and track 1 has": lambda _, track: "NA",
    }
    for words, name_of in cases.items():
        write_rows(path, called(talk, name_of), named=True)
        if "both" not in words:
            with pytest.raises(OutputError, match=words):
                read_rows(path)
        for command in (("events",), ("convert", "--to", "eaf"), ("rows", "--json")):
            assert_refused(mien(command[0], path, *command[1:]), words)


def test_a_data_frame_has_names_where_there_are_some(talk: VideoResult) -> None:
    pytest.importorskip("pandas")
    assert "name" not in talk.to_pandas()
    table = apply(talk, [Person(1, "Anna")]).to_pandas()
    assert list(table.columns[:4]) == ["frame", "time_s", "track", "name"]
    assert table["name"].tolist()[:2] == ["Anna", "person 2"]
    assert table["name"].isna().sum() == 1


def test_rows_out_of_order_and_none_at_all_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    faces = (a_tracked_reading(),)
    write_rows(path, [FrameReadings(frame, frame / 10, faces) for frame in (3, 4, 3)])
    with pytest.raises(OutputError, match="in the order of their frames; 3 comes after 4"):
        read_rows(path)
    write_rows(path, [])
    with pytest.raises(OutputError, match="it has none"):
        read_rows(path)
    path.write_bytes(b"\0\xff" * 1000)
    with pytest.raises(OutputError, match=r"expected rows that mien wrote; it is no text$"):
        read_rows(path)
