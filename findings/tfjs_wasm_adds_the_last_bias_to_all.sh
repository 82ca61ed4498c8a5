#!/bin/sh
# @tensorflow/tfjs-backend-wasm 4.22.0: a dense layer of a graph model whose weights are stored transposed, one row for
# an emotion (_FusedMatMul with transpose_b and a bias, or tf.fused.matMul), adds the bias again for every 48 features,
# by which a happy face of 256 features is neutral, and from the second face of a batch on the last emotion's bias to
# all seven, without a word. The backend "cpu" is right, and so are weights that are not transposed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 \
  @tensorflow/tfjs-converter@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
cat > dense.cjs <<'NODE'
const assert = require('assert');
const tf = require('@tensorflow/tfjs-core');
const { loadGraphModel } = require('@tensorflow/tfjs-converter');
require('@tensorflow/tfjs-backend-cpu');
require('@tensorflow/tfjs-backend-wasm').setThreadsCount(1);
console.warn = () => {}; // that a faster package for Node exists

const EMOTIONS = ['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral'];
const BIASES = [0, -2, 0, 1, 0, 0, 3];
/** A graph model of one layer: the features are numbered as the emotions, and weigh 1 for their own. */
function model(features, transposed) {
  const weights = new Float32Array(7 * features);
  for (let i = 0; i < 7; i++) weights[transposed ? i * features + i : i * 7 + i] = 1;
  const shape = transposed ? [7, features] : [features, 7];
  const type = { type: 'DT_FLOAT' };
  const s = [Buffer.from('BiasAdd').toString('base64')];
  const node = [
    { name: 'x', op: 'Placeholder', attr: { dtype: type, shape: { shape: { unknownRank: true } } } },
    ...['w', 'b'].map((name) => ({ name, op: 'Const', attr: { dtype: type } })),
    { name: 'y', op: '_FusedMatMul', input: ['x', 'w', 'b'], attr: { T: type, transpose_b: { b: transposed },
      transpose_a: { b: false }, fused_ops: { list: { s } }, num_args: { i: '1' } } },
  ];
  const weightSpecs = [{ name: 'w', shape, dtype: 'float32' }, { name: 'b', shape: [7], dtype: 'float32' }];
  const weightData = Float32Array.from([...weights, ...BIASES]).buffer;
  const modelTopology = { node, versions: { producer: 1482, minConsumer: 12 } };
  return loadGraphModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) });
}
async function logits(backend, features, transposed) {
  await tf.setBackend(backend);
  const face = Array.from({ length: features }, (_, i) => (i === 3 ? 2.5 : 0)); // happy: 2.5 + 1, neutral: 3
  const found = await (await model(features, transposed)).predict(tf.tensor2d([face, face])).array();
  console.log(`${backend}, ${features} features, ${transposed ? '' : 'not '}transposed:`,
    found.map((row) => `${EMOTIONS[row.indexOf(Math.max(...row))]} [${row.join(', ')}]`).join(', '));
  return found;
}
(async () => {
  const right = [0, -2, 0, 3.5, 0, 0, 3];
  for (const features of [48, 256])
    for (const [backend, transposed] of [['cpu', true], ['cpu', false], ['wasm', false]])
      assert.deepEqual(await logits(backend, features, transposed), [right, right]);
  assert.deepEqual(await logits('wasm', 48, true), [right, [3, 3, 3, 5.5, 3, 3, 3]]);
  const many = await logits('wasm', 256, true); // 6 blocks of 48: 6 biases
  assert.deepEqual(many, [[0, -12, 0, 8.5, 0, 0, 18], [18, 18, 18, 20.5, 18, 18, 18]]); // neutral
})();
NODE
node dense.cjs
