/**
 * What reads for the page that `mien page` writes: this browser, by the npm package of mien. It has
 * the place and the exports of static/engine.js, whose words say what each is.
 */

import { byId } from "./elements.js";
import { withThreshold } from "./emotions.js";
import { Recognizer } from "./package/mien.js";

const CROP_PX = 48;
const KEEP_AFTER_MS = 2_000; // all files are asked for once more, and the first reading comes first

const recognizer = Recognizer.load();
const about = fetch(new URL("./models.json", import.meta.url)).then((answer) => answer.json());

export const health = Promise.resolve({ camera: false, limits: null });
export const healthEvents = new EventTarget(); // a browser does not go away
export const openFeed = null;

export async function getModels() {
  return (await about).models;
}

export async function getModel(name) {
  return (await getModels()).find((model) => model.name === name);
}

/**
 * Read the faces of one image.
 *
 * @param {File} file
 * @returns {Promise<{name, width, height, ms, error, faces}>}
 * @throws {Error} where the image cannot be read; its message can be shown.
 */
export async function readImage(file) {
  const reader = await recognizer;
  const begun = performance.now();
  const image = await imageOf(file);
  const { width, height } = image;
  const faces = await reader.read(image);
  image.close();
  return { name: file.name, width, height, ms: performance.now() - begun, error: null, faces };
}

/** What the reading of a face rests on; `face` counts from 0 in the order of the readings. */
export async function explainFace(file, face) {
  const image = await imageOf(file);
  const { crop, ...explanation } = await (await recognizer).explain(image, { face });
  image.close();
  return { ...explanation, method: "occlusion", crop_png: pngOf(crop), size_px: CROP_PX };
}

/** As the package takes it: upright, and without its color profile, as in Python. */
async function imageOf(file) {
  try {
    return await createImageBitmap(file, { colorSpaceConversion: "none" });
  } catch {
    throw new Error("expected an image that this browser can show; it may be damaged");
  }
}

/** Gray levels as an image in a data address. */
function pngOf(crop) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = CROP_PX;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(CROP_PX, CROP_PX);
  crop.forEach((level, at) => pixels.data.set([level, level, level, 255], 4 * at));
  context.putImageData(pixels, 0, 0);
  return canvas.toDataURL("image/png");
}

export function openLive(settings, told) {
  return new BrowserLive(settings, told);
}

/** A live view in this browser. */
class BrowserLive {
  #settings;
  #frame = null; // that was given and not yet taken
  #wake = () => {};
  #ending = new AbortController();
  isOpen = false;

  /** As that of `ServerLive`. */
  constructor(settings, told) {
    this.#settings = settings;
    this.told = told;
    this.#follow();
  }

  send(image) {
    this.#frame = { source: image, timeS: performance.now() / 1000 };
    this.#wake();
  }

  /** Another smoothing begins anew, with numbers of its own. */
  set(settings) {
    const isSame = settings.half_life_s === this.#settings.half_life_s;
    this.#settings = settings;
    if (isSame) return;
    this.close();
    this.#ending = new AbortController();
    this.#follow();
  }

  close() {
    this.isOpen = false;
    this.#frame = null;
    this.#ending.abort();
    this.#wake();
  }

  async #follow() {
    const { signal } = this.#ending;
    try {
      const reader = await recognizer;
      if (signal.aborted) return;
      this.isOpen = true;
      this.told.opened();
      const options = { halfLifeS: this.#settings.half_life_s, signal };
      for await (const answer of reader.streamFrames(this.#frames(signal), options)) {
        if (signal.aborted) return;
        const faces = withThreshold(answer.faces, this.#settings.threshold);
        this.told.answer({ type: "readings", ...answer, faces });
      }
    } catch (error) {
      this.isOpen = false;
      if (!signal.aborted) this.told.trouble(error.message);
    }
  }

  async *#frames(signal) {
    while (!signal.aborted) {
      const frame = this.#frame;
      this.#frame = null;
      if (frame) yield frame;
      else await new Promise((resolve) => (this.#wake = resolve));
    }
  }
}

export async function startEngine() {
  const status = (kind, words) => {
    byId("status").className = `status ${kind}`;
    byId("status-text").textContent = words;
  };
  try {
    await recognizer;
    const { models, version } = await about;
    byId("version").textContent = `mien ${version}`;
    status("well", `model ${models[0].name}`);
  } catch (error) {
    status("gone", "cannot read");
    byId("gone").textContent = `The networks cannot be loaded: ${error.message}`;
    byId("gone").hidden = false;
    return;
  }
  setTimeout(keepPage, KEEP_AFTER_MS);
}

/** Keep the page in the browser, for a time without a network. */
function keepPage() {
  // Private windows may refuse; the page then needs its host each time.
  navigator.serviceWorker?.register("service-worker.js").catch(() => {});
}
