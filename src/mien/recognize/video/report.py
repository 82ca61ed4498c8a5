"""What a video shows, on one page of HTML that needs no other file."""

import json
import os
import platform
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from itertools import combinations
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.labels import COLORS, EMOTIONS
from mien.output.figures import COLOR_OF, EMOTION_COLORS
from mien.output.files import write_text
from mien.output.overlay import annotate
from mien.output.pages import (
    Cell,
    Figure,
    Part,
    Row,
    Table,
    data_uri,
    facts_table,
    png_uri,
    render,
    uri_content,
)
from mien.readings import Box, Image, TrackedReading, TrackSummary
from mien.recognize.video.info import Frame
from mien.recognize.video.offline import to_jpeg
from mien.recognize.video.report_lanes import Observed
from mien.rows.statistics import EventTables
from mien.rows.timeline import Band, Timeline, clock, page_ticks, word_s
from mien.rows.usable import UnusableTotals

THUMBNAIL_PX: Final = 128
STILL_WIDTH_PX: Final = 800
MAX_STILLS: Final = 6

_MAX_BANDS: Final = 12  # people whose bands the timeline has
_MAX_PEOPLE: Final = 40  # rows of the table; those who are there longest
_MARGIN: Final = 0.3  # around a face in its thumbnail, on each side
_BETTER: Final = 1.1  # how much better a thumbnail must be to be cut anew
_STRONGER: Final = 0.02  # by how much a moment must be more probable to be kept instead
_CLEAR: Final = 0.5  # less probable emotions make no moment
_SMALL_PX: Final = 64.0  # smaller faces make weaker stills
_JPEG_QUALITY: Final = 85
_BAND_STEPS: Final = 1024  # of a timeline, across
_BAND_PX: Final = 64
_PHONE: Final = 3.0  # times as much, on a phone
_LOW_WORD: Final = 0.3  # of the height of a band, that a word needs
_GRAY: Final = (228, 230, 234)

# What a page has for its readers, as `write_video_report` writes it.
_DATA: Final = '<script type="application/json" id="report">'
_IMAGE: Final = r'<img class="{}" alt="[^"]*" src="([^"]*)"'
_PACKAGES: Final = ("numpy", "opencv-python-headless", "opencv-python", "onnxruntime", "av")


class _Moment(NamedTuple):
    """A frame in which a face shows an emotion clearly, at most `STILL_WIDTH_PX` wide."""

    strength: float
    time_s: float
    image: Image
    readings: Sequence[TrackedReading]  # of all its faces, in pixels of `image`
    meant: TrackedReading


@dataclass(frozen=True)
class Still:
    """An image of a moment."""

    jpeg: bytes  # the frame with its boxes
    time_s: float  # of the frame
    track: int  # of the face that is meant
    tracks: tuple[int, ...]  # of all faces that are seen
    emotion: str  # that the face shows
    probability: float  # of that emotion, 0 to 1


@dataclass(frozen=True)
class Images:
    """The images of a report."""

    # track -> the best view of the person, JPEG, `THUMBNAIL_PX` on each side
    thumbnails: Mapping[int, bytes] = field(default_factory=dict)
    stills: tuple[Still, ...] = ()  # in the order of time

    def merged(self, numbers: Mapping[int, int]) -> "Images":
        """Those that are left when tracks are merged and excluded.

        A still that shows somebody who is excluded goes, whoever else it shows.

        Args:
            numbers: track -> its new number; those that are excluded are not there.
        """
        thumbnails: dict[int, bytes] = {}
        for track, jpeg in sorted(self.thumbnails.items()):
            if track in numbers:
                thumbnails.setdefault(numbers[track], jpeg)
        stills = tuple(
            replace(
                still,
                track=numbers[still.track],
                tracks=tuple(numbers[track] for track in still.tracks),
            )
            for still in self.stills
            if numbers.keys() >= {still.track, *still.tracks}
        )
        return Images(thumbnails, stills)


@dataclass(frozen=True)
class EarlierReport:
    """What a page that was written before tells of its video, for a new one."""

    path: Path  # of the page
    title: str  # the name of the video
    facts: dict[str, str]  # of the video
    made: dict[str, str]  # how it was read, by name
    frames: int  # how many were read
    images: Images  # of the people


