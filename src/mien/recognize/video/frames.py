"""Video files, streams, series of images and cameras -> frames with their true times."""

import glob
import os
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

from mien.errors import ImageError, OptionError, VideoError
from mien.readings import Image
from mien.recognize.images import SUFFIXES as IMAGE_SUFFIXES
from mien.recognize.images import load_image
from mien.recognize.sources import VIDEO_SUFFIXES
from mien.recognize.video.cameras import Camera
from mien.recognize.video.decoding import VideoReader
from mien.recognize.video.info import Frame, VideoInfo, VideoSource
from mien.recognize.video.sampling import check_fps, check_times, prefetch, sampled
from mien.recognize.video.times import CLOCK_FORMATS

__all__ = [
    "ANIMATED",
    "SEQUENCE_FPS",
    "SUFFIXES",
    "Frame",
    "VideoInfo",
    "VideoSource",
    "camera_number",
    "frames",
    "measured",
    "open_video",
    "probe",
]

ANIMATED: Final = frozenset({".gif", ".png", ".avif"})
"""Endings of images, lower case, that are videos where they are animated."""

SUFFIXES: Final = VIDEO_SUFFIXES | ANIMATED
"""Endings, lower case, of the files that a search through a folder takes for videos."""

SEQUENCE_FPS: Final = 25.0
"""Of a series of images, which has no times of its own."""

_AHEAD: Final = 8  # frames decoded before they are asked for
_AHEAD_BYTES: Final = 128_000_000  # fewer of them where frames are large


def probe(
    source: VideoSource, *, stream: bool = False, sequence_fps: float | None = None
) -> VideoInfo:
    """Open a video, decode its first frame, and say what it is.

    Args:
        source: a file, a series of images, an address or a camera; see `VideoSource`.
        stream: `source` is an address to connect to, such as `rtsp://...`.
        sequence_fps: frames per second of what has no times of its own: a series of images, for
            which it is `SEQUENCE_FPS` if not given, or a bare stream such as `clip.h264`.
    Raises:
        VideoError: it is not a video that can be read; the message says what it is.
        OptionError: `sequence_fps` is not above zero, or `source` has times of its own, or is no
            source.
    """
    if (camera := _camera(source, sequence_fps)) is not None:
        with closing(Camera(camera)) as opened:
            return _camera_info(opened, str(source))
    if images := _sequence(source):
        fps = sequence_fps or SEQUENCE_FPS
        first = _load_image(images[0])
        return VideoInfo(
            source=str(source),
            width=first.shape[1],
            height=first.shape[0],
            frame_rate=fps,
            duration_s=len(images) / fps,
            frame_count=len(images),
            codec=images[0].suffix.lower().lstrip("."),
            container="images",
            has_sound=False,
        )
    with closing(_video(source, stream, sequence_fps)) as reader:
        return reader.info()


def measured(info: VideoInfo) -> VideoInfo:
    """A transport or program stream with its true length; any other video as it is.

    FFmpeg has that length from the first and the last time of its clock, which jumps where videos
    were put together. Here the whole file is read, but not decoded.
    """
    if info.container not in CLOCK_FORMATS or info.stream:
        return info
    with closing(VideoReader(info.source, stream=False)) as reader:
        return replace(info, duration_s=reader.measured_s())


def frames(
    source: VideoSource,
    *,
    every_s: float | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    stream: bool = False,
    sequence_fps: float | None = None,
) -> Iterator[Frame]:
    """The frames of a video in the order of showing, each with its true time.

    A thread of its own decodes ahead, `_AHEAD` frames at most. A frame that is damaged beyond
    decoding is left out; its number and time are not given to another. `close()` of the iterator
    ends the thread and frees the file, and so does a loop that runs to its end.

    Args:
        source: a file, a series of images, an address or a camera; see `VideoSource`.
        every_s: give only the first frame at or after each multiple of it.
        start_s: leave out frames before this time.
        end_s: leave out frames at or after this time.
        stream: `source` is an address to connect to, such as `rtsp://...`. Without it a `str` is
            never fetched.
        sequence_fps: see `probe`.
    Yields:
        Frames; all of one video have the same size.
    Raises:
        VideoError: it is not a video that can be read, or it ends in an error; what could be
            decoded before has then been given.
        OptionError: a time is negative, `end_s` is not after `start_s`, `every_s` or
            `sequence_fps` is not above zero, or `source` has times of its own, or is no source.
    """
    camera = _camera(source, sequence_fps)
    check_times(every_s, start_s, end_s)
    if camera is not None:
        opened = Camera(camera)
        produced: Iterator[Frame] = _camera_frames(opened, str(source))
        # What is not taken in time is dropped: a camera shows what is now.
        return sampled(prefetch(produced, 2, newest=True), every_s, start_s, end_s)
    if images := _sequence(source):
        fps = sequence_fps or SEQUENCE_FPS
        produced = (Frame(i, i / fps, _load_image(path)) for i, path in enumerate(images))
        return sampled(prefetch(produced, 2), every_s, start_s, end_s)
    reader = _video(source, stream, sequence_fps, sampled=every_s is not None)
    return _frames_of(reader, every_s, start_s, end_s)


