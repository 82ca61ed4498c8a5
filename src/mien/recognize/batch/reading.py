"""A shard -> its images, one after the other; what cannot be read is one of them, with an error.

Files are read ahead of the work by a thread, those of a store by several, up to a bound in bytes.
"""

import bz2
import gzip
import io
import lzma
import re
import tarfile
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Final, cast

from mien.errors import DataError, MienError
from mien.output.records import where
from mien.readings import Image
from mien.recognize.batch.listing import Kind
from mien.recognize.batch.parquet import image_rows
from mien.recognize.batch.plan import Shard
from mien.recognize.batch.storage import local_copy, open_file, read_bytes, reason, scheme_of
from mien.recognize.images import is_image_name
from mien.recognize.sources import LeftOut

MOST_MEMBER_BYTES: Final = 1_000_000_000
"""Larger members of a tar archive are no images that could be read."""

_AHEAD_BYTES: Final = 32_000_000
_AHEAD_ITEMS: Final = 64
_FETCHES: Final = 8  # of a store at once: each takes a while, most of it waiting
_TAR_BLOCK_BYTES: Final = 1 << 20
_XZ: Final = b"\xfd7zXZ\x00"
_LZMA: Final = b"\x5d\x00\x00"
# Up to the first dot of the file's own name, as WebDataset cuts names.
_KEY: Final = re.compile(r"^((?:.*/|)[^.]+)[.]([^/]*)$")


@dataclass(frozen=True)
class Item:
    """One image of a shard, or of a video one frame.

    Attributes:
        source: full name of the file that it is, or is in.
        content: the bytes of its file, or (H, W, 3) uint8 RGB, or why there is neither.
        key: of the sample in a WebDataset archive: its name without all extensions.
        member: its name within the source.
        row: its number within the source, from 0: of images in an archive, of rows in Parquet.
        frame: its number in a video.
        time_s: when that is shown.
    """

    source: str
    content: bytes | Image | MienError
    key: str | None = None
    member: str | None = None
    row: int | None = None
    frame: int | None = None
    time_s: float | None = None

    @property
    def where(self) -> str:
        """How messages call it."""
        return where(self.source, self.member, self.row)


def items(
    shard: Shard, every_s: float | None = None, left_out: LeftOut | None = None
) -> Iterator[Item]:
    """The images of a shard, in order.

    Args:
        shard: of a plan.
        every_s: of videos: only the first frame at or after each multiple of it.
        left_out: is told of the files in archives that are no images; whole at the end.
    Yields:
        Images. Where a file is damaged or cannot be read, those before, then one with the error.
    """
    if shard.error:
        yield Item(shard.files[0], DataError(shard.error, kind=shard.error_kind or None))
    elif shard.kind is Kind.VIDEO:
        yield from _frames(shard.files[0], every_s)
    elif shard.kind is Kind.TAR:
        yield from _ahead(_members(shard, LeftOut() if left_out is None else left_out))
    else:
        yield from _ahead({Kind.IMAGE: _images, Kind.PARQUET: _rows}[shard.kind](shard))


def _images(shard: Shard) -> Iterator[Item]:
    if not scheme_of(shard.files[0]):
        for name in shard.files:
            yield Item(name, _content(name))
        return
    names = iter(shard.files)
    with ThreadPoolExecutor(_FETCHES, thread_name_prefix="mien-fetch") as pool:
        waiting: deque[tuple[str, Future[bytes | MienError]]] = deque()
        for name in names:
            waiting.append((name, pool.submit(_content, name)))
            if len(waiting) > _FETCHES:
                first, future = waiting.popleft()
                yield Item(first, future.result())
        for name, future in waiting:
            yield Item(name, future.result())


def _content(name: str) -> bytes | MienError:
    try:
        return read_bytes(name)
    except DataError as error:
        return error


def _members(shard: Shard, left_out: LeftOut) -> Iterator[Item]:
    source = shard.files[0]
    row = 0
    try:
        with open_file(source, in_a_row=True) as file:
            tape = _Tape(file)
            tar = tarfile.TarFile(fileobj=tape)  # type: ignore[arg-type]
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # all the names
                if not member.isfile() or not is_image_name(member.name):
                    if member.isfile():
                        left_out.add(member.name)
                    elif not member.isdir():
                        left_out["links in archives"] += 1
                    continue
                item = partial(Item, source, key=_key(member.name), member=member.name, row=row)
                if member.size > MOST_MEMBER_BYTES:
                    error = DataError(
                        f"expected an image; it has {member.size:,} bytes",
                        source=f"{source}, {member.name}",
                        kind="image too large",
                        limit=MOST_MEMBER_BYTES,
                    )
                    row += 1
                    yield item(error)
                    continue
                opened = tar.extractfile(member)
                content = opened.read() if opened else b""
                if len(content) < member.size:  # which tarfile passes over
                    raise tarfile.ReadError(f"{member.name} is not all there")
                row += 1
                yield item(content)
            if not tape.stopped_at_end:
                raise tarfile.ReadError("its last blocks, which mark the end, are missing")
    except MienError as unreadable:
        yield Item(source, unreadable)
    # A cut or damaged archive makes tarfile and the decompressors raise nearly anything.
    except Exception as cause:
        text = f"the archive is damaged or cut short after {row} images; {reason(cause)}"
        yield Item(source, DataError(text, source=source, kind="damaged or cut archive"))


