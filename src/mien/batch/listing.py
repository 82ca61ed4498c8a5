"""Sources as people name them -> files, one at a time and in a steady order.

The names of one folder are held at a time, so that memory does not grow with the archive.
"""

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from mien.batch.storage import absolute, filesystem, open_file, reason, scheme_of
from mien.errors import DataError
from mien.images import SUFFIXES as PICTURE_SUFFIXES

TAR_SUFFIXES: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PARQUET_SUFFIXES: Final = (".parquet", ".pq")
LIST_SUFFIXES: Final = (".txt", ".lst", ".list")
"""How the names of text files end that list sources, one a line."""

_PROGRAM_TEXT: Final = (".ts", ".mts")  # films to some, code to others: only where they are named


class Kind(StrEnum):
    """What a file is, by the end of its name."""

    PICTURE = "picture"
    TAR = "tar"
    PARQUET = "parquet"
    FILM = "film"


@dataclass(frozen=True)
class Found:
    """A file that is to be read.

    Attributes:
        kind: what it is.
        name: its full path, or its name in a store with the scheme in front.
        bytes: its size; 0 for pictures, which are not asked for it.
    """

    kind: Kind
    name: str
    bytes: int = 0


def find_files(sources: Iterable[str], *, not_in: str = "") -> Iterator[Found]:
    """The files that sources name; where there are several sources, each file once.

    Args:
        sources: files; folders, which are searched with all folders in them for pictures, tar
            archives, Parquet files and films; patterns such as `shards/*.tar`; text files that
            list sources, one a line, whose paths begin at the list's own folder; all of them on
            this machine or in an object store (`s3://bucket/folder`).
        not_in: a folder that is left out of every search: the data set's own.
    Yields:
        Files; those of a folder in the order of their names.
    Raises:
        DataError: a source does not exist, may not be read, or names nothing that can be read.
    """
    names = list(sources)
    apart = absolute(not_in).rstrip("/") if not_in else ""
    seen: set[bytes] = set()
    for source in names:
        count = 0
        for found in _expand(source, apart, in_list=False):
            count += 1
            if len(names) > 1 or _is_list(source):
                digest = hashlib.blake2b(_name_bytes(found.name), digest_size=12).digest()
                if digest in seen:
                    continue
                seen.add(digest)
            yield found
        if not count:
            raise DataError(
                f"{source}: expected pictures, tar archives, Parquet files or films; it names none"
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
    suffix = "." + lower.rpartition(".")[2]
    if suffix in PICTURE_SUFFIXES:
        return Kind.PICTURE
    from mien.video.frames import SUFFIXES as FILM_SUFFIXES

    return Kind.FILM if suffix in FILM_SUFFIXES else None


def _is_list(name: str) -> bool:
    return name.lower().endswith(LIST_SUFFIXES)


def _name_bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _expand(source: str, apart: str, *, in_list: bool) -> Iterator[Found]:
    if not source.strip():
        raise DataError("expected a file, a folder or a pattern; got an empty name")
    name = absolute(source)
    try:
        if scheme_of(name):
            yield from _expand_remote(name, apart, in_list)
        else:
            yield from _expand_local(name, source, apart, in_list)
    except DataError:
        raise
    # A store has errors of its own: missing credentials, for one, are no OSError in S3's.
    except Exception as error:
        raise DataError(f"{source}: cannot be read; {reason(error)}") from error


def _expand_local(name: str, source: str, apart: str, in_list: bool) -> Iterator[Found]:
    if os.path.isdir(name):  # noqa: PTH112  # Path.is_dir raises where a name is too long
        yield from _walk(name, apart)
    elif os.path.exists(name):  # noqa: PTH110
        yield from _named(name, in_list)
    elif glob.has_magic(name):
        # Path.glob refuses absolute patterns.
        matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207
        for match in matches:
            if os.path.isdir(match):  # noqa: PTH112
                if "**" not in name:  # which names what is in it one by one, too
                    yield from _walk(match, apart)
            elif not _inside(match, apart) and (kind := kind_of(match)):
                yield _local(kind, match)
    else:
        raise DataError(f"no such file or folder: {source}")


def _walk(folder: str, apart: str) -> Iterator[Found]:
    if apart and folder.rstrip("/") == apart:
        return
    with os.scandir(folder) as scanned:
        entries = sorted(scanned, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, apart)
        elif (kind := _searched(entry.name)) and entry.is_file():
            yield _local(kind, entry.path)


def _searched(name: str) -> Kind | None:
    kind = kind_of(name)
    return None if kind is Kind.FILM and name.lower().endswith(_PROGRAM_TEXT) else kind


def _local(kind: Kind, path: str) -> Found:
    return Found(kind, path, 0 if kind is Kind.PICTURE else Path(path).stat().st_size)


def _inside(name: str, folder: str) -> bool:
    return bool(folder) and name.startswith(folder + "/")


def _named(name: str, in_list: bool, size_bytes: int | None = None) -> Iterator[Found]:
    """A file that somebody named: it is what its name says, or an error."""
    kind = kind_of(name)
    if kind is not None:
        yield _local(kind, name) if size_bytes is None else Found(kind, name, size_bytes)
    elif _is_list(name) and not in_list:
        yield from _listed(name)
    else:
        raise DataError(
            f"{name}: expected a picture, a tar archive, a Parquet file, a film or a text file "
            f"with a source on each line ({', '.join(LIST_SUFFIXES)}); its name ends as none"
        )


def _listed(name: str) -> Iterator[Found]:
    """What a text file lists; blank lines and those that begin with # say nothing."""
    folder = name.rpartition("/")[0]
    with open_file(name, in_a_row=True) as file:
        for number, line in enumerate(file, start=1):
            text = line.decode("utf-8", "surrogateescape").strip()
            if not text or text.startswith("#"):
                continue
            if not scheme_of(text) and not Path(text).is_absolute():
                text = f"{folder}/{text}"
            try:
                yield from _expand(text, "", in_list=True)
            except DataError as error:
                raise DataError(f"{name}, line {number}: {error}") from error


def _expand_remote(name: str, apart: str, in_list: bool) -> Iterator[Found]:
    fs = filesystem(name)
    if glob.has_magic(name):
        for match in sorted(fs.glob(name)):
            found = fs.unstrip_protocol(match)
            if not _inside(found, apart) and (kind := kind_of(found)):
                yield Found(kind, found, int(fs.info(match).get("size") or 0))
        return
    try:
        info = fs.info(name.rstrip("/"))
    except FileNotFoundError:
        raise DataError(f"no such file or folder: {name}") from None
    if info["type"] == "directory":
        # Stores write one name in several ways: s3a:// for s3://, memory:// with a third slash.
        apart = fs.unstrip_protocol(fs._strip_protocol(apart)) if apart else ""
        yield from _walk_remote(fs, info["name"], apart)
        fs.invalidate_cache()
    else:
        yield from _named(name, in_list, int(info.get("size") or 0))


def _walk_remote(fs: Any, folder: str, apart: str) -> Iterator[Found]:
    for entry in sorted(fs.ls(folder, detail=True), key=lambda entry: entry["name"]):
        path = entry["name"]
        name = fs.unstrip_protocol(path)
        if entry["type"] == "directory":
            if path.rstrip("/") != folder.rstrip("/") and name.rstrip("/") != apart.rstrip("/"):
                yield from _walk_remote(fs, path, apart)
        elif kind := _searched(path):
            yield Found(kind, name, 0 if kind is Kind.PICTURE else int(entry["size"] or 0))
