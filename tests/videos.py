"""Videos that tests make for themselves: a portrait that moves, at known times."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from mien.readings import Image
from mien.recognize.images import load_image
from mien.recognize.video.frames import frames, probe
from mien.recognize.video.writer import VideoWriter

TIME_BASE = Fraction(1, 90_000)
SOUND_RATE = 48_000

UNEVEN = [0.0, 0.04, 0.11, 0.5, 0.51, 0.9, 1.7, 1.71]
"""Times of frames, in seconds."""

PORTRAIT = Path(__file__).resolve().parent.parent / "examples" / "astronaut.jpg"

Draw = Callable[[int], Image]
"""Frame number -> (H, W, 3) uint8 RGB."""


def steady_times(count: int, fps: float = 25.0, start_s: float = 0.0) -> list[float]:
    """The times of frames that follow each other evenly, in seconds."""
    return [start_s + i / fps for i in range(count)]


def numbered(width: int = 64, height: int = 48) -> Draw:
    """Frames that say their number: 12 bits as columns, black or white, the lowest at the left."""

    def draw(number: int) -> Image:
        levels = np.array([255 * (number >> bit & 1) for bit in range(12)], np.uint8)
        row = levels[np.arange(width) * 12 // width]
        return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()

    return draw


def number_of(image: Image) -> int:
    """What a frame of `numbered` says, in spite of the codec's losses."""
    columns = image.mean(axis=(0, 2))
    width = len(columns)
    middles = [int((bit + 0.5) * width / 12) for bit in range(12)]
    return sum(int(columns[middle] > 127) << bit for bit, middle in enumerate(middles))


def seen(path: Path, **options: Any) -> list[tuple[int, float, int]]:
    """Index and time of each frame as mien reads it, and the number that its image shows."""
    return [(f.index, f.time_s, number_of(f.image)) for f in frames(path, **options)]


def copy_video(source: Path, path: Path, *, start_s: float = 0.0) -> list[float]:
    """Write a video anew, as mien reads it; gives the times of its frames."""
    times_s = []
    with VideoWriter(path, like=probe(source), start_s=start_s) as writer:
        for frame in frames(source, start_s=start_s or None):
            writer.write(frame.image, frame.time_s)
            times_s.append(frame.time_s)
    return times_s


def moving_portrait(
    place: Callable[[int], tuple[float, float]] = lambda number: (2.0 * number, 0.0),
    *,
    width: int = 320,
    height: int = 240,
    portrait_px: int = 200,
    shown: Callable[[int], bool] = lambda number: True,
) -> Draw:
    """The portrait on a gray ground, its top left corner where `place` says, in pixels.

    Its one face is about a quarter of `portrait_px` wide.
    """
    portrait = cv2.resize(
        load_image(PORTRAIT), (portrait_px, portrait_px), interpolation=cv2.INTER_AREA
    )

    def draw(number: int) -> Image:
        ground = np.full((height, width, 3), 96, np.uint8)
        if not shown(number):
            return ground
        x, y = place(number)
        shift = np.array([[1, 0, x], [0, 1, y]], np.float32)
        cv2.warpAffine(
            portrait, shift, (width, height), dst=ground, borderMode=cv2.BORDER_TRANSPARENT
        )
        return ground

    return draw


def make_video(
    path: Path,
    draw: Draw | None = None,
    *,
    times_s: Sequence[float] | None = None,
    codec: str = "libx264",
    b_frames: int = 0,
    keyframe_every: int = 12,
    rotation: int = 0,
    mirrored: bool = False,
    pixel_shape: Fraction | None = None,
    sound: bool = False,
    sound_codec: str = "aac",
    sound_bursts_s: Sequence[float] = (),
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> list[float]:
    """Write a video; the ending of `path` names the container.

    Args:
        path: file to write.
        draw: frame number -> image; `numbered()` unless given.
        times_s: presentation time of each frame, increasing; 25 frames at 25 per second unless
            given.
        codec: of the images.
        b_frames: between two others: packets are then not in the order of showing.
        keyframe_every: in frames.
        rotation: degrees by which a player turns the images counter-clockwise; the images are
            stored as `draw` gives them.
        mirrored: the player also swaps left and right.
        pixel_shape: width of a pixel over its height.
        sound: add a quiet tone over the whole length.
        sound_codec: of the tone.
        sound_bursts_s: times at which the tone is loud for 20 ms, for measuring sync.
        options: of the container.
        metadata: of the container.
    Returns:
        The presentation times as the time base rounds them.
    """
    draw = draw or numbered()
    times = steady_times(25) if times_s is None else list(times_s)
    height, width = draw(0).shape[:2]
    with av.open(str(path), "w", options=options or {}) as container:
        container.metadata.update(metadata or {})
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        # AVI and older codecs allow no times as fine.
        coarse = path.suffix == ".avi" or codec in ("mpeg4", "mpeg2video", "dvvideo")
        base = Fraction(1, 25) if coarse else TIME_BASE
        stream.time_base = stream.codec_context.time_base = base
        stream.codec_context.gop_size = keyframe_every
        if codec in ("libx264", "mpeg4"):
            stream.codec_context.max_b_frames = b_frames
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "bf": str(b_frames), "b-adapt": "0"}
        if pixel_shape is not None:
            stream.codec_context.sample_aspect_ratio = pixel_shape
        if rotation or mirrored:
            stream.set_display_rotation(rotation, hflip=mirrored)
        if sound:
            voice: Any = container.add_stream(sound_codec, rate=SOUND_RATE)
            voice.layout = "mono"
        rounded = []
        for number, time_s in enumerate(times):
            frame = av.VideoFrame.from_ndarray(draw(number), format="rgb24")
            frame.pts, frame.time_base = round(time_s / base), base
            rounded.append(float(frame.pts * base))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound:
            for samples in tone(times[-1] + 1 / 25, sound_bursts_s):
                container.mux(voice.encode(samples))
            container.mux(voice.encode())
    return rounded


