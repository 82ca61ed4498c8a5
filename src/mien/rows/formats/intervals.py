"""Who shows what from when to when: what formats of annotation tools are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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


@dataclass(frozen=True)
class Interval:
    """One label of one person.

    Attributes:
        start_s: time of the first frame with it.
        end_s: time of the next frame, which shows another label or no face.
        label: one of `mien.EMOTIONS`, or "unsure".
    """

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True)
class Annotation:
    """The intervals of a video.

    Attributes:
        people: what each is called -> their intervals, which rise and do not overlap.
        length_s: of the video; no interval reaches beyond it.
        labels: that an interval may have: the seven, and "unsure" where there are such faces.
    """

    people: dict[str, list[Interval]]
    length_s: float
    labels: tuple[str, ...]

    @property
    def in_order(self) -> list[tuple[str, Interval]]:
        """All intervals with their person, by their start."""
        every = [(who, one) for who, intervals in self.people.items() for one in intervals]
        return sorted(every, key=lambda pair: pair[1].start_s)


def annotation(rows: VideoResult, length_s: float | None = None) -> Annotation:
    """The intervals in which each person has the same label, from frame to frame.

    A frame lasts until the next one that was read; the last as long as that before it, or to the
    end of the video where that is about there. Tracks of the same name are one person.

    Args:
        rows: of a video, at least one frame.
        length_s: of the video; None if it is not known.
    """
    edges = _edges(rows.times_s, length_s)
    labels = np.where(rows.unsure, len(EMOTIONS), rows.labels)
    tracks: dict[str, list[int]] = {}
    for track in np.unique(rows.tracks).tolist():
        tracks.setdefault(person_name(rows, track), []).append(track)
    people = {}
    for name, of_name in tracks.items():
        faces = np.flatnonzero(np.isin(rows.tracks, of_name))
        frames, first = np.unique(rows.positions[faces], return_index=True)
        people[name] = _runs(edges, frames, labels[faces[first]])
    shown = (*EMOTIONS, UNSURE) if rows.unsure.any() else EMOTIONS
    # Rounded as the edges are: an interval between one and the other has no length once written.
    return Annotation(people, max(float(edges[-1]), round(length_s or 0.0, _DIGITS)), shown)


def person_name(rows: VideoResult, track: int) -> str:
    """What a person is called, on one line, without characters that XML or tables forbid."""
    shown = (
        char if char.isprintable() else " " if char.isspace() else ""
        for char in rows.name_of(track)
    )
    name = "".join(shown).strip()
    return name or f"person {track}"


def _edges(times_s: NDArray[np.float64], length_s: float | None) -> NDArray[np.float64]:
    """When each frame begins, and then when the last one ends: (N + 1,), never falling."""
    starts = np.maximum.accumulate(np.maximum(times_s, 0.0))
    last_s = float(starts[-1])
    step_s = round(last_s - float(starts[-2]), _DIGITS) if len(starts) > 1 else 0.0
    step_s = step_s or STILL_S
    end_s = last_s + step_s
    if length_s is not None and last_s < length_s <= last_s + max(step_s, SOUND_S):
        end_s = length_s
    return np.append(starts, end_s).round(_DIGITS)


def _runs(
    edges: NDArray[np.float64], frames: NDArray[np.int64], labels: NDArray[np.int64]
) -> list[Interval]:
    """Neighboring frames of one label, joined."""
    changes = 1 + np.flatnonzero((np.diff(frames) != 1) | (np.diff(labels) != 0))
    names: Sequence[str] = (*EMOTIONS, UNSURE)
    intervals = [
        Interval(float(edges[run[0]]), float(edges[run[-1] + 1]), names[label[0]])
        for run, label in zip(np.split(frames, changes), np.split(labels, changes), strict=True)
    ]
    # Frames of a damaged video may have the same time.
    return [one for one in intervals if one.end_s > one.start_s]
