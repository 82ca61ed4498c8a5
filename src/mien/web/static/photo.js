/** The Photo tab: images in, boxes, bars and a table out. */

import { aboutFile, byId, make, shapeOf, showTrouble } from "./elements.js";
import { EMOTIONS, percent, shownOf, withThreshold } from "./emotions.js";
import { readImage } from "./engine.js";
import { explanationPanel } from "./explanation.js";
import { describe, drawFaces, faceAt, FaceCard } from "./faces.js";
import { download, downloadPng, stemOf, takeFiles } from "./files.js";
import { imagesToCsv, imagesToJson } from "./rows.js";
import { bindSlider, thresholdWords } from "./settings.js";

const AT_ONCE = 3; // on their way to the engine; the server reads the faces of several together
const THUMBNAIL_PX = 184;
const LISTS_MS = 60; // until thumbnails and table show a change
const MOST_ENLARGED = 2; // a small image is shown at most so many times as large

let images = []; // {file, name, width, height, ms, error, faces, thumbnail, done}
let current = null;
let chosen = false; // by hand
let selected = -1; // the face that is pointed out, of the current image
let bitmap = null; // of the current image; null where the browser cannot show it
let waiting = [];
let active = 0;
let listsTimer = 0;

const threshold = bindSlider(byId("photo-threshold"), {
  output: byId("photo-threshold-value"),
  name: "photo-threshold",
  words: thresholdWords,
  changed: () => showAll(),
});

function facesOf(image) {
  return withThreshold(image.faces, threshold());
}

