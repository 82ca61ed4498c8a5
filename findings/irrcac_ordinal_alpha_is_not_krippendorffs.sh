#!/bin/sh
# irrCAC 0.4.4: krippendorff() with weights="ordinal" is another number than Krippendorff's ordinal alpha, whose
# distances depend on how often each rating is given: these weights count ranks alone (their formula is documented,
# this is not). Of Krippendorff's own example it is .834, where he has .815; of intensities of which most are weak
# .65 in place of .56. "identity", "quadratic" and "ratio" do give his nominal, interval and ratio alpha.
# The package krippendorff has all four.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet irrCAC==0.4.4 krippendorff==0.9.0 numpy==1.26.4 pandas==2.3.3
"$folder/venv/bin/python" - <<'PYTHON'
import krippendorff
import numpy as np
import pandas as pd
from irrCAC.raw import CAC

LEVELS = {"identity": "nominal", "ordinal": "ordinal", "quadratic": "interval", "ratio": "ratio"}
# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability": four observers, twelve units.
EXAMPLE = np.genfromtxt(["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .",
                         "1 2 3 3 2 4 4 1 2 5 1 ."], missing_values=".", filling_values=np.nan)
PUBLISHED = {"nominal": 0.743, "ordinal": 0.815, "interval": 0.849, "ratio": 0.797}


def by_hand(ratings: np.ndarray) -> float:
    """Ordinal alpha by its definition (Krippendorff 2011), of coders that may miss units."""
    values = np.unique(ratings[~np.isnan(ratings)])
    counts = np.array([[np.sum(unit == value) for value in values] for unit in ratings.T], float)
    counts = counts[counts.sum(1) > 1]
    pairs = sum((np.outer(n, n) - np.diag(n)) / (n.sum() - 1) for n in counts)
    n = pairs.sum(0)
    between = [[n[min(i, j) : max(i, j) + 1].sum() - (n[i] + n[j]) / 2 for j in range(len(n))] for i in range(len(n))]
    apart = np.square(between)
    return float(1 - (n.sum() - 1) * (pairs * apart).sum() / (np.outer(n, n) * apart).sum())


def compare(ratings: np.ndarray) -> dict[str, tuple[float, float]]:
    both = {}
    for weights, level in LEVELS.items():
        mine = CAC(pd.DataFrame(ratings.T), weights=weights).krippendorff()["est"]["coefficient_value"]
        his = krippendorff.alpha(reliability_data=ratings, level_of_measurement=level)
        both[level] = (round(float(mine), 3), round(float(his), 3))
    assert abs(by_hand(ratings) - both["ordinal"][1]) < 0.001
    return both


random = np.random.default_rng(1)
intensities = np.clip(np.round(random.exponential(1.0, 200)), 0, 5) + 1  # 1 to 6
coders = np.array([np.clip(intensities + random.choice([-1, 0, 0, 1], 200), 1, 6) for _ in range(2)])
for name, ratings in {"Krippendorff's example": EXAMPLE, "weak intensities": coders}.items():
    found = compare(ratings)
    print(f"{name}, (irrCAC, krippendorff): {found}")
    assert {level for level, (mine, his) in found.items() if mine != his} == {"ordinal"}
assert all(abs(his - PUBLISHED[level]) < 0.001 for level, (_, his) in compare(EXAMPLE).items())
assert compare(EXAMPLE)["ordinal"][0] == 0.834 and found["ordinal"][0] - found["ordinal"][1] > 0.08
PYTHON
