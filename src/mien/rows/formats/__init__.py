"""The rows of a video as files that other tools read, a module for each format."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mien.errors import OptionError, OutputError
from mien.rows.formats.bids import sidecar, write_bids
from mien.rows.formats.boris import write_boris
from mien.rows.formats.eaf import write_eaf
from mien.rows.formats.fex import write_fex
from mien.rows.formats.intervals import Media
from mien.rows.formats.openface import write_openface
from mien.rows.formats.textgrid import write_textgrid
from mien.rows.table import VideoResult

__all__ = ["FORMATS", "Format", "Media", "files_of", "format_of", "write_format"]


@dataclass(frozen=True)
class Format:
    """A format of another tool.

    Attributes:
        tool: that reads it.
        endings: of its files; the first is that of a file whose name is made.
        write: writes the rows of a video to a file.
    """

    tool: str
    endings: tuple[str, ...]
    write: Callable[[VideoResult, Path, Media], None]


FORMATS: Final = {
    "eaf": Format("ELAN", (".eaf",), write_eaf),
    "textgrid": Format("Praat", (".TextGrid",), write_textgrid),
    "boris": Format("BORIS", (".boris", ".xlsx"), write_boris),
    "bids": Format("BIDS", ("_events.tsv",), write_bids),
    "fex": Format("py-feat", (".fex.csv", ".csv"), write_fex),
    "openface": Format("tools for OpenFace", (".openface.csv", ".csv"), write_openface),
}
"""What somebody asks for -> the format."""


def format_of(name: str) -> Format:
    """A format by its name.

    Raises:
        OptionError: there is none.
    """
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
    files = files_of(name, Path(path))
    if not len(rows.frames):
        raise OutputError(f"{rows.source}: expected the rows of a video; there is no frame in it")
    FORMATS[name].write(rows, Path(path), media or Media())
    return files
