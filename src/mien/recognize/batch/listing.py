"""Sources as people name them -> files, one at a time and in a steady order.

The names of one folder are held at a time, so that memory does not grow with the archive.
"""

import codecs
import glob
import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from mien.errors import DataError
from mien.recognize.batch.storage import absolute, beside, filesystem, open_file, reason, scheme_of
from mien.recognize.images import is_image_name
from mien.recognize.sources import NO_NAME, VIDEO_SUFFIXES, LeftOut, ending_hint, files_below

TAR_SUFFIXES: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PARQUET_SUFFIXES: Final = (".parquet", ".pq")
LIST_SUFFIXES: Final = (".txt", ".lst", ".list")
_PROGRAM_TEXT: Final = (".ts", ".mts")  # videos to some, code to others: only where they are named


class Kind(StrEnum):
    """What a file is, by the end of its name."""

    IMAGE = "image"
    TAR = "tar"
    PARQUET = "parquet"
    VIDEO = "video"


class Found(NamedTuple):
    """A file that is to be read."""

    kind: Kind
    name: str  # its full path, or its name in a store with the scheme in front
    bytes: int = 0  # of images, which are not asked for it, too
    error: str = ""  # why it cannot be read, where that is known already


class _Search(NamedTuple):
    apart: str  # a folder that is left out, in full; or empty
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
                name = found.name.encode("utf-8", "surrogateescape")
                digest = hashlib.blake2b(name, digest_size=12).digest()
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


def _expand(source: str, search: _Search, *, in_list: bool) -> Iterator[Found]:
    if not source.strip():
        raise DataError(NO_NAME)
    name = absolute(source)
    try:
        yield from _expand_name(name, source, search, in_list)
    except DataError:
        raise
    # A store has errors of its own: missing credentials, for one, are no OSError in S3's.
    except Exception as error:
        raise DataError(f"{source}: cannot be read; {reason(error)}") from error


def _expand_name(name: str, source: str, search: _Search, in_list: bool) -> Iterator[Found]:
    fs = filesystem(name) if scheme_of(name) else None
    if fs is not None and search.apart:
        # Stores write one name in several ways: s3a:// for s3://, memory:// with a third slash.
        search = search._replace(apart=fs.unstrip_protocol(fs._strip_protocol(search.apart)))
    is_there = fs is None and os.path.exists(name)  # noqa: PTH110  # Path raises where it is long
    if glob.has_magic(name) and not is_there:
        matches = _matches(fs, name)
        if in_list and not matches:
            raise DataError(f"no file matches {source}")
        for match, is_folder, size in matches:
            if is_folder:
                if "**" not in name:  # which names what is in it one by one, too
                    yield from _walk(fs, match, search)
            elif search.apart and match.startswith(search.apart + "/"):
                continue
            elif kind := kind_of(match):
                yield _found(kind, match, size)
            else:
                search.left_out.add(match)
    elif in_list and kind_of(name) is Kind.IMAGE and not is_there:
        # That it is missing is said in its place; to ask a store for each takes a while.
        yield Found(Kind.IMAGE, name)
    elif fs is None:
        if not is_there:
            raise DataError(f"no such file or folder: {source}")
        is_folder = os.path.isdir(name)  # noqa: PTH112
        yield from _walk(fs, name, search) if is_folder else _named(name, search, in_list)
    else:
        try:
            info = fs.info(name.rstrip("/"))
        except FileNotFoundError:
            raise DataError(f"no such file or folder: {name}") from None
        if info["type"] == "directory":
            yield from _walk(fs, fs.unstrip_protocol(info["name"]), search)
            fs.invalidate_cache()
        else:
            yield from _named(name, search, in_list, int(info.get("size") or 0))


def _matches(fs: Any, pattern: str) -> list[tuple[str, bool, int | None]]:
    """Name, whether it is a folder, and size, where that is known, of what a pattern matches."""
    if fs is None:  # Path.glob refuses absolute patterns
        names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
        return [(name, os.path.isdir(name), None) for name in names]  # noqa: PTH112
    return [
        (fs.unstrip_protocol(name), info["type"] == "directory", int(info.get("size") or 0))
        for name, info in sorted(fs.glob(pattern, detail=True).items())
    ]


def _walk(fs: Any, folder: str, search: _Search) -> Iterator[Found]:
    """What is in a folder and in those below."""
    if search.apart and folder.rstrip("/") == search.apart.rstrip("/"):
        return
    if fs is None:
        for entry in files_below(folder, search.apart):
            if (kind := _searched(entry.name)) and entry.is_file():
                yield _found(kind, entry.path)
            else:
                search.left_out.add_entry(entry)
        return
    for info in sorted(fs.ls(folder, detail=True), key=lambda info: info["name"]):
        name = fs.unstrip_protocol(info["name"])
        if info["type"] == "directory":
            if name.rstrip("/") != folder.rstrip("/"):  # some stores list a folder in itself
                yield from _walk(fs, name, search)
        elif kind := _searched(name):
            yield _found(kind, name, int(info["size"] or 0))
        else:
            search.left_out.add(name)


def _searched(name: str) -> Kind | None:
    kind = kind_of(name)
    return None if kind is Kind.VIDEO and name.lower().endswith(_PROGRAM_TEXT) else kind


def _found(kind: Kind, name: str, size: int | None = None) -> Found:
    if kind is Kind.IMAGE:
        return Found(kind, name)
    return Found(kind, name, Path(name).stat().st_size if size is None else size)


def _named(name: str, search: _Search, in_list: bool, size: int | None = None) -> Iterator[Found]:
    """A file that somebody named: it is what its name says, or an error."""
    if kind := kind_of(name):
        yield _found(kind, name, size)
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
    with open_file(name, in_a_row=True) as file:
        # UTF-8, or UTF-16 as PowerShell writes it.
        is_wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        file.seek(0)
        encoding = "utf-16" if is_wide else "utf-8-sig"
        with io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape") as lines:
            for number, line in enumerate(lines, start=1):
                text = line.strip()
                if not text or text.startswith("#"):
                    continue
                text = beside(text, name.rpartition("/")[0])
                try:
                    yield from _expand(text, search, in_list=True)
                except DataError as error:  # one of a million must not stop the others
                    yield Found(Kind.IMAGE, text, error=f"{name}, line {number}: {error}")
