/** What the image of one face was worth, as `mien.recognize.quality` measures it. */

import { SIZE_PX } from "./crops.js";
import type { Box, Face, Point } from "./faces.js";

/** Why a reading is not to be trusted; empty where nothing speaks against it. */
export type Unusable = "" | "small" | "cut off" | "turned" | "dark" | "bright" | "flat" | "blurred";

/** What the image of one face was worth. */
export interface FaceQuality {
  /** Degrees by which the head is turned aside, positive to the right of the image. */
  yaw: number;
  /** By which it is raised; from five points this says little. */
  pitch: number;
  /** By which it is tilted, clockwise. */
  roll: number;
  /** The longer side of the box, in pixels of the image. */
  size_px: number;
  /** 0 to 1, from sharp to blurred, of the crop that is read. */
  blur: number;
  /** Mean gray level of that crop, 0 to 255. */
  light: number;
  /** Standard deviation of its gray levels. */
  contrast: number;
  /** Share of the box that lies inside the image, 0 to 1. */
  inside: number;
  /** Why the reading is not to be trusted. */
  unusable: Unusable;
  /** What yaw, pitch and roll are told from: the landmarks. Python has a mesh, too. */
  pose_method: "points";
  /** Nothing speaks against trusting it. */
  usable: boolean;
}

const MIN_SIZE_PX = 22;
const MIN_INSIDE = 0.95;
const MAX_YAW = 35;
const MIN_LIGHT = 30;
const MAX_LIGHT = 230;
const MIN_CONTRAST = 10;
const MAX_BLUR = 0.55;
const NOSE_DOWN = 0.595; // of MediaPipe's canonical face, in distances between its eyes
const NOSE_OUT = 0.636;
const MOUTH_DOWN = 1.106;
const MOUTH_OUT = 0.13;
const YAW = 2;
const BOX = 9; // pixels, of the filter of `blurOf`

/**
 * @param crop SIZE_PX * SIZE_PX gray levels of the face, as the classifier reads it.
 * @param width of the image, in pixels, as height.
 */
export function qualityOf(face: Face, crop: Uint8Array, width: number, height: number): FaceQuality {
  const { yaw, pitch, roll } = poseOf(face.landmarks);
  const light = crop.reduce((sum, level) => sum + level, 0) / crop.length;
  const contrast = Math.sqrt(crop.reduce((sum, level) => sum + (level - light) ** 2, 0) / crop.length);
  const [x0, y0, x1, y1] = face.box;
  const measured = {
    ...{ yaw, pitch, roll, size_px: Math.max(x1 - x0, y1 - y0), blur: blurOf(crop) },
    ...{ light, contrast, inside: insideOf(face.box, width, height) },
  };
  const unusable = reasonOf(measured);
  return { ...measured, unusable, pose_method: "points", usable: unusable === "" };
}

function reasonOf(of: Omit<FaceQuality, "unusable" | "pose_method" | "usable">): Unusable {
  if (of.size_px < MIN_SIZE_PX) return "small";
  if (of.inside < MIN_INSIDE) return "cut off";
  if (Math.abs(of.yaw) > MAX_YAW) return "turned";
  if (of.light < MIN_LIGHT) return "dark";
  if (of.light > MAX_LIGHT) return "bright";
  if (of.contrast < MIN_CONTRAST) return "flat";
  return of.blur > MAX_BLUR ? "blurred" : "";
}

/** Yaw, pitch and roll in degrees, from five points, after Gee and Cipolla 1994. */
function poseOf(landmarks: readonly Point[]): { yaw: number; pitch: number; roll: number } {
  const [[ax, ay], [bx, by], nose, [cx, cy], [dx, dy]] = landmarks;
  const roll = Math.atan2(by - ay, bx - ax);
  const [cosine, sine] = [Math.cos(roll), Math.sin(roll)];
  const level = (x: number, y: number) => {
    const [right, down] = [x - (ax + bx) / 2, y - (ay + by) / 2];
    return [cosine * right + sine * down, cosine * down - sine * right];
  };
  const [noseX, noseY] = level(nose[0], nose[1]);
  const [mouthX, mouthY] = level((cx + dx) / 2, (cy + dy) / 2);
  const along = mouthY > 0 ? noseY / mouthY : NOSE_DOWN / MOUTH_DOWN;
  const yaw = Math.atan2(YAW * (noseX - along * mouthX), Math.hypot(bx - ax, by - ay));
  const pitch = Math.atan2(NOSE_DOWN - along * MOUTH_DOWN, NOSE_OUT - along * MOUTH_OUT);
  const [yawDeg, pitchDeg, rollDeg] = [yaw, pitch, roll].map((angle) => (angle * 180) / Math.PI);
  return { yaw: yawDeg, pitch: pitchDeg, roll: rollDeg };
}

/** The blur effect (Crete et al. 2007, section 3): what a further blur leaves, across or down. */
function blurOf(crop: Uint8Array): number {
  return Math.max(blurAlong(crop, 1, SIZE_PX), blurAlong(crop, SIZE_PX, 1));
}

/** Of lines whose pixels are `step` apart, and which begin `next` apart. */
function blurAlong(crop: Uint8Array, step: number, next: number): number {
  const last = SIZE_PX - 1;
  let [total, lost] = [0, 0];
  for (let line = 0; line < SIZE_PX; line++) {
    const at = (i: number) => crop[line * next + (i < 0 ? -i : i > last ? 2 * last - i : i) * step];
    let sum = 0;
    for (let i = -(BOX - 1) / 2; i <= (BOX - 1) / 2; i++) sum += at(i);
    for (let i = 1; i <= last; i++) {
      const then = sum + at(i + (BOX - 1) / 2) - at(i - (BOX + 1) / 2);
      const before = Math.abs(at(i) - at(i - 1));
      total += before;
      lost += Math.max(before - Math.abs(then - sum) / BOX, 0);
      sum = then;
    }
  }
  return total > 0 ? 1 - lost / total : 1;
}

function insideOf([x0, y0, x1, y1]: Box, width: number, height: number): number {
  const across = Math.max(Math.min(x1, width) - Math.max(x0, 0), 0);
  const down = Math.max(Math.min(y1, height) - Math.max(y0, 0), 0);
  const area = (x1 - x0) * (y1 - y0);
  return area > 0 ? (across * down) / area : 0;
}
