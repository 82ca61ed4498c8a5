"""Rows of other tools: py-feat's Fex, and tables with a row for each face and its emotions.

Columns are taken by their names, never by their place. Emotions may be called as other tools call
them; whatever their scale, they are made to sum to 1. Nothing is known of a single frame beside
that: the same probabilities stand for the smoothed ones.
"""

import csv
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from mien.errors import OptionError, OutputError, counted
from mien.labels import EMOTIONS, target_of
from mien.output.records import RAW, SIDES, plain_name
from mien.readings import Box, FrameReadings, TrackedReading
from mien.rows.text_table import TextTable, header_of, open_table

Tell: TypeAlias = Callable[[str], None]
"""Takes what had to be decided, a sentence at a time."""

_OPENFACE: Final = {"frame", "timestamp", "confidence", "success"}
"""Columns that every file of OpenFace 2.2 has (its wiki, "Output Format")."""

_BOXES: Final = (
    SIDES,
    ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight"),
    ("x", "y", "w", "h"),
    ("box",),
)
"""How a box is told: corners by mien; corner and size by others, by fer as text."""

_UNNAMED: Final = ("", "nan")
_EMPTY: Final = (*_UNNAMED, "na")  # as R writes it; somebody may be called Na
_NUMBER: Final = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
_NUMBERED: Final = re.compile(r"(?:person )?([1-9][0-9]{0,8})(?:\.0)?")
_OFF: Final = 0.05  # by which probabilities with two digits, as fer has them, may miss 1
_LATE_S: Final = 2.0  # by which a time of whole seconds may miss that of a frame


class _Columns(NamedTuple):
    """The place of each column; None of those that a file has not."""

    frame: int
    time_s: int | None
    clock: int | None
    source: int | None
    person: int | None
    score: int | None
    box: tuple[int, ...]
    has_corners: bool
    emotions: tuple[int, ...]
    contempt: int | None


class _Face(NamedTuple):
    """A row; without probabilities it is of a frame without a face."""

    frame: int
    time_s: float
    person: str
    box: Box
    score: float
    probabilities: tuple[float, ...]
    total: float
    contempt: float


def is_other(path: Path) -> bool:
    """Whether a file has rows of another tool, or is OpenFace's, which has no emotions."""
    names = _header(path)
    if set(RAW) & set(names):
        return False
    if set(names) >= _OPENFACE:
        return True
    known = {target_of(name) for name in _plain(names)} - {None}
    return len(known) == len(EMOTIONS) and bool({"frame", "box", "box0", "FaceRectX"} & set(names))


def takes_fps(path: Path) -> bool:
    """Whether the times of a file need a frame rate: it is of another tool, and has no `time_s`."""
    return is_other(path) and "time_s" not in _header(path)


def _header(path: Path) -> list[str]:
    """The names of the columns; none of what is no CSV or cannot be read."""
    return header_of(path) if path.suffix.lower() == ".csv" else []


def _plain(names: Sequence[str]) -> list[str]:
    """The names as they are; of the first face, where fer's to_csv numbers them ("angry0")."""
    return [name.removesuffix("0") for name in names] if "box0" in names else list(names)


