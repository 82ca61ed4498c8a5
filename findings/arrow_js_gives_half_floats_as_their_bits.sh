#!/bin/sh
# apache-arrow 21.2.0 (JavaScript): toArray() of a column of half floats, as of probabilities that were saved small
# (float16 of NumPy, pyarrow, pandas), gives their bits as whole numbers: .97 is 15299, and the mean of a column 10621
# in place of .35, without a word, though get(), for-of and toJSON() of the same column are right. Its documentation
# has the bare array for types alone that a typed array corresponds to. Use Float32Array.from(column).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyarrow==26.0.1 numpy==2.4.6
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund apache-arrow@21.2.0
venv/bin/python - <<'PYTHON'
import numpy as np
import pyarrow as pa
from pyarrow import feather

happy = np.float32([0.97, 0.5, 0.25, 0.03, 0])
table = pa.table({"float16": happy.astype(np.float16), "float32": happy})
feather.write_feather(table, "faces.arrow", compression="uncompressed")
PYTHON
cat > read.mjs <<'NODE'
import assert from 'assert';
import fs from 'fs';
import { tableFromIPC } from 'apache-arrow';

const table = tableFromIPC(fs.readFileSync('faces.arrow'));
const near = (values, truth) => [...truth].every((value, i) => Math.abs(values[i] - value) < 0.001);
const truth = table.getChild('float32').toArray();
const mean = (values) => [...values].reduce((sum, value) => sum + value / values.length, 0);
for (const name of ['float32', 'float16']) {
  const column = table.getChild(name);
  const ways = {
    'get()': [...truth.keys()].map((i) => column.get(i)),
    'for-of': [...column],
    'toJSON()': column.toJSON(),
    'Float32Array.from()': Float32Array.from(column),
    'toArray()': column.toArray(),
    'toArray() of a part': column.slice(1).toArray(),
  };
  for (const [way, values] of Object.entries(ways)) {
    const right = near(values, way.endsWith('part') ? truth.slice(1) : truth);
    console.log(`${name}, ${way}: ${[...values].map((value) => +value.toFixed(3)).join(', ')};`,
      `mean ${mean(values).toFixed(2)}`);
    assert.equal(right, name === 'float32' || !way.startsWith('toArray'));
  }
}
const bits = table.getChild('float16').toArray();
assert.deepEqual([...bits.slice(1, 3)], [0x3800, 0x3400]); // a half and a quarter, of 5 bits of exponent
assert.equal(table.getChild('float16').type.toString(), 'Float16');
NODE
node read.mjs
