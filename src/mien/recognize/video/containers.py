"""Opening what FFmpeg reads: files, and addresses only where they are asked for."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from mien.errors import VideoError

if TYPE_CHECKING:
    from av.container import InputContainer

STREAM_TIMEOUT_S: Final = 15.0
"""After which a stream that gives nothing counts as gone."""

SAME_TIME_S: Final = 1e-6
"""Times that differ by less are the same: FFmpeg gives starts in whole microseconds."""

FILE_FORMATS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,asf,flv,ogg,mxf,h264,hevc,"
    "mjpeg,dv"
)
"""Formats of FFmpeg that hold videos, and name no other files: playlists and such are none."""

_NO_VIDEO: Final = "expected a video; it is damaged, cut short or none ({})"


def is_address(name: str) -> bool:
    """Whether a name is an address such as `rtsp://camera.local/1`."""
    return re.match(r"^[a-z][a-z0-9+.-]+://", name, re.IGNORECASE) is not None


def open_container(source: "str | Path | int", *, stream: bool) -> "InputContainer":
    """Open a file, or an address where streams are asked for.

    Raises:
        VideoError: it cannot be opened, or is no video.
    """
    name = str(source)
    if is_address(name) and not os.path.exists(name):  # noqa: PTH110
        if not stream:
            raise VideoError(
                f"{name}: expected a file; it is an address, and is fetched only when asked for as "
                "a stream (--stream, stream=True)"
            )
        tcp = {"rtsp_transport": "tcp"} if name.lower().startswith("rtsp") else {}
        fault = "the stream cannot be opened; {}"
        return _opened(name, name, fault, options=tcp, timeout=STREAM_TIMEOUT_S)
    path = Path(name)
    if not name:
        raise VideoError("expected the path of a video; got an empty name")
    try:
        if path.is_dir():
            raise VideoError(f"{name}: expected a video; it is a folder")
        with path.open("rb") as file:
            head = file.read(8)
    except FileNotFoundError:
        raise VideoError(f"no such file: {name}") from None
    except OSError as error:
        raise VideoError(
            f"cannot be read; {error.strerror or error}",
            source=name,
            kind="file that cannot be read",
        ) from error
    except ValueError as error:  # a null byte
        raise VideoError(f"expected a path; got {name!r}: {error}") from None
    if not head:
        raise VideoError(f"{name}: expected a video; it is empty")
    if head.startswith((b"PK\x03\x04", b"Rar!", b"7z\xbc\xaf")):
        raise VideoError(f"{name}: expected a video; it is an archive, to be unpacked first")
    # Absolute, so that no name is taken for an address; and a playlist fetches nothing.
    allowed = {"protocol_whitelist": "file,crypto,data"}
    return _opened(str(path.absolute()), name, _NO_VIDEO, options=allowed)


def open_video_file(file: BinaryIO, name: str) -> "InputContainer":
    """Open a video that may come from anybody: no other file is opened for it, whatever is in it.

    Args:
        file: open for reading, at its start.
        name: for messages.
    Raises:
        VideoError: it cannot be opened, or is none of `FILE_FORMATS`.
    """
    allowed = {"format_whitelist": FILE_FORMATS, "protocol_whitelist": "none"}
    return _opened(file, name, _NO_VIDEO, options=allowed)


def _opened(file: str | BinaryIO, name: str, fault: str, **options: Any) -> "InputContainer":
    """`av.open`, whatever encoding the tags of a video have; `fault` is what an error says."""
    import av

    if int(av.__version__.partition(".")[0]) < 19:  # later ones take any, and know no option for it
        options["metadata_errors"] = "replace"
    try:
        container: InputContainer = av.open(file, "r", **options)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{name}: {fault.format(reason(error))}") from error
    return container


def reason(error: BaseException) -> str:
    """What an error of FFmpeg says, to follow a semicolon."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text[0].lower() + text[1:]
