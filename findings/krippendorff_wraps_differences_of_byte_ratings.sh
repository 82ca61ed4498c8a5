#!/bin/sh
# krippendorff 0.9.0: alpha() subtracts ratings in the type in which they come, and in bytes (uint8, as small columns
# are stored) 1 - 2 is 255. Of three coders' levels from 0 to 5 alpha is .83 at "interval", which is the default, and
# .32 in bytes; of ratings from 0 to 100 .91 and -.12, and at "ratio" .62 and -3.80. Nothing warns, -.12 looks like
# coders who disagree. int8, floats, value_counts=, "nominal" and "ordinal" are right. Give floats.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet krippendorff==0.9.0 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PYTHON'
import krippendorff
import numpy as np


def by_hand(ratings: np.ndarray) -> float:
    """1 - (mean squared difference within clips) / (that of all ratings), each over pairs of ratings; all are there."""
    coders, every = len(ratings), ratings.ravel()
    squares = sum(((one - other) ** 2).mean() for one in ratings for other in ratings) / (coders * (coders - 1))
    return float(1 - squares / (2 * every.var(ddof=1)))


random = np.random.default_rng(0)
alphas = {}
for highest, noise in ((5, 0.8), (100, 10)):
    shown = random.integers(0, highest + 1, 200)
    ratings = np.clip((shown + random.normal(0, noise, (3, 200))).round(), 0, highest)
    for level in ("nominal", "ordinal", "interval", "ratio"):
        said = {dtype: krippendorff.alpha(ratings.astype(dtype), level_of_measurement=level)
                for dtype in ("float64", "int8", "uint8")}
        alphas[highest, level] = said
        print(f"0 to {highest}, {level}: " + ", ".join(f"{dtype} {alpha:.2f}" for dtype, alpha in said.items()))
    assert abs(alphas[highest, "interval"]["float64"] - by_hand(ratings)) < 1e-9
    assert krippendorff.alpha(ratings.astype("uint8")) == alphas[highest, "interval"]["uint8"]
    counts = np.stack([(ratings == level).sum(axis=0) for level in range(highest + 1)], axis=1).astype("uint8")
    assert abs(krippendorff.alpha(value_counts=counts) - by_hand(ratings)) < 1e-9
for (highest, level), said in alphas.items():
    assert level == "ratio" or abs(said["int8"] - said["float64"]) < 1e-9
    lost = abs(said["uint8"] - said["float64"])
    assert lost < 1e-9 if level in ("nominal", "ordinal") else lost > 0.5
PYTHON
