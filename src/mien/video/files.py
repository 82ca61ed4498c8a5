"""A film -> files: annotated copy, rows, summary, plot and report, all of one reading."""

import csv
import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mien.errors import MissingExtraError, OptionError
from mien.faces import iou
from mien.labels import EMOTIONS
from mien.output.files import atomic_text, part_name
from mien.overlay import Annotator
from mien.readings import FrameReadings, TrackedReading, TrackSummary
from mien.video.centring import centred
from mien.video.frames import VideoInfo, VideoSource, frames, measured, probe
from mien.video.outputs import Outputs
from mien.video.readings import VideoSettings, read_stream
from mien.video.records import RowWriter, read_rows, resume_point, row_writer
from mien.video.report import Highlights, write_video_report
from mien.video.timeline import Timeline, clock, plot_timeline
from mien.video.totals import TrackTotals
from mien.video.writer import VideoWriter, last_kept_time

if TYPE_CHECKING:
    from mien.recognizer import Recognizer
    from mien.video.frames import Frame

WARM_UP_S: Final = 3.0
"""Of a film that is gone on with, read again before the first new row: to find the faces that were
followed there, and for the smoothing to have a past."""

_SAME_FACE_IOU: Final = 0.4
_CUT_SHORT_S: Final = 1.0  # a film that ends so much before its header says is cut short
_CUT_SHORT_SHARE: Final = 0.02  # likewise, of its length


@dataclass(frozen=True)
class VideoOutcome:
    """What came of one film.

    Attributes:
        info: what the film says of itself.
        people: what each person shows, in the order of their numbers.
        frames: how many were read, those of an earlier run included.
        end_s: the time of the last one; None if there was none.
        resumed_s: from when it was gone on with, or None.
        is_cut_short: whether its pictures end well before what was asked for, by its header.
    """

    info: VideoInfo
    people: tuple[TrackSummary, ...]
    frames: int
    end_s: float | None
    resumed_s: float | None = None
    is_cut_short: bool = False


@dataclass(frozen=True)
class VideoOptions:
    """How films are read.

    Attributes:
        every_s: read only the first frame at or after each multiple of it.
        start_s: leave out frames before this time.
        end_s: leave out frames at or after this time.
        stream: the source is an address to connect to.
        sequence_fps: frames per second of what has no times: a series of pictures, for one.
        settings: how faces are followed and smoothed.
        centred: smooth with the frames before and after, see `mien.video.centring`: labels change
            when the face does, and not some tenths of a second later. Otherwise with those before
            alone, as a live view must.
        bars: draw the seven probabilities into the annotated copy.
    """

    every_s: float | None = None
    start_s: float | None = None
    end_s: float | None = None
    stream: bool = False
    sequence_fps: float | None = None
    settings: VideoSettings | None = None
    centred: bool = True
    bars: bool = True


def write_video(
    recognizer: "Recognizer",
    source: VideoSource,
    outputs: Outputs,
    how: VideoOptions | None = None,
    *,
    resume: bool = False,
    progress: Callable[[VideoInfo, float], None] | None = None,
) -> VideoOutcome:
    """Read a film once, and write all that is wanted of it as it is read.

    Memory does not grow with the film. Each file has a name with `.part` in it until all is
    finished; after an error, Ctrl-C or a kill those parts can be read and played, and gone on with.

    Args:
        recognizer: what reads it.
        source: a file, a series of pictures or an address; see `mien.video.frames.VideoSource`.
        outputs: files to write; `Outputs.check` says whether they can be.
        how: what is read of it, and how.
        resume: go on with the parts of an earlier run, which must have been asked for the same.
            It starts over where there are none, or no rows among them. The pictures of a report are
            then of the part that is read now.
        progress: called with the film and the time of each frame.
    Raises:
        VideoError: it is not a video that can be read, or not to its end.
        OutputError: a file cannot be written.
        OptionError: a time is out of its range.
        MissingExtraError: an output needs a package that is not installed.
    """
    how = how or VideoOptions()
    info = probe(source, stream=how.stream, sequence_fps=how.sequence_fps)
    if _is_after(how.start_s, info) and _is_after(how.start_s, info := measured(info)):
        raise OptionError(
            f"start_s: expected a time before the end at {info.duration_s:g} s; got {how.start_s:g}"
        )
    outputs.make_folders()
    _need_matplotlib(outputs)
    before_s = _resume_time(outputs, how.start_s or 0.0) if resume else None
    start_s = how.start_s
    if before_s is not None:
        start_s = max(start_s or 0.0, before_s - WARM_UP_S)
    given = frames(
        source,
        every_s=how.every_s,
        start_s=start_s,
        end_s=how.end_s,
        stream=how.stream,
        sequence_fps=how.sequence_fps,
    )
    sink = _Sink(outputs, info, how, before_s)
    settings = how.settings or VideoSettings()
    if info.stream:  # is read frame by frame, without waiting for the next
        settings = replace(settings, batch_frames=1)
    numbers = _Numbers(sink.kept, before_s, sink.last_track + 1)
    read = read_stream(recognizer, given, settings=settings)
    if how.centred:
        read = centred(
            read,
            settings.smoothing,
            threshold=recognizer.threshold,
            keep_images=outputs.need_images,
        )
    try:
        for frame, readings in read:
            renumbered = numbers.of(frame, readings)
            if before_s is None or frame.time_s >= before_s:
                sink.write(frame, renumbered)
            if progress is not None:
                progress(info, frame.time_s)
        if not sink.frames and how.start_s:
            raise OptionError(
                f"start_s: expected a time before the end of the film; got {how.start_s:g}"
            )
        sink.info = info = _with_length(info, how, sink)
        people = sink.finish(_settings_of(recognizer, how))
    except BaseException:
        sink.abandon()
        raise
    is_cut_short = _is_cut_short(info, how, sink.end_s)
    return VideoOutcome(info, people, sink.frames, sink.end_s, before_s, is_cut_short)


