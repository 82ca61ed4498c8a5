#!/bin/sh
# dabest 2025.10.20: load(data, x=, y=, idx=, paired="baseline", id_col="person") wants the column that says whose
# values belong together, and then pairs by the order of the rows in each group. Of 30 people whose smile gains 5 +- 2
# the interval is 4.8 to 6.2; the same table with its rows in another order, as they come when each session begins with
# somebody else, has 0.6 to 10.3 and p .04, without a word. The difference itself is right. Sort by id_col before.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dabest==2025.10.20 pandas==2.2.3 numpy==2.1.3 scipy==1.15.3
cd "$folder"
"$folder/venv/bin/python" -W ignore - 2>/dev/null <<'PYTHON'
import dabest
import numpy as np
import pandas as pd
from scipy import stats

PEOPLE = 30
random = np.random.default_rng(0)
before = random.normal(50, 15, PEOPLE)
after = before + 5 + random.normal(0, 2, PEOPLE)
wide = pd.DataFrame({"person": range(PEOPLE), "before": before, "after": after})
in_order = wide.melt("person", var_name="time", value_name="smile")
orders = {
    "by person": in_order,
    "by person, the last first": in_order[::-1],
    "shuffled": in_order.sample(frac=1, random_state=1),
    "each time in an order of its own": pd.concat(
        [in_order[:PEOPLE], in_order[PEOPLE:].sample(frac=1, random_state=2)]
    ),
}
by_hand = stats.ttest_rel(after, before)
interval = by_hand.confidence_interval()
print(f"scipy: {(after - before).mean():.1f}, {interval.low:.1f} to {interval.high:.1f}, p {by_hand.pvalue:.4f}")
widths = {}
for order, rows in orders.items():
    loaded = dabest.load(rows, x="time", y="smile", idx=("before", "after"), paired="baseline", id_col="person")
    found = loaded.mean_diff.results.iloc[0]
    low, high = found["bca_low"], found["bca_high"]
    widths[order] = high - low
    print(f"{order}: {found['difference']:.1f}, {low:.1f} to {high:.1f}, "
          f"permutation p {found['pvalue_permutation']:.4f}, paired t p {found['pvalue_paired_students_t']:.4f}")
    assert abs(found["difference"] - (after - before).mean()) < 1e-9
for order, width in widths.items():
    assert width < 1.6 if order.startswith("by person") else width > 8
PYTHON
