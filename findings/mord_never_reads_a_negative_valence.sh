#!/bin/sh
# mord 0.7 (ordinal regression): OrdinalRidge and LAD cut what they predict at 0 below, whatever levels they were
# trained on. Of valence from -2 to 2 every negative face is read as 0: 51 % are right, not 78 %, and r is .83, not .95;
# of levels 1 to 5 a 0 comes out, which is none. Nothing warns of it. LogisticAT, LogisticIT and LogisticSE keep to the
# levels. Train on levels from 0 on, and add the lowest level after.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mord==0.7 scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
"$folder/venv/bin/python" -W "ignore:Liblinear" - <<'PYTHON'
import mord
import numpy as np

random = np.random.default_rng(0)
shown = random.integers(0, 5, 600)
features = np.stack([shown + random.normal(0, 0.5, 600), random.normal(size=600)], axis=1)
train, test = slice(0, 300), slice(300, 600)
for kind in (mord.OrdinalRidge, mord.LAD, mord.LogisticAT, mord.LogisticIT, mord.LogisticSE):
    cut = kind in (mord.OrdinalRidge, mord.LAD)
    right = {}
    for lowest in (0, -2, 1, -4):
        levels = shown + lowest
        said = kind().fit(features[train], levels[train]).predict(features[test])
        right[lowest] = float((said == levels[test]).mean())
        print(f"{kind.__name__}, levels {lowest} to {lowest + 4}: {right[lowest]:.0%} right, r "
              f"{np.corrcoef(said + random.normal(0, 1e-9, 300), levels[test])[0, 1]:.2f}, said "
              f"{sorted(int(level) for level in np.unique(said))}")
        assert said.min() >= lowest or lowest == 1
        assert (said.min() == (0 if cut else lowest)) or lowest == 1
    assert right[0] > 0.7
    assert right[-2] < 0.65 and right[-4] < 0.3 if cut else right[-2] == right[-4] == right[0]
over = np.array([[0.5, 0.0]] * 3)  # more negative than any face of level 1
for kind in (mord.OrdinalRidge, mord.LAD):
    said = kind().fit(features, shown + 1).predict(over - 2)
    print(f"{kind.__name__}, levels 1 to 5, a face below: {said.tolist()}")
    assert (said == 0).all()
PYTHON
