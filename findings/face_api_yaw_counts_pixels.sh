#!/bin/sh
# @vladmandic/face-api 1.7.15: angle.yaw of withFaceLandmarks(), by its tutorial an angle of -90 to 90 degrees, is
# how many more px lie between the nose and one cheek than the other: the same face in a photo of twice the size has
# twice the yaw (32, 69, 139), and resizeResults() changes it, too. Whoever drops faces beyond 45 degrees drops large
# ones, and keeps turned ones far off. Pitch and roll stay. Divide it by the width of the box.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund @vladmandic/face-api@1.7.15 sharp@0.35.5 \
  @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
cat > yaw.cjs <<'NODE'
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const sharp = require('sharp');
const tf = require('@tensorflow/tfjs');
require('@tensorflow/tfjs-backend-wasm').setThreadsCount(1);
const own = path.join(process.cwd(), 'node_modules/@vladmandic/face-api');
const faceapi = require(path.join(own, 'dist/face-api.node-wasm.js'));
console.warn = () => {}; // that a faster package for Node exists

async function people(scale) {
  const photo = sharp(path.join(own, 'demo/sample1.jpg')).resize(Math.round(1920 * scale)); // its own photo of three
  const { data, info } = await photo.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const image = tf.tensor3d(Uint8Array.from(data), [info.height, info.width, 3], 'int32');
  const faces = await faceapi.detectAllFaces(image).withFaceLandmarks();
  return faces.sort((a, b) => a.detection.box.x - b.detection.box.x);
}
const angles = (faces, name) => faces.map((face) => face.angle[name]);
(async () => {
  await tf.setBackend('wasm');
  faceapi.env.monkeyPatch({ readFile: (name) => fs.promises.readFile(name) });
  for (const net of ['ssdMobilenetv1', 'faceLandmark68Net'])
    await faceapi.nets[net].loadFromDisk(path.join(own, 'model'));
  const scales = [0.5, 1, 2];
  const seen = [];
  for (const scale of scales) {
    const faces = await people(scale);
    seen.push(faces);
    console.log(`${1920 * scale} px wide:`,
      ['yaw', 'pitch', 'roll'].map((name) => `${name} ${angles(faces, name).join(', ')}`).join('; '));
  }
  const large = seen[2];
  const shown = faceapi.resizeResults(large, { width: 960, height: 640 });
  console.log(`3840 px, resizeResults() to 960: yaw ${angles(shown, 'yaw').join(', ')}`);
  for (const [i, face] of large.entries()) {
    const [half, whole, twice] = seen.map((faces) => faces[i]);
    for (const name of ['pitch', 'roll'])
      assert(Math.abs(half.angle[name] - twice.angle[name]) <= 2);
    for (const ratio of [twice.angle.yaw / whole.angle.yaw, whole.angle.yaw / half.angle.yaw])
      assert(ratio > 1.8 && ratio < 2.5);
    assert(Math.abs(shown[i].angle.yaw - face.angle.yaw / 4) <= 2);
  }
  assert(large[0].angle.yaw > 120); // "degrees" of a face whose both eyes are seen
})();
NODE
node yaw.cjs
