"""Frames with their true times, of any file, and sentences for what is none."""

import http.server
import os
import shutil
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image as PILImage

from mien.errors import OptionError, VideoError
from mien.readings import Image
from mien.recognize.video import cameras
from mien.recognize.video.containers import open_container, open_video_file
from mien.recognize.video.frames import Frame, frames, probe
from mien.recognize.video.sampling import prefetch
from videos import (
    UNEVEN,
    decoded,
    make_sound,
    make_video,
    number_of,
    numbered,
    packet_times,
    seen,
    steady_times,
)

TS_PACKET = 188  # bytes
TILED = Path(__file__).parent / "assets" / "tiled.heic"
"""Two tiles of 64 x 64 pixels that an item `grid` puts together, as in the photos of phones."""


@pytest.mark.parametrize(
    ("name", "codec", "times_s", "b_frames"),
    [
        ("steady.mp4", "libx264", steady_times(30), 0),
        ("uneven.mp4", "libx264", UNEVEN, 0),
        ("uneven.mkv", "libx264", UNEVEN, 2),
        ("late.mp4", "libx264", steady_times(10, start_s=0.5), 0),
        ("b.mp4", "libx264", steady_times(30), 2),
        ("b.mkv", "libx264", steady_times(30, 29.97), 2),
        ("b.ts", "libx264", steady_times(30), 2),
        ("vp8.webm", "libvpx", UNEVEN, 0),
        ("part2.avi", "mpeg4", steady_times(30), 0),
        ("jpegs.mov", "mjpeg", steady_times(10), 0),
    ],
)
def test_each_frame_has_the_time_that_the_container_gives_it(
    name: str, codec: str, times_s: list[float], b_frames: int, tmp_path: Path
) -> None:
    path = tmp_path / name
    make_video(path, times_s=times_s, codec=codec, b_frames=b_frames)
    start_s = probe(path).start_s

    found = seen(path)

    assert [number for _, _, number in found] == list(range(len(times_s)))
    assert [index for index, _, _ in found] == list(range(len(times_s)))
    expected = packet_times(path)
    assert [t + start_s for _, t, _ in found] == pytest.approx(expected, abs=1e-6)


def test_times_are_counted_from_the_first_packet_or_by_the_frame_rate(tmp_path: Path) -> None:
    make_video(tmp_path / "clock.ts", times_s=steady_times(10, start_s=5000.0))
    assert probe(tmp_path / "clock.ts").start_s == pytest.approx(5000.0, abs=0.1)
    make_video(tmp_path / "bare.h264", times_s=steady_times(10))
    for name in ("clock.ts", "bare.h264"):
        assert [t for _, t, _ in seen(tmp_path / name)] == pytest.approx(steady_times(10), abs=1e-6)


@pytest.fixture(scope="module")
def broadcast(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[float]]:
    """A transport stream of 100 numbered frames, with B-frames and sound, and their times."""
    path = tmp_path_factory.mktemp("broadcast") / "whole.ts"
    make_video(path, times_s=steady_times(100, start_s=2.0), b_frames=2, sound=True)
    return path.read_bytes(), packet_times(path)


