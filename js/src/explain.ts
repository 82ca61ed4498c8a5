/** Which pixels of a face its reading rests on: occlusion both ways, as `mien/explain.py` has it. */

import { SIZE_PX } from "./crops.js";
import { EMOTIONS, type Emotion } from "./labels.js";
import { roundEven } from "./pixels.js";
import { type Explanation, highest } from "./readings.js";

const PIXELS = SIZE_PX * SIZE_PX;
const PATCH_PX = 12; // side of a patch
const STRIDE_PX = 6; // from one patch to the next: every pixel is under four of them
const BLUR_PX = 8; // standard deviation of the blur that stands in for what is covered
const BLUR_REACH = 4 * BLUR_PX;
const TINY = 1.1754943508222875e-38; // float32's smallest normal number

/** Rows of a crop, first and end. */
const PARTS: Record<string, readonly [number, number]> = {
  forehead: [0, 12],
  eyes: [12, 24],
  nose: [24, 31],
  mouth: [31, 42],
  chin: [42, 48],
};

/** A rectangle of a crop: x0, y0, x1, y1. */
type Patch = readonly [number, number, number, number];

/** What a crop's reading rests on, without the face that it was cut from. */
export type CropExplanation = Omit<Explanation, "box">;

/**
 * @param crop 48 * 48 gray levels, as `cropFaces` cuts them.
 * @param read crops -> probabilities of each; it is asked about 169 of them.
 * @param emotion whose probability to explain; by default the likeliest.
 */
export async function explainCrop(
  crop: Uint8Array,
  read: (crops: Uint8Array) => Promise<Float32Array[]>,
  emotion?: Emotion,
): Promise<CropExplanation> {
  const patches = allPatches();
  const bands = Object.values(PARTS).map(([first, end]): Patch => [0, first, SIZE_PX, end]);
  const everything: Patch = [0, 0, SIZE_PX, SIZE_PX];
  const blurred = blur(crop);
  const covered = [everything, ...patches, ...bands].map((patch) => mixed(crop, blurred, patch));
  const shown = patches.map((patch) => mixed(blurred, crop, patch));
  const asked = [crop, ...covered, ...shown];
  const crops = new Uint8Array(asked.length * PIXELS);
  for (const [i, one] of asked.entries()) crops.set(one, i * PIXELS);
  const answers = await read(crops);
  const target = emotion ? EMOTIONS.indexOf(emotion) : highest(answers[0]);

  const [whole, blank, ...rest] = answers.map((row) => row[target]);
  const heat = new Float64Array(PIXELS);
  patches.forEach((patch, i) => {
    const [without, alone] = [rest[i], rest[patches.length + bands.length + i]];
    const lost = share(whole - without, whole, without);
    const won = share(alone - blank, Math.max(whole, blank), alone);
    for (const at of pixelsOf(patch)) heat[at] += (lost + won) / 2;
  });
  const under = new Float64Array(PIXELS);
  for (const patch of patches) for (const at of pixelsOf(patch)) under[at]++;
  const mean = heat.map((sum, at) => sum / under[at]);
  return {
    emotion: EMOTIONS[target],
    probability: whole,
    crop,
    heat: Array.from({ length: SIZE_PX }, (_, y) => [...mean.subarray(y * SIZE_PX, (y + 1) * SIZE_PX)]),
    parts: Object.keys(PARTS).map((name, i) => {
      const row = answers[2 + patches.length + i];
      return { name, probability: row[target], emotion: EMOTIONS[highest(row)] };
    }),
  };
}

/** A change as a share of the larger of two probabilities: -1 to 1. */
function share(change: number, whole: number, other: number): number {
  return change / Math.max(whole, other, TINY);
}

function allPatches(): Patch[] {
  const firsts: number[] = [];
  for (let first = STRIDE_PX - PATCH_PX; first < SIZE_PX; first += STRIDE_PX) firsts.push(first);
  const within = (value: number): number => Math.min(Math.max(value, 0), SIZE_PX);
  return firsts.flatMap((y) =>
    firsts.map((x): Patch => [within(x), within(y), within(x + PATCH_PX), within(y + PATCH_PX)]),
  );
}

function* pixelsOf([x0, y0, x1, y1]: Patch): Generator<number> {
  for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) yield y * SIZE_PX + x;
}

/** One crop with a patch of another. */
function mixed(crop: Uint8Array, other: Uint8Array, patch: Patch): Uint8Array {
  const made = crop.slice();
  for (const at of pixelsOf(patch)) made[at] = other[at];
  return made;
}

/** Weighted with a Gaussian over both directions; beyond the border the border goes on. */
function blur(crop: Uint8Array): Uint8Array {
  const weights: number[] = [];
  for (let by = -BLUR_REACH; by <= BLUR_REACH; by++) weights.push(Math.exp(-(by * by) / (2 * BLUR_PX ** 2)));
  const whole = weights.reduce((sum, weight) => sum + weight);
  const within = (at: number): number => Math.min(Math.max(at, 0), SIZE_PX - 1);
  // Each pass turns rows into columns, so that two leave them as they were.
  const along = (values: ArrayLike<number>): Float64Array => {
    const made = new Float64Array(PIXELS);
    for (let y = 0; y < SIZE_PX; y++) {
      for (let x = 0; x < SIZE_PX; x++) {
        let sum = 0;
        weights.forEach((weight, i) => {
          sum += weight * values[y * SIZE_PX + within(x + i - BLUR_REACH)];
        });
        made[x * SIZE_PX + y] = sum / whole;
      }
    }
    return made;
  };
  return Uint8Array.from(along(along(crop)), roundEven);
}
