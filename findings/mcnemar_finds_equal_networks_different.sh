#!/bin/sh
# statsmodels 0.15.0 (exact=False) and mlxtend 0.25.0 (by default): McNemar's test with its continuity correction
# takes (|b - c| - 1)^2 / (b + c), also where b = c. Two networks that are right on the same faces, say a network and
# its export, differ with chi2 = inf and p = 0 (NumPy warns of a division), and with 2 and 2 faces that only one gets
# right p is .62, not 1. R leaves the correction out there. Take exact=True, which gives 1 for all of these.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mlxtend==0.25.0 statsmodels==0.15.0 scipy==1.17.1 numpy==2.4.6
"$folder/venv/bin/python" -W ignore::RuntimeWarning - <<'PYTHON'
import mlxtend.evaluate
import numpy as np
import statsmodels.stats.contingency_tables
from scipy.stats import binomtest

random = np.random.default_rng(0)
truth = random.integers(0, 7, 500)
network = np.where(random.random(500) < 0.6, truth, random.integers(0, 7, 500))
right, wrong = np.flatnonzero(network == truth), np.flatnonzero(network != truth)
for only_network, only_export in ((0, 0), (1, 1), (2, 2), (5, 5), (12, 3)):
    export = network.copy()
    export[right[:only_network]] = (truth[right[:only_network]] + 1) % 7
    export[wrong[:only_export]] = truth[wrong[:only_export]]
    assert (export != network).sum() == only_network + only_export
    table = mlxtend.evaluate.mcnemar_table(truth, network, export)
    chi2, p = mlxtend.evaluate.mcnemar(table)
    _, exact = mlxtend.evaluate.mcnemar(table, exact=True)
    test = statsmodels.stats.contingency_tables.mcnemar
    other = test(table, exact=False)
    count = only_network + only_export
    expected = binomtest(only_network, count).pvalue if count else 1
    print(f"{only_network} and {only_export} faces only one gets right: mlxtend chi2 {chi2:.2f}, p {p:.3f};",
          f"statsmodels chi2 {other.statistic:.2f}, p {other.pvalue:.3f}; exact {exact:.3f}")
    assert np.isclose(exact, expected) and np.isclose(test(table, exact=True).pvalue, expected)
    assert (chi2, p) == (other.statistic, other.pvalue)
    if only_network == only_export:
        assert p == 0 if count == 0 else 0.4 < p < 0.8
        assert p < exact == 1
PYTHON
