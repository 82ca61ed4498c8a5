/** The camera of the machine that runs the server: `mien webcam` without a window. */

import { ServerSocket } from "./server_live.js";

/** Shows what the server's own camera sees, and presses its keys. */
export class CameraFeed {
  #socket = null;
  #answer = null; // whose image comes next

  /**
   * @param {{read: (answer: object, image: ImageBitmap, takenAt: number) => void,
   *   saved: (path: string) => void, ended: () => void, trouble: (message: string) => void}} told
   */
  constructor(told) {
    this.told = told;
  }

  start() {
    this.#socket = new ServerSocket("/api/camera", {
      name: "camera",
      opened: () => this.told.trouble(""),
      message: (data) => (data instanceof Blob ? this.#show(data) : this.#hear(JSON.parse(data))),
      trouble: this.told.trouble,
    });
  }

  /** @param {"s" | "q"} key s saves a still on the server's disk, q ends the view. */
  press(key) {
    this.#socket.send(JSON.stringify({ type: "key", key }));
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
      this.#socket.close();
      this.told.ended();
    }
  }
}