def _camera(source: VideoSource, fps: float | None) -> int | None:
    """As `camera_number`; raises `OptionError` for what is no source, and where `fps` is wrong."""
    if not isinstance(source, str | Path | int):
        raise OptionError(
            f"expected a path, an address or the number of a camera; got {type(source).__name__}",
            argument="source",
        )
    check_fps(fps)
    if (camera := camera_number(source)) is not None:
        _refuse_fps(fps, str(source))
    return camera


def open_video(
    file: BinaryIO, name: str, *, every_s: float | None = None, max_pixels: int | None = None
) -> tuple[VideoInfo, Iterator[Frame]]:
    """What a video is and its frames, from a file that is open, and that anybody may have sent.

    Args:
        file: open for reading, at its start; only `name` is told of it. Nothing else is opened,
            whatever it contains.
        name: for messages.
        every_s: give only the first frame at or after each multiple of it.
        max_pixels: videos with larger frames are refused, before they are decoded.
    Returns:
        As `probe` and `frames` give them; `close()` of the iterator ends its thread.
    Raises:
        VideoError: it is not a video that can be read, or its frames are too large.
        OptionError: `every_s` is not above zero.
    """
    check_times(every_s, None, None)
    sampled = every_s is not None
    reader = VideoReader(name, stream=False, file=file, max_pixels=max_pixels, sampled=sampled)
    return reader.info(), _frames_of(reader, every_s, None, None)


def _frames_of(
    reader: VideoReader, every_s: float | None, start_s: float | None, end_s: float | None
) -> Iterator[Frame]:
    size = reader.width * reader.height * 3
    depth = max(2, min(_AHEAD, _AHEAD_BYTES // max(size, 1)))
    return prefetch(reader.frames(every_s, start_s, end_s), depth)


def _video(
    source: VideoSource, stream: bool, fps: float | None, *, sampled: bool = False
) -> VideoReader:
    reader = VideoReader(source, stream=stream, fps=fps, sampled=sampled)
    if reader.has_times and fps is not None:
        reader.close()
        _refuse_fps(fps, reader.name)
    return reader


def _refuse_fps(fps: float | None, name: str) -> None:
    if fps is not None:
        raise OptionError(
            f"{name}: expected a series of images (shot_%04d.png) or another video without times, "
            f"as frames per second are given (--fps, sequence_fps); it has times of its own. Leave "
            "them out; every_s (--every) reads fewer frames"
        )


def _sequence(source: VideoSource) -> list[Path]:
    """The files of a series of images, in order; empty if `source` does not name one."""
    name = str(source)
    if Path(name).suffix.lower() not in IMAGE_SUFFIXES or os.path.exists(name):  # noqa: PTH110
        return []
    if numbered := re.search(r"%0?\d*d", name):
        pattern = name[: numbered.start()] + "*" + name[numbered.end() :]
        before, after = len(name[: numbered.start()]), len(name[numbered.end() :])
        found = [p for p in glob.glob(pattern) if p[before : len(p) - after].isdigit()]  # noqa: PTH207
        found.sort(key=lambda p: int(p[before : len(p) - after]))
    elif glob.has_magic(name):
        found = sorted(glob.glob(name))  # noqa: PTH207
    else:
        return []
    if not found:
        raise VideoError(f"no image matches {name}")
    return [Path(file) for file in found]


def _load_image(path: Path) -> Image:
    try:
        return load_image(path)
    except ImageError as error:
        raise VideoError(str(error)) from error


def camera_number(source: VideoSource) -> int | None:
    """The number of the camera that `source` names, or None if it names something else."""
    if isinstance(source, int):
        return source
    name = str(source)
    if name.isdecimal() and not os.path.exists(name):  # noqa: PTH110
        return int(name)
    device = re.fullmatch(r"/dev/video(\d+)", name)
    return int(device[1]) if device else None


def _camera_info(camera: Camera, source: str) -> VideoInfo:
    image = camera.read()
    return VideoInfo(
        source=source,
        width=image.shape[1],
        height=image.shape[0],
        frame_rate=camera.frame_rate,
        duration_s=None,
        frame_count=None,
        codec="rawvideo",
        container="camera",
        has_sound=False,
        stream=True,
    )


def _camera_frames(camera: Camera, source: str) -> Iterator[Frame]:
    first_s: float | None = None
    index = 0
    with closing(camera):
        while True:
            image = camera.read()
            now_s = time.monotonic()
            first_s = now_s if first_s is None else first_s
            yield Frame(index, now_s - first_s, image)
            index += 1
