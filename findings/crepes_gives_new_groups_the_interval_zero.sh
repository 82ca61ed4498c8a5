#!/bin/sh
# crepes 0.9.1: a ConformalRegressor with groups (bins=) gives a face of a group that it was not calibrated on, as a new
# person, the interval from 0 to 0, whatever was predicted: it fills in the groups that it knows. Nothing warns. The
# interval is endless, and that of a known group with too few faces is, with a warning; predict_p knows nothing of such
# a face, too. evaluate() takes these intervals for the narrowest. Look before: np.isin(bins, bins_calibrated).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet crepes==0.9.1 scikit-learn==1.9.1 numpy==2.4.6 pandas==2.3.3 scipy==1.17.1
"$folder/venv/bin/python" -W error - <<'PYTHON'
import warnings

import numpy as np
from crepes import ConformalRegressor

random = np.random.default_rng(0)
people = np.repeat(["ada", "ben", "cleo"], 100)
conformal = ConformalRegressor().fit(random.normal(0, 0.2, 300), bins=people)  # errors of valence, from -1 to 1

predicted, asked = np.array([0.5, 0.5, -0.7]), np.array(["ada", "dora", "eve"])
with warnings.catch_warnings():
    warnings.simplefilter("error")  # so that a warning would end this
    intervals = conformal.predict_int(predicted, bins=asked, confidence=0.9)
    weighed = conformal.predict_int(predicted, bins=asked, confidence=0.9, y_min=-1, y_max=1)
for who, valence, (low, high) in zip(asked, predicted, intervals):
    print(f"{who}: predicted {valence}, with 90 % between {low:.2f} and {high:.2f}")
assert 0.1 < intervals[0, 0] < 0.3 and 0.7 < intervals[0, 1] < 0.9
assert (intervals[1:] == 0).all() and (weighed[1:] == 0).all()

few = ConformalRegressor().fit(random.normal(0, 0.2, 103), bins=np.array(["ada"] * 100 + ["dora"] * 3))
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    small = few.predict_int(predicted, bins=np.array(["ada", "dora", "dora"]), confidence=0.9)
print(f"dora with three faces to calibrate on: {small[1]}, {len(seen)} warning")
assert np.isinf(small[1]).all() and len(seen) == 1

# What is far from all is as likely as what is near: of a group without faces nothing is known.
likely = conformal.predict_p(np.full(1000, 0.5), np.full(1000, 9.0), bins=np.full(1000, "dora"), seed=0)
truth = predicted + random.normal(0, 0.2, 3)
results = conformal.evaluate(predicted[1:], truth[1:], bins=asked[1:], confidence=0.9, metrics=["error", "eff_mean"])
print(f"p of a valence of 9: {likely.mean():.2f} on average; evaluate(): {results}")
assert 0.45 < likely.mean() < 0.55 and results["error"] == 1 and results["eff_mean"] == 0
PYTHON
