/** A video's timeline: a band for each person, coloured and as high as the emotion is probable. */

import { letters, make, sharpContext, themeColor } from "./elements.js";
import { EMOTIONS, inkOn, UNSURE } from "./emotions.js";
import { drawShape } from "./faces.js";
import { themeEvents } from "./frame.js";
import { clock } from "./words.js";

const BAND_PX = 40;
const EVENTS_PX = 6; // of the lane above a band, and a little less of that below it
const LANE_PX = EVENTS_PX + 3; // with the space to the band
const APART_PX = 8 + 2 * LANE_PX;
const AXIS_PX = 24;
const NAMES_PX = 26; // at the left, for the numbers of the people
const STEP_PX = 2; // of a band, for which one emotion is drawn
const HOLD_STEPS = 1.5; // frames further apart than so many of the usual are a gap

const SHOWN = [...EMOTIONS, UNSURE];

/** The longest stretch of columns that all are as asked: {from, count}. */
function longest(columns, isSo) {
  let best = { from: 0, count: 0 };
  let from = 0;
  columns.forEach((column, at) => {
    if (!isSo(column)) from = at + 1;
    else if (at + 1 - from > best.count) best = { from, count: at + 1 - from };
  });
  return best;
}

export class Timeline {
  #people = new Map(); // track -> [{ time, emotion, probability }], emotion a place in EMOTIONS
  #observed = { events: [], unusable: [] };
  durationS = 0;
  #stepS = 1 / 25; // between frames
  #threshold = 0;
  #lastTime = null;
  #time = 0;

  /**
   * @param {HTMLElement} container
   * @param {{seek: (seconds: number) => void, words: (seconds: number) => string,
   *   hover: (seconds: number | null) => void}} told `words` says what is shown at a time.
   */
  constructor(container, told) {
    this.told = told;
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.head = make("div", { class: "playhead", "aria-hidden": "true" });
    this.bands = make(
      "div",
      {
        class: "bands",
        role: "slider",
        tabindex: "0",
        "aria-label": "Timeline",
        "aria-valuemin": "0",
        "aria-orientation": "horizontal",
        onkeydown: (event) => this.#key(event),
        onpointerdown: (event) => this.#drag(event),
        onpointermove: (event) => this.#hover(event),
        onpointerleave: () => told.hover(null),
      },
      [this.canvas, this.head],
    );
    container.replaceChildren(this.bands);
    themeEvents.addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(container);
  }

  /** @param {number} durationS of the video; 0 where it is not known yet. */
  begin(durationS) {
    this.#people.clear();
    this.#observed = { events: [], unusable: [] };
    this.durationS = durationS;
    this.#lastTime = null;
    this.setTime(0);
    this.draw();
  }

  /** The video was read to its end: so long it is, whatever its header says. */
  end(durationS) {
    this.durationS = durationS;
    this.draw();
  }

  set threshold(value) {
    this.#threshold = value;
    this.draw();
  }

  /** Take in frames: {time_s, faces}. */
  add(frames) {
    for (const { time_s: time, faces } of frames) {
      if (this.#lastTime !== null) this.#stepS = Math.max(time - this.#lastTime, 1e-3);
      this.#lastTime = time;
      for (const { track, emotion, probability } of faces) {
        if (!this.#people.has(track)) this.#people.set(track, []);
        const place = EMOTIONS.findIndex(({ name }) => name === emotion);
        this.#people.get(track).push({ time, emotion: place, probability });
      }
      this.durationS = Math.max(this.durationS, time);
    }
    this.draw();
  }

  /** Take in what the rows tell beside the readings, as `POST /api/rows?kind=observed` has it. */
  observe(observed) {
    this.#observed = observed;
    this.draw();
  }

  /** In words: who has an event at a time, and whose readings are not usable, and why. */
  observedAt(seconds) {
    const now = ({ onset_s: onset, start_s: start, end_s: end }) =>
      (onset ?? start) <= seconds && seconds < end;
    const { events, unusable } = this.#observed;
    const inWords = ({ track, emotion, reason, onset_s: onset, end_s: end }) =>
      reason
        ? `${track}: not usable, ${reason}`
        : `${track}: ${emotion} ${clock(onset)} to ${clock(end)}`;
    return [...events, ...unusable].filter(now).map(inWords).join("; ");
  }

  setTime(seconds) {
    this.#time = seconds;
    const across = this.#xOf(seconds);
    this.head.style.transform = `translateX(${across.toFixed(1)}px)`;
    this.bands.setAttribute("aria-valuemax", this.durationS.toFixed(1));
    this.bands.setAttribute("aria-valuenow", seconds.toFixed(1));
    this.bands.setAttribute("aria-valuetext", this.told.words(seconds));
  }

  #plotPx() {
    return Math.max(this.bands.clientWidth - NAMES_PX - 1, 1);
  }

  #xOf(seconds) {
    return NAMES_PX + (this.durationS ? (seconds / this.durationS) * this.#plotPx() : 0);
  }

  #timeOf(event) {
    const share =
      (event.clientX - this.bands.getBoundingClientRect().left - NAMES_PX) / this.#plotPx();
    return Math.min(Math.max(share, 0), 1) * this.durationS;
  }

