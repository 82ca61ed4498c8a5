#!/bin/sh
# pingouin 0.7.0: by its docs F and pval of intraclass_corr "provide a formal test of whether rater means differ
# significantly", and a small p tells of bias between coders. They test whether clips differ (F = 1 / (1 - ICC(C,k))),
# as R's psych does. Of three coders with the very same mean that agree (ICC .92) p is 1e-34, and of three that differ
# by one and two points .94: who follows the docs reports bias where there is none. rm_anova tests bias, with within=
# the column of the coders and subject= that of the clips.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pingouin==0.7.0 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 statsmodels==0.15.0
"$folder/venv/bin/python" - <<'PYTHON'
import inspect
import re

import numpy as np
import pandas as pd
import pingouin as pg
from scipy import stats

CLIPS, CODERS = 40, 3
docs = re.sub(r"\s+", " ", inspect.getdoc(pg.intraclass_corr))
assert "F-test results for detecting systematic differences (bias) between raters" in docs
assert "formal test of whether rater means differ significantly" in docs

random = np.random.default_rng(0)
agree = random.normal(0, 2, (CLIPS, 1)) + random.normal(0, 0.5, (CLIPS, CODERS))
agree -= agree.mean(axis=0)  # all coders have the same mean
differ = random.normal(0, 1, (CLIPS, CODERS)) + [0, 1, 2]


def tests(ratings: np.ndarray) -> tuple[float, float, float, float]:
    """F and p of intraclass_corr for ICC(A,1), and p by hand of differences between clips and between coders."""
    clip, coder = np.divmod(np.arange(ratings.size), CODERS)
    table = pd.DataFrame({"clip": clip, "coder": coder, "rating": ratings.ravel()})
    icc = pg.intraclass_corr(table, "clip", "coder", "rating").set_index("Type").loc["ICC(A,1)"]
    clips, coders = (ratings.mean(axis, keepdims=True) - ratings.mean() for axis in (1, 0))
    df = (CLIPS - 1, CODERS - 1, (CLIPS - 1) * (CODERS - 1))
    error = np.sum((ratings - ratings.mean() - clips - coders) ** 2) / df[2]
    of_clips = CODERS * np.sum(clips**2) / df[0] / error
    of_coders = CLIPS * np.sum(coders**2) / df[1] / error
    p_clips, p_coders = stats.f.sf(of_clips, df[0], df[2]), stats.f.sf(of_coders, df[1], df[2])
    assert abs(icc["F"] - of_clips) < 1e-6 * of_clips and np.isclose(icc["pval"], p_clips, rtol=1e-4)
    anova = pg.rm_anova(table, "rating", within="coder", subject="clip", correction=False)
    assert np.isclose(anova.loc[0, "p_unc"], p_coders, rtol=1e-4)
    return float(icc["ICC"]), float(icc["pval"]), float(p_clips), float(p_coders)


for name, ratings in {"coders with one mean that agree": agree, "coders that differ by 1 and 2": differ}.items():
    icc, p, p_clips, p_coders = tests(ratings)
    print(f"{name}: ICC(A,1) {icc:.2f}, pval {p:.2g}; by hand clips {p_clips:.2g}, coders {p_coders:.2g}")
    assert p < 1e-30 and p_coders > 0.99 if name.endswith("agree") else p > 0.9 and p_coders < 1e-10
PYTHON
