/** The Photo tab: images in, boxes, bars and a table out. */

import { byId, hide, make, onClick, resize, shapeOf, showTrouble } from "./elements.js";
import { EMOTIONS, percent, shownOf, withThreshold } from "./emotions.js";
import { engineEvents, healthEvents, readImage } from "./engine.js";
import { explanationPanel } from "./explanation.js";
import { describe, drawFaces, faceAt, FaceCard } from "./faces.js";
import { download, downloadPng, stemOf, takeFiles } from "./files.js";
import { decodeImage } from "./package/mien.js";
import { imagesToCsv, imagesToJson } from "./rows.js";
import { bindSlider } from "./settings.js";
import { fillTable, makeLink, makeRow } from "./tables.js";
import { aboutFile, count } from "./words.js";

const AT_ONCE = 3; // on their way to the engine; the server reads the faces of several together
const THUMBNAIL_PX = 184;
const LISTS_MS = 60; // until thumbnails and table show a change
const TRIES = 2; // where the server goes while it reads: perhaps this very image made it go
const MOST_SHAPES = 4; // on a thumbnail; of more faces it says how many they are
const MOST_ENLARGED = 2; // a small image is shown at most so many times as large

let images = []; // {file, name, width, height, ms, error, faces, thumbnail, done}
let current = null;
let chosen = false; // by hand
let selected = -1; // the face that is pointed out, of the current image
let bitmap = null; // of the current image; null where the browser cannot show it
let waiting = [];
let active = 0;
let listsTimer = 0;

const threshold = bindSlider("photo-threshold", () => showAll());

/** Those that could be read, in their order. */
const readImages = () => images.filter(({ done, error }) => done && error === null);

function facesOf(image) {
  return withThreshold(image.faces, threshold());
}

/** Read files one after the other, some at once; each is shown as soon as it is there. */
function add(files) {
  showTrouble("photo-trouble");
  const added = files.map((file) => ({
    file,
    name: file.name || "pasted.png",
    faces: [],
    error: null,
    done: false,
  }));
  images.push(...added);
  waiting.push(...added);
  while (active < AT_ONCE && waiting.length) {
    active += 1;
    work();
  }
  sayProgress();
}

async function work() {
  for (let image = waiting.shift(); image; image = waiting.shift()) {
    await read(image);
    if (!images.includes(image)) continue; // cleared meanwhile
    if (image.error === null && isFirst(image)) await show(image);
    sayProgress();
    showListsSoon();
  }
  active -= 1;
}

/** Whether to show an image as it comes: the first of them, until one was chosen by hand. */
function isFirst(image) {
  return !chosen && (!current || images.indexOf(image) < images.indexOf(current));
}

async function read(image, tries = TRIES) {
  try {
    const answer = await readImage(image.file);
    Object.assign(image, answer, { name: image.name });
    if (answer.error === null) image.thumbnail = await thumbnailOf(image.file);
  } catch (error) {
    if (error.code === "gone" && tries > 1) {
      await untilThere();
      if (images.includes(image)) await read(image, tries - 1);
      return;
    }
    image.error = error.message;
  }
  image.done = true;
}

/** Until the server is there again, or another engine reads. */
function untilThere() {
  return new Promise((resolve) => {
    healthEvents.addEventListener("back", resolve, { once: true });
    engineEvents.addEventListener("change", resolve, { once: true });
  });
}

/** A small square of an image; null where the browser cannot show its kind. */
async function thumbnailOf(file) {
  try {
    const whole = await decodeImage(file);
    const side = Math.min(whole.width, whole.height);
    const canvas = make("canvas", { "aria-hidden": "true" });
    resize(canvas, THUMBNAIL_PX, THUMBNAIL_PX);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    const [left, top] = [(whole.width - side) / 2, (whole.height - side) / 4];
    context.drawImage(whole, left, top, side, side, 0, 0, THUMBNAIL_PX, THUMBNAIL_PX);
    whole.close();
    return canvas;
  } catch {
    return null;
  }
}

