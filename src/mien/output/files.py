"""Files that appear under their names when all is written, or not at all.

Until then a file has the name of `part_name`: `rows.csv` is called `rows.part.csv`. Only what shall
be of use after a kill, the rows and the annotated copy of a video, is left under that name.
"""

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np
from numpy.typing import NDArray

from mien.errors import OutputError

JPEG_QUALITY: Final = 92
JPEG_SUFFIXES: Final = (".jpg", ".jpeg")
LOCK: Final = ".lock"
"""In a folder that a process works in, see `alone`."""


def part_name(path: Path) -> Path:
    """What a file is called until it is finished: `rows.csv` is `rows.part.csv`."""
    return path.with_name(f"{path.stem}.part{path.suffix}")


def shared_part_name(name: str) -> str:
    """The same in a folder that others write and read: each time another name, without the ending.

    Some readers of `*.parquet` take hidden files, too.
    """
    return f"{name}.{os.urandom(4).hex()}.part"


def is_part_name(name: str) -> bool:
    """Whether `part_name` or `shared_part_name` gives such a name."""
    return Path(name).stem.endswith(".part") or name.endswith(".part")


def check_free(
    path: Path, *, overwrite: bool, read: Iterable[Path | None] = (), also: str = ""
) -> None:
    """Refuse a name that cannot be written under, or may not, before any work is done.

    Args:
        path: of a file to write.
        overwrite: one that exists may be replaced.
        read: files that are read, which nothing may replace.
        also: what the message says beside that --overwrite replaces a file.
    Raises:
        OutputError: it is a folder or a device, one of the files that are read, or a file that must
            stay.
    """
    _check_kind(path)
    try:
        if not path.exists():
            return
        if any(path.samefile(one) for one in read if one is not None and one.exists()):
            raise OutputError(f"{path}: would replace what is read")
        if not overwrite:
            raise OutputError(f"{path}: it exists; --overwrite replaces it{also}")
    except OSError as error:  # a name too long
        raise OutputError(f"{path}: {error.strerror or error}") from error


def _check_kind(path: Path) -> None:
    """Refuse a folder, and what others need as it is: a pipe, or /dev/stdout."""
    mode = stat.S_IFREG
    with suppress(OSError):  # there is none, or its name is too long
        mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise OutputError(f"{path}: expected a file to write; it is a folder")
    # What /dev/stdout leads to may be a file.
    if not stat.S_ISREG(mode) or os.path.realpath(path.parent) == "/dev":
        raise OutputError(f"{path}: expected a file to write; it is a device or a pipe")


def check_apart(paths: Iterable[Path]) -> None:
    """Refuse to write two outputs to one file, however its name is spelled: one would be lost.

    Raises:
        OutputError: two of the names are of one file.
    """
    taken: set[str] = set()
    for path in paths:
        if (place := place_of(path)) in taken:
            raise OutputError(f"{path}: expected a name of its own for each output; got two")
        taken.add(place)


def place_of(path: Path) -> str:
    """Where a file is written, the same for all spellings: a link of its name is replaced."""
    return os.path.normcase(os.path.join(os.path.realpath(path.parent), path.name))  # noqa: PTH118


