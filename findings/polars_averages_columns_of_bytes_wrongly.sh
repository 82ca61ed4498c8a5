#!/bin/sh
# polars 2.1.0: mean_horizontal of columns of UInt8 adds them up as UInt8, which passes 255, and divides
# then: the mean of 200 and 100 is 22, without a word, as a Float64 that shows nothing of it. Seven coders'
# ratings from 0 to 100 become 17 on average, not 50. Down a column sum() and mean() widen the numbers
# before, as list.sum() and list.mean() do across; dot() does not. Cast to Float64 before.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet polars==2.1.0 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
import polars as pl

CLIPS, CODERS = 1000, 7
levels = np.random.default_rng(0).integers(0, 101, (CLIPS, CODERS), dtype=np.uint8)
truth = levels.mean(axis=1)
names = [f"coder_{number}" for number in range(CODERS)]
ratings = pl.DataFrame(levels, schema=names)
assert set(ratings.dtypes) == {pl.UInt8}

columns = pl.all()
ways = {
    "mean_horizontal": ratings.select(pl.mean_horizontal(columns)).to_series(),
    "DataFrame.mean_horizontal": ratings.mean_horizontal(),
    "sum_horizontal / 7": ratings.select(pl.sum_horizontal(columns) / CODERS).to_series(),
    "concat_list, list.mean": ratings.select(pl.concat_list(columns).list.mean()).to_series(),
    "cast, mean_horizontal": ratings.cast(pl.Float64).mean_horizontal(),
}
right = {}
for way, means in ways.items():
    right[way] = float(np.isclose(means.to_numpy(), truth).mean())
    print(f"{way}: {means.dtype}, mean of all {means.mean():.1f} (by NumPy {truth.mean():.1f}), "
          f"{right[way]:.0%} of the clips are right")
    assert means.dtype == pl.Float64
assert all(right[way] < 0.2 for way in list(ways)[:3]) and all(right[way] == 1 for way in list(ways)[3:])
assert np.allclose([ratings[name].mean() for name in names], levels.mean(axis=0))
assert [ratings[name].sum() for name in names] == levels.sum(axis=0, dtype=int).tolist()

two = pl.DataFrame({"a": [200], "b": [100]}, schema={"a": pl.UInt8, "b": pl.UInt8})
mean, dot = two.mean_horizontal().item(), two["a"].dot(two["b"])
print(f"of 200 and 100: mean {mean}, product {dot}")
assert (mean, dot) == (22, 200 * 100 % 256)
PYTHON