function sayProgress() {
  const left = images.filter((image) => !image.done).length;
  const read = readImages();
  const faces = read.reduce((sum, image) => sum + image.faces.length, 0);
  let words = "";
  if (left) words = `Reading photo ${images.length - left + 1} of ${images.length}.`;
  else if (read.length) words = `${count(read.length, "photo")}, ${count(faces, "face")}.`;
  byId("photo-said").textContent = words;
  const failed = images.filter((image) => image.error !== null);
  const messages = failed.map(({ name, error }) => aboutFile(name, error));
  showTrouble("photo-trouble", messages.join("\n"));
  byId("photo-results").hidden = read.length === 0;
  if (read.length) hide("photo-drop", "photo-more");
  else byId("photo-drop").hidden = false;
}

/** Show the image that somebody wants to see. */
function choose(image, face = -1) {
  chosen = true;
  return show(image, face);
}

/** Show one image large. */
async function show(image, face = -1) {
  selected = face;
  if (current !== image) {
    forgetShown();
    current = image;
    const shown = await decodeImage(image.file).catch(() => null);
    if (current !== image) return shown?.close();
    bitmap = shown;
    byId("photo-faces").replaceChildren();
  }
  showAll();
}

function forgetShown() {
  current = null;
  bitmap?.close();
  bitmap = null;
}

function showAll() {
  if (!current) return;
  showImage();
  showCards();
  showListsSoon();
}

/** Thumbnails and table hold all images: with many of them they are not made for each anew. */
function showListsSoon() {
  listsTimer ||= setTimeout(() => {
    listsTimer = 0;
    if (!current) return;
    showStrip();
    showTable();
  }, LISTS_MS);
}

function showImage() {
  const canvas = byId("photo-canvas");
  const faces = facesOf(current);
  canvas.hidden = bitmap === null;
  byId("photo-unseen").hidden = bitmap !== null;
  byId("photo-png").disabled = bitmap === null;
  byId("photo-caption").textContent =
    `${current.name}: ${current.width} × ${current.height} pixels, ` +
    `read in ${current.ms.toFixed(0)} ms` +
    (faces.length && bitmap
      ? ". Click a face, or its Why button, to see what its reading rests on."
      : ".");
  canvas.classList.toggle("has-faces", faces.length > 0);
  canvas.setAttribute("aria-label", describe(faces, current.name));
  if (!bitmap) return;
  const room = byId("photo-stage").clientWidth;
  const highest = innerHeight * 0.78;
  const shownPx = Math.min(
    room,
    (highest * bitmap.width) / bitmap.height,
    bitmap.width * MOST_ENLARGED,
  );
  if (shownPx < 1) return;
  const density = window.devicePixelRatio || 1;
  paint(canvas, Math.round(shownPx * density), Math.max(13, shownPx / 60) * density, selected);
  canvas.style.width = `${shownPx}px`;
}

/** Draw the current image and its faces, so many pixels wide; one face may be pointed out. */
function paint(canvas, width, letterPx, selected) {
  const height = Math.round((width * bitmap.height) / bitmap.width);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  const how = { scale: width / current.width, width, height, letterPx, selected };
  drawFaces(context, facesOf(current), how);
}

/** A card for each face; they stay, so that an open explanation stays too. */
function showCards() {
  const container = byId("photo-faces");
  const faces = facesOf(current);
  byId("photo-none").hidden = faces.length > 0;
  if (container.children.length !== faces.length) {
    const { file } = current;
    const cards = faces.map((_, at) => {
      const button = make("button", { type: "button", "aria-expanded": "false" }, ["Why?"]);
      const card = new FaceCard([button]);
      button.addEventListener("click", () => toggleWhy(card.element, button, file, at));
      card.element.faceCard = card;
      return card.element;
    });
    container.replaceChildren(...cards);
  }
  faces.forEach((face, at) => {
    const element = container.children[at];
    element.faceCard.show(face, faces.length > 1 ? `face ${at + 1}` : "");
    element.classList.toggle("selected", at === selected);
    element.querySelector("button").setAttribute("aria-label", `Why? Face ${at + 1}`);
  });
}