  #key(event) {
    const to = {
      ArrowRight: this.#time + 1,
      ArrowLeft: this.#time - 1,
      ArrowUp: this.#time + 1,
      ArrowDown: this.#time - 1,
      PageUp: this.#time + 10,
      PageDown: this.#time - 10,
      Home: 0,
      End: this.durationS,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.told.seek(Math.min(Math.max(to, 0), this.durationS));
  }

  #drag(event) {
    this.bands.setPointerCapture(event.pointerId);
    this.told.seek(this.#timeOf(event));
  }

  #hover(event) {
    this.told.hover(this.#timeOf(event));
    if (event.buttons & 1) this.told.seek(this.#timeOf(event));
  }

  draw() {
    const width = this.bands.clientWidth;
    if (!width) return;
    const tracks = [...this.#people.keys()].sort((a, b) => a - b);
    const rows = Math.max(tracks.length, 1);
    const height = rows * (BAND_PX + APART_PX) + AXIS_PX;
    this.canvas.style.height = `${height}px`;
    const context = sharpContext(this.canvas, width, height);
    const plot = this.#plotPx();
    (tracks.length ? tracks : [null]).forEach((track, row) => {
      const top = LANE_PX + row * (BAND_PX + APART_PX);
      context.fillStyle = themeColor("raised");
      context.beginPath();
      context.roundRect(NAMES_PX, top, plot, BAND_PX, 5);
      context.fill();
      if (track === null) return;
      context.fillStyle = themeColor("dim");
      context.font = letters(13, 600);
      context.textBaseline = "middle";
      context.fillText(String(track), 2, top + BAND_PX / 2);
      this.#drawBand(context, this.#people.get(track), top, plot);
      this.#drawObserved(context, track, top);
    });
    this.#drawAxis(context, height - AXIS_PX, plot);
    this.head.style.height = `${height - AXIS_PX}px`;
    this.setTime(this.#time);
  }

  /** Events above the band of a person, each with a line at its peak; hatched below: not usable. */
  #drawObserved(context, track, top) {
    const own = (all) => all.filter((one) => one.track === track);
    const above = top - LANE_PX;
    for (const event of own(this.#observed.events)) {
      const left = this.#xOf(event.onset_s);
      context.fillStyle = EMOTIONS.find(({ name }) => name === event.emotion).color;
      context.fillRect(left, above, Math.max(this.#xOf(event.end_s) - left - 1, 1.5), EVENTS_PX);
      context.fillStyle = themeColor("ink");
      context.fillRect(this.#xOf(event.peak_s), above - 1, 1.5, EVENTS_PX + 2);
    }
    const below = top + BAND_PX + 3;
    for (const { start_s: start, end_s: end } of own(this.#observed.unusable)) {
      const left = this.#xOf(start);
      const width = Math.max(this.#xOf(end) - left, 2);
      context.save();
      context.beginPath();
      context.rect(left, below, width, EVENTS_PX - 1);
      context.clip();
      context.strokeStyle = themeColor("ink");
      context.lineWidth = 1.5;
      context.strokeRect(left, below, width, EVENTS_PX - 1);
      for (let x = left - EVENTS_PX; x < left + width; x += 4) {
        context.moveTo(x, below + EVENTS_PX);
        context.lineTo(x + EVENTS_PX, below);
      }
      context.stroke();
      context.restore();
    }
  }

  /** One emotion for each step of the width: the commonest, with its mean probability. */
  #columns(samples, plot) {
    const steps = Math.max(1, Math.ceil(plot / STEP_PX));
    const columns = Array.from({ length: steps }, () => null);
    const place = (time) =>
      Math.min(steps - 1, Math.max(0, Math.floor((time / this.durationS) * steps)));
    samples.forEach(({ time, emotion, probability }, at) => {
      const shown = probability >= this.#threshold ? emotion : EMOTIONS.length;
      const next = samples[at + 1]?.time ?? time + this.#stepS;
      const until = next - time <= this.#stepS * HOLD_STEPS + 0.25 ? next : time + this.#stepS;
      const last = Math.max(place(time), place(until - 1e-6));
      for (let column = place(time); column <= last; column += 1) {
        columns[column] ??= SHOWN.map(() => ({ count: 0, sum: 0 }));
        columns[column][shown].count += 1;
        columns[column][shown].sum += probability;
      }
    });
    return columns.map((counted) => {
      if (!counted) return null;
      let most = 0;
      counted.forEach(({ count }, which) => {
        if (count > counted[most].count) most = which;
      });
      return { emotion: most, probability: counted[most].sum / counted[most].count };
    });
  }

  #drawBand(context, samples, top, plot) {
    const columns = this.#columns(samples, plot);
    const step = plot / columns.length;
    const base = top + BAND_PX;
    let from = 0;
    columns.forEach((column, at) => {
      const isLast = at + 1 === columns.length;
      if (!isLast && columns[at + 1]?.emotion === column?.emotion) return;
      if (column)
        this.#drawRun(context, columns.slice(from, at + 1), NAMES_PX + from * step, step, base);
      from = at + 1;
    });
  }

  /** A stretch of one emotion: its area, its shape and word. */
  #drawRun(context, columns, left, step, base) {
    const emotion = SHOWN[columns[0].emotion];
    const unsure = emotion === UNSURE;
    context.beginPath();
    context.moveTo(left, base);
    columns.forEach(({ probability }, at) => {
      context.lineTo(left + at * step, base - BAND_PX * probability);
      context.lineTo(left + (at + 1) * step, base - BAND_PX * probability);
    });
    const width = columns.length * step;
    context.lineTo(left + width, base);
    context.globalAlpha = unsure ? 0.35 : 1;
    context.fillStyle = unsure ? themeColor("edge") : emotion.color;
    context.fill();
    context.globalAlpha = 1;
    this.#nameRun(context, columns, left, step, base, emotion);
  }

  /** Shape and word of a run: inside it where it is high enough, else above it where it is low. */
  #nameRun(context, columns, left, step, base, emotion) {
    context.font = letters(12, 600);
    const widths = [context.measureText(emotion.name).width + 32, 20]; // with the word, without
    const inside = longest(columns, ({ probability }) => probability * BAND_PX >= 18);
    const above = longest(columns, ({ probability }) => probability * BAND_PX <= BAND_PX - 20);
    for (const width of widths) {
      const place = [inside, above].find(({ count }) => count * step >= width);
      if (!place) continue;
      const heights = columns
        .slice(place.from, place.from + place.count)
        .map(({ probability }) => probability * BAND_PX);
      const isInside = place === inside;
      const y = isInside ? base - Math.min(...heights) / 2 : base - BAND_PX + 10;
      const onColor = isInside && emotion !== UNSURE;
      const ink = onColor ? inkOn(emotion.color) : themeColor("ink");
      const x = left + place.from * step;
      drawShape(context, emotion, x + 6, y - 5, 10, ink);
      if (width === widths[1]) return;
      context.fillStyle = ink;
      context.textBaseline = "middle";
      context.fillText(emotion.name, x + 21, y + 0.5);
      return;
    }
  }

  #drawAxis(context, top, plot) {
    const least = (this.durationS * 70) / plot; // seconds between marks that are 70 px apart
    const steps = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600];
    const step = steps.find((each) => each >= least) ?? 7200;
    context.fillStyle = themeColor("dim");
    context.font = letters(12);
    context.textBaseline = "alphabetic";
    for (let time = 0; time <= this.durationS + 1e-6; time += step) {
      const text = clock(time, { fine: step < 1 });
      const x = this.#xOf(time);
      context.fillRect(x, top, 1, 4);
      const half = context.measureText(text).width / 2;
      context.fillText(
        text,
        Math.min(Math.max(x - half, NAMES_PX), NAMES_PX + plot - 2 * half),
        top + 17,
      );
    }
  }
}
