#!/bin/sh
# onnxruntime-common 1.30.0 (the Tensor of onnxruntime-web and onnxruntime-node): resizedWidth and resizedHeight of
# Tensor.fromImage resize nothing. Of an ImageData it takes the upper left corner, and transparent black where
# the image is smaller; of an ImageBitmap the whole, in its own size; no word tells. The documentation says
# "describes the resized height". A canvas of the wanted size and drawImage(image, 0, 0, w, h) resize.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund onnxruntime-common@1.30.0 @napi-rs/canvas@1.1.1
cat > resize.mjs <<'NODE'
import assert from 'assert';
import { Canvas, ImageData } from '@napi-rs/canvas';
import { Tensor } from 'onnxruntime-common';

class ImageBitmap extends Canvas {} // as a browser's: has a size, and drawImage takes it
Object.assign(globalThis, { ImageData, ImageBitmap, OffscreenCanvas: Canvas }); // what a worker has
const SIDE = 64;
const bitmap = new ImageBitmap(SIDE, SIDE);
const context = bitmap.getContext('2d');
['red', 'lime', 'blue', 'white'].forEach((color, i) => {
  context.fillStyle = color;
  context.fillRect((i % 2) * 32, i > 1 ? 32 : 0, 32, 32);
});
const imageData = context.getImageData(0, 0, SIDE, SIDE);

/** The colors of the four quarters. */
function quarters({ data, dims: [, , height, width] }) {
  const at = (x, y) => [0, 1, 2].map((c) => data[c * width * height + y * width + x]).join('');
  const [x, y] = [width / 4, height / 4];
  const names = { '100': 'red', '010': 'green', '001': 'blue', '111': 'white', '000': 'black' };
  return [at(x, y), at(3 * x, y), at(x, 3 * y), at(3 * x, 3 * y)].map((key) => names[key] ?? key).join(' ');
}
async function show(image, side, name = 'ImageData') {
  const tensor = await Tensor.fromImage(image, { resizedWidth: side, resizedHeight: side, tensorFormat: 'RGB' });
  const seen = `${tensor.dims.slice(2).join(' x ')}: ${quarters(tensor)}`;
  console.log(`${name} of 64 x 64, resized to ${side} x ${side}: ${seen}`);
  return seen;
}
const whole = 'red green blue white';
assert.equal(await show(imageData, 64), `64 x 64: ${whole}`);
assert.equal(await show(imageData, 32), '32 x 32: red red red red');
assert.equal(await show(imageData, 128), '128 x 128: white black black black');
assert.equal(await show(bitmap, 32, 'ImageBitmap'), `64 x 64: ${whole}`);
const small = new Canvas(32, 32).getContext('2d');
small.drawImage(bitmap, 0, 0, 32, 32);
assert.equal(quarters(await Tensor.fromImage(small.getImageData(0, 0, 32, 32), {})), whole);
NODE
node resize.mjs
