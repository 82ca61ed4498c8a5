"""Video files, streams and cameras -> frames with their true times.

PyAV, the Python side of FFmpeg, is imported when the first video is opened, not before.
"""

import glob
import math
import os
import queue
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias

import cv2
import numpy as np

from mien.errors import ImageError, OptionError, VideoError
from mien.images import SUFFIXES as PICTURE_SUFFIXES
from mien.images import Image, load_image
from mien.video.cameras import Camera
from mien.video.containers import (
    SAME_TIME_S,
    is_address,
    open_container,
    open_film_file,
    reason,
)
from mien.video.writer import VideoWriter

if TYPE_CHECKING:
    import av
    from av.video.stream import VideoStream

__all__ = [
    "SEQUENCE_FPS",
    "SUFFIXES",
    "Frame",
    "VideoInfo",
    "VideoSource",
    "VideoWriter",
    "camera_number",
    "check_times",
    "frames",
    "open_film",
    "probe",
]

VideoSource: TypeAlias = str | Path | int
"""A file; a numbered series of pictures (`shot_%04d.png`) or a pattern of them (`shots/*.png`); the
address of a stream, where streams are asked for; a camera by its number or device
(`/dev/video0`)."""

SUFFIXES: Final = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg"}
    | {".wmv", ".flv", ".3gp", ".ogv", ".mxf", ".vob"}
)
"""Endings, lower case, of the files that a search through a folder takes for videos."""

SEQUENCE_FPS: Final = 25.0
"""Of a series of pictures, which has no times of its own."""

MAX_PIXELS: Final = 8192 * 4320
"""Films with larger frames are refused before they are decoded: a decoder holds a dozen at once."""

_LARGE_PIXELS: Final = 4096 * 2304  # frames above it are decoded by one thread, to hold fewer

_AHEAD: Final = 8  # frames decoded before they are asked for
_AHEAD_BYTES: Final = 128_000_000  # fewer of them where frames are large
_MAX_THREADS: Final = 8  # of a decoder; each holds frames of its own

# What FFmpeg also opens as "video": text as a terminal would show it, and single pictures.
_NO_VIDEO: Final = re.compile(r"^(tty|bin|xbin|adf|idf|lavfi|image2|ico|.*_pipe)$")


@dataclass(frozen=True)
class Frame:
    """One picture of a video.

    Attributes:
        index: its number in the whole video, from 0, in the order of showing. Of a camera that is
            read too slowly, numbers are missing: those frames were dropped.
        time_s: when it is shown, in seconds from the start of the video; see `VideoInfo.start_s`.
        image: (H, W, 3) uint8, RGB, upright and with square pixels.
    """

    index: int
    time_s: float
    image: Image


@dataclass(frozen=True)
class VideoInfo:
    """What a video says of itself.

    Attributes:
        source: what was opened, as text.
        width: in pixels, upright and with square pixels, as frames come.
        height: likewise.
        frame_rate: mean frames per second, or None if it is not known.
        duration_s: length, or None: a stream, a camera, a file that does not tell.
        frame_count: as the file tells it, or None.
        codec: of the pictures, as FFmpeg calls it.
        container: likewise.
        has_sound: whether there is sound.
        rotation: by which stored pictures are turned for showing, in degrees counter-clockwise.
        start_s: what the container calls the moment from which times are counted: add it to get
            the timestamps that ffprobe prints. Zero wherever the container's own times begin at
            zero (MP4, Matroska, AVI, ...); MPEG transport and program streams, whose clock may
            stand anywhere, are counted from their first packet.
        time_base_s: the unit of the timestamps.
        stream: whether it was opened as a stream.
    """

    source: str
    width: int
    height: int
    frame_rate: float | None
    duration_s: float | None
    frame_count: int | None
    codec: str
    container: str
    has_sound: bool
    rotation: int = 0
    start_s: float = 0.0
    time_base_s: Fraction = Fraction(1, 90_000)
    stream: bool = False