@pytest.mark.parametrize(
    ("cut", "least"),
    [
        (lambda packets: packets[len(packets) // 5 :], 70),
        (lambda packets: packets[: len(packets) // 3] + packets[len(packets) // 2 :], 60),
        (lambda packets: packets[: len(packets) // 2], 30),
    ],
    ids=["the first keyframe is missing", "a piece is missing", "the end is missing"],
)
def test_a_stream_that_was_cut_keeps_its_times(
    cut: Any, least: int, broadcast: tuple[bytes, list[float]], tmp_path: Path
) -> None:
    content, times_s = broadcast
    packets = [content[i : i + TS_PACKET] for i in range(0, len(content), TS_PACKET)]
    path = tmp_path / "cut.ts"
    path.write_bytes(b"".join(cut(packets)))
    start_s = probe(path).start_s

    found = seen(path)

    assert len(found) >= least
    given = [time_s + start_s for _, time_s, _ in found]
    # Of two frames that refer to what is missing the second may come too late to be shown in time.
    assert given == pytest.approx(np.maximum.accumulate([t for t, _ in decoded(path)]), abs=2e-3)
    assert (np.diff(given) > 0).all()
    # The images themselves say which they were; but not those that refer to what is missing.
    right = [abs(t - times_s[n]) < 1e-6 for t, (_, _, n) in zip(given, found, strict=True)]
    assert right.count(False) <= 12


@pytest.mark.parametrize("name", ["cut.mkv", "cut.mp4"])
def test_a_file_that_was_cut_short_gives_what_there_is(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    make_video(path, times_s=steady_times(80), options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])

    found = seen(path)

    assert 30 < len(found) < 60
    assert all(t == pytest.approx(number / 25) for _, t, number in found)


@pytest.mark.parametrize(
    ("rotation", "mirrored"), [(90, False), (-90, False), (180, False), (0, True), (90, True)]
)
def test_images_come_as_a_player_shows_them(rotation: int, mirrored: bool, tmp_path: Path) -> None:
    path = tmp_path / "turned.mp4"
    make_video(path, corners, times_s=[0.0], rotation=rotation, mirrored=mirrored)
    (frame,) = frames(path)
    turned = np.rot90(corners(0), rotation // 90)
    shown = np.fliplr(turned) if mirrored else turned  # a player turns, then swaps left and right
    assert frame.image.shape == shown.shape
    assert np.abs(frame.image.astype(int) - shown).mean() < 20
    info = probe(path)
    assert (info.height, info.width) == shown.shape[:2]
    assert info.rotation == rotation or mirrored


def test_pixels_come_square(tmp_path: Path) -> None:
    path = tmp_path / "wide.mp4"
    make_video(path, times_s=[0.0, 0.04], pixel_shape=Fraction(3, 2))
    found = list(frames(path))
    assert [f.image.shape for f in found] == [(48, 96, 3)] * 2
    assert (probe(path).width, probe(path).height) == (96, 48)
    assert number_of(found[1].image) == 1


def corners(number: int) -> Image:
    image = np.zeros((48, 96, 3), np.uint8)
    image[:24, :48] = 255
    image[24:, :48, 0] = 255
    return image


@pytest.mark.parametrize("name", ["part.mp4", "part.mkv", "part.ts"])
@pytest.mark.parametrize("start_s", [0.3, 2.0, 3.41])
def test_a_part_has_the_frames_between_its_times(name: str, start_s: float, tmp_path: Path) -> None:
    path = tmp_path / name
    make_video(path, times_s=steady_times(100), b_frames=2, keyframe_every=10)
    whole = seen(path)

    part = seen(path, start_s=start_s, end_s=start_s + 0.4)

    assert part == [found for found in whole if start_s <= found[1] < start_s + 0.4]
    assert len(part) == 10


def test_one_frame_for_each_step_of_time(tmp_path: Path) -> None:
    path = tmp_path / "uneven.mkv"
    make_video(path, times_s=UNEVEN)
    assert [t for _, t, _ in seen(path, every_s=0.25)] == [0.0, 0.5, 0.9, 1.7]
    assert [i for i, _, _ in seen(path, every_s=0.25, start_s=0.2)] == [3, 5, 6]


def test_what_a_video_says_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    make_video(path, numbered(80, 60), times_s=steady_times(50), sound=True)

    info = probe(path)

    assert (info.width, info.height, info.codec) == (80, 60, "h264")
    assert (info.frame_rate, info.frame_count) == (25.0, 50)
    assert info.duration_s == pytest.approx(2.0)
    assert info.has_sound
    assert not info.stream


@pytest.mark.parametrize("name", ["x.mkv", "x.mp4"])
def test_tags_in_another_encoding_keep_no_video_from_being_read(tmp_path: Path, name: str) -> None:
    make_video(tmp_path / name, times_s=steady_times(3), metadata={"title": "ZZcafe"})
    content = (tmp_path / name).read_bytes()
    assert b"ZZcafe" in content
    (tmp_path / name).write_bytes(content.replace(b"ZZcafe", b"ZZcaf\xe9"))  # Latin-1
    assert len(seen(tmp_path / name)) == 3
    with (tmp_path / name).open("rb") as file, open_video_file(file, name) as container:
        assert container.streams.video


def test_a_series_of_images_is_a_video(tmp_path: Path) -> None:
    for number in range(12):
        PILImage.fromarray(numbered()(number)).save(tmp_path / f"shot_{number}.png")
    (tmp_path / "shot_x.png").touch()
    series = tmp_path / "shot_%d.png"

    assert seen(series, sequence_fps=10) == [(i, i / 10, i) for i in range(12)]
    assert [n for _, _, n in seen(tmp_path / "shot_[0-9].png")] == list(range(10))
    info = probe(series, sequence_fps=10)
    assert (info.frame_count, info.duration_s, info.width) == (12, 1.2, 64)
    with pytest.raises(VideoError, match="no image matches"):
        frames(tmp_path / "none_%03d.png")


def bad_files(folder: Path) -> Iterator[tuple[str, str]]:
    (folder / "empty.mp4").touch()
    yield "empty.mp4", "it is empty"
    (folder / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(20_000))
    yield "noise.mp4", "damaged, cut short or none"
    (folder / "text.mp4").write_text("Dear all,\n" * 100)
    yield "text.mp4", "expected a video"
    PILImage.new("RGB", (64, 64)).save(folder / "photo.png")
    yield "photo.png", "a single image"
    shutil.copy(TILED, folder / "photo.heic")
    yield "photo.heic", "a single image, for `mien detect`"
    PILImage.new("RGB", (64, 64)).save(folder / "photo.avif")
    yield "photo.avif", "a single image, for `mien detect`"
    with zipfile.ZipFile(folder / "packed.mp4", "w") as archive:
        archive.writestr("clip.mp4", "x")
    yield "packed.mp4", "an archive"
    make_sound(folder / "sound.m4a")
    yield "sound.m4a", "only sound"
    make_video(folder / "whole.mp4")
    (folder / "headless.mp4").write_bytes((folder / "whole.mp4").read_bytes()[:2000])
    yield "headless.mp4", "damaged, cut short or none"
    key = {"encryption_key": "76a6c65c5ea762046bd749a2e632ccbb", "encryption_kid": "a" * 32}
    make_video(folder / "locked.mp4", options={"encryption_scheme": "cenc-aes-ctr", **key})
    yield "locked.mp4", "encrypted"
    (folder / "folder.mp4").mkdir()
    yield "folder.mp4", "it is a folder"
    yield "missing.mp4", "no such file"
    yield "nul\0.mp4", "expected a path"


def test_an_animated_webp_is_read_by_pyav_19_and_named_before(tmp_path: Path) -> None:
    moves = [PILImage.new("RGB", (64, 64), (shade, 0, 0)) for shade in (0, 200)]
    moves[0].save(tmp_path / "moves.webp", save_all=True, append_images=moves[1:])
    if int(av.__version__.split(".")[0]) >= 19:
        assert len(list(frames(tmp_path / "moves.webp"))) == 2
        return
    for read in (probe, frames):
        with pytest.raises(VideoError, match="an animated WebP; make a GIF or an MP4 of it"):
            read(tmp_path / "moves.webp")


def test_what_is_no_video_is_said_in_a_sentence(tmp_path: Path) -> None:
    for name, message in bad_files(tmp_path):
        for read in (probe, frames):
            with pytest.raises(VideoError, match=message) as raised:
                read(str(tmp_path / name))
            assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "options",
    [
        {"every_s": 0},
        {"every_s": -1},
        {"every_s": float("nan")},
        {"start_s": -1},
        {"end_s": 0},
        {"start_s": 2, "end_s": 1},
        {"sequence_fps": 0},
        *({name: "1"} for name in ("every_s", "start_s", "end_s", "sequence_fps")),
        *({name: [1.0]} for name in ("every_s", "start_s", "end_s", "sequence_fps")),
    ],
)
def test_times_that_make_no_part_are_refused(options: dict[str, Any], tmp_path: Path) -> None:
    make_video(tmp_path / "clip.mp4")
    with pytest.raises(OptionError, match="expected"):
        frames(tmp_path / "clip.mp4", **options)


@pytest.mark.parametrize("read", [frames, probe])
@pytest.mark.parametrize("source", [None, 0.0, np.int64(0)])
def test_what_is_no_source_is_told(read: Any, source: object) -> None:
    expected = "source: expected a path, an address or the number of a camera; got"
    with pytest.raises(OptionError, match=f"{expected} {type(source).__name__}"):
        read(source)


def test_decoding_runs_ahead_but_not_far_and_ends_with_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    make_video(path, times_s=steady_times(100))
    made: list[int] = []

    def produced() -> Iterator[Frame]:
        for frame in frames(path):
            made.append(frame.index)
            yield frame

    given = prefetch(produced(), 8)
    next(given)
    time.sleep(0.3)
    assert 3 <= len(made) <= 11
    given.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name == "mien-frames"]


def test_a_decoder_has_no_more_threads_than_the_process_may_use_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_video(tmp_path / "clip.mp4")
    opened: list[Any] = []

    def opening(*arguments: Any, **options: Any) -> Any:
        opened.append(open_container(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr("mien.recognize.video.decoding.open_container", opening)
    # On two cores what reads every frame has the other one.
    for cores, every_s, threads in ((1, None, 1), (2, None, 1), (2, 0.1, 2), (4, None, 4)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=cores: set(range(n)), False)
        monkeypatch.setattr(os, "cpu_count", lambda n=cores: n)
        given = frames(tmp_path / "clip.mp4", every_s=every_s)
        next(given)
        assert opened[-1].streams.video[0].codec_context.thread_count == threads
        given.close()  # type: ignore[attr-defined]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """The address of `tmp_path` over HTTP, and what was asked of it."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=str(tmp_path))
    ) as served:
        thread = threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}", asked
        served.shutdown()
        thread.join()


def test_an_address_is_fetched_only_where_a_stream_is_asked_for(
    server: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, asked = server
    make_video(tmp_path / "clip.ts")

    with pytest.raises(VideoError, match="as a stream"):
        frames(f"{address}/clip.ts")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}/clip.ts\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(VideoError):
        frames(playlist)
    assert asked == []

    found = [number_of(f.image) for f in frames(f"{address}/clip.ts", stream=True)]
    assert found == list(range(25))
    with pytest.raises(VideoError, match="cannot be opened"):
        frames(f"{address}/missing.ts", stream=True)


class FakeCapture:
    """A camera that is unplugged after three images."""

    def __init__(self, number: int) -> None:
        self.left = 3

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def read(self) -> tuple[bool, Image | None]:
        self.left -= 1
        image = np.zeros((48, 64, 3), np.uint8)
        image[..., 0] = 255  # blue, in OpenCV's order
        return (True, image) if self.left >= 0 else (False, None)

    def get(self, what: int) -> float:
        return 30.0

    def release(self) -> None:
        pass


def test_a_camera_that_is_unplugged_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(sys, "platform", "other")
    monkeypatch.setattr(cameras, "TRIES", 1)

    given = frames(0)
    first = next(given)
    assert tuple(first.image[0, 0]) == (0, 0, 255)  # RGB
    assert first.time_s >= 0.0
    with pytest.raises(VideoError, match="unplugged"):
        list(given)
    info = probe("0")
    assert (info.width, info.height, info.frame_rate, info.stream) == (64, 48, 30.0, True)


@pytest.mark.parametrize("source", [97, "97", "/dev/video97"])
def test_a_camera_that_is_not_there_is_said_in_a_sentence(source: int | str) -> None:
    with pytest.raises(VideoError, match="camera 97"):
        frames(source)
