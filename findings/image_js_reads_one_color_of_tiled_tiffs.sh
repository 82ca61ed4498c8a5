#!/bin/sh
# image-js 1.7.0 with tiff 7.1.3: decode() of a TIFF in tiles that has colors (libvips, GDAL, scanners and microscopes
# write such) gives red only, and that of wrong pixels: it takes the first of three numbers of each pixel, and
# counts pixels where it should count numbers; green and blue are 0, without a word. In strips, or gray, it is right,
# as are sharp and utif2 with tiles.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tifffile==2026.3.3 scikit-image==0.26.0 numpy==2.4.6
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund image-js@1.7.0 tiff@7.1.3 sharp@0.35.5 utif2@4.1.0
venv/bin/python - <<'PYTHON'
import numpy as np
import tifffile
from skimage import data

face = data.astronaut()[50:178, 150:278]
gray = np.ascontiguousarray(face[..., 1])
deep = face.astype(np.uint16) * 257
for name, image in (("gray", gray), ("color", face), ("16 bits", deep)):
    image.tofile(f"{name}.raw")
    for way, options in (("strips", {}), ("tiles", {"tile": (64, 64)})):
        photometric = "rgb" if image.ndim == 3 else "minisblack"
        tifffile.imwrite(f"{name}, {way}.tif", image, photometric=photometric, **options)
        assert np.array_equal(tifffile.imread(f"{name}, {way}.tif"), image)
PYTHON
cat > read.mjs <<'NODE'
import assert from 'assert';
import fs from 'fs';
import { decode } from 'image-js';
import sharp from 'sharp';
import UTIF from 'utif2';

const means = (pixels, channels) => Array.from({ length: channels }, (_, c) =>
  Math.round(pixels.filter((_, i) => i % channels === c).reduce((a, b) => a + b, 0) / (pixels.length / channels)));
for (const name of ['gray', 'color', '16 bits'])
  for (const way of ['strips', 'tiles']) {
    const file = fs.readFileSync(`${name}, ${way}.tif`);
    const raw = fs.readFileSync(`${name}.raw`);
    const truth = name === '16 bits' ? new Uint16Array(new Uint8Array(raw).buffer) : new Uint8Array(raw);
    const channels = name === 'gray' ? 1 : 3;
    const pixels = decode(file).getRawImage().data;
    assert.equal(pixels.length, truth.length);
    const red = truth.filter((level, i) => i % channels === 0 && level !== pixels[i]).length;
    const wrong = (channels * red) / truth.length;
    console.log(`${name}, ${way}: mean levels ${means(truth, channels)}; image-js ${means(pixels, channels)},`,
      `${(100 * wrong).toFixed(0)} % of ${channels > 1 ? 'red' : 'gray'} wrong`);
    if (way === 'strips' || name === 'gray') assert(pixels.every((level, i) => level === truth[i]));
    else assert(wrong > 0.8 && means(pixels, 3)[1] + means(pixels, 3)[2] === 0);
    if (name !== 'color') continue;
    const [page] = UTIF.decode(file);
    UTIF.decodeImage(file, page);
    assert(UTIF.toRGBA8(page).every((level, i) => i % 4 === 3 || level === truth[3 * (i >> 2) + (i % 4)]));
    assert((await sharp(file).raw().toBuffer()).every((level, i) => level === truth[i]));
  }
NODE
node read.mjs
