#!/bin/sh
# sktime 1.2.0: WindowedF1Score counts a found change as right if it lies at most a margin from a true one, with
# the default of 0 "only exact matches", so its docs. It skips what lies exactly the margin before: all found
# exactly gives 0.0, with margin 3 all found 3 too early gives 0.0 and 3 too late 1.0. And one found change
# counts for each true one near it: one between two, margin 5, gives 1.33. Match them one to one yourself.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet sktime==1.2.0 numpy==2.4.6 pandas==2.3.3 scipy==1.17.1 scikit-learn==1.7.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sktime.performance_metrics.detection import WindowedF1Score


def by_hand(truth: list[int], found: list[int], margin: int) -> float:
    near = np.abs(np.subtract.outer(truth, found)) <= margin
    pairs = near[linear_sum_assignment(near, maximize=True)].sum()
    return round(float(2 * pairs / (len(truth) + len(found))), 2)


truth = [100, 200, 300]
cases = {
    "all exactly, the default margin": (truth, truth, 0),
    "all exactly, margin 3": (truth, truth, 3),
    "all 3 too early, margin 3": (truth, [97, 197, 297], 3),
    "all 3 too late, margin 3": (truth, [103, 203, 303], 3),
    "one between two, margin 5": ([100, 108], [104], 5),
}
seen = {}
for name, (true, found, margin) in cases.items():
    metric = WindowedF1Score(margin=margin) if margin else WindowedF1Score()
    f1 = metric(pd.DataFrame({"ilocs": true}), pd.DataFrame({"ilocs": found}))
    seen[name] = round(float(f1), 2), by_hand(true, found, margin)
    print(f"{name}: F1 {seen[name][0]}, by hand {seen[name][1]}")
assert list(seen.values()) == [(0, 1), (1, 1), (0, 1), (1, 1), (1.33, 0.67)]
PYTHON