/** Read files one after the other, some at once; each is shown as soon as it is there. */
function add(files) {
  showTrouble(byId("photo-trouble"));
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

async function read(image) {
  const { file } = image;
  try {
    const answer = await readImage(file);
    Object.assign(image, answer, { name: image.name });
    if (answer.error === null) image.thumbnail = await thumbnailOf(file);
  } catch (error) {
    image.error = error.message;
  }
  image.done = true;
}

/** A small square of an image; null where the browser cannot show its kind. */
async function thumbnailOf(file) {
  try {
    const whole = await createImageBitmap(file);
    const side = Math.min(whole.width, whole.height);
    const canvas = make("canvas", {
      width: THUMBNAIL_PX,
      height: THUMBNAIL_PX,
      "aria-hidden": "true",
    });
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
  const read = images.filter((image) => image.done && image.error === null);
  const faces = read.reduce((sum, image) => sum + image.faces.length, 0);
  let words = "";
  if (left) words = `Reading photo ${images.length - left + 1} of ${images.length}.`;
  else if (read.length) words = `${count(read.length, "photo")}, ${count(faces, "face")}.`;
  byId("photo-said").textContent = words;
  const failed = images.filter((image) => image.error !== null);
  const messages = failed.map(({ name, error }) => aboutFile(name, error));
  showTrouble(byId("photo-trouble"), messages.join("\n"));
  byId("photo-drop").hidden = read.length > 0;
  byId("photo-results").hidden = read.length === 0;
}

function count(number, what) {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
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
    current = image;
    bitmap?.close();
    bitmap = null;
    const shown = await createImageBitmap(image.file).catch(() => null);
    if (current !== image) return shown?.close();
    bitmap = shown;
    byId("photo-faces").replaceChildren();
  }
  showAll();
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
  byId("photo-unseen").textContent =
    "This browser cannot show this kind of image. Its faces were read all the same.";
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
  paint(canvas, Math.round(shownPx * density), faces, Math.max(13, shownPx / 60) * density);
  canvas.style.width = `${shownPx}px`;
}

/** Draw the current image and its faces, so many pixels wide. */
function paint(canvas, width, faces, letterPx) {
  const height = Math.round((width * bitmap.height) / bitmap.width);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  drawFaces(context, faces, { scale: width / current.width, width, height, letterPx, selected });
}

/** A card for each face; they stay, so that an open explanation stays too. */
function showCards() {
  const container = byId("photo-faces");
  const faces = facesOf(current);
  byId("photo-none").hidden = faces.length > 0;
  byId("photo-none").textContent = "No face was found.";
  if (container.children.length !== faces.length) {
    const { file } = current;
    container.replaceChildren(
      ...faces.map((_, at) => {
        const button = make("button", { type: "button", "aria-expanded": "false" }, ["Why?"]);
        const card = new FaceCard([button]);
        button.addEventListener("click", () => toggleWhy(card.element, button, file, at));
        card.element.faceCard = card;
        return card.element;
      }),
    );
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
  const read = images.filter((image) => image.done && image.error === null);
  strip.hidden = read.length < 2;
  if (strip.hidden) return;
  const focused = [...strip.children].indexOf(document.activeElement);
  strip.replaceChildren(
    ...read.map((image) => {
      const shown = facesOf(image)
        .slice(0, 4)
        .map((face) => shapeOf(shownOf(face)));
      const more = image.faces.length > 4 ? [`+${image.faces.length - 4}`] : [];
      const tag = make(
        "span",
        { class: "tag", "aria-hidden": "true" },
        shown.length ? [...shown, ...more] : ["no face"],
      );
      return make(
        "button",
        {
          type: "button",
          "aria-current": image === current ? "true" : null,
          "aria-label": describe(facesOf(image), image.name),
          title: image.name,
          onclick: () => choose(image),
        },
        [image.thumbnail ?? "", tag],
      );
    }),
  );
  strip.children[focused]?.focus();
}

function showTable() {
  const head = ["photo", "face", "emotion", "sure", ...EMOTIONS.map(({ name }) => name)];
  const rows = [];
  for (const image of images.filter(({ done, error }) => done && error === null)) {
    const faces = facesOf(image);
    if (!faces.length) rows.push(tableRow(image, -1, ["–", "no face"]));
    faces.forEach((face, at) => {
      const emotion = shownOf(face);
      const shares = EMOTIONS.map(({ name }) => face.probabilities[name].toFixed(3));
      rows.push(
        tableRow(
          image,
          at,
          [at + 1, emotion, percent(face.probability), ...shares],
          face.emotion,
        ),
      );
    });
  }
  byId("photo-table").replaceChildren(
    make("thead", {}, [
      make(
        "tr",
        {},
        head.map((name, at) =>
          make("th", { scope: "col", class: at === 0 || at === 2 ? "text" : null }, [name]),
        ),
      ),
    ]),
    make("tbody", {}, rows),
  );
}

function tableRow(image, face, [number, emotion, ...rest], most) {
  const name = make(
    "button",
    { type: "button", class: "link", onclick: () => choose(image, face) },
    [image.name],
  );
  const shown = typeof emotion === "string" ? [emotion] : [shapeOf(emotion), emotion.name];
  const cells = rest.map((text, at) =>
    make("td", { class: at > 0 && EMOTIONS[at - 1].name === most ? "most" : null }, [text]),
  );
  const blank = make("td", { colspan: 8 });
  return make("tr", {}, [
    make("td", { class: "text name" }, [name]),
    make("td", {}, [String(number)]),
    make("td", { class: "text" }, shown),
    ...(cells.length ? cells : [blank]),
  ]);
}

function clear() {
  images = [];
  waiting = [];
  current = null;
  chosen = false;
  bitmap?.close();
  bitmap = null;
  byId("photo-faces").replaceChildren();
  sayProgress();
  byId("photo-choose").focus();
}

/** The readings of all images as they are called now. */
function results() {
  return images
    .filter(({ done }) => done)
    .map((image) => ({ ...image, faces: facesOf(image) }));
}

export function startPhoto() {
  const buttons = [byId("photo-choose"), byId("photo-more")];
  takeFiles({ panel: byId("photo"), buttons, input: byId("photo-input") }, add);
  byId("photo-clear").addEventListener("click", clear);
  byId("photo-canvas").addEventListener("click", (event) => {
    const scale = current.width / event.target.clientWidth;
    const at = faceAt(current.faces, event.offsetX * scale, event.offsetY * scale);
    if (at < 0) return;
    const element = byId("photo-faces").children[at];
    selected = at;
    if (element.querySelector(".why")) showAll();
    else element.querySelector("button").click();
    element.scrollIntoView({ block: "nearest", behavior: "smooth" });
  });
  byId("photo-png").addEventListener("click", () => {
    const canvas = document.createElement("canvas");
    const letterPx = Math.max(11, Math.min(bitmap.width, bitmap.height) / 38);
    const pointed = selected;
    selected = -1;
    paint(canvas, bitmap.width, facesOf(current), letterPx);
    selected = pointed;
    downloadPng(`${stemOf(current.name)}-mien.png`, canvas);
  });
  byId("photo-csv").addEventListener("click", () =>
    download("mien-photos.csv", imagesToCsv(results()), "text/csv"),
  );
  byId("photo-json").addEventListener("click", () =>
    download("mien-photos.json", imagesToJson(results()), "application/json"),
  );
  new ResizeObserver(() => current && showImage()).observe(byId("photo-stage"));
}
