#!/bin/sh
# heartpy 1.2.7: "sdsd", by its docs the standard deviation of successive differences between heartbeats, is that of
# their sizes: it takes abs() of the differences first, and so what goes up and down spreads less. Of beats that vary by
# 30 ms it is 26 ms, not 42; of beats that are 40 ms longer and shorter by turns 0, not 80. rmssd and sd1 are right:
# sdsd is sqrt(2) * sd1. get_samplerate_mstimer divides the count of samples, not of the gaps between them, by the time:
# 31 frames within a second, of a video of 30 a second, are 31 to it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet heartpy==1.2.7 numpy==1.26.4 scipy==1.17.1 matplotlib==3.11.2 setuptools==80.9.0
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import numpy as np

warnings.simplefilter("ignore")  # of pkg_resources, and of signals too short for spectra
import heartpy as hp

random = np.random.default_rng(0)
beats = {"30 ms": 800 + random.normal(0, 30, 400), "by turns": 800 + 40.0 * (-1) ** np.arange(401),
         "slow": 800 + 60 * np.sin(np.arange(400) / 30) + random.normal(0, 5, 400)}
found = {}
for name, rr in beats.items():
    measures = hp.process_rr(rr.copy(), clean_rr=False)[1]
    steps = np.diff(rr)
    by_hand, sizes = steps.std(), np.abs(steps).std()
    found[name] = float(measures["sdsd"])
    print(f"{name}: sdsd {found[name]:.1f} ms, of the differences {by_hand:.1f}, of their sizes {sizes:.1f}; "
          f"rmssd {measures['rmssd']:.1f}, sqrt(2) * sd1 {np.sqrt(2) * measures['sd1']:.1f}")
    assert abs(found[name] - sizes) < 1e-6 and found[name] < 0.7 * by_hand
    assert abs(measures["rmssd"] - np.sqrt(np.mean(steps**2))) < 1e-6
    assert abs(np.sqrt(2) * measures["sd1"] - by_hand) < 1e-6
assert found["by turns"] < 1e-6 and np.diff(beats["by turns"]).std() > 79.9

rate = hp.get_samplerate_mstimer(np.arange(31) / 30 * 1000)
print(f"31 frames in a second of 30 a second: {rate:.2f} a second")
assert abs(rate - 31) < 1e-9
PYTHON
