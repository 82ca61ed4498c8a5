#!/bin/sh
# @tensorflow/tfjs-backend-wasm 4.22.0: gather(x, indices, 1, 1), which takes from each face or video of a batch what
# its own row of indices names, finds the row by the size of the batch where that of a row belongs: of 2 videos and
# their 3 strongest frames by topk() the second gets the last of the first one's and two of its own; with fewer indices
# than videos it reads beyond them. No word tells. The backend "cpu" and TensorFlow take each row's; gatherND is right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 \
  @tensorflow/tfjs-backend-cpu@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
cat > gather.cjs <<'NODE'
const assert = require('assert');
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
require('@tensorflow/tfjs-backend-wasm').setThreadsCount(1);
console.warn = () => {}; // that a faster package for Node exists

const happy = [[0.1, 0.2, 0.9, 0.8, 0.7, 0.1, 0.1], [0.6, 0.7, 0.1, 0.2, 0.1, 0.3, 0.8]]; // of 7 frames of two videos
const times = [[0, 1, 2, 3, 4, 5, 6], [100, 101, 102, 103, 104, 105, 106]]; // of these, in seconds
async function strongest(backend) {
  await tf.setBackend(backend);
  const { indices } = tf.topk(tf.tensor2d(happy), 3);
  const pairs = (await indices.array()).map((row, video) => row.map((frame) => [video, frame]));
  const found = {};
  for (const [name, values] of Object.entries({ times, happy })) {
    const x = tf.tensor2d(values);
    const taken = await tf.gather(x, indices, 1, 1).array();
    const named = await tf.gatherND(x, tf.tensor3d(pairs, [2, 3, 2], 'int32')).array();
    found[name] = [taken, named].map((rows) => rows.map((row) => row.map((value) => +value.toFixed(3))));
    console.log(`${backend}, ${name} of the strongest frames: gather ${JSON.stringify(found[name][0])},`,
      `gatherND ${JSON.stringify(found[name][1])}`);
  }
  return found;
}
(async () => {
  const right = { times: [[2, 3, 4], [106, 101, 100]], happy: [[0.9, 0.8, 0.7], [0.8, 0.7, 0.6]] };
  const wrong = { times: [[2, 3, 4], [104, 106, 101]], happy: [[0.9, 0.8, 0.7], [0.1, 0.8, 0.7]] };
  const [cpu, wasm] = [await strongest('cpu'), await strongest('wasm')];
  for (const name of ['times', 'happy']) {
    assert.deepEqual(cpu[name], [right[name], right[name]]);
    assert.deepEqual(wasm[name], [wrong[name], right[name]]);
  }
})();
NODE
node gather.cjs
