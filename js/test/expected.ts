/** What the Python package reads, as `scripts/js_expected.py` of the repository wrote it. */

import { existsSync, readFileSync } from "node:fs";
import type { Affine } from "../src/pixels.js";
import type { Explanation, Reading, TrackedReading } from "../src/readings.js";

const FOLDER = process.env.MIEN_EXPECTED ?? new URL("../expected/", import.meta.url).pathname;

export interface ExpectedImage {
  name: string;
  options: { fullSize?: boolean; minFacePx?: number };
  width: number;
  height: number;
  pixels: string;
  crops: string;
  readings: Reading[];
}

export interface ExpectedFrame {
  pixels: string;
  width: number;
  height: number;
  time_s: number;
  faces: TrackedReading[];
}

export interface ExpectedPixels {
  do: "gray" | "area" | "linear" | "warp";
  of: string;
  channels: 1 | 3;
  width: number;
  height: number;
  size: [number, number];
  border: "black" | "repeat";
  matrix: Affine;
  side: number;
  made: string;
}

export interface ExpectedExplanation extends Omit<Explanation, "crop"> {
  pixels: string;
  width: number;
  height: number;
  face: number;
  crop: string;
}

interface Expected {
  images: ExpectedImage[];
  video: ExpectedFrame[];
  explanations: ExpectedExplanation[];
  opencv: ExpectedPixels[];
}

/** All of it; what is missing fails, for tests that are left out hide what is wrong. */
export function expected(): Expected {
  const file = `${FOLDER}/expected.json`;
  if (!existsSync(file)) throw new Error(`there is no ${file}: run \`make test-js\` in the repository`);
  return JSON.parse(readFileSync(file, "utf8"));
}

export function bytes(name: string): Uint8Array {
  return new Uint8Array(readFileSync(`${FOLDER}/${name}`));
}

/** Mean difference of two images, in levels. */
export function meanDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i] - b[i]);
  return a.length ? sum / a.length : 0;
}

/** The largest difference. */
export function mostDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
}
