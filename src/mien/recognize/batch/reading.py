"""A shard -> its images, one after the other; what cannot be read is one of them, with an error.

Files are read ahead of the work by a thread, those of a store by several, up to a bound in bytes.
"""

import bz2
import gzip
import io
import lzma
import re
import tarfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, Final, cast

from mien.errors import DataError, MienError, counted
from mien.output.records import where
from mien.readings import Image
from mien.recognize.batch.listing import Kind
from mien.recognize.batch.plan import Shard
from mien.recognize.batch.storage import local_copy, open_file, read_bytes, reason, scheme_of
from mien.recognize.images import is_image_name
from mien.recognize.sources import LeftOut

MOST_MEMBER_BYTES: Final = 1_000_000_000
"""Larger members of a tar archive are no images that could be read."""

_BATCH_ROWS: Final = 32  # of Parquet
_BUFFER_BYTES: Final = 1 << 20  # a column chunk is read in such pieces, not as a whole
_CHUNK_BYTES: Final = 16_000_000  # that a thread reads while the last chunk is worked on
_CHUNK_ITEMS: Final = 32
_FETCHES: Final = 8  # of a store at once: each takes a while, most of it waiting
_TAR_BLOCK_BYTES: Final = 1 << 20
# How a packed archive begins, and what unpacks it.
_PACKED: Final[dict[bytes, Callable[[Any], Any]]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"\x5d\x00\x00": lzma.open,
}
# Up to the first dot of the file's own name, as WebDataset cuts names.
_KEY: Final = re.compile(r"^((?:.*/|)[^.]+)[.]([^/]*)$")


@dataclass(frozen=True, eq=False)
class Item:
    """One image of a shard, or of a video one frame."""

    source: str  # full name of the file that it is, or is in
    content: bytes | Image | MienError  # its file, or (H, W, 3) uint8 RGB, or why there is neither
    key: str | None = None  # of the sample in a WebDataset archive: its name without extensions
    member: str | None = None  # its name within the source
    row: int | None = None  # its number within the source, from 0: of images, of rows in Parquet
    frame: int | None = None  # its number in a video
    time_s: float | None = None  # when that is shown

    @property
    def where(self) -> str:
        """How messages call it."""
        return where(self.source, self.member, self.row)


def items(
    shard: Shard, every_s: float | None = None, left_out: LeftOut | None = None
) -> Iterator[Item]:
    """The images of a shard, in order.

    Where a file is damaged or cannot be read, those before, then one with the error.

    Args:
        shard: of a plan.
        every_s: of videos: only the first frame at or after each multiple of it.
        left_out: is told of the files in archives that are no images; whole at the end.
    """
    source = shard.files[0]
    if shard.error:
        yield Item(source, DataError(shard.error, kind=shard.error_kind or None))
    elif shard.kind is Kind.VIDEO:
        yield from _frames(source, every_s)
    elif shard.kind is Kind.TAR:
        yield from _ahead(_members(source, LeftOut() if left_out is None else left_out))
    else:
        yield from _ahead(_images(shard) if shard.kind is Kind.IMAGE else _rows(shard))


def _images(shard: Shard) -> Iterator[Item]:
    if not scheme_of(shard.files[0]):
        yield from map(_image, shard.files)
        return
    with ThreadPoolExecutor(_FETCHES, thread_name_prefix="mien-fetch") as pool:
        fetched = (pool.submit(_image, name) for name in shard.files)
        waiting = deque(islice(fetched, _FETCHES))
        while waiting:
            waiting.extend(islice(fetched, 1))
            yield waiting.popleft().result()


def _image(name: str) -> Item:
    try:
        return Item(name, read_bytes(name))
    except DataError as error:
        return Item(name, error)


def _members(source: str, left_out: LeftOut) -> Iterator[Item]:
    row = 0
    try:
        with open_file(source, in_a_row=True) as file:
            tape = _Tape(file)
            tar = tarfile.TarFile(fileobj=tape)  # type: ignore[arg-type]
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # all the names
                if not member.isfile():
                    if not member.isdir():
                        left_out["links in archives"] += 1
                elif not is_image_name(member.name):
                    left_out.add(member.name)
                else:
                    content = _content(tar, member, source)
                    yield Item(source, content, _key(member.name), member.name, row)
                    row += 1
            if not tape.stopped_at_end:
                raise tarfile.ReadError("its last blocks, which mark the end, are missing")
            if tape.another_follows():
                raise tarfile.ReadError("another archive follows its end; unpack them one by one")
    except MienError as unreadable:
        yield Item(source, unreadable)
    # A cut or damaged archive makes tarfile and the decompressors raise nearly anything.
    except Exception as cause:
        text = f"the archive is damaged or cut short after {counted(row, 'image')}; {reason(cause)}"
        yield Item(source, DataError(text, source=source, kind="damaged or cut archive"))


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, source: str) -> bytes | DataError:
    if member.size > MOST_MEMBER_BYTES:
        return DataError(
            f"expected an image; it has {member.size:,} bytes",
            source=f"{source}, {member.name}",
            kind="image too large",
            limit=MOST_MEMBER_BYTES,
        )
    opened = tar.extractfile(member)
    content = opened.read() if opened else b""
    if len(content) < member.size:  # which tarfile passes over
        raise tarfile.ReadError(f"{member.name} is not all there")
    return content


