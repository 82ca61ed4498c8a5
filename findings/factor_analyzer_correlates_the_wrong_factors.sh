#!/bin/sh
# factor_analyzer 0.5.1: after an oblique rotation (promax, the default) factors are sorted by the variance they
# explain, in loadings_ and structure_, and phi_, their correlations, stays in the order before. Of ratings of
# joy (3 items), sadness (4) and anger (6), where sadness and anger correlate by .6, phi_ has .59 between joy
# and anger, and none between sadness and anger. np.linalg.pinv(loadings_) @ structure_ has them in order.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet factor_analyzer==0.5.1 scikit-learn==1.7.2 numpy==2.4.6 pandas==2.3.3 \
    scipy==1.17.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from factor_analyzer import FactorAnalyzer

PEOPLE, FEELINGS = 5000, np.array(["joy", "sadness", "anger"])
TRUE = np.array([[1, 0, 0], [0, 1, 0.6], [0, 0.6, 1]])


def correlations(matrix: np.ndarray, names: list[str]) -> dict[frozenset[str], float]:
    pairs = ((0, 1), (0, 2), (1, 2))
    return {frozenset((names[i], names[j])): round(float(matrix[i, j]), 1) for i, j in pairs}


right = correlations(TRUE, list(FEELINGS))
seen = {}
for items in ((3, 4, 6), (6, 4, 3)):
    for rotation in ("promax", "oblimin"):
        random = np.random.default_rng(0)
        item_of = np.repeat(FEELINGS, items)
        felt = random.multivariate_normal(np.zeros(3), TRUE, size=PEOPLE)
        ratings = 0.8 * np.repeat(felt, items, axis=1) + 0.6 * random.normal(size=(PEOPLE, sum(items)))
        analyzer = FactorAnalyzer(3, rotation=rotation).fit(ratings)
        names = []
        for loadings in analyzer.loadings_.T:
            (name,) = set(item_of[loadings > 0.6])  # each factor is one feeling
            assert (abs(loadings[item_of != name]) < 0.1).all()
            names.append(str(name))
        said = correlations(analyzer.phi_, names)
        mended = correlations(np.linalg.pinv(analyzer.loadings_) @ analyzer.structure_, names)
        print(f"{items} items, {rotation}: factors {names}, phi_ {analyzer.phi_.round(2).tolist()}")
        assert mended == right
        seen[items, rotation] = said == right
        if not seen[items, rotation]:
            assert said[frozenset(("joy", "anger"))] == 0.6 and said[frozenset(("sadness", "anger"))] == 0
assert [ok for (items, _), ok in seen.items() if items[0] == 3] == [False, False]
assert [ok for (items, _), ok in seen.items() if items[0] == 6] == [True, True]
PYTHON
