"""Who showed which emotion when, whoever says so: mien's rows or a human coder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.labels import EMOTIONS
from mien.readings import person_name
from mien.rows.people import merged
from mien.rows.table import VideoRows

MISSING: Final = -1
"""In place of a target, where nobody labelled."""

_MOST_TRACKS: Final = 12  # that a message lists


@dataclass(frozen=True, eq=False)
class Coding:
    """Stretches of time with a label each, one after another, of one person; N stretches."""

    source: str  # the file, as text
    name: str  # who labelled: "mien", or the tier or person of a coder's file; may be empty
    starts_s: NDArray[np.float64]  # (N,) float64, rising
    ends_s: NDArray[np.float64]  # (N,) float64; none is after the next start
    targets: NDArray[np.int64]  # (N,) int64: which of `mien.EMOTIONS`
    length_s: float | None = None  # of the video, where the file tells it
    # (M + 1,) float64: where each of M frames begins, and the last ends; None unless these are rows
    # of a video
    frames_s: NDArray[np.float64] | None = None
    gap: int = MISSING  # the target of stretches without a label; `MISSING` leaves them out

    @property
    def end_s(self) -> float:
        """When the video ends; where the file does not tell, the last stretch."""
        return float(self.ends_s[-1]) if self.length_s is None else self.length_s

    def targets_in(self, edges_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """The label that fills the most of each unit of time.

        Args:
            edges_s: (U + 1,) float64, rising: unit i reaches from edge i to the next.
        Returns:
            (U,) int64: which of `mien.EMOTIONS`; `MISSING` where most of the unit has no label.
        """
        widths_s = np.diff(edges_s)
        filled_s = np.stack([self._filled(target, edges_s) for target in range(len(EMOTIONS))], 1)
        empty_s = np.maximum(widths_s - filled_s.sum(1), 0.0)
        if self.gap != MISSING:
            filled_s[:, self.gap] += empty_s
            empty_s[:] = 0.0
        # A billionth of a second is rounding: what fills just half is not missing.
        most = np.column_stack((filled_s, empty_s - 1e-9)).argmax(1)
        return np.where(most == len(EMOTIONS), MISSING, most)

    def _filled(self, target: int, edges_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """(U,) float64: how many seconds of each unit have this label."""
        mine = self.targets == target
        if not mine.any():
            return np.zeros(len(edges_s) - 1)
        starts_s, ends_s = self.starts_s[mine], self.ends_s[mine]
        times_s = np.column_stack((starts_s, ends_s)).ravel()
        steps_s = np.column_stack((np.zeros(len(starts_s)), ends_s - starts_s)).ravel()
        return np.diff(np.interp(edges_s, times_s, np.cumsum(steps_s)))


def coding_of_rows(
    rows: VideoRows, track: int | str | None = None, *, name: str = "mien"
) -> Coding:
    """What the rows of a video say of one track: each frame until the next.

    Args:
        rows: of a video, in which tracks of one name are one person; of a file no more is kept than
            times, tracks and labels.
        track: of the person, or the person's name; None is the only one.
        name: of the tool that wrote the rows.
    Raises:
        DataError: no face is in the rows, there are several tracks and none was named, or there is
            no such track.
    """
    columns = [
        (block.times_s, block.tracks, block.labels, block.positions, len(block.frames))
        for block in merged(rows)
    ]
    times_s, tracks, labels = (np.concatenate([column[i] for column in columns]) for i in range(3))
    firsts = np.cumsum([0, *(column[4] for column in columns)])
    positions = np.concatenate([c[3] + first for c, first in zip(columns, firsts, strict=False)])
    mine = tracks == _one_track(rows, track, tracks, len(times_s))
    steps_s = np.diff(times_s)
    last_s = times_s[-1] + (steps_s[-1] if len(steps_s) else 0.0)
    edges_s = np.append(times_s, last_s)
    return Coding(
        source=rows.source,
        name=name,
        starts_s=edges_s[positions[mine]],
        ends_s=edges_s[positions[mine] + 1],
        targets=labels[mine],
        length_s=float(last_s),
        frames_s=edges_s,
    )


def _one_track(
    rows: VideoRows, track: int | str | None, of_faces: NDArray[np.int64], frames: int
) -> int:
    """The number of the track that is meant.

    Raises:
        DataError: see `coding_of_rows`.
    """
    tracks, counts = np.unique(of_faces, return_counts=True)
    if not len(tracks):
        raise DataError("expected rows with a face; there is none", source=rows.source)
    listed = _tracks_in_words(rows.names, tracks, counts / frames)
    if track is None and len(tracks) > 1:
        raise DataError(f"expected one track; name it with --track: {listed}", source=rows.source)
    known = {one: rows.names.get(one, person_name(one)) for one in tracks.tolist()}
    numbers = [one for one, name in known.items() if track in (None, one, str(one), name)]
    if len(numbers) != 1:
        raise DataError(f"expected one of the tracks {listed}; got {track}", source=rows.source)
    return int(numbers[0])


def _tracks_in_words(
    names: Mapping[int, str], tracks: NDArray[np.int64], shares: NDArray[np.float64]
) -> str:
    """The tracks that are there the longest, with their names, and for how much of the time."""
    order = np.argsort(-shares, kind="stable")[:_MOST_TRACKS]
    named = [f"{names[one]}, " if one in names else "" for one in tracks.tolist()]
    listed = [f"{tracks[i]} ({named[i]}{shares[i]:.0%} of the frames)" for i in order]
    more = len(tracks) - len(order)
    return ", ".join(listed) + (f" and {more} more" if more else "")
