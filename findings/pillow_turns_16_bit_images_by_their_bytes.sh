#!/bin/sh
# Pillow 13.0.0: rotate() and transform() of an image of 16 bits (mode "I;16": depth, infrared, thermal
# cameras) with BILINEAR or BICUBIC reckon with single bytes: of levels from 1000 to 19900 those from 0 to 255
# are left, noise, without an error. paste(1000, box) fills the box with 59624. NEAREST, resize() and modes
# "I" and "F" are right. Turn image.convert("I"), or a float array by way of "F".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet Pillow==13.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
from PIL import Image

SIZE = 64
y, x = np.mgrid[:SIZE, :SIZE]
depth = (1000 + 200 * x + 100 * y).astype(np.uint16)  # a slope
shift = (1, 0, 0.5, 0, 1, 0)  # by half a pixel
perspective = (1, 0, 0.5, 0, 1, 0, 0, 0)


def moved(image, resample):
    """Of the middle, away from the border: what each way of moving makes of it."""
    ways = {
        "rotate": image.rotate(10, resample),
        "affine": image.transform(image.size, Image.Transform.AFFINE, shift, resample),
        "perspective": image.transform(image.size, Image.Transform.PERSPECTIVE, perspective, resample),
        "resize": image.resize((SIZE // 2, SIZE // 2), resample),
    }
    return {name: np.asarray(way, float)[12:-12, 12:-12] for name, way in ways.items()}


image = Image.fromarray(depth)
assert image.mode == "I;16" and np.array_equal(np.asarray(image), depth)
for resample in (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
    found, truth = moved(image, resample), moved(Image.fromarray(depth.astype(np.float32)), resample)
    whole = moved(image.convert("I"), resample)
    for name, levels in found.items():
        means = [round(one[name].mean()) for one in (found, whole, truth)]
        print(f"{resample.name} {name}: means in I;16 {means[0]}, in I {means[1]}, in F {means[2]}; "
              f"brightest in I;16 {levels.max():.0f}")
        assert np.abs(whole[name] - truth[name]).max() < 250  # a pixel's step, where NEAREST is at a tie
        if resample == Image.Resampling.NEAREST or name == "resize":
            assert np.abs(levels - truth[name]).max() < 250
        else:
            assert levels.max() < 256 and truth[name].min() > 3000

for mode in ("I;16", "I"):
    filled = Image.fromarray(depth).convert(mode)
    filled.paste(1000, (0, 0, 32, 32))
    print(f"paste(1000) in {mode}: {filled.getpixel((5, 5))}")
    assert filled.getpixel((5, 5)) == (1000 % 256 * 257 if mode == "I;16" else 1000)
PYTHON
