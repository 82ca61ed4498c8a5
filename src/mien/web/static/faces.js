/** Faces as they are shown: boxes with words on an image, and a card with seven bars. */

import { letters, make, shapeOf } from "./elements.js";
import { EMOTIONS, inkOn, percent, shownOf, UNSURE } from "./emotions.js";

const PATHS = new Map([...EMOTIONS, UNSURE].map((each) => [each, new Path2D(each.shape)]));

const PAD = 0.42; // of a plate, in its letters, and so the shape
const SHAPE = 0.82;
const FOREHEAD = 0.25; // of the height of a face's box
const SMALL = 0.75; // letters where there is little room

/** Draw the shape of an emotion in a square of `size`, its top left corner at x, y. */
export function drawShape(context, emotion, x, y, size, color) {
  context.save();
  context.translate(x, y);
  context.scale(size / 24, size / 24);
  context.fillStyle = color;
  context.fill(PATHS.get(emotion), "evenodd");
  context.restore();
}

/**
 * Draw each face's box and, on a plate in the emotion's colour, its number if there are several,
 * its shape, word and probability: so much of it as covers no face below its forehead, nor another
 * plate.
 *
 * @param {CanvasRenderingContext2D} context in whose units all else is.
 * @param {object[]} faces readings, boxes in pixels of the image.
 * @param {{scale: number, width: number, height: number, letterPx: number, mirrored?: boolean,
 *   selected?: number}} how `scale` from pixels of the image to units; size of the image on the
 *   canvas in units; size of the letters of a small face; whether left and right are swapped; the
 *   face that is pointed out, by its place in `faces`.
 */
export function drawFaces(context, faces, how) {
  const { scale, width, height, letterPx, mirrored = false, selected = -1 } = how;
  const boxes = faces.map((face) => {
    const [x0, y0, x1, y1] = face.box.map((side) => side * scale);
    return mirrored ? [width - x1, y0, width - x0, y1] : [x0, y0, x1, y1];
  });
  // The surest face is drawn last, on top.
  for (let at = faces.length - 1; at >= 0; at -= 1) {
    drawBox(context, boxes[at], shownOf(faces[at]).color, letterPx, at === selected);
  }
  for (const plate of platesOf(context, faces, boxes, how)) fillPlate(context, plate);
}

/** The plates of faces and their places: a number wherever it fits, words where room is left. */
function platesOf(context, faces, boxes, { width, height, letterPx, selected = -1 }) {
  const order = faces.map((_, at) => at);
  if (selected >= 0) order.unshift(...order.splice(selected, 1)); // it has the first choice
  const eyes = boxes.map(withoutForehead);
  const plates = new Map();
  const isFree = (place, at) =>
    !eyes.some((other) => overlap(place, other)) &&
    ![...plates].some(([other, plate]) => other !== at && overlap(place, plate.place));
  const lay = (at, size, words) => {
    const number = `${faces[at].track ?? (faces.length > 1 ? at + 1 : "")}`;
    const plate = { emotion: shownOf(faces[at]), words, number, size };
    const [across, down] = sizeOf(context, plate);
    if (words && across > width) return null; // cut off, "94 %" may be read as 9
    const places = placesOf(boxes[at], [across, down], width, height);
    let place = places.find((each) => isFree(each, at));
    if (at === selected && !plates.has(at)) place ??= places[0];
    if (place) plates.set(at, { ...plate, place });
    return place;
  };
  for (const at of order) lay(at, letterPx * SMALL, "");
  for (const at of order) {
    const across = boxes[at][2] - boxes[at][0];
    const size = Math.min(Math.max(across / 9, letterPx), letterPx * 1.6);
    if (!lay(at, size, wordsOf(faces[at]))) lay(at, size, "");
  }
  // The surest face comes last, on top, and after it the one that is pointed out.
  return order.reverse().flatMap((at) => plates.get(at) ?? []);
}

function wordsOf(face) {
  // "unsure 40 %" would say that it is the doubt that has 40 %.
  const { name } = shownOf(face);
  return face.unsure ? name : `${name} ${percent(face.probability)}`;
}

/** Where the plate of a face may lie, the best place first. */
function placesOf([x0, y0, x1, y1], [across, down], width, height) {
  const corners = [
    [x0, y0 - down],
    [x0, y1],
    [x1 - across, y0 - down],
    [x1 - across, y1],
    [x0, y0],
  ];
  return corners.map(([x, y]) => {
    const left = Math.max(0, Math.min(x, width - across));
    const top = Math.max(0, Math.min(y, height - down));
    return [left, top, left + across, top + down];
  });
}

/** What no plate may cover of a face: all but its forehead. */
function withoutForehead([x0, y0, x1, y1]) {
  return [x0, y0 + (y1 - y0) * FOREHEAD, x1, y1];
}

function drawBox(context, [x0, y0, x1, y1], color, letterPx, selected) {
  const line = Math.max(2, letterPx / (selected ? 4 : 6));
  const radius = Math.min((x1 - x0) / 12, letterPx * 0.6);
  context.beginPath();
  context.roundRect(x0, y0, x1 - x0, y1 - y0, radius);
  context.lineJoin = "round";
  context.strokeStyle = "rgb(13 15 18 / 60%)"; // seen on a bright ground, too
  context.lineWidth = line + Math.max(2, line * 0.6);
  context.stroke();
  context.strokeStyle = color;
  context.lineWidth = line;
  context.stroke();
}