def read_other_frames(path: Path, *, fps: float | None, tell: Tell) -> list[FrameReadings]:
    """Read the rows of another tool, frame by frame.

    A frame that the table leaves out has no face. Of two faces with one person's name in one frame,
    the one with the higher score stays.

    Args:
        path: `.csv`, for which `is_other` says yes.
        fps: frames per second, for a file without `time_s`.
        tell: is told once what had to be left out or scaled.
    Raises:
        OutputError: a column is missing or comes twice, a cell is no number, rows are of several
            videos, times fall back, or nothing tells the people of a frame apart.
        OptionError: `fps` is missing, not wanted, or no rate.
    """
    try:
        with open_table(path) as table:
            columns = _columns(path, table.header)
            _check_rate(path, fps, needed=columns.time_s is None)
            faces = _faces(path, columns, table, fps, tell)
    except OSError as error:
        raise OutputError(f"{path}: cannot be read; {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise OutputError(f"{path}: expected a table; it is no text") from error
    except csv.Error as error:
        raise OutputError(f"{path}, {error}") from error
    _tell_scale([face for face in faces if face.probabilities], tell)
    tracks, names = _tracks(faces)
    frames = []
    left_out = 0
    for frame, rows in groupby(faces, key=lambda face: face.frame):
        found = list(rows)
        seen = _one_of_each(path, [face for face in found if face.probabilities], tracks)
        left_out += sum(bool(face.probabilities) for face in found) - len(seen)
        readings = tuple(_reading(face, track, names.get(track)) for track, face in seen.items())
        frames.append(FrameReadings(frame, found[0].time_s, readings))
    if left_out:
        surer = "a surer one of the same person is in the same frame"
        tell(f"{counted(left_out, 'face')} left out: {surer}")
    return list(_with_gaps(frames))


def _columns(path: Path, header: Sequence[str]) -> _Columns:
    names = _plain(header)
    place = {name: number for number, name in reversed(list(enumerate(names)))}
    of_target: dict[int, int] = {}
    for number, name in enumerate(names):
        target = target_of(name)
        if target is None:
            continue
        if target in of_target:
            twice = f"{names[of_target[target]]} and {name}"
            raise OutputError(f"{path}: expected one column for {EMOTIONS[target]}; got {twice}")
        of_target[target] = number
    missing = [label for target, label in enumerate(EMOTIONS) if target not in of_target]
    if missing:
        units = sum(re.fullmatch(r"AU\d+_[rc]", name) is not None for name in names)
        raise OutputError(
            f"{path}: expected a probability for each emotion; OpenFace tells none, and its "
            f"{counted(units, 'column')} of action units (AU..) give no label that is not made up"
        )
    if "box1" in names:
        raise OutputError(
            f"{path}: expected a row for each face; got fer's columns of several faces a frame: "
            "take the first of each with Video.get_first_face"
        )
    if "frame" not in place:
        raise OutputError(
            f"{path}: expected a column 'frame'; fer's videos leave out frames without a face and "
            "number none, so nothing tells when a row was: see docs/coming-from.md"
        )
    box = next((names_ for names_ in _BOXES if place.keys() >= set(names_)), None)
    if box is None:
        wanted = "; ".join(", ".join(names_) for names_ in _BOXES)
        raise OutputError(f"{path}: expected boxes, as one of {wanted}; there are none")
    return _Columns(
        frame=place["frame"],
        time_s=place.get("time_s"),
        clock=place.get("approx_time"),
        source=place.get("input"),
        person=place.get("Identity", place.get("track")),
        score=place.get("FaceScore", place.get("score")),
        box=tuple(place[name] for name in box),
        has_corners=box == SIDES,
        emotions=tuple(of_target[target] for target in range(len(EMOTIONS))),
        contempt=next((n for n, name in enumerate(names) if name.lower() == "contempt"), None),
    )


def _check_rate(path: Path, fps: float | None, *, needed: bool) -> None:
    if needed and fps is None:
        raise OptionError(
            f"{path}: expected --fps with the frames per second of the video; the file has no "
            "times that tell one frame from the next"
        )
    if fps is not None and not needed:
        raise OptionError(f"--fps: {path} has times of its own, in time_s; leave it out")
    if fps is not None and not 0 < fps < math.inf:
        raise OptionError(f"--fps: expected frames per second, above 0; got {fps:g}")


def _faces(
    path: Path, columns: _Columns, table: TextTable, fps: float | None, tell: Tell
) -> list[_Face]:
    """All rows, those without a face, too."""
    faces: list[_Face] = []
    sources: set[str] = set()
    early = late = 0.0
    for number, line in table.rows():
        try:
            face = _face(columns, line, fps)
        except IndexError:
            raise OutputError(
                f"{path}, line {number}: expected a cell for each column; it is cut off"
            ) from None
        except ValueError as error:
            raise OutputError(f"{path}, line {number}: expected {error}") from None
        if columns.source is not None:
            sources.add(line[columns.source])
        if columns.clock is not None and columns.time_s is None:
            off_s = face.time_s - _clock_s(line[columns.clock], face.time_s)
            early, late = min(early, off_s), max(late, off_s)
        faces.append(face)
    if not faces:
        raise OutputError(f"{path}: expected rows of a video; it has none")
    if len(sources) > 1:
        raise OutputError(f"{path}: expected rows of one video; got {len(sources):,} in 'input'")
    if max(late, -early) > _LATE_S:
        tell(
            f"{path.name}: {fps:g} frames/s do not fit its approx_time, which differs by up to "
            f"{max(late, -early):.0f} s; is that the rate of the video?"
        )
    for before, after in pairwise(faces):
        if after.frame > before.frame and after.time_s < before.time_s:
            raise OutputError(
                f"{path}: expected times that rise; frame {after.frame} is at {after.time_s:g} s, "
                f"after {before.time_s:g} s"
            )
    return faces


def _face(columns: _Columns, line: Sequence[str], fps: float | None) -> _Face:
    frame = _number(line[columns.frame], "a frame")
    if frame < 0 or frame != int(frame) or frame > sys.maxsize:
        raise ValueError(f"a frame, a whole number from 0; got {line[columns.frame]!r}")
    if columns.time_s is not None:
        time_s = _number(line[columns.time_s], "a time in seconds")
    else:
        time_s = frame / (fps or 1.0)
    cells = [line[place] for place in (*columns.emotions, *columns.box)]
    empty = [cell.strip().lower() in _EMPTY for cell in cells]
    seven = len(EMOTIONS)
    if all(empty[:seven]) or all(empty[seven:]):
        return _Face(int(frame), time_s, "", (0.0, 0.0, 0.0, 0.0), 0.0, (), 1.0, 0.0)
    values = [_share(cell) for cell in cells[:seven]]
    contempt = 0.0
    if columns.contempt is not None and line[columns.contempt].strip().lower() not in _EMPTY:
        contempt = _share(line[columns.contempt])
    total = sum(values)
    if total <= 0:
        raise ValueError("a probability above 0 of one of the emotions; all are 0")
    score = 1.0
    if columns.score is not None and line[columns.score].strip().lower() not in _EMPTY:
        score = _number(line[columns.score], "a score")
    return _Face(
        frame=int(frame),
        time_s=time_s,
        person="" if columns.person is None else plain_name(line[columns.person]) or "",
        box=_box(cells[seven:], has_corners=columns.has_corners),
        score=score,
        probabilities=tuple(value / total for value in values),
        total=total + contempt,
        contempt=contempt / (total + contempt),
    )


def _number(cell: str, what: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{what}; got {cell!r}")
    return value


def _share(cell: str) -> float:
    value = _number(cell, "a probability of each emotion, or of none")
    if value < 0:
        raise ValueError(f"a probability, from 0; got {cell!r}")
    return value


def _box(cells: Sequence[str], *, has_corners: bool) -> Box:
    """x0, y0, x1, y1; of fer's text, such as "[ 10  20  30  40]" or "(10, 20, 30, 40)", too."""
    parts = _NUMBER.findall(cells[0]) if len(cells) == 1 else cells
    if len(parts) != len(SIDES):
        raise ValueError(f"a box of four numbers; got {cells[0]!r}")
    x, y, right, bottom = (_number(part, "a box of numbers") for part in parts)
    return (x, y, right, bottom) if has_corners else (x, y, x + right, y + bottom)


def _clock_s(cell: str, time_s: float) -> float:
    """Seconds of py-feat's "01:23"; the time itself where it is none."""
    match = re.fullmatch(r"(\d{1,6}):(\d\d)", cell.strip())
    return time_s if match is None else 60.0 * int(match[1]) + int(match[2])


def _tell_scale(faces: Sequence[_Face], tell: Tell) -> None:
    """Tell of emotions that are none of the seven, or do not sum to 1 or 100."""
    contempts = sum(face.contempt > 0 for face in faces)
    if contempts:
        most = sum(face.contempt > max(face.probabilities) * (1 - face.contempt) for face in faces)
        tell(
            f"contempt is none of the seven emotions: it is left out and the others are scaled to "
            f"sum to 1; in {most:,} of {counted(len(faces), 'face')} it was the likeliest"
        )
    off = [f.total for f in faces if min(abs(f.total - 1), abs(f.total / 100 - 1)) > _OFF]
    if off:
        tell(
            f"the emotions of {len(off):,} of {counted(len(faces), 'face')} sum to {min(off):.3g} "
            f"to {max(off):.3g}, and are scaled to sum to 1"
        )


def _tracks(faces: Iterable[_Face]) -> tuple[dict[str, int], dict[int, str]]:
    """Who a cell says -> the track, and the names of those tracks that have one.

    "3" and "person 3" are track 3; others get the lowest numbers that are left, as they appear.
    """
    people = dict.fromkeys(face.person for face in faces if face.probabilities)
    tracks, names = {}, {}
    for person in people:
        if match := _NUMBERED.fullmatch(person):
            tracks[person] = int(match[1])
    taken = set(tracks.values())
    free = (number for number in range(1, len(people) + len(taken) + 1) if number not in taken)
    for person in people:
        if person not in tracks:
            tracks[person] = next(free)
            if person.lower() not in _UNNAMED:
                names[tracks[person]] = person
    return tracks, names


def _one_of_each(path: Path, faces: Sequence[_Face], tracks: Mapping[str, int]) -> dict[int, _Face]:
    """Track -> its face in one frame."""
    seen: dict[int, _Face] = {}
    for face in faces:
        if not face.person and len(faces) > 1:
            raise OutputError(
                f"{path}: expected a column 'track' or 'Identity' that tells people apart; frame "
                f"{face.frame} has {len(faces)} faces"
            )
        track = tracks[face.person]
        if track not in seen or face.score > seen[track].score:
            seen[track] = face
    return seen


def _reading(face: _Face, track: int, name: str | None) -> TrackedReading:
    probability = max(face.probabilities)
    emotion = EMOTIONS[face.probabilities.index(probability)]
    return TrackedReading(
        box=face.box,
        score=face.score,
        landmarks=None,
        emotion=emotion,
        probability=probability,
        probabilities=face.probabilities,
        track=track,
        name=name,
        raw_probabilities=face.probabilities,
        raw_emotion=emotion,
        detected=True,
    )


def _with_gaps(frames: Sequence[FrameReadings]) -> Iterator[FrameReadings]:
    """The frames, with an empty one where the numbers leave some out.

    A table of every fifth frame leaves out none: what counts is the commonest step.
    """
    steps = Counter(after.frame - before.frame for before, after in pairwise(frames))
    step = max(steps, key=lambda one: (steps[one], -one)) if steps else 1
    for before, after in pairwise(frames):
        yield before
        numbers = after.frame - before.frame
        if numbers > 1.5 * step > 0:
            time_s = before.time_s + (after.time_s - before.time_s) * step / numbers
            yield FrameReadings(before.frame + step, time_s, ())
    yield frames[-1]
