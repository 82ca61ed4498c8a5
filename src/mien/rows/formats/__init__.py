"""The rows of a video as files that other tools read, a module for each format."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from mien.errors import OptionError, OutputError
from mien.rows.formats.bids import sidecar, write_bids
from mien.rows.formats.boris import write_boris
from mien.rows.formats.eaf import write_eaf
from mien.rows.formats.fex import fex_rows
from mien.rows.formats.intervals import Annotation, Intervals, Media, RowWriting
from mien.rows.formats.openface import openface_rows
from mien.rows.formats.textgrid import write_textgrid
from mien.rows.table import VideoResult

__all__ = ["FORMATS", "Format", "FormatWriter", "Media", "files_of", "format_of", "write_format"]


@dataclass(frozen=True)
class Format:
    """A format of another tool; it has intervals, or rows."""

    tool: str  # that reads it
    endings: tuple[str, ...]  # of its files; the first is that of a file whose name is made
    # writes intervals to a file, or raises OutputError; None of a format that has rows
    write: Callable[[Annotation, Path, Media], None] | None = None
    # likewise, rows; None of one that has intervals
    rows: Callable[[Path, Media], RowWriting] | None = None


FORMATS: Final = {
    "eaf": Format("ELAN", (".eaf",), write_eaf),
    "textgrid": Format("Praat", (".TextGrid",), write_textgrid),
    "boris": Format("BORIS", (".boris", ".xlsx"), write_boris),
    "bids": Format("BIDS", ("_events.tsv",), write_bids),
    "fex": Format("py-feat", (".fex.csv", ".csv"), rows=fex_rows),
    "openface": Format("tools for OpenFace", (".openface.csv", ".csv"), rows=openface_rows),
}
"""What somebody asks for -> the format."""


def format_of(name: str) -> Format:
    """A format by its name; OptionError if there is none."""
    if name not in FORMATS:
        raise OptionError(f"expected a format among {', '.join(FORMATS)}; got {name!r}")
    return FORMATS[name]


def files_of(name: str, path: Path) -> list[Path]:
    """All files that `write_format` writes: BIDS has a sidecar.

    Raises:
        OptionError: there is no such format.
        OutputError: the name of the file has not its ending.
    """
    endings = format_of(name).endings
    if not path.name.lower().endswith(tuple(ending.lower() for ending in endings)):
        raise OutputError(f"{path}: expected a name that ends in {' or '.join(endings)}")
    return [path, sidecar(path)] if name == "bids" else [path]


class FormatWriter:
    """Writes the rows of a video for other tools as they come.

        with FormatWriter({"eaf": Path("talk.eaf")}, media) as writer:
            for rows in blocks:
                writer.add(rows)
            writer.finish()

    Memory grows with the intervals of formats that have some, not with the rows. A file appears
    when it is finished; of a video without a frame none does.

    Args:
        files: name of a format, one of `FORMATS` -> the file, with an ending of the format.
        media: what is known of the video.
    Raises:
        OptionError: there is no such format.
        OutputError: a name has another ending; or, from what follows, it cannot be written.
    """

    def __init__(self, files: Mapping[str, Path], media: Media | None = None) -> None:
        for name, path in files.items():
            files_of(name, path)
        self._files, self._media = files, media or Media()
        self._intervals: Intervals | None = None
        self._rows: list[RowWriting] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.abandon()

    def abandon(self) -> None:
        """Leave nothing of files that are not finished."""
        for rows in self._rows:
            rows.close()

    def add(self, rows: VideoResult) -> None:
        """Write the rows that follow those before, with all names that tracks have in the end."""
        if self._intervals is None:
            self._intervals = Intervals()
            for name, path in self._files.items():
                if (begin := FORMATS[name].rows) is not None:
                    self._rows.append(begin(path, self._media))
                    next(self._rows[-1])
        if any(FORMATS[name].write for name in self._files):
            self._intervals.add(rows)
        for one in self._rows:
            one.send(rows)

    def finish(self, media: Media | None = None, until_s: float | None = None) -> None:
        """End all files.

        Args:
            media: what is known of the video by now: its length may be another one.
            until_s: as of `Intervals.annotation`.
        """
        if self._intervals is None:
            return
        for one in self._rows:
            next(one, None)
        media = media or self._media
        found = None
        for name, path in self._files.items():
            if (write := FORMATS[name].write) is not None:
                found = found or self._intervals.annotation(media.length_s, until_s)
                write(found, path, media)


def write_format(
    rows: VideoResult, name: str, path: str | Path, media: Media | None = None
) -> list[Path]:
    """Write the rows of a video for another tool.

    Args:
        rows: of `mien.rows.table.read_rows` or `mien.analyze_video`.
        name: one of `FORMATS`.
        path: of the file, with an ending of the format.
        media: what is known of the video.
    Returns:
        The files.
    Raises:
        OptionError: there is no such format.
        OutputError: the name has another ending, there is no frame, or it cannot be written.
    """
    with FormatWriter({name: Path(path)}, media) as writer:
        if not len(rows.frames):
            expected = "expected the rows of a video; there is no frame in it"
            raise OutputError(f"{rows.source}: {expected}")
        writer.add(rows)
        writer.finish()
    return files_of(name, Path(path))
