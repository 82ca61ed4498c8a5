#!/bin/sh
# subsrt 1.1.1: parse() of subtitles whose lines end as Linux, macOS and most programs end them (\n) takes the
# whole file for one cue: of five labels in SubRip the first comes, with its times and with all that follows as
# its text; of WebVTT none (issue 7 there). Nothing warns; convert() writes that, too. With \r\n all five come
# (the last with \r\n after it), as they do from subtitle 4.2.2. Give text.replace(/\r?\n/g, "\r\n").
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund subsrt@1.1.1 subtitle@4.2.2
cat > labels.cjs <<'NODE'
const assert = require('assert');
const subsrt = require('subsrt');
const { parseSync } = require('subtitle');

const labels = ['calm', 'happy', 'sad', 'happy', 'calm'];
const stamp = (second, comma) => `00:00:0${second}${comma}000`;
const cue = (label, i, comma) => `${i + 1}\n${stamp(i, comma)} --> ${stamp(i + 1, comma)}\n${label}\n`;
const texts = {
  srt: labels.map((label, i) => cue(label, i, ',')).join('\n'),
  vtt: 'WEBVTT\n\n' + labels.map((label, i) => cue(label, i, '.')).join('\n'),
};
const expected = labels.map((label, i) => [1000 * i, 1000 * (i + 1), label]);
const row = ({ start, end, text }) => [start, end, text.trim()];
for (const [format, text] of Object.entries(texts)) {
  const read = (some) => subsrt.parse(some, { format }).filter((c) => c.type === 'caption').map(row);
  const found = read(text);
  const windows = read(text.replace(/\n/g, '\r\n'));
  const other = parseSync(text).filter((c) => c.type === 'cue').map((c) => row(c.data));
  console.log(`${format}: of 5 cues ${found.length}, with \\r\\n ${windows.length}, subtitle ${other.length};`,
    'the first:', JSON.stringify(found[0]));
  assert.deepEqual(windows, expected);
  assert.equal(found.length, format === 'srt' ? 1 : 0);
  if (format === 'srt') {
    assert.deepEqual(other, expected);
    assert.deepEqual(found[0].slice(0, 2), [0, 1000]);
    assert(labels.every((label) => found[0][2].includes(label)));
  }
}
const converted = subsrt.convert(texts.srt, { format: 'json' });
console.log(`converted to JSON: ${JSON.parse(converted).length} cue`);
assert.equal(JSON.parse(converted).length, 1);
NODE
node labels.cjs
