#!/bin/sh
# praat-textgrids 1.4.0: of tiers with the same name, as two coders' tiers "face" in one grid, TextGrid()
# keeps the last alone: two of four intervals come, without a word, and write() makes that of the file. Of
# quotation marks in a label, which the format doubles, some stay doubled and some are lost, and a label of
# two lines, as Praat writes it, ends with the first. textgrid 1.6.1 reads all of it as Praat does. Read
# with that.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet praat-textgrids==1.4.0 textgrid==1.6.1 praat-parselmouth==0.4.7
cd "$folder"
venv/bin/python - <<'PYTHON'
import parselmouth
import textgrid
import textgrids
from parselmouth.praat import call

LABELS = [["happy", "sad"], ['"real" smile', "open\nmouth"]]  # by two coders
grid = call("Create TextGrid", 0, 4, "face face", "")
for tier, labels in enumerate(LABELS, 1):
    call(grid, "Insert boundary", tier, tier)
    for number, label in enumerate(labels, 1):
        call(grid, "Set interval text", tier, number, label)
call(grid, "Save as text file", "coders.TextGrid")


def by_praat(path: str) -> list[list[str]]:
    read = parselmouth.read(path)
    tiers = range(1, call(read, "Get number of tiers") + 1)
    return [
        [call(read, "Get label of interval", tier, number + 1) for number in range(
            call(read, "Get number of intervals", tier)
        )]
        for tier in tiers
    ]


def by_textgrid(path: str) -> list[list[str]]:
    return [[interval.mark for interval in tier] for tier in textgrid.TextGrid.fromFile(path)]


def by_textgrids(path: str) -> list[list[str]]:
    return [[str(interval.text) for interval in tier] for tier in textgrids.TextGrid(path).values()]


for read in (by_praat, by_textgrid, by_textgrids):
    print(f"{read.__name__}: {read('coders.TextGrid')}")
assert by_praat("coders.TextGrid") == by_textgrid("coders.TextGrid") == LABELS
assert by_textgrids("coders.TextGrid") == [['real"" smile', "open"]]
textgrids.TextGrid("coders.TextGrid").write("again.TextGrid")
again = by_praat("again.TextGrid")
print(f"written again by textgrids, by_praat: {again}")
assert len(again) == 1
PYTHON