function toggleWhy(element, button, file, at) {
  const open = element.querySelector(".why");
  if (open) open.remove();
  else element.append(explanationPanel(file, at));
  chosen = true;
  button.setAttribute("aria-expanded", String(!open));
  selected = at;
  showAll();
}

function showStrip() {
  const strip = byId("photo-strip");
  const read = readImages();
  strip.hidden = read.length < 2;
  if (strip.hidden) return;
  const focused = [...strip.children].indexOf(document.activeElement);
  strip.replaceChildren(
    ...read.map((image) => {
      const faces = facesOf(image);
      const shapes = faces.map((face) => shapeOf(shownOf(face)));
      const words = faces.length ? count(faces.length, "face") : "no face";
      const shown = faces.length && faces.length <= MOST_SHAPES ? shapes : [words];
      const tag = make("span", { class: "tag", "aria-hidden": "true" }, shown);
      const properties = {
        type: "button",
        "aria-current": image === current && "true",
        "aria-label": describe(faces, image.name),
        title: image.name,
        onclick: () => choose(image),
      };
      return make("button", properties, [image.thumbnail ?? "", tag]);
    }),
  );
  strip.children[focused]?.focus();
}

function showTable() {
  const head = ["photo", "face", "emotion", "sure", ...EMOTIONS.map(({ name }) => name)];
  const rows = readImages().flatMap((image) => {
    const faces = facesOf(image);
    if (!faces.length) return [tableRow(image)];
    return faces.map((face, at) => tableRow(image, face, at));
  });
  fillTable(byId("photo-table"), head, [0, 2], rows);
}

function tableRow(image, face = null, at = -1) {
  const name = ["text name", makeLink(image.name, () => choose(image, at))];
  if (!face) {
    const row = makeRow([name, [null, "–"], ["text", "no face"], [null]]);
    row.lastChild.colSpan = 8;
    return row;
  }
  const emotion = shownOf(face);
  return makeRow([
    name,
    [null, at + 1],
    ["text", shapeOf(emotion), emotion.name],
    [null, percent(face.probability)],
    ...EMOTIONS.map((each) => [
      each.name === face.emotion && "most",
      face.probabilities[each.name].toFixed(3),
    ]),
  ]);
}

function clear() {
  images = [];
  waiting = [];
  chosen = false;
  forgetShown();
  byId("photo-faces").replaceChildren();
  sayProgress();
  byId("photo-choose").focus();
}

/** The readings of all images as they are called now. */
function results() {
  const done = images.filter((image) => image.done);
  return done.map((image) => ({ ...image, faces: facesOf(image) }));
}

/** Point a face out, and open its explanation. */
function pointOut(event) {
  const scale = current.width / event.target.clientWidth;
  const at = faceAt(current.faces, event.offsetX * scale, event.offsetY * scale);
  if (at < 0) return;
  const element = byId("photo-faces").children[at];
  selected = at;
  if (element.querySelector(".why")) showAll();
  else element.querySelector("button").click();
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ block: "nearest", behavior: isStill ? "auto" : "smooth" });
}

function givePng() {
  const canvas = document.createElement("canvas");
  const letterPx = Math.max(11, Math.min(bitmap.width, bitmap.height) / 38);
  paint(canvas, bitmap.width, letterPx, -1);
  downloadPng(`${stemOf(current.name)}-mien.png`, canvas);
}

export function startPhoto() {
  takeFiles("photo", ["photo-choose", "photo-more"], add);
  onClick("photo-clear", clear);
  onClick("photo-canvas", pointOut);
  onClick("photo-png", givePng);
  onClick("photo-csv", () => download("mien-photos.csv", imagesToCsv(results()), "text/csv"));
  onClick("photo-json", () =>
    download("mien-photos.json", imagesToJson(results()), "application/json"),
  );
  new ResizeObserver(() => current && showImage()).observe(byId("photo-stage"));
}
