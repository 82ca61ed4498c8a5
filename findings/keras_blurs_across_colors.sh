#!/bin/sh
# keras 3.15.1, PyTorch and JAX backends: ops.image.gaussian_blur of images (count, height, width, 3), with no
# data_format given, blurs along the width and across the colors, and not along the height: of a red point of
# (100, 0, 0) are left (45, 27, 0) in all, and stripes that lie stay sharp. Nothing warns. With
# data_format="channels_last", which is what the default means, it is right; so is the layer. (Pull request
# 23542 there.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 torch==2.13.0 jax==0.10.2 numpy==2.4.6 scipy==1.17.1
cat > "$folder/blur.py" <<'PYTHON'
import keras
import numpy as np
from scipy.ndimage import convolve1d

random = np.random.default_rng(0)
near = np.exp(-0.5 * np.arange(-1, 2) ** 2)
near /= near.sum()


def blurred(image, **options):
    images = keras.ops.image.gaussian_blur(image[None], (3, 3), (1.0, 1.0), **options)
    return keras.ops.convert_to_numpy(images)[0]


def by_hand(image, axes):
    for axis in axes:
        image = convolve1d(image, near, axis=axis, mode="constant")
    return image


assert keras.config.image_data_format() == "channels_last"
point = np.zeros((9, 9, 3), np.float32)
point[4, 4, 0] = 100  # red
stripes = np.zeros((9, 9, 3), np.float32)
stripes[::2] = 100  # lie
noise = random.uniform(0, 1, (9, 9, 3)).astype(np.float32)
for options in ({}, {"data_format": "channels_last"}):
    light = blurred(point, **options).sum((0, 1))
    rows = blurred(stripes, **options)[3:5, 4, 1]
    print(f"{keras.config.backend()}, {options or 'no option'}: of a red point of (100, 0, 0)", end=" ")
    print(f"{light.round()} is left, two rows of 0 and 100 are {rows.round()}")
    if options:
        assert np.allclose(light, (100, 0, 0), atol=1e-3) and rows.min() > 40
        assert np.allclose(blurred(noise, **options), by_hand(noise, (0, 1)), atol=1e-5)
    else:
        assert np.allclose(blurred(noise), by_hand(noise, (1, 2)), atol=1e-5)
        assert light.sum() < 85 and light[1] > 0.6 * light[0] and rows[0] == 0
layer = keras.layers.RandomGaussianBlur(1.0, kernel_size=3, sigma=1.0)
through = keras.ops.convert_to_numpy(layer(point[None], training=True))[0]
print("  the layer keeps the colors:", through.sum((0, 1)).round())
assert through[..., 1:].max() == 0
PYTHON
for backend in torch jax; do
  KERAS_BACKEND=$backend "$folder/venv/bin/python" -W error::UserWarning "$folder/blur.py" \
    2>"$folder/errors.txt" || { cat "$folder/errors.txt"; exit 1; }
done
