/** Elements of the page: made, found, and their colours asked for. */

const SVG = "http://www.w3.org/2000/svg";

// Registered, so that drawings on canvases are told the colours themselves, not how they are chosen.
for (const name of ["ink", "dim", "surface", "raised", "edge"]) {
  const initialValue = "black";
  CSS.registerProperty({ name: `--${name}`, syntax: "<color>", inherits: true, initialValue });
}

/** The element with an id, which index.html has. */
export function byId(id) {
  return document.getElementById(id);
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
export function themeColor(name, element = document.documentElement) {
  return getComputedStyle(element).getPropertyValue(`--${name}`);
}

/** The letters of the page, for drawing on a canvas. */
export function letters(sizePx, weight = 400) {
  return `${weight} ${sizePx}px ${getComputedStyle(document.body).fontFamily}`;
}

/**
 * Make a canvas as fine as the screen, and give its context in CSS pixels.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} width in CSS pixels, as is `height`.
 */
export function sharpContext(canvas, width, height) {
  const density = window.devicePixelRatio || 1;
  const [across, down] = [Math.round(width * density), Math.round(height * density)];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Say in words what went wrong, at its place on the page; no message takes the last one away. */
export function showTrouble(element, message = "") {
  element.textContent = message;
  element.hidden = !message;
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
  const rest = (tenths % 600) / 10;
  const text = fine ? rest.toFixed(1).padStart(4, "0") : String(rest).padStart(2, "0");
  return `${minutes}:${text}`;
}

/** Bytes as people read them: "3.2 MB". */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: bytes < 1e7 ? 1 : 0 })} MB`;
}
