#!/bin/sh
# nilearn 0.14.1: make_first_level_design_matrix takes the times of the scans, and puts a response function that is
# sampled by the shortest step between them on a grid of the mean step. Where scans are left out (a pause, motion) the
# mean is longer, and all responses are stretched by that factor, also those far from the gap: in two parts of 60 s
# with a pause of 120 s between, the response to a smile at 5 s has its peak after 10.5 s, not 5.5 s. Times that
# jitter by a tenth of a step do it, too. Nothing warns. Make the matrix of the times without the gap, then drop rows.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nilearn==0.14.1 numpy==2.4.6 pandas==3.1.1 scikit-learn==1.9.1
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
import pandas as pd
from nilearn.glm.first_level import make_first_level_design_matrix

STEP_S = 0.25
smiles = pd.DataFrame({"onset": [5.0, 200.0], "duration": [1.0, 1.0], "trial_type": "smile"})
whole_s = np.arange(0, 240, STEP_S)


def response(times_s: np.ndarray) -> pd.Series:
    return make_first_level_design_matrix(times_s, smiles, drift_model=None)["smile"]


def peak_s(one: pd.Series, onset_s: float) -> float:
    """How long after the smile the response is at its peak."""
    return round(float(one[(one.index >= onset_s) & (one.index < onset_s + 35)].idxmax() - onset_s), 2)


right = response(whole_s)
jitter_s = np.random.default_rng(0).uniform(-0.1, 0.1, len(whole_s)) * STEP_S
cases = {
    "all times": whole_s,
    "a pause of 15 s": whole_s[(whole_s < 60) | (whole_s >= 75)],
    "a pause of 120 s": whole_s[(whole_s < 60) | (whole_s >= 180)],
    "each tenth left out": whole_s[np.arange(len(whole_s)) % 10 != 5],
    "times that jitter by a tenth": whole_s + jitter_s,
}
seen = {}
for name, times_s in cases.items():
    one = response(times_s)
    mine = np.interp(times_s, whole_s, right)
    correlation = round(float(np.corrcoef(one, mine)[0, 1]), 2)
    stretch = round(float(np.diff(times_s).mean() / np.diff(times_s).min()), 2)
    seen[name] = stretch, peak_s(one, 5), peak_s(one, 200), correlation
    print(f"{name}: mean step {stretch} times the shortest; peaks {seen[name][1]} and {seen[name][2]} s after the "
          f"smiles, correlates {correlation} with the right response")
assert seen["all times"] == (1, 5.5, 5.5, 1)
assert seen["a pause of 120 s"][:3] == (2, 10.5, 10.5) and seen["a pause of 120 s"][3] < 0.2
assert seen["each tenth left out"][1] == 6 and seen["times that jitter by a tenth"][1] > 6.5
PYTHON
