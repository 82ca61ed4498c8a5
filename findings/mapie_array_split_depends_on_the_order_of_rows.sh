#!/bin/sh
# mapie 1.6.0: expected_calibration_error and top_label_ece with split_strategy="array split" cut the rows
# in the order in which they come, not by their scores, into parts whose highest scores become the edges:
# of shuffled rows nearly all fall into one bin, and what is too sure cancels what is too unsure. .002 for
# a model that is .3 wrong everywhere; the same rows, sorted, give .3. "quantile" bins have equal counts.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mapie==1.6.0 scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from mapie.metrics.calibration import expected_calibration_error, top_label_ece

random = np.random.default_rng(0)
scores = random.uniform(0.5, 1, 5000)
# Readings below .75 are right much more often than they say, those above much less often.
right = (random.random(5000) < np.where(scores < 0.75, 0.95, 0.55)).astype(int)
classes = random.integers(0, 2, 5000)  # that are read
truth = np.where(right == 1, classes, 1 - classes)
ascending = np.argsort(scores)
seen = {}
for strategy in ("uniform", "quantile", "array split"):
    for name, rows in (("shuffled", np.arange(5000)), ("sorted", ascending)):
        options = {"num_bins": 10, "split_strategy": strategy}
        seen[strategy, name] = (
            round(expected_calibration_error(right[rows], scores[rows], **options), 3),
            round(top_label_ece(truth[rows], scores[rows], classes[rows], **options), 3),
        )
        print(f"{strategy}, {name}: ECE and top-label ECE {seen[strategy, name]}")
for strategy in ("uniform", "quantile"):
    assert seen[strategy, "shuffled"] == seen[strategy, "sorted"]
    assert min(seen[strategy, "sorted"]) > 0.28
assert max(seen["array split", "shuffled"]) < 0.03
assert min(seen["array split", "sorted"]) > 0.28
PYTHON
