"""What each person shows over time: counted in constant memory, drawn as one band per person."""

import math
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mien.errors import OptionError
from mien.labels import EMOTIONS
from mien.output.figures import COLOR_OF, EMOTION_COLORS, emotion_legend, figure, save
from mien.readings import Event, TrackedReading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_STEPS: Final = 1024
"""Of a timeline, whatever its length: more than a screen shows beside each other."""

FIRST_STEP_S: Final = 1 / 64
"""Of a video that has just begun; finer than its frames. It doubles whenever the steps run out."""

MAX_PEOPLE: Final = 6
"""Bands of a figure, unless more are asked for."""

WIDTH_IN: Final = 11.0
"""Of figures over time."""

INK: Final = "#16181c"
HEADING: Final[dict[str, Any]] = {
    **{"x": 0.01, "ha": "left", "weight": "bold", "fontsize": 12},
    "parse_math": False,  # a file name may have dollar signs
}
"""How what stands over a figure is written."""
IN_BAND: Final[dict[str, Any]] = {"ha": "center", "va": "center", "color": INK, "fontsize": 9}
"""How a word in a band is."""

_EMPTY: Final = "#f5f6f8"  # of a band, where nobody is
_DIM: Final = "#6b7079"
_NAME_LETTERS: Final = 18  # in a line beside a band
_MARGIN_IN: Final = 1.6  # left and right of the bands, about
_LETTER_IN: Final = 0.075  # width of a letter in a band, about
_CELL_IN: Final = 0.05  # steps in which places for words are looked for
_APART_IN: Final = 2.0  # between the same word twice in one band
_EVENTS_FROM: Final = 1.06  # heights of bands; events stand above them
_LANE: Final = 0.1
_SLIGHT_S: Final = 0.25  # by which events of one lane may overlap
_EVENTS_TO: Final = _EVENTS_FROM + 2 * _LANE
_MIN_ROOM: Final = 0.24  # of a band's height, that a word needs
_LETTER: Final = 0.009  # of the length of a band of a page, that a letter takes
_LAST_TICK: Final = 0.95  # of that length; a time further right would reach beyond the page


@dataclass(frozen=True, eq=False)
class Band:
    """One stretch of time in which a face was followed without a gap; N times, at least 2."""

    times_s: NDArray[np.float64]  # (N,) float64, rising
    # (N, 7) float64, 0 to 1: the mean probabilities, columns as `mien.EMOTIONS`. A row adds up to
    # the share of the frames of that time in which the face was there.
    shares: NDArray[np.float64]