class _Tape:
    """The unpacked bytes of an archive for `tarfile`; it knows where that stopped.

    `tarfile` does not tell an archive's last blocks, which are zeros, from one that was cut between
    two members.
    """

    def __init__(self, file: BinaryIO) -> None:
        packed = io.BufferedReader(cast(io.RawIOBase, file), _TAR_BLOCK_BYTES)
        head = packed.peek(max(map(len, _PACKED)))
        opens = next((_PACKED[begin] for begin in _PACKED if head.startswith(begin)), None)
        self._file: Any = packed if opens is None else opens(packed)
        self.tell, self.seek = self._file.tell, self._file.seek
        self._last = b""

    @property
    def stopped_at_end(self) -> bool:
        """Whether what was read last is a block of zeros."""
        return self._last == bytes(tarfile.BLOCKSIZE)

    def read(self, size: int) -> bytes:
        self._last = self._file.read(size)
        return self._last

    def another_follows(self) -> bool:
        """Whether another archive begins after the end of this one, as `cat` joins them."""
        block = bytes(tarfile.BLOCKSIZE)
        try:
            while block and not any(block):
                block = self.read(tarfile.BLOCKSIZE)
            tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (OSError, tarfile.HeaderError):  # gzip's, of bytes that are neither
            return False
        return True


def _key(name: str) -> str:
    found = _KEY.match(name)
    return found[1] if found else name.rpartition(".")[0]


def _rows(shard: Shard) -> Iterator[Item]:
    import pyarrow.parquet

    source = shard.files[0]
    count = 0
    try:
        with open_file(source, in_a_row=False) as file:
            opened = pyarrow.parquet.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER_BYTES)
            first, stop = shard.row_groups
            row = sum(opened.metadata.row_group(i).num_rows for i in range(first))
            begin = row + shard.skip
            for batch in opened.iter_batches(
                _BATCH_ROWS, range(first, stop), [shard.column], use_threads=False
            ):
                inside = range(max(begin, row), min(begin + shard.rows, row + len(batch)))
                for number in inside:
                    count += 1
                    yield _row(source, number, batch.column(0)[number - row].as_py())
                row += len(batch)
                if row >= begin + shard.rows:
                    break
        if count != shard.rows:
            raise DataError(
                f"it has changed since the work was planned: {counted(count, 'row')} left"
            )
    except Exception as cause:  # as in `_members`
        of = counted(shard.rows, "image")
        text = f"the Parquet file is damaged after {count} of {of}; {reason(cause)}"
        yield Item(source, DataError(text, source=source, kind="damaged Parquet file"))


def _row(source: str, row: int, value: Any) -> Item:
    content, path = value, None
    if isinstance(value, dict):
        content, path = value.get("bytes"), value.get("path")
    if content is None:
        content = DataError(
            "expected the bytes of an image; there are none"
            + (f"; it names {path}" if path else ""),
            source=f"{source}, row {row}",
            kind="Parquet row without an image",
        )
    return Item(source, content, member=path, row=row)


def _frames(source: str, every_s: float | None) -> Iterator[Item]:
    from mien.recognize.video.frames import frames

    try:
        with local_copy(source) as path, closing(frames(path, every_s=every_s)) as found:  # type: ignore[type-var]
            for frame in found:
                yield Item(source, frame.image, frame=frame.index, time_s=frame.time_s)
    except MienError as error:
        yield Item(source, error)


def _ahead(produced: Iterator[Item]) -> Iterator[Item]:
    """What `produced` yields, made by a thread that is a chunk ahead."""
    with closing(produced), ThreadPoolExecutor(1, "mien-ahead") as thread:  # type: ignore[type-var]
        future = thread.submit(_chunk, produced)
        while chunk := future.result():
            future = thread.submit(_chunk, produced)
            yield from chunk


def _chunk(produced: Iterator[Item]) -> list[Item]:
    """The next items, as many as the bounds allow; empty at the end."""
    chunk: list[Item] = []
    size = 0
    for item in produced:
        chunk.append(item)
        size += len(item.content) if isinstance(item.content, bytes) else 0
        if len(chunk) == _CHUNK_ITEMS or size >= _CHUNK_BYTES:
            break
    return chunk
