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
from mien.video.timeline import Timeline, clock, timeline_png

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
.timeline { width: 100%; height: auto; background: white; border-radius: .4rem; }
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
        MissingExtraError: matplotlib is not installed.
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
    drawn = timeline_png(timeline, max_people=MAX_BANDS)
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
        f'<h2>Over time</h2>\n<img class="timeline" alt="{html.escape(_alt(people, timeline))}" '
        f'src="{data_uri(drawn, "png")}">',
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


def _alt(people: "Sequence[TrackSummary]", timeline: Timeline) -> str:
    count = "1 person" if len(people) == 1 else f"{len(people)} people"
    return (
        f"Probabilities of the seven emotions of {count} from {clock(timeline.start_s)} to "
        f"{clock(timeline.end_s)}; the table below has their means"
    )


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
