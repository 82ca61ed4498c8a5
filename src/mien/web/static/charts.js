/** The last minute of one person: seven bands that add up to one, the newest at the right. */

import { byId, letters, make, sharpContext, themeColor } from "./elements.js";
import { EMOTIONS, percent } from "./emotions.js";
import { drawShape } from "./faces.js";
import { themeEvents } from "./frame.js";

const SPAN_MS = 60_000;
const STEP_MS = 100; // between samples, and between drawings
const GAP_MS = 800; // without the person, after which the bands are cut
const NAMED = 0.1; // a band with less has no room for its name
const GUTTER_PX = 104; // at the right, for the names
const AXIS_PX = 22;

const STACKED = [...EMOTIONS].reverse(); // from the bottom: the first emotion is on top

export class MinuteChart {
  #people = new Map(); // track -> [{ at, shares }]
  #drawnAt = 0;
  #describedAt = 0;
  canvas = byId("minute");
  choice = byId("minute-choice"); // shown where there are several people to choose from
  select = byId("minute-person");

  constructor() {
    this.select.addEventListener("change", () => this.draw());
    themeEvents.addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /** Take in the faces of one frame. */
  add(faces) {
    const now = performance.now();
    for (const face of faces) {
      if (!this.#people.has(face.track)) this.#people.set(face.track, []);
      const samples = this.#people.get(face.track);
      if (samples.length && now - samples.at(-1).at < STEP_MS) continue;
      samples.push({ at: now, shares: STACKED.map(({ name }) => face.probabilities[name]) });
    }
    for (const [track, samples] of this.#people) {
      while (samples.length && now - samples[0].at > SPAN_MS + GAP_MS) samples.shift();
      if (!samples.length) this.#people.delete(track);
    }
    this.#offer();
    if (now - this.#drawnAt >= STEP_MS) this.draw();
  }

  /** Offer the people of the last minute; keep the one that was chosen. */
  #offer() {
    const tracks = [...this.#people.keys()].map(String);
    const offered = [...this.select.options].map((option) => option.value);
    if (tracks.join() === offered.join()) return;
    const chosen = this.select.value;
    this.select.replaceChildren(
      ...tracks.map((track) => make("option", { value: track }, [track])),
    );
    if (tracks.includes(chosen)) this.select.value = chosen;
    this.choice.hidden = tracks.length < 2;
  }

  draw() {
    const width = this.canvas.clientWidth;
    const height = this.canvas.clientHeight;
    if (!width || !height) return;
    const now = performance.now();
    this.#drawnAt = now;
    const context = sharpContext(this.canvas, width, height);
    const plot = { right: width - GUTTER_PX, bottom: height - AXIS_PX };
    const xOf = (at) => plot.right * (1 - (now - at) / SPAN_MS);
    this.#drawGround(context, plot);
    const samples = this.#people.get(Number(this.select.value)) ?? [];
    context.save();
    context.beginPath();
    context.roundRect(0, 0, plot.right, plot.bottom, 6);
    context.clip();
    let from = 0;
    samples.forEach(({ at }, position) => {
      const next = samples[position + 1];
      if (next && next.at - at <= GAP_MS) return;
      this.#drawBands(context, samples.slice(from, position + 1), xOf, plot.bottom);
      from = position + 1;
    });
    context.restore();
    const newest = samples.at(-1);
    if (newest && now - newest.at < GAP_MS) this.#drawNames(context, newest.shares, plot);
    this.#describe(newest, now);
  }

  #drawGround(context, { right, bottom }) {
    context.fillStyle = themeColor("raised");
    context.beginPath();
    context.roundRect(0, 0, right, bottom, 6);
    context.fill();
    context.fillStyle = themeColor("dim");
    context.font = letters(12);
    context.textBaseline = "alphabetic";
    const marks = right < 260 ? [60, 0] : [60, 45, 30, 15, 0];
    for (const seconds of marks) {
      const x = right * (1 - seconds / 60);
      context.textAlign = seconds === 60 ? "left" : seconds === 0 ? "right" : "center";
      context.fillText(
        seconds === 60 ? "60 s ago" : seconds === 0 ? "now" : `${seconds}`,
        x,
        bottom + 16,
      );
    }
    context.textAlign = "left";
  }

  #drawBands(context, samples, xOf, bottom) {
    const lower = samples.map(() => 0);
    STACKED.forEach((emotion, which) => {
      const upper = samples.map(({ shares }, at) => lower[at] + shares[which]);
      context.beginPath();
      samples.forEach(({ at }, place) => context.lineTo(xOf(at), bottom * (1 - upper[place])));
      for (let place = samples.length - 1; place >= 0; place -= 1) {
        context.lineTo(xOf(samples[place].at), bottom * (1 - lower[place]));
      }
      context.closePath();
      context.fillStyle = emotion.color;
      context.fill();
      context.strokeStyle = themeColor("surface");
      context.lineWidth = 1;
      context.stroke();
      upper.forEach((value, at) => (lower[at] = value));
    });
  }

  /** The names of the bands as they are now, each beside its own. */
  #drawNames(context, shares, { right, bottom }) {
    let lower = 0;
    context.textBaseline = "middle";
    shares.forEach((share, which) => {
      const middle = bottom * (1 - lower - share / 2);
      lower += share;
      if (share < NAMED) return;
      const y = Math.min(Math.max(middle, 8), bottom - 8);
      drawShape(context, STACKED[which], right + 10, y - 6, 12, STACKED[which].color);
      context.fillStyle = themeColor("ink");
      context.font = letters(13, 600);
      context.fillText(STACKED[which].name, right + 28, y + 0.5);
    });
  }

  #describe(newest, now) {
    if (now - this.#describedAt < 2_000) return;
    this.#describedAt = now;
    let words = "Nothing was read in the last minute.";
    if (newest) {
      const most = Math.max(...newest.shares);
      const emotion = STACKED[newest.shares.indexOf(most)].name;
      const who = `person ${this.select.value}`;
      words = `Probabilities of the last minute of ${who}; now ${emotion}, ${percent(most)}.`;
    }
    this.canvas.setAttribute("aria-label", words);
  }
}
