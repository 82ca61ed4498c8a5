"""Rows of made-up videos, at hand and in files, and tables that somebody changes."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mien.readings import FrameReadings, TrackedReading
from mien.rows.files import row_writer
from mien.rows.table import VideoColumns, VideoResult


def frames_of(
    faces: Iterable[Sequence[TrackedReading]], *, fps: float = 10.0
) -> list[FrameReadings]:
    """A frame of each of these faces, at even times."""
    return [FrameReadings(i, i / fps, tuple(readings)) for i, readings in enumerate(faces)]


def video_of(frames: Iterable[FrameReadings], source: str = "clip.mp4") -> VideoResult:
    """The columns of a video, which may have no frame."""
    columns = VideoColumns()
    for found in frames:
        columns.add(found.frame, found.time_s, found.readings)
    return columns.result(source)


def write_rows(path: Path, frames: Iterable[FrameReadings], **has: bool) -> Path:
    """Write the rows of a video; `has` is `named` and `movements`, as of `row_writer`."""
    writer = row_writer(path, **has)
    for found in frames:
        writer.write(found.frame, found.time_s, found.readings)
    writer.finish()
    return path


def write_csv(path: Path, rows: Sequence[Mapping[str, object]], delimiter: str = ",") -> None:
    """Write rows with the columns of the first."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
