/** Why a face was read so: a heat map over the crop that the network saw. */

import { make, resize } from "./elements.js";
import { percent } from "./emotions.js";
import { explainFace } from "./engine.js";

const SIDE_PX = 480; // of the drawing; on the page it is half as large
// Orange red and blue differ to every kind of colour vision. As in mien/heat_map.py, heat gives hue
// and colourfulness and the face gives lightness, so that neither hides the other.
const WARM = [255, 84, 0];
const COOL = [10, 96, 255];
const GROUND = "#8f8f8f"; // under the face, whose black and white could show no colour
const FACE = 0.72; // opacity of the face over it
const LEAST_SCALE = 0.05; // what changes nothing is not made to glow
const SMOOTH_PX = 2; // of 48: patches have edges that the face has not

/** A panel that asks for the explanation of a face and shows it. */
export function explanationPanel(file, at) {
  const panel = make("div", { class: "why" }, [
    make("p", { role: "status" }, ["Looking at what the reading rests on."]),
  ]);
  explainFace(file, at)
    .then((explanation) => show(panel, explanation))
    .catch((error) =>
      panel.replaceChildren(make("p", { role: "alert", class: "trouble" }, [error.message])),
    );
  return panel;
}

async function show(panel, explanation) {
  const { emotion, probability, heat, parts, size_px: sizePx } = explanation;
  const crop = new Image();
  crop.src = explanation.crop_png;
  await crop.decode();
  const most = Math.max(...heat.flat().map(Math.abs), LEAST_SCALE);
  const strongest = Math.max(...heat.flat(), 0);
  const label = `The face as the network saw it. ${weakest(parts, emotion)}`;
  const canvas = make("canvas", { role: "img", "aria-label": label });
  resize(canvas, SIDE_PX, SIDE_PX);
  const overlay = heatImage(heat, sizePx, most);
  const draw = (withHeat) => {
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.fillStyle = GROUND;
    context.fillRect(0, 0, SIDE_PX, SIDE_PX);
    context.globalAlpha = withHeat ? FACE : 1;
    context.drawImage(crop, 0, 0, SIDE_PX, SIDE_PX);
    context.globalAlpha = 1;
    if (!withHeat) return;
    context.globalCompositeOperation = "color";
    context.drawImage(overlay, 0, 0, SIDE_PX, SIDE_PX);
    context.globalCompositeOperation = "source-over";
  };
  draw(true);

  const onchange = (event) => draw(event.target.checked);
  const rows = parts.map((part) => partRow(part, emotion));
  const box = make("input", { type: "checkbox", checked: true, onchange });
  panel.replaceChildren(
    canvas,
    make("label", { class: "check row" }, [box, "Show the heat"]),
    make("div", { class: "scale" }, [
      scale(),
      make("span", {}, [`${percent(most)} against it`]),
      make("span", {}, [`${percent(most)} for it`]),
    ]),
    make("p", {}, [
      "Each patch of the face was blurred away, and then it alone was shown; the face was read " +
        `again each time. Where it is warm, the face speaks for ${emotion}: at the strongest place ` +
        `${percent(strongest)} of its probability of ${percent(probability)} rests on it. ` +
        "Where it is blue, the face speaks against it.",
    ]),
    make("ul", { class: "parts" }, rows),
    make("p", { class: "hint" }, [
      "Occlusion (Zeiler and Fergus 2014), both ways. It tells what the network looks at, not what " +
        "the person feels.",
    ]),
  );
}

/** What is read with one part of the face covered. */
function partRow({ name, probability, emotion: read }, emotion) {
  const otherwise = read === emotion ? "" : `, read as ${read}`;
  return make("li", {}, [
    make("span", {}, [`${name} covered`]),
    make("span", {}, [`${emotion} ${percent(probability)}${otherwise}`]),
  ]);
}

/** The part whose covering takes most from the emotion, for those who do not see the heat. */
function weakest(parts, emotion) {
  const { name, probability } = parts.reduce((a, b) => (b.probability < a.probability ? b : a));
  return `With the ${name} covered ${emotion} has ${percent(probability)}, the least.`;
}

/** The heat as an image of its own: warm where positive, cool where negative, clear at zero. */
function heatImage(heat, sizePx, most) {
  const image = new OffscreenCanvas(sizePx, sizePx);
  const context = image.getContext("2d");
  const pixels = context.createImageData(sizePx, sizePx);
  smooth(heat)
    .flat()
    .forEach((value, at) => {
      const strength = Math.min(Math.abs(value) / most, 1);
      pixels.data.set([...(value > 0 ? WARM : COOL), 255 * strength], 4 * at);
    });
  context.putImageData(pixels, 0, 0);
  return image;
}

/** Weighted with a Gaussian over both directions; beyond the border the border goes on. */
function smooth(rows) {
  const reach = Math.ceil(3 * SMOOTH_PX);
  const offsets = Array.from({ length: 2 * reach + 1 }, (_, at) => at - reach);
  const weights = offsets.map((offset) => Math.exp(-(offset ** 2) / (2 * SMOOTH_PX ** 2)));
  const whole = weights.reduce((sum, weight) => sum + weight);
  const along = (line) =>
    line.map((_, at) => {
      const near = offsets.map((by) => line[Math.min(Math.max(at + by, 0), line.length - 1)]);
      return near.reduce((sum, value, which) => sum + value * weights[which], 0) / whole;
    });
  const turned = (grid) => grid[0].map((_, at) => grid.map((line) => line[at]));
  return turned(turned(rows.map(along)).map(along));
}

/** From cool to warm, as the heat map has it. */
function scale() {
  const canvas = make("canvas", { width: 256, height: 1, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const gradient = context.createLinearGradient(0, 0, 256, 0);
  gradient.addColorStop(0, `rgb(${COOL})`);
  gradient.addColorStop(0.5, "#b9bec6");
  gradient.addColorStop(1, `rgb(${WARM})`);
  context.fillStyle = gradient;
  context.fillRect(0, 0, 256, 1);
  return canvas;
}
