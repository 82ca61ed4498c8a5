#!/bin/sh
# keras 3.15.1, PyTorch backend: AveragePooling2D(3, strides=2, padding="same") of a map of even size, where
# the padding is odd, repeats the last row and column and takes these for pixels; TensorFlow and JAX leave the
# padding out. A model trained in one gives other numbers in the other, without a word: of noise the last row
# and column are 6 % off; all else, odd sizes and MaxPooling2D agree. (Pull request 23233 there.) Give maps of
# odd size, or pool without padding.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 torch==2.13.0 jax==0.10.2 numpy==2.4.6
cat > "$folder/pool.py" <<'PYTHON'
import os

import keras
import numpy as np

backend = os.environ["KERAS_BACKEND"]
noise = np.random.default_rng(0).uniform(0, 1, (1, 24, 24, 8)).astype(np.float32)


def by_hand(image, combine, mode):
    """Windows of 3 at every second pixel; a map of even size has one row and column of padding, behind."""
    before = image.shape[1] % 2
    options = {"constant_values": np.nan} if mode == "constant" else {}
    padded = np.pad(image, ((0, 0), (before, 1), (before, 1), (0, 0)), mode, **options)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, ::2, ::2]
    return combine(windows, (4, 5))


for name, layer, combine in (
    ("average", keras.layers.AveragePooling2D(3, strides=2, padding="same"), np.nanmean),
    ("maximum", keras.layers.MaxPooling2D(3, strides=2, padding="same"), np.nanmax),
):
    for size in (24, 23):
        image = noise[:, :size, :size]
        pooled = keras.ops.convert_to_numpy(layer(image))
        left_out, repeated = (by_hand(image, combine, mode) for mode in ("constant", "edge"))
        apart = np.abs(pooled - left_out) / left_out
        border = np.concatenate([apart[:, -1].ravel(), apart[:, :, -1].ravel()])
        print(f"{backend}, {name} of {size} px: the last row and column are {border.mean():.1%} off,", end=" ")
        print(f"all others {apart[:, :-1, :-1].max():.1%}")
        assert apart[:, :-1, :-1].max() < 1e-5
        if (backend, name, size) == ("torch", "average", 24):
            assert border.mean() > 0.05 and np.allclose(pooled, repeated, atol=1e-5)
        else:
            assert border.max() < 1e-5
PYTHON
for backend in torch jax; do
  KERAS_BACKEND=$backend "$folder/venv/bin/python" "$folder/pool.py" 2>"$folder/errors.txt" ||
    { cat "$folder/errors.txt"; exit 1; }
done
