#!/bin/sh
# jpeg-js 0.4.4, with which jimp 1.6.1 reads photos: a JPEG whose three channels are R, G and B, as its Adobe
# marker says (transform 0: of scanners, Photoshop, Pillow's keep_rgb), is converted as if it were YCbCr: a face
# comes out 50 gray levels off, without a word. Its README: "default behavior encoded in metadata"; a
# transform of 0 counts as none told. Pillow, sharp and browsers are right. { colorTransform: false } helps, by file.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet Pillow==13.0.0 scikit-image==0.26.0
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund jpeg-js@0.4.4 jimp@1.6.1 sharp@0.35.5
venv/bin/python - <<'PYTHON'
from PIL import Image
from skimage import data

face = Image.fromarray(data.astronaut()[50:178, 150:278])
open("face.rgb", "wb").write(face.tobytes())
face.save("ycbcr.jpg", quality=95, subsampling=0)
face.save("rgb.jpg", quality=95, keep_rgb=True)
file = open("rgb.jpg", "rb").read()
adobe = file.index(b"\xff\xee")  # marker, length, "Adobe", version, two flags, transform
assert file[adobe + 4 : adobe + 9] == b"Adobe" and file[adobe + 15] == 0
PYTHON
cat > read.mjs <<'NODE'
import assert from 'assert';
import fs from 'fs';
import { Jimp } from 'jimp';
import jpeg from 'jpeg-js';
import sharp from 'sharp';

const face = fs.readFileSync('face.rgb');
function off(pixels, channels) {
  let sum = 0;
  for (let i = 0; i < face.length; i++)
    sum += Math.abs(face[i] - pixels[channels * Math.floor(i / 3) + (i % 3)]);
  return sum / face.length;
}
for (const name of ['ycbcr', 'rgb']) {
  const file = fs.readFileSync(`${name}.jpg`);
  const seen = {
    sharp: off(await sharp(file).raw().toBuffer(), 3),
    'jpeg-js': off(jpeg.decode(file).data, 4),
    jimp: off((await Jimp.read(file)).bitmap.data, 4),
    told: off(jpeg.decode(file, { colorTransform: false }).data, 4),
  };
  console.log(`${name}.jpg, gray levels off on average:`,
    Object.entries(seen).map(([by, value]) => `${by} ${value.toFixed(1)}`).join(', '));
  const [right, wrong] = name === 'rgb' ? ['told', 'jpeg-js'] : ['jpeg-js', 'told'];
  assert(seen.sharp < 3 && seen[right] < 3 && seen[wrong] > 40);
  assert(Math.abs(seen.jimp - seen['jpeg-js']) < 0.01);
}
NODE
node read.mjs
