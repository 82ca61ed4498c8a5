#!/bin/sh
# pynwb 4.2.0 (NWB): add_epoch finds the samples of a series that has a rate by cutting off (start - first) * rate,
# and (5.3 - 5) * 30 is 8.999...: of 300 smiles of .1 s, from frame to frame of a series that begins at 5 s, 42
# begin at the frame before the smile, and lengths are 2 to 4 frames for 3; of smiles of one frame 224 have
# another, or none. Nothing warns. The same series with timestamps for its rate is right: use these, or give
# times a millisecond later.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pynwb==4.2.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from datetime import UTC, datetime

import numpy as np
from pynwb import NWBFile, TimeSeries

RATE, BEGIN_S, FRAMES, SMILES = 30, 5.0, 1000, 300
clock = {
    "rate": {"rate": float(RATE), "starting_time": BEGIN_S},
    "timestamps": {"timestamps": np.round(BEGIN_S + np.arange(FRAMES) / RATE, 6)},
}


def samples(frames_each: int, kind: str, later_s: float = 0) -> list[list[int]]:
    """The numbers of the frames of each smile, which is told in times rounded to a microsecond."""
    file = NWBFile("face", "face", datetime(2026, 1, 1, 12, tzinfo=UTC))
    series = TimeSeries(name="face", data=np.arange(FRAMES), unit="frame", **clock[kind])
    file.add_acquisition(series)
    for number in range(SMILES):
        start_s = round(BEGIN_S + number * frames_each / RATE, 6)
        stop_s = round(BEGIN_S + (number + 1) * frames_each / RATE, 6)
        file.add_epoch(start_s + later_s, stop_s + later_s, timeseries=[series])
    taken = (file.epochs["timeseries"][number][0] for number in range(SMILES))
    return [list(range(one.idx_start, one.idx_start + one.count)) for one in taken]


wrong = {}
for frames_each in (3, 1):
    right = [list(range(number * frames_each, (number + 1) * frames_each)) for number in range(SMILES)]
    for kind in clock:
        seen = samples(frames_each, kind)
        early = [number for number in range(SMILES) if seen[number][:1] != right[number][:1]]
        wrong[frames_each, kind] = len(early)
        lengths = sorted({len(frames) for frames in seen})
        print(f"smiles of {frames_each} frames, by {kind}: {len(early)} of {SMILES} begin at another frame, "
              f"such as {seen[early[0]] if early else []} for {right[early[0]] if early else []}, lengths {lengths}")
    assert samples(frames_each, "rate", 0.001) == right
assert wrong[3, "timestamps"] == wrong[1, "timestamps"] == 0
assert wrong[3, "rate"] == 42 and wrong[1, "rate"] > 100
PYTHON
