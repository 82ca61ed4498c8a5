"""The rows of a video as columns: every face of every frame."""

import math
import warnings
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from itertools import chain, islice, pairwise, repeat
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.errors import OptionError, OutputError, counted, needs_extra
from mien.labels import EMOTIONS
from mien.output.records import (
    COLUMNS,
    MEASURES,
    MOVES,
    POINTS,
    RAW,
    SIDES,
    seen_landmarks,
    video_table,
)
from mien.readings import (
    MOVEMENTS,
    POSE_METHODS,
    UNUSABLE,
    Event,
    FaceQuality,
    FacialMovements,
    FrameReadings,
    Landmarks,
    Probabilities,
    TrackedReading,
    TrackSummary,
    VideoRow,
    person_name,
)
from mien.rows.files import SUFFIXES, RowFacts, may_tell, read_frames, row_facts
from mien.rows.others import Tell, is_other, read_other_frames

_NO_POINTS: Final = (math.nan,) * len(POINTS)
_METHODS: Final = (*POSE_METHODS, None)
_WIDE: Final = {
    "boxes": SIDES,
    "probabilities": EMOTIONS,
    "raw_probabilities": RAW,
    "landmarks": POINTS,
    "measures": MEASURES,
    "movements": MOVES,
}
"""Attribute of a `VideoResult` -> the columns of a table that it has."""

_LISTED: Final = 32  # frames whose faces become readings together

_GAP_S: Final = 0.5  # of frames that are left out; a camera may miss some for less
_MISSED: Final = 1.9  # times the usual step: one frame at least is left out
_SLOWER: Final = 2.0  # times as long as usual for each number: the video itself stood still

BLOCK: Final = 4096
"""Frames and faces that wait until they are counted together."""


