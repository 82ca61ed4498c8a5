#!/bin/sh
# subsrt-ts 2.1.2: parse() gives the times of a label in milliseconds, but of MicroDVD's (.sub, by frames) in seconds
# cut to whole ones: a smile in frames 50 to 62 of 25 a second is from 2 to 2 ms, not 2000 to 2480, and build() and
# convert() write frame 50000 for 2 s. Of .ass and .ssa, with a file of its own, too, each label loses its first letter:
# "happy" is "appy", "AU6, AU12" is "U6, AU12", "0" is empty. Of .lrc with milliseconds (01.500) a label begins at 6 s,
# after its end. Nothing warns; .srt, .vtt and .sbv are right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund subsrt-ts@2.1.2
cat > read.mjs <<'NODE'
import assert from 'assert';
import subsrt from 'subsrt-ts';

const seen = (text, options) => subsrt.parse(text, options).filter((one) => one.type === 'caption')
  .map((one) => [one.start, one.end, one.text.trim()]);
const labels = [[1000, 1480, 'happy'], [2000, 2480, 'AU6, AU12'], [61000, 61480, '0']];
const time = (ms, digits) => new Date(ms).toISOString().slice(11, 20 + digits);
const times = (a, b, digits, between) => `${time(a, digits)}${between}${time(b, digits)}`;
const files = {
  srt: labels.map(([a, b, text]) => `1\n${times(a, b, 3, ' --> ').replaceAll('.', ',')}\n${text}\n`).join('\n'),
  vtt: `WEBVTT\n\n${labels.map(([a, b, text]) => `${times(a, b, 3, ' --> ')}\n${text}\n`).join('\n')}`,
  sub: labels.map(([a, b, text]) => `{${a / 40}}{${b / 40}}${text}\n`).join(''),
  ass: '[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n\n[Events]\n'
    + 'Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n'
    + labels.map(([a, b, text]) => `Dialogue: 0,${times(a, b, 2, ',')},Default,,0,0,0,,${text}\n`).join(''),
  lrc: labels.map(([a, , text]) => `[${time(a + 500, 3).slice(3)}]${text}\n`).join(''),
};
const read = {};
for (const [format, file] of Object.entries(files)) {
  assert.equal(subsrt.detect(file), format);
  read[format] = seen(file, { fps: 25 });
  console.log(`${format}:`, JSON.stringify(read[format]));
}
assert.deepEqual(read.srt, labels);
assert.deepEqual(read.vtt, labels);
assert.deepEqual(read.sub, labels.map(([a, b, text]) => [Math.round(a / 1000), Math.round(b / 1000), text]));
assert.deepEqual(read.ass, labels.map(([a, b, text]) => [a, b, text.slice(1)]));
assert.deepEqual(read.lrc.map(([a]) => a), labels.map(([a]) => a + 5000));

const convert = (format) => [format, subsrt.convert(files.srt, { format, fps: 25 })];
const own = Object.fromEntries(['sub', 'ass', 'ssa', 'sbv'].map(convert));
console.log('written as .sub:', own.sub.split(/\r?\n/)[1]);
assert(own.sub.includes('{50000}{62000}AU6, AU12'));
for (const format of ['ass', 'ssa']) {
  assert(own[format].includes(',,AU6, AU12'));
  assert.deepEqual(seen(own[format]), read.ass);
}
assert.deepEqual(seen(own.sbv), labels);
NODE
node read.mjs
