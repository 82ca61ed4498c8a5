#!/bin/sh
# antropy 0.2.3: sample_entropy of up to 4999 values takes two for alike that differ by less than the tolerance, from
# 5000 on also those that differ by just as much; "both code paths should produce equivalent results", say its docs. Of
# ratings in whole steps with tolerance=1 it is 1.10 for 4999 values, which is that of equal values only, and .41 for
# 5000: whoever compares people has those with longer videos more regular. Without a word; of fractions that never meet
# the tolerance both agree. Take a tolerance between two steps, such as 1.5.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet antropy==0.2.3 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/python" -W error - <<'PYTHON'
import antropy
import numpy as np


def by_hand(ratings: np.ndarray, tolerance: float, equal: bool) -> float:
    """Sample entropy of order 2, of distances below the tolerance, or up to it."""
    counts = []
    for order in (2, 3):
        parts = np.stack([ratings[i:len(ratings) - 2 + i] for i in range(order)])
        counts.append(0)
        for first in range(parts.shape[1]):
            distance = np.abs(parts[:, first + 1:] - parts[:, first:first + 1]).max(axis=0)
            counts[-1] += int(np.sum(distance <= tolerance if equal else distance < tolerance))
    return float(np.log(counts[0] / counts[1]))


steps = np.random.default_rng(0).integers(-1, 2, 5000)
ratings = np.cumsum(steps) % 6
seen = {}
for length in (4998, 4999, 5000):
    part = ratings[:length]
    for tolerance in (1, 1.5):
        found = antropy.sample_entropy(part, tolerance=tolerance)
        below, up_to = by_hand(part, tolerance, equal=False), by_hand(part, tolerance, equal=True)
        print(f"{length} ratings, tolerance {tolerance}: {found:.3f}; by hand below it {below:.3f}, "
              f"up to it {up_to:.3f}")
        assert abs(found - (up_to if length >= 5000 else below)) < 1e-3
        assert (tolerance == 1) == (below > up_to + 0.5)
PYTHON