class _Tape:
    """The unpacked bytes of an archive for `tarfile`, in a row; it knows where that stopped.

    `tarfile` does not tell an archive's last blocks, which are zeros, from one that was cut between
    two members.
    """

    def __init__(self, file: BinaryIO) -> None:
        packed = io.BufferedReader(cast(io.RawIOBase, file), _TAR_BLOCK_BYTES)
        head = packed.peek(len(_XZ))
        self._file: Any = packed
        if head.startswith(b"\x1f\x8b"):
            self._file = gzip.GzipFile(fileobj=packed)
        elif head.startswith(b"BZh"):
            self._file = bz2.BZ2File(packed)
        elif head.startswith((_XZ, _LZMA)):
            self._file = lzma.LZMAFile(packed)  # noqa: SIM115
        self._position = 0
        self._last = b""

    @property
    def stopped_at_end(self) -> bool:
        """Whether what was read last is a block of zeros."""
        return len(self._last) >= tarfile.BLOCKSIZE and not any(self._last[-tarfile.BLOCKSIZE :])

    def tell(self) -> int:
        return self._position

    def read(self, size: int) -> bytes:
        self._last = self._file.read(size)
        self._position += len(self._last)
        return self._last

    def seek(self, position: int) -> None:
        """Go forward; `tarfile` never goes back when members are read in their order."""
        if position < self._position:
            raise tarfile.StreamError("an archive is read from its begin to its end")
        while self._position < position and self.read(min(position - self._position, 1 << 20)):
            pass


def _key(name: str) -> str:
    found = _KEY.match(name)
    return found[1] if found else name.rpartition(".")[0]


def _rows(shard: Shard) -> Iterator[Item]:
    source = shard.files[0]
    count = 0
    try:
        with open_file(source, in_a_row=False) as file:
            rows = image_rows(file, shard.column, shard.row_groups, shard.skip, shard.rows)
            for row, content, path in rows:
                count += 1
                if content is None:
                    named = f"; it names {path}" if path else ""
                    error = DataError(
                        f"expected the bytes of an image; there are none{named}",
                        source=f"{source}, row {row}",
                        kind="Parquet row without an image",
                    )
                    yield Item(source, error, member=path, row=row)
                else:
                    yield Item(source, content, member=path, row=row)
        if count != shard.rows:
            raise DataError(f"it has changed since the work was planned: {count} rows are left")
    except Exception as cause:  # as in `_members`
        text = f"the Parquet file is damaged after {count} of {shard.rows} images; {reason(cause)}"
        yield Item(source, DataError(text, source=source, kind="damaged Parquet file"))


def _frames(source: str, every_s: float | None) -> Iterator[Item]:
    from mien.recognize.video.frames import frames

    try:
        with local_copy(source) as path, closing(frames(path, every_s=every_s)) as found:  # type: ignore[type-var]
            for frame in found:
                yield Item(source, frame.image, frame=frame.index, time_s=frame.time_s)
    except MienError as error:
        yield Item(source, error)


def _ahead(produced: Iterator[Item]) -> Iterator[Item]:
    """What `produced` yields, made by a thread that runs ahead, within bounds."""
    waiting: deque[tuple[Item, int]] = deque()
    changed = threading.Condition()
    state: dict[str, Any] = {"bytes": 0, "ended": False, "stopped": False, "error": None}

    def run() -> None:
        try:
            with closing(produced):  # type: ignore[type-var]
                for item in produced:
                    size = len(item.content) if isinstance(item.content, bytes) else 0
                    with changed:
                        changed.wait_for(lambda size=size: state["stopped"] or _fits(size))  # type: ignore[misc]
                        if state["stopped"]:
                            return
                        waiting.append((item, size))
                        state["bytes"] += size
                        changed.notify_all()
        except BaseException as error:  # is raised where the items are taken
            state["error"] = error
        finally:
            with changed:
                state["ended"] = True
                changed.notify_all()

    def _fits(size: int) -> bool:
        if not waiting:
            return True  # one larger than the bound must pass, too
        return len(waiting) < _AHEAD_ITEMS and state["bytes"] + size <= _AHEAD_BYTES

    thread = threading.Thread(target=run, name="mien-ahead", daemon=True)
    thread.start()
    try:
        while True:
            with changed:
                changed.wait_for(lambda: waiting or state["ended"])
                if not waiting:
                    break
                item, size = waiting.popleft()
                state["bytes"] -= size
                changed.notify_all()
            yield item
        if state["error"] is not None:
            raise state["error"]
    finally:
        with changed:
            state["stopped"] = True
            changed.notify_all()
        thread.join(timeout=5.0)
