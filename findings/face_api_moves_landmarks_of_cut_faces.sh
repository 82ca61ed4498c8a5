#!/bin/sh
# @vladmandic/face-api 1.7.15 with TinyFaceDetector: where the box of a face goes beyond the left or upper edge of
# the image, as of one near a webcam, the face is read from the edge on, but its landmarks are laid from the box's
# corner on: all 68 are as far beside the face as the box goes beyond the edge (41 px of a box of 270), and so is
# alignedRect, from which expressions and descriptors are read, without a word. Add max(0, -box.x), max(0, -box.y).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund @vladmandic/face-api@1.7.15 sharp@0.35.5 \
  @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
cat > cut.cjs <<'NODE'
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const sharp = require('sharp');
const tf = require('@tensorflow/tfjs');
require('@tensorflow/tfjs-backend-wasm').setThreadsCount(1);
const own = path.join(process.cwd(), 'node_modules/@vladmandic/face-api');
const faceapi = require(path.join(own, 'dist/face-api.node-wasm.js'));
console.warn = () => {}; // that a faster package for Node exists

/** The only face of a part of one of the package's own photos, and its landmarks in px of the whole photo. */
async function read(photo, left, top, width, height) {
  const part = sharp(path.join(own, `demo/sample${photo}.jpg`)).extract({ left, top, width, height });
  const image = tf.tensor3d(Uint8Array.from(await part.removeAlpha().raw().toBuffer()), [height, width, 3], 'int32');
  const faces = await faceapi.detectAllFaces(image, new faceapi.TinyFaceDetectorOptions()).withFaceLandmarks();
  assert.equal(faces.length, 1);
  const [{ detection, landmarks }] = faces;
  return { box: detection.box, points: landmarks.positions.map((point) => [point.x + left, point.y + top]) };
}
const PARTS = [ // photo; left, top, right and bottom in it, the edge that comes nearer, and by how many px
  [1, 325, 259, 680, 714, 'left', 107],
  [2, 1350, 56, 1737, 517, 'left', 116],
  [3, 486, 221, 884, 736, 'left', 119],
  [5, 1034, 104, 1350, 553, 'top', 153],
  [6, 144, 351, 565, 904, 'left', 127],
];
const off = (points, truth, [x, y] = [0, 0]) =>
  points.reduce((sum, point, i) => sum + Math.hypot(point[0] + x - truth[i][0], point[1] + y - truth[i][1]), 0) / 68;
(async () => {
  await tf.setBackend('wasm');
  faceapi.env.monkeyPatch({ readFile: (name) => fs.promises.readFile(name) });
  for (const net of ['tinyFaceDetector', 'faceLandmark68Net'])
    await faceapi.nets[net].loadFromDisk(path.join(own, 'model'));
  for (const [photo, left, top, right, bottom, edge, byPx] of PARTS) {
    const { points: truth } = await read(photo, left, top, right - left, bottom - top);
    const [x, y] = edge === 'top' ? [left, top + byPx] : [left + byPx, top];
    const { box, points } = await read(photo, x, y, right - x, bottom - y);
    const beyond = [Math.max(0, -box.x), Math.max(0, -box.y)];
    const [found, mended] = [off(points, truth), off(points, truth, beyond)];
    console.log(`photo ${photo}, cut at the ${edge}: box of ${Math.round(box.width)} px,`,
      `${Math.round(Math.max(...beyond))} px beyond the edge; landmarks ${found.toFixed(1)} px off on average,`,
      `${mended.toFixed(1)} px when moved by as much`);
    assert(found > 2 * mended && found > 0.7 * Math.max(...beyond) && Math.max(...beyond) > 25);
  }
})();
NODE
node cut.cjs
