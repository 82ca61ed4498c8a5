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

/** Hide a part of the page; a focus that was in it goes to where people go on. */
export function hide(id, next) {
  const part = byId(id);
  const hasFocus = part.contains(document.activeElement);
  part.hidden = true;
  if (hasFocus) byId(next).focus({ preventScroll: true });
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
  byId("status").className = `status row dim small ${kind}`;
  byId("status-text").textContent = words;
}

/** Say in words what went wrong, at its place on the page; no message takes the last one away. */
export function showTrouble(id, message = "") {
  byId(id).textContent = message;
  byId(id).hidden = !message;
}
