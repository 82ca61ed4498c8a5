"""A video read as a whole: every face of every frame, as columns."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from mien.recognize.recognizer import Recognizer
from mien.recognize.video.readings import VideoSettings, read_stream
from mien.recognize.video.smoothing import closing_of
from mien.rows.table import VideoColumns, VideoResult

if TYPE_CHECKING:
    from mien.recognize.video.frames import VideoSource


def analyze_video(
    source: "VideoSource",
    recognizer: Recognizer | None = None,
    *,
    settings: VideoSettings | None = None,
    offline: bool = True,
    every_s: float | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> VideoResult:
    """Read a video as a whole.

        result = analyze_video("interview.mp4")
        result.plot("interview.png")

    Of the video nothing stays but numbers: some 190 bytes for each face of each frame.

    Args:
        source: a video file or a series of images; see `mien.recognize.video.frames.frames`.
        recognizer: what reads it; by default `Recognizer()`.
        settings: how faces are followed and smoothed.
        offline: smooth with the frames before and after, without delay, as `mien video` does (see
            `mien.recognize.video.offline`); otherwise with those before alone, as a live view
            must.
        every_s: read only the first frame at or after each multiple of it.
        start_s: leave out frames before this time.
        end_s: leave out frames at or after this time.
        progress: called with the time of each frame, in seconds, once it is read.
    Raises:
        VideoError: it is not a video that can be read.
        OptionError: an argument is out of its range.
    """
    from mien.recognize.video.frames import frames

    recognizer = recognizer or Recognizer()
    columns = VideoColumns()
    given = frames(source, every_s=every_s, start_s=start_s, end_s=end_s)
    read = read_stream(recognizer, given, settings=settings, offline=offline, keep_images=False)
    with closing_of(read):  # also where `progress` raises: its error would keep the file open
        for frame, readings in read:
            columns.add(frame.index, frame.time_s, readings)
            if progress is not None:
                progress(frame.time_s)
    return columns.result(str(source))
