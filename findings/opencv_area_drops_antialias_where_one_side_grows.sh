#!/bin/sh
# opencv-python-headless 5.0.0.93: cv2.resize with INTER_AREA, which averages where an image shrinks, picks
# single pixels as soon as one side grows, be it by 1 px: a strip of two eyes, 40 px high and 400 px wide, is
# smooth at 48 x 40 and has only 2 of each 8 columns at 48 x 41 or 48 x 48; lines between them are gone, a mean
# of 64 becomes 255, without a word. Resize twice, each side on its own (the width first), or use Pillow's BOX.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opencv-python-headless==5.0.0.93 Pillow==13.0.0 scikit-image==0.26.0
"$folder/venv/bin/python" -W error - <<'PYTHON'
import cv2
import numpy as np
from PIL import Image
from skimage import data

lines = np.zeros((40, 400), np.uint8)
lines[:, 0::8] = lines[:, 1::8] = 255  # a quarter of all columns is white
eyes = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY)[85:125, 25:425]
rng = np.random.default_rng(0)
grain = rng.integers(0, 256, (40, 400), dtype=np.uint8)


def apart(found, image):
    size = found.shape[::-1]
    truth = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX), float)
    return np.abs(found - truth).mean()


for width, height in ((50, 40), (50, 20), (50, 41), (50, 48)):
    one = {name: cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
           for name, image in (("lines", lines), ("eyes", eyes), ("grain", grain))}
    half = cv2.resize(eyes, (width, 40), interpolation=cv2.INTER_AREA)
    two = cv2.resize(half, (width, height), interpolation=cv2.INTER_AREA)
    error = apart(one["eyes"], eyes)
    spread = one["grain"].std()
    print(f"400 x 40 to {width} x {height}: mean of the lines {one['lines'].mean():.0f} of {lines.mean():.0f}; "
          f"grain {spread:.0f} of {grain.std():.0f}; a portrait's strip {error:.1f} levels off, "
          f"in two steps {apart(two, eyes):.1f}")
    assert apart(two, eyes) < 1.5
    if height <= 40:
        assert abs(one["lines"].mean() - 64) < 1 and error < 0.6 and spread < 30
    else:
        assert one["lines"].mean() == 255 and error > 3 and spread > 40
PYTHON
