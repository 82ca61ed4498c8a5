#!/bin/sh
# fairlearn 0.15.0: MetricFrame(n_boot=...).difference_ci() is a percentile interval of "largest
# group minus smallest group", which no resample makes negative. So it never holds 0: two groups
# that are read equally well differ "significantly" in every data set, and the difference that was
# measured can lie below its own interval. Test with a permutation, or signed differences.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fairlearn==0.15.0 scikit-learn==1.9.1 pandas==3.1.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from fairlearn.metrics import MetricFrame
from sklearn.metrics import accuracy_score

random = np.random.default_rng(0)
without_zero = below = 0
for seed in range(10):
    right = random.random(600) < 0.7  # whatever the group
    frame = MetricFrame(
        metrics=accuracy_score,
        y_true=np.ones(600, int),
        y_pred=right.astype(int),
        sensitive_features=random.integers(0, 2, 600),
        n_boot=100,
        ci_quantiles=[0.025, 0.975],
        random_state=seed,
    )
    low, high = frame.difference_ci()
    without_zero += low > 0
    below += frame.difference() < low
print(f"10 data sets of two groups that do not differ: {without_zero} intervals lie above 0")
print(f"and {below} of them above the difference that was measured")
assert without_zero == 10 and below >= 1
PYTHON
