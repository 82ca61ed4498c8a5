"""`mien webcam`."""

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from mien.cli.options import RecognizerOptions
from mien.cli.shared import JsonOption, ThreadsOption, print_json, print_table, say
from mien.cli.video import FollowingOptions
from mien.errors import MienError, OptionError, OutputError, needs_extra
from mien.recognize.settings import RecognizerSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from mien.recognize.video.live import LiveFrame, LiveSummary
    from mien.recognize.video.live_view import Viewer


@dataclass(frozen=True)
class CameraOptions:
    """Where frames come from."""

    source: Annotated[str, "Number or device of a camera; or a file that stands in for one."] = "0"
    real_time: Annotated[
        bool, "A file goes on as a camera would; else every frame of it is read."
    ] = False
    stream: Annotated[bool, "The source is an address to connect to, as rtsp://..."] = False

    @property
    def is_live(self) -> bool:
        """Whether it goes on by itself, and never ends."""
        return self._is_camera or self.stream

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"camera {self.source}" if self._is_camera else self.source

    @property
    def _is_camera(self) -> bool:
        from mien.recognize.video.frames import camera_number

        return camera_number(self.source) is not None


@dataclass(frozen=True)
class OutputOptions:
    """What is written and sent."""

    record: Annotated[Path | None, "Video file to write: the image with its faces, as seen."] = None
    csv: Annotated[
        Path | None, "Rows to write, one for each face of each frame read: .csv, .jsonl, .parquet."
    ] = None
    stills: Annotated[Path, "Folder for the images that `s` saves."] = Path()
    overwrite: Annotated[bool, "Replace files of --record and --csv."] = False
    lsl: Annotated[
        bool, "Send readings into the local network as a stream of the Lab Streaming Layer."
    ] = False

    @property
    def paths(self) -> list[Path]:
        """The files that are asked for."""
        return [path for path in (self.record, self.csv) if path is not None]

    def check(self, source: str, *, window: bool) -> None:
        """Refuse names that are taken, by what is read or others, and that nothing is done."""
        from mien.output.files import check_free, part_name

        if not window and not self.paths and not self.lsl:
            raise OptionError(
                "--no-window: expected --record, --csv or --lsl with it; nothing would be done"
            )
        for path in self.paths:
            check_free(path, overwrite=self.overwrite, read=[Path(source)])
            if (part := part_name(path)).exists() and not self.overwrite:
                raise OutputError(
                    f"{part}: an earlier run that was cut off left it; rename it to keep it, "
                    "--overwrite replaces it"
                )


@dataclass(frozen=True)
class ViewOptions:
    """How it is shown."""

    window: Annotated[
        bool, Option("--window/--no-window", help="Show it; without, only write files.")
    ] = True
    page: Annotated[bool, "Show it on a page in the browser, even if a window can open."] = False
    port: Annotated[int, "Of that page, which only this computer can open; 0 takes a free one."] = 0


