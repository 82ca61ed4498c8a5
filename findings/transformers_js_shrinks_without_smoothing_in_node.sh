#!/bin/sh
# @huggingface/transformers 4.3.2 in Node: where an image is made smaller by "bilinear" or "bicubic", as
# most image processors ask for, RawImage.resize picks single pixels and drops those between, unlike
# Pillow, with which the models were trained: stripes, gray in Pillow, become black; a portrait at an eighth
# is 18 gray levels off on average. "lanczos" smooths (1 level off): resize(w, h, { resample: 1 }) first.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet Pillow==13.0.0 scikit-image==0.26.0
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund @huggingface/transformers@4.3.2
cat > shrink.mjs <<'NODE'
import fs from 'fs';
import { RawImage } from '@huggingface/transformers';

for (const name of ['stripes', 'portrait'])
  for (const [resample, kernel] of [[2, 'bilinear'], [3, 'bicubic'], [1, 'lanczos']]) {
    const image = new RawImage(new Uint8ClampedArray(fs.readFileSync(`${name}.rgb`)), 512, 512, 3);
    const small = await image.resize(64, 64, { resample });
    fs.writeFileSync(`${name}_${kernel}.rgb`, small.data);
  }
NODE
cat > compare.py <<'PYTHON'
import sys

import numpy as np
from PIL import Image
from skimage import data

stripes = np.zeros((512, 512, 3), np.uint8)
stripes[:, 1::2] = 255  # on the whole a middle gray
images = {"stripes": stripes, "portrait": data.astronaut()}
if sys.argv[1] == "write":
    for name, image in images.items():
        open(f"{name}.rgb", "wb").write(image.tobytes())
    sys.exit()
kernels = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
for name, image in images.items():
    for kernel, number in kernels.items():
        node = np.fromfile(f"{name}_{kernel}.rgb", np.uint8).reshape(64, 64, 3).astype(int)
        pillow = np.asarray(Image.fromarray(image).resize((64, 64), number)).astype(int)
        apart = abs(node - pillow).mean()
        means = f"mean {pillow.mean():.0f} in Pillow, {node.mean():.0f} in Node"
        print(f"{name}, {kernel}: {means}, {apart:.1f} apart on average")
        if kernel == "lanczos":
            assert apart < 2
        else:
            assert apart > 15
            assert name == "portrait" or node.max() < 10 < 120 < pillow.min()
PYTHON
venv/bin/python compare.py write
node shrink.mjs
venv/bin/python compare.py compare
