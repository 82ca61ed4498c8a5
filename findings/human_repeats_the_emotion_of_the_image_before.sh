#!/bin/sh
# @vladmandic/human 3.3.6: an image that differs from the one before by less than about 13 gray levels
# (root mean square over all of it: config.cacheSensitivity) gets that one's emotion, for 1.5 s of the
# clock on the wall and up to 99 images: of a portrait whose smile is turned upside down "happy .99",
# not "sad .54". What a video gives depends on the machine's speed. cacheSensitivity: 0 ends it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-image==0.26.0
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund @vladmandic/human@3.3.6 \
  @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-converter@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
venv/bin/python - <<'PYTHON'
from skimage import data

portrait = data.astronaut()
other = portrait.copy()
other[116:160, 180:250] = portrait[116:160, 180:250][::-1]  # the mouth
for name, image in (("smile", portrait), ("turned", other)):
    open(f"{name}.rgb", "wb").write(image[:320, 60:420].tobytes())
PYTHON
cat > read.cjs <<'NODE'
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-wasm').setThreadsCount(1);
const modules = path.join(process.cwd(), 'node_modules');
const { Human } = require(path.join(modules, '@vladmandic/human/dist/human.node-wasm.js'));

globalThis.fetch = async (url) => new Response(fs.readFileSync(new URL(url))); // its own models
const off = { enabled: false };
const human = new Human({
  backend: 'wasm',
  wasmPath: path.join(modules, '@tensorflow/tfjs-backend-wasm/dist/'),
  modelBasePath: pathToFileURL(path.join(modules, '@vladmandic/human/models/')).href,
  filter: off, body: off, hand: off, gesture: off, // only what is not looked at here
  face: { mesh: off, iris: off, description: off },
});
const pixels = (name) => tf.tensor3d(Uint8Array.from(fs.readFileSync(name)), [320, 360, 3], 'int32');
const emotion = async (image) => JSON.stringify((await human.detect(image)).face[0].emotion);
const pause = () => new Promise((resolve) => setTimeout(resolve, 4000));
(async () => {
  await human.load();
  const [smile, turned] = [pixels('smile.rgb'), pixels('turned.rgb')];
  await emotion(smile); // the first time takes longer
  await pause();
  const alone = await emotion(turned);
  await pause();
  const before = await emotion(smile);
  const after = await emotion(turned);
  console.log(`the smile: ${before}\nturned, alone: ${alone}\nturned, after the smile: ${after}`);
  assert(after === before && after !== alone);
})();
NODE
node read.cjs
