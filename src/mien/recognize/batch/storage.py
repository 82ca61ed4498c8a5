"""Files and folders of this machine and of object stores: the only place that knows fsspec.

A name with `SCHEME://` in front is one of a store, all others are paths of this machine. What
cannot be read is a DataError, what cannot be written or belongs to a data set an OutputError.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from mien.errors import DataError, ErrorKind, MienError, OutputError, needs_extra
from mien.output.files import atomic_write, shared_part_name

OBJECT_STORES: Final = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss"})
"""Schemes of stores in which an object appears whole or not at all."""

_PACKAGES: Final = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("abfs", "abfss", "az", "adl"), "adlfs"),
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
    "oss": "ossfs",
    "hf": "huggingface_hub",
}
_NOT_FETCHED: Final = ("http", "https", "ftp")
_ARCHIVES: Final = ("zip", "tar")  # to fsspec, of a file that is told apart from the name
_LOCAL: Final = ("file", "local")
_SCHEME: Final = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_BLOCK_BYTES: Final = 8_000_000  # that are asked of a store at once, where a file is read in a row


def scheme_of(name: str) -> str:
    """The scheme in front of a name of a store, in lower case; empty for a path of this machine.

    Raises:
        DataError: it is the address of a web page, which nobody should fetch by accident.
    """
    found = _SCHEME.match(name)
    scheme = found[1].lower() if found else ""
    if scheme in _NOT_FETCHED:
        raise DataError(
            f"{name}: expected a path or an object store, such as s3://bucket/folder; nothing is "
            "fetched from web addresses"
        )
    return "" if scheme in _LOCAL else scheme


def absolute(name: str) -> str:
    """A name that means the same from every folder; of a store, as it is."""
    if scheme_of(name):
        return name
    return _without_parents(Path(_SCHEME.sub("", name)).absolute())


def _without_parents(path: Path) -> str:
    """A path without `..`, so that a file has one name; behind a link to a folder it stays."""
    if ".." not in path.parts:
        return str(path)
    end = len(path.parts) - path.parts[::-1].index("..")
    above, others = Path(*path.parts[:end]), path.parts[end:]
    plain = os.path.normpath(above)
    with suppress(OSError, ValueError):  # ValueError: a null byte
        if above.samefile(plain):
            return str(Path(plain, *others))
    return str(path)


def beside(name: str, folder: str) -> str:
    """A name that begins at a folder, unless it says itself where it begins."""
    whole = _SCHEME.match(name) or Path(name).is_absolute()
    return name if whole else f"{folder}/{name}"


def filesystem(name: str) -> Any:
    """The fsspec file system of a name with a scheme.

    Raises:
        DataError: the scheme is unknown, the package that knows it is not installed, or it tells
            too little: that of an archive, for one.
        MissingExtraError: fsspec is not installed.
    """
    scheme = scheme_of(name)
    with needs_extra("batch", f"{scheme}://"):
        import fsspec
    try:
        return fsspec.filesystem(scheme)
    except ImportError as error:
        wanted = f"pip install {_PACKAGES[scheme]}" if scheme in _PACKAGES else str(error)
        raise DataError(
            f"{name}: {scheme}:// needs a package that is not installed: {wanted}"
        ) from error
    # A file system may lack what a scheme cannot tell, and says so in an error of its own.
    except Exception as error:
        is_archive = scheme in _ARCHIVES
        why = "name a tar archive by its path, and unpack others" if is_archive else str(error)
        raise DataError(
            f"{name}: expected a path or an object store, such as s3://bucket/folder; {why}"
        ) from error


def reason(error: BaseException) -> str:
    """Why a file could not be read or written, without its name."""
    if isinstance(error, PermissionError):
        return f"no right to it ({error.strerror or error})"
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def read_bytes(name: str) -> bytes:
    """The content of a file."""
    with _reading(name):
        if scheme_of(name):
            return cast(bytes, filesystem(name).cat_file(name))
        return Path(name).read_bytes()


@contextmanager
def open_file(name: str, *, in_a_row: bool) -> Iterator[BinaryIO]:
    """A file that is open for reading.

    Args:
        name: of the file.
        in_a_row: it is read from its begin to its end, not here and there.
    Raises:
        DataError: it cannot be opened. Errors while it is read are those of the store.
    """
    with _reading(name):
        if scheme_of(name):
            cache = {"cache_type": "readahead", "block_size": _BLOCK_BYTES} if in_a_row else {}
            file = filesystem(name).open(name, "rb", **cache)
        else:
            file = Path(name).open("rb")  # noqa: SIM115
    with file:
        yield file


@contextmanager
def local_copy(name: str) -> Iterator[Path]:
    """A path of this machine with the content of a file; of a store, while it is needed."""
    if not scheme_of(name):
        yield Path(name)
        return
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        path = Path(folder) / (name.rsplit("/", 1)[-1] or "file")
        with _reading(name):
            filesystem(name).get_file(name, str(path))
        yield path


class Folder:
    """A folder that is written to: every file of it appears whole, or not at all.

    Args:
        name: a path, or a name with a scheme.
    Raises:
        DataError: the scheme is unknown, or the package that knows it is not installed.
    """

    def __init__(self, name: str) -> None:
        self.name = absolute(name).rstrip("/") or "/"
        self.scheme = scheme_of(name)
        self._fs = filesystem(name) if self.scheme else None  # to import fsspec takes .1 s

    def path(self, name: str) -> str:
        """The full name of a file in it."""
        return f"{self.name}/{name}"

    def names(self, inside: str = "") -> list[str]:
        """What is in it, or in a folder in it, folders too; empty where there is none."""
        folder = self.path(inside) if inside else self.name
        if not self.scheme and os.path.isfile(folder):  # noqa: PTH113  # as in `listing`
            raise OutputError(f"{folder}: expected a folder to write into; it is a file")
        with writing(folder, "read"), suppress(FileNotFoundError):
            if self._fs is None:
                return os.listdir(folder)  # noqa: PTH208
            self._fs.invalidate_cache()
            itself = self._fs._strip_protocol(folder).rstrip("/")  # which some stores list, too
            paths = [path.rstrip("/") for path in self._fs.ls(folder, detail=False)]
            return [path.rsplit("/", 1)[-1] for path in paths if path != itself]
        return []

    def read(self, name: str) -> bytes | None:
        """The content of a file in it; None where there is none."""
        with writing(self.path(name), "read"), suppress(FileNotFoundError):
            if self._fs is None:
                return Path(self.path(name)).read_bytes()
            return cast(bytes, self._fs.cat_file(self.path(name)))
        return None

    @contextmanager
    def new_file(self, name: str) -> Iterator[Path]:
        """A path to write to; the file has its name in the folder once the body has ended.

        An error in the body leaves no trace, and is raised as it is. Of the same name written
        twice, the last stays.
        """
        target = self.path(name)
        if self._fs is None:
            with atomic_write(Path(target), durable=True, shared=True) as part:
                yield part
            return
        with tempfile.TemporaryDirectory(prefix="mien-") as scratch:
            partial = Path(scratch) / Path(target).name
            yield partial
            with writing(target):
                if self.scheme in OBJECT_STORES or self.scheme == "memory":
                    self._fs.put_file(str(partial), target)
                    return
                self._fs.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
                uploaded = shared_part_name(target)
                self._fs.put_file(str(partial), uploaded)
                self._fs.mv(uploaded, target)

    def write(self, name: str, content: bytes) -> None:
        """Write a file."""
        with self.new_file(name) as path, writing(self.path(name)):
            path.write_bytes(content)

    def remove(self, name: str) -> None:
        """Remove a file in it; one that is not there is no error."""
        with writing(self.path(name)), suppress(FileNotFoundError):
            if self._fs is None:
                Path(self.path(name)).unlink()
            else:
                self._fs.rm_file(self.path(name))


# Each store raises errors of its own: missing credentials, for one, are no OSError in S3's.
@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except MienError:
        raise
    except Exception as error:
        kind: ErrorKind = "file that cannot be read"
        if isinstance(error, PermissionError):
            kind = "no right to read it"
        elif isinstance(error, FileNotFoundError):
            kind = "missing file"
        raise DataError(f"cannot be read; {reason(error)}", source=name, kind=kind) from error


@contextmanager
def writing(name: str, done: str = "written") -> Iterator[None]:
    """Turn errors of a disk or a store into ours."""
    try:
        yield
    except MienError:
        raise
    except Exception as error:
        gone = isinstance(error, FileNotFoundError)
        why = "no such folder or bucket" if gone else reason(error)
        raise OutputError(f"{name}: cannot be {done}; {why}") from error
