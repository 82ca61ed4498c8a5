"""A video -> files: annotated copy, rows, summary, plot and report, all of one reading."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mien.errors import OptionError
from mien.output.overlay import Annotator
from mien.readings import TrackedReading, TrackSummary
from mien.recognize.video.frames import VideoInfo, VideoSource, frames, measured, probe
from mien.recognize.video.outputs import Outputs, media_of
from mien.recognize.video.readings import VideoSettings, read_stream
from mien.recognize.video.report import Highlights, Images
from mien.recognize.video.row_sink import RowSink
from mien.recognize.video.sampling import check_fps, check_times, end_of_last
from mien.recognize.video.smoothing import closing_of
from mien.recognize.video.writer import VideoWriter
from mien.rows.timeline import clock

if TYPE_CHECKING:
    from mien.recognize.recognizer import Recognizer
    from mien.recognize.video.frames import Frame

_CUT_SHORT_S: Final = 1.0  # a video that ends so much before its header says is cut short
_CUT_SHORT_SHARE: Final = 0.02  # likewise, of its length


@dataclass(frozen=True)
class VideoOutcome:
    """What came of one video."""

    info: VideoInfo  # what the video says of itself
    people: tuple[TrackSummary, ...]  # what each shows, in the order of their numbers
    frames: int  # how many were read
    end_s: float | None  # the time of the last one; None if there was none
    is_cut_short: bool = False  # its images end well before what was asked for, by its header


@dataclass(frozen=True)
class VideoOptions:
    """How videos are read.

    Raises:
        OptionError: a time or a rate is out of its range.
    """

    every_s: float | None = None  # read only the first frame at or after each multiple of it
    start_s: float | None = None  # leave out frames before this time
    end_s: float | None = None  # leave out frames at or after this time
    stream: bool = False  # the source is an address to connect to
    sequence_fps: float | None = None  # of what has no times: a series of images, for one
    settings: VideoSettings = field(default_factory=VideoSettings)  # of following and smoothing
    # Smooth with the frames before and after, see `mien.recognize.video.offline`: labels change
    # when the face does, and not some tenths of a second later. Otherwise with those before alone,
    # as a live view must.
    offline: bool = True
    bars: bool = True  # draw the seven probabilities into the annotated copy
    usable_only: bool = False  # see `mien.recognize.video.row_sink`; the copy shows all faces

    def __post_init__(self) -> None:
        check_times(self.every_s, self.start_s, self.end_s)
        check_fps(self.sequence_fps)


def write_video(
    recognizer: "Recognizer",
    source: VideoSource,
    outputs: Outputs,
    how: VideoOptions | None = None,
    *,
    progress: Callable[[VideoInfo, float], None] | None = None,
) -> VideoOutcome:
    """Read a video once, and write all that is wanted of it as it is read.

    Memory does not grow with the video, see `mien.recognize.video.row_sink.RowSink`. Each file has
    a name with `.part` in it until all is finished; after an error, Ctrl-C or a kill those parts
    can be read and played.

    Args:
        recognizer: what reads it.
        source: a file, a series of images or an address; see
            `mien.recognize.video.frames.VideoSource`.
        outputs: files to write; `Outputs.check` says whether they can be.
        how: what is read of it, and how.
        progress: called with the video and the time of each frame.
    Raises:
        VideoError: it is not a video that can be read, or not to its end.
        OutputError: a file cannot be written.
        OptionError: a time is out of its range.
        MissingExtraError: an output needs a package that is not installed.
    """
    how = how or VideoOptions()
    info = probe(source, stream=how.stream, sequence_fps=how.sequence_fps)
    start_s = how.start_s or 0.0
    if 0 < (info.duration_s or 0.0) <= start_s:
        info = measured(info)
        if 0 < (info.duration_s or 0.0) <= start_s:
            raise _over_before(start_s, f"it ends at {info.duration_s:g} s", info)
    outputs.make_folders()
    keep_images = outputs.video is not None or outputs.report is not None
    with ExitStack() as stack:
        rows = stack.enter_context(
            RowSink(
                outputs,
                title=Path(info.source).name,
                media=media_of(info),
                movements=recognizer.movements is not None,
                usable_only=how.usable_only,
            )
        )
        copy, annotator, highlights = None, Annotator(bars=how.bars), None
        if outputs.video is not None:
            copy = stack.enter_context(VideoWriter(outputs.video, like=info, start_s=start_s))
        if outputs.report is not None:
            highlights = Highlights(usable_only=how.usable_only)
        # Opened last: it can be closed from its first frame on. And that also where something else
        # fails, whose error would keep a thread and the file open.
        read = _read(recognizer, source, info, how, keep_images=keep_images)
        stack.enter_context(closing_of(read))
        for frame, readings in read:
            rows.write(frame.index, frame.time_s, readings)
            if highlights is not None:
                highlights.add(frame, readings)
            if copy is not None:
                copy.write(annotator(frame.image, readings), frame.time_s)
            if progress is not None:
                progress(info, frame.time_s)
        if not rows.frames and start_s:
            raise _over_before(start_s, "there is none", info)
        info = _with_length(info, how, rows)
        limits_s = (info.duration_s, how.end_s)
        until_s = end_of_last(rows.end_s, how.every_s, *limits_s, until_s=rows.until_s)
        if copy is not None:
            copy.until_s = until_s
        people = rows.write_sums(
            facts=_facts(info, how, rows),
            images=Images() if highlights is None else highlights.images(),
            settings=_settings_of(recognizer, how),
            media=media_of(info),
            until_s=until_s,
        )
    is_cut_short = _is_cut_short(info, how, rows.end_s)
    return VideoOutcome(info, people, rows.frames, rows.end_s, is_cut_short)


def _read(
    recognizer: "Recognizer",
    source: VideoSource,
    info: VideoInfo,
    how: VideoOptions,
    *,
    keep_images: bool,
) -> "Iterator[tuple[Frame, list[TrackedReading]]]":
    given = frames(
        source,
        every_s=how.every_s,
        start_s=how.start_s,
        end_s=how.end_s,
        stream=how.stream,
        sequence_fps=how.sequence_fps,
    )
    settings = how.settings
    if info.stream:  # is read frame by frame, without waiting for the next
        settings = replace(settings, batch_frames=1)
    return read_stream(
        recognizer, given, settings=settings, offline=how.offline, keep_images=keep_images
    )


def _over_before(start_s: float, what: str, info: VideoInfo) -> OptionError:
    return OptionError(
        f"expected frames from {start_s:g} s on, where reading is to start; {what}",
        source=info.source,
    )


def _with_length(info: VideoInfo, how: VideoOptions, sink: RowSink) -> VideoInfo:
    """A video that was read with its true length, where no header tells it, or a wrong one."""
    if how.end_s is not None or info.stream or not sink.end_s:
        return info
    info = measured(info)  # as `mien convert --video` has it
    if info.duration_s is None or sink.end_s >= info.duration_s:
        return replace(info, duration_s=sink.until_s if how.every_s is None else sink.end_s)
    return info


def _asked_end(info: VideoInfo, how: VideoOptions) -> float | None:
    """When what was to be read ends, in seconds; None where nothing tells."""
    return min((end_s for end_s in (info.duration_s, how.end_s) if end_s is not None), default=None)


def _is_cut_short(info: VideoInfo, how: VideoOptions, last_s: float | None) -> bool:
    asked_s = _asked_end(info, how)
    if info.duration_s is None or asked_s is None or last_s is None:
        return False
    missing_s = asked_s - last_s - (how.every_s or 0.0)
    return missing_s > max(_CUT_SHORT_S, _CUT_SHORT_SHARE * info.duration_s)


def _settings_of(recognizer: "Recognizer", how: VideoOptions) -> dict[str, str]:
    """How the video was read, for the report."""
    spec = recognizer.classifier.spec
    settings = {
        "model": f"{spec.name} ({spec.network}, {spec.parameters:,} parameters)",
        "detector": type(recognizer.detector).__name__,
    }
    if recognizer.threshold:
        settings["unsure below"] = f"{recognizer.threshold:.0%}"
    for name, value in (("every", how.every_s), ("from", how.start_s), ("to", how.end_s)):
        if value is not None:
            settings[name] = f"{value:g} s"
    smoothing = how.settings.smoothing
    way = "frames before and after" if how.offline else "frames before"
    settings["smoothing"] = f"half-life {smoothing.half_life_s:g} s, {way}"
    return settings


def _facts(info: VideoInfo, how: VideoOptions, sink: RowSink) -> dict[str, str]:
    facts = {}
    if info.duration_s is not None:
        facts["length"] = clock(info.duration_s, fine=True)
    if how.start_s or how.end_s is not None:
        asked_s = _asked_end(info, how)
        part_s = (how.start_s or 0.0, sink.until_s if asked_s is None else asked_s)
        facts["part read"] = " to ".join(clock(time_s, fine=True) for time_s in part_s)
    facts["size"] = f"{info.width} x {info.height}"
    if info.frame_rate is not None:
        facts["frame rate"] = f"{info.frame_rate:.4g}/s"
    facts["frames read"] = f"{sink.frames:,}"
    facts["codec"] = info.codec
    return facts
