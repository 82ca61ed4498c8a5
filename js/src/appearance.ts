/**
 * What faces look like, for telling apart people who appear in one stream.
 *
 * Gray levels of the turned crop, and the colors of head and shoulders: of the same clothes, in the
 * same light. It is no face recognition.
 */

import { cropFaces, SIZE_PX } from "./crops.js";
import type { Face } from "./faces.js";
import { type Pixels, resizeArea, roundEven } from "./pixels.js";

const GRAY_PX = 12; // side of the gray part
const BODY_PX = [24, 32]; // width and height of the colored part
const BINS = [8, 3, 3]; // of hue, saturation and value

/** 288 numbers of norm 1; the product of two of them is their similarity, -0.5 to 1. */
export function appearanceOf(image: Pixels, face: Face): Float64Array {
  const crop: Pixels = {
    data: cropFaces(image, [face], 0),
    width: SIZE_PX,
    height: SIZE_PX,
    channels: 1,
  };
  const gray = normed(resizeArea(crop, GRAY_PX, GRAY_PX).data);
  const body = bodyOf(image, face);
  const half = body.data.length / 2;
  const parts = [gray, roots(body.data.subarray(0, half)), roots(body.data.subarray(half))];
  return Float64Array.from(
    parts.flatMap((part) => [...part]),
    (value) => value / Math.SQRT2,
  );
}

export function similarity(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}

/** Less their mean, of norm 1. */
export function normed(values: ArrayLike<number>): Float64Array {
  const found = Float64Array.from(values);
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length;
  const norm = Math.sqrt(found.reduce((sum, value) => sum + (value - mean) ** 2, 0)) || 1;
  return found.map((value) => (value - mean) / norm);
}

/** Head and shoulders, small. */
function bodyOf(image: Pixels, { box }: Face): Pixels {
  const [width, height] = [box[2] - box[0], box[3] - box[1]];
  const [left, right] = span(box[0] - 0.5 * width, box[2] + 0.5 * width, image.width);
  const [top, bottom] = span(box[1] - 0.4 * height, box[3] + 1.5 * height, image.height);
  // Every so many pixels are enough for a histogram, and cheap.
  const step = Math.max(
    1,
    Math.min(Math.floor((right - left) / BODY_PX[0]), Math.floor((bottom - top) / BODY_PX[1])),
  );
  const [across, down] = [Math.ceil((right - left) / step), Math.ceil((bottom - top) / step)];
  const data = new Uint8Array(across * down * 3);
  for (let y = 0, to = 0; y < down; y++) {
    for (let x = 0; x < across; x++, to += 3) {
      const from = ((top + y * step) * image.width + left + x * step) * image.channels;
      for (let c = 0; c < 3; c++) data[to + c] = image.data[from + c];
    }
  }
  const part: Pixels = { data, width: across, height: down, channels: 3 };
  return resizeArea(part, BODY_PX[0], BODY_PX[1]);
}

/** Roots of the shares of colors, of norm 1 / sqrt 2. */
function roots(rgb: Uint8Array | Uint8ClampedArray): Float64Array {
  const counts = new Float64Array(BINS[0] * BINS[1] * BINS[2]);
  for (let i = 0; i < rgb.length; i += 3) {
    const [hue, saturation, value] = hsv(rgb[i], rgb[i + 1], rgb[i + 2]);
    const first = Math.floor((hue * BINS[0]) / 180);
    const second = Math.floor((saturation * BINS[1]) / 256);
    const third = Math.floor((value * BINS[2]) / 256);
    counts[(first * BINS[1] + second) * BINS[2] + third]++;
  }
  const pixels = rgb.length / 3;
  return counts.map((count) => Math.sqrt(count / pixels / 2));
}

/** Hue 0 to 179, saturation and value 0 to 255, as OpenCV rounds them. */
function hsv(red: number, green: number, blue: number): [number, number, number] {
  const value = Math.max(red, green, blue);
  const range = value - Math.min(red, green, blue);
  if (range === 0) return [0, 0, value];
  const saturation = (range * roundEven((255 << 12) / value) + 2048) >> 12;
  let sixth = red - green + 4 * range;
  if (value === red) sixth = green - blue;
  else if (value === green) sixth = blue - red + 2 * range;
  const hue = (sixth * roundEven((180 << 12) / (6 * range)) + 2048) >> 12;
  return [hue < 0 ? hue + 180 : hue, saturation, value];
}

/** Whole pixels of a side, at least one, within the image. */
function span(low: number, high: number, length: number): [number, number] {
  const first = Math.min(Math.max(Math.trunc(low), 0), length - 1);
  return [first, Math.max(first + 1, Math.min(Math.trunc(high), length))];
}
