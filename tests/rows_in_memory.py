"""What is made of the rows of a video as it is defined, with all of them in memory.

`mien.rows` counts them as rows come; the tests hold it to what is found here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien import EMOTIONS
from mien.readings import UNSURE, UNUSABLE, Event
from mien.rows.events import EventSettings
from mien.rows.formats.intervals import SOUND_S, STILL_S, Annotation, Interval, person_name
from mien.rows.statistics import FOLLOW_S, DyadStatistics, EmotionStatistics, EventTables
from mien.rows.table import VideoResult
from mien.rows.usable import MAX_STEPS, UnusableSpan

_ROUNDING_S = 1e-6
_DIGITS = 6


def tables_of(
    result: VideoResult, settings: EventSettings, *, follow_s: float = FOLLOW_S
) -> EventTables:
    """What `EventTables.of` should give."""
    if settings.usable_only:
        result = result.usable()
    events = events_of(result, settings)
    statistics = statistics_of(result, events, max_gap_s=settings.max_gap_s)
    return EventTables(events, statistics, dyads_of(result, events, follow_s=follow_s))


@dataclass(frozen=True, eq=False)
class Visits:
    """The faces of a video by track and time, and where each track is seen without a gap.

    Attributes:
        rows: (F,) int64: which rows of the `VideoResult` they are.
        positions: (F,) int64: which of its frames they are in.
        tracks: (F,) int64, rising.
        times_s: (F,) float64, of their frames; rising in each track, unless a stream jumps back.
        ends_s: (F,) float64: when the next frame of the video is shown; of the last frame, as if it
            took as long as the one before.
        visits: (F,) int64, rising: the number of the stretch in which a track is seen.
    """

    rows: NDArray[np.int64]
    positions: NDArray[np.int64]
    tracks: NDArray[np.int64]
    times_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]
    visits: NDArray[np.int64]

    @classmethod
    def of(cls, result: VideoResult, *, max_gap_s: float = 0.0) -> "Visits":
        """Sort the faces of a video.

        Args:
            result: of a video.
            max_gap_s: a face that is not seen for longer begins another visit.
        """
        rows = np.lexsort((result.positions, result.tracks))
        positions, tracks = result.positions[rows], result.tracks[rows]
        times_s, ends_s = result.times_s[positions], frame_ends_s(result.times_s)[positions]
        gaps_s = times_s[1:] - ends_s[:-1]
        apart = (np.diff(tracks) != 0) | (gaps_s > max_gap_s + _ROUNDING_S)
        apart |= np.diff(times_s) < 0  # a stream that was cut
        visits = np.concatenate(([0], np.cumsum(apart)))[: len(rows)]
        return cls(rows, positions, tracks, times_s, ends_s, visits)

    def of_tracks(self) -> Iterator[tuple[int, slice]]:
        """Each track, with the slice of its faces."""
        tracks, firsts = np.unique(self.tracks, return_index=True)
        ends = np.append(firsts[1:], len(self.tracks)).tolist()[: len(tracks)]
        for track, first, end in zip(tracks.tolist(), firsts.tolist(), ends, strict=True):
            yield track, slice(first, end)


def events_of(result: VideoResult, settings: EventSettings) -> list[Event]:
    faces = Visits.of(result, max_gap_s=settings.max_gap_s)
    first, end = _windows(faces, settings.window_s)
    events: list[Event] = []
    for emotion, probabilities in zip(EMOTIONS, result.raw_probabilities.T, strict=True):
        own = np.nan_to_num(probabilities[faces.rows].astype(np.float64))
        # A median is at least x where more than half of the values are.
        kept = 2 * _sums(own >= settings.off, first, end) > end - first
        strong = 2 * _sums(own >= settings.on, first, end) > end - first
        starts, stops = _runs(kept, faces.visits)
        reached = np.concatenate(([0], np.cumsum(strong)))
        lasting = faces.ends_s[stops - 1] - faces.times_s[starts] + _ROUNDING_S
        good = (reached[stops] > reached[starts]) & (lasting >= settings.min_duration_s)
        level = _sums(own, first, end) / (end - first)
        for start, stop in zip(starts[good].tolist(), stops[good].tolist(), strict=True):
            peak = start + int(level[start:stop].argmax())
            track = int(faces.tracks[start])
            event = Event(
                track=track,
                name=result.name_of(track),
                emotion=emotion,
                onset_s=float(faces.times_s[start]),
                peak_s=float(faces.times_s[peak]),
                end_s=float(faces.ends_s[stop - 1]),
                peak_probability=float(level[peak]),
                mean_probability=float(own[start:stop].mean()),
                frames=stop - start,
            )
            events.append(event)
    return sorted(events, key=lambda event: (event.onset_s, event.track, event.end_s))


def frame_ends_s(times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """When each frame ends: at the next one; the last, as if it took as long as the one before.

    Args:
        times_s: (N,), of all frames of a video.
    """
    if len(times_s) < 2:
        return times_s.copy()
    ends_s = np.append(times_s[1:], 2 * times_s[-1] - times_s[-2])
    return np.asarray(np.maximum(ends_s, times_s))


def shown_by(faces: Visits, events: Sequence[Event]) -> NDArray[np.bool_]:
    """(F, 7): which of `mien.EMOTIONS` each face shows by these events.

    Args:
        faces: of the video.
        events: of the same video.
    """
    shown = np.zeros((len(faces.rows), len(EMOTIONS)), np.bool_)
    slices = dict(faces.of_tracks())
    for event in events:
        if (own := slices.get(event.track)) is None:
            continue
        limits_s = np.array([event.onset_s, event.end_s]) - _ROUNDING_S
        start, stop = own.start + np.searchsorted(faces.times_s[own], limits_s)
        shown[start:stop, EMOTIONS.index(event.emotion)] = True
    return shown


def _windows(faces: Visits, window_s: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(F,) each: the first face of the window around each, and the one after its last."""
    if not len(faces.rows):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    span_s = float(np.ptp(faces.times_s)) + window_s + 1.0
    keys = faces.times_s - faces.times_s.min() + faces.visits * span_s  # no window leaves a visit
    half_s = window_s / 2 + _ROUNDING_S
    return np.searchsorted(keys, keys - half_s), np.searchsorted(keys, keys + half_s, side="right")