def _is_after(start_s: float | None, info: VideoInfo) -> bool:
    return start_s is not None and info.duration_s is not None and start_s >= info.duration_s > 0


def _with_length(info: VideoInfo, how: VideoOptions, sink: "_Sink") -> VideoInfo:
    """A film that was read with its true length, where no header tells it, or a wrong one."""
    if how.end_s is not None or info.stream or not sink.end_s:
        return info
    if info.duration_s is None or sink.end_s >= info.duration_s:
        return replace(info, duration_s=sink.until_s if how.every_s is None else sink.end_s)
    if sink.until_s < info.duration_s - _CUT_SHORT_S:
        return measured(info)  # it is damaged, or its clock jumps
    return info


def _is_cut_short(info: VideoInfo, how: VideoOptions, last_s: float | None) -> bool:
    if info.duration_s is None or last_s is None:
        return False
    asked_s = min(info.duration_s, how.end_s if how.end_s is not None else info.duration_s)
    missing_s = asked_s - last_s - (how.every_s or 0.0)
    return missing_s > max(_CUT_SHORT_S, _CUT_SHORT_SHARE * info.duration_s)


def _need_matplotlib(outputs: Outputs) -> None:
    """Raise the error that names the extra before anything else takes time."""
    if outputs.plot is None:
        return
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("a timeline", "video", error) from error


def _settings_of(recognizer: "Recognizer", how: VideoOptions) -> dict[str, str]:
    """How the film was read, for the report."""
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
    smoothing = (how.settings or VideoSettings()).smoothing
    way = "frames before and after" if how.centred else "frames before"
    settings["smoothing"] = f"half-life {smoothing.half_life_s:g} s, {way}"
    return settings


class _Sink:
    """All outputs of one film, as it is read."""

    def __init__(
        self, outputs: Outputs, info: VideoInfo, how: VideoOptions, before_s: float | None
    ) -> None:
        self._outputs = outputs
        self.info = info
        self._annotator = Annotator(bars=how.bars)
        self._totals = TrackTotals()
        drawn = outputs.plot is not None or outputs.report is not None
        self._timeline = Timeline() if drawn else None
        self._highlights = Highlights() if outputs.report is not None else None
        self.frames = 0
        self.end_s: float | None = None
        self.until_s = 0.0  # when the last frame ends, if it takes as long as the one before
        self.last_track = 0
        self.kept: deque[FrameReadings] = deque()  # of the last seconds of an earlier run
        self._rows: list[RowWriter] = []
        self._video: VideoWriter | None = None
        try:
            for path in (outputs.csv, outputs.jsonl, outputs.parquet):
                if path is not None:
                    self._rows.append(row_writer(path, keep_bytes=_kept_bytes(path, before_s)))
            if outputs.video is not None:
                self._video = VideoWriter(
                    outputs.video, like=info, start_s=how.start_s or 0.0, keep_before_s=before_s
                )
            if before_s is not None:
                self._replay(before_s)
        except BaseException:
            self.abandon()
            raise

    def _replay(self, before_s: float) -> None:
        """Count the rows of an earlier run; Parquet gets them anew."""
        kept = next(path for path in (self._outputs.csv, self._outputs.jsonl) if path is not None)
        for found in read_rows(part_name(kept)):
            if self._outputs.parquet is not None:
                self._rows[-1].write(found.frame, found.time_s, found.readings)
            self._count(found.time_s, found.readings)
            self.kept.append(found)
            while self.kept[0].time_s < before_s - WARM_UP_S - 1.0:
                self.kept.popleft()

    def _count(self, time_s: float, readings: Sequence[TrackedReading]) -> None:
        self._totals.add(time_s, readings)
        if self._timeline is not None:
            self._timeline.add(time_s, readings)
        self.frames += 1
        self.until_s = time_s + (0.0 if self.end_s is None else time_s - self.end_s)
        self.end_s = time_s
        self.last_track = max([self.last_track, *(reading.track for reading in readings)])

    def write(self, frame: "Frame", readings: Sequence[TrackedReading]) -> None:
        for writer in self._rows:
            writer.write(frame.index, frame.time_s, readings)
        self._count(frame.time_s, readings)
        if self._highlights is not None:
            self._highlights.add(frame, readings)
        if self._video is not None:
            drawn = self._annotator(frame.image, readings)
            self._video.write(drawn, frame.time_s)

    def finish(self, settings: dict[str, str]) -> tuple[TrackSummary, ...]:
        people = tuple(self._totals.summary())
        name = Path(self.info.source).name
        if self._outputs.summary is not None:
            _write_summary(self._outputs.summary, people)
        if self._outputs.plot is not None and self._timeline is not None:
            plot_timeline(self._timeline, self._outputs.plot, title=name)
        if self._outputs.report is not None:
            assert self._timeline is not None
            assert self._highlights is not None
            write_video_report(
                self._outputs.report,
                title=name,
                facts=_facts(self.info, self.frames),
                people=people,
                timeline=self._timeline,
                highlights=self._highlights,
                settings=settings,
            )
        if self._video is not None:
            self._video.finish()
        # Last: without their parts a film could not be gone on with.
        for writer in self._rows:
            writer.finish()
        return people

    def abandon(self) -> None:
        for writer in self._rows:
            writer.abandon()
        if self._video is not None:
            self._video.abandon()


