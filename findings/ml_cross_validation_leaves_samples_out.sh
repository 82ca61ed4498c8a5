#!/bin/sh
# ml-cross-validation 1.3.0: kFold(..., k) cuts the samples into folds of floor(n / k), takes the first k of them, and
# forgets the others, for test and for training, where what is left over makes another fold: of 99 faces in ten folds
# nine, of 19 in ten folds nine, of 24 in five folds four, other ones at each run. The confusion matrix, which looks
# whole, counts 90, 10 and 20 faces. Its source says that the rest goes to the last fold. getFolds does the same. The
# sum of the matrix tells; leaveOneOut tests all.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund ml-cross-validation@1.3.0
cat > folds.mjs <<'NODE'
import assert from 'assert';
import { getFolds, kFold, leaveOneOut } from 'ml-cross-validation';

/** A classifier that knows all, so that each face which is tested is counted once on the diagonal. */
const tellTruth = (seen, labels, faces) => faces.map(([face]) => (face % 3 === 0 ? 'happy' : 'sad'));

function test(count, k) {
  const faces = Array.from({ length: count }, (_, i) => [i]);
  const labels = tellTruth(null, null, faces);
  const trained = new Set();
  let tested = 0;
  const matrix = kFold(faces, labels, k, (seen, seenLabels, left) => {
    seen.forEach(([face]) => trained.add(face));
    tested += left.length;
    return tellTruth(seen, seenLabels, left);
  });
  const counted = matrix.getMatrix().flat().reduce((sum, n) => sum + n, 0);
  const inFolds = getFolds(faces, k).flatMap((fold) => fold.testIndex).length;
  console.log(`${count} faces, ${k} folds: ${counted} in the confusion matrix, ${trained.size} ever trained on`);
  assert(counted === tested && counted === trained.size && counted === inFolds);
  const alone = leaveOneOut(faces, labels, tellTruth).getMatrix().flat().reduce((sum, n) => sum + n, 0);
  assert.equal(alone, count);
  return counted;
}

const found = [[100, 10], [103, 10], [99, 10], [68, 10], [19, 10], [24, 5]].map(([count, k]) => test(count, k));
assert.deepEqual(found, [100, 103, 90, 62, 10, 20]);
NODE
node folds.mjs
