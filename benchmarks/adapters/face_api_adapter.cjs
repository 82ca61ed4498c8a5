// @vladmandic/face-api: https://www.npmjs.com/package/@vladmandic/face-api, with TensorFlow.js on
// WebAssembly, one thread. Argument: the folder that it is installed in.

const path = require('path');
const { SIZE_PX, packageFolder, peerRequire, serve, versionOf } = require('./protocol.cjs');

const NAME = '@vladmandic/face-api';

// Its words (src/faceExpressionNet/FaceExpressions.ts) and mien's.
const LABELS = {
  neutral: 'neutral',
  happy: 'happy',
  sad: 'sad',
  angry: 'angry',
  fearful: 'fear',
  disgusted: 'disgust',
  surprised: 'surprise',
};

const labelOf = (expressions) => LABELS[expressions.asSortedArray()[0].expression];

async function build() {
  const tf = peerRequire('@tensorflow/tfjs');
  const wasm = peerRequire('@tensorflow/tfjs-backend-wasm');
  wasm.setThreadsCount(1);
  wasm.setWasmPaths(path.join(packageFolder('@tensorflow/tfjs-backend-wasm'), 'dist/'));
  await tf.setBackend('wasm');
  await tf.ready();
  const faceapi = peerRequire(`${NAME}/dist/face-api.node-wasm.js`);
  const models = path.join(packageFolder(NAME), 'model');
  await faceapi.nets.tinyFaceDetector.loadFromDisk(models);
  await faceapi.nets.faceExpressionNet.loadFromDisk(models);

  const detector = new faceapi.TinyFaceDetectorOptions(); // the quicker of its two

  async function photo(pixels, width, height) {
    const image = tf.tensor3d(pixels, [height, width, 3], 'int32');
    const found = await faceapi.detectAllFaces(image, detector).withFaceExpressions();
    tf.dispose(image);
    return found;
  }

  function faces(found) {
    return found.map(({ detection: { box }, expressions }) => ({
      box: [box.left, box.top, box.right, box.bottom],
      label: labelOf(expressions),
    }));
  }

  async function boxes(pixels, width, height, places) {
    const image = tf.tensor3d(pixels, [height, width, 3], 'int32');
    const rects = places.map(([x0, y0, x1, y1]) => new faceapi.Rect(x0, y0, x1 - x0, y1 - y0));
    const images = await faceapi.extractFaceTensors(image, rects);
    const expressions = await faceapi.nets.faceExpressionNet.predictExpressions(images);
    tf.dispose([image, ...images]);
    return expressions.map(labelOf);
  }

  async function crops(pixels, count) {
    const gray = tf.tensor4d(Float32Array.from(pixels), [count, SIZE_PX, SIZE_PX, 1]);
    const colour = tf.tile(gray, [1, 1, 1, 3]);
    const images = tf.unstack(colour);
    const expressions = await faceapi.nets.faceExpressionNet.predictExpressions(images);
    tf.dispose([gray, colour, ...images]);
    return expressions.map(labelOf);
  }

  return {
    version: versionOf(NAME),
    fed:
      'crops: faceExpressionNet, which enlarges them to 112 x 112. Photos: detectAllFaces with ' +
      'expressions, by TinyFaceDetector, the quicker of its two.',
    photo,
    faces,
    crops,
    boxes,
  };
}

serve(build);
