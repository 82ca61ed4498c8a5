"""Tables of text as programs save them, and the spreadsheets of all countries.

Commas, semicolons or tabs stand between cells, which the header tells. Where it is no comma, "0,5"
is a number: in half of Europe that is how a spreadsheet writes one half.
"""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final

_DELIMITERS: Final = ",;\t"
_DECIMAL: Final = re.compile(r"\s*[-+]?\d+,\d+(?:[eE][-+]?\d+)?\s*")
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHUNK_BYTES: Final = 1 << 20
_HEADER_BYTES: Final = 1_000_000  # py-feat's second detector has some 2,200 columns


class TextTable:
    """A table that is read line by line.

    Args:
        lines: of its text; the first is the header.
        first_line: what number that has in its file.

    Attributes:
        header: the names of the columns.

    Raises:
        csv.Error: a quote is not closed, for one; the message begins with the line.
    """

    def __init__(self, lines: Iterable[str], *, first_line: int = 1) -> None:
        lines = iter(lines)
        first = next(lines, "")
        delimiter = delimiter_of(first)
        self._has_commas = delimiter != ","
        self._reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
        self._lines_before = first_line - 1
        _, header = next(self._lines(), (0, []))
        self.header = [name.strip() for name in header]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The number of each line and its cells, numbers with a point; empty lines are left out.

        Raises:
            csv.Error: as above.
        """
        for line, cells in self._lines():
            if any(cell.strip() for cell in cells):
                yield line, [_with_point(cell) for cell in cells] if self._has_commas else cells

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        line = self._lines_before + self._reader.line_num + 1  # where the next row begins
        try:
            for cells in self._reader:
                yield line, cells
                line = self._lines_before + self._reader.line_num + 1
        except csv.Error as error:
            raise csv.Error(f"line {line}: expected a table; {error}") from error


@contextmanager
def open_table(path: Path) -> Iterator[TextTable]:
    """A table in a file.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is no text; likewise while rows are read.
        csv.Error: likewise, as of `TextTable`.
    """
    with path.open("rb") as content:
        encoding = encoding_of(iter(lambda: content.read(_CHUNK_BYTES), b""))
    with path.open(newline="", encoding=encoding) as file:
        yield TextTable(file)


def header_of(path: Path) -> list[str]:
    """The names of the columns of a table in a file; none where it is none, or cannot be read."""
    try:
        with path.open("rb") as file:
            line = file.readline(_HEADER_BYTES)
        # Of UTF-16 the last letter may be cut in two.
        return TextTable([line.decode(encoding_of([line]), errors="ignore")]).header
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def delimiter_of(header: str) -> str:
    """What stands between the cells of a header."""
    return max(_DELIMITERS, key=header.count)


def marked_encoding(first: bytes) -> str:
    """How a text is encoded by the mark it begins with: UTF-16, else UTF-8, marked or not."""
    return "utf-16" if first.startswith(_UTF_16) else "utf-8-sig"


def encoding_of(chunks: Iterable[bytes]) -> str:
    """How a text is encoded: UTF-16 by its mark, UTF-8, else as Windows does in Western Europe.

    Args:
        chunks: the text, one piece after the other.
    Raises:
        UnicodeDecodeError: it is no text.
    """
    chunks = iter(chunks)
    first = next(chunks, b"")
    if (marked := marked_encoding(first)) == "utf-16":
        return marked
    decoder = codecs.getincrementaldecoder("utf-8")()
    wrong: UnicodeDecodeError | None = None
    has_zeros = False
    for chunk in chain([first], chunks, [b""]):
        has_zeros |= b"\0" in chunk
        try:
            if wrong is None:
                decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            wrong = error
        if wrong is not None and has_zeros:
            raise wrong
    return marked if wrong is None else "cp1252"


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if "," in cell and _DECIMAL.fullmatch(cell) else cell
