/** What is seen live: the image with its boxes, the faces' bars, the last minute, a recording. */

import { MinuteChart } from "./charts.js";
import { byId, resize } from "./elements.js";
import { describe, drawFaces, PeopleCards } from "./faces.js";
import { download, stamp } from "./files.js";
import { frameToCsv, framesHeader } from "./rows.js";
import { count } from "./words.js";

const RATE_MS = 1_000; // over which frames per second are counted
const LATENCIES = 31; // of which the median is shown
const FIGURES_MS = 250; // between changes of the figures: faster ones cannot be read
const LABEL_MS = 2_000; // between changes of what screen readers find on the image
const ANNOUNCE_MS = 4_000; // between things that are said aloud
const MAX_PX = 1600; // of the drawn image's width

/** Draws each answer of the engine as it comes. */
export class LiveView {
  #canvas = byId("webcam-canvas");
  #stage = byId("webcam-stage");
  #cards = new PeopleCards(byId("webcam-faces"));
  #minute = new MinuteChart();
  #drawnAt = [];
  #latencies = [];
  #last = { figures: 0, label: 0, announced: 0, words: "" };
  mirrored = false;
  recording = null;

  /**
   * @param {object} answer {frame, time_s, width, height, dropped, faces}, boxes in pixels of the
   *   frame that was sent.
   * @param {CanvasImageSource & {width: number, height: number}} image that it was read from,
   *   perhaps larger.
   * @param {number} takenAt when the image was taken, by `performance.now()`.
   */
  show(answer, image, takenAt) {
    this.#draw(answer, image);
    this.#cards.show(answer.faces);
    this.#minute.add(answer.faces);
    this.recording?.add(answer);
    const now = performance.now();
    this.#count(now, now - takenAt);
    this.#say(answer, now);
  }

  /** Make room for the image. */
  open() {
    this.#canvas.hidden = false;
    byId("webcam-empty").hidden = true;
    this.#stage.classList.add("live");
  }

  close() {
    this.#canvas.hidden = true;
    byId("webcam-empty").hidden = false;
    this.#stage.classList.remove("live");
    this.#stage.style.aspectRatio = "";
    this.#cards.show([]);
    this.#drawnAt = [];
    this.#latencies = [];
    this.#canvas.setAttribute("aria-label", "The camera is off.");
    byId("webcam-none").hidden = false;
    for (const name of ["fps", "latency", "count", "dropped"])
      byId(`webcam-${name}`).textContent = "–";
  }

  /** The image as it is drawn. */
  get canvas() {
    return this.#canvas;
  }

  #draw(answer, image) {
    const canvas = this.#canvas;
    this.#stage.style.aspectRatio = `${image.width} / ${image.height}`;
    const density = window.devicePixelRatio || 1;
    const shownPx = Math.min(
      this.#stage.clientWidth,
      (this.#stage.clientHeight * image.width) / image.height,
    );
    if (!shownPx) return; // another tab is shown
    const width = Math.round(Math.min(MAX_PX, Math.max(shownPx * density, 160)));
    const height = Math.round((width * image.height) / image.width);
    resize(canvas, width, height);
    const context = canvas.getContext("2d", { alpha: false });
    context.save();
    if (this.mirrored) {
      context.translate(width, 0);
      context.scale(-1, 1);
    }
    context.drawImage(image, 0, 0, width, height);
    context.restore();
    drawFaces(context, answer.faces, {
      scale: width / answer.width,
      width,
      height,
      letterPx: Math.max(13, shownPx / 50) * (width / shownPx),
      mirrored: this.mirrored,
    });
  }

  #count(now, latencyMs) {
    this.#drawnAt.push(now);
    while (now - this.#drawnAt[0] > RATE_MS) this.#drawnAt.shift();
    this.#latencies.push(latencyMs);
    if (this.#latencies.length > LATENCIES) this.#latencies.shift();
  }

  #say(answer, now) {
    if (now - this.#last.figures >= FIGURES_MS) {
      this.#last.figures = now;
      const span = now - this.#drawnAt[0];
      const rate = span > 0 ? ((this.#drawnAt.length - 1) * 1000) / span : 0;
      const latency = [...this.#latencies].sort((a, b) => a - b)[this.#latencies.length >> 1];
      byId("webcam-fps").textContent = rate.toFixed(0);
      byId("webcam-latency").textContent = `${latency.toFixed(0)} ms`;
      byId("webcam-count").textContent = answer.faces.length;
      byId("webcam-dropped").textContent = answer.dropped;
      byId("webcam-none").hidden = answer.faces.length > 0;
      if (this.recording) byId("webcam-said").textContent = this.recording.words();
    }
    if (now - this.#last.label >= LABEL_MS) {
      this.#last.label = now;
      this.#canvas.setAttribute("aria-label", describe(answer.faces, "The camera"));
    }
    if (now - this.#last.announced >= ANNOUNCE_MS) {
      const words = answer.faces
        .map((face) => `person ${face.track} ${face.unsure ? "unsure" : face.emotion}`)
        .join(", ");
      if (words === this.#last.words) return;
      this.#last.announced = now;
      this.#last.words = words;
      byId("webcam-announce").textContent = words || "no face";
    }
  }
}

/** Rows of CSV as `mien video --csv` writes them, from its start until it is finished. */
export class Recording {
  #rows = [framesHeader];
  #frames = 0;
  #startedAt = performance.now();
  #began = null; // frame and time of its first row, from which it counts
  #offset = { frame: 0, time_s: 0 };
  #last = { frame: -1, time_s: 0 };
  #people = { before: 0, most: 0 }; // numbers that were given before it last began anew, and until now

  add({ frame, time_s: timeS, faces }) {
    this.#began ??= { frame, time_s: timeS };
    let number = frame - this.#began.frame + this.#offset.frame;
    let time = timeS - this.#began.time_s + this.#offset.time_s;
    if (number <= this.#last.frame) {
      // The server was away and counts anew, people too: its first may be another one now.
      this.#people.before = this.#people.most;
      this.#began = { frame, time_s: timeS };
      this.#offset = {
        frame: this.#last.frame + 1,
        time_s: (performance.now() - this.#startedAt) / 1000,
      };
      ({ frame: number, time_s: time } = this.#offset);
    }
    time = Number(time.toFixed(6));
    this.#last = { frame: number, time_s: time };
    const { before } = this.#people;
    const people = faces.map((face) => ({ ...face, track: before + face.track }));
    this.#people.most = Math.max(this.#people.most, ...people.map(({ track }) => track));
    this.#rows.push(frameToCsv(number, time, people));
    this.#frames += 1;
  }

  words() {
    return `Recording: ${count(this.#frames, "frame")}, ${this.#last.time_s.toFixed(0)} s.`;
  }

  /** Give it to the visitor; tells its name. */
  finish() {
    const name = `mien-webcam-${stamp()}.csv`;
    download(name, this.#rows, "text/csv");
    return `${name}: ${count(this.#frames, "frame")}.`;
  }
}
