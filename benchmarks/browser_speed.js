// The readers of `benchmarks/browser_speed.py`, each on one thread of WebAssembly, and their clock.

const WIDTH = 640;
const HEIGHT = 480;

/** What reads one frame of 640 x 480 pixels, and says how many faces it read. */
const READERS = {
  async mien() {
    const { Recognizer } = await import("/mien/mien.js");
    const recognizer = await Recognizer.load();
    return async (frame) => (await recognizer.read(frame)).length;
  },

  // As `recognizer.stream` reads: without second looks, but with tracks and smoothing.
  async "mien, stream"() {
    const { Recognizer } = await import("/mien/mien.js");
    const recognizer = await Recognizer.load();
    let [hand, asked] = [null, null];
    const frames = (async function* () {
      for (;;) {
        yield await new Promise((resolve) => {
          hand = resolve;
          asked();
        });
      }
    })();
    const stream = recognizer.streamFrames(frames);
    return async (frame) => {
      const isAsked = new Promise((resolve) => {
        asked = resolve;
      });
      const shown = stream.next();
      await isAsked;
      const begun = performance.now();
      hand({ source: frame, timeS: performance.now() / 1000 });
      const count = (await shown).value.faces.length;
      return { count, ms: performance.now() - begun };
    };
  },

  async human() {
    const { Human } = await import("/peers/@vladmandic/human/dist/human.esm.js");
    const off = { enabled: false };
    const every = { skipFrames: 0, skipTime: 0 };
    const human = new Human({
      backend: "wasm",
      wasmPath: "/peers/@tensorflow/tfjs-backend-wasm/dist/",
      modelBasePath: "/peers/@vladmandic/human/models/",
      debug: false,
      cacheSensitivity: 0,
      filter: off,
      gesture: off,
      body: off,
      hand: off,
      object: off,
      segmentation: off,
      face: {
        enabled: true,
        detector: { ...every, rotation: false, maxDetected: 10 },
        emotion: { ...every, enabled: true, minConfidence: 0 },
        mesh: off,
        iris: off,
        attention: off,
        description: off,
        antispoof: off,
        liveness: off,
      },
    });
    await human.load();
    return async (frame) => {
      const { face, error } = await human.detect(frame);
      if (error) throw new Error(error);
      return face.filter(({ emotion }) => emotion?.length).length;
    };
  },

  async "face-api"() {
    const api = await import("/peers/@vladmandic/face-api/dist/face-api.esm.js");
    api.tf.setWasmPaths("/peers/@tensorflow/tfjs-backend-wasm/dist/");
    await api.tf.setBackend("wasm");
    await api.tf.ready();
    await api.nets.tinyFaceDetector.loadFromUri("/peers/@vladmandic/face-api/model");
    await api.nets.faceExpressionNet.loadFromUri("/peers/@vladmandic/face-api/model");
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [WIDTH, HEIGHT];
    const options = new api.TinyFaceDetectorOptions({ inputSize: 416, scoreThreshold: 0.3 });
    return async (frame) => {
      canvas.getContext("2d").putImageData(frame, 0, 0);
      return (await api.detectAllFaces(canvas, options).withFaceExpressions()).length;
    };
  },
};

const open = new Map();

/** Opens a reader and reads a first frame. */
async function first(name, faces) {
  open.set(name, await READERS[name]());
  return open.get(name)(await frameOf(faces, 0));
}

/** Milliseconds and faces of one more frame. */
async function once(name, faces, number) {
  const frame = await frameOf(faces, number);
  const begun = performance.now();
  const found = await open.get(name)(frame);
  if (typeof found === "object") return found;
  return { count: found, ms: performance.now() - begun };
}

let portrait = null;

/** ImageData of one or four portraits that move a little; their faces are 84 x 99 pixels each. */
async function frameOf(faces, number) {
  portrait ??= await createImageBitmap(await (await fetch("/astronaut.jpg")).blob());
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#7a8088";
  context.fillRect(0, 0, WIDTH, HEIGHT);
  const [x, y] = [number % 7, (number * 3) % 5];
  if (faces === 1) context.drawImage(portrait, 80 + x, y, 480, 480);
  for (let i = 0; faces === 4 && i < 4; i++) {
    const [left, top] = [(i % 2) * 320, Math.floor(i / 2) * 240];
    context.drawImage(portrait, 50 - x, y, 341, 256, left, top, 320, 240);
  }
  return context.getImageData(0, 0, WIDTH, HEIGHT);
}

globalThis.bench = { first, once, names: Object.keys(READERS) };
