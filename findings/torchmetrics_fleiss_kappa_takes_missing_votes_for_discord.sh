#!/bin/sh
# torchmetrics 1.9.0: FleissKappa(mode="counts") takes the largest number of votes on any image for that of
# every image, so votes that are missing count as discord, without a word: images with 5 to 10 votes, as
# FER+ has once "unknown" is left out, on which all voters agree give .52, not 1. (Its documentation's
# example is such a table, called "10 raters".) krippendorff.alpha(value_counts=...) gives 1.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torchmetrics==1.9.0 torch==2.13.0 numpy==2.4.6 krippendorff==0.9.0
"$folder/venv/bin/python" - <<'PYTHON'
import krippendorff
import numpy as np
import torch
from torchmetrics.functional.nominal import fleiss_kappa

random = np.random.default_rng(0)
votes = random.integers(5, 11, 2000)  # on each image
ten = np.full(2000, 10)
emotions = np.eye(7, dtype=int)[random.integers(0, 7, 2000)]
even = np.full(7, 1 / 7)
tables = {
    "ten votes, all agree": emotions * 10,
    "ten votes by chance": random.multinomial(ten, even),
    "5 to 10 votes, all agree": emotions * votes[:, None],
    "5 to 10 votes by chance": random.multinomial(votes, even),
}
seen = []
for name, counts in tables.items():
    kappa = round(float(fleiss_kappa(torch.tensor(counts))), 2)
    alpha = round(float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")), 2)
    print(f"{name}: torchmetrics' kappa {kappa}, Krippendorff's alpha {alpha}")
    seen.append((kappa, alpha))
assert seen[0] == (1, 1) and seen[2] == (0.52, 1)
assert max(abs(seen[1][0]), abs(seen[1][1]), abs(seen[3][1])) < 0.02
PYTHON
