#!/bin/sh
# neurokit2 0.3.0: epochs_create cuts the right samples and gives them times that are stretched: the last of
# them, which lies one sample before the end asked for, is said to lie at the end. Of skin conductance at
# 4 Hz (as wristbands give it), 0 to 8 s after an event, a peak at 6 s is at 6.19 s, by eda_eventrelated,
# too; of values once a second it is at 6.86 s. Count time from epoch["Index"]: (Index - onset) / rate.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet neurokit2==0.3.0 numpy==2.4.6 pandas==2.3.3 scipy==1.17.1
cd "$folder"
MPLCONFIGDIR="$folder" venv/bin/python - <<'PYTHON'
import neurokit2
import numpy as np
import pandas as pd

ONSET_S, PEAK_S = 20, 6
said_s = {}
for rate in (1, 4, 1000):
    clock_s = np.arange(60 * rate) / rate - ONSET_S
    peak = (clock_s == PEAK_S).astype(float)
    columns = ("EDA_Phasic", "SCR_Amplitude", "SCR_Onsets", "SCR_Peaks", "SCR_RiseTime", "SCR_RecoveryTime")
    signals = pd.DataFrame({"clock_s": clock_s} | dict.fromkeys(columns, peak))
    epochs = neurokit2.epochs_create(
        signals, events=[ONSET_S * rate], sampling_rate=rate, epochs_start=0, epochs_end=8
    )
    epoch = epochs["1"]
    assert len(epoch) == 8 * rate and np.allclose(epoch["clock_s"], np.arange(8 * rate) / rate)
    assert np.allclose((epoch["Index"] - ONSET_S * rate) / rate, epoch["clock_s"])
    assert (epoch.index[0], epoch.index[-1]) == (0, 8)
    said_s[rate] = round(float(epoch.index[epoch["SCR_Peaks"] == 1][0]), 2)
    (analyzed_s,) = neurokit2.eda_eventrelated(epochs)["SCR_Peak_Amplitude_Time"]
    print(f"{rate} Hz: the peak at {PEAK_S} s is at {said_s[rate]} s, by eda_eventrelated {analyzed_s:.2f} s")
    assert round(float(analyzed_s), 2) == said_s[rate]
assert said_s == {1: 6.86, 4: 6.19, 1000: 6.0}
PYTHON
