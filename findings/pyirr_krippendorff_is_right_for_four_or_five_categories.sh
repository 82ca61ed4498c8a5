#!/bin/sh
# pyirr 0.84.1.2 (R's irr for Python): kripp_alpha takes the wrong cells of its table, unless the ratings have
# four or five values. Of three who rate 300 clips and agree on most, alpha is .48 by hand for two values
# (smile or none) and for three; pyirr says -.30 and -.59, and .47 and .51 for four and five, which is right
# (its own example has five). Nothing warns. The package krippendorff is right for each.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyirr==0.84.1.2 krippendorff==0.9.0 numpy==2.4.6 pandas==2.3.3
"$folder/venv/bin/python" - <<'PYTHON'
import krippendorff
import numpy as np
from pyirr import kripp_alpha

CLIPS, RATERS = 300, 3


def by_hand(ratings: np.ndarray) -> float:
    """1 - (share of unequal pairs within clips) / (share of unequal pairs of all ratings)."""
    counts = np.stack([(ratings == value).sum(axis=1) for value in np.unique(ratings)], axis=1)
    within = 1 - (counts * (counts - 1)).sum() / (CLIPS * RATERS * (RATERS - 1))
    totals, all_ratings = counts.sum(axis=0), CLIPS * RATERS
    return float(1 - within / (1 - (totals * (totals - 1)).sum() / (all_ratings * (all_ratings - 1))))


random = np.random.default_rng(0)
alphas = {}
for values in (2, 3, 4, 5):
    shown = random.integers(values, size=(CLIPS, 1))
    guessed = random.integers(values, size=(CLIPS, RATERS))
    ratings = np.where(random.random((CLIPS, RATERS)) < 0.7, shown, guessed).astype(float)
    for method in ("nominal", "interval"):
        said = kripp_alpha(ratings, method).value
        right = krippendorff.alpha(ratings.T, level_of_measurement=method)
        alphas[values, method] = round(float(said), 2), round(float(right), 2)
        print(f"{values} values, {method}: pyirr {alphas[values, method][0]}, krippendorff {alphas[values, method][1]}")
        assert method != "nominal" or abs(right - by_hand(ratings)) < 1e-9
for (values, _), (said, right) in alphas.items():
    assert (said < 0 and right > 0.4) if values < 4 else abs(said - right) < 0.05
PYTHON