class Highlights:
    """The images of a report, kept while a video is read: it need not be read twice.

    Of each person it keeps the best view as a small JPEG, of each emotion the frame in which it is
    most probable. Memory grows with the number of people, 5 kB each, not with the video.

    Args:
        usable_only: no moment of a face whose reading is not usable.
    """

    def __init__(self, *, usable_only: bool = False) -> None:
        self._usable_only = usable_only
        self._views: dict[int, tuple[float, bytes]] = {}
        self._moments: dict[str, _Moment] = {}

    def add(self, frame: Frame, readings: Sequence[TrackedReading]) -> None:
        """Look at one frame of the video."""
        for reading in readings:
            size_px = min(reading.box[2] - reading.box[0], reading.box[3] - reading.box[1])
            if reading.detected:  # the score of another frame says nothing of this one
                quality = reading.score * size_px
                if quality > _BETTER * self._views.get(reading.track, (0.0, b""))[0]:
                    view = _cut(frame.image, reading.box)
                    if view is not None:
                        self._views[reading.track] = (quality, to_jpeg(view, _JPEG_QUALITY))
            if reading.unsure or reading.probability < _CLEAR:
                continue
            if self._usable_only and not reading.usable:
                continue
            strength = reading.probability * min(1.0, size_px / _SMALL_PX)
            kept = self._moments.get(reading.emotion)
            if strength > (kept.strength if kept else 0.0) + _STRONGER:
                small = _shrunk(frame.image, readings)
                self._moments[reading.emotion] = _Moment(strength, frame.time_s, *small, reading)

    def images(self) -> Images:
        """The thumbnails, and the strongest moment of each emotion, in the order of time.

        Where there are too many, neutral ones are the first to be left out, then the weakest.
        """
        ranked = sorted(
            self._moments.values(),
            key=lambda kept: (kept.meant.emotion == "neutral", -kept.strength),
        )
        stills = tuple(
            Still(
                jpeg=to_jpeg(annotate(image, readings), _JPEG_QUALITY),
                time_s=time_s,
                track=meant.track,
                tracks=tuple(reading.track for reading in readings),
                emotion=meant.emotion,
                probability=meant.probability,
            )
            for _, time_s, image, readings, meant in sorted(
                ranked[:MAX_STILLS], key=lambda moment: moment.time_s
            )
        )
        return Images({track: jpeg for track, (_, jpeg) in self._views.items()}, stills)


class Meetings:
    """Which tracks the detector found in one frame: they cannot be one person.

    Memory grows with the pairs that meet, not with the video.
    """

    def __init__(self) -> None:
        self._first_s: dict[tuple[int, int], float] = {}

    def add(self, time_s: float, readings: Sequence[TrackedReading]) -> None:
        """Look at one frame."""
        tracks = sorted(reading.track for reading in readings if reading.detected)
        for pair in combinations(tracks, 2):
            self._first_s.setdefault(pair, time_s)

    def among(self, tracks: Iterable[int]) -> list[tuple[int, int, float]]:
        """The pairs of some tracks, each with the time of the first frame that has both."""
        wanted = set(tracks)
        return [
            (*pair, time_s) for pair, time_s in self._first_s.items() if wanted.issuperset(pair)
        ]


def write_video_report(
    path: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    people: Sequence[TrackSummary],
    timeline: Timeline,
    images: Images,
    settings: Mapping[str, str],
    tables: EventTables,
    unusable: UnusableTotals,
    meetings: Meetings,
    usable_only: bool = False,
    rows: Path | None = None,
) -> None:
    """Write the page: timeline, a row for each person, stills, how it was made.

    Args:
        path: of the page.
        title: the name of the video.
        facts: of the video, such as its length, in the order in which they are shown.
        people: one for each track.
        timeline: of the same video.
        images: likewise.
        settings: how it was read, by name; versions of packages are added.
        tables: of its events.
        unusable: which of its readings are not usable.
        meetings: of its tracks.
        usable_only: all but `unusable` is without faces whose reading is not usable.
        rows: the file of its rows, from which all can be written anew; None if there is none.
    Raises:
        OutputError: it cannot be written.
    """
    shown = sorted(people, key=lambda person: (-person.on_screen_s, person.track))[:_MAX_PEOPLE]
    shown.sort(key=lambda person: person.track)
    means = {person.track: person.means for person in people}
    made = {**settings, **_versions(), **settings}
    stem = path.stem
    observed = Observed(tables, unusable, until_s=timeline.until_s)
    drawn = sorted(timeline.tracks[:_MAX_BANDS])
    usable = unusable.sentence()
    if usable_only and unusable.shares():
        usable += " They are left out here."
    page = render(
        "video.html",
        title=title,
        facts=[f"{name}: {value}" for name, value in facts.items()],
        bands=[_band(track, timeline, means.get(track, {}), observed) for track in drawn],
        usable=usable,
        statistics=observed.table(person.track for person in shown),
        tracks=len(timeline.tracks),
        length=clock(timeline.end_s - timeline.start_s, fine=True),
        ticks=page_ticks(timeline.start_s, timeline.end_s),
        emotions=COLOR_OF,
        people=_people_table(shown, images),
        left_out=len(people) - len(shown),
        stills=[_figure(still, timeline) for still in images.stills],
        images_left_out=bool(people) and not images.thumbnails,
        made=facts_table(made.items()),
        people_csv=f"{stem}-people.csv",
        command=None if rows is None else _command(path, rows, usable_only=usable_only),
        data={
            "title": title,
            "facts": dict(facts),
            "made": made,
            "frames": timeline.frames,
            "csv": f"{stem}-people.csv",
            "emotions": list(COLOR_OF.items()),
            "people": [
                _told(person, timeline, images) | observed.numbers(person.track) for person in shown
            ],
            "meetings": meetings.among(person.track for person in shown),
            "stills": [{**vars(still), "jpeg": None} for still in images.stills],
        },
    )
    write_text(path, page)


