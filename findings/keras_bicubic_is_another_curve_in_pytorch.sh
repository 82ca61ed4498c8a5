#!/bin/sh
# keras 3.15.1: "bicubic" of UpSampling2D, Resizing and ops.image.resize is the cubic with a = -.75 in the
# PyTorch backend and with a = -.5 in TensorFlow's and JAX's. A decoder trained in one gives other maps in the
# other, without a word: an edge from 0 to 1 reaches 1.105, not 1.07, and noise of 0 to 255 is 4 gray levels
# off on average. With antialias=True, which changes nothing else where an image grows, all have -.5.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 torch==2.13.0 jax==0.10.2 numpy==2.4.6
cat > "$folder/grow.py" <<'PYTHON'
import keras
import numpy as np

backend = keras.config.backend()
noise = np.random.default_rng(0).uniform(0, 255, (1, 24, 24, 3)).astype(np.float32)
edge = np.float32(np.arange(24) >= 12).reshape(1, 1, 24, 1) * np.ones((1, 24, 24, 3), np.float32)


def matrix(size, a):
    """(2 * size, size), which doubles one side by the cubic with the parameter a."""
    at = (np.arange(2 * size) + 0.5) / 2 - 0.5
    far = np.abs(at[:, None] - np.arange(size))
    inner, outer = (a + 2) * far**3 - (a + 3) * far**2 + 1, a * (far**3 - 5 * far**2 + 8 * far - 4)
    return np.where(far < 1, inner, np.where(far < 2, outer, 0))


def off(grown, a):
    """The largest difference from the cubic with a, away from the border."""
    by_hand = np.einsum("yi,xj,nijc->nyxc", matrix(24, a), matrix(24, a), noise)
    return np.abs(grown - by_hand)[:, 6:-6, 6:-6].max()


def resized(image, **options):
    return keras.ops.convert_to_numpy(keras.ops.image.resize(image, (48, 48), **options))


layer = keras.layers.UpSampling2D(2, interpolation="bicubic")
for name, grow in {
    "UpSampling2D": lambda image: keras.ops.convert_to_numpy(layer(image)),
    "resize": lambda image: resized(image, interpolation="bicubic"),
    "resize, antialias": lambda image: resized(image, interpolation="bicubic", antialias=True),
}.items():
    wrong = {one: off(grow(noise), one) for one in (-0.5, -0.75)}
    print(f"{backend}, {name}: an edge from 0 to 1 reaches {grow(edge).max():.3f};", end=" ")
    print(", ".join(f"from a = {one} at most {levels:.2f} gray levels" for one, levels in wrong.items()))
    right = -0.75 if backend == "torch" and "antialias" not in name else -0.5
    assert wrong.pop(right) < 0.01 and min(wrong.values()) > 5
grown = {kind: resized(noise, interpolation=kind) for kind in ("bicubic", "bilinear")}
if backend == "jax":
    apart = {kind: float(np.abs(np.load(f"{kind}.npy") - one).mean()) for kind, one in grown.items()}
    print("between the two, on average:", {kind: round(levels, 2) for kind, levels in apart.items()})
    assert apart["bilinear"] < 1e-3 and apart["bicubic"] > 3
for kind, one in grown.items():
    np.save(f"{kind}.npy", one)
PYTHON
cd "$folder"
for backend in torch jax; do
  KERAS_BACKEND=$backend venv/bin/python grow.py 2>errors.txt || { cat errors.txt; exit 1; }
done
