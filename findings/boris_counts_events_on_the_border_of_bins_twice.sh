#!/bin/sh
# BORIS 10.0.2 (boris-behav-obs): the time budget in bins counts an event that lies on the border of two bins in both,
# and a state that begins there once more, with 0 s, in the bin before. Of 600 blinks coded by frames, 25 a second,
# 626 are in bins of 1 s; of 600 coded by the second 1200; 300 smiles that begin on a second are 600, half of them in
# bins with "1 smile, 0.000 s", whose means and counts are wrong without a word. The budget without bins is right.
# (BORIS asks for Python 3.13; what is called here runs in 3.11, too.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps --ignore-requires-python boris-behav-obs==10.0.2
"$folder/venv/bin/pip" install --quiet PySide6-Essentials==6.10.0 exifread==3.5.1 hachoir==3.3.0 matplotlib==3.10.5 \
    numpy==2.3.2 pandas==2.3.2 pillow==13.0.0 pyqtgraph==0.14.0 pyreadr==0.5.3 scipy==1.16.1 tablib==3.8.0 \
    2> "$folder/log"
cd "$folder"
# --ipc is an option of BORIS: without it the import ends where no libmpv is
QT_QPA_PLATFORM=offscreen venv/bin/python - --ipc <<'PYTHON'
import random
from decimal import Decimal

from boris import config, time_budget_functions

LENGTH_S, FRAME_S = 3000, Decimal("0.04")
random.seed(0)
ethogram = {
    code: {"code": code, "type": kind, "key": "", "description": "", "modifiers": "", "category": "", "excluded": ""}
    for code, kind in {"smile": "State event", "blink": "Point event"}.items()
}


def budgets(code: str, times_s: list) -> tuple[int, int, int]:
    """Occurrences without bins and in bins of 1 s, and how many bins have one of 0 s."""
    parameters = {
        config.SELECTED_SUBJECTS: ["ada"], config.SELECTED_BEHAVIORS: [code], config.INCLUDE_MODIFIERS: False,
        config.EXCLUDED_BEHAVIORS: [], "time": config.TIME_ARBITRARY_INTERVAL, config.TIME_BIN_SIZE: 1,
        config.START_TIME: Decimal(0), config.END_TIME: Decimal(LENGTH_S),
    }
    film = {config.EVENTS: [[Decimal(s), "ada", code, "", "", 0] for s in times_s], config.TYPE: config.LIVE}
    project = {config.ETHOGRAM: ethogram, config.SUBJECTS: {}, config.OBSERVATIONS: {"film": film}}
    _, _, whole = time_budget_functions.synthetic_time_budget(project, ["film"], parameters)
    _, binned = time_budget_functions.synthetic_time_budget_bin(project, ["film"], parameters)
    counts = [int(row[4]) for row in binned[3:]]
    empty = sum(count > 0 and row[3] == "0.000" for count, row in zip(counts, binned[3:]))
    assert binned[2][3:5] == ("Total duration", "Number of occurrences") and len(counts) == LENGTH_S
    return whole[3][3], sum(counts), empty


frames = sorted(random.sample(range(1, LENGTH_S * 25), 600))
seconds = sorted(random.sample(range(1, LENGTH_S), 600))
smiles = [time_s for start_s in range(4, LENGTH_S, 10) for time_s in (start_s, start_s + Decimal("0.8"))]
found = {
    "blinks by the frame": budgets("blink", [frame * FRAME_S for frame in frames]),
    "blinks by the second": budgets("blink", seconds),
    "smiles of .8 s from a whole second on": budgets("smile", smiles),
}
for name, (count, binned, empty) in found.items():
    print(f"{name}: {count} in all, {binned} in bins, of which {empty} have 0 s")
assert list(found.values()) == [(600, 626, 0), (600, 1200, 0), (300, 600, 300)]
PYTHON
