#!/bin/sh
# jstat 1.9.6: percentile(values, k) goes between two neighbors, as Excel and numpy do, but not between the last two:
# there it is the second largest value, whatever k. Of ten reaction times .9, .95 and .99 are all 460 ms, where .95 of
# them is 1,805 and .99 is 2,686 ms; of two values .5 is the smaller one, where median() is right. With exclusive=true
# alike. Its documentation (1.9 of [1, 2, 3, 4] for .3) names no such case. quantiles(values, [k], 1, 1) is right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund jstat@1.9.6
cat > percentiles.cjs <<'NODE'
const assert = require('assert');
const { jStat } = require('jstat');

/** Between the neighbors of place k * (n - 1) from the first, or k * (n + 1) - 1 where both ends are left out. */
function byHand(values, k, exclusive) {
  const sorted = [...values].sort((a, b) => a - b);
  const place = exclusive ? k * (sorted.length + 1) - 1 : k * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

const near = (a, b) => Math.abs(a - b) < 1e-9;
const times = [310, 325, 333, 340, 352, 361, 380, 410, 460, 2906]; // ms, of which the last missed the face
for (const exclusive of [false, true]) {
  for (const k of [0.25, 0.5, 0.75, 0.85, 0.9, 0.95, 0.99].slice(0, exclusive ? 5 : 7)) {
    const found = jStat.percentile(times, k, exclusive);
    const hand = byHand(times, k, exclusive);
    console.log(`${exclusive ? 'without' : 'with'} ends, ${k}: ${found.toFixed(1)} ms, by hand ${hand.toFixed(1)}`);
    const inLastGap = hand > 460;
    assert(inLastGap ? found === 460 : near(found, hand));
    assert(exclusive || near(jStat.quantiles(times, [k], 1, 1)[0], hand));
  }
}
console.log(`of 1 and 2: percentile .5 is ${jStat.percentile([1, 2], 0.5)}, median ${jStat.median([1, 2])}`);
assert(jStat.percentile([1, 2], 0.5) === 1 && jStat.median([1, 2]) === 1.5);
assert(near(byHand(times, 0.95), 1805.3) && jStat.percentile(times, 1) === 2906);
NODE
node percentiles.cjs
