"""What a film shows, on one page of HTML that needs no other file."""

import html
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from mien.faces import Box
from mien.figures import EMOTION_COLORS
from mien.html_page import data_uri, html_page
from mien.images import Image
from mien.labels import EMOTIONS
from mien.overlay import annotate
from mien.records import open_whole
from mien.video.timeline import Band, Timeline, clock, tick_every

if TYPE_CHECKING:
    from mien.video.frames import Frame
    from mien.video.readings import TrackedReading, TrackSummary

THUMBNAIL_PX: Final = 128
STILL_WIDTH_PX: Final = 800
MAX_STILLS: Final = 6
MAX_BANDS: Final = 12
"""People whose bands the timeline of a page has."""

MAX_PEOPLE: Final = 40
"""Rows of the table; those who are there longest."""

_MARGIN: Final = 0.3  # around a face in its thumbnail, on each side
_BETTER: Final = 1.1  # how much better a thumbnail must be to be cut anew
_STRONGER: Final = 0.02  # by how much a moment must be more probable to be kept instead
_CLEAR: Final = 0.5  # less probable emotions make no moment
_SMALL_PX: Final = 64.0  # smaller faces make weaker stills
_JPEG_QUALITY: Final = 85
_BAND_STEPS: Final = 1024  # of a timeline, across
_BAND_PX: Final = 64
_LETTER: Final = 0.009  # of the length of a timeline, that a letter takes
_LAST_TICK: Final = 0.95  # of the length; a time further right would reach beyond the page
_PHONE: Final = 3.0  # times as much, on a phone
_LOW_WORD: Final = 0.3  # of the height of a band, that a word needs
_GREY: Final = (228, 230, 234)

_PACKAGES: Final = ("numpy", "opencv-python-headless", "opencv-python", "onnxruntime", "av")

CAUTION: Final = (
    "A face shows an expression, not what a person feels (Barrett et al. 2019, "
    "doi:10.1177/1529100619832930), and the network that read these faces is often wrong. Do not "
    "use this page to judge people: not to hire, grade, diagnose, police or rank them, nor to say "
    "whether they lie. In the European Union, inferring emotions at work and in schools is "
    "forbidden but for medical and safety reasons (AI Act, article 5(1)(f)), and elsewhere people "
    "must be told that it is done to them (article 50(3)). The page holds pictures of people: "
    "treat it as you treat the film."
)

