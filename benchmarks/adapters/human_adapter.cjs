// @vladmandic/human: https://www.npmjs.com/package/@vladmandic/human, with TensorFlow.js on
// WebAssembly, one thread. Argument: the folder that it is installed in.

const path = require('path');
const { pathToFileURL } = require('url');
const { SIZE_PX, packageFolder, peerRequire, serve, versionOf } = require('./protocol.cjs');

const NAME = '@vladmandic/human';

// Of the columns of its network (src/gear/emotion.ts); its words are mien's.
const LABELS = ['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral'];

const CUT_PX = 256; // BlazeFace's side, to which it cuts faces

async function build() {
  const tf = peerRequire('@tensorflow/tfjs-core');
  const wasm = peerRequire('@tensorflow/tfjs-backend-wasm');
  wasm.setThreadsCount(1);
  // By its path: the package's exports lead to the build for tfjs-node.
  const { Human } = peerRequire(path.join(packageFolder(NAME), 'dist/human.node-wasm.js'));
  const human = new Human({
    backend: 'wasm',
    wasmPath: path.join(packageFolder('@tensorflow/tfjs-backend-wasm'), 'dist/'),
    modelBasePath: pathToFileURL(path.join(packageFolder(NAME), 'models/')).href,
    debug: false,
    cacheSensitivity: 0, // every image is looked at, also where it is like the last
    filter: { enabled: false },
    gesture: { enabled: false },
    body: { enabled: false },
    hand: { enabled: false },
    object: { enabled: false },
    face: {
      enabled: true,
      detector: { rotation: false },
      mesh: { enabled: false },
      iris: { enabled: false },
      description: { enabled: false },
      emotion: { enabled: true },
    },
  });
  await human.load();
  const network = human.models.models.emotion;

  async function photo(pixels, width, height) {
    const image = tf.tensor3d(pixels, [height, width, 3], 'int32');
    const result = await human.detect(image);
    tf.dispose(image);
    return result;
  }

  function faces(result) {
    return result.face.map((face) => {
      const [x, y, across, down] = face.boxRaw; // in shares of the image, not cut at its border
      return {
        box: [x * result.width, y * result.height, (x + across) * result.width, (y + down) * result.height],
        label: face.emotion && face.emotion.length ? face.emotion[0].emotion : null,
      };
    });
  }

  async function labelsOf(columns) {
    const targets = await columns.data();
    tf.dispose(columns);
    return Array.from(targets, (target) => LABELS[target]);
  }

  async function boxes(pixels, width, height, places) {
    // As src/face/facemeshutil.ts cuts a face and src/gear/emotion.ts prepares it.
    const columns = tf.tidy(() => {
      const image = tf.tensor4d(Float32Array.from(pixels), [1, height, width, 3]);
      const shares = places.map(([x0, y0, x1, y1]) => [y0 / height, x0 / width, y1 / height, x1 / width]);
      const cut = tf.image.cropAndResize(image, shares, places.map(() => 0), [CUT_PX, CUT_PX]);
      const side = network.inputs[0].shape[2];
      const resized = tf.image.resizeBilinear(tf.div(cut, 255), [side, side], false);
      const gray = tf.sum(tf.mul(resized, tf.tensor1d([0.2989, 0.587, 0.114])), 3, true);
      return tf.argMax(network.execute(tf.mul(tf.sub(gray, 0.5), 2)), 1);
    });
    return labelsOf(columns);
  }

  async function crops(pixels, count) {
    // As src/gear/emotion.ts prepares a face.
    const columns = tf.tidy(() => {
      const gray = tf.tensor4d(Float32Array.from(pixels), [count, SIZE_PX, SIZE_PX, 1]);
      const side = network.inputs[0].shape[2];
      const resized = tf.image.resizeBilinear(tf.div(gray, 255), [side, side], false);
      return tf.argMax(network.execute(tf.mul(tf.sub(resized, 0.5), 2)), 1);
    });
    return labelsOf(columns);
  }

  return {
    version: versionOf(NAME),
    fed:
      'crops: enlarged to 64 x 64 as it does, into its emotion network. Photos: detect, with ' +
      'BlazeFace and the emotion network alone switched on.',
    photo,
    faces,
    crops,
    boxes,
  };
}

serve(build);
