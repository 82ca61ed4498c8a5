/** Reading in this browser, by the npm package of mien, with the exports of engine.js. */

import { withThreshold } from "./emotions.js";
import { decodeImage, Recognizer } from "./package/mien.js";
import { unreadable } from "./words.js";

const CROP_PX = 48;

let loading = null;

/** The recognizer of this page; loaded once, and again only where that has failed. */
export function loadRecognizer() {
  loading ??= Recognizer.load().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

/**
 * Read the faces of one image.
 *
 * @param {File} file
 * @returns {Promise<{name, width, height, ms, error, faces}>}
 * @throws {Error} where the image cannot be read; its message can be shown.
 */
export async function readImage(file) {
  const reader = await loadRecognizer();
  const begun = performance.now();
  const image = await imageOf(file);
  const { width, height } = image;
  try {
    const faces = await reader.read(image);
    return { name: file.name, width, height, ms: performance.now() - begun, error: null, faces };
  } finally {
    image.close();
  }
}

/** What the reading of a face rests on; `face` counts from 0 in the order of the readings. */
export async function explainFace(file, face) {
  const image = await imageOf(file);
  try {
    const { crop, ...explanation } = await (await loadRecognizer()).explain(image, { face });
    return { ...explanation, crop_png: pngOf(crop), size_px: CROP_PX };
  } finally {
    image.close();
  }
}

async function imageOf(file) {
  try {
    return await decodeImage(file);
  } catch {
    const kind = file.type || "of a kind that it does not know";
    const shown = `expected an image that this browser can show; it is ${kind}, or damaged`;
    const reason = await unreadable(file);
    throw new Error(reason ?? (file.size ? shown : "expected an image; it is empty"));
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
      const reader = await loadRecognizer();
      if (signal.aborted) return;
      this.isOpen = true;
      this.told.opened();
      const options = { halfLifeS: this.#settings.half_life_s, signal };
      if (!options.halfLifeS) options.margin = 0; // no label is held either, as by the server
      for await (const answer of reader.streamFrames(this.#frames(signal), options)) {
        if (signal.aborted) return;
        const faces = withThreshold(answer.faces, this.#settings.threshold);
        this.told.answer({ type: "readings", ...answer, faces });
      }
    } catch (error) {
      if (signal.aborted) return; // what follows may be open by now
      this.isOpen = false;
      this.told.trouble(error.message, true);
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
