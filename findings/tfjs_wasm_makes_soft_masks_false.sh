#!/bin/sh
# @tensorflow/tfjs-backend-wasm 4.22.0: cast("bool") copies numbers into bytes: whatever lies between 0 and 1, such as
# a soft mask of a face or shares of votes, is false, 256 is false, -1 counts as 255, where the backend "cpu" (and
# TensorFlow) has true for all but 0; where(), sum() and mean() of it are other numbers, without a word. What the
# browser runs on decides. notEqual(0) is right in both.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 \
  @tensorflow/tfjs-backend-cpu@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
cat > cast.cjs <<'NODE'
const assert = require('assert');
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
require('@tensorflow/tfjs-backend-wasm').setThreadsCount(1);
console.warn = () => {}; // that a faster package for Node exists

const mask = [0, 0.2, 0.5, 0.9, 1];
const votes = [0, 3, 256, 512, -1];
async function seen(backend) {
  await tf.setBackend(backend);
  const found = {};
  for (const [name, values, dtype] of [['mask', mask, 'float32'], ['votes', votes, 'int32']]) {
    const tensor = tf.tensor1d(values, dtype);
    const cast = tf.cast(tensor, 'bool');
    found[name] = {
      cast: [...(await cast.data())],
      notEqual: [...(await tf.notEqual(tensor, tf.scalar(0, dtype)).data())],
      kept: [...(await tf.where(cast, tf.fill([5], 100), tf.fill([5], 0)).data())],
      sum: (await tf.sum(cast).data())[0],
    };
    console.log(`${backend}: ${values.join(', ')} (${dtype}) as bool: ${found[name].cast.join(', ')};`,
      `sum ${found[name].sum}; 100 where it is true: ${found[name].kept.join(', ')}`);
    assert.deepEqual(found[name].notEqual, [0, 1, 1, 1, 1]);
  }
  return found;
}
(async () => {
  const [cpu, wasm] = [await seen('cpu'), await seen('wasm')];
  for (const name of ['mask', 'votes']) {
    assert.deepEqual(cpu[name].cast, [0, 1, 1, 1, 1]);
    assert.equal(cpu[name].sum, 4);
    assert.deepEqual(cpu[name].kept, [0, 100, 100, 100, 100]);
  }
  assert.deepEqual(wasm.mask.cast, [0, 0, 0, 0, 1]);
  assert.deepEqual(wasm.votes.cast, [0, 3, 0, 0, 255]);
  assert.deepEqual([wasm.mask.sum, wasm.votes.sum], [1, 258]);
  assert.deepEqual(wasm.mask.kept, [0, 0, 0, 0, 100]);
})();
NODE
node cast.cjs
