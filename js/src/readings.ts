/** What is read off a face: the fields of the answers of `mien serve`. */

import type { Box, Face, Point } from "./faces.js";
import { EMOTIONS, type Emotion } from "./labels.js";
import type { FaceQuality } from "./quality.js";

/** What was read off one face. */
export interface Reading {
  /** x0, y0, x1, y1 in pixels of the upright image; may reach past its border. */
  box: Box;
  /** The detector's, that this is a face, 0 to 1. */
  score: number;
  /** Right eye, left eye, tip of the nose, right and left corner of the mouth. */
  landmarks: Point[];
  /** The likeliest; in a stream, what holds over time. */
  emotion: Emotion;
  /** Of that emotion, 0 to 1. */
  probability: number;
  /** `probability` is below the threshold. */
  unsure: boolean;
  /** Of the seven, which sum to 1. */
  probabilities: Record<Emotion, number>;
  /** What the image of the face was worth. */
  quality: FaceQuality;
}

/** What was read off one face of one frame, and off the same face before. */
export interface TrackedReading extends Reading {
  /** The number of the person, from 1. */
  track: number;
  /** The likeliest of this frame alone. */
  raw_emotion: Emotion;
  /** Of this frame alone. */
  raw_probabilities: Record<Emotion, number>;
  /** Whether the face was found in this frame. */
  detected: boolean;
}

/** What one frame of a stream shows, as `/api/live` of `mien serve` says it. */
export interface FrameReadings {
  /** Number of the frame, from 0; those that were dropped count. */
  frame: number;
  /** Seconds since the first frame. */
  time_s: number;
  width: number;
  height: number;
  /** Frames, until now, that came while another was read. */
  dropped: number;
  /** Milliseconds to read this one. */
  read_ms: number;
  /** In the order of their tracks. */
  faces: TrackedReading[];
}

/** What the reading of one face rests on, as `/api/explanations` of `mien serve` says it. */
export interface Explanation {
  /** That is explained. */
  emotion: Emotion;
  /** Of that emotion, 0 to 1. */
  probability: number;
  /** Of the face. */
  box: Box;
  /** What the network saw: 48 * 48 gray levels. */
  crop: Uint8Array;
  /** 48 rows of 48: how much of the probability rests on each pixel, -1 to 1; below 0 it speaks against. */
  heat: number[][];
  /** What is read with a part of the face covered, from its top. */
  parts: { name: string; probability: number; emotion: Emotion }[];
}

/** Seven numbers by their emotions. */
export function byEmotion(probabilities: ArrayLike<number>): Record<Emotion, number> {
  return Object.fromEntries(EMOTIONS.map((name, i) => [name, probabilities[i]])) as Record<Emotion, number>;
}

/** Which is the highest, the first of equal ones. */
export function highest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** @param label which of the emotions it is; the likeliest, or what holds over time. */
export function readingOf(
  face: Face,
  quality: FaceQuality,
  probabilities: ArrayLike<number>,
  threshold: number,
  label = highest(probabilities),
): Reading {
  return {
    box: face.box,
    score: face.score,
    landmarks: [...face.landmarks],
    emotion: EMOTIONS[label],
    probability: probabilities[label],
    unsure: !(probabilities[label] >= threshold), // so that NaN is unsure, too
    probabilities: byEmotion(probabilities),
    quality,
  };
}