def probe(
    source: VideoSource, *, stream: bool = False, sequence_fps: float = SEQUENCE_FPS
) -> VideoInfo:
    """Open a video, decode its first frame, and say what it is.

    Args:
        source: a file, a series of pictures, an address or a camera; see `VideoSource`.
        stream: `source` is an address to connect to, such as `rtsp://...`.
        sequence_fps: frames per second of a series of pictures.
    Raises:
        VideoError: it is not a video that can be read; the message says what it is.
        OptionError: `sequence_fps` is not above zero.
    """
    _check_fps(sequence_fps)
    if (camera := camera_number(source)) is not None:
        with closing(Camera(camera)) as opened:
            return _camera_info(opened, str(source))
    if pictures := _sequence(source):
        first = _load_picture(pictures[0])
        return VideoInfo(
            source=str(source),
            width=first.shape[1],
            height=first.shape[0],
            frame_rate=sequence_fps,
            duration_s=len(pictures) / sequence_fps,
            frame_count=len(pictures),
            codec=pictures[0].suffix.lower().lstrip("."),
            container="pictures",
            has_sound=False,
        )
    with closing(_Reader(source, stream=stream)) as reader:
        return reader.info()


def frames(
    source: VideoSource,
    *,
    every_s: float | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    stream: bool = False,
    sequence_fps: float = SEQUENCE_FPS,
) -> Iterator[Frame]:
    """The frames of a video in the order of showing, each with its true time.

    A thread of its own decodes ahead, `_AHEAD` frames at most. A frame that is damaged beyond
    decoding is left out; its number and time are not given to another. `close()` of the iterator
    ends the thread and frees the file, and so does a loop that runs to its end.

    Args:
        source: a file, a series of pictures, an address or a camera; see `VideoSource`.
        every_s: give only the first frame at or after each multiple of it.
        start_s: leave out frames before this time.
        end_s: leave out frames at or after this time.
        stream: `source` is an address to connect to, such as `rtsp://...`. Without it a `str` is
            never fetched.
        sequence_fps: frames per second of a series of pictures.
    Yields:
        Frames; all of one video have the same size.
    Raises:
        VideoError: it is not a video that can be read, or it ends in an error; what could be
            decoded before has then been given.
        OptionError: a time is negative, `end_s` is not after `start_s`, or `every_s` or
            `sequence_fps` is not above zero.
    """
    check_times(every_s, start_s, end_s)
    _check_fps(sequence_fps)
    if (camera := camera_number(source)) is not None:
        opened = Camera(camera)
        produced: Iterator[Frame] = _camera_frames(opened, str(source))
        # What is not taken in time is dropped: a camera shows what is now.
        return _picked(_ahead(produced, 2, newest=True), every_s, start_s, end_s)
    if pictures := _sequence(source):
        produced = (
            Frame(i, i / sequence_fps, _load_picture(path)) for i, path in enumerate(pictures)
        )
        return _picked(_ahead(produced, 2), every_s, start_s, end_s)
    return _frames_of(_Reader(source, stream=stream), every_s, start_s, end_s)


def open_film(
    file: BinaryIO, name: str, *, every_s: float | None = None, max_pixels: int | None = None
) -> tuple[VideoInfo, Iterator[Frame]]:
    """What a film is and its frames, from a file that is open, and that anybody may have sent.

    Args:
        file: open for reading, at its start; only `name` is told of it. Nothing else is opened,
            whatever it contains.
        name: for messages.
        every_s: give only the first frame at or after each multiple of it.
        max_pixels: films with larger frames are refused, before they are decoded.
    Returns:
        As `probe` and `frames` give them; `close()` of the iterator ends its thread.
    Raises:
        VideoError: it is not a video that can be read, or its frames are too large.
        OptionError: `every_s` is not above zero.
    """
    check_times(every_s, None, None)
    reader = _Reader(name, stream=False, file=file, max_pixels=max_pixels)
    return reader.info(), _frames_of(reader, every_s, None, None)