def _facts(info: VideoInfo, count: int) -> dict[str, str]:
    facts = {}
    if info.duration_s is not None:
        facts["length"] = clock(info.duration_s, fine=True)
    facts["size"] = f"{info.width} x {info.height}"
    if info.frame_rate is not None:
        facts["frame rate"] = f"{info.frame_rate:.4g}/s"
    facts["frames read"] = f"{count:,}"
    facts["codec"] = info.codec
    return facts


def _write_summary(path: Path, people: Sequence[TrackSummary]) -> None:
    with atomic_text(path) as file:
        if path.suffix.lower() == ".json":
            json.dump([person.to_dict() for person in people], file, indent=2)
            file.write("\n")
            return
        own = [
            field.name for field in fields(TrackSummary) if field.name not in ("shares", "means")
        ]
        columns = own + [f"{kind}_{label}" for kind in ("share", "mean") for label in EMOTIONS]
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for person in people:
            row: dict[str, Any] = {name: getattr(person, name) for name in own}
            row |= {f"share_{label}": share for label, share in person.shares.items()}
            row |= {f"mean_{label}": mean for label, mean in person.means.items()}
            writer.writerow(row)


def _resume_time(outputs: Outputs, start_s: float) -> float | None:
    """The time of the first frame that is to be written again; None to start over."""
    texts = [path for path in (outputs.csv, outputs.jsonl) if path is not None]
    points = [resume_point(path) for path in texts]
    times = [point.time_s for point in points if point is not None]
    if outputs.video is not None and (last_s := last_kept_time(outputs.video)) is not None:
        times.append(last_s + start_s)
    wanted = len(texts) + (outputs.video is not None)
    return min(times) if texts and len(times) == wanted else None


def _kept_bytes(path: Path, before_s: float | None) -> int:
    if before_s is None or path.suffix.lower() == ".parquet":
        return 0
    point = resume_point(path, before_s=before_s)
    return 0 if point is None else point.bytes


class _Numbers:
    """Gives the faces of a film that is gone on with the numbers that they had.

    Args:
        kept: the last frames of the earlier run, which are read again.
        before_s: the time of the first frame after them; None if nothing is gone on with.
        first: the number of the first face that was not there before.
    """

    def __init__(self, kept: Iterable[FrameReadings], before_s: float | None, first: int) -> None:
        self._next = first
        self._kept = {rows.frame: rows.readings for rows in kept}
        self._before_s = before_s
        self._old: dict[int, int] = {}  # new number -> old one

    def of(self, frame: "Frame", readings: list[TrackedReading]) -> list[TrackedReading]:
        """The readings of a frame with their numbers."""
        if self._before_s is None:
            return readings
        before = self._kept.get(frame.index, ())
        for reading in readings:
            best = max(before, key=lambda other: iou(other.box, reading.box), default=None)
            if best is not None and iou(best.box, reading.box) >= _SAME_FACE_IOU:
                self._old[reading.track] = best.track
        if frame.time_s < self._before_s:
            return readings
        for reading in readings:
            if reading.track not in self._old:
                self._old[reading.track] = self._next
                self._next += 1
        return [replace(reading, track=self._old[reading.track]) for reading in readings]
