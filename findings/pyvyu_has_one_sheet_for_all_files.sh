#!/bin/sh
# pyvyu 0.3.6 (Datavyu's .opf): the columns of a Spreadsheet belong to the class, not to the sheet, so that all sheets
# are one. Load the files of two coders: both have what the second says, cell for cell, and agree in 10 of 10, not 4; a
# file without a column "gaze" has that of the file before, also in a loop that uses one file at a time, and save_opf
# writes it there. Nothing warns. After each load: sheet.columns, pyvyu.Spreadsheet.columns = sheet.columns, {}
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps pyvyu==0.3.6  # it asks for black, pytest and more
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 pandas==3.1.1
cd "$folder"
venv/bin/python 2> log.txt - <<'PYTHON' || { cat log.txt; exit 1; }
import zipfile
from contextlib import redirect_stdout
from io import StringIO

import pyvyu

ADA = "calm calm happy happy sad calm calm happy sad calm".split()
BOB = "calm happy happy sad sad happy happy calm calm calm".split()


def write(path: str, emotions: list[str], gaze: bool = False) -> None:
    """As Datavyu does: columns with their codes, and the cells of each."""
    lines = ["#4", "face (MATRIX,true,)-emotion|NOMINAL"]
    lines += [f"00:00:{i:02}:000,00:00:{i + 1:02}:000,({emotion})" for i, emotion in enumerate(emotions)]
    lines += ["gaze (MATRIX,true,)-at|NOMINAL", "00:00:01:000,00:00:02:000,(mother)"] if gaze else []
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("db", "\n".join(lines) + "\n")


def emotions(sheet: pyvyu.Spreadsheet) -> list[str]:
    return [cell.get_code("emotion") for cell in sheet.get_column("face").cells]


write("ada.opf", ADA, gaze=True)
write("bob.opf", BOB)
meant = sum(a == b for a, b in zip(ADA, BOB))
ada, bob = pyvyu.load_opf("ada.opf"), pyvyu.load_opf("bob.opf")
agree = sum(a == b for a, b in zip(emotions(ada), emotions(bob)))
print(f"agreements by hand {meant}, by pyvyu {agree} of {len(ADA)}; of ada's labels it has "
      f"{sum(a == b for a, b in zip(emotions(ada), ADA))}; columns of bob's file: {bob.get_column_list()}")
with redirect_stdout(StringIO()):
    pyvyu.save_opf(bob, "saved.opf")
written = zipfile.ZipFile("saved.opf").read("db").decode()
assert (meant, agree) == (4, 10) and emotions(ada) == emotions(bob) == BOB
assert bob.get_column_list() == ["face", "gaze"] and "gaze" in written and "mother" in written
pyvyu.Spreadsheet.columns = {}
sheets = []
for path in ("ada.opf", "bob.opf"):
    sheet = pyvyu.load_opf(path)
    sheet.columns, pyvyu.Spreadsheet.columns = sheet.columns, {}
    sheets.append(sheet)
own = sum(a == b for a, b in zip(*map(emotions, sheets)))
print(f"with columns of their own: {own}, {sheets[1].get_column_list()}")
assert own == meant and sheets[1].get_column_list() == ["face"]
PYTHON
