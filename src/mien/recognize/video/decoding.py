"""A video or a stream, decoded by FFmpeg: its frames upright, in RGB, with their true times.

PyAV, the Python side of FFmpeg, is imported when the first video is opened, not before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import cv2
import numpy as np

from mien.environment import cores
from mien.errors import VideoError
from mien.readings import Image
from mien.recognize.images import AVIF_BRANDS, HEIF_BRANDS
from mien.recognize.video.colors import to_rgb
from mien.recognize.video.containers import (
    SAME_TIME_S,
    is_address,
    open_container,
    open_video_file,
    reason,
)
from mien.recognize.video.fields import unwoven
from mien.recognize.video.info import Frame, VideoInfo, VideoSource
from mien.recognize.video.sampling import FrameSampler
from mien.recognize.video.times import CLOCK_FORMATS, LEAST_STEP_S, ShownTimes, packets_of

if TYPE_CHECKING:
    import av
    from av.video.stream import VideoStream

MAX_PIXELS: Final = 8192 * 4320
"""Videos with larger frames are refused before they are decoded: a decoder holds a dozen at
once."""

# Frames per second; DV and AVI may give the unit of their times as their rate.
_MAX_RATE: Final = 300
_LARGE_PIXELS: Final = 4096 * 2304  # frames above it are decoded by one thread, to hold fewer
_SMALL_PIXELS: Final = 1280 * 720  # up to it one thread keeps up with what reads all frames
_MAX_THREADS: Final = 8  # of a decoder; each holds frames of its own

# What FFmpeg also opens as "video": text as a terminal would show it, and single images.
_NO_VIDEO: Final = re.compile(r"^(tty|bin|xbin|adf|idf|lavfi|image2|ico|.*_pipe)$")
_A_IMAGE: Final = "a single image, for `mien detect`"


class VideoReader:
    """A video file or stream that is open, with its first frame decoded.

    Args:
        source: a file or an address.
        stream: connect to an address.
        file: read this one instead; `source` is then its name for messages.
        max_pixels: larger frames are refused.
        fps: frames per second, if it has no times; otherwise as it says, or 25.
        sampled: not all frames are asked for.
    """

    def __init__(
        self,
        source: VideoSource,
        *,
        stream: bool,
        file: BinaryIO | None = None,
        max_pixels: int | None = None,
        fps: float | None = None,
        sampled: bool = False,
    ) -> None:
        self.name = str(source)
        self._stream = stream and is_address(self.name)
        self._source = source
        if file is None:
            self._container = open_container(source, stream=stream)
        else:
            self._container = open_video_file(file, self.name)
        try:
            self._video = self._images()
            most = MAX_PIXELS if max_pixels is None else max_pixels
            self._bound_pixels(most)
            # Threads that decode whole frames side by side hold frames back: not when it is live.
            self._video.thread_type = "SLICE" if self._stream else "AUTO"
            codec = self._video.codec_context
            codec.thread_count = _threads(codec.width * codec.height, sampled)
            # Of MPEG transport and program streams, and of what comes over a network.
            clocks = (*CLOCK_FORMATS, "rtsp", "rtp", "sdp")
            self._has_clock = self._stream or self._container.format.name in clocks
            self.origin_s = self._origin()
            self._begins_at: tuple[int | None, int | None] | None = None  # a packet's place, time
            self._decoded: Iterator[av.VideoFrame] = self._decode()
            first = next(self._decoded, None)
            if first is None:
                raise VideoError(
                    f"{self.name}: expected a video; none of its images can be decoded: it is "
                    "damaged or cut short"
                )
        except BaseException:
            self._container.close()
            raise
        begins: int | None = self._container.start_time  # None of a video of one frame
        if self._has_clock and begins is None and first.pts is not None and first.time_base:
            self.origin_s = first.pts * first.time_base
        self.has_times = first.pts is not None
        rates = (self._video.average_rate, self._video.guessed_rate)
        told = next((float(rate) for rate in rates if rate and rate <= _MAX_RATE), None)
        self._told_rate = fps or told
        self._period_s = 1.0 / (self._told_rate or 25.0)
        self._decoded = chain([first], self._decoded)
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
        """Close the file; `frames` does so at its end."""
        self._container.close()

    def info(self) -> VideoInfo:
        """What it says of itself."""
        video = self._video
        unit = video.time_base or Fraction(1, 90_000)
        duration_s: float | None = None
        if video.duration and not self._stream:
            begins_s = max((video.start_time or 0) * unit - self.origin_s, Fraction(0))
            duration_s = float(video.duration * unit + begins_s)
        elif self._container.duration and not self._stream:
            duration_s = self._container.duration / 1e6
        return VideoInfo(
            source=self.name,
            width=self.width,
            height=self.height,
            frame_rate=self._told_rate,
            duration_s=duration_s,
            frame_count=video.frames or None,
            codec=video.codec_context.name,
            container=self._container.format.name,
            has_sound=bool(self._container.streams.audio),
            rotation=self._turn.degrees,
            start_s=float(self.origin_s),
            time_base_s=unit,
            stream=self._stream,
            image_streams=self._image_streams,
        )

    def measured_s(self) -> float | None:
        """How long the video is by the times of its packets, read to the end but not decoded."""
        times_s = (
            packet.pts * packet.time_base
            for packet in packets_of(self._container, self._video)
            if packet.pts is not None and packet.time_base
        )
        last_s = max(times_s, default=None)
        return None if last_s is None else float(last_s - self.origin_s) + self._period_s

    def frames(
        self, every_s: float | None, start_s: float | None, end_s: float | None
    ) -> Iterator[Frame]:
        """The frames that are asked for; closes the file at the end."""
        from av.video.reformatter import VideoReformatter

        sampler = FrameSampler(every_s, start_s, end_s)
        reformatter = VideoReformatter()
        try:
            for index, time_s, decoded in self._timed(start_s or 0.0):
                if sampler.is_over(time_s):
                    return
                if sampler.takes(time_s):
                    image = to_rgb(decoded, reformatter, *self._stored)
                    yield Frame(index, time_s, self._turn.apply(image))
        finally:
            self.close()

    def _timed(self, start_s: float) -> "Iterator[tuple[int, float, av.VideoFrame]]":
        """Number, time and content of each frame, from `start_s` or somewhat before it."""
        index = 0
        decoded = self._decoded
        if start_s > 1.0 and not self._stream:
            decoded, index = self._decoded_from(start_s)
        last_s = (index - 1) * self._period_s
        is_first = True
        for frame in unwoven(decoded, self._video.codec_context.thread_count):
            time_s = self._time_of(frame)
            if time_s is None:  # a bare H.264 file, some AVI files
                time_s = last_s + self._period_s
            elif not is_first:
                time_s = max(time_s, last_s + LEAST_STEP_S)
            is_first = False
            yield index, time_s, frame
            index, last_s = index + 1, time_s

    def _time_of(self, frame: "av.VideoFrame") -> float | None:
        if frame.pts is None or frame.time_base is None:
            return None
        return float(frame.pts * frame.time_base - self.origin_s)

    def _decoded_from(self, start_s: float) -> "tuple[Iterator[av.VideoFrame], int]":
        """Go to the last keyframe before a time; gives the frames from there, and their number."""
        import av

        unit = self._video.time_base or Fraction(1, 90_000)
        # Where times are those of decoding, only all frames before tell when one is shown.
        is_ordered = (
            self._container.format.name != "avi" or not self._video.codec_context.has_b_frames
        )
        # Where there is no index of keyframes a search may land late: then look earlier.
        for back_s in (0.0, 2.0, 10.0, 60.0):
            if start_s - back_s <= 1.0 or not is_ordered:
                break
            try:
                offset = int((start_s - back_s + self.origin_s) / unit)
                self._container.seek(offset, stream=self._video)
                self._begins_at = None
                decoded = self._decode()
                first = next(decoded, None)
            except av.error.FFmpegError:
                break
            time_s = None if first is None else self._time_of(first)
            if first is not None and time_s is not None and time_s <= start_s:
                assert first.pts is not None
                before = self._packets_before(first.pts)
                if before is None:
                    break
                return chain([first], decoded), before
        self._container.close()
        self._container = open_container(self._source, stream=False)
        self._video = self._images()
        return self._decode(), 0

    def _packets_before(self, pts: int) -> int | None:
        """How many frames come before the one that was searched for, counted without decoding.

        None where another part of the video has frames of that time, too.
        """
        count = 0
        began = found = self._container.format.name not in CLOCK_FORMATS
        with open_container(self._source, stream=False) as container:
            for packet in packets_of(container, container.streams[self._video.index]):
                # No frame is shown much before it is decoded.
                if packet.dts is not None and packet.dts > pts:
                    break
                began = began or (packet.pos, packet.dts) == self._begins_at
                found = found or (began and packet.is_keyframe and packet.pts == pts)
                count += packet.pts is not None and packet.pts < pts and not packet.is_discard
        return count if found else None

    def _decode(self) -> "Iterator[av.VideoFrame]":
        """All frames that can be decoded, at the times of showing; the others are left out."""
        import av

        packets = packets_of(self._container, self._video)
        shown = ShownTimes()
        while True:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, OSError) as error:
                raise VideoError(f"{self.name}: it cannot be read on; {reason(error)}") from error
            if packet is None:
                return
            self._begins_at = self._begins_at or (packet.pos, packet.dts)
            if packet.has_sidedata("encryption_info"):
                raise VideoError(
                    f"{self.name}: it is encrypted, and cannot be read without its key or password"
                )
            shown.take(packet)
            try:
                for frame in packet.decode():
                    shown.mend(frame)
                    yield frame
            except (av.error.FFmpegError, OSError):
                shown.lose()

    def _images(self) -> "VideoStream":
        """The stream of moving images; a cover of an album is none."""
        import av

        container = self._container
        if container.format.name == "tty":
            raise VideoError(f"{self.name}: expected a video; it is text")
        found = [
            stream
            for stream in container.streams.video
            if not stream.disposition & av.stream.Disposition.attached_pic
        ]
        if container.metadata.get("major_brand", "").encode() in HEIF_BRANDS | AVIF_BRANDS:
            # Single images, tiles of one, and what moves, if anything does.
            found = [stream for stream in found if stream.frames > 1]
            if not found:
                raise VideoError(f"{self.name}: expected a video; it is {_A_IMAGE}")
        elif _NO_VIDEO.match(container.format.name):
            what = f"{_A_IMAGE}, or no video"
            if container.format.name == "webp_pipe":
                with open(container.name, "rb") as file:  # noqa: PTH123
                    if b"ANIM" in file.read(64):
                        what = "an animated WebP; make a GIF or an MP4 of it, which can be read"
            raise VideoError(f"{self.name}: expected a video; it is {what}")
        if not found:
            what = "only sound in it" if container.streams.audio else "none in it"
            raise VideoError(f"{self.name}: expected moving images; there is {what}")
        self._image_streams = len(found)
        if getattr(found[0], "codec_context", None) is None:
            raise VideoError(f"{self.name}: no codec that FFmpeg knows for its images")
        return found[0]

    def _bound_pixels(self, most: int) -> None:
        """Refuse larger frames, those that come later in the video, too."""
        codec = self._video.codec_context
        if codec.width * codec.height > most:
            raise VideoError(
                f"{self.name}: expected frames of at most {most:,} pixels; got {codec.width} x "
                f"{codec.height}",
                limit=most,
            )
        codec.options = {**codec.options, "max_pixels": str(most)}

    def _origin(self) -> Fraction:
        """The container's time from which ours are counted, in seconds."""
        if not self._has_clock or self._container.start_time is None:
            return Fraction(0)
        start = Fraction(self._container.start_time, 1_000_000)
        if self._video.start_time is not None and self._video.time_base is not None:
            exact = self._video.start_time * self._video.time_base
            if abs(exact - start) < 2 * SAME_TIME_S:
                return exact
        return start


@dataclass(frozen=True)
class _Turn:
    """How stored images are turned for showing: transposed or not, then mirrored."""

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


def _threads(pixels: int, sampled: bool) -> int:
    """How many are to decode frames of so many pixels."""
    # A decoder with more threads than the process may use cores is slower.
    usable = cores()
    # Two take a quarter more time for a frame, and on two cores that of what reads it.
    one = usable == 2 and pixels <= _SMALL_PIXELS and not sampled
    return 1 if one or pixels > _LARGE_PIXELS else min(usable, _MAX_THREADS)
