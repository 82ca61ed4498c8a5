#!/bin/sh
# pandas 3.1.1: std, var and sem of a column of float16 (scores of a network in half precision) count its rows in
# float16, too, where 65520 and more are infinite: 36 min of a video at 30 Hz have a spread of exactly 0, in describe()
# as well, beside a right mean. NumPy warns once of an "overflow encountered in cast". (Pull request 40738 there.) With
# one row less, by groupby().std(), skew() or the quantiles it is right. Take astype("float32") before.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pandas==3.1.1 numpy==2.4.6
"$folder/venv/bin/python" -W "ignore:overflow encountered in cast" - <<'PYTHON'
import numpy as np
import pandas as pd

random = np.random.default_rng(0)
for rows in (10_000, 65_519, 65_520, 108_000):
    scores = pd.DataFrame({"happy": random.random(rows), "sad": random.random(rows)}).astype("float16")
    scores = pd.concat([scores, scores * np.nan])  # as many frames without a face, which do not count
    right = scores.astype("float64").describe()
    said = scores.describe()
    print(f"{rows} rows ({rows / 30 / 60:.1f} min): mean {said.loc['mean', 'happy']:.3f}, "
          f"std {said.loc['std', 'happy']:.3f}, by float64 {right.loc['std', 'happy']:.3f}")
    assert abs(said.loc["mean"] - right.loc["mean"]).max() < 1e-3
    zero = rows >= 65_520
    for measure in ("std", "var", "sem"):
        half, double = scores.agg(measure), scores.astype("float64").agg(measure)
        assert (half == 0).all() if zero else (abs(half / double - 1) < 2e-3).all(), measure
        assert abs(scores.astype("float32").agg(measure) / double - 1).max() < 1e-3
        one = getattr(scores["happy"].dropna(), measure)()
        assert one == 0 if zero else one > 0
    grouped = scores.groupby(np.zeros(len(scores))).std().iloc[0]
    assert abs(grouped / right.loc["std"] - 1).max() < 2e-3
    assert abs(scores.skew() - scores.astype("float64").skew()).max() < 2e-3
PYTHON
