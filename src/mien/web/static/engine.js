/**
 * What reads for this page: here the server, or this browser where that is chosen. In the page that
 * `mien page` writes another module has this place and these exports, and reads in the browser itself.
 */

import * as server from "./api.js";
import * as browser from "./browser_reader.js";
import { byId, showTrouble } from "./elements.js";
import { health, healthEvents, startHealth } from "./health.js";
import { CameraFeed, ServerLive } from "./server_live.js";
import { remember, remembered } from "./settings.js";
import { startVideo } from "./video.js";
import { tooLarge } from "./words.js";

export { getModel, getModels } from "./api.js";
/** What the engine says of itself, {camera, limits}, and "back", fired when it is there again. */
export { health, healthEvents } from "./health.js";

/** Fires "change" when another one is to read from now on. */
export const engineEvents = new EventTarget();

let limits = null;
// At once: no image may be sent before the server has said anything.
let chosen = remembered("engine") === "browser" ? "browser" : "server";

const browserReads = () => chosen === "browser";

/** As `readImage` of api.js. */
export async function readImage(file) {
  if (browserReads()) return browser.readImage(file);
  const refusal = tooLarge(file, limits?.image_bytes);
  if (refusal) throw new Error(refusal);
  return server.readImage(file);
}

/** As `explainFace` of api.js. */
export function explainFace(file, face) {
  return (browserReads() ? browser : server).explainFace(file, face);
}

/** Frames in, one at a time, and readings out; see `ServerLive`. */
export function openLive(settings, told) {
  return browserReads() ? browser.openLive(settings, told) : new ServerLive(settings, told);
}

/** The camera of the machine that reads, where `health` says that there is one. */
export function openFeed(told) {
  return new CameraFeed(told);
}

/** Begin, and with it what this engine alone has: videos, and the choice of who reads. */
export function startEngine() {
  server.takeToken();
  if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) {
    document
      .querySelector('#notice-where [data-by="server"]')
      .prepend(`You are looking at the server ${location.host}: what you give it goes there. `);
  }
  startVideo(health);
  for (const radio of document.querySelectorAll('[name="engine"]')) {
    radio.checked = radio.value === chosen;
    radio.addEventListener("change", () => {
      remember("engine", radio.value);
      choose(radio.value);
    });
  }
  showChosen();
  startHealth();
  health.then(take);
  healthEvents.addEventListener("back", ({ detail }) => take(detail));
}

/** Learn what the server is; it may be another once it was started anew. */
function take(known) {
  ({ limits } = known);
  byId("engine").hidden = !known.browser;
  if (!known.browser) choose("server"); // this browser cannot read as the server does
}

function choose(engine) {
  if (engine === chosen) return;
  chosen = engine;
  showChosen();
  engineEvents.dispatchEvent(new Event("change"));
}

/** Say on the page where it reads, and have the networks there. */
function showChosen() {
  for (const part of document.querySelectorAll("[data-by]"))
    part.hidden = part.dataset.by !== chosen;
  showTrouble("engine-trouble");
  if (!browserReads()) return;
  browser
    .loadRecognizer()
    .catch((error) => showTrouble("engine-trouble", `This browser cannot read: ${error.message}`));
}
