"""What each person shows over a video: the same sums, whether rows are kept or not."""

from pathlib import Path

import pytest

from fakes import a_tracked_reading
from mien import Recognizer
from mien.recognize.analysis import analyze_video
from mien.rows.totals import TrackTotals
from videos import make_video, moving_portrait, steady_times


def test_as_the_whole_video_gives_it(tiny_model: Path, tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    draw = moving_portrait(lambda n: (10 + n, 10.0), shown=lambda n: n < 20 or n >= 35)
    make_video(video, draw, times_s=steady_times(50))
    recognizer = Recognizer(tiny_model)

    totals = TrackTotals()
    for frame, readings in recognizer.stream(video):
        totals.add(frame.time_s, readings)

    expected = analyze_video(video, recognizer, offline=False).summary()
    found = totals.summary()
    assert len(found) == len(expected) >= 1
    for one, other in zip(found, expected, strict=True):
        for name in ("track", "first_s", "last_s", "frames", "detected", "emotion"):
            assert getattr(one, name) == getattr(other, name), name
        for name in ("on_screen_s", "flips_per_minute", "raw_flips_per_minute"):
            assert getattr(one, name) == pytest.approx(getattr(other, name)), name
        assert one.shares == pytest.approx(other.shares)
        assert one.means == pytest.approx(other.means, abs=1e-5)


def test_each_frame_counts_until_the_next() -> None:
    totals = TrackTotals()
    for time_s, emotion in ((0.0, "happy"), (1.0, "sad"), (4.0, "happy")):
        totals.add(time_s, [a_tracked_reading(1, emotion)])
    totals.add(6.0, [])

    (person,) = totals.summary()

    assert (person.first_s, person.last_s, person.on_screen_s) == (0.0, 4.0, 6.0)
    assert person.shares["sad"] == pytest.approx(0.5)
    assert person.flips_per_minute == pytest.approx(30.0)


def test_a_single_frame_has_shares_too_and_one_without_a_face_nobody() -> None:
    totals = TrackTotals()
    assert totals.summary() == []
    totals.add(0.0, [])
    assert totals.summary() == []
    totals.add(2.0, [a_tracked_reading(3, "fear")])
    (person,) = totals.summary()
    assert (person.track, person.emotion, person.on_screen_s) == (3, "fear", 0.0)
    assert sum(person.shares.values()) == pytest.approx(1.0)
