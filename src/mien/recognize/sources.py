"""Files as people have them: what a folder holds, and what a file is that is no image."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from mien.errors import OptionError, counted
from mien.output.files import is_part_name

VIDEO_SUFFIXES: Final = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg"}
    | {".wmv", ".asf", ".flv", ".f4v", ".3gp", ".3g2", ".ogv", ".ogm", ".mxf", ".vob", ".divx"}
    | {".qt", ".mk3d", ".m2t", ".mpe", ".mpv", ".m1v", ".m2v", ".dv", ".wtv", ".rm", ".rmvb"}
    | {".h264", ".264", ".h265", ".265", ".hevc", ".mjpeg", ".mjpg", ".ivf", ".nut", ".y4m"}
    | {".apng"}
)
"""Endings, lower case, of the files that a search through a folder takes for videos."""

NO_NAME: Final = "expected a file, a folder or a pattern; got an empty name"

_VIDEO: Final = "see mien video"
_ARCHIVE: Final = "see mien batch"
_PACKED: Final = "unpack it first"
RAW_HINT: Final = "export it from the camera's program as JPEG or TIFF"
_OTHER: Final = "convert it to PNG or JPEG"
_CLOUD: Final = "not downloaded yet"

_HINTS: Final = {
    **dict.fromkeys(VIDEO_SUFFIXES - {".ts", ".mts"}, _VIDEO),  # code to others
    **dict.fromkeys((".tar", ".tgz", ".parquet", ".pq"), _ARCHIVE),
    **dict.fromkeys((".zip", ".7z", ".rar", ".gz", ".bz2", ".xz"), _PACKED),
    **dict.fromkeys((".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".srf", ".sr2"), RAW_HINT),
    **dict.fromkeys((".raf", ".orf", ".rw2", ".pef", ".srw", ".3fr", ".iiq", ".x3f"), RAW_HINT),
    **dict.fromkeys((".jp2", ".j2k", ".jpx", ".jxl", ".jxr", ".psd", ".psb", ".xcf"), _OTHER),
    **dict.fromkeys((".ppm", ".pgm", ".pnm", ".pbm", ".pam", ".tga", ".ico", ".eps"), _OTHER),
    **dict.fromkeys((".dcm", ".dicom", ".nii", ".exr", ".hdr", ".fits", ".fit"), _OTHER),
    **dict.fromkeys((".pdf", ".svg", ".svgz", ".heics", ".heifs", ".avifs"), _OTHER),
    ".icloud": _CLOUD,
}
_NO_FILES: Final = "broken links or pipes"
_FOLDER_LINKS: Final = "links to folders, which are not followed"
_APPLE: Final = "of macOS (._*)"
_UNFINISHED: Final = "that a kill left unfinished (*.part.*)"
_MOST_ENDINGS: Final = 8  # that a sentence names

_SCHEME: Final = re.compile(r"^([a-z][a-z0-9+.-]+):/", re.IGNORECASE)

_A_VIDEO: Final = "a video: `mien video` reads it"
# How files begin, and what such a file is; brands of `ftyp` and text are looked at below.
_BEGINS: Final = (
    (rb"%PDF", "a PDF document: export its pages as PNG"),
    (rb"8BPS", f"a Photoshop document: {_OTHER}"),
    (rb"(?s).{128}DICM", "a DICOM file: export its images as PNG or TIFF"),
    (rb"(?s)\x00\x00\x00\x0cjP  |\xffO\xffQ", f"a JPEG 2000 image: {_OTHER}"),
    (rb"(?s)\xff\x0a|\x00\x00\x00\x0cJXL ", f"a JPEG XL image: {_OTHER}"),
    (rb"FUJIFILMCCD|IIU\x00|IIR[OS]|MMOR|(?s:....)ftypcrx ", f"a camera's raw file: {RAW_HINT}"),
    (rb"\x00\x05\x16[\x07\x00]", "what macOS keeps beside a file, not the file itself"),
    (rb"(?s)....(ftyp|moov|mdat|wide|free)|\x1aE\xdf\xa3|RIFF....AVI |FLV\x01", _A_VIDEO),
    (rb"(?s)\x00\x00\x01[\xba\xb3]|0&\xb2u|OggS|G.{187}G.{187}G", _A_VIDEO),
    (rb"PK[\x03\x05]|Rar!|7z\xbc\xaf|\x1f\x8b|BZh|\xfd7zXZ", f"a packed archive: {_PACKED}"),
    (rb"(?s).{257}ustar|PAR1", "an archive: `mien batch` reads it"),
    (rb"\x93NUMPY", "an array of NumPy: load it, and give the array to mien in Python"),
    (rb"P[1-7]\s", f"a PNM image (.pgm, .ppm): {_OTHER}"),
    (rb"v/1\x01|#\?RADIANCE|SIMPLE  =", f"an image of another kind (EXR, HDR, FITS): {_OTHER}"),
    (rb"\x00\x00\x01\x00|gimp xcf|%!PS", f"an image of another kind (ICO, XCF, EPS): {_OTHER}"),
    (rb"version https://git-lfs", "a pointer of Git LFS: get the file with `git lfs pull`"),
    (rb"(?is)\s*(<\?xml[^<]*|<!--.*?-->|<!DOCTYPE svg[^>]*>|\s)*<svg", f"an SVG drawing: {_OTHER}"),
    (rb"(?i)\s*<(!doctype )?html", "a web page, saved in place of an image"),
)
_LOOKED_AT: Final = 1024  # bytes of a file


def said_to_be(content: bytes) -> str:
    """What a file is that is no image: "a video: `mien video` reads it", or "none of them".

    Args:
        content: its first bytes, a few hundred at least.
    """
    head = content[:_LOOKED_AT]
    return next((what for begin, what in _BEGINS if re.match(begin, head)), "none of them")


def address_hint(name: str) -> str:
    """What to do about a name that is no path of this machine; empty for one that may be."""
    found = _SCHEME.match(name)
    scheme = found[1].lower() if found else "file"
    if scheme in ("http", "https", "ftp"):
        return (
            "nothing is fetched from web addresses: download the images first; `mien video` "
            "reads videos and streams from there"
        )
    if scheme in ("rtsp", "rtmp", "udp", "rtp", "srt", "tcp"):
        return "a stream: `mien video` reads it"
    return "" if scheme == "file" else "`mien batch` reads object stores"


def ending_hint(name: str) -> str:
    """What to do with a file that cannot be read, by the end of its name; empty if unknown."""
    return _HINTS.get(os.path.splitext(name)[1].lower(), "")  # noqa: PTH122


def check_several(name: str, given: object) -> None:
    """Raise OptionError where one path or file stands in place of several.

    Python would take it for its letters, and of `/data/photos` the first is the whole disk.
    """
    if isinstance(given, str | bytes | os.PathLike):
        raise OptionError(f"expected several, as [{given!r}]; got {given!r} alone", argument=name)


def files_below(folder: str, apart: str = "") -> Iterator["os.DirEntry[str]"]:
    """All that is in a folder and in the folders in it but folders, in the order of the names.

    Links to folders are not followed: they are among what is yielded.

    Args:
        folder: where to search.
        apart: a folder, with an absolute path, that is left out if it lies in the other.
    Raises:
        OSError: a folder may not be listed.
    """
    with os.scandir(folder) as scanned:
        entries = sorted(scanned, key=lambda entry: entry.name)
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            yield entry
        elif not apart or os.path.abspath(entry.path) != apart:  # noqa: PTH100  # follows no link
            yield from files_below(entry.path, apart)


class LeftOut(Counter[str]):
    """Files that a search has come by and left out: ending -> how many."""

    def add(self, name: str) -> None:
        """Count one more file of that name."""
        base = name.rsplit("/", 1)[-1]
        if base.startswith("._"):  # what macOS leaves beside each file on foreign disks
            self[_APPLE] += 1
        elif is_part_name(base):
            self[_UNFINISHED] += 1
        else:
            self[os.path.splitext(base)[1].lower() or "without an ending"] += 1  # noqa: PTH122

    def add_entry(self, entry: "os.DirEntry[str]") -> None:
        """Count one more of what `files_below` yields."""
        if entry.is_file():
            self.add(entry.name)
        else:
            self[_FOLDER_LINKS if entry.is_dir() else _NO_FILES] += 1

    @property
    def may_hold_faces(self) -> bool:
        """Whether there are videos, archives or images of other kinds among them."""
        return any(ending in _HINTS or ending == _NO_FILES for ending in self)

    def __str__(self) -> str:
        """One sentence: `4 files were not read as images: 3 .mov (see mien video), 1 .txt`."""
        order = sorted(self.items(), key=lambda item: (item[0] not in _HINTS, -item[1], item[0]))
        parts = [
            f"{count:,} {ending}" + (f" ({_HINTS[ending]})" if ending in _HINTS else "")
            for ending, count in order[:_MOST_ENDINGS]
        ]
        if rest := sum(count for _, count in order[_MOST_ENDINGS:]):
            parts.append(f"{rest:,} of other kinds")
        number = sum(self.values())
        were = "was" if number == 1 else "were"
        return f"{counted(number, 'file')} {were} not read as images: {', '.join(parts)}"
