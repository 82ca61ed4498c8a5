#!/bin/sh
# scikit-posthocs 0.17.1: posthoc_mannwhitney(alternative="greater") gives a symmetric matrix: both cells of a pair have
# the p value of "row > column" for the one whose name comes first. Of faces rated after a happy and a neutral clip row
# "neutral", column "happy" has .012, though neutral ones are rated lower (p .989), and with the names "smile" and
# "neutral" the very same ratings have .989 in both. p_adjust counts these only. Nothing warns; two-sided it is right.
# Its docs tell of the one-sided hypothesis, not of whom. Ask scipy's mannwhitneyu for each pair.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-posthocs==0.17.1 numpy==2.4.6 pandas==2.3.3 scipy==1.17.1
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
import pandas as pd
import scikit_posthocs
from scipy.stats import mannwhitneyu

random = np.random.default_rng(0)
ratings = {"neutral": random.normal(3, 1, 20), "high": random.normal(3.4, 1, 20), "low": random.normal(2.5, 1, 20)}
for names in ({"high": "happy", "low": "sad"}, {"high": "smile", "low": "frown"}):
    groups = {names.get(name, name): values for name, values in ratings.items()}
    rows = [(name, value) for name, values in groups.items() for value in values]
    table = pd.DataFrame(rows, columns=["clip", "rating"])
    for alternative in ("greater", "less", "two-sided"):
        found = scikit_posthocs.posthoc_mannwhitney(table, "rating", "clip", alternative=alternative)
        for row in groups:
            for column in groups:
                if row == column:
                    continue
                truth = mannwhitneyu(groups[row], groups[column], alternative=alternative).pvalue
                p = found.loc[row, column]
                if column == names["high"] or row == names["high"]:
                    print(f"row {row}, column {column}, {alternative}: p {p:.4f}, by scipy {truth:.4f}")
                assert p == found.loc[column, row]
                assert (abs(p - truth) < 1e-9) == (row < column or alternative == "two-sided")
PYTHON
