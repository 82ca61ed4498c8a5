#!/bin/sh
# image-js 1.7.0: resize() with "bilinear", the default, or "bicubic" takes the corner of a pixel for its
# middle, and no mean of what it shrinks: at its own size an image moves by .5 px and is blurred, stripes
# become gray; at an eighth it shows what lies 4 px of the original left of and above where landmarks are
# expected, without a word. "nearest" leaves an image of its own size as it is. sharp is right at all sizes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund image-js@1.7.0 sharp@0.35.5
cat > resize.mjs <<'NODE'
import assert from 'assert';
import { Image } from 'image-js';
import sharp from 'sharp';

const SIDE = 64, STEP = 2;
const slope = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => STEP * (i % SIDE) + 20); // its own place
const stripes = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => (i % 2 ? 255 : 0));

function byImageJs(pixels, width, interpolationType) {
  const image = new Image(SIDE, SIDE, { data: pixels, colorModel: 'GREY' });
  return image.resize({ width, height: width, interpolationType }).getRawImage().data;
}
async function bySharp(pixels, width) {
  const raw = { width: SIDE, height: SIDE, channels: 1 };
  return sharp(pixels, { raw }).resize(width, width, { kernel: 'linear' }).extractChannel(0).raw().toBuffer();
}
/** By how many pixels of the original the middle of a row lies off. */
function off(pixels, width) {
  let sum = 0;
  for (let x = width / 4; x < (3 * width) / 4; x++)
    sum += (pixels[(width / 2) * width + x] - 20) / STEP - (((x + 0.5) * SIDE) / width - 0.5);
  return Math.round((sum / (width / 2)) * 10) / 10;
}
const seen = {};
for (const width of [64, 32, 8]) {
  const by = { sharp: off(await bySharp(slope, width), width) };
  for (const kind of ['bilinear', 'bicubic', 'nearest']) by[kind] = off(byImageJs(slope, width, kind), width);
  console.log(`64 px to ${width}: pixels off by`, by);
  assert(Math.abs(by.sharp) <= 0.2 && by.bilinear === by.bicubic)
  seen[width] = by.bilinear;
}
for (const [width, moved] of [[64, -0.5], [32, -1], [8, -4]]) assert(Math.abs(seen[width] - moved) <= 0.2);
const same = {};
for (const kind of ['bilinear', 'nearest'])
  same[kind] = [...new Set(byImageJs(stripes, SIDE, kind).slice(2, 62))];
console.log('levels of stripes of 0 and 255 at their own size:', same);
assert.deepEqual(same.nearest.sort(), [0, 255]);
assert(same.bilinear.every((level) => Math.abs(level - 127.5) < 1));
NODE
node resize.mjs
