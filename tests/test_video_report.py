"""The page of a video: its images, its bands, and what stands beside them."""

import base64
import io
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from fakes import a_tracked_reading
from html_pages import Page
from mien.labels import COLORS
from mien.readings import Box, FaceQuality, TrackedReading
from mien.recognize.images import load_image
from mien.recognize.video import report, report_lanes
from mien.recognize.video.frames import Frame
from mien.recognize.video.outputs import Outputs
from mien.recognize.video.report import STILL_WIDTH_PX, THUMBNAIL_PX, Highlights
from mien.recognize.video.row_sink import RowSink

GREEN = (30, 160, 60)
SMALL, LARGE = (10.0, 10.0, 50.0, 50.0), (200.0, 200.0, 500.0, 500.0)
ASIDE = FaceQuality(60.0, 0.0, 0.0, 90.0, 1.0, 120.0, 40.0, 1.0, "turned")
USABLE = replace(ASIDE, yaw=0.0, unusable="")


def a_frame(number: int, box: Box | None = None) -> Frame:
    """Gray, green where the face is."""
    image = np.full((600, 1600, 3), 90, np.uint8)
    if box is not None:
        x0, y0, x1, y1 = map(round, box)
        image[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = GREEN
    return Frame(number, number / 10, image)


def highlights_of(*readings: TrackedReading) -> Highlights:
    """Of a video that has one of these in each frame."""
    highlights = Highlights()
    for number, reading in enumerate(readings):
        highlights.add(a_frame(number, reading.box), [reading])
    return highlights


def a_page(path: Path, frames: Iterable[Sequence[TrackedReading]], title: str = "video.mp4") -> str:
    """The page of a video with these faces, ten frames a second; with images of the first ones."""
    highlights = Highlights()
    with RowSink(Outputs(report=path), title=title) as sink:
        for number, readings in enumerate(frames):
            sink.write(number, number / 10, readings)
            if number < 3:
                highlights.add(a_frame(number), readings)
        facts = {"length": "0:03", "size": "1600 x 600"}
        settings = {"half-life": "0.4 s", "model": "paper <1>"}
        sink.write_sums(facts=facts, images=highlights.images(), settings=settings)
    return path.read_text()


def people(count: int) -> list[list[TrackedReading]]:
    """So many happy ones for three seconds."""
    return [[a_tracked_reading(1 + track) for track in range(count)]] * 30


@pytest.mark.parametrize(
    "box",
    [
        (100.0, 100.0, 160.0, 190.0),
        (20.0, 20.0, 500.0, 560.0),  # larger than the thumbnail
        (-30.0, -40.0, 50.0, 60.0),  # reaches past the border
    ],
)
def test_a_thumbnail_is_a_square_around_the_face(box: Box) -> None:
    thumbnails = highlights_of(a_tracked_reading(5, box=box)).images().thumbnails
    assert list(thumbnails) == [5]
    image = load_image(thumbnails[5])
    assert image.shape == (THUMBNAIL_PX, THUMBNAIL_PX, 3)
    np.testing.assert_allclose(image[70, 70], GREEN, atol=12)
    assert np.abs(image[2, 2].astype(int) - GREEN).max() > 40


def test_the_best_view_of_a_person_is_kept() -> None:
    small, large = a_tracked_reading(box=SMALL), a_tracked_reading(box=LARGE)
    followed = replace(large, detected=False)
    first, still, best, last = (
        highlights_of(*readings).images().thumbnails[1]
        for readings in ([small], [small, followed], [small, large], [small, large, small])
    )
    assert first == still != best == last


def test_of_each_emotion_the_strongest_moment_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [("happy", 0.5), ("sad", 0.9), ("happy", 0.8), ("happy", 0.6), ("neutral", 0.99)]
    highlights = highlights_of(
        *(a_tracked_reading(2, emotion, probability=share) for emotion, share in given)
    )
    moments = [(s.time_s, s.emotion, s.probability) for s in highlights.images().stills]
    assert moments == [(0.1, "sad", 0.9), (0.2, "happy", 0.8), (0.4, "neutral", 0.99)]
    monkeypatch.setattr(report, "MAX_STILLS", 2)
    assert [still.emotion for still in highlights.images().stills] == ["sad", "happy"]


def test_faces_that_are_unsure_make_no_moment() -> None:
    weak = highlights_of(a_tracked_reading(unsure=True), a_tracked_reading(probability=0.45))
    assert weak.images().stills == ()


def test_moments_are_kept_small_with_their_boxes() -> None:
    box = (800.0, 100.0, 1000.0, 300.0)
    (still,) = highlights_of(a_tracked_reading(box=box)).images().stills
    image = load_image(still.jpeg).astype(int)
    assert image.shape == (300, STILL_WIDTH_PX, 3)
    np.testing.assert_allclose(image[100, 450], GREEN, atol=12)
    # Its left and its right side.
    for column in (400, 500):
        assert np.abs(image[100, column - 3 : column + 4] - COLORS["happy"]).max(1).min() < 80


def test_a_large_clear_face_beats_a_tiny_one() -> None:
    tiny = a_tracked_reading(1, probability=0.95, box=(0.0, 0.0, 16.0, 16.0))
    (still,) = highlights_of(tiny, a_tracked_reading(2, probability=0.7)).images().stills
    assert still.track == 2


def test_the_page_is_whole_and_says_what_was_seen_how_and_what_it_is_not_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # which it does not need
    text = a_page(tmp_path / "report.html", people(2), title="a <b> & 'c'.mp4")
    page = Page(text)
    assert page.open == []
    # Two bands, two people, one moment of happiness.
    kinds = [source.split(";")[0] for source in page.sources]
    assert kinds == ["data:image/png"] * 2 + ["data:image/jpeg"] * 3
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    text = re.sub(r"data:[^\"]+", "", text)
    for part in (
        "<title>a &lt;b&gt; &amp; &#39;c&#39;.mp4</title>",
        "length: 0:03 &middot; size: 1600 x 600",
        "person 1",
        '<td class="most">100%<small>0.70</small></td>',
        "0:03.0",
        "person 1, happy 70%",
        "paper &lt;1&gt;",
        "onnxruntime",
        "mien</td>",
        "A face shows an expression, not what a person feels",
        "Do not use this page to judge people",
    ):
        assert part in text, part


def test_many_people_are_cut_to_those_who_are_there_longest(tmp_path: Path) -> None:
    one_by_one = [[a_tracked_reading(track)] for track in range(1, 44)]
    text = a_page(tmp_path / "report.html", one_by_one)
    assert "3 more people, there for less time, are left out" in text
    assert "person 40<" in text
    assert "person 41<" not in text


def test_a_video_without_faces_has_a_page(tmp_path: Path) -> None:
    text = a_page(tmp_path / "report.html", people(0))
    assert "No face was found." in text
    assert "Strongest moments" not in text
    assert 'class="lane' not in text
    assert "<h2>Events" not in text


def test_bands_have_the_colors_of_the_emotions_and_no_ground(tmp_path: Path) -> None:
    """What is clear shows the page's own ground, light or dark."""
    happy, sad = (a_tracked_reading(t, e, probability=0.97) for t, e in ((1, "happy"), (2, "sad")))
    text = a_page(tmp_path / "report.html", [[happy, sad]] * 50 + [[sad]] * 50)
    first, second = (
        np.asarray(PILImage.open(io.BytesIO(base64.b64decode(content))).convert("RGBA"))
        for content in re.findall(r'class="band"><img[^>]+base64,([^"]+)"', text)
    )
    height, width = first.shape[:2]
    assert tuple(first[height // 2, width // 4]) == (*COLORS["happy"], 255)
    assert tuple(second[height // 2, width // 4]) == (*COLORS["sad"], 255)
    assert first[height // 2, 3 * width // 4, 3] == 0
    assert re.search(r'<span style="left:(24|25)\.\d+%;bottom:\d+\.\d+%">happy</span>', text)
    assert re.search(r'<span style="left:(49|50)\.\d+%;bottom:\d+\.\d+%">sad</span>', text)
    assert "0:05</span>" in text


def ten_seconds(*, measured: bool) -> list[list[TrackedReading]]:
    """Happy from 2 to 5 s, aside in the last second; another one is always usable."""
    frames = []
    for number in range(100):
        first = a_tracked_reading(1, "happy" if 20 <= number < 50 else "neutral")
        qualities = (ASIDE if number >= 90 else USABLE, USABLE) if measured else (None, None)
        faces = zip((first, a_tracked_reading(2, "sad")), qualities, strict=True)
        frames.append([replace(face, quality=quality) for face, quality in faces])
    return frames


def test_events_and_what_is_not_usable_stand_beside_the_bands(tmp_path: Path) -> None:
    text = a_page(tmp_path / "report.html", ten_seconds(measured=True))
    assert Page(text).open == []
    (happy,) = re.findall(r'<span style="([^"]+)" title="(happy[^"]+)"><i style="left:', text)
    assert happy[0].startswith("left:20.000%;width:30.000%;background:#")
    assert re.fullmatch(r"happy, 0:02.0 to 0:05.0, peak 70% at 0:0[2-4].\d", happy[1])
    for part in (
        'aria-label="events: 3"',
        'aria-label="events: 1"',
        '<span style="left:90.000%;width:10.000%" title="not usable: turned, 0:09.0 to 0:10.0">',
        'title="not usable',
        'aria-label="not usable in 10% of the time: turned"',
        'aria-label="usable throughout"',
        "5% of the 200 readings of faces are not usable: 5% turned.",
    ):
        assert text.count(part) == 1, part
    row = r"person 1</td>\s*<td[^>]*>.{0,70}happy</td>" + "".join(
        rf"\s*<td>{re.escape(value)}</td>" for value in ("30.0%", "1", "3.0 s", "6.0")
    )
    assert re.search(row, text)


def test_a_lane_has_the_longest_of_many_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = ["happy" if n % 40 < 10 + n // 40 else "sad" for n in range(200)]
    monkeypatch.setattr(report_lanes, "MAX_EVENTS", 4)
    text = a_page(tmp_path / "page.html", [[a_tracked_reading(1, label)] for label in labels])
    assert 'aria-label="events: 10, the 4 longest are shown"' in text
    places = re.findall(r"<span[^>]*left:([0-9.]+)%;width:[^>]*background[^>]*><i style", text)
    assert len(places) == 4
    assert [float(place) for place in places] == sorted(map(float, places))