def _sums(values: NDArray[Any], first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[Any]:
    """(F,): the sum of the values in the window of each."""
    sums = np.concatenate(([0], np.cumsum(values)))
    return np.asarray(sums[end] - sums[first])


def _runs(
    kept: NDArray[np.bool_], visits: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where runs of true values begin and end, each inside one visit."""
    if not len(kept):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    new = np.concatenate(([True], np.diff(visits) != 0))
    before = np.concatenate(([False], kept[:-1])) & ~new
    after = np.concatenate((kept[1:] & ~new[1:], [False]))
    return np.flatnonzero(kept & ~before), np.flatnonzero(kept & ~after) + 1


def statistics_of(
    result: VideoResult, events: Sequence[Event], *, max_gap_s: float = 0.0
) -> list[EmotionStatistics]:
    """How each person shows each emotion: seven entries for each track, in order.

    Args:
        result: of a video.
        events: of the same video, in the order of their onsets, as `events_of` gives them.
        max_gap_s: as for the events, see `EventSettings`.
    """
    faces = Visits.of(result, max_gap_s=max_gap_s)
    shown = shown_by(faces, events)
    seconds = faces.ends_s - faces.times_s
    by_track: dict[int, list[Event]] = {}
    for event in events:
        by_track.setdefault(event.track, []).append(event)
    statistics = []
    for track, own in faces.of_tracks():
        of_track = by_track.get(track, [])
        onsets_s = np.array([event.onset_s for event in of_track])
        places = own.start + np.searchsorted(faces.times_s[own], onsets_s)
        changes = _transitions(of_track, faces.visits[np.minimum(places, own.stop - 1)])
        seen_s, totals_s = float(seconds[own].sum()), seconds[own] @ shown[own]
        for emotion, total_s in zip(EMOTIONS, totals_s.tolist(), strict=True):
            onsets = [event.onset_s for event in of_track if event.emotion == emotion]
            entry = EmotionStatistics(
                track=track,
                name=result.name_of(track),
                emotion=emotion,
                seen_s=seen_s,
                count=len(onsets),
                total_s=total_s,
                share=total_s / seen_s if seen_s else 0.0,
                mean_s=total_s / len(onsets) if onsets else None,
                rate_per_min=60 * len(onsets) / seen_s if seen_s else None,
                latency_s=onsets[0] - float(faces.times_s[own.start]) if onsets else None,
                transitions=changes[emotion],
            )
            statistics.append(entry)
    return statistics


def dyads_of(
    result: VideoResult, events: Sequence[Event], *, follow_s: float = FOLLOW_S
) -> list[DyadStatistics]:
    """How each two people show each emotion together: seven entries for each pair, in order.

    Pairs that are never in one frame have none. Who follows whom is counted by time windows (Yoder
    & Tapp 2004, Journal of Behavioral Education 13, 227-246): an onset of one is followed if an
    onset of the other comes later, within `follow_s`.

    Args:
        result: of a video.
        events: of the same video.
        follow_s: the window, in seconds.
    Raises:
        OptionError: `follow_s` is not above 0.
    """
    faces = Visits.of(result)
    shown = shown_by(faces, events)
    seconds = faces.ends_s - faces.times_s
    onsets: dict[tuple[int, str], list[float]] = {}
    for event in events:
        onsets.setdefault((event.track, event.emotion), []).append(event.onset_s)
    dyads = []
    for a, b, in_a, in_b in _pairs(faces):
        weights, times_s = seconds[in_a], faces.times_s[in_a]
        both = shown[in_a] & shown[in_b]
        together_s = float(weights.sum())
        apart = np.concatenate(([True], np.diff(faces.positions[in_a]) > 1))
        begins = both & ~(np.concatenate((np.zeros_like(both[:1]), both[:-1])) & ~apart[:, None])
        a_s, b_s, both_s = (weights @ who for who in (shown[in_a], shown[in_b], both))
        for i, emotion in enumerate(EMOTIONS):
            of_a, of_b = (_during(onsets.get((track, emotion), []), times_s) for track in (a, b))
            b_lags, a_lags = _lags(of_a, of_b, follow_s), _lags(of_b, of_a, follow_s)
            entry = DyadStatistics(
                track_a=a,
                name_a=result.name_of(a),
                track_b=b,
                name_b=result.name_of(b),
                emotion=emotion,
                together_s=together_s,
                a_s=float(a_s[i]),
                b_s=float(b_s[i]),
                both_s=float(both_s[i]),
                both_count=int(begins[:, i].sum()),
                share=float(both_s[i]) / together_s if together_s else 0.0,
                expected_share=float(a_s[i] * b_s[i]) / together_s**2 if together_s else 0.0,
                a_onsets=len(of_a),
                b_follows=len(b_lags),
                b_lag_s=float(b_lags.mean()) if len(b_lags) else None,
                b_onsets=len(of_b),
                a_follows=len(a_lags),
                a_lag_s=float(a_lags.mean()) if len(a_lags) else None,
            )
            dyads.append(entry)
    return dyads


def _transitions(events: Sequence[Event], visits: NDArray[np.int64]) -> dict[str, dict[str, int]]:
    """Emotion -> emotion -> how often an event of one track is followed by the other in a visit."""
    counts = {emotion: dict.fromkeys(EMOTIONS, 0) for emotion in EMOTIONS}
    for (one, visit), (next_one, next_visit) in pairwise(zip(events, visits.tolist(), strict=True)):
        if visit == next_visit:
            counts[one.emotion][next_one.emotion] += 1
    return counts


def _pairs(
    faces: Visits,
) -> Iterator[tuple[int, int, NDArray[np.int64], NDArray[np.int64]]]:
    """Each two tracks that are in one frame, with the places of their faces in those frames."""
    tracks = list(faces.of_tracks())
    for i, (a, of_a) in enumerate(tracks):
        for b, of_b in tracks[i + 1 :]:
            one, other = faces.positions[of_a], faces.positions[of_b]
            if one[0] > other[-1] or other[0] > one[-1]:
                continue
            frames, in_a, in_b = np.intersect1d(one, other, return_indices=True)
            if len(frames):
                yield a, b, of_a.start + in_a, of_b.start + in_b


def _during(onsets_s: list[float], times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The onsets, rising, in frames at these times."""
    onsets = np.array(onsets_s)
    return np.sort(onsets[np.isin(onsets, times_s)])


def _lags(
    first_s: NDArray[np.float64], then_s: NDArray[np.float64], follow_s: float
) -> NDArray[np.float64]:
    """For each of the first onsets that is followed, how much later the other one comes."""
    places = np.searchsorted(then_s, first_s, side="right")
    followed = places < len(then_s)
    lags = then_s[places[followed]] - first_s[followed]
    return np.asarray(lags[lags <= follow_s + 1e-9])


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
        people[name] = _intervals(edges, frames, labels[faces[first]])
    shown = (*EMOTIONS, UNSURE) if rows.unsure.any() else EMOTIONS
    # Rounded as the edges are: an interval between one and the other has no length once written.
    return Annotation(people, max(float(edges[-1]), round(length_s or 0.0, _DIGITS)), shown)


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


def _intervals(
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


def unusable_spans(result: VideoResult) -> dict[int, list[UnusableSpan]]:
    """The stretches of each track in which more than half of its readings are not usable.

    Args:
        result: of a video; rows of earlier versions, which tell nothing of it, have no stretches.
    Returns:
        Track -> stretches in order; each is a frame, or of a long video as many
        as make at most `MAX_STEPS` of it, at least. Tracks without one are not there.
    """
    faces = Visits.of(result)
    reasons = result.unusable[faces.rows]
    step = 1
    while (len(result.frames) - 1) // step >= MAX_STEPS:
        step *= 2
    steps = faces.positions // step
    found: dict[int, list[UnusableSpan]] = {}
    for track, own in faces.of_tracks():
        if not (reasons[own] > 0).any():
            continue
        spans: list[UnusableSpan] = []
        before = -2
        firsts = (own.start + np.flatnonzero(np.diff(steps[own], prepend=-1))).tolist()
        for first, end in zip(firsts, [*firsts[1:], own.stop], strict=True):
            why = np.bincount(reasons[first:end].clip(0), minlength=len(UNUSABLE))[1:]
            if 2 * why.sum() <= end - first:
                continue
            reason = UNUSABLE[1 + int(why.argmax())]
            start_s, end_s = float(faces.times_s[first]), float(faces.ends_s[end - 1])
            if spans and steps[first] == before + 1 and spans[-1].reason == reason:
                start_s = spans.pop().start_s
            spans.append(UnusableSpan(start_s, end_s, reason))
            before = int(steps[first])
        if spans:
            found[track] = spans
    return found
