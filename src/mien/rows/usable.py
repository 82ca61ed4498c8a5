"""Which readings of a video are not to be trusted, when and why, from its rows."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from mien.readings import UNUSABLE
from mien.rows.events import Visits
from mien.rows.table import VideoResult

MAX_STEPS: Final = 512
"""Of a video in which stretches are looked for; single frames where it has fewer."""


@dataclass(frozen=True)
class UnusableSpan:
    """A stretch in which most readings of a face are not to be trusted.

    Attributes:
        start_s: time of its first frame.
        end_s: when its last frame ends.
        reason: the most frequent one, of `mien.readings.UNUSABLE`.
    """

    start_s: float
    end_s: float
    reason: str


def unusable_spans(result: VideoResult) -> dict[int, list[UnusableSpan]]:
    """The stretches of each track in which more than half of its readings are not usable.

    Args:
        result: of a video; rows of earlier versions, which tell nothing of it, have no stretches.
    Returns:
        Track -> stretches in order; each is a frame, or `1 / MAX_STEPS` of the frames of a long
        video, at least. Tracks without one are not there.
    """
    faces = Visits.of(result)
    reasons = result.unusable[faces.rows]
    steps = faces.positions * min(len(result.frames), MAX_STEPS) // max(len(result.frames), 1)
    found: dict[int, list[UnusableSpan]] = {}
    for track, own in faces.of_tracks():
        if not (reasons[own] > 0).any():
            continue
        spans: list[UnusableSpan] = []
        before = -2
        firsts = (own.start + np.flatnonzero(np.diff(steps[own], prepend=-1))).tolist()
        for first, end in zip(firsts, [*firsts[1:], own.stop], strict=True):
            why = Counter(reasons[first:end][reasons[first:end] > 0].tolist())
            if 2 * why.total() <= end - first:
                continue
            reason = UNUSABLE[why.most_common(1)[0][0]]
            start_s, end_s = float(faces.times_s[first]), float(faces.ends_s[end - 1])
            if spans and steps[first] == before + 1 and spans[-1].reason == reason:
                start_s = spans.pop().start_s
            spans.append(UnusableSpan(start_s, end_s, reason))
            before = int(steps[first])
        if spans:
            found[track] = spans
    return found


def unusable_shares(result: VideoResult) -> dict[str, float]:
    """Why readings of a video are not usable, the most frequent reason first, 0 to 1 each.

    Args:
        result: of a video.
    Returns:
        Of all readings of which it is known: reason -> share. Empty where all are usable, or where
        it is not known of any.
    """
    known = result.unusable[result.unusable >= 0]
    why = Counter(known[known > 0].tolist())
    return {UNUSABLE[reason]: count / len(known) for reason, count in why.most_common()}


def unusable_sentence(result: VideoResult) -> str:
    """The same in one sentence."""
    known = int((result.unusable >= 0).sum())
    if not known:
        return "" if not len(result.tracks) else "These rows do not tell which readings are usable."
    shares = unusable_shares(result)
    readings = f"the {known:,} readings of faces"
    if not shares:
        return f"Nothing that was measured speaks against {readings}."
    why = ", ".join(f"{_percent(share)} {reason}" for reason, share in shares.items())
    return f"{_percent(sum(shares.values()))} of {readings} are not usable: {why}."


def _percent(share: float) -> str:
    """Not 0% of what is there."""
    return "under 1%" if share < 0.01 else f"{share:.0%}"
