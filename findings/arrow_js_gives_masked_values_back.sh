#!/bin/sh
# apache-arrow 21.2.0 (JavaScript): toArray() of a column of numbers gives what lies in memory, without a look at
# which values are missing: a reading that was masked since its face was blurred comes back as it was, others
# come as 0 or NaN, without a word; means and counts are wrong. Iterating, get() and toJSON() give null. Its
# documentation tells of a view of the values, not of nulls. Look at nullCount first.
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
import pyarrow.compute as pc

happy = np.array([0.75, 0.25, 1.0, 0.5], np.float32)
blurred = np.array([False, False, True, False])
columns = {
    "masked": pa.array(happy, mask=blurred),
    "chosen": pc.if_else(pa.array(~blurred), pa.array(happy), None),
    "none": pa.array([0.75, 0.25, None, 0.5], pa.float32()),
    "nan": pa.array(np.where(blurred, np.float32(np.nan), happy), from_pandas=True),
    "frame": pa.array([10, 20, None, 40], pa.int32()),
}
for name, column in columns.items():
    print(f"{name} in Python: {column.to_pylist()}, mean {pc.mean(column)}")
    assert column.null_count == 1 and column[2].as_py() is None
table = pa.table(columns)
with pa.ipc.new_file("readings.arrow", table.schema) as file:
    file.write_table(table)
PYTHON
cat > read.mjs <<'NODE'
import assert from 'assert';
import fs from 'fs';
import { tableFromIPC } from 'apache-arrow';

const table = tableFromIPC(fs.readFileSync('readings.arrow'));
const mean = (values) => values.reduce((a, b) => a + b) / values.length;
for (const [name, third, wrong] of [
  ['masked', 1, 0.625], ['chosen', 1, 0.625], ['none', 0, 0.375], ['nan', NaN, NaN], ['frame', 0, 17.5],
]) {
  const column = table.getChild(name);
  const values = column.toArray();
  console.log(`${name}: toArray() ${values.join(', ')}, mean ${mean(values)}; iterated`, [...column]);
  assert.deepEqual([column.nullCount, column.get(2), [...column][2], column.toJSON()[2]], [1, null, null, null]);
  assert(Object.is(values[2], third) && Object.is(mean(values), wrong));
  assert(values.every((value, i) => i === 2 || value === column.get(i)));
}
NODE
node read.mjs
