import sys
from pathlib import Path

import numpy as np
import pytest

from fakes import a_tracked_reading
from mien.errors import MissingExtraError, OptionError, OutputError
from mien.labels import EMOTIONS
from mien.recognize.images import load_image
from mien.rows.timeline import Timeline, clock, plot_timeline
from videos import steady_times


def a_timeline(seconds: float = 8.0, people: int = 2, fps: float = 10.0) -> Timeline:
    """Each person is there but for the third quarter; the second is happy, the others are sad."""
    frames = int(seconds * fps)
    return Timeline.of(
        (
            i / fps,
            [a_tracked_reading(p + 1, "happy" if p == 1 else "sad") for p in range(people)]
            if not frames // 2 <= i < 3 * frames // 4
            else [],
        )
        for i in range(frames)
    )


def test_a_band_holds_the_probabilities_and_leaves_gaps() -> None:
    timeline = a_timeline()
    assert timeline.tracks == [1, 2]
    assert timeline.share_seen(2) == pytest.approx(0.75)
    first, second = timeline.bands(2)
    happy = EMOTIONS.index("happy")
    np.testing.assert_allclose(first.shares[:, happy], 0.7)
    np.testing.assert_allclose(first.shares.sum(axis=1), 1.0)
    assert (first.times_s[0], second.times_s[-1]) == (0.0, pytest.approx(8.0))
    assert first.times_s[-1] == pytest.approx(4.0, abs=0.06)  # of frames a tenth of a second apart
    assert second.times_s[0] == pytest.approx(6.0, abs=0.06)
    assert (np.diff(first.times_s) > 0).all()


@pytest.mark.parametrize("fps", [0.5, 24.0, 120.0])
def test_frames_that_are_far_apart_leave_no_gaps(fps: float) -> None:
    timeline = Timeline.of((i / fps, [a_tracked_reading()]) for i in range(50))
    (band,) = timeline.bands(1)
    assert band.times_s[-1] == pytest.approx(50 / fps)
    timeline = Timeline.of((t, [a_tracked_reading()]) for t in (5.0, 6.0, 4.0, 7.0))  # jumps back
    assert timeline.share_seen(1) == 1.0
    assert timeline.end_s == pytest.approx(7.0 + 2 / 3)


def test_a_frame_lasts_until_the_next_as_its_events_do() -> None:
    timeline = Timeline.of((5.0 * i, [a_tracked_reading()] if i % 2 else []) for i in range(6))
    spans = [(band.times_s[0], band.times_s[-1]) for band in timeline.bands(1)]
    assert spans == [(5.0, 10.0), (15.0, 20.0), (25.0, 30.0)]


def test_who_is_seen_how_long_is_told_of_the_time_not_of_the_frames() -> None:
    times_s = [*np.arange(0.0, 4.0, 0.05), *np.arange(4.0, 12.0, 0.5)]  # the light goes out
    one, two = a_tracked_reading(1), a_tracked_reading(2)
    timeline = Timeline.of((t, [one] if t < 4.0 else [two]) for t in times_s)
    assert timeline.tracks == [2, 1]
    timeline.until_s = 12.0
    assert [timeline.share_seen(track) for track in (1, 2)] == pytest.approx([1 / 3, 2 / 3])
    for half in range(5, 200, 5):  # as long as one another, by sums that are rounded
        shown = (([two] if i < half else [one]) for i in range(2 * half))
        assert Timeline.of(zip(steady_times(2 * half), shown, strict=True)).tracks == [1, 2]


def test_memory_does_not_grow_with_the_video() -> None:
    timeline, face = Timeline(max_steps=64), a_tracked_reading()
    for i in range(20_000):
        timeline.add(i / 25, [face] if i % 1000 < 500 else [])
    bands = timeline.bands(1)
    assert sum(len(band.times_s) for band in bands) <= 64 + 2 * len(bands)
    assert timeline.end_s == pytest.approx(800.0)
    assert timeline.share_seen(1) == pytest.approx(0.5)


