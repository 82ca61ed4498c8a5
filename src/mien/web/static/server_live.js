/** Frames to the server, over a WebSocket, and what it reads from them. */

import { closeReason, openSocket, serverEvents } from "./api.js";

const JPEG_QUALITY = 0.85;
const RETRY_MS = 1_000;
const POLICY_CODES = new Set([1008, 1013]); // trying again would not help

/** A live view of the server; a connection that was lost is opened anew. */
export class ServerLive {
  #socket = null;
  #running = true;
  #settings;

  /**
   * @param {{threshold: number, half_life_s: number}} settings
   * @param {{opened: () => void, answer: (answer: object) => void,
   *   trouble: (message: string) => void}} told `opened` when frames are taken, whose numbers then
   *   begin with 0; `answer` for each frame, {type: "readings", frame, faces, ...} or another type
   *   where it was not read.
   */
  constructor(settings, told) {
    this.#settings = settings;
    this.told = told;
    this.#connect();
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** @param {OffscreenCanvas} image the next frame, once the last was answered. */
  async send(image) {
    const socket = this.#socket;
    const jpeg = await image.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY });
    if (socket.readyState === WebSocket.OPEN) socket.send(jpeg);
  }

  set(settings) {
    this.#settings = settings;
    if (this.isOpen) this.#socket.send(JSON.stringify({ type: "settings", ...settings }));
  }

  close() {
    this.#running = false;
    this.#socket.close();
  }

  #connect() {
    const socket = openSocket("/api/live");
    this.#socket = socket;
    socket.onopen = () => {
      this.set(this.#settings);
      this.told.opened();
    };
    socket.onmessage = (event) => this.told.answer(JSON.parse(event.data));
    socket.onclose = (event) => {
      if (!this.#running) return;
      const reason = closeReason(event);
      this.told.trouble(reason ?? "The connection to the server was lost; trying again.");
      serverEvents.dispatchEvent(new Event("doubt"));
      if (!POLICY_CODES.has(event.code))
        setTimeout(() => this.#running && this.#connect(), RETRY_MS);
    };
  }
}
