/** Faces -> 48 x 48 gray: the one definition of framing, as in the Python package. */

import { type Face, FRAMING } from "./faces.js";
import { type Affine, cut, type Pixels, resizeArea, roundEven, toGray, warp } from "./pixels.js";

/** Side of a crop: FER2013's size. */
export const SIZE_PX = 48;

const MAX_OVERSAMPLING = 16; // a larger part of the image is shrunk before it is turned

/**
 * A square gray crop for each face, turned until the eyes are level.
 *
 * @param image RGB or RGBA.
 * @param faces in pixels of `image`; beyond its border, that is repeated.
 * @param margin added on each side, as a share of the crop's side; 0 is FER2013's framing.
 * @returns 48 * 48 bytes for each face, one after the other.
 */
export function cropFaces(image: Pixels, faces: readonly Face[], margin: number): Uint8Array {
  const crops = new Uint8Array(faces.length * SIZE_PX * SIZE_PX);
  faces.forEach(({ box, landmarks }, i) => {
    const size = Math.max(box[2] - box[0], box[3] - box[1]);
    const [right, left] = landmarks;
    const angle = right && left ? Math.atan2(left[1] - right[1], left[0] - right[0]) : 0;
    const [shiftX, shiftY] = [FRAMING.shiftX * size, FRAMING.shiftY * size];
    const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
    const x = (box[0] + box[2]) / 2 + cosine * shiftX - sine * shiftY;
    const y = (box[1] + box[3]) / 2 + sine * shiftX + cosine * shiftY;
    const side = FRAMING.side * size * (1 + 2 * margin);
    crops.set(cropAt(image, x, y, angle, side), i * SIZE_PX * SIZE_PX);
  });
  return crops;
}

/** A turned square of the image, resampled without aliasing. */
function cropAt(image: Pixels, x: number, y: number, angle: number, side: number): Uint8Array {
  const { width, height } = image;
  const reach = (side / 2) * (Math.abs(Math.cos(angle)) + Math.abs(Math.sin(angle))) + 2;
  const within = (value: number, length: number): number => Math.trunc(Math.min(Math.max(value, 0), length));
  const left = Math.min(within(x - reach, width), width - 1);
  const top = Math.min(within(y - reach, height), height - 1);
  const right = Math.min(Math.max(within(x + reach, width) + 1, left + 1), width);
  const bottom = Math.min(Math.max(within(y + reach, height) + 1, top + 1), height);
  let gray = toGray(cut(image, left, top, right, bottom));

  // Each pixel of the crop is the mean of `over` x `over` samples, about one per source pixel.
  const over = Math.min(Math.max(Math.ceil(side / SIZE_PX), 1), MAX_OVERSAMPLING);
  const samples = over * SIZE_PX;
  const step = Math.max(side, 1e-3) / samples; // source pixels from one sample to the next
  let [scaleX, scaleY] = [1, 1];
  if (step > 1) {
    const { width: across, height: down } = gray;
    const shorter = (length: number): number => Math.max(roundEven(length / step), 1);
    gray = resizeArea(gray, shorter(across), shorter(down));
    [scaleX, scaleY] = [gray.width / across, gray.height / down];
  }
  const [cosine, sine] = [step * Math.cos(angle), step * Math.sin(angle)];
  const middle = (samples - 1) / 2;
  const firstX = x - left - middle * (cosine - sine);
  const firstY = y - top - middle * (sine + cosine);
  const toSource: Affine = [
    cosine * scaleX,
    -sine * scaleX,
    firstX * scaleX - 0.5,
    sine * scaleY,
    cosine * scaleY,
    firstY * scaleY - 0.5,
  ];
  const square = warp(gray, toSource, samples, "repeat");
  return resizeArea(square, SIZE_PX, SIZE_PX).data as Uint8Array;
}
