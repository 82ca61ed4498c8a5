"""`mien video`."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from mien.cli.options import RecognizerOptions
from mien.cli.row_options import RowOutputOptions
from mien.cli.shared import (
    EXIT_ERROR,
    PEOPLE_HEADER,
    JsonArray,
    JsonOption,
    MovementsOption,
    ThreadsOption,
    fail,
    people_rows,
    print_table,
    say,
    stderr,
    tell_written,
)

if TYPE_CHECKING:
    from mien.recognize.recognizer import Recognizer
    from mien.recognize.video.batch import VideoFile
    from mien.recognize.video.files import VideoOptions
    from mien.recognize.video.frames import VideoInfo
    from mien.recognize.video.outputs import Outputs
    from mien.recognize.video.readings import VideoSettings

    ShowProgress = Callable[[VideoFile, VideoInfo, float], None]


class SmoothName(StrEnum):
    """Which frames a reading is smoothed with."""

    offline = "offline"
    online = "online"


@dataclass(frozen=True)
class CopyOptions:
    """The annotated copy."""

    out: Annotated[Path | None, "Annotated copy with the sound: .mp4, .mov, .m4v, .mkv, .webm."] = (
        None
    )
    bars: Annotated[
        bool, Option("--bars/--no-bars", help="Draw the seven probabilities of each face.")
    ] = True


@dataclass(frozen=True)
class PartOptions:
    """Which frames of videos are read."""

    every: Annotated[float | None, "Read one frame in so many seconds, not all of them."] = None
    start: Annotated[float | None, "Leave out what comes before this second."] = None
    end: Annotated[float | None, "Leave out what comes from this second on."] = None
    stream: Annotated[bool, "Addresses are streams to connect to, such as rtsp://..."] = False
    fps: Annotated[
        float | None,
        "Frames per second of what has no times: a series of images (25 if not given) or a bare "
        "stream (clip.h264).",
    ] = None


@dataclass(frozen=True)
class FollowingOptions:
    """How faces are followed and their readings smoothed; None leaves a value as it is."""

    detect_every: Annotated[
        float | None,
        "Seconds between searches for faces, which are followed between; 0 searches each frame; "
        "0.15 if not given.",
    ] = None
    half_life: Annotated[
        float | None,
        "Seconds after which a frame has half its weight in the smoothing; 0 smooths nothing; 0.4 "
        "if not given.",
    ] = None

    def settings(self, **own: int) -> "VideoSettings":
        """What the library takes, with values of its own."""
        from mien.recognize.video.readings import VideoSettings
        from mien.recognize.video.smoothing import SmoothingSettings
        from mien.recognize.video.tracking import TrackingSettings

        tracking = {} if self.detect_every is None else {"detect_every_s": self.detect_every}
        smoothing = SmoothingSettings.of(self.half_life)
        return VideoSettings(TrackingSettings(**tracking), smoothing, **own)


@dataclass(frozen=True)
class WholeVideoOptions(FollowingOptions):
    """The same where a video is read as a whole."""

    smooth: Annotated[
        SmoothName,
        "With the frames before and after, so that labels change on time, or with those before "
        "alone, as live.",
    ] = SmoothName.offline


def video(
    paths: Annotated[
        list[str],
        Argument(
            help="Videos, folders of videos, patterns, a series of images (shot_%04d.png), or "
            "addresses with --stream."
        ),
    ],
    *,
    copy: CopyOptions,
    wanted: RowOutputOptions,
    resume: Annotated[
        bool, "Leave alone videos whose outputs are all there, and read the others anew."
    ] = False,
    part: PartOptions,
    as_json: JsonOption = False,
    recognizer: RecognizerOptions,
    following: WholeVideoOptions,
    movements: MovementsOption = False,
    threads: ThreadsOption = 1,
) -> None:
    """Follow the faces of a video and read them in every frame.

    Example: mien video clip.mp4 --out annotated.mp4 --csv rows.csv

    Example: mien video interviews/ --out results --csv results --report results --resume

    Example: mien video clip.mp4 --csv rows.csv --format eaf --format textgrid

    Of several videos, or of a folder, each output is a folder, with a file of the video's name for
    each. One that cannot be read stops no other; the exit status is then 2.

    --movements adds columns to the rows, move_mouthSmileLeft and so on, of each frame alone:
    docs/movements.md.

    Until it is finished an output is called rows.part.csv and so on, and can be read or played.
    After Ctrl-C or a kill the same command with --resume reads the videos that were not finished,
    each from its start, and with --overwrite all of them.
    """
    from mien.recognize.video.batch import find_videos
    from mien.recognize.video.files import VideoOptions

    outputs = replace(wanted.outputs(), video=copy.out)
    how = VideoOptions(
        every_s=part.every,
        start_s=part.start,
        end_s=part.end,
        stream=part.stream,
        sequence_fps=part.fps,
        settings=following.settings(),
        offline=following.smooth is SmoothName.offline,
        bars=copy.bars,
        usable_only=wanted.usable_only,
    )
    videos, many = find_videos(paths, not_in=outputs.named(), copies=outputs.video)
    formats = list(dict.fromkeys(wanted.formats or ()))
    if many:
        sets = outputs.for_each(videos, formats)
    else:
        sets = [outputs.with_formats(formats, Path(videos[0].relative.stem))]
    for video, files in zip(videos, sets, strict=True):
        files.check(video.source, replaces=wanted.overwrite or resume)
    reader = recognizer.settings(movements=movements).open(threads=threads)
    _read_all(reader, videos, sets, how, resume=resume, as_json=as_json)


def _read_all(
    recognizer: "Recognizer",
    videos: "Sequence[VideoFile]",
    sets: "Sequence[Outputs]",
    how: "VideoOptions",
    *,
    resume: bool,
    as_json: bool,
) -> None:
    from mien.recognize.video.batch import write_videos

    failed, many = 0, len(videos) > 1
    array, people = JsonArray(), list[list[str]]()
    with _bar(videos) as progress:
        results = write_videos(recognizer, videos, sets, how, resume=resume, progress=progress)
        try:
            for result in results:
                for message in result.messages():
                    say(message)
                failed += not result.is_good
                if as_json:
                    array.add(result.to_dict())
                if result.outcome is not None and not many:
                    tell_written(*result.outputs.format_paths())
                if result.outcome is not None and not as_json:
                    rows = people_rows(result.outcome.people)
                    # From when to when somebody is there: names of several videos need that room.
                    called = [str(result.video.relative)]
                    people += [[*called, row[0], *row[3:]] for row in rows] if many else rows
        except KeyboardInterrupt:
            from mien.output.files import part_name

            if any(part_name(path).exists() for outputs in sets for path in outputs.paths()):
                say(
                    "what was read is in files with .part in their names; --resume reads what is "
                    "not finished anew"
                )
            raise
    if as_json:
        array.close()
    elif people:
        header = ["video", PEOPLE_HEADER[0], *PEOPLE_HEADER[3:]] if many else PEOPLE_HEADER
        print_table(header, people, left=(0, 1) if many else (0,), fits=True)
    if failed and many:
        fail(f"{failed} of {len(videos)} videos could not be read, or not to their ends")
    if failed:
        raise typer.Exit(EXIT_ERROR)


@contextmanager
def _bar(videos: "Sequence[VideoFile]") -> "Iterator[ShowProgress | None]":
    """A bar with the time left on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import Progress, TextColumn

    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[speed]}"))
    with Progress(*columns, console=stderr(), transient=True) as bars:
        task = bars.add_task("reading", total=None, speed="")
        began: dict[str, tuple[float, float]] = {}

        def show(video: "VideoFile", info: "VideoInfo", time_s: float) -> None:
            now = time.monotonic()
            if video.source not in began:
                began[video.source] = (now, time_s)
                number = videos.index(video) + 1
                which = f" {number} of {len(videos)}" if len(videos) > 1 else ""
                name = video.relative.name
                bars.reset(task, total=info.duration_s, description=f"reading{which} {name}")
            since, first_s = began[video.source]
            speed = (time_s - first_s) / (now - since) if now > since else 0.0
            bars.update(task, completed=time_s, speed=f"{speed:.1f} times as fast as it plays")

        yield show
