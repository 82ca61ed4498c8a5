#!/bin/sh
# onnxruntime-common 1.30.0 (the Tensor of onnxruntime-web and onnxruntime-node): in Tensor.fromImage,
# norm.mean is what pixels are divided by, and norm.bias is added before: (pixel + bias) / mean; its
# documentation does not say so. With ImageNet's means for mean nothing is subtracted, and nothing warns: a
# pixel of 62 is .5, not -1.06. For (pixel / 255 - m) / s, give bias = -255 m and mean = 255 s.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund onnxruntime-common@1.30.0 @napi-rs/canvas@1.1.1
cat > normalize.mjs <<'NODE'
import assert from 'assert';
import { Canvas, ImageData } from '@napi-rs/canvas';
import { Tensor } from 'onnxruntime-common';

Object.assign(globalThis, { ImageData, OffscreenCanvas: Canvas }); // what a worker in a browser has
const m = [0.485, 0.456, 0.406], s = [0.229, 0.224, 0.225];
const pixels = [[62, 58, 52], [124, 116, 104], [255, 255, 255], [0, 0, 0]];
const wanted = (pixel) => pixel.map((value, c) => (value / 255 - m[c]) / s[c]);

async function normalized(norm) {
  const rgba = new Uint8ClampedArray(pixels.flatMap((pixel) => [...pixel, 255]));
  const image = new ImageData(rgba, 2, 2);
  const { data, dims } = await Tensor.fromImage(image, { norm });
  assert.deepEqual(dims, [1, 3, 2, 2]);
  return pixels.map((_, i) => [0, 1, 2].map((c) => data[4 * c + i]));
}

const apart = (a, b) => Math.max(...a.flat().map((value, i) => Math.abs(value - b.flat()[i])));
const show = (rows) => rows.map((row) => row.map((value) => value.toFixed(2)).join(' ')).join(' | ');
const truth = pixels.map(wanted);
console.log('pixels:', show(pixels));
console.log('wanted, (pixel / 255 - m) / s:', show(truth));
const means = await normalized({ mean: m.map((value) => 255 * value), bias: 0 });
console.log('mean: 255 m, bias: 0:', show(means));
assert(apart(means, pixels.map((pixel) => pixel.map((value, c) => value / (255 * m[c])))) < 1e-5);
assert(apart(means, truth) > 1 && Math.min(...means.flat()) === 0);
const times = (values, factor) => values.map((value) => factor * value);
const turned = await normalized({ mean: times(s, 255), bias: times(m, -255) });
console.log('mean: 255 s, bias: -255 m:', show(turned));
assert(apart(turned, truth) < 1e-5);
NODE
node normalize.mjs
