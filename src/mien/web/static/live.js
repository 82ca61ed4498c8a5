/** The browser's camera -> frames to the engine -> readings, each with its frame. */

import { resize } from "./elements.js";
import { engineEvents, openLive } from "./engine.js";

const LONG_SIDE_PX = 640; // of the frames that are read; the detector needs no more
const UNSEEN_MS = 150; // between frames while the video is not shown

/** Open a camera. @throws {Error} whose message can be shown. */
export async function openCamera(deviceId) {
  if (!navigator.mediaDevices) {
    throw new Error(
      "A browser gives its camera to a page on the same machine, or over https, alone. " +
        "Open this page as http://127.0.0.1 on the machine that has the camera.",
    );
  }
  const size = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: deviceId ? { ...size, deviceId: { exact: deviceId } } : size,
      audio: false,
    });
  } catch (error) {
    throw new Error(cameraTrouble(error));
  }
}

function cameraTrouble({ name, message }) {
  const known = {
    NotAllowedError:
      "The browser was not allowed to use the camera. Allow it for this page, by the sign beside " +
      "the address, and start again.",
    NotFoundError: "The browser found no camera. Plug one in and start again.",
    NotReadableError: "The camera cannot be opened; another program may be using it.",
    OverconstrainedError: "The chosen camera is no longer there. Choose another one.",
  };
  return known[name] ?? `The camera cannot be opened: ${message || name}`;
}

/** The cameras as [id, name]; names are known once one was allowed. */
export async function listCameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices
    .filter((device) => device.kind === "videoinput" && device.deviceId)
    .map((device, at) => [device.deviceId, device.label || `Camera ${at + 1}`]);
}

/**
 * Gives an engine frames of a video and hands on what was read from them.
 *
 * One frame is on its way at a time, so that none waits: the next is taken when the answer to the
 * last is there, and is the newest that the camera has.
 */
export class LiveReader {
  #engine = null;
  #running = false;
  #fresh = false; // the camera has shown a frame since the last was taken
  #pending = null; // what is on its way: { number, takenAt }
  #sent = 0;
  #image = new OffscreenCanvas(1, 1); // what it shows
  #small = new OffscreenCanvas(1, 1);
  #settings;

  /**
   * @param {HTMLVideoElement} video that plays the camera.
   * @param {object} settings {threshold, half_life_s}, as the engine takes them.
   * @param {{read: (answer: object, image: OffscreenCanvas, takenAt: number) => void,
   *   trouble: (message: string, isOver?: boolean) => void}} told `read` must be done with the
   *   image when it returns; `trouble` with "" when the trouble is over, and with `isOver` where
   *   nothing more will be read.
   */
  constructor(video, settings, told) {
    this.video = video;
    this.told = told;
    this.#settings = settings;
  }

  start() {
    this.#running = true;
    this.#open();
    engineEvents.addEventListener("change", this.#reopen);
    this.#watch();
  }

  #reopen = () => {
    this.#engine.close();
    this.#open();
  };

  #open() {
    const isCurrent = () => engine === this.#engine; // another may still have an answer on its way
    const engine = openLive(this.#settings, {
      opened: () => {
        if (!isCurrent()) return;
        this.#sent = 0;
        this.#pending = null;
        this.told.trouble("");
        this.#take();
      },
      answer: (answer) => isCurrent() && this.#answer(answer),
      trouble: (...what) => isCurrent() && this.told.trouble(...what),
    });
    this.#engine = engine;
  }

  stop() {
    this.#running = false;
    engineEvents.removeEventListener("change", this.#reopen);
    this.#engine?.close();
    this.#pending = null;
  }

  set(settings) {
    this.#settings = { ...this.#settings, ...settings };
    this.#engine?.set(this.#settings);
  }

  /** Learn of each new frame of the camera; where the browser tells of none, look now and then. */
  #watch() {
    const tells = this.video.requestVideoFrameCallback !== undefined;
    let waiting = true;
    const seen = () => {
      if (!this.#running || !waiting) return;
      waiting = false;
      clearTimeout(timer);
      this.#fresh = true;
      this.#take();
      this.#watch();
    };
    // It tells of no frame while another tab of this page is shown, where a recording goes on.
    const timer = setTimeout(seen, tells ? UNSEEN_MS : 33);
    if (tells) this.video.requestVideoFrameCallback(seen);
  }

  /** Give the newest frame, if none is on its way. */
  #take() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!this.#fresh || this.#pending || !width || !this.#engine?.isOpen) return;
    this.#fresh = false;
    resize(this.#image, width, height);
    this.#pending = { number: this.#sent, takenAt: performance.now() };
    this.#sent += 1;
    this.#image.getContext("2d").drawImage(this.video, 0, 0, width, height);

    const shrink = Math.min(1, LONG_SIDE_PX / Math.max(width, height));
    resize(this.#small, Math.round(width * shrink), Math.round(height * shrink));
    const context = this.#small.getContext("2d", { willReadFrequently: true, alpha: false });
    context.drawImage(this.#image, 0, 0, this.#small.width, this.#small.height);
    this.#engine.send(this.#small);
  }

  #answer(answer) {
    if (!this.#running) return;
    if (answer.type === "error") {
      this.told.trouble(answer.message);
      this.#pending = null;
    } else if (this.#pending?.number === answer.frame) {
      const { takenAt } = this.#pending;
      this.#pending = null;
      this.told.read(answer, this.#image, takenAt);
    }
    this.#take();
  }
}
