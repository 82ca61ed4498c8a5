#!/bin/sh
# sharp 0.35.5: raw pixels may be a Float32Array, Int32Array or another typed array, and all but those of
# bytes count as 16 bits, 0 to 65535, whatever they hold: floats from 0 to 1, as a network gives them, and
# numbers from 0 to 255 become a black image, in resize(), png() and raw(), without an error. 200 in a
# Uint8Array stays 200. Give Uint8Array.from(values, Math.round), or numbers times 257.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund sharp@0.35.5
cat > pixels.mjs <<'NODE'
import assert from 'assert';
import sharp from 'sharp';

const size = { width: 4, height: 4, channels: 3 };
const levels = Array.from({ length: 48 }, (_, i) => 5 * i + 20); // 20 to 255

async function seen(pixels) {
  const image = () => sharp(pixels, { raw: size });
  const png = await sharp(await image().png().toBuffer()).raw().toBuffer();
  const raw = await image().raw().toBuffer();
  const small = await image().resize(2, 2).raw().toBuffer();
  assert.deepEqual([...png], [...raw]);
  return { raw: [...raw], brightest: Math.max(...raw), brightestSmall: Math.max(...small) };
}

const bytes = await seen(Uint8Array.from(levels));
console.log(`Uint8Array, 20 to 255: brightest ${bytes.brightest}, resized ${bytes.brightestSmall}`);
assert.deepEqual(bytes.raw, levels);
for (const Kind of [Float32Array, Float64Array, Int32Array, Uint16Array]) {
  const whole = await seen(Kind.from(levels));
  const unit = await seen(Kind.from(levels, (level) => level / 255));
  const wide = await seen(Kind.from(levels, (level) => 257 * level));
  console.log(`${Kind.name}, 20 to 255: brightest ${whole.brightest}, resized ${whole.brightestSmall};`,
    `0 to 1: ${unit.brightest}; times 257: ${wide.brightest}`);
  assert.equal(whole.brightest + whole.brightestSmall + unit.brightest, 0);
  assert.deepEqual(wide.raw, levels);
}
NODE
node pixels.mjs
