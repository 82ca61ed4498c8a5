#!/bin/sh
# image-js 1.7.0: decode() of a PNG whose palette has at most 16 colors, as Pillow writes masks of a face's parts with
# 4, 2 or 1 bits, goes on in the middle of a byte where a row ends: where the width does not fill whole bytes (89
# px), each row is moved against the one before, and labels lie beside the parts, without a word. Of a gray PNG of 1
# bit it skips up to 8 px at the begin of each row, of all widths. pngjs is right. Save 256 colors, or 8 bits of gray.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet Pillow==13.0.0 numpy==2.4.6
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund image-js@1.7.0 pngjs@7.0.0
venv/bin/python - <<'PYTHON'
import numpy as np
from PIL import Image

colors = [(0, 0, 0), (255, 220, 190), (40, 80, 200), (200, 30, 60)]  # nothing, skin, eyes, mouth
for width in (96, 89):
    y, x = np.mgrid[:96, :width]
    mask = (np.hypot((x - 44) / 36, (y - 48) / 46) < 1).astype(np.uint8)
    mask[(np.abs(y - 40) < 5) & (np.abs(np.abs(x - 44) - 15) < 7)] = 2
    mask[(np.abs(y - 70) < 4) & (np.abs(x - 44) < 14)] = 3
    Image.fromarray(np.uint8(colors)[mask]).save(f"{width} px, RGB.png")
    labels = Image.fromarray(mask)
    labels.putpalette(np.uint8(colors).tobytes())
    labels.save(f"{width} px, palette.png")  # Pillow's own choice: 2 bits
    Image.fromarray(mask > 1).save(f"{width} px, 1 bit.png")
    labels.putpalette(np.uint8(colors * 64).tobytes())
    labels.save(f"{width} px, 256 colors.png")
PYTHON
cat > read.mjs <<'NODE'
import assert from 'assert';
import fs from 'fs';
import { decode } from 'image-js';
import { PNG } from 'pngjs';

for (const width of [96, 89])
  for (const kind of ['RGB', '256 colors', 'palette', '1 bit']) {
    const file = fs.readFileSync(`${width} px, ${kind}.png`);
    const truth = PNG.sync.read(file).data; // RGBA
    const image = decode(file).convertColor('RGBA');
    assert.deepEqual([image.width, image.height], [width, 96]);
    const pixels = image.getRawImage().data;
    let wrong = 0;
    for (let i = 0; i < truth.length; i += 4)
      wrong += [0, 1, 2].some((c) => truth[i + c] !== pixels[i + c]);
    const share = wrong / (truth.length / 4);
    console.log(`${width} px, ${kind}: ${file[24]} bits, ${(100 * share).toFixed(0)} % of the pixels are wrong`);
    const slanted = kind === '1 bit' || (kind === 'palette' && width === 89);
    assert(slanted ? share > 0.02 : share === 0);
  }
NODE
node read.mjs
