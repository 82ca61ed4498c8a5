#!/bin/sh
# ruptures 1.1.10: precision_recall says that a true change is found if a computed one lies within the margin.
# Where true changes lie closer than the margin (10 samples, .33 s at 30 Hz: a smile that begins and ends), the
# first of them uses up all computed ones in its reach, and the next has none: a detection of two short smiles
# that is exactly right gets .5 and .5, one that has only their beginnings 1 and .5. Changes farther apart
# than the margin are counted right: give a smaller one, or match them one to one yourself.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ruptures==1.1.10 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from ruptures.metrics import precision_recall
from scipy.optimize import linear_sum_assignment

END, MARGIN = 300, 10  # the margin is the default


def by_hand(truth: list[int], computed: list[int]) -> tuple[float, float]:
    """Each true change with one computed change at most, as many pairs as there can be."""
    near = np.abs(np.subtract.outer(truth[:-1], computed[:-1])) < MARGIN
    pairs = near[linear_sum_assignment(near, maximize=True)].sum()
    return float(pairs / (len(computed) - 1)), float(pairs / (len(truth) - 1))


smiles = {
    "two smiles of .27 s": [100, 108, 200, 208, END],
    "two smiles of 1 s": [100, 130, 200, 230, END],
    "ten changes, 8 samples apart": [*range(100, 180, 8), END],
    "ten changes, 3 samples apart": [*range(100, 130, 3), END],
}
scores = {}
for name, truth in smiles.items():
    scores[name] = precision_recall(truth, truth)
    print(f"{name}, all found: precision and recall {scores[name]}, by hand {by_hand(truth, truth)}")
    assert by_hand(truth, truth) == (1, 1)
assert list(scores.values()) == [(0.5, 0.5), (1, 1), (0.9, 0.9), (0.7, 0.7)]
truth, beginnings = [100, 108, 200, 208, END], [100, 200, END]
scored = precision_recall(truth, beginnings), precision_recall(truth, truth)
print(f"only where the smiles begin: {scored[0]}; all four: {scored[1]}")
assert scored == ((1, 0.5), (0.5, 0.5))
PYTHON
