#!/bin/sh
# mne 1.13.2: crop(tmin, reset_first_samp=True), which makes what is left a recording of its own, counts its
# samples from 0, and leaves the onsets of the annotations as they were: each lies tmin too late in the data.
# Cut at 10 s, a smile at 20 s is where the signal shows 30 s, and one at 55 of 60 s is after the end. Nothing
# warns; the docs do of events taken out before, not of annotations. Subtract tmin from annotations.onset.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mne==1.13.2 numpy==2.4.6
cd "$folder"
venv/bin/python -W error - <<'PYTHON'
from datetime import UTC, datetime

import mne
import numpy as np

RATE, CUT_S = 100, 10
LABELS_S = {"smile": 20.0, "frown": 40.0, "wave": 55.0}
mne.set_log_level("WARNING")


def shown(recording: mne.io.BaseRaw) -> dict[str, float]:
    """What the one channel, a clock, shows where each annotation begins, by way of its events."""
    events, names = mne.events_from_annotations(recording)
    clock = recording.get_data()[0]
    name_of = {number: name for name, number in names.items()}
    samples = {name_of[event[2]]: int(event[0]) - recording.first_samp for event in events}
    return {name: float(clock[at]) if at < len(clock) else np.inf for name, at in samples.items()}


for start in (None, datetime(2026, 1, 1, 12, tzinfo=UTC)):
    for reset in (False, True):
        clock = np.arange(60 * RATE)[np.newaxis] / RATE
        recording = mne.io.RawArray(clock, mne.create_info(1, RATE, "misc"))
        recording.set_meas_date(start)
        recording.set_annotations(mne.Annotations(list(LABELS_S.values()), 1, list(LABELS_S)))
        assert shown(recording) == LABELS_S
        recording.crop(CUT_S, reset_first_samp=reset)
        print(f"start {start}, reset_first_samp={reset}: labels where the clock shows {shown(recording)}")
        moved = {"smile": 30.0, "frown": 50.0, "wave": np.inf}
        assert shown(recording) == (moved if reset else LABELS_S)
        recording.annotations.onset -= CUT_S if reset else 0
        assert shown(recording) == LABELS_S
PYTHON
