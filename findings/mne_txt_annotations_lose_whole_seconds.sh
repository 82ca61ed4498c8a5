#!/bin/sh
# mne 1.13.2: Annotations.save("x.txt") writes the start of the recording into the file, read_annotations
# reads it only with a fraction of a second. A start at a whole second (as EDF's mostly are) is lost without
# a word, and times count from where the data begin: in a recording cropped by 10 s, a smile at 20 s is at
# 30 s when its labels are read and set again. Save as "x-annot.fif", which keeps it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mne==1.13.2
cd "$folder"
venv/bin/python - <<'PYTHON'
from datetime import UTC, datetime

import mne
import numpy as np

RATE = 100
mne.set_log_level("WARNING")


def moment_s(recording: mne.io.BaseRaw) -> float:
    """What the one channel, a clock, shows where the one annotation begins."""
    (event,), _ = mne.events_from_annotations(recording)
    return float(recording.get_data()[0, event[0] - recording.first_samp])


moments_s = {}
for microsecond in (0, 1):
    for name in ("x.txt", "x-annot.fif"):
        clock = np.arange(60 * RATE)[np.newaxis] / RATE
        recording = mne.io.RawArray(clock, mne.create_info(1, RATE, "misc"))
        recording.set_meas_date(datetime(2026, 1, 1, 12, 0, 0, microsecond, tzinfo=UTC))
        recording.set_annotations(mne.Annotations([20], [1], ["smile"]))
        recording.crop(10)
        assert moment_s(recording) == 20
        recording.annotations.save(name, overwrite=True)
        recording.set_annotations(mne.read_annotations(name))
        moments_s[microsecond, name] = moment_s(recording)
        print(f"start at 12:00:00.{microsecond:06}, {name}: 20 s -> {moments_s[microsecond, name]} s")
assert "orig_time : 2026-01-01 12:00:00" in open("x.txt").read()
assert moments_s.pop((0, "x.txt")) == 30
assert set(moments_s.values()) == {20}
PYTHON