@dataclass(frozen=True, eq=False)
class VideoResult:
    """Every face of every frame of a video, as columns; F faces in N frames.

    Attributes:
        source: what was read, as text.
        frames: (N,) int64: the numbers of all frames, with a face or without.
        times_s: (N,) float64, their times.
        positions: (F,) int64, rising: which of the N frames a face is in.
        tracks: (F,) int64.
        boxes: (F, 4) float32: x0, y0, x1, y1 in pixels.
        scores: (F,) float32, the detector's.
        detected: (F,) bool.
        raw_probabilities: (F, 7) float32, of each frame alone, columns as `mien.EMOTIONS`.
        probabilities: (F, 7) float32, smoothed over time.
        labels: (F,) int64: which of `mien.EMOTIONS` is the smoothed label.
        unsure: (F,) bool: the label's probability is below the recognizer's threshold.
        landmarks: (F, 5, 2) float32: x and y in pixels, as `mien.readings.Landmarks`; NaN where the
            detector did not look or gives none.
        measures: (F, 8) float32: yaw, pitch, roll, size_px, blur, light, contrast and inside, see
            `mien.FaceQuality`; NaN where they were not measured.
        unusable: (F,) int64: which of `mien.readings.UNUSABLE`; 0 is usable, -1 not known.
        pose_methods: (F,) int64: which of `mien.readings.POSE_METHODS`; -1 where no angle is known.
        movements: (F, 43) float32, columns as `mien.readings.MOVEMENTS`, NaN where they cannot be
            seen; None where nobody asked.
        names: track -> what somebody calls that person; empty until somebody does.
    """

    source: str
    frames: NDArray[np.int64]
    times_s: NDArray[np.float64]
    positions: NDArray[np.int64]
    tracks: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    detected: NDArray[np.bool_]
    raw_probabilities: Probabilities
    probabilities: Probabilities
    labels: NDArray[np.int64]
    unsure: NDArray[np.bool_]
    landmarks: NDArray[np.float32]
    measures: NDArray[np.float32]
    unusable: NDArray[np.int64]
    pose_methods: NDArray[np.int64]
    movements: NDArray[np.float32] | None = None
    names: Mapping[int, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        tracks = counted(len(np.unique(self.tracks)), "track")
        frames, faces = counted(len(self.frames), "frame"), counted(len(self.tracks), "face")
        return f"<{type(self).__name__} of {self.source!r}: {frames}, {faces}, {tracks}>"

    def name_of(self, track: int) -> str:
        """What a person is called: the name that somebody gave, else "person 1" by the track."""
        return self.names.get(track, person_name(track))

    def only(self, stays: NDArray[np.bool_]) -> "VideoResult":
        """Some of the faces, and all frames.

        Args:
            stays: (F,): which.
        """
        of_faces: dict[str, Any] = {
            name: values[stays]
            for name, values in vars(self).items()
            if isinstance(values, np.ndarray) and name not in ("frames", "times_s")
        }
        return replace(self, **of_faces)

    def usable(self) -> "VideoResult":
        """The faces but those whose reading is not usable; those of which it is not known stay."""
        return self.only(self.unusable <= 0)

    @cached_property
    def rows(self) -> list[VideoRow]:
        """A row for each face of each frame, and one for each frame without a face, in order."""
        return list(self.iter_rows())

    def iter_rows(self) -> Iterator[VideoRow]:
        """The same one after the other, which takes no more memory for a longer video."""
        for found in self.by_frame():
            for reading in found.readings or (None,):
                yield VideoRow(found.frame, found.time_s, reading)

    def _readings(self, faces: slice) -> Iterator[TrackedReading]:
        """Of some faces; whole columns become lists at once, which takes less than each cell."""
        raw, moved = self.raw_probabilities[faces], self.movements
        columns = (
            *(self.tracks, self.boxes, self.scores, self.landmarks, self.detected, self.labels),
            *(self.probabilities, self.unsure, self.unusable, self.measures, self.pose_methods),
        )
        cells = [column[faces].tolist() for column in columns]
        moves = repeat(None, len(raw)) if moved is None else map(_movements, moved[faces].tolist())
        shown = zip(raw.tolist(), raw.argmax(1).tolist(), moves, strict=True)
        for seen, (values, top, movements) in zip(zip(*cells, strict=True), shown, strict=True):
            track, (x0, y0, x1, y1), score, points, detected, label, smoothed, unsure, *quality = (
                seen
            )
            yield TrackedReading(
                box=(x0, y0, x1, y1),
                score=score,
                landmarks=_landmarks(points),
                emotion=EMOTIONS[label],
                probability=smoothed[label],
                probabilities=tuple(smoothed),
                unsure=unsure,
                quality=_quality(*quality),
                movements=movements,
                track=track,
                name=self.name_of(track) if self.names else None,
                raw_probabilities=tuple(values),
                raw_emotion=EMOTIONS[top],
                detected=detected,
            )

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame` with a row for each face of each frame, in order.

        A frame without a face has one row, in which all but `frame` and `time_s` is empty.

        The columns are frame, time_s, track, name where somebody gave names, x0, y0, x1, y1, score,
        detected, emotion, probability, unsure, one for each emotion, raw_emotion, raw_ with each
        emotion, right_eye_x ... left_mouth_y (the landmarks), and yaw ... inside, usable, unusable,
        pose_method (the quality of the face); then, where movements were asked for, move_ with each
        of them.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        with needs_extra("video", "a data frame"):
            pandas = import_module("pandas")
        names = np.array(EMOTIONS, object)
        usable = pandas.array(self.unusable == 0, "boolean")
        usable[self.unusable < 0] = pandas.NA
        faces: dict[str, Any] = {
            "track": self.tracks,
            "name": [self.name_of(track) for track in self.tracks.tolist()],
            "score": self.scores,
            "detected": self.detected,
            "emotion": names[self.labels],
            "probability": self.probabilities[np.arange(len(self.labels)), self.labels],
            "unsure": self.unsure,
            "raw_emotion": names[self.raw_probabilities.argmax(1)],
            "usable": usable,
            "unusable": np.array([*UNUSABLE, None], object)[self.unusable],
            "pose_method": np.array(_METHODS, object)[self.pose_methods],
        }
        for attribute, wide in _WIDE.items():
            if (values := getattr(self, attribute)) is not None:
                faces |= zip(wide, values.reshape(-1, len(wide)).T, strict=True)
        # Whole numbers and truth values that may be empty, where pandas would make them floats.
        nullable = {"int64": "Int64", "bool": "boolean"}
        kinds = {n: nullable[COLUMNS[n].kind] for n in faces if COLUMNS[n].kind in nullable}
        found = pandas.DataFrame(faces, index=self.positions).astype(kinds)
        columns = list(video_table(named=bool(self.names), movements=self.has_movements))
        every = pandas.DataFrame({"frame": self.frames, "time_s": self.times_s})
        return every.join(found, how="left").reset_index(drop=True)[columns]

    @property
    def has_movements(self) -> bool:
        """Whether movements are known of some face."""
        return self.movements is not None

    @property
    def facts(self) -> RowFacts:
        """What the rows are of."""
        tracks = frozenset(np.unique(self.tracks).tolist())
        return RowFacts(len(self.frames), tracks, dict(self.names), self.has_movements)

    def blocks(self) -> Iterator["VideoResult"]:
        """All rows in one block, as those of a `RowFile` come in several."""
        yield self

    def by_frame(self) -> Iterator[FrameReadings]:
        """The faces of each frame, in order; frames without one are there, too."""
        starts = np.searchsorted(self.positions, np.arange(len(self.frames) + 1)).tolist()
        for first in range(0, len(self.frames), _LISTED):
            frames, times_s = (c[first : first + _LISTED] for c in (self.frames, self.times_s))
            limits = starts[first : first + len(frames) + 1]
            readings = self._readings(slice(limits[0], limits[-1]))
            for frame, time_s, (start, end) in zip(
                frames.tolist(), times_s.tolist(), pairwise(limits), strict=True
            ):
                yield FrameReadings(frame, time_s, tuple(islice(readings, end - start)))

    def summary(self) -> list[TrackSummary]:
        """What each person shows, in the order of their numbers."""
        return _summary([self])

    def plot(
        self, path: str | Path, *, title: str | None = None, events: Sequence[Event] = ()
    ) -> list[Path]:
        """Draw the smoothed probabilities over time, one band per person.

        Args:
            path: as of `mien.rows.timeline.plot_timeline`, which tells the files and errors, too.
            title: over the bands; by default the name of the video.
            events: of `mien.rows.events.events_of`, drawn above the bands.
        """
        from mien.rows.timeline import Timeline, plot_timeline

        timeline = Timeline.of((found.time_s, found.readings) for found in self.by_frame())
        name = Path(self.source).name if title is None else title
        return plot_timeline(timeline, Path(path), title=name, events=events)


def _landmarks(points: list[list[float]]) -> Landmarks | None:
    (ax, ay), (bx, by), (cx, cy), (dx, dy), (ex, ey) = points
    return None if ax != ax else ((ax, ay), (bx, by), (cx, cy), (dx, dy), (ex, ey))


def _quality(unusable: int, measures: list[float], method: int) -> FaceQuality | None:
    if unusable < 0:
        return None
    *angles, size_px, blur, light, contrast, inside = measures
    yaw, pitch, roll = (None if angle != angle else angle for angle in angles)
    reason = UNUSABLE[unusable]
    return FaceQuality(
        yaw, pitch, roll, size_px, blur, light, contrast, inside, reason, _METHODS[method]
    )


def _movements(values: list[float]) -> FacialMovements | None:
    return None if math.isnan(values[0]) else FacialMovements(tuple(values))


_KINDS: Final[dict[str, tuple[str, Any]]] = {
    **dict.fromkeys(("frames", "positions", "tracks"), ("q", np.int64)),
    **dict.fromkeys(("labels", "unusable", "pose_methods"), ("b", np.int64)),
    **dict.fromkeys(("detected", "unsure"), ("b", np.bool_)),
    **dict.fromkeys(("scores", *_WIDE), ("f", np.float32)),
    "times_s": ("d", np.float64),
}
"""Column of a `VideoResult` -> how its numbers are packed as it grows, and their type."""


class VideoColumns:
    """The columns of a `VideoResult` as they grow: packed numbers, some 190 bytes for a face."""

    def __init__(self) -> None:
        self._columns: dict[str, array[Any]] = {n: array(kind) for n, (kind, _) in _KINDS.items()}
        self._names: dict[int, str] = {}
        self._are_moving = False

    def add(self, frame: int, time_s: float, readings: Sequence[TrackedReading]) -> None:
        """Add the faces of one frame; call it for frames without a face, too."""
        columns = self._columns
        for reading in readings:
            if reading.name is not None:
                self._names[reading.track] = reading.name
            columns["positions"].append(len(columns["frames"]))
            columns["tracks"].append(reading.track)
            columns["labels"].append(EMOTIONS.index(reading.emotion))
            columns["detected"].append(reading.detected)
            columns["unsure"].append(reading.unsure)
            columns["boxes"].extend(reading.box)
            columns["scores"].append(reading.score)
            columns["raw_probabilities"].extend(reading.raw_probabilities)
            columns["probabilities"].extend(reading.probabilities)
            points, quality = seen_landmarks(reading), reading.quality
            columns["landmarks"].extend(_NO_POINTS if points is None else chain(*points))
            values = (getattr(quality, name, None) for name in MEASURES)
            columns["measures"].extend(math.nan if v is None else v for v in values)
            method = getattr(quality, "pose_method", None)
            columns["unusable"].append(-1 if quality is None else UNUSABLE.index(quality.unusable))
            columns["pose_methods"].append(-1 if method is None else POSE_METHODS.index(method))
            self._add_movements(reading.movements)
        columns["frames"].append(frame)
        columns["times_s"].append(time_s)

    def _add_movements(self, moved: FacialMovements | None) -> None:
        """Memory is taken from the first face on whose movements are known."""
        column, nothing = self._columns["movements"], [math.nan] * len(MOVEMENTS)
        if moved is not None and not self._are_moving:
            self._are_moving = True
            column.extend(nothing * (len(self._columns["tracks"]) - 1))
        if self._are_moving:
            column.extend(nothing if moved is None else moved.values)

    def __len__(self) -> int:
        """Frames and faces that were added."""
        return len(self._columns["frames"]) + len(self._columns["tracks"])

    def take(self, source: str) -> VideoResult:
        """What was added since the last time, which is forgotten but for the names."""
        rows = self.result(source)
        for column in self._columns.values():
            del column[:]
        return rows

    def result(self, source: str) -> VideoResult:
        """What was added."""
        columns: dict[str, Any] = {
            name: np.array(self._columns[name], dtype) for name, (_, dtype) in _KINDS.items()
        }
        for name, wide in _WIDE.items():
            shape = (5, 2) if name == "landmarks" else (len(wide),)
            columns[name] = columns[name].reshape(-1, *shape)
        if not self._are_moving:
            columns["movements"] = None
        return VideoResult(source=source, names=self._names, **columns)


class RowFile:
    """The rows of a video in a file, which are read a block at a time, and anew each time.

        file = RowFile("rows.csv")
        for rows in file.blocks():
            finder.add(rows)

    Memory does not grow with the rows, but of another tool, whose rows are read as a whole.

    Args:
        path: `.csv`, `.jsonl` or `.parquet` that mien wrote; `.csv` of py-feat, or of a row for
            each face with a frame, a box and a probability of each emotion.
        fps: frames per second, for rows of another tool without times.
        tell: is told what had to be left out or scaled in rows of another tool, and once of rows
            of mien where somebody has left out frames.
    Raises:
        OutputError: it is not a file of such rows, has none, or not in the order of their frames
            and times; here or while it is read.
        OptionError: `fps` is missing, not wanted, or no rate.
        MissingExtraError: Parquet without pyarrow.
    """

    def __init__(
        self, path: str | Path, *, fps: float | None = None, tell: Tell = warnings.warn
    ) -> None:
        if not str(path):
            raise OutputError("expected a file of rows; got an empty name")
        self.path, self.source = Path(path), str(path)
        if (suffix := self.path.suffix.lower()) not in SUFFIXES:
            raise OutputError(
                f"{path}: expected rows in a file that ends in {', '.join(SUFFIXES)}; "
                f"got {suffix or 'none'}"
            )
        self._others: list[FrameReadings] | None = None
        self._tell: Tell | None = tell  # None once it was told what is left out
        if is_other(self.path):
            self._others = read_other_frames(self.path, fps=fps, tell=tell)
        elif fps is not None:
            raise OptionError(f"--fps: {self.path} has times of its own; leave it out")

    def read(self) -> Iterator[FrameReadings]:
        """The faces of each frame, in order."""
        if self._others is not None:
            yield from in_order(self._others, self.source)
            return
        gaps = _Gaps()
        for rows in in_order(read_frames(self.path), self.source):
            gaps.add(rows.frame, rows.time_s)
            yield rows
        if self._tell is not None and (sentence := gaps.sentence()):
            self._tell(f"{self.path.name}: {sentence}")
            self._tell = None

    @cached_property
    def facts(self) -> RowFacts:
        """What the rows are of."""
        if self._others is None:
            return row_facts(self.path)
        return result_of(self._others, self.source).facts

    @cached_property
    def names(self) -> Mapping[int, str]:
        """Track -> what somebody calls that person; looked for only where there may be some."""
        return self.facts.names if self._others or may_tell(self.path, "name") else {}

    @cached_property
    def has_movements(self) -> bool:
        """Whether movements are known of some face."""
        may = self._others is None and may_tell(self.path, MOVES[0], "movements")
        return may and self.facts.has_movements

    def blocks(self) -> Iterator[VideoResult]:
        """The rows of some frames after another, with all names that tracks have in the end."""
        columns, names = VideoColumns(), self.names
        for found in self.read():
            columns.add(found.frame, found.time_s, found.readings)
            if len(columns) >= BLOCK:
                yield replace(columns.take(self.source), names=names)
        if len(columns):
            yield replace(columns.take(self.source), names=names)

    def summary(self) -> list[TrackSummary]:
        """What each person shows, in the order of their numbers."""
        return _summary(self.blocks())


VideoRows: TypeAlias = VideoResult | RowFile
"""The rows of a video, at hand or in a file."""


def _summary(blocks: Iterable[VideoResult]) -> list[TrackSummary]:
    from mien.rows.totals import TrackTotals

    totals = TrackTotals()
    for rows in blocks:
        for found in rows.by_frame():
            totals.add(found.time_s, found.readings)
    return totals.summary()


def read_rows(
    path: str | Path, *, fps: float | None = None, tell: Tell = warnings.warn
) -> VideoResult:
    """The rows of a video, of mien or of another tool, as columns.

    Arguments and errors are those of `RowFile`.
    """
    return result_of(RowFile(path, fps=fps, tell=tell).read(), str(path))


def result_of(frames: Iterable[FrameReadings], source: str) -> VideoResult:
    """The columns of frames that come one after the other, of a video that is called `source`.

    Raises:
        OutputError: there is none, or they are not in their order.
    """
    columns = VideoColumns()
    for rows in in_order(frames, source):
        columns.add(rows.frame, rows.time_s, rows.readings)
    return columns.result(source)


class _Gaps:
    """Where somebody has left out the rows of frames, those without a face for one.

    With `mien video --every`, and of a camera, numbers rise by more than one, too, and where the
    rate varies not by the same: a gap is longer than usual both in numbers and in time, at about
    the usual rate.
    """

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None
        # Difference of numbers -> how often it comes, how long all take, the first frame before one
        self._steps: dict[int, tuple[int, float, int]] = {}

    def add(self, frame: int, time_s: float) -> None:
        if self._last is not None:
            last, last_s = self._last
            count, seconds, first = self._steps.get(frame - last, (0, 0.0, last))
            self._steps[frame - last] = count + 1, seconds + time_s - last_s, first
        self._last = frame, time_s

    def sentence(self) -> str:
        """What is left out, as a sentence without its full stop; empty if nothing seems to be."""
        if not self._steps:
            return ""
        usual = max(self._steps, key=lambda step: (self._steps[step][0], -step))
        usual_s = self._steps[usual][1] / self._steps[usual][0]
        gaps = {
            step: (count, seconds, first)
            for step, (count, seconds, first) in self._steps.items()
            if step > 1.5 * usual
            and max(_MISSED * usual_s, _GAP_S) < seconds / count < _SLOWER * step * usual_s / usual
        }
        if not gaps:
            return ""
        first, step = min((first, step) for step, (_, _, first) in gaps.items())
        counts, all_s = zip(*((count, seconds) for count, seconds, _ in gaps.values()), strict=True)
        more = f" and in {counted(sum(counts) - 1, 'more place')}" if sum(counts) > 1 else ""
        return (
            f"no rows between frames {first} and {first + step}{more}, {sum(all_s):.1f} s in all; "
            "who is seen before such a gap counts as seen until its end: keep the rows of frames "
            "without a face"
        )


def in_order(frames: Iterable[FrameReadings], source: str) -> Iterator[FrameReadings]:
    """The same frames, once it is sure that they are some, and in order.

    Raises:
        OutputError: there is none, or frames or times fall.
    """
    last, last_s = -1, -math.inf
    for rows in frames:
        if rows.frame <= last:
            raise OutputError(
                f"{source}: expected rows of one video in the order of their frames; {rows.frame} "
                f"comes after {last}"
            )
        if rows.time_s < last_s:
            raise OutputError(
                f"{source}: expected times that rise; frame {rows.frame} is at {rows.time_s:g} s, "
                f"after one at {last_s:g} s"
            )
        last, last_s = rows.frame, rows.time_s
        yield rows
    if last < 0:
        raise OutputError(f"{source}: expected rows that mien wrote; it has none")
