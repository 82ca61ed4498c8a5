"""Sources as people name them -> files, one at a time and in a steady order.

The names of one folder are held at a time, so that memory does not grow with the archive.
"""

import codecs
import glob
import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Final

from mien.errors import DataError
from mien.recognize.batch.storage import absolute, filesystem, open_file, reason, scheme_of
from mien.recognize.images import is_image_name
from mien.recognize.sources import VIDEO_SUFFIXES, LeftOut, ending_hint, files_below

TAR_SUFFIXES: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PARQUET_SUFFIXES: Final = (".parquet", ".pq")
LIST_SUFFIXES: Final = (".txt", ".lst", ".list")
"""How the names of text files end that list sources, one a line."""

_PROGRAM_TEXT: Final = (".ts", ".mts")  # videos to some, code to others: only where they are named


class Kind(StrEnum):
    """What a file is, by the end of its name."""

    IMAGE = "image"
    TAR = "tar"
    PARQUET = "parquet"
    VIDEO = "video"


@dataclass(frozen=True)
class Found:
    """A file that is to be read.

    Attributes:
        kind: what it is.
        name: its full path, or its name in a store with the scheme in front.
        bytes: its size; 0 for images, which are not asked for it.
        error: why it cannot be read, where that is known already.
    """

    kind: Kind
    name: str
    bytes: int = 0
    error: str = ""


@dataclass(frozen=True)
class _Search:
    apart: str
    """A folder that is left out, in full; or empty."""

    left_out: LeftOut


def find_files(
    sources: Iterable[str], *, not_in: str = "", left_out: LeftOut | None = None
) -> Iterator[Found]:
    """The files that sources name; where there are several sources, each file once.

    Args:
        sources: files; folders, which are searched with all folders in them for images, tar
            archives, Parquet files and videos; patterns such as `shards/*.tar`; text files that
            list sources, one a line, whose paths begin at the list's own folder; all of them on
            this machine or in an object store (`s3://bucket/folder`).
        not_in: a folder that is left out of every search: the data set's own.
        left_out: is told of each file that a search comes by and that cannot be read.
    Yields:
        Files; those of a folder in the order of their names. A line of a list that names nothing
        is one, with the error.
    Raises:
        DataError: a source does not exist, may not be read, or names nothing that can be read.
    """
    names = list(sources)
    apart = absolute(not_in).rstrip("/") if not_in else ""
    search = _Search(apart, LeftOut() if left_out is None else left_out)
    seen: set[bytes] = set()
    for source in names:
        count = 0
        for found in _expand(source, search, in_list=False):
            count += 1
            if len(names) > 1 or _is_list(source):
                digest = hashlib.blake2b(_name_bytes(found.name), digest_size=12).digest()
                if digest in seen:
                    continue
                seen.add(digest)
            yield found
        if not count:
            raise DataError(
                f"{source}: expected images, tar archives, Parquet files or videos; it names none"
                + (f". {search.left_out}" if search.left_out else "")
            )


def kind_of(name: str) -> Kind | None:
    """What a file is by its name; None if it is nothing that can be read."""
    lower = name.rsplit("/", 1)[-1].lower()
    if lower.startswith("._"):  # what macOS leaves beside each file on foreign disks
        return None
    if lower.endswith(TAR_SUFFIXES):
        return Kind.TAR
    if lower.endswith(PARQUET_SUFFIXES):
        return Kind.PARQUET
    if is_image_name(lower):
        return Kind.IMAGE
    return Kind.VIDEO if "." + lower.rpartition(".")[2] in VIDEO_SUFFIXES else None


def _is_list(name: str) -> bool:
    return name.lower().endswith(LIST_SUFFIXES)


def _name_bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _expand(source: str, search: _Search, *, in_list: bool) -> Iterator[Found]:
    if not source.strip():
        raise DataError("expected a file, a folder or a pattern; got an empty name")
    name = absolute(source)
    try:
        if scheme_of(name):
            yield from _expand_remote(name, search, in_list)
        else:
            yield from _expand_local(name, source, search, in_list)
    except DataError:
        raise
    # A store has errors of its own: missing credentials, for one, are no OSError in S3's.
    except Exception as error:
        raise DataError(f"{source}: cannot be read; {reason(error)}") from error


def _expand_local(name: str, source: str, search: _Search, in_list: bool) -> Iterator[Found]:
    if os.path.isdir(name):  # noqa: PTH112  # Path.is_dir raises where a name is too long
        yield from _walk(name, search)
    elif os.path.exists(name):  # noqa: PTH110
        yield from _named(name, search, in_list)
    elif glob.has_magic(name):
        # Path.glob refuses absolute patterns.
        matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207
        if in_list and not matches:
            raise DataError(f"no file matches {source}")
        for match in matches:
            if os.path.isdir(match):  # noqa: PTH112
                if "**" not in name:  # which names what is in it one by one, too
                    yield from _walk(match, search)
            elif not _inside(match, search.apart):
                if kind := kind_of(match):
                    yield _local(kind, match)
                else:
                    search.left_out.add(match)
    elif in_list and kind_of(name) is Kind.IMAGE:
        yield Found(Kind.IMAGE, name)  # that it is missing is said in its place
    else:
        raise DataError(f"no such file or folder: {source}")


