import base64
import io
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from fakes import a_tracked_reading
from html_pages import Page
from mien.errors import OutputError
from mien.labels import COLORS, EMOTIONS
from mien.readings import FaceQuality, Image, TrackSummary
from mien.recognize.images import load_image
from mien.recognize.video.frames import Frame
from mien.recognize.video.report import (
    STILL_WIDTH_PX,
    THUMBNAIL_PX,
    Highlights,
    Images,
    write_video_report,
)
from mien.recognize.video.report_lanes import Observed
from mien.rows.statistics import EventTables
from mien.rows.table import VideoColumns
from mien.rows.timeline import Timeline
from mien.rows.usable import UnusableTotals

GREEN = (30, 160, 60)


def a_frame(number: int, box: tuple[float, float, float, float] | None = None) -> Frame:
    """Gray, green where the face is."""
    image = np.full((600, 1600, 3), 90, np.uint8)
    if box is not None:
        x0, y0, x1, y1 = map(round, box)
        image[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = GREEN
    return Frame(number, number / 10, image)


def a_summary(track: int = 1, *, happy: float = 0.75) -> TrackSummary:
    shares = {e: happy if e == "happy" else (1 - happy) / 6 for e in EMOTIONS}
    return TrackSummary(
        track=track,
        first_s=0.0,
        last_s=2.9,
        on_screen_s=3.0 / track,
        frames=30,
        detected=10,
        emotion="happy",
        shares=shares,
        means=dict(shares),
        flips_per_minute=2.0,
        raw_flips_per_minute=20.0,
    )


def a_report(path: Path, *, people: int = 2, title: str = "video.mp4", faces: bool = True) -> str:
    timeline, highlights = Timeline(), Highlights()
    for number in range(30):
        readings = [a_tracked_reading(t + 1) for t in range(people)] if faces else []
        timeline.add(number / 10, readings)
        highlights.add(a_frame(number), readings)
    write_video_report(
        path,
        title=title,
        facts={"length": "0:03", "size": "1600 x 600"},
        people=[a_summary(t + 1) for t in range(people)] if faces else [],
        timeline=timeline,
        images=highlights.images(),
        settings={"half-life": "0.4 s", "model": "paper <1>"},
    )
    return path.read_text()


def shown(highlights: Highlights, track: int) -> Image:
    thumbnail = highlights.thumbnail(track)
    assert thumbnail is not None
    return load_image(thumbnail)


@pytest.mark.parametrize(
    "box",
    [
        (100.0, 100.0, 160.0, 190.0),
        (20.0, 20.0, 500.0, 560.0),  # larger than the thumbnail
        (-30.0, -40.0, 50.0, 60.0),  # reaches past the border
    ],
)
def test_a_thumbnail_is_a_square_around_the_face(box: tuple[float, float, float, float]) -> None:
    highlights = Highlights()
    highlights.add(a_frame(0, box), [a_tracked_reading(5, box=box)])
    image = shown(highlights, 5)
    assert image.shape == (THUMBNAIL_PX, THUMBNAIL_PX, 3)
    np.testing.assert_allclose(image[70, 70], GREEN, atol=12)
    assert np.abs(image[2, 2].astype(int) - GREEN).max() > 40
    assert highlights.thumbnail(6) is None


def test_the_best_view_of_a_person_is_kept() -> None:
    highlights = Highlights()
    small, large = (10.0, 10.0, 50.0, 50.0), (200.0, 200.0, 500.0, 500.0)
    highlights.add(a_frame(0, small), [a_tracked_reading(box=small)])
    first = highlights.thumbnail(1)
    highlights.add(a_frame(1), [a_tracked_reading(box=large, detected=False)])  # only followed
    assert highlights.thumbnail(1) == first
    highlights.add(a_frame(2, large), [a_tracked_reading(box=large)])
    best = highlights.thumbnail(1)
    assert best != first
    highlights.add(a_frame(3), [a_tracked_reading(box=small)])
    assert highlights.thumbnail(1) == best


def test_of_each_emotion_the_strongest_moment_is_kept() -> None:
    highlights = Highlights()
    for number, (emotion, probability) in enumerate(
        [("happy", 0.5), ("sad", 0.9), ("happy", 0.8), ("happy", 0.6), ("neutral", 0.99)]
    ):
        reading = a_tracked_reading(2, emotion, probability=probability)
        highlights.add(a_frame(number), [reading])
    moments = highlights.moments()
    assert [(m.time_s, m.emotion, m.probability) for m in moments] == [
        (0.1, "sad", 0.9),
        (0.2, "happy", 0.8),
        (0.4, "neutral", 0.99),
    ]
    assert [m.emotion for m in highlights.moments(2)] == ["sad", "happy"]  # neutral goes first


def test_faces_that_are_unsure_make_no_moment() -> None:
    highlights = Highlights()
    highlights.add(a_frame(0), [a_tracked_reading(unsure=True)])
    highlights.add(a_frame(1), [a_tracked_reading(probability=0.45)])
    assert highlights.moments() == []


def test_moments_are_kept_small_with_their_boxes() -> None:
    highlights = Highlights()
    highlights.add(a_frame(0), [a_tracked_reading(box=(800.0, 100.0, 1000.0, 300.0))])
    (moment,) = highlights.moments()
    assert moment.image.shape == (300, STILL_WIDTH_PX, 3)
    assert moment.readings[0].box == (400.0, 50.0, 500.0, 150.0)


def test_a_large_clear_face_beats_a_tiny_one() -> None:
    highlights = Highlights()
    tiny = a_tracked_reading(1, probability=0.95, box=(0.0, 0.0, 16.0, 16.0))
    highlights.add(a_frame(0), [tiny])
    highlights.add(a_frame(1), [a_tracked_reading(2, probability=0.7)])
    assert highlights.moments()[0].track == 2


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    text = a_report(tmp_path / "report.html", title="a <b> & 'c'.mp4")
    page = Page(text)
    assert page.open == []
    # Two bands, two people, one moment of happiness.
    assert [source.split(";")[0] for source in page.sources] == [
        "data:image/png",
        "data:image/png",
        "data:image/jpeg",
        "data:image/jpeg",
        "data:image/jpeg",
    ]
    assert "<title>a &lt;b&gt; &amp; &#39;c&#39;.mp4</title>" in text
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_the_page_says_what_was_seen_how_and_what_it_is_not_for(tmp_path: Path) -> None:
    text = re.sub(r"data:[^\"]+", "", a_report(tmp_path / "report.html"))
    for part in (
        "length: 0:03 &middot; size: 1600 x 600",
        "person 1",
        '<td class="most">75%<small>0.75</small></td>',
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
    text = a_report(tmp_path / "report.html", people=43)
    assert "3 more people, there for less time, are left out" in text
    assert "person 40<" in text
    assert "person 41<" not in text


def test_a_video_without_faces_has_a_page(tmp_path: Path) -> None:
    text = a_report(tmp_path / "report.html", faces=False)
    assert "No face was found." in text
    assert "Strongest moments" not in text


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="expected a file to write; it is a folder"):
        a_report(tmp_path)


def bands_of(text: str) -> list[Image]:
    """(H, W, 4) uint8, RGBA: the band of each person."""
    contents = re.findall(r'class="band"><img[^>]+base64,([^"]+)"', text)
    return [
        np.asarray(PILImage.open(io.BytesIO(base64.b64decode(content))).convert("RGBA"))
        for content in contents
    ]


def test_bands_have_the_colors_of_the_emotions_and_no_ground(tmp_path: Path) -> None:
    """What is clear shows the page's own ground, light or dark."""
    timeline = Timeline()
    for number in range(100):
        happy = [a_tracked_reading(1, "happy", probability=0.97)] if number < 50 else []
        timeline.add(number / 10, [*happy, a_tracked_reading(2, "sad", probability=0.97)])
    path = tmp_path / "report.html"
    write_video_report(
        path,
        title="video",
        facts={},
        people=[a_summary(1), a_summary(2)],
        timeline=timeline,
        images=Images(),
        settings={},
    )
    text = path.read_text()
    first, second = bands_of(text)
    height, width = first.shape[:2]
    assert tuple(first[height // 2, width // 4]) == (*COLORS["happy"], 255)
    assert tuple(second[height // 2, width // 4]) == (*COLORS["sad"], 255)
    assert first[height // 2, 3 * width // 4, 3] == 0
    assert re.search(r'<span style="left:(24|25)\.\d+%;bottom:\d+\.\d+%">happy</span>', text)
    assert re.search(r'<span style="left:(49|50)\.\d+%;bottom:\d+\.\d+%">sad</span>', text)
    assert "0:05</span>" in text


def test_a_page_needs_no_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert len(bands_of(a_report(tmp_path / "report.html"))) == 2


def a_report_of_rows(path: Path, *, measured: bool = True) -> str:
    """Ten seconds: happy from 2 to 5 s, aside in the last second; another one is always usable."""
    columns, timeline = VideoColumns(), Timeline()
    for number in range(100):
        aside = FaceQuality(60.0, 0.0, 0.0, 90.0, 1.0, 120.0, 40.0, 1.0, "turned")
        emotion = "happy" if 20 <= number < 50 else "neutral"
        usable = replace(aside, yaw=0.0, unusable="")
        readings = [a_tracked_reading(1, emotion), a_tracked_reading(2, "sad")]
        if measured:
            readings = [
                replace(readings[0], quality=aside if number >= 90 else usable),
                replace(readings[1], quality=usable),
            ]
        columns.add(number, number / 10, readings)
        timeline.add(number / 10, readings)
    rows = columns.result("video")
    write_video_report(
        path,
        title="video",
        facts={},
        people=[a_summary(1), a_summary(2)],
        timeline=timeline,
        images=Images(),
        settings={},
        tables=EventTables.of(rows),
        unusable=UnusableTotals.of(rows),
    )
    return path.read_text()


def test_events_stand_above_the_band_with_times_and_peak(tmp_path: Path) -> None:
    text = a_report_of_rows(tmp_path / "report.html")
    assert Page(text).open == []
    (happy,) = re.findall(r'<span style="([^"]+)" title="(happy[^"]+)"><i style="left:', text)
    assert happy[0].startswith("left:20.000%;width:30.000%;background:#")
    assert re.fullmatch(r"happy, 0:02.0 to 0:05.0, peak 70% at 0:0[2-4].\d", happy[1])
    assert text.count('aria-label="events: 3"') == 1
    assert text.count('aria-label="events: 1"') == 1


def test_what_is_not_usable_stands_below_it_with_the_reason(tmp_path: Path) -> None:
    text = a_report_of_rows(tmp_path / "report.html")
    assert text.count('title="not usable') == 1
    assert (
        '<span style="left:90.000%;width:10.000%" title="not usable: turned, 0:09.0 to 0:10.0">'
    ) in text
    assert 'aria-label="not usable in 10% of the time: turned"' in text
    assert 'aria-label="usable throughout"' in text
    assert "5% of the 200 readings of faces are not usable: 5% turned." in text


def test_a_table_tells_how_often_and_how_long(tmp_path: Path) -> None:
    text = a_report_of_rows(tmp_path / "report.html")
    row = r"person 1</td>\s*<td[^>]*>.{0,70}happy</td>" + "".join(
        rf"\s*<td>{re.escape(value)}</td>" for value in ("30.0%", "1", "3.0 s", "6.0")
    )
    assert re.search(row, text)


def test_rows_without_quality_say_so(tmp_path: Path) -> None:
    text = a_report_of_rows(tmp_path / "report.html", measured=False)
    assert "These rows do not tell which readings are usable." in text
    assert 'aria-label="usable throughout"' not in text


def test_a_report_without_rows_tells_nothing_of_events(tmp_path: Path) -> None:
    text = a_report(tmp_path / "report.html")
    assert 'class="lane' not in text
    assert "<h2>Events" not in text


def test_a_lane_has_the_longest_of_many_events(monkeypatch: pytest.MonkeyPatch) -> None:
    columns, timeline = VideoColumns(), Timeline()
    for number in range(200):
        emotion = "happy" if number % 40 < 10 + number // 40 else "sad"
        columns.add(number, number / 10, [reading := a_tracked_reading(1, emotion)])
        timeline.add(number / 10, [reading])
    monkeypatch.setattr("mien.recognize.video.report_lanes.MAX_EVENTS", 4)
    lane = Observed(EventTables.of(columns.result("video"))).events(timeline, 1)
    assert lane.alt == "events: 10, the 4 longest are shown"
    assert len(lane.marks) == 4
    assert [mark.left for mark in lane.marks] == sorted(mark.left for mark in lane.marks)
