/**
 * What reads for the page that `mien page` writes: this browser, by the npm package of mien. It has
 * the place and the exports of static/engine.js, whose words say what each is.
 */

import { loadRecognizer } from "./browser_reader.js";
import { byId, showStatus, showTrouble } from "./elements.js";

export { explainFace, openLive, readImage } from "./browser_reader.js";

const KEEP_AFTER_MS = 2_000; // all files are asked for once more, and the first reading comes first

const recognizer = loadRecognizer();
const about = fetch(new URL("./models.json", import.meta.url)).then((answer) => answer.json());

export const health = Promise.resolve({ camera: false, limits: null });
export const healthEvents = new EventTarget(); // a browser does not go away
export const engineEvents = new EventTarget(); // there is one engine alone
export const openFeed = null;

export async function getModels() {
  return (await about).models;
}

export async function getModel(name) {
  return (await getModels()).find((model) => model.name === name);
}

export async function startEngine() {
  try {
    await recognizer;
    const { models, version } = await about;
    byId("version").textContent = `mien ${version}`;
    showStatus("well", `model ${models[0].name}`);
  } catch (error) {
    showStatus("gone", "cannot read");
    showTrouble("gone", `The networks cannot be loaded: ${error.message}`);
    return;
  }
  setTimeout(keepPage, KEEP_AFTER_MS);
}

/** Keep the page in the browser, for a time without a network. */
function keepPage() {
  // Private windows may refuse; the page then needs its host each time.
  navigator.serviceWorker?.register("service-worker.js").catch(() => {});
}