def tone(seconds: float, bursts_s: Sequence[float]) -> Iterator[av.AudioFrame]:
    """A quiet tone, loud for 20 ms at these times."""
    length = int(seconds * SOUND_RATE)
    wave = 0.02 * np.sin(np.arange(length) * (2 * np.pi * 440 / SOUND_RATE))
    for burst_s in bursts_s:
        first = round(burst_s * SOUND_RATE)
        wave[first : first + SOUND_RATE // 50] *= 40
    for first in range(0, length, 1024):
        piece = wave[None, first : first + 1024].astype(np.float32)
        samples = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
        samples.sample_rate, samples.pts = SOUND_RATE, first
        samples.time_base = Fraction(1, SOUND_RATE)
        yield samples


def make_sound(path: Path, seconds: float = 0.5) -> None:
    """Write a file with sound and no image; the ending of `path` names the container."""
    with av.open(str(path), "w") as container:
        voice = container.add_stream("aac", rate=SOUND_RATE)
        voice.layout = "mono"
        for samples in tone(seconds, []):
            container.mux(voice.encode(samples))
        container.mux(voice.encode())


def packet_times(path: Path) -> list[float]:
    """The presentation times of all packets with an image, as the container has them, in order.

    They are what `ffprobe -show_entries packet=pts_time` prints, read without decoding.
    """
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        return sorted(
            float(packet.pts * stream.time_base)
            for packet in container.demux(stream)
            if packet.pts is not None and packet.size
        )


def decoded(path: Path) -> list[tuple[float, Image]]:
    """Time in seconds and image of each frame, by PyAV alone and as stored (not turned)."""
    with av.open(str(path)) as container:
        return [
            (frame.time, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            for frame in container.decode(video=0)
        ]


def bursts_of(path: Path) -> list[float]:
    """When the sound of a video becomes loud, in seconds: `sound_bursts_s`, as they came out."""
    starts: list[float] = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert frame.pts is not None
            assert frame.time_base is not None
            samples = frame.to_ndarray()
            full = 32_767.0 if samples.dtype == np.int16 else 1.0
            wave = np.abs(samples.astype(np.float32) / full).max(axis=0)
            for sample in np.flatnonzero(wave > 0.3):
                time_s = float(frame.pts * frame.time_base) + float(sample) / frame.sample_rate
                if not starts or time_s - starts[-1] > 0.1:
                    starts.append(time_s)
    return starts


@contextmanager
def limited_file_size(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes: what a full disk is to those who write."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def make_interlaced(
    path: Path,
    draw: Draw,
    count: int,
    *,
    codec: str,
    pixels: str = "yuv420p",
    lower_first: bool = False,
    options: dict[str, str] | None = None,
) -> None:
    """Write an interlaced video at 25 frames a second, each of two moments.

    Args:
        path: file to write.
        draw: number of a field -> the whole image of its moment.
        count: of frames.
        codec: of the images.
        pixels: their format.
        lower_first: the lower field is of the earlier moment.
        options: of the codec.
    """
    height, width = draw(0).shape[:2]
    graph = av.filter.Graph()
    rgb: Any = "rgb24"
    source = graph.add_buffer(width=width, height=height, format=rgb, time_base=Fraction(1, 25))
    nodes = [
        graph.add("setfield", "bff" if lower_first else "tff"),
        graph.add("scale", "interl=1"),
        graph.add("format", pixels),
        graph.add("buffersink"),
    ]
    graph.link_nodes(source, *nodes).configure()
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        flags = {} if codec == "dvvideo" else {"flags": "+ildct+ilme"}
        stream.options = flags | (options or {})
        for number in range(count):
            woven, second = draw(2 * number), draw(2 * number + 1)
            first_line = 0 if lower_first else 1
            woven[first_line::2] = second[first_line::2]
            frame = av.VideoFrame.from_ndarray(woven, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            graph.vpush(frame)
            container.mux(stream.encode(graph.vpull()))
        container.mux(stream.encode())
