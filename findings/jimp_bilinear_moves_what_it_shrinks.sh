#!/bin/sh
# jimp 1.6.1: resize({ w, h, mode: ResizeStrategy.BILINEAR }) lays the upper left corners of pixels on each
# other, not the middles, and picks single pixels: at an eighth everything lies 3.5 px of the original up and
# left, landmarks, too, and stripes that are gray come out black, without a word. BICUBIC, HERMITE and BEZIER
# are .5 to .7 px off. Without mode, jimp averages and is right: leave mode out where an image gets smaller.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund jimp@1.6.1
cat > resize.mjs <<'NODE'
import assert from 'assert';
import { Jimp, ResizeStrategy } from 'jimp';

const SIDE = 64, STEP = 2;

function resized(levelAt, side, mode) {
  const image = new Jimp({ width: SIDE, height: SIDE, color: 0x000000ff });
  image.scan((x, y, i) => image.bitmap.data.fill(levelAt(x), i, i + 3));
  image.resize({ w: side, h: side, ...(mode && { mode }) });
  const row = (side / 2) * side;
  return Array.from({ length: side }, (_, x) => image.bitmap.data[4 * (row + x)]);
}
const mean = (values) => values.reduce((a, b) => a + b) / values.length;
/** By how many pixels of the original the middle of the row lies off. */
function off(side, mode) {
  const row = resized((x) => STEP * x + 20, side, mode); // each level tells its place
  const middles = row.map((level, x) => (level - 20) / STEP - (((x + 0.5) * SIDE) / side - 0.5));
  return Math.round(10 * mean(middles.slice(side / 4, (3 * side) / 4))) / 10;
}
const seen = {};
for (const [name, mode] of [['no mode', undefined], ...Object.entries(ResizeStrategy)]) {
  const stripes = mean(resized((x) => (x % 2 ? 255 : 0), 16, mode));
  seen[name] = { half: off(32, mode), eighth: off(8, mode), stripes: Math.round(stripes) };
  console.log(`${name}: at a half off by ${seen[name].half} px, at an eighth by ${seen[name].eighth};`,
    `mean of stripes of 0 and 255 at a quarter ${seen[name].stripes}`);
}
const near = (a, b, most) => assert(Math.abs(a - b) <= most, `${a}, ${b}`);
near(seen['no mode'].half, 0, 0.2)
near(seen['no mode'].eighth, 0, 0.2);
near(seen['no mode'].stripes, 128, 2);
near(seen.BILINEAR.half, -0.5, 0.2);
near(seen.BILINEAR.eighth, -3.5, 0.2);
assert.equal(seen.BILINEAR.stripes, 0);
for (const name of ['BICUBIC', 'HERMITE', 'BEZIER']) near(seen[name].eighth, -0.6, 0.2);
NODE
node resize.mjs
