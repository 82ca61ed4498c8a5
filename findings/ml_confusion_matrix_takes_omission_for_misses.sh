#!/bin/sh
# ml-confusion-matrix 2.0.0: getFalseOmissionRate(label) divides by those who show the label, FN / (FN + TP), which
# is getFalseNegativeRate; the rate is FN / (FN + TN), of those whom a network says not to show it. Of 90 faces
# that it calls not sad 10 are sad: .11, but it gives .5. getNegativePredictiveValue, 1 minus that rate, is
# right. Its documentation has nothing but the rate's name. Take 1 - getNegativePredictiveValue(label).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund ml-confusion-matrix@2.0.0
cat > rates.mjs <<'NODE'
import assert from 'assert';
import { ConfusionMatrix } from 'ml-confusion-matrix';

const near = (a, b) => Math.abs(a - b) < 1e-12;
const repeat = (label, times) => Array(times).fill(label);
const actual = [...repeat('sad', 20), ...repeat('happy', 50), ...repeat('neutral', 30)];
const predicted = [
  ...repeat('sad', 10), ...repeat('neutral', 10), // half of the sad faces are missed
  ...repeat('happy', 48), ...repeat('neutral', 2),
  ...repeat('neutral', 27), ...repeat('happy', 3),
];
const matrix = ConfusionMatrix.fromLabels(actual, predicted);
let differ = 0;
for (const label of matrix.getLabels()) {
  const calledOther = actual.filter((_, i) => predicted[i] !== label);
  const truth = calledOther.filter((name) => name === label).length / calledOther.length;
  const omission = matrix.getFalseOmissionRate(label);
  const misses = matrix.getFalseNegativeRate(label);
  const byValue = 1 - matrix.getNegativePredictiveValue(label);
  console.log(`${label}: ${calledOther.length} faces are not called so, a share of ${truth.toFixed(3)} wrongly;`,
    `getFalseOmissionRate ${omission.toFixed(3)}, getFalseNegativeRate ${misses.toFixed(3)},`,
    `1 - getNegativePredictiveValue ${byValue.toFixed(3)}`);
  assert(near(byValue, truth) && near(omission, misses));
  differ += !near(omission, truth);
}
assert.equal(differ, 3);
const sad = matrix.getFalseOmissionRate('sad');
assert(near(sad, 0.5) && near(1 - matrix.getNegativePredictiveValue('sad'), 10 / 90));
NODE
node rates.mjs
