"""Who shows what from when to when: what formats of annotation tools are made of."""

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.labels import EMOTIONS
from mien.readings import UNSURE
from mien.rows.table import VideoResult

STILL_S: Final = 0.04
"""How long a frame is taken to last where no other tells: the only one, or all of one time."""

SOUND_S: Final = 1.0
"""By how much the sound of a whole video may outlast its images."""

_DIGITS: Final = 6
"""Of times in seconds: what formats write of them."""


RowWriting: TypeAlias = Generator[None, VideoResult | None, None]
"""Writes a file as rows are sent to it, with all names that tracks have in the end. None ends the
file; closed before, nothing of it is left."""


@dataclass(frozen=True)
class Media:
    """What is known of the video itself; None for what is not.

    Attributes:
        path: the file, which formats link to.
        length_s: of the whole video.
        width: of its frames in pixels, upright.
        height: likewise.
        frame_rate: frames per second.
    """

    path: Path | None = None
    length_s: float | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None

    def relative_to(self, written: Path) -> str | None:
        """The path of the video from the folder of a file; None on another drive of Windows."""
        assert self.path is not None
        try:
            return Path(os.path.relpath(self.path.resolve(), written.resolve().parent)).as_posix()
        except ValueError:
            return None


@dataclass(frozen=True)
class Interval:
    """One label of one person."""

    start_s: float  # time of the first frame with it
    end_s: float  # time of the next frame, which shows another label or no face
    label: str  # one of `mien.EMOTIONS`, or "unsure"


@dataclass(frozen=True)
class Annotation:
    """The intervals of a video."""

    # what each is called -> their intervals, which rise and do not overlap
    people: dict[str, list[Interval]]
    length_s: float  # of the video; no interval reaches beyond it
    # that an interval may have: the seven, and "unsure" where there are such faces
    labels: tuple[str, ...]

    @property
    def in_order(self) -> list[tuple[str, Interval]]:
        """All intervals with their person, by their start."""
        every = [(who, one) for who, intervals in self.people.items() for one in intervals]
        return sorted(every, key=lambda pair: pair[1].start_s)


class Intervals:
    """Finds the intervals in which each person has the same label, as the rows of a video come.

    A frame lasts until the next one that was read; the last as long as that before it, or to the
    end of the video where that is about there. Tracks of the same name are one person. Memory grows
    with the intervals alone.
    """

    def __init__(self) -> None:
        self._people: dict[str, list[Interval]] = {}
        self._open: dict[str, tuple[float, str]] = {}  # start and label, to the last frame
        self._lowest: dict[str, int] = {}  # name -> its lowest track
        self._last_s = np.zeros(0)  # when the last two frames begin
        self._is_unsure = False

    def add(self, rows: VideoResult) -> None:
        """Count the rows that follow those before, with all names that tracks have in the end."""
        if not len(rows.frames):
            return
        starts_s = np.maximum.accumulate(np.append(self._last_s[-1:], rows.times_s).clip(0.0))
        starts_s = starts_s[-len(rows.frames) :]
        self._last_s = np.append(self._last_s, starts_s)[-2:]
        edges = starts_s.round(_DIGITS)
        labels = np.where(rows.unsure, len(EMOTIONS), rows.labels)
        self._is_unsure |= bool(rows.unsure.any())
        tracks: dict[str, list[int]] = {}
        for track in np.unique(rows.tracks).tolist():
            tracks.setdefault(name := person_name(rows, track), []).append(track)
            self._lowest[name] = min(track, self._lowest.get(name, track))
        for name in self._open.keys() - tracks.keys():
            self._end(name, float(edges[0]))
        for name, of_name in tracks.items():
            faces = np.flatnonzero(np.isin(rows.tracks, of_name))
            frames, first = np.unique(rows.positions[faces], return_index=True)
            self._add_person(name, edges, frames, labels[faces[first]])

    def _add_person(
        self,
        name: str,
        edges: NDArray[np.float64],
        frames: NDArray[np.int64],
        labels: NDArray[np.int64],
    ) -> None:
        """Neighboring frames of one label, joined."""
        changes = 1 + np.flatnonzero((np.diff(frames) != 1) | (np.diff(labels) != 0))
        names: Sequence[str] = (*EMOTIONS, UNSURE)
        for run, label in zip(np.split(frames, changes), np.split(labels, changes), strict=True):
            shown, first, end = names[label[0]], int(run[0]), int(run[-1]) + 1
            if name in self._open and (first > 0 or self._open[name][1] != shown):
                self._end(name, float(edges[0]))
            self._open.setdefault(name, (float(edges[first]), shown))
            if end < len(edges):
                self._end(name, float(edges[end]))

    def _end(self, name: str, end_s: float) -> None:
        start_s, label = self._open.pop(name)
        if end_s > start_s:  # frames of a damaged video may have the same time
            self._people.setdefault(name, []).append(Interval(start_s, end_s, label))

    def annotation(self, length_s: float | None = None, until_s: float | None = None) -> Annotation:
        """All intervals; call it once, at the end.

        Args:
            length_s: of the video; None if it is not known.
            until_s: when the last frame ends; None if it is not known.
        """
        end_s = self._end_s(length_s) if until_s is None else round(until_s, _DIGITS)
        for name in list(self._open):
            self._end(name, end_s)
        people = {
            name: self._people.get(name, [])
            for name in sorted(self._lowest, key=lambda name: self._lowest[name])
        }
        shown = (*EMOTIONS, UNSURE) if self._is_unsure else EMOTIONS
        # Rounded as the edges are: an interval between one and the other has no length once
        # written.
        return Annotation(people, max(end_s, round(length_s or 0.0, _DIGITS)), shown)

    def _end_s(self, length_s: float | None) -> float:
        """When the last frame ends."""
        last_s = float(self._last_s[-1])
        step_s = round(last_s - float(self._last_s[0]), _DIGITS) or STILL_S
        end_s = last_s + step_s
        if length_s is not None and last_s < length_s <= last_s + max(step_s, SOUND_S):
            end_s = length_s
        return float(np.round(end_s, _DIGITS))


def meaning_of(label: str) -> str:
    """What a label says of a face, for those who open the file."""
    return f"the face reads as {label}" if label in EMOTIONS else "no label is likely enough"


def person_name(rows: VideoResult, track: int) -> str:
    """What a person is called, on one line, without characters that XML or tables forbid."""
    shown = (
        char if char.isprintable() else " " if char.isspace() else ""
        for char in rows.name_of(track)
    )
    name = "".join(shown).strip()
    return name or f"person {track}"
