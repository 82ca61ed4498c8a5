/** WebSockets of the server: the live view, frames out and readings in, and the server's own camera. */

import { serverEvents, tokenGiven } from "./api.js";

const JPEG_QUALITY = 0.85;
const RETRY_MS = 1_000;
const REASONS = {
  1008: "The server refused the connection. Its token may have changed: open the page anew.",
  1009: "The server refused a frame that was too large.",
  1013: "The server has as many live views as it allows. Close one of them, and start the camera again.",
};
const FINAL_CODES = new Set([1008, 1013]); // trying again would not help

/** A WebSocket; a connection that was lost is opened anew. */
export class ServerSocket {
  #socket;
  #running = true;

  /**
   * @param {string} path such as "api/live", below the page's own.
   * @param {{name: string, opened: () => void, message: (data: string | Blob) => void,
   *   trouble: (message: string, isOver?: boolean) => void}} told `name` of what it leads to, in
   *   words; `isOver` where nothing is tried again.
   */
  constructor(path, told) {
    this.address = new URL(path, location.href);
    this.address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.told = told;
    this.#connect();
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Send what may still have to be made; nothing once the connection of now was lost. */
  async send(content) {
    const socket = this.#socket;
    const made = await content;
    if (socket.readyState === WebSocket.OPEN) socket.send(made);
  }

  close() {
    this.#running = false;
    this.#socket.close();
  }

  #connect() {
    const token = tokenGiven(); // which a browser can give as a subprotocol alone
    const socket = new WebSocket(this.address, token ? ["mien", `token.${token}`] : ["mien"]);
    this.#socket = socket;
    socket.onopen = () => this.told.opened();
    socket.onmessage = ({ data }) => this.told.message(data);
    socket.onclose = ({ code }) => {
      if (!this.#running) return;
      const lost = `The connection to the ${this.told.name} was lost; trying again.`;
      const isOver = FINAL_CODES.has(code);
      this.told.trouble(REASONS[code] ?? lost, isOver);
      serverEvents.dispatchEvent(new Event("doubt"));
      if (!isOver) setTimeout(() => this.#running && this.#connect(), RETRY_MS);
    };
  }
}

/** A live view of the server. */
export class ServerLive extends ServerSocket {
  #settings;

  /**
   * @param {{threshold: number, half_life_s: number}} settings
   * @param {{opened: () => void, answer: (answer: object) => void,
   *   trouble: (message: string, isOver?: boolean) => void}} told `opened` when frames are taken,
   *   whose numbers then begin with 0; `answer` for each frame, {type: "readings", frame, faces,
   *   ...} or another type where it was not read; `trouble` with `isOver` where no more are taken.
   */
  constructor(settings, told) {
    super("api/live", {
      name: "server",
      opened: () => {
        this.set(this.#settings);
        told.opened();
      },
      message: (data) => told.answer(JSON.parse(data)),
      trouble: told.trouble,
    });
    this.#settings = settings;
  }

  /** @param {OffscreenCanvas} image the next frame, once the last was answered. */
  send(image) {
    super.send(image.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY }));
  }

  set(settings) {
    this.#settings = settings;
    super.send(JSON.stringify({ type: "settings", ...settings }));
  }
}

/** What the camera of the server's machine sees, `mien webcam` without a window; presses its keys. */
export class CameraFeed extends ServerSocket {
  #answer = null; // whose image comes next

  /**
   * @param {{read: (answer: object, image: ImageBitmap, takenAt: number) => void,
   *   saved: (path: string) => void, ended: () => void,
   *   trouble: (message: string, isOver?: boolean) => void}} told
   */
  constructor(told) {
    super("api/camera", {
      ...told,
      name: "camera",
      opened: () => told.trouble(""),
      message: (data) => (data instanceof Blob ? this.#show(data) : this.#hear(JSON.parse(data))),
    });
  }

  /** @param {"s" | "q"} key s saves a still on the server's disk, q ends the view. */
  press(key) {
    this.send(JSON.stringify({ type: "key", key }));
  }

  async #show(jpeg) {
    const answer = this.#answer;
    this.#answer = null;
    if (!answer) return;
    const image = await createImageBitmap(jpeg);
    this.told.read(answer, image, performance.now() - answer.latency_ms);
    image.close();
  }

  #hear(message) {
    if (message.type === "readings") this.#answer = message;
    else if (message.type === "saved") this.told.saved(message.path);
    else if (message.type === "ended") {
      this.close();
      this.told.ended();
    }
  }
}