def webcam(
    *,
    camera: CameraOptions,
    files: OutputOptions,
    view: ViewOptions,
    seconds: Annotated[float | None, "End by itself after this time."] = None,
    recognizer: RecognizerOptions,
    following: FollowingOptions,
    bars: Annotated[bool, Option("--bars/--no-bars", help="Draw the seven probabilities.")] = True,
    threads: ThreadsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """Show a camera live, with every face and its emotion.

    Example: mien webcam

    Example: mien webcam --record seen.mp4 --csv faces.csv --no-window --seconds 60

    Example: mien webcam --lsl --csv faces.csv

    `q` ends it, `s` saves a still.

    Frames that come while another is read are dropped, so that what is shown is now. Where OpenCV
    cannot open a window, the view is a page in the browser of this computer.
    """
    from mien.recognize.video.frames import frames
    from mien.recognize.video.live import PATIENCE_S, STREAM_PATIENCE_S, Live, in_real_time, watch

    live_source = camera.is_live
    if camera.real_time and live_source:
        raise OptionError("--real-time: expected a file in --source; a camera is in real time")
    if seconds is not None and not seconds > 0:
        raise OptionError(f"--seconds: expected more than 0; got {seconds:g}")
    files.check(camera.source, window=view.window)
    settings = recognizer.settings()
    reader = settings.open(threads=threads)
    failure: MienError | KeyboardInterrupt | None = None
    with ExitStack() as stack:
        patience_s = STREAM_PATIENCE_S if camera.stream else PATIENCE_S
        given = frames(camera.source, stream=camera.stream)
        outputs = _outputs(stack, files)
        if files.lsl:
            outputs.append(_open_stream(stack, camera, settings))
        live = Live(
            in_real_time(given) if camera.real_time else given,
            partial(reader.stream, settings=following.settings(batch_frames=1)),
            drop=live_source or camera.real_time,
            patience_s=patience_s if live_source else None,
            name=camera.name,
            bars=bars,
        )
        viewer = _open_viewer(stack, settings, view, threads=threads)
        stack.enter_context(live)
        # What went wrong is told after everything is closed, so that what is recorded is whole.
        try:
            watch(
                live,
                viewer=viewer,
                outputs=outputs,
                recording=files.record is not None,
                stills=files.stills,
                on_still=lambda path: say(f"saved {path}"),
                seconds=seconds,
            )
        except (MienError, KeyboardInterrupt) as error:
            failure = error
    for path in files.paths:
        if path.exists():
            say(f"wrote {path}")
    _print(live.summary(), as_json=as_json)
    if failure is not None:
        raise failure


def _outputs(stack: ExitStack, files: OutputOptions) -> "list[Callable[[LiveFrame], None]]":
    """What is done with each frame; `stack` finishes the files."""
    outputs: list[Callable[[LiveFrame], None]] = []
    if files.record is not None:
        from mien.recognize.video.writer import VideoWriter

        video = stack.enter_context(VideoWriter(files.record))
        outputs.append(lambda seen: video.write(seen.drawn, seen.frame.time_s))
    if files.csv is not None:
        from mien.rows.files import row_writer

        table = row_writer(files.csv)
        stack.callback(table.finish)
        outputs.append(lambda seen: table.write(seen.frame.index, seen.frame.time_s, seen.readings))
    return outputs


def _open_stream(
    stack: ExitStack, camera: CameraOptions, settings: RecognizerSettings
) -> "Callable[[LiveFrame], None]":
    from mien.recognize.video.lsl import LslStream

    # An address may hold a password, and a path says where files lie: neither is sent.
    name = "stream" if camera.stream else Path(camera.name).name
    stream = LslStream(name, source=camera.source, model=Path(settings.model).name)
    stack.callback(stream.close)
    return stream.write


def _open_viewer(
    stack: ExitStack, settings: RecognizerSettings, view: ViewOptions, *, threads: int
) -> "Viewer | None":
    """A window, or a page where none can be opened; None if nothing is to be shown."""
    from mien.desktop import open_in_browser
    from mien.recognize.video.live_view import Window, why_no_window

    if not view.window:
        say("Ctrl-C ends it")
        return None
    reason = why_no_window()
    if reason is None and not view.page:
        shown = Window("mien")
        stack.callback(shown.close)
        return shown
    with needs_extra("web", "the page" if reason is None else f"{reason}, and the page"):
        from mien.web.camera_page import CameraPage
        from mien.web.settings import WebSettings
    page = CameraPage(WebSettings(**asdict(settings), threads=threads, port=view.port))
    stack.callback(page.close)
    if reason is not None:
        say(f"{reason}. The view is a page in the browser")
    say(f"{page.address} (q there or Ctrl-C here ends it)")
    open_in_browser(page.address)
    return page


def _print(summary: "LiveSummary", *, as_json: bool) -> None:
    if as_json:
        print_json(summary.to_dict(), indent=None)
        return
    figures = {
        "seconds": f"{summary.seconds:.1f}",
        "frames": f"{summary.frames:,}",
        "dropped": f"{summary.dropped:,}",
        "frames/s": f"{summary.fps:.1f}",
        "latency ms": f"{summary.latency_ms:.1f}",
        "95 % below ms": f"{summary.latency_p95_ms:.1f}",
        "people": str(summary.people),
    }
    print_table(list(figures), [list(figures.values())], left=())
