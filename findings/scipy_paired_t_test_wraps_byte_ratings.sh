#!/bin/sh
# scipy 1.17.1: ttest_rel subtracts in the type of the ratings, and in bytes (uint8) 50 - 52 is 254. Of 30 clips rated
# from 0 to 100, which get 4 points more the second time, t is -2.9, and 7.8 in bytes: as sure, the other way round.
# statsmodels 0.15.0 (ttost_paired; rmse, meanabs, bias and maxabs of eval_measures) subtracts so, too. Nothing warns.
# wilcoxon, permutation_test and ttest_ind of the same bytes are right. Give floats.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scipy==1.17.1 statsmodels==0.15.0 numpy==2.4.6 pandas==3.1.1
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired
from statsmodels.tools import eval_measures

random = np.random.default_rng(0)
shown = random.normal(50, 15, 30)
first, second = (np.clip(shown + more + random.normal(0, 5, 30), 0, 100).round() for more in (0, 4))
difference = first - second
by_hand = difference.mean() / (difference.std(ddof=1) / np.sqrt(len(difference)))


def mean_difference(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
    return one.mean(axis) - other.mean(axis)


ways = {
    "ttest_rel": lambda a, b: stats.ttest_rel(a, b).statistic,
    "ttest_rel, p": lambda a, b: stats.ttest_rel(a, b).pvalue,
    "ttest_rel, 'greater', p": lambda a, b: stats.ttest_rel(a, b, alternative="greater").pvalue,
    "statsmodels ttost_paired within 8, p": lambda a, b: ttost_paired(a, b, -8, 8)[0],
    "statsmodels rmse": eval_measures.rmse,
    "statsmodels meanabs": eval_measures.meanabs,
    "statsmodels bias": eval_measures.bias,
    "statsmodels maxabs": eval_measures.maxabs,
    "wilcoxon": lambda a, b: stats.wilcoxon(a, b).statistic,
    "permutation_test": lambda a, b: stats.permutation_test(
        (a, b), mean_difference, permutation_type="samples", n_resamples=99, rng=0).statistic,
    "ttest_ind": lambda a, b: stats.ttest_ind(a, b).statistic,
}
said = {}
for way, measure in ways.items():
    said[way] = [float(measure(first.astype(dtype), second.astype(dtype))) for dtype in ("float64", "int16", "uint8")]
    print(f"{way}: " + ", ".join(f"{kind} {value:.4g}" for kind, value in zip(("floats", "int16", "bytes"), said[way])))
assert abs(said["ttest_rel"][0] - by_hand) < 1e-9 and said["ttest_rel"][2] > 5
assert said["ttest_rel, 'greater', p"][0] > 0.99 and said["ttest_rel, 'greater', p"][2] < 0.001
for way in list(ways)[:8]:
    assert abs(said[way][0] - said[way][1]) < 1e-9 and (said[way][0] != said[way][2])
for way in list(ways)[8:]:
    assert max(said[way]) - min(said[way]) < 1e-9
PYTHON