def _frames_of(
    reader: "_Reader", every_s: float | None, start_s: float | None, end_s: float | None
) -> Iterator[Frame]:
    size = reader.width * reader.height * 3
    depth = max(2, min(_AHEAD, _AHEAD_BYTES // max(size, 1)))
    return _ahead(reader.frames(every_s, start_s, end_s), depth)


def check_times(every_s: float | None, start_s: float | None, end_s: float | None) -> None:
    """Raise `OptionError` for times that make no part of a video."""
    if every_s is not None and not every_s > 0:
        raise OptionError(f"every_s: expected seconds above 0; got {every_s}")
    if start_s is not None and not start_s >= 0:
        raise OptionError(f"start_s: expected seconds of 0 or more; got {start_s}")
    if end_s is not None and not end_s > (start_s or 0.0):
        raise OptionError(f"end_s: expected seconds above {start_s or 0.0} (start_s); got {end_s}")


def _check_fps(sequence_fps: float) -> None:
    if not 0 < sequence_fps < float("inf"):
        raise OptionError(f"sequence_fps: expected frames per second above 0; got {sequence_fps}")


def _picked(
    produced: Iterator[Frame], every_s: float | None, start_s: float | None, end_s: float | None
) -> Iterator[Frame]:
    """The frames within the times, thinned out."""
    pick = _Pick(every_s, start_s, end_s)
    with closing(produced):  # type: ignore[type-var]
        for frame in produced:
            if pick.is_over(frame.time_s):
                return
            if pick.takes(frame.time_s):
                yield frame


class _Pick:
    """Which times are asked for."""

    def __init__(self, every_s: float | None, start_s: float | None, end_s: float | None) -> None:
        self._every_s = every_s
        self._start_s = -math.inf if start_s is None else start_s - SAME_TIME_S
        self._end_s = math.inf if end_s is None else end_s - SAME_TIME_S
        self._last_step: float = -math.inf

    def is_over(self, time_s: float) -> bool:
        return time_s >= self._end_s

    def takes(self, time_s: float) -> bool:
        """Whether this frame is asked for; call it once for each frame, in order."""
        if time_s < self._start_s:
            return False
        if self._every_s is None:
            return True
        step = (time_s + SAME_TIME_S) // self._every_s
        taken = step > self._last_step
        self._last_step = max(step, self._last_step)
        return taken


def _ahead(produced: Iterator[Frame], depth: int, *, newest: bool = False) -> Iterator[Frame]:
    """What `produced` yields, made in a thread of its own that runs `depth` frames ahead.

    Args:
        produced: a generator; only the thread touches it.
        depth: frames that wait at most.
        newest: where too many wait, drop the oldest rather than stop the thread.
    """
    waiting: queue.Queue[Frame | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: Frame | BaseException | None) -> None:
        placed = False
        while not (placed or stopped.is_set()):
            with suppress(queue.Full):
                waiting.put(item, timeout=0.2)
                placed = True

    def run() -> None:
        ended: BaseException | None = None
        try:
            with closing(produced):  # type: ignore[type-var]
                for frame in produced:
                    if stopped.is_set():
                        return
                    if newest and waiting.full():
                        with suppress(queue.Empty):
                            waiting.get_nowait()
                    put(frame)
        except BaseException as error:  # is raised where the frames are taken
            ended = error
        put(ended)

    # A read that hangs, in a camera or a network, must not keep the process from ending.
    thread = threading.Thread(target=run, name="mien-frames", daemon=True)
    thread.start()
    try:
        while True:
            try:
                # On Windows a wait without an end does not hear Ctrl-C.
                item = waiting.get(timeout=0.5)
            except queue.Empty:
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join(timeout=2.0)


class _Reader:
    """A video file or stream that is open, with its first frame decoded."""

    def __init__(
        self,
        source: VideoSource,
        *,
        stream: bool,
        file: BinaryIO | None = None,
        max_pixels: int | None = None,
    ) -> None:
        self.name = str(source)
        self._stream = stream and is_address(self.name)
        self._source = source
        if file is None:
            self._container = open_container(source, stream=stream)
        else:
            self._container = open_film_file(file, self.name)
        try:
            self._video = self._pictures()
            most = MAX_PIXELS if max_pixels is None else max_pixels
            self._bound_pixels(most)
            # Threads that decode whole frames side by side hold frames back: not when it is live.
            self._video.thread_type = "SLICE" if self._stream else "AUTO"
            codec = self._video.codec_context
            large = codec.width * codec.height > _LARGE_PIXELS
            codec.thread_count = 1 if large else min(_cores(), _MAX_THREADS)
            self.origin_s = self._origin()
            self._decoded = self._decode()
            first = next(self._decoded, None)
            if first is None:
                raise VideoError(
                    f"{self.name}: expected a video; none of its pictures can be decoded: it is "
                    "damaged or cut short"
                )
        except BaseException:
            self._container.close()
            raise
        self._first: av.VideoFrame | None = first
        self._turn = _turn_of(first)
        ratio = self._video.sample_aspect_ratio or Fraction(1)
        wide = round(first.width * ratio) if Fraction(1, 4) < ratio < 4 else first.width
        if wide * first.height > most:  # by a shape of pixels that nobody would choose
            wide = first.width
        self._stored = (wide, first.height)  # as decoded, with square pixels
        upright = self._stored[::-1] if self._turn.transposed else self._stored
        self.width: int = upright[0]
        self.height: int = upright[1]

    def close(self) -> None:
        self._container.close()

    def info(self) -> VideoInfo:
        video = self._video
        unit = video.time_base or Fraction(1, 90_000)
        duration_s: float | None = None
        if video.duration and not self._stream:
            duration_s = float(video.duration * unit)
        elif self._container.duration and not self._stream:
            duration_s = self._container.duration / 1e6
        rate = video.average_rate or video.guessed_rate
        return VideoInfo(
            source=self.name,
            width=self.width,
            height=self.height,
            frame_rate=float(rate) if rate else None,
            duration_s=duration_s,
            frame_count=video.frames or None,
            codec=video.codec_context.name,
            container=self._container.format.name,
            has_sound=bool(self._container.streams.audio),
            rotation=self._turn.degrees,
            start_s=float(self.origin_s),
            time_base_s=unit,
            stream=self._stream,
        )

    def frames(
        self, every_s: float | None, start_s: float | None, end_s: float | None
    ) -> Iterator[Frame]:
        """The frames that are asked for; closes the file at the end."""
        from av.video.reformatter import VideoReformatter

        pick = _Pick(every_s, start_s, end_s)
        # One for all frames: the tables of a conversion take longer to make than to use.
        reformatter = VideoReformatter()
        try:
            for index, time_s, decoded in self._timed(start_s or 0.0):
                if pick.is_over(time_s):
                    return
                if pick.takes(time_s):
                    width, height = self._stored
                    pixels = reformatter.reformat(decoded, width, height, format="rgb24")
                    image = np.asarray(pixels.to_ndarray(), np.uint8)
                    yield Frame(index, time_s, self._turn.apply(image))
        finally:
            self.close()

    def _timed(self, start_s: float) -> "Iterator[tuple[int, float, av.VideoFrame]]":
        """Number, time and content of each frame, from `start_s` or somewhat before it."""
        period_s = 1.0 / float(self._video.average_rate or self._video.guessed_rate or 25)
        index = 0
        decoded = self._all_decoded()
        if start_s > 1.0 and not self._stream:
            decoded, index = self._decoded_from(start_s)
        last_s = (index - 1) * period_s
        for frame in decoded:
            time_s = self._time_of(frame)
            if time_s is None:  # a bare H.264 file, some AVI files
                time_s = last_s + period_s
            yield index, time_s, frame
            index, last_s = index + 1, time_s

    def _time_of(self, frame: "av.VideoFrame") -> float | None:
        if frame.pts is None or frame.time_base is None:
            return None
        return float(frame.pts * frame.time_base - self.origin_s)

    def _all_decoded(self) -> "Iterator[av.VideoFrame]":
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._decoded

    def _decoded_from(self, start_s: float) -> "tuple[Iterator[av.VideoFrame], int]":
        """Go to the last keyframe before a time; gives the frames from there, and their number."""
        import av

        unit = self._video.time_base or Fraction(1, 90_000)
        # Where there is no index of keyframes a search may land late: then look earlier.
        for back_s in (0.0, 2.0, 10.0, 60.0):
            if start_s - back_s <= 1.0:
                break
            try:
                offset = int((start_s - back_s + self.origin_s) / unit)
                self._container.seek(offset, stream=self._video)
                decoded = self._decode()
                first = next(decoded, None)
            except av.error.FFmpegError:
                break
            time_s = None if first is None else self._time_of(first)
            if first is not None and time_s is not None and time_s <= start_s:
                assert first.pts is not None
                return _chain(first, decoded), self._packets_before(first.pts)
        self._container.close()
        self._container = open_container(self._source, stream=False)
        self._video = self._pictures()
        return self._decode(), 0

    def _packets_before(self, pts: int) -> int:
        """How many frames come before one, counted without decoding."""
        count = 0
        with open_container(self._source, stream=False) as container:
            packets = container.demux(container.streams[self._video.index])
            while True:
                try:
                    packet = next(packets, None)
                except IndexError:  # as in `_decode`
                    packets = container.demux(container.streams[self._video.index])
                    continue
                # No frame is shown much before it is decoded.
                if packet is None or (packet.dts is not None and packet.dts > pts):
                    return count
                count += packet.pts is not None and packet.pts < pts and not packet.is_discard

    def _decode(self) -> "Iterator[av.VideoFrame]":
        """All frames that can be decoded; those that cannot be are left out."""
        import av

        packets = self._container.demux(self._video)
        while True:
            try:
                packet = next(packets, None)
            except IndexError:  # of a stream that begins later, as FLV has them; PyAV has no place
                packets = self._container.demux(self._video)
                continue
            except (av.error.FFmpegError, OSError) as error:
                raise VideoError(f"{self.name}: it cannot be read on; {reason(error)}") from error
            if packet is None:
                return
            if packet.has_sidedata("encryption_info"):
                raise VideoError(
                    f"{self.name}: it is encrypted, and cannot be read without its key or password"
                )
            try:
                yield from packet.decode()
            except (av.error.FFmpegError, OSError):
                continue

    def _pictures(self) -> "VideoStream":
        """The stream of moving pictures; a cover of an album is none."""
        import av

        container = self._container
        if _NO_VIDEO.match(container.format.name):
            raise VideoError(
                f"{self.name}: expected a video; it is "
                + ("text" if container.format.name == "tty" else "a single picture or no video")
            )
        for stream in container.streams.video:
            if stream.disposition & av.stream.Disposition.attached_pic:
                continue
            if getattr(stream, "codec_context", None) is None:
                raise VideoError(f"{self.name}: no codec that FFmpeg knows for its pictures")
            return stream
        what = "only sound in it" if container.streams.audio else "none in it"
        raise VideoError(f"{self.name}: expected moving pictures; there is {what}")

    def _bound_pixels(self, most: int) -> None:
        """Refuse larger frames, those that come later in the film, too."""
        codec = self._video.codec_context
        if codec.width * codec.height > most:
            raise VideoError(
                f"{self.name}: expected frames of at most {most:,} pixels; got {codec.width} x "
                f"{codec.height}"
            )
        codec.options = {**codec.options, "max_pixels": str(most)}

    def _origin(self) -> Fraction:
        """The container's time from which ours are counted, in seconds."""
        # Of MPEG transport and program streams, and of what comes over a network.
        clock_anywhere = self._container.format.name in ("mpegts", "mpeg", "rtsp", "rtp", "sdp")
        if not (clock_anywhere or self._stream) or self._container.start_time is None:
            return Fraction(0)
        start = Fraction(self._container.start_time, 1_000_000)
        if self._video.start_time is not None and self._video.time_base is not None:
            exact = self._video.start_time * self._video.time_base
            if abs(exact - start) < 2 * SAME_TIME_S:
                return exact
        return start


def _chain(first: "av.VideoFrame", rest: "Iterator[av.VideoFrame]") -> "Iterator[av.VideoFrame]":
    yield first
    yield from rest


@dataclass(frozen=True)
class _Turn:
    """How stored pictures are turned for showing: transposed or not, then mirrored."""

    transposed: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False

    @property
    def degrees(self) -> int:
        """The turn counter-clockwise, leaving a mirroring aside: 0, 90, 180 or -90."""
        if self.transposed:
            return 90 if self.mirrored_y else -90
        return 180 if self.mirrored_y else 0

    def apply(self, image: Image) -> Image:
        if self.transposed and self.mirrored_x != self.mirrored_y:
            way = cv2.ROTATE_90_CLOCKWISE if self.mirrored_x else cv2.ROTATE_90_COUNTERCLOCKWISE
            return np.asarray(cv2.rotate(image, way), np.uint8)
        if self.transposed:
            image = np.asarray(cv2.transpose(image), np.uint8)
        if self.mirrored_x or self.mirrored_y:
            both = self.mirrored_x and self.mirrored_y
            way = -1 if both else 1 if self.mirrored_x else 0
            image = np.asarray(cv2.flip(image, way), np.uint8)
        return image


def _turn_of(frame: "av.VideoFrame") -> _Turn:
    """The turn that the display matrix asks for, to the nearest right angle."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return _Turn()
    # FFmpeg's libavutil/display.h: x' = a x + c y, y' = b x + d y, y downwards.
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return _Turn(True, c < 0, b < 0)
    return _Turn(False, a < 0, d < 0)


def _cores() -> int:
    """How many the process may use; a decoder with more threads than that is slower."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _sequence(source: VideoSource) -> list[Path]:
    """The files of a series of pictures, in order; empty if `source` does not name one."""
    name = str(source)
    if Path(name).suffix.lower() not in PICTURE_SUFFIXES or os.path.exists(name):  # noqa: PTH110
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
        raise VideoError(f"no picture matches {name}")
    return [Path(file) for file in found]


def _load_picture(path: Path) -> Image:
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