def test_joined_steps_hold_the_mean_of_all_frames() -> None:
    """A face that is there half of the time has half of the height."""
    timeline = Timeline(max_steps=2)
    for i in range(64):
        face = a_tracked_reading(probability=0.2 if i < 32 else 0.8)
        timeline.add(i / 32, [face, a_tracked_reading(2)] if i % 2 else [face])
    (band,), (half,) = timeline.bands(1), timeline.bands(2)
    np.testing.assert_allclose(band.shares[:, EMOTIONS.index("happy")], [0.2, 0.2, 0.8, 0.8])
    np.testing.assert_allclose(half.shares.sum(axis=1), 0.5)


def test_a_part_of_a_video_begins_at_its_own_time() -> None:
    timeline = Timeline.of((3600 + i / 10, [a_tracked_reading()]) for i in range(100))
    assert timeline.start_s == 3600
    assert timeline.bands(1)[0].times_s[0] == 3600
    assert len(timeline.bands(1)[0].times_s) == 102


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("a.svg", ["a.svg"]),
        ("clip.1080p", ["clip.1080p.png", "clip.1080p.svg"]),  # no known ending: a stem
    ],
)
def test_one_file_or_both_and_the_same_video_gives_the_same(
    tmp_path: Path, name: str, files: list[str]
) -> None:
    paths = plot_timeline(a_timeline(2.0), tmp_path / "new" / name)
    assert [p.name for p in paths] == files
    assert sorted((tmp_path / "new").iterdir()) == sorted(paths)
    if len(files) == 1:
        again = plot_timeline(a_timeline(2.0), tmp_path / "again" / name)
        assert [p.read_bytes() for p in paths] == [p.read_bytes() for p in again]


def test_the_drawing_has_the_words_beside_the_colors(tmp_path: Path) -> None:
    (path,) = plot_timeline(a_timeline(), tmp_path / "a.svg", title="a $5_video & more <b>")
    text = path.read_text()
    assert "a $5_video &amp; more &lt;b&gt;" in text
    for word in (*EMOTIONS, "person 1", "person 2", "75% of the time", "0:08"):
        assert f">{word}</" in text
    assert text.count(">happy</") > 1  # in the band, too
    assert text.count(">angry</") == 1


def test_the_people_who_are_there_longest_have_the_bands(tmp_path: Path) -> None:
    timeline = Timeline.of(
        (i / 10, [a_tracked_reading(t) for t in range(1, 9) if i >= t]) for i in range(30)
    )
    (path,) = plot_timeline(timeline, tmp_path / "a.svg")
    text = path.read_text()
    assert "the 6 of 8 people who are there longest" in text
    assert ">person 6</" in text
    assert ">person 7</" not in text
    with pytest.raises(OptionError, match="max_people: expected at least 1; got 0"):
        plot_timeline(timeline, tmp_path / "b.svg", max_people=0)


@pytest.mark.parametrize("seconds", [0.04, 4000.0])
def test_videos_of_any_length_are_drawn(tmp_path: Path, seconds: float) -> None:
    timeline = a_timeline(seconds, fps=25.0 if seconds < 100 else 0.05)
    (path,) = plot_timeline(timeline, tmp_path / "a.png")
    assert load_image(path).shape[1] == 1650


@pytest.mark.parametrize("frames", [0, 30])
def test_a_video_without_faces(tmp_path: Path, frames: int) -> None:
    timeline = Timeline.of((i / 10, []) for i in range(frames))
    (path,) = plot_timeline(timeline, tmp_path / "a.svg", title="顔")  # a script the font has not
    assert f">no face in 0:0{frames // 10}<" in path.read_text()


def test_what_cannot_be_drawn_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match="expected a file to write; it is a folder"):
        plot_timeline(a_timeline(1.0), tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mien\[video\]'"):
        plot_timeline(a_timeline(1.0), tmp_path / "b.png")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("time_s", "fine", "text"),
    [
        (0.0, False, "0:00"),
        (7.4, False, "0:07"),
        (59.96, True, "1:00.0"),
        (2.25, True, "0:02.3"),  # as the page rounds it: half a tenth goes up
        (2.5, False, "0:03"),
        (59.6, False, "1:00"),
        (750.0, False, "12:30"),
        (3723.0, False, "1:02:03"),
        (3723.26, True, "1:02:03.3"),
    ],
)
def test_times_are_written_as_people_read_them(time_s: float, fine: bool, text: str) -> None:
    assert clock(time_s, fine=fine) == text
