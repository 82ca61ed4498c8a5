#!/bin/sh
# uncertainty-toolbox 0.1.1: what is counted for a quantile (prop_type="quantile", get_proportion_under_quantile) is how
# often prediction - truth lies below it, not truth - prediction, as its docs have it. Of a valence that is read .5 too
# high 16 % are said to lie below the prediction, where 84 % do, and get_quantile_recalibrator goes the wrong way: the
# median that it gives is 1.0 too high. It is right only where errors are symmetric. Nothing warns. Exchange
# the two, get_quantile_recalibrator(truth, std, prediction), and it is right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet uncertainty-toolbox==0.1.1 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from uncertainty_toolbox.metrics_calibration import get_proportion_under_quantile, get_quantile
from uncertainty_toolbox.recalibration import get_quantile_recalibrator

random = np.random.default_rng(0)
COUNT, STD = 4000, 0.5


def ratings(too_high: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read valence, the deviation that the network gives, and true valence."""
    read = random.normal(0, 1, COUNT)
    return read, np.full(COUNT, STD), read - too_high + random.normal(0, STD, COUNT)


for too_high in (0, 0.5):
    read, std, true = ratings(too_high)
    counted, below = get_proportion_under_quantile(read, std, true, 0.5), np.mean(true <= read)
    print(f"{too_high} too high: below the prediction lie {below:.3f}, counted {counted:.3f}")
    assert abs(counted - (1 - below)) < 1e-9
    recalibrated = get_quantile_recalibrator(read, std, true)
    exchanged = get_quantile_recalibrator(true, std, read)
    new, std, true = ratings(too_high)
    for q in (0.1, 0.5, 0.9):
        plain = np.mean(true <= get_quantile(new, std, q))
        got = recalibrated(new, std, q)
        right = np.mean(true <= exchanged(new, std, q))
        print(f"  quantile {q}: {plain:.3f} lie below as predicted, {np.mean(true <= got):.3f} recalibrated, "
              f"{right:.3f} exchanged; moved by {np.mean(got - get_quantile(new, std, q)):+.2f}")
        assert abs(right - q) < 0.03
        if too_high:
            assert np.mean(true <= got) > plain > q + 0.05
            assert q != 0.5 or np.mean(true <= got) > 0.95
PYTHON