def _figure(still: Still, timeline: Timeline) -> Figure:
    shows = f"{timeline.person(still.track)}, {still.emotion} {still.probability:.0%}"
    words = f"{clock(still.time_s, fine=True)}: {shows}"
    return Figure(data_uri(still.jpeg, "jpeg"), words, kind="still")


def _told(person: TrackSummary, timeline: Timeline, images: Images) -> dict[str, Any]:
    return {
        "track": person.track,
        "name": person.name or "",
        "first_s": person.first_s,
        "last_s": person.last_s,
        "on_screen_s": person.on_screen_s,
        "seen": timeline.share_seen(person.track),
        "shares": list(person.shares.values()),
        "means": list(person.means.values()),
        "face": person.track in images.thumbnails,
    }


def read_report(path: str | Path) -> EarlierReport:
    """What a page that `write_video_report` wrote tells of its video, with its images.

    Raises:
        DataError: it is no such page.
    """
    path = Path(path)
    try:
        page = path.read_text(encoding="utf-8")
        data = json.loads(page.partition(_DATA)[2].partition("</script>")[0])
        faces, stills = (
            [uri_content(uri) for uri in re.findall(_IMAGE.format(kind), page)]
            for kind in ("face", "still")
        )
        seen = [person["track"] for person in data["people"] if person["face"]]
        thumbnails = dict(zip(seen, faces, strict=True))
        moments = tuple(
            Still(**{**still, "jpeg": jpeg, "tracks": tuple(still["tracks"])})
            for still, jpeg in zip(data["stills"], stills, strict=True)
        )
        title, facts, made, frames = (data[n] for n in ("title", "facts", "made", "frames"))
        return EarlierReport(path, title, facts, made, frames, Images(thumbnails, moments))
    except OSError as error:
        raise DataError(f"{path}: cannot be read; {error.strerror or error}") from error
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: expected a report that `mien video --report` wrote") from error


def _command(path: Path, rows: Path, *, usable_only: bool) -> str:
    """What writes all anew, typed in the folder of the page."""
    stem = path.stem
    try:
        there = os.path.relpath(rows, path.parent)
    except ValueError:  # on another drive
        there = str(rows)
    words = ["mien", "rows", there, "--people", f"{stem}-people.csv"]
    words += ["--csv", f"{stem}-named.csv", "--summary", f"{stem}-named-summary.csv"]
    words += ["--report", f"{stem}-named.html", "--earlier-report", path.name]
    return shlex.join(words + ["--usable-only"] * usable_only)


def _people_table(people: Sequence[TrackSummary], images: Images) -> Table:
    heads = [Cell(label, color=color) for label, color in COLOR_OF.items()]
    rows: list[Row] = []
    for person in people:
        shares, most = person.shares.values(), max(person.shares.values())
        name, face = person.person, Cell()
        if thumbnail := images.thumbnails.get(person.track):
            face = Cell(image=Figure(data_uri(thumbnail, "jpeg"), name, kind="face"))
        bar = [Part(share, color) for share, color in zip(shares, EMOTION_COLORS, strict=True)]
        times_s = (person.on_screen_s, person.first_s, person.last_s)
        kinds = ["most" if s == most else "few" if s < 0.005 else "" for s in shares]
        cells = [
            Cell(f"{share:.0%}", small=f"{mean:.2f}", kind=kind)
            for share, mean, kind in zip(shares, person.means.values(), kinds, strict=True)
        ]
        times = [clock(time_s, fine=True) for time_s in times_s]
        rows.append([face, Cell(name, bar=bar), *times, *cells])
    return Table(rows, head=["person", "", "on screen", "from", "to", *heads], left=(0, 1))


