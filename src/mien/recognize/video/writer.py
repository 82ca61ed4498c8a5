"""Frames -> a video file, each at its own time, with the sound of the video they come from."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import cv2
import numpy as np

from mien.errors import ImageError, OutputError
from mien.output.files import part_name
from mien.readings import Image
from mien.recognize.video.containers import open_container, reason
from mien.recognize.video.times import CLOCK_FORMATS, packets_of

if TYPE_CHECKING:
    from av.bitstream import BitStreamFilterContext
    from av.container import OutputContainer
    from av.packet import Packet

    from mien.recognize.video.frames import VideoInfo

MP4_SUFFIXES: Final = (".mp4", ".mov", ".m4v")
WRITABLE_SUFFIXES: Final = (*MP4_SUFFIXES, ".mkv", ".webm")
"""Endings of the videos that `VideoWriter` writes."""


class VideoWriter:
    """Writes a video: each frame at its own time, with the sound of the video it was made from.

        info = probe("clip.mp4")
        with VideoWriter("copy.mp4", like=info) as writer:
            for frame in frames("clip.mp4"):
                writer.write(frame.image, frame.time_s)

    The file has the name `copy.part.mp4` until the `with` block ends without an error. It can be
    played at any moment, even after a kill: MP4 is written in fragments of `FRAGMENT_S`, and turned
    into an ordinary MP4 at the end. After an error or Ctrl-C it stays under that name.

    Images are H.264 where FFmpeg was built with it, else MPEG-4 part 2; VP9 in WebM. Sound is
    copied as it is where the container can hold it, and encoded anew where not.

    Args:
        path: ends in one of `WRITABLE_SUFFIXES`.
        like: the video that frames and sound come from; without it there is no sound.
        start_s: the time of `like` that becomes zero, where only a part of it is written.

    Attributes:
        until_s: when the last frame ends, and the sound with it, if it is set before the end of
            the `with` block; None: it takes as long as the rate of frames says.

    Raises:
        OutputError: the file cannot be written.
    """

    FRAGMENT_S: Final = 0.5
    KEYFRAME_EVERY_S: Final = 2.0

    def __init__(
        self, path: str | Path, *, like: "VideoInfo | None" = None, start_s: float = 0.0
    ) -> None:
        self.path = Path(path)
        if os.path.isdir(path):  # noqa: PTH112
            raise OutputError(f"{path}: expected a file to write; it is a folder")
        if self.path.suffix.lower() not in WRITABLE_SUFFIXES:
            raise OutputError(
                f"{path}: expected a name that ends in {', '.join(WRITABLE_SUFFIXES)}; "
                f"got {self.path.suffix or 'none'}"
            )
        self.partial = part_name(self.path)
        self._like = like
        self._start_s = start_s
        self.until_s: float | None = None
        self._rate = (like.frame_rate if like is not None else None) or 25.0
        self._container: OutputContainer | None = None
        self._sound: _Sound | None = None
        self._last_pts: int | None = None
        self._held: Packet[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, image: Image, time_s: float) -> None:
        """Add a frame.

        Args:
            image: (H, W, 3) uint8, RGB; all frames of a video have the same size.
            time_s: when it is shown, later than the frame before.
        Raises:
            OutputError: it cannot be written; a full disk, for one.
            ImageError: it has another size than the first.
        """
        import av

        with self._writing():
            if self._container is None:
                self._open(image)
            assert self._container is not None
            if image.shape[:2] != self._size:
                raise ImageError(
                    f"expected a frame of {self._size[1]} x {self._size[0]} pixels, as the first; "
                    f"got {image.shape[1]} x {image.shape[0]}"
                )
            # 4:2:0 needs even sides; OpenCV's conversion is BT.601, and the file says so.
            down, across = image.shape[0] % 2, image.shape[1] % 2
            even = (
                cv2.copyMakeBorder(image, 0, down, 0, across, cv2.BORDER_REPLICATE)
                if down or across
                else image
            )
            planes = np.asarray(cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420), np.uint8)
            # Without a copy where PyAV lays the planes out as OpenCV does.
            simple = even.shape[0] % 4 == 0 and even.shape[1] % 4 == 0
            wrap = av.VideoFrame.from_numpy_buffer if simple else av.VideoFrame.from_ndarray
            frame = wrap(planes, format="yuv420p")
            frame.time_base = self._unit
            pts = round((time_s - self._start_s) / self._unit)
            if self._last_pts is not None and pts <= self._last_pts:
                pts = self._last_pts + 1  # a clock that stands still or jumps back
            frame.pts = self._last_pts = pts
            frame.duration = round(1 / (self._rate * float(self._unit)))
            self._put(self._video.encode(frame))
            if self._sound is not None:
                self._sound.write_until(time_s - self._start_s + 1 / self._rate)

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        """End the file and give it its name; a writer without a frame leaves no file."""
        try:
            if kind is None and self._container is not None:
                with self._writing():
                    self._put_last()
                    if self._sound is not None:
                        if self.until_s is not None:
                            self._sound.write_until(self.until_s - self._start_s)
                        self._sound.finish()
                    self._container.close()
                    self._container = None
                    self.partial.replace(self.path)
        finally:
            self._abandon()

    def _abandon(self) -> None:
        """End a file that is not finished, and leave it under its name of a part."""
        if self._container is not None:
            import av

            container = self._container
            for end in (self._put_last, container.close):
                with suppress(av.error.FFmpegError, OSError, ValueError):
                    end()
            self._container = None
        if self._sound is not None:
            self._sound.close()

    def _open(self, image: Image) -> None:
        import av

        self._size = image.shape[:2]
        suffix = self.path.suffix.lower()
        options = {"max_interleave_delta": "500000", "flush_packets": "1"}
        if suffix in MP4_SUFFIXES:
            # The first fragment tells where sound and images begin: `delay_moov`.
            options["movflags"] = "hybrid_fragmented+delay_moov"
            options["frag_duration"] = str(round(self.FRAGMENT_S * 1e6))
        else:
            options["cluster_time_limit"] = str(round(self.FRAGMENT_S * 1e3))
        self._container = av.open(str(self.partial), "w", options=options)
        codec = _encoder_for(suffix)
        rate = Fraction(self._rate).limit_denominator(1001)
        video: Any = self._container.add_stream(codec, rate=rate)
        video.width, video.height = (side + side % 2 for side in self._size[::-1])
        video.pix_fmt = "yuv420p"
        self._unit = self._time_base(codec)
        context = video.codec_context
        video.time_base = context.time_base = self._unit
        context.gop_size = max(1, round(self.KEYFRAME_EVERY_S * self._rate))
        context.max_b_frames = 0
        context.color_range, context.colorspace = 1, 6  # limited; BT.601, as SMPTE 170M
        if codec == "libx264":
            # Fast enough to keep up with the reading of faces on the same core.
            video.options = {"preset": "ultrafast", "crf": "20", "bf": "0"}
            video.options |= {"tune": "zerolatency"}
        elif codec.startswith("libvpx"):
            video.options = {"deadline": "realtime", "cpu-used": "8", "crf": "30", "b": "0"}
            video.options |= {"lag-in-frames": "0"}
        else:
            context.qmin = context.qmax = 4
            context.bit_rate = 8_000_000
        self._video = video
        if self._like is not None and self._like.has_sound and not self._like.stream:
            self._sound = _Sound(self._like, self._container, suffix, self._start_s)

    def _time_base(self, codec: str) -> Fraction:
        """As fine as the source's, so that times come out as they went in."""
        unit = self._like.time_base_s if self._like is not None else Fraction(1, 90_000)
        if codec == "mpeg4":  # has no finer one
            return Fraction(1, 60_000)
        return unit if Fraction(1, 1_200_000) <= unit <= Fraction(1, 500) else Fraction(1, 90_000)

    def _put(self, packets: "list[Packet[Any]]") -> None:
        """Write images, each when the time of the next one is known, and so its duration.

        A fragment of MP4 tells the durations of its images, not the time of the next one.
        """
        assert self._container is not None
        for packet in packets:
            if self._held is not None:
                self._held.duration = _ticks_between(self._held, packet)
                self._container.mux(self._held)
            self._held = packet

    def _put_last(self) -> None:
        self._put(self._video.encode())
        if self._container is not None and self._held is not None:
            held, self._held = self._held, None
            if self.until_s is not None:
                assert held.pts is not None
                end = round((self.until_s - self._start_s) / held.time_base)
                held.duration = max(round(1 / self._rate / held.time_base), end - held.pts)
            self._container.mux(held)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn FFmpeg's errors into ours."""
        import av

        try:
            yield
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise OutputError(f"{self.path}: cannot be written; {reason(error)}") from error


