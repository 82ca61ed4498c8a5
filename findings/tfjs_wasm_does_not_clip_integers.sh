#!/bin/sh
# @tensorflow/tfjs-backend-wasm 4.22.0: clipByValue of an int32 tensor, as fromPixels and images in Node are, takes its
# bits for those of floats: of a photo made brighter, cut to 0 to 255, 256 and more stay as they are (up to 335), and
# with a minimum above 0 each value becomes the bits of that, 1065353216 for 1, where "cpu" and TensorFlow clip. No
# word tells; what the browser runs on decides. Make it a float first: tf.cast(image, 'float32').
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-image==0.26.0
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 \
  @tensorflow/tfjs-backend-cpu@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
venv/bin/python -c 'from skimage import data; data.astronaut()[70:182, 170:282].tofile("face.rgb")'
cat > clip.cjs <<'NODE'
const assert = require('assert');
const fs = require('fs');
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
require('@tensorflow/tfjs-backend-wasm').setThreadsCount(1);
console.warn = () => {}; // that a faster package for Node exists

const pixels = [...fs.readFileSync('face.rgb')];
async function seen(backend) {
  await tf.setBackend(backend);
  const face = tf.tensor3d(pixels, [112, 112, 3], 'int32');
  const brighter = tf.add(face, tf.scalar(80, 'int32'));
  const found = {};
  const clipped = {
    'int32, 0 to 255': tf.clipByValue(brighter, 0, 255),
    'int32, 1 to 255': tf.clipByValue(brighter, 1, 255),
    'float32, 0 to 255': tf.clipByValue(tf.cast(brighter, 'float32'), 0, 255),
  };
  for (const [name, tensor] of Object.entries(clipped)) {
    const data = await tensor.data();
    found[name] = data;
    const mean = data.reduce((sum, value) => sum + value / data.length, 0);
    const beyond = data.filter((value) => value > 255).length / data.length;
    console.log(`${backend}, ${name}: at most ${Math.max(...data)}, mean ${mean.toFixed(1)},`,
      `${(100 * beyond).toFixed(0)} % above 255`);
  }
  return found;
}
(async () => {
  const truth = pixels.map((value) => Math.min(value + 80, 255));
  const [cpu, wasm] = [await seen('cpu'), await seen('wasm')];
  for (const data of [...Object.values(cpu), wasm['float32, 0 to 255']]) assert.deepEqual([...data], truth);
  assert.deepEqual([...wasm['int32, 0 to 255']], pixels.map((value) => value + 80)); // nothing is clipped
  assert(wasm['int32, 1 to 255'].every((value) => value === 1065353216)); // the bits of 1.0
})();
NODE
node clip.cjs
