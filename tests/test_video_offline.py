"""Centered smoothing while a video is read: the same as with the whole video at hand, in bounds."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from fakes import a_tracked_reading
from mien import VideoError
from mien.readings import TrackedReading
from mien.recognize.video import offline
from mien.recognize.video.frames import Frame
from mien.recognize.video.offline import smoothed_offline
from mien.recognize.video.smoothing import SmoothingSettings, smooth

SETTINGS = SmoothingSettings(half_life_s=0.2)

Read = tuple[Frame, list[TrackedReading]]


def reading(probabilities: tuple[float, ...], track: int = 1) -> TrackedReading:
    return replace(a_tracked_reading(track), raw_probabilities=probabilities)


def video(count: int = 100, fps: float = 25.0, *, tracks: int = 1) -> list[Read]:
    rng = np.random.default_rng(0)
    image = np.full((8, 12, 3), 7, np.uint8)
    return [
        (
            Frame(i, i / fps, image),
            [reading(tuple(rng.dirichlet(np.ones(7)).tolist()), t + 1) for t in range(tracks)],
        )
        for i in range(count)
    ]


def of_track(read: list[Read], track: int) -> list[TrackedReading]:
    return [r for _, readings in read for r in readings if r.track == track]


@pytest.mark.parametrize("half_life_s", [0.0, 0.2])
def test_it_is_nearly_what_the_whole_video_would_give(half_life_s: float) -> None:
    given, settings = video(tracks=2), SmoothingSettings(half_life_s)
    found = list(smoothed_offline(given, settings))
    assert [frame for frame, _ in found] == [frame for frame, _ in given]
    times_s = [frame.time_s for frame, _ in given]
    for track in (1, 2):
        raw = [r.raw_probabilities for r in of_track(given, track)]
        expected, labels = smooth(raw, times_s, settings)
        smoothed = np.array([r.probabilities for r in of_track(found, track)])
        assert np.abs(smoothed - expected).max() < (0.03 if half_life_s else 1e-9)
        assert np.mean([r.emotion for r in of_track(found, track)] == np.array(labels)) > 0.95
    assert of_track(found, 1)[3].raw_probabilities == of_track(given, 1)[3].raw_probabilities


def test_a_frame_waits_for_the_lookahead_and_no_longer() -> None:
    asked: list[int] = []

    def camera() -> Iterator[Read]:
        for frame, readings in video():
            asked.append(frame.index)
            yield frame, readings

    stream = smoothed_offline(camera(), SETTINGS)
    for number in range(50):
        frame, _ = next(stream)
        assert frame.index == number
        assert asked[-1] - number in (20, 21)  # of 0.8 s


def test_images_beyond_the_bound_wait_as_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    given = video(30)
    monkeypatch.setattr(offline, "RAW_BYTES", 3 * given[0][0].image.nbytes)
    found = list(smoothed_offline(given, SETTINGS))
    assert all(np.array_equal(frame.image, given[0][0].image) for frame, _ in found)


def test_without_images_none_are_held() -> None:
    assert {
        frame.image.size for frame, _ in smoothed_offline(video(30), SETTINGS, keep_images=False)
    } == {0}


def test_what_was_read_before_an_error_is_given() -> None:
    def broken() -> Iterator[Read]:
        yield from video(10)
        raise VideoError("the video is torn")

    stream = smoothed_offline(broken(), SETTINGS)
    assert [next(stream)[0].index for _ in range(10)] == list(range(10))
    with pytest.raises(VideoError, match="torn"):
        next(stream)


def test_a_time_that_jumps_back_stops_nothing() -> None:
    given = video(10)
    again = [(Frame(10 + f.index, f.time_s, f.image), r) for f, r in given]
    found = list(smoothed_offline([*given, *again], SETTINGS))
    assert [frame.index for frame, _ in found] == list(range(20))


def test_an_unsure_label_is_one_below_the_threshold() -> None:
    (_, [alone]), *_ = smoothed_offline(video(1), SETTINGS, threshold=0.99)
    assert alone.unsure


def test_leaving_early_closes_the_source() -> None:
    closed: list[bool] = []

    def source() -> Iterator[Read]:
        try:
            yield from video()
        finally:
            closed.append(True)

    stream = smoothed_offline(source(), SETTINGS)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert closed == [True]
