"""Who the tracks of a video are: a small table that names, merges and excludes them.

`people.csv` has a row for each track that something is said of:

    track,name,exclude,note
    1,Anna,,
    2,Ben,,
    4,Anna,,came back after the break
    5,,yes,a poster

Two tracks with one name are one person. What is not named stays "person 3", and that is a name,
too: "person 2" as the name of track 5 merges it with track 2.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.output.files import atomic_text
from mien.output.records import ANSWERS, NA, plain_name, two_without_a_name
from mien.readings import TrackSummary, person_name
from mien.rows.table import VideoResult, VideoRows
from mien.rows.text_table import TextTable, open_table
from mien.rows.timeline import clock

COLUMNS: Final = ("track", "name", "exclude", "note")
"""Of `people.csv`; all but the first may be left out, and notes are for people alone."""

MAX_LETTERS: Final = 60
"""Of a name."""

_ANSWERS: Final = {
    **ANSWERS,
    **dict.fromkeys(("yes", "y", "x"), True),
    **dict.fromkeys(("no", "n", ""), False),
}
_BOM: Final = "\ufeff"  # without which Excel takes UTF-8 for something else


@dataclass(frozen=True)
class Person:
    """What is said of one track.

    Attributes:
        track: its number.
        name: what the person is called; None leaves that as it is.
        exclude: leave the track out.
        place: where that stands, as errors tell it: "people.csv, line 3".
    """

    track: int
    name: str | None = None
    exclude: bool = False
    place: str = "people"


def read_people(path: str | Path) -> tuple[Person, ...]:
    """Read `people.csv`.

    Args:
        path: of the file, as a spreadsheet saves it: see `mien.rows.text_table`.
    Raises:
        DataError: it is no such table: a column has another name, a track is no number or comes
            twice, a name is too long, `exclude` is neither yes nor no. The message names the line.
    """
    path = Path(path)
    try:
        with open_table(path) as table:
            return tuple(_people(path, table))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected text in UTF-8 (in Excel 'CSV UTF-8')") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read; {error.strerror or error}") from error
    except csv.Error as error:
        raise DataError(f"{path}, {error}") from error


def _people(path: Path, table: TextTable) -> Iterator[Person]:
    names = [name.lower() for name in table.header]
    expected = f"{path}, line 1: expected the columns {', '.join(COLUMNS)}"
    for name in filter(None, names):  # R and pandas give numbers of rows no name
        if name not in COLUMNS:
            raise DataError(f"{expected}; got {name!r}")
        if names.count(name) > 1:
            raise DataError(f"{path}, line 1: expected each column once; got {name!r} twice")
    if "track" not in names:
        raise DataError(f"{expected}; there is no track")
    seen: dict[int, int] = {}
    unnamed = ""  # the first track whose name R may have written for an empty cell
    for number, line in table.rows():
        place = f"{path}, line {number}"
        if len(line) > len(names):
            raise DataError(f"{place}: expected {len(names)} cells; got {len(line)}")
        person = _person(dict(zip(names, line, strict=False)), place)
        if person.track in seen:
            raise DataError(
                f"{place}: track {person.track} stands in line {seen[person.track]}, too"
            )
        seen[person.track] = number
        if person.name == NA:
            if unnamed:
                raise DataError(f"{place}: {two_without_a_name(unnamed)}")
            unnamed = f"track {person.track}"
        yield person


def _person(cells: Mapping[str, str], place: str) -> Person:
    track, answer = (cells.get(name, "").strip() for name in ("track", "exclude"))
    answer = "" if answer == NA else answer.lower()
    if not (number := re.fullmatch(r"([1-9][0-9]{0,17})(?:\.0)?", track)):  # as pandas may write it
        raise DataError(f"{place}: track: expected a number from 1; got {track!r}")
    name = plain_name(cells.get("name", "")) or ""
    if len(name) > MAX_LETTERS:
        raise DataError(f"{place}: name: expected {MAX_LETTERS} letters at most; got {len(name)}")
    if any(ord(letter) < 32 for letter in name):
        raise DataError(f"{place}: name: expected letters; got {name!r}")
    if answer not in _ANSWERS:
        raise DataError(f"{place}: exclude: expected yes, no or nothing; got {answer!r}")
    return Person(int(number[1]), name or None, _ANSWERS[answer], place)


def apply(result: VideoResult, people: Sequence[Person]) -> VideoResult:
    """The rows with the names of people, without the tracks that are excluded.

    Tracks of one name become one, under the lowest of their numbers. In a frame that has two faces
    of one person, the one that the detector found later stays: the other was only followed a little
    on, after the face was lost. Where it found both in one frame, they are two people.

    Args:
        result: of a video.
        people: of `read_people`; tracks that are not among them stay as they are.
    Returns:
        All frames and the faces that stay, with a name for each track.
    Raises:
        DataError: a track is not in the rows, none is left, or two faces that were found in one
            frame have the same name; the message says where that stands, and the frame.
    """
    return Naming(result, people).apply(result)


def merged(rows: VideoRows) -> Iterator[VideoResult]:
    """The blocks of rows, in which tracks of one name are one person, as `apply` makes them."""
    if not rows.names:
        yield from rows.blocks()
        return
    naming = Naming(rows, ())
    yield from map(naming.apply, rows.blocks())


class Naming:
    """What `apply` does, to the rows of a video that come block by block.

    Args:
        rows: of a video.
        people: see `apply`.

    Attributes:
        numbers: track -> its number with the names; those that are excluded are not there.
        names: such a number -> what the person is called.

    Raises:
        DataError: a track is not in the rows, or none is left; the message says where that stands.
    """

    def __init__(self, rows: VideoRows, people: Sequence[Person]) -> None:
        known = rows.facts.tracks
        people = list(people)  # as a generator gives them once
        for person in people:
            if person.track not in known:
                raise DataError(
                    f"{person.place}: track {person.track} is not in the rows; they have "
                    f"{', '.join(map(str, sorted(known))) or 'none'}"
                )
        excluded = {person.track for person in people if person.exclude}
        if people and known == excluded:
            raise DataError(f"{people[-1].place}: all tracks are excluded; nothing would be left")
        self._places = {person.track: person.place for person in people}
        self._names = {track: rows.names.get(track, person_name(track)) for track in known}
        self._names |= {person.track: person.name for person in people if person.name is not None}
        lowest: dict[str, int] = {}  # name -> the lowest track that has it
        self.numbers = {
            track: lowest.setdefault(self._names[track], track)
            for track in sorted(known - excluded)
        }
        self.names = {number: self._names[track] for track, number in self.numbers.items()}
        self._source = rows.source
        self._found_in: dict[int, int] = {}  # track -> the last frame that the detector found it in

    def apply(self, rows: VideoResult) -> VideoResult:
        """The rows that follow those before, with the names; errors as of `apply`."""
        kept = rows.only(np.isin(rows.tracks, list(self.numbers)))
        kept = kept.only(self._one_face_in_a_frame(kept))
        tracks = np.array([self.numbers[track] for track in kept.tracks.tolist()], np.int64)
        return replace(kept, tracks=tracks, names=self.names)

    def _one_face_in_a_frame(self, rows: VideoResult) -> NDArray[np.bool_]:
        """(F,) which faces stay, so that no frame has two of one person."""
        stays = np.ones(len(rows.tracks), np.bool_)
        shown: dict[tuple[int, int], int] = {}  # frame and person -> face
        frames, tracks = rows.frames[rows.positions].tolist(), rows.tracks.tolist()
        for face, (frame, track) in enumerate(zip(frames, tracks, strict=True)):
            detected = bool(rows.detected[face])
            if detected:
                self._found_in[track] = frame
            person = frame, self.numbers[track]
            other = shown.setdefault(person, face)
            if other == face:
                continue
            rival = tracks[other]
            if detected and rows.detected[other]:
                a, b = sorted((rival, track))
                place = self._places.get(b) or self._places.get(a, self._source)
                time_s = rows.times_s[rows.positions[face]]
                raise DataError(
                    f"{place}: tracks {a} and {b} are both {self._names[a]!r}, but frame {frame} "
                    f"at {clock(time_s, fine=True)} shows both; give one of them another name, or "
                    "exclude it"
                )
            later = self._found_in.get(track, -1) > self._found_in.get(rival, -1)
            stays[other if later else face] = False
            shown[person] = face if later else other
        return stays


def write_people_template(
    result: VideoRows, path: str | Path, *, summary: Iterable[TrackSummary] | None = None
) -> None:
    """Write a `people.csv` to fill in, with a row for each track, which changes nothing as it is.

    Args:
        result: of a video.
        path: of the file.
        summary: what each track shows, where it is known; None sums it up.
    Raises:
        OutputError: it cannot be written.
    """
    people = result.summary() if summary is None else summary
    with atomic_text(Path(path)) as file:
        file.write(_BOM)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for person in people:
            first, last = (clock(time_s, fine=True) for time_s in (person.first_s, person.last_s))
            note = f"{first} to {last}, {person.on_screen_s:.1f} s, mostly {person.emotion}"
            writer.writerow([person.track, person.person, "", note])