@contextmanager
def atomic_write(path: Path, *, durable: bool = False, shared: bool = False) -> Iterator[Path]:
    """A path to write to; the file has its own name when the body has ended without an error.

    After an error, and Ctrl-C, nothing of it is left, and an earlier file is as it was. Folders
    above it that are missing are made.

    Args:
        path: of the file.
        durable: bring it to the disk before it gets its name: a machine may die the next moment.
        shared: several processes may write it at once, into a folder that others read: each writes
            to a hidden `shared_part_name` of its own.
    Raises:
        OutputError: it cannot be written. An OSError in the body that tells of another file, or of
            a broken pipe, is raised as it is.
    """
    _check_kind(path)  # before a name is made of it: "." has none
    part = path.with_name(shared_part_name(f".{path.name}")) if shared else part_name(path)
    with writing(path):
        _make_folder(path.parent)
    try:
        yield part
        if durable:
            _sync(part)
        part.replace(path)
        if durable:
            _sync_names(path.parent)
    except OSError as error:
        # Of another stream, that the caller writes to meanwhile: standard output.
        of_another = error.filename is not None and str(error.filename) != str(part)
        if of_another or isinstance(error, BrokenPipeError):
            raise
        raise cannot_be_written(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    if folder.is_file():
        raise OutputError(f"{folder}: expected a folder to write into; it is a file")
    folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def atomic_text(path: Path) -> Iterator[TextIO]:
    """A text file for `atomic_write`; UTF-8, line ends as they are written.

    Bytes of a file name that are no UTF-8 come as backslash escapes.

    Raises:
        OutputError: it cannot be written.
    """
    with (
        atomic_write(path) as part,
        part.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        yield file


def untaken(name: Path, taken: set[str], ending: str = "") -> Path:
    """A name with its ending, and with a number where `taken` has it already; it has it then.

    Names that differ in nothing but small and capital letters are one file on some systems.
    """
    path, number = name.with_name(name.name + ending), 1
    while (key := str(path).casefold()) in taken:
        number += 1
        path = name.with_name(f"{name.name}-{number}{ending}")
    taken.add(key)
    return path


def as_text(name: str) -> str:
    """A name that can be written as UTF-8, with backslash escapes as `atomic_text` has them."""
    return name.encode("utf-8", "backslashreplace").decode()


def json_text(value: Any, **options: Any) -> str:
    """Plain values as `json.dumps` writes them, with file names as `atomic_text` has them.

    Half of a surrogate pair, which stands for a byte of a name that is no UTF-8, is no JSON that
    others read.
    """
    text = json.dumps(value, **options)
    return json.dumps(_escaped(value), **options) if r"\ud" in text else text


def _escaped(value: Any) -> Any:
    """Plain values whose texts can all be written as UTF-8."""
    if isinstance(value, str):
        return as_text(value)
    if isinstance(value, Mapping):
        return {_escaped(key): _escaped(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(one) for one in value]
    return value


def write_text(path: Path, text: str) -> None:
    """Write a text file by `atomic_text`, which tells the errors, too."""
    with atomic_text(path) as file:
        file.write(text)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file by `atomic_write`, and bring it to the disk.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_write(path, durable=True) as part:
        part.write_bytes(content)


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) uint8 RGB by `atomic_write`: as JPEG where the name ends so, else as PNG.

    Raises:
        OutputError: it cannot be written.
    """
    from PIL import Image as PILImage

    with atomic_write(path) as part:
        if path.suffix.lower() in JPEG_SUFFIXES:
            PILImage.fromarray(image).save(part, "JPEG", quality=JPEG_QUALITY)
        else:
            PILImage.fromarray(image).save(part, "PNG")


@contextmanager
def alone(folder: Path, what: str) -> Iterator[None]:
    """Keep others on this machine that do the same away from a folder while the body works in it.

    The folder is made where it is missing, and then removed where nothing came of it. It holds
    `LOCK` meanwhile, which a process that is killed leaves, and which then holds nobody up.

    Args:
        folder: where the body writes.
        what: the command, for the message.
    Raises:
        OutputError: another is at work in it, or it cannot be written to.
    """
    with writing(folder):
        made = not folder.exists()
        _make_folder(folder)
    try:
        # Windows locks otherwise.
        with nullcontext() if os.name == "nt" else _locked(folder, what):
            yield
    finally:
        if made:
            with suppress(OSError):
                folder.rmdir()  # where nothing came of it


@contextmanager
def _locked(folder: Path, what: str) -> Iterator[None]:
    import fcntl

    path = folder / LOCK
    with writing(folder):
        file = path.open("a")  # it may be of others, who hold something in it
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino
        except BlockingIOError:
            free = False
        except OSError:  # a network's file system without locks
            free = True
        if not free:
            raise OutputError(f"{folder}: another `{what}` is at work in it")
        try:
            yield
        finally:
            with suppress(OSError):
                if not os.fstat(file.fileno()).st_size:
                    path.unlink()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of the disk into ours.

    Raises:
        OutputError: the body raised an OSError; the message begins with `path`.
    """
    try:
        yield
    except OSError as error:
        raise cannot_be_written(path, error) from error


def cannot_be_written(path: Path, error: OSError) -> OutputError:
    """Our error for one of the disk."""
    return OutputError(f"{path}: cannot be written; {error.strerror or error}")


def _sync(path: Path) -> None:
    """Bring what a file holds to the disk."""
    with path.open("r+b") as file:  # Windows does so only with files that may be written
        os.fsync(file.fileno())


def _sync_names(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system and its file system know how to."""
    if os.name == "nt":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
