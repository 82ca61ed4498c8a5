"""Which readings of a video are not to be trusted, when and why, as its rows come."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import counted
from mien.readings import UNUSABLE
from mien.rows.events import Faces, FaceTimes
from mien.rows.table import VideoResult

MAX_STEPS: Final = 1024
"""Of a video in which stretches are looked for: single frames, which are joined in twos, fours and
so on where there are more of them."""


@dataclass(frozen=True)
class UnusableSpan:
    """A stretch in which most readings of a face are not to be trusted."""

    start_s: float  # time of its first frame
    end_s: float  # when its last frame ends
    reason: str  # the most frequent one, of `mien.readings.UNUSABLE`


class UnusableTotals:
    """What of the readings of a video is not usable, counted as its rows come.

        totals = UnusableTotals()
        for rows in blocks:
            totals.add(rows)
        spans = totals.spans()

    Memory grows with the tracks, each of which has `MAX_STEPS` steps at most.
    """

    def __init__(self) -> None:
        self._times = FaceTimes()
        self._counts = np.zeros(len(UNUSABLE) + 1, np.int64)  # not known, usable, then by reason
        self._frames_in_step = 1
        # Steps of tracks, in order: track, step, faces, those of each reason; and begin and end.
        self._steps = np.zeros((0, 3 + len(UNUSABLE)), np.int64)
        self._times_s = np.zeros((0, 2))

    @classmethod
    def of(cls, rows: VideoResult) -> "UnusableTotals":
        """Those of a whole video."""
        totals = cls()
        totals.add(rows)
        return totals

    def add(self, rows: VideoResult) -> None:
        """Count the rows that follow those before."""
        self._counts += np.bincount(rows.unusable + 1, minlength=len(self._counts))
        self._join(*self._counted(self._times.add(rows)))

    def _counted(self, faces: Faces) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Each face as a step of its own."""
        reasons = np.maximum(faces.unusable, 0)[:, None] == np.arange(len(UNUSABLE))
        one = np.ones_like(faces.tracks)
        steps = [faces.tracks, faces.positions // self._frames_in_step, one]
        times_s = np.stack((faces.times_s, faces.ends_s), 1)
        return np.column_stack((*steps, reasons)).astype(np.int64), times_s

    def _join(self, steps: NDArray[np.int64], times_s: NDArray[np.float64]) -> None:
        """Bring these and earlier ones together, in longer steps where there are too many."""
        steps = np.concatenate((self._steps, steps))
        times_s = np.concatenate((self._times_s, times_s))
        while steps[:, 1].max(initial=0) >= MAX_STEPS:
            steps[:, 1] //= 2
            self._frames_in_step *= 2
        order = np.lexsort((steps[:, 1], steps[:, 0]))  # leaves those of one step in their order
        steps, times_s = steps[order], times_s[order]
        new = np.append(True, (np.diff(steps[:, :2], axis=0) != 0).any(axis=1))[: len(steps)]
        firsts = np.flatnonzero(new)
        if len(firsts):
            counts = np.add.reduceat(steps[:, 2:], firsts)
            steps = np.column_stack((steps[firsts, :2], counts))
            lasts = np.append(firsts[1:], len(times_s)) - 1
            times_s = np.stack((times_s[firsts, 0], times_s[lasts, 1]), 1)
        self._steps, self._times_s = steps, times_s

    def spans(self, until_s: float | None = None) -> dict[int, list[UnusableSpan]]:
        """The stretches of each track in which more than half of its readings are not usable; ends
        the counting.

        Args:
            until_s: when the last frame ends; None: it takes as long as the one before.
        Returns:
            Track -> stretches in order; tracks without one are not there. Rows of earlier versions,
            which tell nothing of it, have no stretches.
        """
        self._join(*self._counted(self._times.finish(until_s)))
        self._times = FaceTimes()
        tracks, steps, faces = self._steps[:, :3].T
        why = self._steps[:, 4:]
        bad = np.flatnonzero(2 * why.sum(1) > faces)
        reasons = why.argmax(1)
        # What follows each other of one track, for one reason, is one stretch.
        apart = (np.diff(tracks[bad]) != 0) | (np.diff(steps[bad]) != 1)
        apart |= np.diff(reasons[bad]) != 0
        found: dict[int, list[UnusableSpan]] = {}
        for run in np.split(bad, 1 + np.flatnonzero(apart)) if len(bad) else []:
            start_s, end_s = self._times_s[run[0], 0], self._times_s[run[-1], 1]
            reason = UNUSABLE[1 + int(reasons[run[0]])]
            span = UnusableSpan(float(start_s), float(end_s), reason)
            found.setdefault(int(tracks[run[0]]), []).append(span)
        return found

    @property
    def known(self) -> int:
        """Readings of which it is known whether they are usable."""
        return int(self._counts[1:].sum())

    def shares(self) -> dict[str, float]:
        """Why readings of a video are not usable, the most frequent reason first, 0 to 1 each.

        Returns:
            Of all readings of which it is known: reason -> share. Empty where all are usable, or
            where it is not known of any.
        """
        counts = self._counts[2:]
        order = [i for i in np.argsort(-counts, kind="stable").tolist() if counts[i]]
        return {UNUSABLE[1 + i]: float(counts[i]) / self.known for i in order}

    def sentence(self) -> str:
        """The same in one sentence."""
        if not self.known:
            none = "These rows do not tell which readings are usable."
            return none if self._counts.any() else ""
        shares, readings = self.shares(), f"the {counted(self.known, 'reading')} of faces"
        if not shares:
            return f"Nothing that was measured speaks against {readings}."
        why = ", ".join(f"{_percent(share)} {reason}" for reason, share in shares.items())
        return f"{_percent(sum(shares.values()))} of {readings} are not usable: {why}."


def _percent(share: float) -> str:
    """Not 0% of what is there."""
    return "under 1%" if share < 0.01 else f"{share:.0%}"
