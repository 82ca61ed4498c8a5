/** Elements of the page: made, found, and their colours asked for. */

const SVG = "http://www.w3.org/2000/svg";

// Registered, so that drawings on canvases are told the colours themselves, not how they are chosen.
for (const name of ["ink", "dim", "surface", "raised", "edge"]) {
  const initialValue = "black";
  CSS.registerProperty?.({ name: `--${name}`, syntax: "<color>", inherits: true, initialValue });
}

/** The element with an id, which index.html has. */
export function byId(id) {
  return document.getElementById(id);
}

/** What a button of index.html does. */
export function onClick(id, act) {
  byId(id).addEventListener("click", act);
}

/**
 * Make an element: `make("li", { class: "shown" }, ["happy"])`.
 *
 * A property that begins with "on" is a listener, one that is `false` or `null` is left out.
 * Children are elements or text; text is never read as HTML.
 */
export function make(tag, properties = {}, children = []) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** A button that looks like a link. */
export function makeLink(words, onclick) {
  return make("button", { type: "button", class: "link", onclick }, [words]);
}

/**
 * Fill a table.
 *
 * @param {string[]} head
 * @param {number[]} textColumns those that stand at the left.
 * @param {HTMLTableRowElement[]} rows
 */
export function fillTable(table, head, textColumns, rows) {
  const cells = head.map((name, at) =>
    make("th", { scope: "col", class: textColumns.includes(at) && "text" }, [name]),
  );
  table.replaceChildren(make("thead", {}, [make("tr", {}, cells)]), make("tbody", {}, rows));
}

/** A row of a table; each cell has its class, or none, and what stands in it. */
export function makeRow(cells) {
  const made = cells.map(([kind, ...content]) => make("td", { class: kind }, content));
  return make("tr", {}, made);
}

/** The shape of an emotion in its colour; the word always stands beside it. */
export function shapeOf(emotion) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "shape");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", emotion.shape);
  path.setAttribute("fill", emotion.color);
  svg.append(path);
  return svg;
}

/** A colour of the theme as it is now, for drawing on a canvas: `themeColor("ink")`. */
export function themeColor(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
}

/** The letters of the page, for drawing on a canvas. */
export function letters(sizePx, weight = 400) {
  return `${weight} ${sizePx}px ${getComputedStyle(document.body).fontFamily}`;
}

/** Give a canvas its size in pixels; where that is another, it is empty then. */
export function resize(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

/**
 * Make a canvas as fine as the screen, and give its context in CSS pixels.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} width in CSS pixels, as is `height`.
 */
export function sharpContext(canvas, width, height) {
  const density = window.devicePixelRatio || 1;
  resize(canvas, Math.round(width * density), Math.round(height * density));
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Say at the top of the page whether what reads is there: "well" or "gone". */
export function showStatus(kind, words) {
  byId("status").className = `status ${kind}`;
  byId("status-text").textContent = words;
}

/** Say in words what went wrong, at its place on the page; no message takes the last one away. */
export function showTrouble(id, message = "") {
  byId(id).textContent = message;
  byId(id).hidden = !message;
}

/** What went wrong with a file, its name in front: the server's words may begin with it. */
export function aboutFile(name, message) {
  return message.startsWith(`${name}: `) ? message : `${name}: ${message}`;
}

/** Seconds as people read them: "1:05.2", or "1:05" where tenths do not matter; rounded as
 * `mien video` rounds them. */
export function clock(seconds, { fine = true } = {}) {
  const tenths = fine ? Math.round(seconds * 10) : Math.round(seconds) * 10;
  const minutes = Math.floor(tenths / 600);
  const rest = ((tenths % 600) / 10).toFixed(fine ? 1 : 0);
  return `${minutes}:${rest.padStart(fine ? 4 : 2, "0")}`;
}

/** Bytes as people read them: "3.2 MB". */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: bytes < 1e7 ? 1 : 0 })} MB`;
}

/** Why a file is not taken that has more bytes than `most`; "" where it is. */
export function tooLarge(file, most) {
  return file.size > most ? `expected at most ${megabytes(most)}; got ${megabytes(file.size)}` : "";
}
