#!/bin/sh
# mne 1.13.2: export of a recording that was cropped writes the samples from the cut on, moves annotations to
# them, and leaves the start of the whole recording in the file, in EDF, BDF and BrainVision. Cut at 10 s, a
# smile at 12:00:20 by the clock is at 12:00:10 in the file, and beside a video by the clock 10 s too early,
# without a word. FIF keeps the time. Note the time of the cut, and give it to set_meas_date after reading.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mne==1.13.2 edfio==0.4.18 pybv==0.8.1
cd "$folder"
venv/bin/python -W error -W 'ignore:Encountered data in' - <<'PYTHON'
from datetime import UTC, datetime, timedelta

import mne
import numpy as np

RATE, START = 100, datetime(2026, 1, 1, 12, tzinfo=UTC)
mne.set_log_level("WARNING")


def smile_at(recording: mne.io.BaseRaw) -> tuple[str, float]:
    """When the one smile begins by the clock, and what the one channel, seconds since START, shows there."""
    annotations = recording.annotations
    (number,) = [i for i, name in enumerate(annotations.description) if name.endswith("smile")]
    onset_s = float(annotations.onset[number])
    shown_s = recording.get_data()[0, round(onset_s * RATE) - recording.first_samp]
    return f"{annotations.orig_time + timedelta(seconds=onset_s):%H:%M:%S}", round(float(shown_s) * 1e6, 2)


readers = {
    "face.edf": mne.io.read_raw_edf, "face.bdf": mne.io.read_raw_bdf,
    "face.vhdr": mne.io.read_raw_brainvision, "face_raw.fif": mne.io.read_raw_fif,
}
for cut_s in (0, 10):
    for name, read in readers.items():
        clock = np.arange(60 * RATE)[np.newaxis] / RATE * 1e-6
        recording = mne.io.RawArray(clock, mne.create_info(["clock"], RATE, "eeg"))
        recording.set_meas_date(START)
        recording.set_annotations(mne.Annotations([20], [1], ["smile"]))
        recording.crop(cut_s)
        if name == "face_raw.fif":
            recording.save(name, overwrite=True)
        else:
            recording.export(name, overwrite=True)
        when, shown_s = smile_at(read(name, preload=True))
        print(f"cut at {cut_s} s, {name}: the smile of 12:00:20 is at {when}, where the channel shows {shown_s}")
        assert abs(shown_s - 20) < 0.02  # the annotation lies at the right sample
        assert when == ("12:00:10" if cut_s and name != "face_raw.fif" else "12:00:20")
mended = mne.io.read_raw_edf("face.edf")
mended.set_meas_date(START + timedelta(seconds=10))
assert smile_at(mended) == ("12:00:20", 20.0)
PYTHON