def _band(
    track: int, timeline: Timeline, means: Mapping[str, float], observed: Observed
) -> dict[str, object]:
    """What one person shows over time, to grow and shrink with the page, in its light or dark."""
    bands = timeline.bands(track)
    start_s, length_s = timeline.start_s, timeline.end_s - timeline.start_s
    said = ", ".join(f"{label} {mean:.0%}" for label, mean in means.items() if mean >= 0.05)
    alt = f"from {clock(start_s)} to {clock(timeline.end_s)}: {said}"
    return {
        "track": track,
        "person": timeline.person(track),
        "seen": timeline.share_seen(track),
        "image": Figure(png_uri(_band_image(bands, start_s, length_s)), alt),
        "words": [word for band in bands for word in _words(band, start_s, length_s)],
        "events": observed.events(timeline, track),
        "unusable": observed.unusable(timeline, track),
    }


def _band_image(bands: Sequence[Band], start_s: float, length_s: float) -> NDArray[np.uint8]:
    """(H, W, 4) uint8, BGR and how opaque: the stacked probabilities, clear where nobody is."""
    times_s = start_s + (np.arange(_BAND_STEPS) + 0.5) * (length_s / _BAND_STEPS)
    heights = (np.arange(_BAND_PX, 0, -1) - 0.5) / _BAND_PX
    colors = np.array(
        [(*COLORS[label][::-1], 255) for label in EMOTIONS] + [(0, 0, 0, 0)], np.uint8
    )
    tops = np.zeros((_BAND_STEPS, len(EMOTIONS)))
    for band in bands:
        inside = (times_s >= band.times_s[0]) & (times_s <= band.times_s[-1])
        layers = [np.interp(times_s[inside], band.times_s, share) for share in band.shares.T]
        tops[inside] = np.cumsum(layers, axis=0).T
    return np.asarray(colors[(heights[:, None, None] >= tops[None]).sum(axis=2)], np.uint8)


def _words(band: Band, start_s: float, length_s: float) -> Iterator[dict[str, object]]:
    """Names of emotions, in the middle of each stretch that is high and long enough for it."""
    tops = np.cumsum(band.shares, axis=1)
    most = band.shares.argmax(axis=1)
    for run in np.split(np.arange(len(most)), np.flatnonzero(np.diff(most)) + 1):
        emotion = int(most[run[0]])
        first_s, last_s = band.times_s[run[0]], band.times_s[run[-1]]
        width_s = word_s(EMOTIONS[emotion], length_s)
        middle_s = (first_s + last_s) / 2
        below = run[np.abs(band.times_s[run] - middle_s) <= width_s / 2]
        if last_s - first_s < width_s or not len(below):
            continue
        ceiling = tops[below, emotion].min()
        floor = (tops[below, emotion] - band.shares[below, emotion]).max()
        if ceiling - floor >= _LOW_WORD:
            yield {
                "text": EMOTIONS[emotion],
                "left": (middle_s - start_s) / length_s,
                "bottom": (ceiling + floor) / 2,
                "short": last_s - first_s < _PHONE * width_s,
            }


def _versions() -> dict[str, str]:
    from mien import __version__

    found = {"mien": __version__, "Python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _cut(image: Image, box: Box) -> Image | None:
    """A square around a face, `THUMBNAIL_PX` on each side; what lies outside is gray."""
    x0, y0, x1, y1 = box
    side = max(x1 - x0, y1 - y0) * (1 + 2 * _MARGIN)
    if side < 1:
        return None
    scale = THUMBNAIL_PX / side
    x, y = (THUMBNAIL_PX / 2 - scale * (a + b) / 2 for a, b in ((x0, x1), (y0, y1)))
    shift = np.array([[scale, 0, x], [0, scale, y]], np.float32)
    # Of a large face, the warp takes single pixels here and there: the image is shrunk before.
    if scale < 0.5:
        image = cv2.resize(image, None, fx=2 * scale, fy=2 * scale, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        shift[:, :2] = np.eye(2) / 2
    size = (THUMBNAIL_PX, THUMBNAIL_PX)
    return np.asarray(cv2.warpAffine(image, shift, size, borderValue=_GRAY), np.uint8)


def _shrunk(image: Image, readings: Sequence[TrackedReading]) -> tuple[Image, list[TrackedReading]]:
    """A frame as it is kept for a still, and its faces in the pixels of that."""
    height, width = image.shape[:2]
    scale = min(1.0, STILL_WIDTH_PX / width)
    size = (round(width * scale), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    scaled = []
    for reading in readings:
        x0, y0, x1, y1 = (scale * side for side in reading.box)
        scaled.append(replace(reading, box=(x0, y0, x1, y1), landmarks=None))
    return np.asarray(small, np.uint8), scaled