_STYLE: Final = """
table { font-size: .9rem; } th, td { padding: .35rem .7rem; }
td.most { font-weight: 700; } td.none { color: #8d949e; }
.face { width: 72px; height: 72px; border-radius: .4rem; display: block; background: #e4e6ea; }
.timeline { --names: 8.5rem; position: relative; font-size: .85rem; margin: 1rem 0; }
.timeline .person { display: grid; grid-template-columns: var(--names) 1fr; align-items: center;
  margin: .4rem 0; line-height: 1.25; }
.timeline small { display: block; }
.band { position: relative; height: 4rem; background: #eceef1; border-radius: .3rem;
  overflow: hidden; }
.band img { position: absolute; inset: 0; width: 100%; height: 100%; }
.band span { position: absolute; color: #16181c; transform: translate(-50%, 50%); line-height: 1;
  white-space: nowrap; }
.ticks { position: relative; height: 1.5rem; margin-left: var(--names); color: #5d636c;
  font-variant-numeric: tabular-nums; }
.ticks span { position: absolute; padding: .3rem 0 0 .25rem; border-left: 1px solid;
  line-height: 1; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; }
@media (prefers-color-scheme: dark) { .band { background: #23262c; } .ticks { color: #a3a9b3; } }
@media (max-width: 700px) {
  .timeline { --names: 0px; } .timeline .person { display: block; margin: .8rem 0; }
  .timeline small { display: inline; margin-left: .6em; }
  .band { margin-top: .2rem; } .band .short, .ticks .fine { display: none; } }
.bar { display: flex; width: 9rem; height: 1rem; border-radius: .25rem; overflow: hidden; }
.stills { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr)); }
figure { margin: 0; } figure img { width: 100%; border-radius: .4rem; display: block; }
figcaption { font-size: .9rem; margin-top: .3rem; }
@media print { .stills figure { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class Moment:
    """A frame in which a face shows an emotion clearly.

    Attributes:
        time_s: of the frame.
        image: (H, W, 3) uint8, RGB: the frame, at most `STILL_WIDTH_PX` wide.
        readings: of all its faces, in pixels of `image`.
        track: of the face that is meant.
        emotion: that it shows.
        probability: of that emotion, 0 to 1.
    """

    time_s: float
    image: Image
    readings: "tuple[TrackedReading, ...]"
    track: int
    emotion: str
    probability: float


class Highlights:
    """The pictures of a report, kept while a film is read: it need not be read twice.

    Of each person it keeps the best view as a small JPEG, of each emotion the frame in which it is
    most probable. Memory grows with the number of people, 5 kB each, not with the film.
    """

    def __init__(self) -> None:
        self._views: dict[int, tuple[float, bytes]] = {}
        self._moments: dict[str, tuple[float, Moment]] = {}

    def add(self, frame: "Frame", readings: "Sequence[TrackedReading]") -> None:
        """Look at one frame of the film."""
        for reading in readings:
            size_px = min(reading.box[2] - reading.box[0], reading.box[3] - reading.box[1])
            if reading.detected:  # the score of another frame says nothing of this one
                quality = reading.score * size_px
                if quality > _BETTER * self._views.get(reading.track, (0.0, b""))[0]:
                    view = _cut(frame.image, reading.box)
                    if view is not None:
                        self._views[reading.track] = (quality, _to_jpeg(view))
            if reading.unsure or reading.probability < _CLEAR:
                continue
            strength = reading.probability * min(1.0, size_px / _SMALL_PX)
            if strength > self._moments.get(reading.emotion, (0.0, None))[0] + _STRONGER:
                self._moments[reading.emotion] = (strength, _moment(frame, readings, reading))

    def thumbnail(self, track: int) -> bytes | None:
        """The best view of a person: JPEG, `THUMBNAIL_PX` on each side; None if there is none."""
        found = self._views.get(track)
        return None if found is None else found[1]

    def moments(self, most: int = MAX_STILLS) -> list[Moment]:
        """The strongest moment of each emotion, in the order of time.

        Args:
            most: how many; neutral ones are the first to be left out, then the weakest.
        """
        ranked = sorted(
            self._moments.values(), key=lambda kept: (kept[1].emotion == "neutral", -kept[0])
        )
        return sorted((moment for _, moment in ranked[:most]), key=lambda moment: moment.time_s)


def write_video_report(
    path: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    people: "Sequence[TrackSummary]",
    timeline: Timeline,
    highlights: Highlights,
    settings: Mapping[str, str],
) -> None:
    """Write the page: timeline, a row for each person, stills, how it was made.

    Args:
        path: of the page.
        title: the name of the film.
        facts: of the film, such as its length, in the order in which they are shown.
        people: one for each track.
        timeline: of the same film.
        highlights: likewise.
        settings: how it was read, by name; versions of packages are added.
    Raises:
        OutputError: it cannot be written.
    """
    with open_whole(path) as file:
        file.write(_page(title, facts, people, timeline, highlights, settings))


def _page(
    title: str,
    facts: Mapping[str, str],
    people: "Sequence[TrackSummary]",
    timeline: Timeline,
    highlights: Highlights,
    settings: Mapping[str, str],
) -> str:
    name = html.escape(title)
    line = " &middot; ".join(html.escape(f"{key}: {value}") for key, value in facts.items())
    shown = sorted(people, key=lambda person: (-person.on_screen_s, person.track))[:MAX_PEOPLE]
    shown.sort(key=lambda person: person.track)
    rows = "\n".join(_row(person, highlights.thumbnail(person.track)) for person in shown)
    heads = "".join(
        f'<th><span class="swatch" style="background:{color}"></span>{label}</th>'
        for label, color in zip(EMOTIONS, EMOTION_COLORS, strict=True)
    )
    left_out = len(people) - len(shown)
    more = f"<p>{left_out} more people, there for less time, are left out.</p>" if left_out else ""
    stills = "\n".join(_still(moment) for moment in highlights.moments())
    table = (
        f'<div class="scroll"><table><thead><tr><th class="left">person</th><th></th>'
        f"<th>on screen</th><th>from</th><th>to</th>{heads}</tr></thead>"
        f"<tbody>\n{rows}\n</tbody></table></div>{more}"
        if shown
        else "<p>No face was found.</p>"
    )
    made = "\n".join(
        f'<tr><td>{html.escape(key)}</td><td class="left">{html.escape(value)}</td></tr>'
        for key, value in {**settings, **_versions()}.items()
    )
    parts = [
        f'<h1>{name}</h1>\n<p class="dim">{line}</p>',
        f'<p class="caution">{html.escape(CAUTION)}</p>',
        f"<h2>Over time</h2>\n{_over_time(people, timeline)}",
        f'<h2>People</h2>\n<p class="dim">Of the time on screen, the share in which the face was '
        "read as each emotion; below it the mean of its probability. A person who leaves and looks "
        f"different on return may be counted twice.</p>\n{table}",
    ]
    if stills:
        parts.append(
            '<h2>Strongest moments</h2>\n<p class="dim">The frame in which each emotion was most '
            f'probable.</p>\n<div class="stills">\n{stills}\n</div>'
        )
    parts.append(
        '<h2>How it was made</h2>\n<div class="scroll"><table><tbody>\n'
        f"{made}\n</tbody></table></div>"
    )
    body = "\n".join(parts)
    return html_page(title, body, style=_STYLE)


def _row(person: "TrackSummary", thumbnail: bytes | None) -> str:
    face = '<span class="face"></span>'
    if thumbnail is not None:
        face = f'<img class="face" alt="person {person.track}" src="{data_uri(thumbnail, "jpeg")}">'
    bar = "".join(
        f'<span style="width:{share:.2%};background:{color}"></span>'
        for share, color in zip(person.shares.values(), EMOTION_COLORS, strict=True)
    )
    most = max(person.shares.values())
    cells = ""
    for share, mean in zip(person.shares.values(), person.means.values(), strict=True):
        kind = "most" if share == most else "none" if share < 0.005 else "some"
        cells += f'<td class="{kind}">{share:.0%}<small>{mean:.2f}</small></td>'
    return (
        f'<tr><td>{face}</td><td class="left">person {person.track}<div class="bar">{bar}</div>'
        f"</td><td>{clock(person.on_screen_s, fine=True)}</td>"
        f"<td>{clock(person.first_s, fine=True)}</td><td>{clock(person.last_s, fine=True)}</td>"
        f"{cells}</tr>"
    )


def _still(moment: Moment) -> str:
    content = _to_jpeg(annotate(moment.image, moment.readings))
    caption = (
        f"{clock(moment.time_s, fine=True)}: person {moment.track}, {moment.emotion} "
        f"{moment.probability:.0%}"
    )
    return (
        f'<figure><img alt="{caption}" src="{data_uri(content, "jpeg")}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _over_time(people: "Sequence[TrackSummary]", timeline: Timeline) -> str:
    """A band for each person, which grows and shrinks with the page, in its light or dark."""
    tracks = sorted(timeline.tracks[:MAX_BANDS])
    means = {person.track: person.means for person in people}
    bands = "\n".join(_band(track, timeline, means.get(track, {})) for track in tracks)
    length_s = timeline.end_s - timeline.start_s
    if not tracks:
        return f"<p>No face in {clock(length_s, fine=True)}.</p>"
    every_s = tick_every(length_s)
    first, last = -(-timeline.start_s // every_s), timeline.end_s // every_s
    ticks = ""
    for tick in range(int(first), int(last) + 1):
        kind = ' class="fine"' if tick % 2 else ""
        left = (tick * every_s - timeline.start_s) / length_s
        if left > _LAST_TICK:
            break
        text = clock(tick * every_s, fine=every_s < 1)
        ticks += f'<span{kind} style="left:{left:.2%}">{text}</span>'
    swatches = "".join(
        f'<span><span class="swatch" style="background:{color}"></span>{label}</span>'
        for label, color in zip(EMOTIONS, EMOTION_COLORS, strict=True)
    )
    count = len(timeline.tracks)
    few = f'<p class="dim">The {MAX_BANDS} of {count} people who are there longest.</p>'
    return (
        (few if count > MAX_BANDS else "")
        + f'<div class="timeline">\n{bands}\n<div class="ticks">{ticks}</div></div>\n'
        f'<div class="legend">{swatches}</div>'
    )


def _band(track: int, timeline: Timeline, means: Mapping[str, float]) -> str:
    bands = timeline.bands(track)
    start_s, length_s = timeline.start_s, timeline.end_s - timeline.start_s
    words = "".join(_words(band, start_s, length_s) for band in bands)
    said = ", ".join(f"{label} {mean:.0%}" for label, mean in means.items() if mean >= 0.05)
    alt = f"person {track} from {clock(start_s)} to {clock(timeline.end_s)}: {said}"
    picture = data_uri(_band_png(bands, start_s, length_s), "png")
    return (
        f'<div class="person"><div>person {track}'
        f"<small>{timeline.share_seen(track):.0%} of the time</small></div>"
        f'<div class="band"><img alt="{alt}" src="{picture}">{words}</div></div>'
    )


def _band_png(bands: Sequence[Band], start_s: float, length_s: float) -> bytes:
    """The stacked probabilities, stretched by the page; clear where nobody is."""
    import cv2

    times_s = start_s + (np.arange(_BAND_STEPS) + 0.5) * (length_s / _BAND_STEPS)
    heights = (np.arange(_BAND_PX, 0, -1) - 0.5) / _BAND_PX
    colors = np.array([[*(int(c[i : i + 2], 16) for i in (5, 3, 1)), 255] for c in EMOTION_COLORS])
    colors = np.concatenate((colors, np.zeros((1, 4)))).astype(np.uint8)  # BGR and how opaque
    tops = np.zeros((_BAND_STEPS, len(EMOTIONS)))
    for band in bands:
        inside = (times_s >= band.times_s[0]) & (times_s <= band.times_s[-1])
        layers = [np.interp(times_s[inside], band.times_s, share) for share in band.shares.T]
        tops[inside] = np.cumsum(layers, axis=0).T
    which = (heights[:, None, None] >= tops[None]).sum(axis=2)
    _, content = cv2.imencode(".png", colors[which])
    return bytes(content)


def _words(band: Band, start_s: float, length_s: float) -> str:
    """Names of emotions, in the middle of each stretch that is high and long enough for it."""
    tops = np.cumsum(band.shares, axis=1)
    most = band.shares.argmax(axis=1)
    words = ""
    for run in np.split(np.arange(len(most)), np.flatnonzero(np.diff(most)) + 1):
        emotion = int(most[run[0]])
        first_s, last_s = band.times_s[run[0]], band.times_s[run[-1]]
        width_s = (len(EMOTIONS[emotion]) + 1) * _LETTER * length_s
        middle_s = (first_s + last_s) / 2
        below = run[np.abs(band.times_s[run] - middle_s) <= width_s / 2]
        if last_s - first_s < width_s or not len(below):
            continue
        ceiling = tops[below, emotion].min()
        floor = (tops[below, emotion] - band.shares[below, emotion]).max()
        if ceiling - floor < _LOW_WORD:
            continue
        kind = "" if last_s - first_s >= _PHONE * width_s else ' class="short"'
        left, bottom = (middle_s - start_s) / length_s, (ceiling + floor) / 2
        words += (
            f'<span{kind} style="left:{left:.2%};bottom:{bottom:.2%}">{EMOTIONS[emotion]}</span>'
        )
    return words


def _versions() -> dict[str, str]:
    from mien import __version__

    found = {"mien": __version__, "Python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _cut(image: Image, box: Box) -> Image | None:
    """A square around a face, `THUMBNAIL_PX` on each side; what lies outside is grey."""
    import cv2

    x0, y0, x1, y1 = box
    side = max(x1 - x0, y1 - y0) * (1 + 2 * _MARGIN)
    if side < 1:
        return None
    scale = THUMBNAIL_PX / side
    shift = np.array(
        [
            [scale, 0, THUMBNAIL_PX / 2 - scale * (x0 + x1) / 2],
            [0, scale, THUMBNAIL_PX / 2 - scale * (y0 + y1) / 2],
        ],
        np.float32,
    )
    # Of a large face, the warp takes single pixels here and there: the picture is shrunk before.
    if scale < 0.5:
        image = cv2.resize(image, None, fx=2 * scale, fy=2 * scale, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        shift[:, :2] = np.eye(2) / 2
    size = (THUMBNAIL_PX, THUMBNAIL_PX)
    return np.asarray(cv2.warpAffine(image, shift, size, borderValue=_GREY), np.uint8)


def _moment(
    frame: "Frame", readings: "Sequence[TrackedReading]", meant: "TrackedReading"
) -> Moment:
    import cv2

    height, width = frame.image.shape[:2]
    scale = min(1.0, STILL_WIDTH_PX / width)
    size = (round(width * scale), max(1, round(height * scale)))
    image = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
    return Moment(
        time_s=frame.time_s,
        image=np.asarray(image, np.uint8),
        readings=tuple(_scaled(reading, scale) for reading in readings),
        track=meant.track,
        emotion=meant.emotion,
        probability=meant.probability,
    )


_Reading = TypeVar("_Reading", bound="TrackedReading")


def _scaled(reading: _Reading, scale: float) -> _Reading:
    x0, y0, x1, y1 = reading.box
    return replace(reading, box=(x0 * scale, y0 * scale, x1 * scale, y1 * scale), landmarks=None)


def _to_jpeg(image: Image) -> bytes:
    import cv2

    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return bytes(content)
