#!/bin/sh
# pylangacq 0.23.0 (CHAT transcripts): to_textgrid writes the utterances of a tier alone, and no empty intervals
# for the pauses between, which the format needs: Praat reads the file without a word, and takes the pause for
# the utterance that follows. A child who speaks from 0 to 1.5 s and from 6 to 7 s says "yes" at 1.7 s. Read and
# write the file with the package textgrid first, which fills the gaps.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pylangacq==0.23.0 praat-parselmouth==0.4.7 textgrid==1.6.1 numpy==2.4.6
cd "$folder"
venv/bin/python -W error - <<'PYTHON'
from pathlib import Path

import parselmouth
import textgrid
from parselmouth.praat import call
from pylangacq import CHAT

PAUSE_S, SPOKEN_S = (1.7, 3.0, 5.9, 8.0), {0.5: "I want cookie .", 6.5: "yes .", 9.5: "no ."}
TRANSCRIPT = """@UTF8
@Begin
@Languages:	eng
@Participants:	CHI Target_Child
@ID:	eng|x|CHI|2;06.00|female|||Target_Child|||
@Media:	x, video
*CHI:	I want cookie . \x150_1500\x15
*CHI:	yes . \x156000_7000\x15
*CHI:	no . \x159000_10000\x15
@End
"""


def said(path: str) -> dict[float, str]:
    """What the child says at each time, by Praat."""
    grid = parselmouth.read(path)
    intervals = {at_s: call(grid, "Get interval at time", 1, at_s) for at_s in sorted([*PAUSE_S, *SPOKEN_S])}
    return {at_s: call(grid, "Get label of interval", 1, number) for at_s, number in intervals.items()}


reader = CHAT.from_strs([TRANSCRIPT])
assert [utterance.time_marks for utterance in reader.utterances()] == [(0, 1500), (6000, 7000), (9000, 10000)]
Path("written.TextGrid").write_text(reader.to_textgrid_strs()[0])
textgrid.TextGrid.fromFile("written.TextGrid").write("filled.TextGrid")
written, filled = said("written.TextGrid"), said("filled.TextGrid")
print(f"as written: {written}")
print(f"gaps filled: {filled}")
assert filled == SPOKEN_S | dict.fromkeys(PAUSE_S, "")
assert written == SPOKEN_S | dict.fromkeys((1.7, 3.0, 5.9), "yes .") | {8.0: "no ."}
PYTHON
