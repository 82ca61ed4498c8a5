"""What is made of the rows of a video as it is defined, with all of them in memory.

`mien.rows` counts them as rows come; the tests hold it to what is found here.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien import EMOTIONS
from mien.readings import UNUSABLE, Event
from mien.rows.events import EventSettings
from mien.rows.formats.intervals import Annotation, Intervals
from mien.rows.statistics import FOLLOW_S, DyadStatistics, EmotionStatistics, EventTables
from mien.rows.table import VideoResult
from mien.rows.usable import MAX_STEPS, UnusableSpan

_ROUNDING_S = 1e-6


class Track(NamedTuple):
    """One person in N frames."""

    name: str
    there: NDArray[np.bool_]
    visits: NDArray[np.int64]  # the number of the stretch in which the face is seen
    raw: NDArray[np.float64]  # (N, 7)
    unusable: NDArray[np.int64]


def seconds_of(result: VideoResult) -> NDArray[np.float64]:
    """(N,) how long each frame lasts: until the next one; the last, as long as the one before."""
    steps_s = np.diff(result.times_s)
    return np.append(steps_s, steps_s[-1:] if len(steps_s) else 0.0)


def tracks_of(result: VideoResult, max_gap_s: float = 0.0) -> dict[int, Track]:
    """By their numbers, rising."""
    tracks, count = {}, len(result.frames)
    ends_s = result.times_s + seconds_of(result)
    for number in sorted(set(result.tracks.tolist())):
        own = result.tracks == number
        frames = result.positions[own]
        there, visits = np.zeros(count, np.bool_), np.zeros(count, np.int64)
        raw, unusable = np.zeros((count, len(EMOTIONS))), np.zeros(count, np.int64)
        there[frames], raw[frames] = True, result.raw_probabilities[own]
        unusable[frames] = result.unusable[own]
        gaps_s = result.times_s[frames[1:]] - ends_s[frames[:-1]]
        visits[frames[1:]] = np.cumsum(gaps_s > max_gap_s + _ROUNDING_S)
        tracks[number] = Track(result.name_of(number), there, visits, raw, unusable)
    return tracks


def tables_of(result: VideoResult, settings: EventSettings) -> EventTables:
    """What `EventTables.of` should give."""
    result = result.usable() if settings.usable_only else result
    tracks = tracks_of(result, settings.max_gap_s)
    events = [
        event
        for number, track in tracks.items()
        for event in events_of(result, settings, number, track)
    ]
    events.sort(key=lambda e: (e.onset_s, e.track, e.end_s, EMOTIONS.index(e.emotion)))
    shown = {number: shown_by(result, events, number) for number in tracks}
    statistics = [
        entry
        for number, track in tracks.items()
        for entry in statistics_of(result, events, number, track, shown[number])
    ]
    dyads = [
        entry
        for a, b in combinations(tracks, 2)
        for entry in dyads_of(result, events, (a, b), tracks, shown)
    ]
    return EventTables(events, statistics, dyads)


def events_of(
    result: VideoResult, settings: EventSettings, number: int, track: Track
) -> Iterator[Event]:
    """Of one person: of each visit the runs in which the median in the window is above `off`."""
    ends_s = result.times_s + seconds_of(result)
    frames = np.flatnonzero(track.there)
    for visit in np.split(frames, 1 + np.flatnonzero(np.diff(track.visits[frames]))):
        times_s, raw = result.times_s[visit], track.raw[visit]
        apart_s = np.abs(times_s[:, None] - times_s)
        inside = (apart_s <= settings.window_s / 2 + _ROUNDING_S).astype(np.float64)
        count = inside.sum(1, keepdims=True)
        kept, strong = (2 * (inside @ (raw >= x)) > count for x in (settings.off, settings.on))
        level = inside @ raw / count
        for emotion, label in enumerate(EMOTIONS):
            faces = np.flatnonzero(kept[:, emotion])
            for run in np.split(faces, 1 + np.flatnonzero(np.diff(faces) > 1)):
                if not len(run) or not strong[run, emotion].any():
                    continue
                onset_s, end_s = float(times_s[run[0]]), float(ends_s[visit[run[-1]]])
                if end_s - onset_s + _ROUNDING_S < settings.min_duration_s:
                    continue
                peak = run[level[run, emotion].argmax()]
                yield Event(
                    *(number, track.name, label, onset_s, float(times_s[peak]), end_s),
                    *(float(level[peak, emotion]), float(raw[run, emotion].mean()), len(run)),
                )


def shown_by(result: VideoResult, events: Sequence[Event], number: int) -> NDArray[np.bool_]:
    """(N, 7): which of `mien.EMOTIONS` a person shows in each frame, where the face is there."""
    shown = np.zeros((len(result.frames), len(EMOTIONS)), np.bool_)
    frames, times_s = result.positions[result.tracks == number], result.times_s
    for event in events:
        if event.track == number:
            during = (times_s >= event.onset_s) & (times_s < event.end_s)
            shown[frames, EMOTIONS.index(event.emotion)] |= during[frames]
    return shown


def statistics_of(
    result: VideoResult,
    events: Sequence[Event],
    number: int,
    track: Track,
    shown: NDArray[np.bool_],
) -> Iterator[EmotionStatistics]:
    """How one person shows each emotion."""
    own = [event for event in events if event.track == number]
    visits = track.visits[np.searchsorted(result.times_s, [event.onset_s for event in own])]
    changes = [
        (one.emotion, other.emotion)
        for (one, visit), (other, its) in pairwise(zip(own, visits.tolist(), strict=True))
        if visit == its
    ]
    seconds = seconds_of(result)
    seen_s = float(seconds[track.there].sum())
    for emotion, total_s in zip(EMOTIONS, (seconds @ shown).tolist(), strict=True):
        onsets_s = [event.onset_s for event in own if event.emotion == emotion]
        count = len(onsets_s)
        yield EmotionStatistics(
            *(number, track.name, emotion, seen_s, count, total_s),
            share=total_s / seen_s,
            mean_s=total_s / count if count else None,
            rate_per_min=60 * count / seen_s,
            latency_s=onsets_s[0] - float(result.times_s[track.there][0]) if count else None,
            transitions={other: changes.count((emotion, other)) for other in EMOTIONS},
        )


def dyads_of(
    result: VideoResult,
    events: Sequence[Event],
    pair: tuple[int, int],
    tracks: dict[int, Track],
    shown: dict[int, NDArray[np.bool_]],
) -> Iterator[DyadStatistics]:
    """How two people show each emotion together; nothing of those who are in no frame together."""
    a, b = pair
    together = tracks[a].there & tracks[b].there
    if not together.any():
        return
    seconds, times_s = seconds_of(result), result.times_s[together].tolist()
    together_s = float(seconds[together].sum())
    for i, emotion in enumerate(EMOTIONS):
        in_a, in_b = (shown[number][:, i] & together for number in pair)
        a_s, b_s, both_s = (float(seconds[one].sum()) for one in (in_a, in_b, in_a & in_b))
        of_a, of_b = (
            [e.onset_s for e in events if (e.track, e.emotion) == (number, emotion)]
            for number in pair
        )
        b_lags, a_lags = lags(of_a, of_b, times_s), lags(of_b, of_a, times_s)
        yield DyadStatistics(
            *(a, tracks[a].name, b, tracks[b].name, emotion, together_s, a_s, b_s, both_s),
            both_count=int((np.diff(in_a & in_b, prepend=False) & in_a & in_b).sum()),
            share=both_s / together_s,
            expected_share=a_s * b_s / together_s**2,
            a_onsets=len(set(of_a) & set(times_s)),
            b_follows=len(b_lags),
            b_lag_s=float(np.mean(b_lags)) if b_lags else None,
            b_onsets=len(set(of_b) & set(times_s)),
            a_follows=len(a_lags),
            a_lag_s=float(np.mean(a_lags)) if a_lags else None,
        )


def lags(first_s: Sequence[float], then_s: Sequence[float], times_s: list[float]) -> list[float]:
    """How much later the next onset of the other comes, where it comes in time, of those in frames
    at these times.
    """
    found = []
    for onset_s in set(first_s) & set(times_s):
        later = [other_s - onset_s for other_s in set(then_s) & set(times_s) if other_s > onset_s]
        found += [min(later)] if later and min(later) <= FOLLOW_S else []
    return found


def unusable_spans(result: VideoResult) -> dict[int, list[UnusableSpan]]:
    """What `UnusableTotals.spans` should give: of a long video in steps of several frames."""
    step = 1
    while (len(result.frames) - 1) // step >= MAX_STEPS:
        step *= 2
    ends_s = result.times_s + seconds_of(result)
    found = {}
    for number, track in tracks_of(result).items():
        spans: list[tuple[int, UnusableSpan]] = []  # each with its last step
        for first in range(0, len(result.frames), step):
            faces = first + np.flatnonzero(track.there[first : first + step])
            reasons = track.unusable[faces]
            why = np.bincount(reasons[reasons > 0], minlength=len(UNUSABLE)).tolist()
            if 2 * sum(why) <= len(faces):
                continue
            start_s, end_s = float(result.times_s[faces[0]]), float(ends_s[faces[-1]])
            reason = UNUSABLE[why.index(max(why))]
            if spans and (spans[-1][0], spans[-1][1].reason) == (first - step, reason):
                start_s = spans.pop()[1].start_s
            spans.append((first, UnusableSpan(start_s, end_s, reason)))
        if spans:
            found[number] = [span for _, span in spans]
    return found


def annotation(rows: VideoResult, length_s: float | None = None) -> Annotation:
    """What `Intervals` gives of all rows at once."""
    intervals = Intervals()
    intervals.add(rows)
    return intervals.annotation(length_s)
