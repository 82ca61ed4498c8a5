#!/bin/sh
# ml-distance 5.0.0: distance.canberra divides |a - b| by a + b, where Canberra's distance, by the page that its docs
# link to, has |a| + |b|. Of values on both sides of 0 (valence, standardized readings, embeddings) it is negative or
# endless, and least for some that differ most: of valence -.5 and .4 it is -9, less than the 0 of equal ones. Of 300
# embeddings 1 % have the nearest neighbor that scipy's canberra finds, without a word. distance.clark adds so, too. Of
# values above 0 both are right. Sum up Math.abs(a - b) / (Math.abs(a) + Math.abs(b)).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scipy==1.17.1 numpy==2.4.6
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund ml-distance@5.0.0
venv/bin/python - <<'PYTHON'
import json

import numpy as np
from scipy.spatial.distance import cdist

faces = np.random.default_rng(0).normal(size=(300, 64)).round(3)
cases = {"embeddings": faces, "their sizes": np.abs(faces), "valence": np.array([[-0.5], [0.4], [-0.4]])}
with open("faces.json", "w") as file:
    json.dump({name: [rows.tolist(), cdist(rows, rows, "canberra").tolist()] for name, rows in cases.items()}, file)
PYTHON
cat > near.mjs <<'NODE'
import assert from 'assert';
import fs from 'fs';
import { distance } from 'ml-distance';

const nearest = (distances, self) => distances.indexOf(Math.min(...distances.filter((_, i) => i !== self)));
const shares = {};
for (const [name, [rows, scipy]] of Object.entries(JSON.parse(fs.readFileSync('faces.json')))) {
  const found = rows.map((a) => rows.map((b) => distance.canberra(a, b)));
  const flat = found.flatMap((line, i) => line.filter((_, j) => i !== j));
  const same = found.filter((line, i) => nearest(line, i) === nearest(scipy[i], i)).length / rows.length;
  shares[name] = same;
  console.log(`${name}: ${Math.min(...flat).toFixed(2)} to ${Math.max(...flat).toFixed(2)}, scipy`,
    `${Math.min(...scipy.flat()).toFixed(2)} to ${Math.max(...scipy.flat()).toFixed(2)};`,
    `${(100 * same).toFixed(0)} % have the same nearest neighbor`);
}
assert(shares.embeddings < 0.05 && shares['their sizes'] === 1);
const [pair, clark] = [distance.canberra([-0.5], [0.4]), distance.clark([-0.5], [0.4])];
console.log(`valence -.5 and .4: canberra ${pair.toFixed(2)} for 1, clark ${clark.toFixed(2)} for 1`);
assert(Math.abs(pair + 9) < 1e-9 && Math.abs(clark - 9) < 1e-9);
NODE
node near.mjs