def _ticks_between(first: "Packet[Any]", second: "Packet[Any]") -> int:
    """From the time of one packet to that of another, in the unit of the first."""
    assert first.pts is not None
    assert second.pts is not None
    return max(1, round(second.pts * second.time_base / first.time_base) - first.pts)


class _Sound:
    """Copies the sound of a video beside the images, as far as they have come."""

    # What players expect in MP4; Matroska holds anything.
    COPIED: Final = {
        ".mp4": ("aac", "mp3", "ac3", "eac3", "alac", "opus"),
        ".webm": ("opus", "vorbis"),
    }
    ROUNDED_S: Final = 0.025  # times of sound may be off by as much: of AVI by a packet of MP3

    def __init__(
        self, like: "VideoInfo", container: "OutputContainer", suffix: str, start_s: float
    ) -> None:
        import av

        self._output = container
        self._input = open_container(like.source, stream=False)
        self._origin_s = like.start_s + start_s
        self._mp4 = suffix in MP4_SUFFIXES
        source: Any = self._input.streams.audio[0]
        self._has_clock = self._input.format.name in CLOCK_FORMATS
        for stream in self._input.streams:
            if stream.type == "video" and not self._has_clock:
                stream.discard = av.stream.Discard.all  # is not even read from the disk
        copied = self.COPIED.get(".mp4" if self._mp4 else suffix)
        codec_name = source.codec_context.codec.canonical_name
        self._encoded = copied is not None and codec_name not in copied
        self._stream: Any
        self._bare: BitStreamFilterContext | None = None
        if self._encoded:
            codec = "libopus" if suffix == ".webm" else "aac"
            rate = 48_000 if codec == "libopus" else source.codec_context.sample_rate
            self._stream = container.add_stream(codec, rate=rate)
            self._stream.layout = (
                "stereo" if source.codec_context.layout.nb_channels > 1 else "mono"
            )
        else:
            self._stream = container.add_stream_from_template(source)
            if codec_name == "aac" and not source.codec_context.extradata:
                # As transport streams have it, with a header in each packet.
                self._bare = av.BitStreamFilterContext("aac_adtstoasc", source)
        self._source = source
        self._sounded_s = -math.inf  # up to where there is sound
        self._packets = self._all_packets()
        self._next = next(self._packets, None)

    def _all_packets(self) -> "Iterator[tuple[float, Packet[Any]]]":
        """Packets with their time, from the start of the output; negative ones are left out."""
        import av

        unit = self._source.time_base or Fraction(1, 90_000)
        if self._origin_s > 1.0 and not self._has_clock:  # which may stand there more than once
            with suppress(av.error.FFmpegError):
                self._input.seek(int((self._origin_s - 1.0) / unit), stream=self._source)
        # Packets before zero prime the decoder; not where the sound is cut.
        first = round(self._origin_s / unit)
        # Matroska knows no times below zero: it would move images and sound alike.
        primed = first == 0 and self._mp4
        try:
            for packet in packets_of(self._input, self._source):
                if packet.pts is None or (packet.pts < first and not primed):
                    continue
                if self._encoded:
                    yield float(packet.pts * unit) - self._origin_s, packet
                else:
                    packet.pts -= first
                    packet.dts = packet.pts
                    yield float(packet.pts * unit), packet
        except (av.error.FFmpegError, OSError):
            return  # a damaged end: the images go on

    def write_until(self, time_s: float) -> None:
        """Write what sounds before a time of the output's frames."""
        while self._next is not None and self._next[0] < time_s:
            self._write(*self._next)
            self._next = next(self._packets, None)

    def _write(self, start_s: float, packet: "Packet[Any]") -> None:
        if not self._encoded:
            if start_s <= self._sounded_s:  # of a part that begins before the last one ends
                return
            self._sounded_s = start_s
            for copied in [packet] if self._bare is None else self._bare.filter(packet):
                copied.stream = self._stream
                self._output.mux(copied)
            return
        frames: list[Any] = packet.decode()
        for frame in frames:
            start_s = float(frame.pts * frame.time_base) - self._origin_s
            # Times in AVI and FLV are rounded to more than the encoder allows.
            if abs(start_s - self._sounded_s) < self.ROUNDED_S:
                start_s = self._sounded_s
            if start_s < self._sounded_s:
                continue
            frame.time_base = Fraction(1, frame.sample_rate)
            frame.pts = round(start_s * frame.sample_rate)
            self._sounded_s = start_s + frame.samples / frame.sample_rate
            self._output.mux(self._stream.encode(frame))

    def finish(self) -> None:
        if self._encoded:
            self._output.mux(self._stream.encode(None))

    def close(self) -> None:
        self._input.close()


def _encoder_for(suffix: str) -> str:
    """The best encoder for a container that this build of FFmpeg has."""
    import av

    wanted = ("libvpx-vp9", "libvpx") if suffix == ".webm" else ("libx264", "mpeg4")
    for name in wanted:
        with suppress(ValueError, av.error.FFmpegError):
            av.Codec(name, "w")
            return name
    raise OutputError(f"{suffix}: expected FFmpeg with {' or '.join(wanted)}; it has neither")
