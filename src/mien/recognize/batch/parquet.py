"""Parquet files that hold images: which column, and which rows are read in one go."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, BinaryIO, Final

from mien.errors import DataError, ErrorKind

USUAL_NAMES: Final = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp", "bytes")
"""Of the column with images; where several columns hold bytes, the first of these that is there."""

_MOST_CUTS: Final = 8  # of one row group: each cut reads past the rows of those before it


def image_column(file: BinaryIO, name: str, wanted: str | None) -> tuple[str, list[int]]:
    """The column of a Parquet file that holds the images, and the rows of each row group.

    Columns that may are those of bytes, or of structs with bytes named `bytes`, as Hugging Face's
    `datasets` writes them. If none is `wanted`, it is the only one, or the first of
    `USUAL_NAMES`.

    Raises:
        DataError: it is no Parquet file, or there is no such column, or several may be meant; the
            message says what there is.
    """
    import pyarrow.parquet

    try:
        opened = pyarrow.parquet.ParquetFile(file)
    # A store's own errors come through pyarrow as they are.
    except Exception as error:
        text = str(error) or type(error).__name__
        kind: ErrorKind = "not a Parquet file"
        raise DataError(f"expected a Parquet file; {text}", source=name, kind=kind) from error
    metadata = opened.metadata
    group_rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    fields = list(opened.schema_arrow)
    of_bytes = [field.name for field in fields if _holds_bytes(field.type)]
    has = ", ".join(f"{field.name}: {field.type}" for field in fields) or "no column"
    lower = {column.lower(): column for column in reversed(of_bytes)}
    usual = [lower[column] for column in USUAL_NAMES if column in lower]
    if wanted is not None:
        if wanted in of_bytes:
            return wanted, group_rows
        problem = f"a column {wanted!r} with the bytes of images; it has {has}"
    elif len(of_bytes) == 1 or usual:
        return of_bytes[0] if len(of_bytes) == 1 else usual[0], group_rows
    elif of_bytes:
        problem = (
            f"one column with the bytes of images; it has {', '.join(of_bytes)}: say which one "
            "(--column)"
        )
    else:
        problem = f"a column with the bytes of images, or a struct with bytes; it has {has}"
    raise DataError(f"expected {problem}", source=name, kind="no column with images")


def _holds_bytes(kind: Any) -> bool:
    from pyarrow import types

    if types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _holds_bytes(kind.field("bytes").type)
    if types.is_dictionary(kind):
        return _holds_bytes(kind.value_type)
    binary = (
        types.is_binary,
        types.is_large_binary,
        types.is_fixed_size_binary,
        types.is_binary_view,
    )
    return any(is_of(kind) for is_of in binary)


def cut_rows(group_rows: Sequence[int], size: int) -> Iterator[tuple[tuple[int, int], int, int]]:
    """Cut row groups into pieces of at most `size` rows, or an eighth of a group that has more.

    Each is told as the first row group and the one after the last, how many of their rows belong to
    the piece before, and how many to this one.
    """
    first = rows = 0
    for group, count in enumerate(group_rows):
        if rows and rows + count > size:
            yield (first, group), 0, rows
            rows = 0
        if count > size:
            cuts = min(-(-count // size), _MOST_CUTS)
            for begin, end in pairwise(count * cut // cuts for cut in range(cuts + 1)):
                yield (group, group + 1), begin, end - begin
        else:
            first = first if rows else group
            rows += count
    if rows:
        yield (first, len(group_rows)), 0, rows
