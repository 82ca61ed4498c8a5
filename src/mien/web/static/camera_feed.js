/** The camera of the machine that runs the server: `mien webcam` without a window. */

import { closeReason, openSocket, serverEvents } from "./api.js";

const RETRY_MS = 1_000;

/** Shows what the server's own camera sees, and presses its keys. */
export class CameraFeed {
  #socket = null;
  #answer = null; // whose image comes next
  #ended = false;

  /**
   * @param {{read: (answer: object, image: ImageBitmap, takenAt: number) => void,
   *   saved: (path: string) => void, ended: () => void, trouble: (message: string) => void}} told
   */
  constructor(told) {
    this.told = told;
  }

  start() {
    const socket = openSocket("/api/camera");
    this.#socket = socket;
    socket.onopen = () => this.told.trouble("");
    socket.onmessage = async (event) => {
      if (event.data instanceof Blob) {
        const answer = this.#answer;
        this.#answer = null;
        if (!answer) return;
        const image = await createImageBitmap(event.data);
        this.told.read(answer, image, performance.now() - (answer.latency_ms ?? 0));
        image.close();
        return;
      }
      const message = JSON.parse(event.data);
      if (message.type === "readings") this.#answer = message;
      else if (message.type === "saved") this.told.saved(message.path);
      else if (message.type === "ended") this.#end();
      else if (message.type === "error") this.told.trouble(message.message);
    };
    socket.onclose = (event) => {
      if (this.#ended) return;
      const reason = closeReason(event);
      this.told.trouble(reason ?? "The connection to the camera was lost; trying again.");
      serverEvents.dispatchEvent(new Event("doubt"));
      if (!reason) setTimeout(() => this.start(), RETRY_MS);
    };
  }

  /** @param {"s" | "q"} key s saves a still on the server's disk, q ends the view. */
  press(key) {
    if (this.#socket?.readyState === WebSocket.OPEN)
      this.#socket.send(JSON.stringify({ type: "key", key }));
  }

  #end() {
    this.#ended = true;
    this.#socket.close();
    this.told.ended();
  }
}
