/**
 * What reads for this page: here the server, or this browser where that is chosen. In the page that
 * `mien page` writes another module has this place and these exports, and reads in the browser itself.
 */

import * as server from "./api.js";
import * as browser from "./browser_reader.js";
import { CameraFeed } from "./camera_feed.js";
import { browserReads, offerChoice, startChoice } from "./engine_choice.js";
import { health, startHealth } from "./health.js";
import { ServerLive } from "./server_live.js";
import { startVideo } from "./video.js";
import { tooLarge } from "./words.js";

export { getModel, getModels } from "./api.js";
/** "change", fired when another one is to read from now on. */
export { engineEvents } from "./engine_choice.js";
/** What the engine says of itself, {camera, limits}, and "back", fired when it is there again. */
export { health, healthEvents } from "./health.js";

let limits = null;

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

/** Begin, and with it what this engine alone has: videos. */
export function startEngine() {
  server.takeToken();
  if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) {
    document
      .querySelector('#notice-where [data-by="server"]')
      .prepend(`You are looking at the server ${location.host}: what you give it goes there. `);
  }
  startVideo(health);
  startChoice();
  startHealth();
  health.then((known) => {
    ({ limits } = known);
    offerChoice(known.browser);
  });
}
