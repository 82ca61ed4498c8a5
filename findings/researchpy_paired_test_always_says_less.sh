#!/bin/sh
# researchpy 0.3.7: ttest(after, before, paired=True) swaps its two one-sided p values where t is above 0. "Difference <
# 0 p value" is then the small one and "Difference > 0 p value" the large one, whichever way the difference goes: of 30
# people who smile more afterwards (t = 7.3) p is 0 for "less" and 1 for "more"; with the columns exchanged both are the
# same. Nothing warns. Unpaired it is right, and so is the two-sided p. Take scipy's ttest_rel(alternative="greater").
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet researchpy==0.3.7 scipy==1.17.1 numpy==2.4.6 pandas==2.3.3 statsmodels==0.14.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import pandas as pd
import researchpy
from scipy import stats

random = np.random.default_rng(0)
before = pd.Series(random.normal(50, 10, 30), name="before")
more = before + 5 + random.normal(0, 5, 30)
a_bit_more = before + 1 + random.normal(0, 5, 30)
less = before - 5 + random.normal(0, 5, 30)
swapped = {}
for name, first, second in [("more", more, before), ("before, more", before, more),
                            ("a bit more", a_bit_more, before), ("less", less, before)]:
    for paired in (True, False):
        _, table = researchpy.ttest(first.rename("after"), second, paired=paired)
        found = {row.iloc[0].strip(" ="): row.iloc[1] for _, row in table.iterrows()}
        test = stats.ttest_rel if paired else stats.ttest_ind
        truth = [test(first, second, alternative=side).pvalue for side in ("less", "greater", "two-sided")]
        seen = [found[f"Difference {side} 0 p value"] for side in "<>"] + [found["Two side test p value"]]
        swapped[name, paired] = bool(np.allclose(seen, [truth[1], truth[0], truth[2]], atol=1e-4))
        assert swapped[name, paired] or np.allclose(seen, truth, atol=1e-4)
        print(f"{name}, paired={paired}: t {found['t']:.2f}, p for less {seen[0]:.4f}, for more {seen[1]:.4f}; "
              f"scipy {truth[0]:.4f} and {truth[1]:.4f}")
        assert swapped[name, paired] == (paired and found["t"] > 0)
assert [name for (name, _), wrong in swapped.items() if wrong] == ["more", "a bit more"]
PYTHON
