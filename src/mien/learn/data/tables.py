"""Rows of CSV files, with the place of each for messages."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from mien.errors import DataError


def csv_rows(
    path: Path, columns: Iterable[str], *, default_header: tuple[str, ...] | None = None
) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows of a CSV file as (place, column -> text); the first row after the header is row 2.

    Args:
        path: the file, in UTF-8.
        columns: those that must be there.
        default_header: of a file that may come without one; then its first row is row 1.
    Raises:
        DataError: it cannot be read, a column is missing, or a row has too few or too many; the
            message names the file and the row.
    """
    columns = tuple(columns)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            first_row: list[list[str]] = []
            if default_header and len(header) == len(default_header) and columns[0] not in header:
                header, first_row = list(default_header), [header]
            if missing := [name for name in columns if name not in header]:
                raise DataError(
                    f"{path}: expected columns {', '.join(columns)}; {missing[0]} is missing, "
                    f"there are {', '.join(header) or 'none'}"
                )
            for rows, start in ((first_row, 1), (reader, 2)):
                for number, row in enumerate(rows, start):
                    if not row:  # a blank line, as editors leave one at the end
                        continue
                    where = f"{path}, row {number}"
                    if len(row) != len(header):
                        raise DataError(f"{where}: expected {len(header)} columns; got {len(row)}")
                    yield where, dict(zip(header, row, strict=True))
    except OSError as error:
        raise DataError(f"{path}: cannot be read; {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: expected a CSV file in UTF-8; {error}") from error
