#!/bin/sh
# scikit-learn 1.9.1: median_absolute_error and max_error subtract in the type of the ratings. Of ratings from
# 0 to 100 in bytes (uint8, as small columns are stored) a guess 5 too high is 251 off: the median error is
# 214.5, not 8, the largest 255, not 55, without a word. mean_absolute_error and mean_squared_error of the same
# arrays are right (issue 28827 there). Give one of the two as floats.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
from sklearn import metrics

random = np.random.default_rng(0)
true = random.integers(0, 101, 400)
guess = np.clip(true + random.normal(0, 15, 400).round(), 0, 100)
errors = np.abs(guess - true)
expected = {"mean_absolute_error": errors.mean(), "mean_squared_error": (errors**2).mean()}
expected |= {"median_absolute_error": np.median(errors), "max_error": errors.max()}
for name, right in expected.items():
    metric = getattr(metrics, name)
    whole = metric(true, guess)
    small = metric(true.astype(np.uint8), guess.astype(np.uint8))
    mixed = metric(true.astype(np.uint8), guess.astype(np.float32))
    print(f"{name}: {right:.2f}; int64 {whole:.2f}, bytes {small:.2f}, bytes and floats {mixed:.2f}")
    assert abs(whole - right) < 1e-3 and abs(mixed - right) < 1e-3
    assert abs(small - right) < 1e-3 if name.startswith("mean") else small > 200
low = metrics.max_error(np.array([5, 7, 80], np.uint8), np.array([4, 7, 80], np.uint8))
high = metrics.max_error(np.array([5, 7, 80], np.uint8), np.array([6, 7, 80], np.uint8))
print(f"one guess of three 1 too low: largest error {low}; 1 too high: {high}")
assert 1 in (low, high) and 255 in (low, high)
PYTHON
