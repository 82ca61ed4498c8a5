/** What can be read everywhere: pixels. Types of a page are not named here: node has none of them. */

import { ImageError, said } from "./errors.js";
import type { Pixels } from "./pixels.js";

/** Pixels as `ImageData` has them: RGBA, or RGB without the fourth byte. */
export interface PixelSource {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

const MIN_SIDE_PX = 8;

/** Whether it is pixels, ready to be read. */
export function isPixels(source: unknown): source is PixelSource {
  const data = (source as Partial<PixelSource> | null)?.data;
  return isBytes(data) || arrayName(data) === "Uint8ClampedArray";
}

/** Whether it is a Uint8Array, one of another window or context, too. */
export function isBytes(data: unknown): data is Uint8Array {
  return arrayName(data) === "Uint8Array";
}

/** Of a typed array, by which each realm calls its own; a Buffer is a Uint8Array. */
function arrayName(data: unknown): string | undefined {
  return ArrayBuffer.isView(data) ? String(Reflect.get(data, Symbol.toStringTag)) : undefined;
}

/**
 * Pixels as the networks take them; transparent ones are laid on white.
 *
 * @throws ImageError there are not three or four bytes for each pixel, or not so many pixels.
 */
export function toPixels({ data, width, height }: PixelSource): Pixels {
  const areCounts = [width, height].every((side) => Number.isInteger(side) && side > 0);
  if (!areCounts) {
    const got = `${said(width)} and ${said(height)}`;
    throw new ImageError(`width and height: expected whole numbers above 0; got ${got}`);
  }
  const channels = data.length / (width * height);
  if (channels !== 3 && channels !== 4) {
    throw new ImageError(
      `expected RGB or RGBA, 3 or 4 bytes for each of ${width} x ${height} pixels; got ${data.length} bytes`,
    );
  }
  checkSize(width, height);
  return onWhite({ data, width, height, channels });
}

/** @throws ImageError it is too small to show anything. */
export function checkSize(width: number, height: number): void {
  if (Math.min(width, height) >= MIN_SIDE_PX) return;
  throw new ImageError(
    `expected an image of at least ${MIN_SIDE_PX} x ${MIN_SIDE_PX} pixels; got ${width} x ${height}`,
  );
}

function onWhite(image: Pixels): Pixels {
  const { data, width, height, channels } = image;
  if (channels !== 4 || isOpaque(data)) return image;
  const laid = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3];
    for (let c = 0; c < 3; c++) {
      laid[i + c] = Math.floor((data[i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
    laid[i + 3] = 255;
  }
  return { data: laid, width, height, channels };
}

function isOpaque(rgba: Uint8Array | Uint8ClampedArray): boolean {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false;
  return true;
}

/** What came, for messages: the name of its class, or its kind; of a plain object its data's. */
export function nameOf(source: unknown): string {
  if (source === null || source === undefined) return String(source);
  if (typeof source !== "object") return typeof source;
  const name = source.constructor?.name || "an object";
  return name === "Object" && "data" in source ? `{ data: ${nameOf(source.data)} }` : name;
}
