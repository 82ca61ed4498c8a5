"""Interlaced videos: each frame is of one moment."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mien import Recognizer
from mien.readings import Image
from mien.recognize.video.frames import frames
from videos import decoded, make_interlaced, make_video, moving_portrait, steady_times

STEP_PX = 8  # from one field to the next


def moving_bar(field: int, width: int = 320, height: int = 240) -> Image:
    image = np.full((height, width, 3), 60, np.uint8)
    left = 20 + STEP_PX * field
    image[height // 4 : 3 * height // 4, left : left + 40] = 220
    return np.asarray(cv2.blur(image, (9, 1)), np.uint8)


def pal_bar(field: int) -> Image:
    return moving_bar(field, 720, 576)


def error(image: Image, expected: Image) -> float:
    """The share of pixels, at the height of the bar, that are clearly of another moment."""
    expected = np.asarray(cv2.resize(expected, image.shape[1::-1]), np.uint8)  # of wide pixels
    top, bottom = image.shape[0] // 4 + 8, 3 * image.shape[0] // 4 - 8
    return float((np.abs(image[top:bottom].astype(int) - expected[top:bottom]) > 20).mean())


VIDEOS: dict[str, dict[str, Any]] = {
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "mpeg2.ts": {"codec": "mpeg2video", "lower_first": True},
    "mbaff.mp4": {"codec": "libx264", "options": {"x264-params": "tff=1"}},
    "mbaff_lower.mkv": {
        "codec": "libx264",
        "options": {"x264-params": "bff=1"},
        "lower_first": True,
    },
    "part2.avi": {"codec": "mpeg4"},
    "prores.mov": {"codec": "prores_ks", "pixels": "yuv422p10le"},
    "tape.dv": {"codec": "dvvideo", "lower_first": True},
}


@pytest.mark.parametrize("name", VIDEOS)
def test_a_frame_shows_the_moment_of_its_first_field(name: str, tmp_path: Path) -> None:
    path, draw = tmp_path / name, pal_bar if name.endswith(".dv") else moving_bar
    make_interlaced(path, draw, 10, **VIDEOS[name])

    found = list(frames(path))

    assert [frame.time_s for frame in found] == pytest.approx(steady_times(10), abs=1e-3)
    woven = [error(image, draw(2 * i)) for i, (_, image) in enumerate(decoded(path))]
    whole = [error(frame.image, draw(2 * frame.index)) for frame in found]
    assert max(whole) < 0.3 * min(woven)


@pytest.mark.parametrize("count", [1, 2])
def test_no_frame_of_a_short_video_is_lost(count: int, tmp_path: Path) -> None:
    path = tmp_path / "short.mpg"
    make_interlaced(path, moving_bar, count, codec="mpeg2video")
    assert [f.time_s for f in frames(path)] == pytest.approx(steady_times(count), abs=1e-3)


def test_a_part_is_read_whole_too(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    make_interlaced(path, lambda n: moving_bar(n % 20), 75, codec="libx264")
    part = list(frames(path, start_s=2.0, end_s=2.2))
    assert [frame.index for frame in part] == [50, 51, 52, 53, 54]
    for frame in part:
        assert error(frame.image, moving_bar(2 * frame.index % 20)) < 0.01


def test_progressive_videos_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    make_video(path, moving_bar, times_s=steady_times(10), b_frames=2)
    for frame, (_, image) in zip(frames(path), decoded(path), strict=True):
        assert np.array_equal(frame.image, image)


def test_faces_that_move_are_found_in_interlaced_videos(tiny_model: Path, tmp_path: Path) -> None:
    """Woven of two moments, a face that moves fast falls apart."""
    path = tmp_path / "walk.ts"
    draw = moving_portrait(lambda n: (10.0 * n - 60, 10.0), width=640, height=360, portrait_px=300)
    make_interlaced(path, draw, 20, codec="mpeg2video", options={"b": "4M"})
    found = [len(faces) for _, faces in Recognizer(tiny_model).stream(path)]
    assert found.count(1) >= 18
