"""A frame of a video, and what a video says of itself."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from mien.readings import Image

VideoSource: TypeAlias = str | Path | int
"""A file; a numbered series of images (`shot_%04d.png`) or a pattern of them (`shots/*.png`); the
address of a stream, where streams are asked for; a camera by its number or device
(`/dev/video0`)."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of a video.

    Attributes:
        index: its number in the whole video, from 0, in the order of showing. Of a camera that is
            read too slowly, numbers are missing: those frames were dropped.
        time_s: when it is shown, in seconds from the start of the video; see `VideoInfo.start_s`.
        image: (H, W, 3) uint8, RGB, upright and with square pixels.
    """

    index: int
    time_s: float
    image: Image = field(repr=False)

    def __post_init__(self) -> None:
        # Times that somebody counts with NumPy are told in readings and tables as plain ones.
        object.__setattr__(self, "index", int(self.index))
        object.__setattr__(self, "time_s", float(self.time_s))


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
        codec: of the images, as FFmpeg calls it.
        container: likewise.
        has_sound: whether there is sound.
        rotation: by which stored images are turned for showing, in degrees counter-clockwise.
        start_s: what the container calls the moment from which times are counted: add it to get
            the timestamps that ffprobe prints. Zero wherever the container's own times begin at
            zero (MP4, Matroska, AVI, ...); MPEG transport and program streams, whose clock may
            stand anywhere, are counted from their first packet.
        time_base_s: the unit of the timestamps.
        stream: whether it was opened as a stream.
        image_streams: how many streams of moving images there are; the first is read.
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
    image_streams: int = 1