class Timeline:
    """Mean probabilities of each track in at most `MAX_STEPS` equal steps of time.

        timeline = Timeline()
        for frame, readings in recognizer.stream("video.mp4"):
            timeline.add(frame.time_s, readings)
        plot_timeline(timeline, Path("video.png"))

    Memory does not grow with the video's length: where the steps run out, neighbors are joined and
    each is twice as long.

    Args:
        max_steps: how many there are at most; even.

    Attributes:
        until_s: when the last frame ends; None if it is not known.

    Raises:
        OptionError: `max_steps` is odd or less than 2.
    """

    def __init__(self, *, max_steps: int = MAX_STEPS) -> None:
        if max_steps < 2 or max_steps % 2:
            raise OptionError(
                f"expected an even number from 2; got {max_steps}", argument="max_steps"
            )
        self._max_steps = max_steps
        self._step_s = FIRST_STEP_S
        self._first_s: float | None = None
        self._last_s = 0.0
        self.until_s: float | None = None
        self._frames: Counter[int] = Counter()  # step -> frames in it
        # track -> step -> (8,): the sums of the probabilities, then the number of faces
        self._sums: dict[int, dict[int, NDArray[np.float64]]] = {}
        self._seen_s: dict[int, float] = {}  # track -> how long it is seen, up to the last frame
        self._in_last: set[int] = set()  # the tracks of the last frame
        self._people: dict[int, str] = {}  # track -> what the person is called

    @classmethod
    def of(cls, frames: Iterable[tuple[float, Sequence[TrackedReading]]]) -> Self:
        """The timeline of (time_s, faces) of each frame, those without a face included."""
        timeline = cls()
        for time_s, faces in frames:
            timeline.add(time_s, faces)
        return timeline

    def add(self, time_s: float, faces: Iterable[TrackedReading]) -> None:
        """Count one frame.

        Args:
            time_s: of the frame; not before that of the first.
            faces: in it; may be empty.
        """
        if self._first_s is None:
            self._first_s = self._last_s = time_s
        for track in self._in_last:
            self._seen_s[track] += max(time_s - self._last_s, 0.0)
        self._in_last.clear()
        self._last_s = max(self._last_s, time_s)
        while (step := max(0, int((time_s - self.start_s) / self._step_s))) >= self._max_steps:
            self._join_steps()
        self._frames[step] += 1
        for face in faces:
            sums = self._sums.setdefault(face.track, {})
            if step not in sums:
                sums[step] = np.zeros(len(EMOTIONS) + 1)
            sums[step][:-1] += face.probabilities
            sums[step][-1] += 1
            self._people[face.track] = face.person
            self._seen_s.setdefault(face.track, 0.0)
            self._in_last.add(face.track)

    @property
    def start_s(self) -> float:
        """Time of the first frame; 0 if there is none."""
        return self._first_s or 0.0

    @property
    def end_s(self) -> float:
        """`until_s`; where it is not known, as if the last frame took as long as the others do."""
        if self.until_s is not None:
            return self.until_s
        frames = self.frames
        each = (self._last_s - self.start_s) / (frames - 1) if frames > 1 else self._step_s
        return self._last_s + each

    @property
    def tracks(self) -> list[int]:
        """All of them, the one that is seen the longest first."""
        # Sums of the same length may differ in their last digits.
        return sorted(self._seen_s, key=lambda track: (-round(self.share_seen(track), 9), track))

    @property
    def frames(self) -> int:
        """How many were counted."""
        return self._frames.total()

    def person(self, track: int) -> str:
        """What the person of a track is called."""
        return self._people[track]

    def share_seen(self, track: int) -> float:
        """The share of the time in which a track is seen, 0 to 1: a frame counts until the next."""
        last_s = self.end_s - self._last_s if track in self._in_last else 0.0
        return (self._seen_s[track] + last_s) / max(self.end_s - self.start_s, 1e-9)

    def bands(self, track: int) -> list[Band]:
        """The stretches of time in which a track is there, in order."""
        steps = np.array(sorted(self._frames))
        found = self._sums[track]
        # A step lasts until the next that has a frame, as events do: of few frames a second most
        # steps have none.
        edges = np.append(self.start_s + steps * self._step_s, self.end_s)
        middles = (edges[1:] + edges[:-1]) / 2
        frames = np.array([self._frames[step] for step in steps])
        nothing = np.zeros(len(EMOTIONS) + 1)
        sums = np.stack([found.get(step, nothing) for step in steps])
        shares = sums[:, :-1] / frames[:, None]
        there = np.concatenate(([0], (sums[:, -1] > 0).astype(np.int8), [0]))
        firsts, ends = (np.flatnonzero(np.diff(there) == change) for change in (1, -1))
        return [
            Band(
                times_s=np.concatenate(([edges[i]], middles[i:j], [edges[j]])),
                shares=np.concatenate((shares[i : i + 1], shares[i:j], shares[j - 1 : j])),
            )
            for i, j in zip(firsts, ends, strict=True)
        ]

    def _join_steps(self) -> None:
        self._step_s *= 2
        frames, self._frames = self._frames, Counter()
        for step, count in frames.items():
            self._frames[step // 2] += count
        for track, sums in self._sums.items():
            joined: dict[int, NDArray[np.float64]] = {}
            for step, cell in sums.items():
                joined[step // 2] = joined.get(step // 2, 0.0) + cell
            self._sums[track] = joined


def plot_timeline(
    timeline: Timeline,
    path: Path,
    *,
    title: str = "",
    max_people: int = MAX_PEOPLE,
    events: Sequence[Event] = (),
) -> list[Path]:
    """Draw the stacked probabilities over time, one band per person, empty where nobody is.

    A band that is lower than full is of a face that is there in a part of those frames.

    Args:
        timeline: of a video.
        path: `.png` or `.svg` writes that one; anything else is a stem that both are added to. Its
            folder is made.
        title: over the bands; the name of the video.
        max_people: bands; the people who are there longest have them.
        events: of the same video: bars above each band, with a mark at the peak.
    Returns:
        The files.
    Raises:
        OptionError: `max_people` is less than 1.
        OutputError: they cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    if max_people < 1:
        raise OptionError(f"expected at least 1; got {max_people}", argument="max_people")
    people = sorted(timeline.tracks[:max_people])
    length_s = timeline.end_s - timeline.start_s
    heading = [title] if title else []
    if len(timeline.tracks) > max_people:
        heading.append(f"the {max_people} of {len(timeline.tracks)} people who are there longest")
    rows = max(1, len(people))
    height_in = 1.25 + rows * (1.15 if rows <= 3 else 0.85)
    with figure_of_bands(rows, height_in) as (drawn, bands):
        for axes, track in zip(bands, people, strict=False):
            for band in timeline.bands(track):
                _draw_band(axes, band, length_s)
            _draw_events(axes, [event for event in events if event.track == track])
            seen = f"{timeline.share_seen(track):.0%} of the time"
            name_band(axes, f"{fill(timeline.person(track), _NAME_LETTERS)}\n{seen}")
        for axes in bands:
            time_axis(axes, timeline.start_s, timeline.end_s, top=_EVENTS_TO if events else 1.0)
        for axes in bands[:-1]:
            axes.tick_params(labelbottom=False, length=0)
        bands[-1].set_xlabel("time")
        if not people:
            axes, nobody = bands[0], f"no face in {clock(length_s)}"
            axes.text(0.5, 0.5, nobody, transform=axes.transAxes, ha="center", va="center")
        if heading:
            drawn.suptitle("; ".join(heading), **HEADING)
        emotion_legend(drawn)
        return save(drawn, path)


@contextmanager
def figure_of_bands(rows: int, height_in: float) -> "Iterator[tuple[Figure, list[Axes]]]":
    """A figure over time, as `mien.output.figures.figure` makes it."""
    with figure(WIDTH_IN, height_in, rows=rows, extra="video") as made, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a name in a script the font has not
        yield made


def clock(time_s: float, *, fine: bool = False) -> str:
    """A time as people read it: `0:07`, `12:30`, `1:02:03`; with tenths, `0:07.4`."""
    tenths = math.floor(time_s * 10 + 0.5) if fine else math.floor(time_s + 0.5) * 10
    minutes, rest = divmod(tenths, 600)
    seconds = f"{rest / 10:04.1f}" if fine else f"{rest // 10:02}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds}" if hours else f"{minutes}:{seconds}"


def name_band(axes: "Axes", name: str) -> None:
    """Write who a band is of; a name may have dollar signs."""
    axes.set_ylabel(name, rotation=0, ha="right", va="center", color=INK, parse_math=False)


def _draw_events(axes: "Axes", events: Sequence[Event]) -> None:
    """Bars above a band, a lane for each of two that overlap, and a mark at each peak."""
    found = lanes(events)
    for lane in set(found):
        own = [event for event, one in zip(events, found, strict=True) if one == lane]
        bottom = _EVENTS_FROM + lane * _LANE
        # One artist for all: matplotlib takes 20 kB for each.
        axes.broken_barh(
            [(event.onset_s, event.duration_s) for event in own],
            (bottom, 0.8 * _LANE),
            facecolors=[COLOR_OF[event.emotion] for event in own],
            linewidth=0,
        )
        peaks_s = [event.peak_s for event in own]
        axes.vlines(peaks_s, bottom, bottom + 0.8 * _LANE, color=INK, linewidth=1.0)


def lanes(events: Sequence[Event]) -> list[int]:
    """0 or 1 for each event of one person, in order: 1 where it covers much of an earlier one."""
    found: list[int] = []
    ends_s = [-math.inf, -math.inf]
    for event in events:
        lane = int(event.onset_s < ends_s[0] - _SLIGHT_S)
        ends_s[lane] = max(ends_s[lane], event.end_s)
        found.append(lane)
    return found


@dataclass(frozen=True)
class EventSpan:
    """Where an event stands on an axis of time: what a page draws of it.

    Attributes:
        event: that is drawn.
        left: where it begins, as a share of the timeline, 0 to 1.
        width: likewise, its length.
        peak: likewise, where its peak is, from the left of the timeline.
        lane: 0 or 1, see `lanes`.
        color: of its emotion, `#rrggbb`.
    """

    event: Event
    left: float
    width: float
    peak: float
    lane: int
    color: str


def event_spans(timeline: Timeline, events: Sequence[Event], track: int) -> list[EventSpan]:
    """The events of one track as shares of a timeline, for pages.

    Args:
        timeline: of the video.
        events: of the same video, in the order of their onsets.
        track: of the person.
    """
    own = [event for event in events if event.track == track]
    start_s, length_s = timeline.start_s, max(timeline.end_s - timeline.start_s, 1e-9)
    return [
        EventSpan(
            event=event,
            left=(event.onset_s - start_s) / length_s,
            width=event.duration_s / length_s,
            peak=(event.peak_s - start_s) / length_s,
            lane=lane,
            color=COLOR_OF[event.emotion],
        )
        for event, lane in zip(own, lanes(own), strict=True)
    ]


def _draw_band(axes: "Axes", band: Band, length_s: float) -> None:
    """Draw it, and name the emotions wherever their layer is high and long enough for the word."""
    # Anti-aliased neighbors would let the background through as hairlines.
    axes.stackplot(
        band.times_s, band.shares.T, colors=EMOTION_COLORS, linewidth=0, antialiased=False
    )
    cell_s = length_s / (WIDTH_IN - _MARGIN_IN) * _CELL_IN
    times_s = np.arange(band.times_s[0], band.times_s[-1], cell_s)
    layers = np.stack([np.interp(times_s, band.times_s, column) for column in band.shares.T])
    tops = layers.cumsum(axis=0)
    free = np.ones(len(times_s), dtype=bool)
    for emotion, word in enumerate(EMOTIONS):
        width = 2 + round(len(word) * _LETTER_IN / _CELL_IN)
        if width > len(times_s):
            continue
        ceiling = sliding_window_view(tops[emotion], width).min(axis=1)
        floor = sliding_window_view(tops[emotion] - layers[emotion], width).max(axis=1)
        rooms = ceiling - floor  # what a word that begins in this cell has, from 0 to 1
        rooms[~sliding_window_view(free, width).all(axis=1)] = 0.0
        while (room := rooms.max()) >= _MIN_ROOM:
            # The middle of the longest stretch that is about as good, not the first place in it.
            good = np.flatnonzero(rooms >= 0.9 * room)
            good = max(np.split(good, np.flatnonzero(np.diff(good) > 1) + 1), key=len)
            place = int(good[len(good) // 2])
            middle = times_s[place] + width / 2 * cell_s, (ceiling[place] + floor[place]) / 2
            axes.text(*middle, word, **IN_BAND)
            free[place : place + width] = False
            apart = round(_APART_IN / _CELL_IN)
            rooms[max(0, place - apart) : place + apart] = 0.0


def time_axis(axes: "Axes", start_s: float, end_s: float, *, top: float = 1.0) -> None:
    """Make axes a band over time, empty as yet, with marks at times that people count in."""
    axes.set_facecolor(_EMPTY)
    axes.grid(visible=False)
    axes.set_xlim(start_s, end_s)
    axes.set_ylim(0, top)
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    every_s = _tick_every(end_s - start_s)
    ticks = np.arange(np.ceil(start_s / every_s), end_s / every_s + 1e-9) * every_s
    axes.set_xticks(ticks, [clock(t, fine=every_s < 1) for t in ticks])
    axes.tick_params(axis="x", color="#9aa0a8", labelcolor=_DIM)


def page_ticks(start_s: float, end_s: float) -> list[dict[str, object]]:
    """The marks of the axis of time of a page, each at a share of its length."""
    every_s, length_s = _tick_every(end_s - start_s), end_s - start_s
    ticks = range(int(-(-start_s // every_s)), int(end_s // every_s) + 1)
    return [
        {"text": clock(tick * every_s, fine=every_s < 1), "left": left, "fine": tick % 2 == 1}
        for tick in ticks
        if (left := (tick * every_s - start_s) / length_s) <= _LAST_TICK
    ]


def word_s(word: str, length_s: float) -> float:
    """The time that a word takes in a band of a page of this length."""
    return (len(word) + 1) * _LETTER * length_s


def _tick_every(length_s: float) -> float:
    """Seconds between the marks of the axis: about ten of them, at times that people count in."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)
    return next((step for step in steps if length_s / step <= 12), 3600 * max(1, length_s // 43200))
