"""Parquet files that hold images: which column, and the images of some rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Final, Self

from mien.errors import DataError

USUAL_NAMES: Final = ("image", "img", "image", "photo", "jpg", "jpeg", "png", "webp", "bytes")
"""Of the column with images; where several columns hold bytes, the first of these that is there.
"""

_BATCH_ROWS: Final = 32
_BUFFER_BYTES: Final = 1 << 20  # a column chunk is read in such pieces, not as a whole


@dataclass(frozen=True)
class Columns:
    """What a Parquet file says of itself.

    Attributes:
        name: of the file.
        kinds: name -> type of each column, as pyarrow writes it.
        of_bytes: columns that may hold images: bytes, or a struct with bytes named `bytes`, as
            Hugging Face's `datasets` writes them.
        group_rows: rows of each row group.
    """

    name: str
    kinds: dict[str, str]
    of_bytes: tuple[str, ...]
    group_rows: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Of all row groups together."""
        return sum(self.group_rows)

    @classmethod
    def of(cls, file: BinaryIO, name: str) -> Self:
        """Read what an open file says.

        Raises:
            DataError: it is no Parquet file.
        """
        import pyarrow
        import pyarrow.parquet

        try:
            opened = pyarrow.parquet.ParquetFile(file)
        # A store's own errors come through pyarrow as they are.
        except Exception as error:
            text = str(error) or type(error).__name__
            raise DataError(
                f"expected a Parquet file; {text}", source=name, kind="not a Parquet file"
            ) from error
        schema, metadata = opened.schema_arrow, opened.metadata
        return cls(
            name=name,
            kinds={f.name: str(f.type) for f in schema},
            of_bytes=tuple(f.name for f in schema if _holds_bytes(f.type)),
            group_rows=tuple(
                metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)
            ),
        )


def image_column(columns: Columns, wanted: str | None) -> str:
    """The column that holds the images.

    Args:
        columns: of the file.
        wanted: its name; None takes the only one with bytes, or the first of `USUAL_NAMES`.
    Raises:
        DataError: there is none, or several that may be meant; the message says what there is.
    """
    no_column = partial(DataError, source=columns.name, kind="no column with images")
    has = ", ".join(f"{name}: {kind}" for name, kind in columns.kinds.items()) or "no column"
    if wanted is not None:
        if wanted in columns.of_bytes:
            return wanted
        raise no_column(f"expected a column {wanted!r} with the bytes of images; it has {has}")
    if len(columns.of_bytes) == 1:
        return columns.of_bytes[0]
    lower = {name.lower(): name for name in reversed(columns.of_bytes)}
    for usual in USUAL_NAMES:
        if usual in lower:
            return lower[usual]
    if columns.of_bytes:
        raise no_column(
            "expected one column with the bytes of images; it has "
            f"{', '.join(columns.of_bytes)}: say which one (--column)"
        )
    raise no_column(
        f"expected a column with the bytes of images, or a struct with bytes; it has {has}"
    )


def image_rows(
    file: BinaryIO, column: str, row_groups: tuple[int, int], skip: int, rows: int
) -> Iterator[tuple[int, bytes | None, str | None]]:
    """The images of some rows, a few at a time.

    Args:
        file: open Parquet file.
        column: that holds them.
        row_groups: the first, and the one after the last.
        skip: rows of them to leave out at the begin.
        rows: how many to give after those.
    Yields:
        Number of the row in the file, its bytes, and the path that it tells; None where it tells
        none.
    Raises:
        Exception: of pyarrow or of the store, where the file is damaged.
    """
    import pyarrow.parquet

    opened = pyarrow.parquet.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER_BYTES)
    first, stop = row_groups
    row = sum(opened.metadata.row_group(i).num_rows for i in range(first))
    batches = opened.iter_batches(
        _BATCH_ROWS, row_groups=range(first, stop), columns=[column], use_threads=False
    )
    until = row + skip + rows
    begin = row + skip
    for batch in batches:
        if row + len(batch) > begin:
            for i, value in enumerate(batch.column(0), start=row):
                if begin <= i < until:
                    yield i, *_unpacked(value.as_py())
        row += len(batch)
        if row >= until:
            return


def _unpacked(value: Any) -> tuple[bytes | None, str | None]:
    if isinstance(value, dict):
        return value.get("bytes"), value.get("path")
    return value, None


def _holds_bytes(kind: Any) -> bool:
    import pyarrow

    types = pyarrow.types
    if types.is_struct(kind):
        names: Sequence[str] = [kind.field(i).name for i in range(kind.num_fields)]
        return "bytes" in names and _holds_bytes(kind.field("bytes").type)
    if types.is_dictionary(kind):
        return _holds_bytes(kind.value_type)
    return bool(
        types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    )