def _walk(folder: str, search: _Search) -> Iterator[Found]:
    if search.apart and folder.rstrip("/") == search.apart:
        return
    for entry in files_below(folder, search.apart):
        if (kind := _searched(entry.name)) and entry.is_file():
            yield _local(kind, entry.path)
        else:
            search.left_out.add_entry(entry)


def _searched(name: str) -> Kind | None:
    kind = kind_of(name)
    return None if kind is Kind.VIDEO and name.lower().endswith(_PROGRAM_TEXT) else kind


def _local(kind: Kind, path: str) -> Found:
    return Found(kind, path, 0 if kind is Kind.IMAGE else Path(path).stat().st_size)


def _inside(name: str, folder: str) -> bool:
    return bool(folder) and name.startswith(folder + "/")


def _named(
    name: str, search: _Search, in_list: bool, size_bytes: int | None = None
) -> Iterator[Found]:
    """A file that somebody named: it is what its name says, or an error."""
    kind = kind_of(name)
    if kind is not None:
        yield _local(kind, name) if size_bytes is None else Found(kind, name, size_bytes)
    elif _is_list(name) and not in_list:
        yield from _listed(name, search)
    else:
        raise DataError(
            f"{name}: expected an image, a tar archive, a Parquet file, a video or a text file "
            f"with a source on each line ({', '.join(LIST_SUFFIXES)}); its name ends as none"
            + (f": {hint}" if (hint := ending_hint(name)) else "")
        )


def _listed(name: str, search: _Search) -> Iterator[Found]:
    """What a text file lists; blank lines and those that begin with # say nothing."""
    folder = name.rpartition("/")[0]
    with open_file(name, in_a_row=True) as file:
        for number, line in enumerate(_lines(file), start=1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            try:
                if not scheme_of(text) and not Path(text).is_absolute():
                    text = f"{folder}/{text}"
                yield from _expand(text, search, in_list=True)
            except DataError as error:  # one of a million must not stop the others
                yield Found(Kind.IMAGE, text, error=f"{name}, line {number}: {error}")


def _lines(file: BinaryIO) -> Iterator[str]:
    """The lines of a text file in UTF-8, or in UTF-16 as PowerShell writes them."""
    begin = file.read(2)
    file.seek(0)
    encoding = "utf-16" if begin in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    with io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape") as text:
        yield from text


def _expand_remote(name: str, search: _Search, in_list: bool) -> Iterator[Found]:
    fs = filesystem(name)
    # Stores write one name in several ways: s3a:// for s3://, memory:// with a third slash.
    apart = fs.unstrip_protocol(fs._strip_protocol(search.apart)) if search.apart else ""
    search = _Search(apart, search.left_out)
    if glob.has_magic(name):
        matches = fs.glob(name, detail=True)
        if in_list and not matches:
            raise DataError(f"no file matches {name}")
        for match, info in sorted(matches.items()):
            found = fs.unstrip_protocol(match)
            if info["type"] == "directory":
                if "**" not in name and found.rstrip("/") != apart:
                    yield from _walk_remote(fs, match, search)
            elif _inside(found, apart):
                continue
            elif kind := kind_of(found):
                yield Found(kind, found, int(info.get("size") or 0))
            else:
                search.left_out.add(found)
        return
    if in_list and kind_of(name) is Kind.IMAGE:
        yield Found(Kind.IMAGE, name)  # as it may be missing: each question takes a while
        return
    try:
        info = fs.info(name.rstrip("/"))
    except FileNotFoundError:
        raise DataError(f"no such file or folder: {name}") from None
    if info["type"] == "directory":
        yield from _walk_remote(fs, info["name"], search)
        fs.invalidate_cache()
    else:
        yield from _named(name, search, in_list, int(info.get("size") or 0))


def _walk_remote(fs: Any, folder: str, search: _Search) -> Iterator[Found]:
    for entry in sorted(fs.ls(folder, detail=True), key=lambda entry: entry["name"]):
        path = entry["name"]
        name = fs.unstrip_protocol(path)
        if entry["type"] == "directory":
            itself = path.rstrip("/") == folder.rstrip("/")
            if not itself and name.rstrip("/") != search.apart.rstrip("/"):
                yield from _walk_remote(fs, path, search)
        elif kind := _searched(path):
            yield Found(kind, name, 0 if kind is Kind.IMAGE else int(entry["size"] or 0))
        else:
            search.left_out.add(path)
