#!/bin/sh
# upng-js 2.1.0: toRGBA8 of a gray PNG of 1, 2 or 4 bits (masks of faces, scans) does not begin each row at a new
# byte: where the width does not fill whole bytes, 90 px at 1 bit, each row begins some pixels late, the image is
# slanted, and the end is missing, without a word. Palettes of as few bits are right, as are widths of whole bytes.
# pngjs and Pillow are right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet Pillow==13.0.0 scikit-image==0.26.0 pypng==0.20220715.0
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund upng-js@2.1.0 pngjs@7.0.0
venv/bin/python - <<'PYTHON'
import numpy as np
import png
from PIL import Image
from skimage import data

face = np.asarray(Image.fromarray(data.astronaut()).convert("L"))[60:150, 180:276]
for width in (96, 90, 89):
    for bits in (1, 2, 4):
        levels = face[:, :width] >> (8 - bits)
        gray = levels * (255 // (2**bits - 1))
        open(f"{width} px, {bits} bits.gray", "wb").write(gray.tobytes())
        png.from_array(levels, f"L;{bits}").save(f"{width} px, {bits} bits, gray.png")
        image = Image.fromarray(levels)
        image.putpalette([level * (255 // (2**bits - 1)) for level in range(2**bits) for _ in range(3)])
        image.save(f"{width} px, {bits} bits, palette.png", bits=bits)
        for kind in ("gray", "palette"):
            with Image.open(f"{width} px, {bits} bits, {kind}.png") as back:
                assert np.array_equal(back.convert("L"), gray)
PYTHON
cat > read.mjs <<'NODE'
import assert from 'assert';
import fs from 'fs';
import { PNG } from 'pngjs';
import UPNG from 'upng-js';

for (const width of [96, 90, 89])
  for (const bits of [1, 2, 4]) {
    const name = `${width} px, ${bits} bits`;
    const truth = fs.readFileSync(`${name}.gray`);
    const differ = (pixels) => truth.filter((level, i) => level !== pixels[4 * i]).length / truth.length;
    const [gray, palette] = ['gray', 'palette'].map((kind) => fs.readFileSync(`${name}, ${kind}.png`));
    const upng = (file) => differ(new Uint8Array(UPNG.toRGBA8(UPNG.decode(file))[0]));
    const share = upng(gray);
    console.log(`${name}: ${(100 * share).toFixed(0)} % of the pixels are wrong`);
    assert.equal(upng(palette) + differ(PNG.sync.read(gray).data), 0);
    assert((width * bits) % 8 ? share > 0.1 : share === 0);
  }
NODE
node read.mjs
