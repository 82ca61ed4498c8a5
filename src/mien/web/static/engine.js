/**
 * What reads for this page: here the server. In the page that `mien page` writes another module has
 * this place and these exports, and reads in the browser itself.
 */

import { takeToken } from "./api.js";
import { CameraFeed } from "./camera_feed.js";
import { byId } from "./elements.js";
import { health, startHealth } from "./health.js";
import { ServerLive } from "./server_live.js";
import { startVideo } from "./video.js";

export { explainFace, getModel, getModels, readImage } from "./api.js";
/** What the engine says of itself, {camera, limits}, and "back", fired when it is there again. */
export { health, healthEvents } from "./health.js";

/** Frames in, one at a time, and readings out; see `ServerLive`. */
export function openLive(settings, told) {
  return new ServerLive(settings, told);
}

/** The camera of the machine that reads, where `health` says that there is one. */
export function openFeed(told) {
  return new CameraFeed(told);
}

/** Begin, and with it what this engine alone has: videos. */
export function startEngine() {
  takeToken();
  if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) {
    byId("notice-where").prepend(
      `You are looking at the server ${location.host}: what you give it goes there. `,
    );
  }
  startVideo(health);
  startHealth();
}