/** How wide and how high a plate is. */
function sizeOf(context, { size, words, number }) {
  context.font = letters(size, 600);
  const pad = size * PAD;
  const numberWidth = number ? context.measureText(number).width + pad : 0;
  const wordsWidth = words ? pad * 0.7 + context.measureText(words).width : 0;
  return [pad + numberWidth + size * SHAPE + wordsWidth + pad, size * 1.62];
}

function fillPlate(context, { size, words, number, place, emotion }) {
  const [left, top, right, bottom] = place;
  context.font = letters(size, 600);
  context.textBaseline = "middle";
  context.beginPath();
  context.roundRect(left, top, right - left, bottom - top, size * 0.4);
  context.fillStyle = emotion.color;
  context.fill();
  context.strokeStyle = "rgb(13 15 18 / 45%)";
  context.lineWidth = Math.max(1, size / 14);
  context.stroke();
  const ink = inkOn(emotion.color);
  const [pad, shape] = [size * PAD, size * SHAPE];
  const middle = (top + bottom) / 2;
  context.fillStyle = ink;
  let x = left + pad;
  if (number) {
    context.globalAlpha = 0.75;
    context.fillText(number, x, middle);
    context.globalAlpha = 1;
    x += context.measureText(number).width + pad;
  }
  drawShape(context, emotion, x, middle - shape / 2, shape, ink);
  context.fillText(words, x + shape + pad * 0.7, middle + size * 0.04);
}

function overlap(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

/** Which face is at a point of the image, the smallest where several are; -1 where none is. */
export function faceAt(faces, x, y) {
  let [found, area] = [-1, Infinity];
  faces.forEach(({ box: [x0, y0, x1, y1] }, at) => {
    const own = (x1 - x0) * (y1 - y0);
    if (x >= x0 && x <= x1 && y >= y0 && y <= y1 && own < area) [found, area] = [at, own];
  });
  return found;
}

/** What an image shows, in a sentence, for those who do not see it. */
export function describe(faces, subject) {
  if (!faces.length) return `${subject} shows no face.`;
  const each = faces.map((face) => {
    const who = face.track === undefined ? "" : `person ${face.track} `;
    return face.unsure ? `${who}unsure` : `${who}${face.emotion}, ${percent(face.probability)}`;
  });
  const count = faces.length === 1 ? "one face" : `${faces.length} faces`;
  return `${subject} shows ${count}: ${each.join("; ")}.`;
}

/** A card of one face: its word with shape, how sure it is, and a bar for each emotion. */
export class FaceCard {
  #shown = null;

  /** @param {HTMLElement[]} actions buttons of its head. */
  constructor(actions = []) {
    this.shape = make("span", { "aria-hidden": "true" });
    this.name = make("span", { class: "face-name" });
    this.sure = make("span", { class: "face-sure" });
    this.who = make("span", { class: "face-who" });
    this.rows = new Map(
      EMOTIONS.map((emotion) => {
        const fill = make("i");
        fill.style.background = emotion.color;
        const value = make("span", { class: "value" });
        const bar = make("span", { class: "bar", "aria-hidden": "true" }, [fill]);
        const row = make("li", {}, [shapeOf(emotion), emotion.name, bar, value]);
        return [emotion.name, { row, fill, value }];
      }),
    );
    const head = [this.shape, this.name, this.sure, this.who, ...actions];
    const bars = [...this.rows.values()].map(({ row }) => row);
    this.element = make("div", { class: "face" }, [
      make("div", { class: "face-head row" }, head),
      make("ul", { class: "bars dim small" }, bars),
    ]);
  }

  /** Show a reading; `who` stands at the right of its head. */
  show(face, who) {
    const emotion = shownOf(face);
    if (this.#shown !== emotion) {
      this.#shown = emotion;
      this.shape.replaceChildren(shapeOf(emotion));
      setText(this.name, emotion.name);
      for (const [name, { row }] of this.rows) row.classList.toggle("shown", name === emotion.name);
    }
    setText(this.sure, face.unsure ? `${face.emotion}?` : percent(face.probability));
    setText(this.who, who);
    for (const [name, { fill, value }] of this.rows) {
      const share = face.probabilities[name];
      fill.style.setProperty("--share", share.toFixed(3));
      setText(value, percent(share));
    }
  }
}

/** Text that stays as it is costs nothing. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Cards of the people that are seen now, each kept under the number of its person. */
export class PeopleCards {
  #cards = new Map();

  /** @param {(track: number) => string} nameOf what a person is called. */
  constructor(container, nameOf = (track) => `person ${track}`) {
    this.container = container;
    this.nameOf = nameOf;
  }

  show(faces) {
    const present = new Set(faces.map((face) => face.track));
    for (const [track, card] of this.#cards) {
      if (present.has(track)) continue;
      card.element.remove();
      this.#cards.delete(track);
    }
    for (const face of faces) {
      let card = this.#cards.get(face.track);
      if (!card) {
        card = new FaceCard();
        card.element.dataset.track = face.track;
        this.#cards.set(face.track, card);
        const next = [...this.container.children].find(
          (other) => Number(other.dataset.track) > face.track,
        );
        this.container.insertBefore(card.element, next ?? null);
      }
      card.show(face, this.nameOf(face.track));
    }
  }
}
