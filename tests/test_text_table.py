"""Tables that a spreadsheet of another country saved say the same as before."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from command_line import Mien, assert_refused, csv_rows
from fakes import a_tracked_reading
from made_up_rows import frames_of, write_csv, write_rows
from mien.errors import DataError, OutputError
from mien.readings import FaceQuality
from mien.rows.coders import is_rows, read_coding
from mien.rows.files import read_frames
from mien.rows.people import read_people
from mien.rows.table import read_rows

JUERGEN: Final = "J\u00fcrgen"
QUALITY: Final = FaceQuality(-1.5, None, 0.25, 119.5, 0.00001, 131.0, 52.75, 0.875, "cut off")
ENCODINGS: Final = ("utf-8-sig", "utf-8", "cp1252", "utf-16")


def write_some(path: Path) -> None:
    """Rows of a person with an umlaut, and one frame without a face."""
    face = replace(a_tracked_reading(1, "happy"), name=JUERGEN, quality=QUALITY)
    faces = [[face], [], [replace(face, emotion="sad", unsure=True)]]
    write_rows(path, frames_of(faces, fps=24), named=True)


def save_in_german(path: Path, *, delimiter: str = ";", encoding: str = "utf-8-sig") -> None:
    """As Excel does: with decimal commas, its own words for true and false, and empty cells."""

    def cell(text: str) -> str:
        try:
            float(text)
        except ValueError:
            return {"true": "WAHR", "false": "FALSCH"}.get(text, text)
        return text.replace(".", ",").upper()

    with path.open(newline="", encoding="utf-8") as file:
        lines = [[cell(text) for text in line] for line in csv.reader(file)]
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
        writer.writerows([*lines, [""] * len(lines[0])])


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_rows_that_a_german_spreadsheet_saved_are_the_same(
    delimiter: str, encoding: str, tmp_path: Path
) -> None:
    write_some(path := tmp_path / "rows.csv")
    before = list(read_frames(path))
    save_in_german(path, delimiter=delimiter, encoding=encoding)
    saved = path.read_text(encoding)
    assert all(cell in saved for cell in ("-1,5", "1E-05", "WAHR", JUERGEN))
    assert list(read_frames(path)) == before
    assert is_rows(path)


def test_every_command_of_rows_reads_them(mien: Mien, tmp_path: Path) -> None:
    write_some(path := tmp_path / "rows.csv")
    save_in_german(path, encoding="cp1252")
    assert JUERGEN in mien("rows", path, "--csv", tmp_path / "again.csv").stdout
    assert csv_rows(tmp_path / "again.csv")[0]["name"] == JUERGEN
    assert mien("events", path, "--min-duration", "0").status == 0
    assert mien("convert", path, "--to", "openface").status == 0
    coder = tmp_path / "coder.csv"
    coder.write_text("Start;End;Label\n0,0;0,1;happy\n", encoding="cp1252")
    assert mien("agree", path, coder, "--every", "frame").status == 0


@pytest.mark.parametrize("date", ["01. Mai", "5-Jan", "01.05.2024"])
@pytest.mark.parametrize("column", ["time_s", "x0", "angry"])
def test_a_date_that_was_a_number_is_told_with_its_line(
    column: str, date: str, tmp_path: Path
) -> None:
    write_some(path := tmp_path / "rows.csv")
    rows = csv_rows(path)
    rows[2][column] = date
    write_csv(path, rows, delimiter=";")
    with pytest.raises(OutputError, match=f"line 4: {column}: expected a number, .*; got '{date}'"):
        read_rows(path)


def test_a_comma_in_a_table_with_commas_is_no_decimal_point(tmp_path: Path) -> None:
    write_some(path := tmp_path / "rows.csv")
    path.write_text(path.read_text().replace("\n0,0.0,", '\n0,"0,0",', 1))
    with pytest.raises(OutputError, match=r"line 2: time_s: expected a number, .*; got '0,0'"):
        read_rows(path)


def test_rows_of_another_tool_are_read_likewise(tmp_path: Path) -> None:
    header = "frame;time_s;box;Identity;angry;disgust;fear;happy;sad;surprise;neutral"
    lines = [f"{n};{n / 25};[10, 20, 30, 40];{JUERGEN};0;0;0,1;0,7;0,2;0;0" for n in range(2)]
    path = tmp_path / "theirs.csv"
    text = "\n".join([header, *(line.replace("0.04", "0,04") for line in lines), ""])
    path.write_text(text, encoding="cp1252")
    rows = read_rows(path)
    assert rows.boxes[0].tolist() == [10, 20, 40, 60]
    assert rows.times_s.tolist() == [0.0, 0.04]
    assert (rows.name_of(1), rows.probabilities[0, 3]) == (JUERGEN, pytest.approx(0.7))
    path.write_text(text.replace("0,7", "07. Jan", 1), encoding="cp1252")
    with pytest.raises(OutputError, match=r"line 2: expected a probability .*; got '07. Jan'"):
        read_rows(path)


def test_labels_of_coders_are_read_in_windows_encoding(tmp_path: Path) -> None:
    path = tmp_path / "coder.csv"
    path.write_text("start;end;label\n0,5;1,25;fr\u00f6hlich\n", encoding="cp1252")
    coding = read_coding(path, labels={"fr\u00f6hlich": "happy"})
    assert (coding.starts_s.tolist(), coding.ends_s.tolist()) == ([0.5], [1.25])
    path.write_text("start;end;label\n0,5;1,25;happy\n01. Mai;2;happy\n")
    with pytest.raises(DataError, match=r"coder.csv: line 3: expected a time; got '01. Mai'"):
        read_coding(path)


def test_what_is_no_text_is_told(mien: Mien, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(b"PK\x03\x04\x00\xff;,\t\x81")
    with pytest.raises(OutputError, match="it is no text"):
        read_rows(path)
    with pytest.raises(DataError, match="expected text in UTF-8"):
        read_people(path)
    assert_refused(mien("agree", path, path), "sheet.csv", "expected a table")


def test_an_open_quote_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "coder.csv"
    path.write_text('start;end;label\n0;1;happy\n1;2;"sad\n')
    with pytest.raises(DataError, match="line 3: expected a table; unexpected end of data"):
        read_coding(path)
