#!/bin/sh
# edfio 0.4.18: of a recording that begins at a fraction of a second (12:00:00.5, where a camera started it),
# slice_between_seconds cuts the signals right and moves all annotations by that fraction: a smile at 20.2 s
# is at 20.7 s after a slice from 0 to the end, and labels of the last half second are gone, without a word;
# cut from 10.5 s on it begins at 12:00:12, not :11. At a whole second it is right. Set edf.starttime to one
# before, and back after.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet edfio==0.4.18 numpy==2.4.6
cd "$folder"
venv/bin/python -W error - <<'PYTHON'
from datetime import time

import edfio
import numpy as np

RATE, SECONDS, SMILE_S, END_S = 10, 60, 20.2, 39.8


def sliced(begin_s: float, end_s: float, microsecond: int, by_way_of_zero: bool = False):
    """The start of a slice, its first sample, and for each label what the signal, a clock, shows there."""
    clock = edfio.EdfSignal(np.arange(SECONDS * RATE) / RATE, RATE, label="clock", physical_range=(0, 60))
    labels = [edfio.EdfAnnotation(SMILE_S, 1, "smile"), edfio.EdfAnnotation(END_S, 1, "end")]
    start = time(12, 0, 0, microsecond)
    edfio.Edf([clock], annotations=labels, starttime=start, data_record_duration=1).write("face.edf")
    edf = edfio.read_edf("face.edf")
    assert edf.starttime == start and [one.onset for one in edf.annotations] == [SMILE_S, END_S]
    if by_way_of_zero:
        edf.starttime = start.replace(microsecond=0)
    edf.slice_between_seconds(begin_s, end_s)
    if by_way_of_zero:
        edf.starttime = edf.starttime.replace(microsecond=microsecond)
    edf.write("slice.edf")
    edf = edfio.read_edf("slice.edf")
    signal = edf.signals[0].data
    shown_s = {one.text: round(float(signal[round(one.onset * RATE)]), 1) for one in edf.annotations}
    return str(edf.starttime), round(float(signal[0]), 1), shown_s


seen = {}
for microsecond in (0, 500_000):
    for begin_s, end_s in ((0, 60), (10, 40), (10.5, 40.5)):
        seen[microsecond, begin_s] = start, first_s, shown_s = sliced(begin_s, end_s, microsecond)
        print(f"start at .{microsecond:06} s, cut {begin_s} to {end_s} s: starts at {start}, first sample "
              f"{first_s}, the signal at the labels {shown_s}")
        assert first_s == begin_s
        if microsecond == 0:
            assert shown_s == {"smile": SMILE_S, "end": END_S}
assert [shown_s for _, _, shown_s in list(seen.values())[3:]] == [
    {"smile": 20.7, "end": 40.3}, {"smile": 20.7}, {"smile": 20.7, "end": 40.3}
]
assert seen[0, 10.5][0] == "12:00:10.500000" and seen[500_000, 10.5][0] == "12:00:12"
assert sliced(10, 40, 500_000, True) == ("12:00:10.500000", 10, {"smile": SMILE_S, "end": END_S})
PYTHON
