#!/bin/sh
# @tensorflow/tfjs-layers 4.22.0: in a Keras model brought to the browser, UpSampling2D with "bilinear" lays pixels by
# their corners, where Keras (3.15.1, and 2) lays them by their middles: each such layer moves the map half a pixel of
# its input up and left. A landmark in a map of 8 px made 64 px large by three is 3.5 px off, 35 px where the face has
# 640, without a word. "nearest" is right in both; so is tf.image.resizeBilinear(map, size, false, true).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 torch==2.13.0 numpy==2.4.6
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 \
  @tensorflow/tfjs-backend-cpu@4.22.0 @tensorflow/tfjs-layers@4.22.0
cat > grow.py <<'PYTHON'
import json

import keras
import numpy as np

y, x = np.mgrid[:8, :8]
landmark = np.exp(-((x - 3.5) ** 2 + (y - 3.5) ** 2) / 2).astype(np.float32)  # in the very middle
seen = []
for interpolation in ("nearest", "bilinear"):
    config = {"size": [2, 2], "interpolation": interpolation, "data_format": "channels_last"}
    layers = [{"class_name": "InputLayer", "config": {"batch_input_shape": [None, 8, 8, 1], "name": "x"}}]
    found = landmark[None, :, :, None]
    for count in (1, 2, 3):
        found = keras.layers.UpSampling2D(**config)(found)
        layers = [*layers, {"class_name": "UpSampling2D", "config": config | {"name": f"layer{count}"}}]
        model = {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}
        seen.append((interpolation, count, model, keras.ops.convert_to_numpy(found)[0, :, :, 0].tolist()))
json.dump({"landmark": landmark.tolist(), "seen": seen}, open("models.json", "w"))
PYTHON
KERAS_BACKEND=torch venv/bin/python grow.py
cat > compare.cjs <<'NODE'
const assert = require('assert');
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
const { loadLayersModel } = require('@tensorflow/tfjs-layers');
console.warn = () => {}; // that a faster package for Node exists

function middle(map) { // of the landmark, by the mass of the map, in px from its left upper corner
  let [all, x, y] = [0, 0, 0];
  map.forEach((row, v) => row.forEach((value, u) => { all += value; x += value * (u + 0.5); y += value * (v + 0.5); }));
  return [x / all, y / all].map((value) => +value.toFixed(2));
}
const { landmark, seen } = require('./models.json');
(async () => {
  const input = tf.tensor4d(landmark.flat(), [1, 8, 8, 1]);
  for (const [interpolation, count, model, keras] of seen) {
    const network = await loadLayersModel({ load: async () => ({ modelTopology: model }) });
    const found = middle(await tf.squeeze(network.predict(input)).array());
    console.log(`${interpolation}, ${8 * 2 ** count} px: by Keras at ${middle(keras)}, by TensorFlow.js at ${found}`);
    const [half, off] = [4 * 2 ** count, interpolation === 'nearest' ? 0 : (2 ** count - 1) / 2];
    assert.deepEqual(middle(keras), [half, half]);
    assert(found.every((value) => Math.abs(half - value - off) < 0.1));
  }
})();
NODE
node compare.cjs
