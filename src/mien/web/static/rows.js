/** Readings -> CSV and JSON, with the columns that the command line writes. */

import { EMOTIONS } from "./emotions.js";

const LABELS = EMOTIONS.map((emotion) => emotion.name);
const SIDES = ["x0", "y0", "x1", "y1"];

const POINTS = ["right_eye", "left_eye", "nose", "right_mouth", "left_mouth"].flatMap((name) => [
  `${name}_x`,
  `${name}_y`,
]);
const MEASURES = ["yaw", "pitch", "roll", "size_px", "blur", "light", "contrast", "inside"];
const QUALITY = [...MEASURES, "usable", "unusable", "pose_method"];

/** As `mien detect --csv` has them. */
export const IMAGE_COLUMNS = [
  "file",
  "face",
  ...SIDES,
  "score",
  "emotion",
  "probability",
  "unsure",
  ...LABELS,
  ...POINTS,
  ...QUALITY,
  "error",
];

/** As `mien video --csv` has them. */
export const FRAME_COLUMNS = [
  "frame",
  "time_s",
  "track",
  ...SIDES,
  "score",
  "detected",
  "emotion",
  "probability",
  "unsure",
  ...LABELS,
  "raw_emotion",
  ...LABELS.map((label) => `raw_${label}`),
  ...POINTS,
  ...QUALITY,
];

function line(values) {
  return `${values.map(field).join(",")}\n`;
}

function field(value) {
  const text = value === undefined || value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function sides(face) {
  return Object.fromEntries(SIDES.map((side, at) => [side, face.box[at]]));
}

function points(landmarks) {
  return Object.fromEntries((landmarks ?? []).flat().map((value, at) => [POINTS[at], value]));
}

/** The landmarks that the detector gave in this frame; those that were moved along are left out. */
function detectedLandmarks(face) {
  return face.detected && face.landmarks ? face.landmarks.map((at) => at.map(rounded)) : null;
}

function roundedQuality(quality) {
  if (!quality) return null;
  const measured = MEASURES.map((name) => [name, quality[name]]);
  const values = measured.map(([name, value]) => [name, value === null ? null : rounded(value)]);
  return {
    ...Object.fromEntries(values),
    usable: quality.usable,
    unusable: quality.unusable,
    pose_method: quality.pose_method,
  };
}

/**
 * @param {{name: string, error: string | null, faces: object[]}[]} images
 * @returns {string} CSV with a row for each face, and one for an image that shows none.
 */
export function imagesToCsv(images) {
  const lines = [line(IMAGE_COLUMNS)];
  for (const { name, error, faces } of images) {
    const rows = faces.length
      ? faces.map((face, at) => ({
          ...face,
          ...sides(face),
          ...points(face.landmarks),
          ...face.probabilities,
          ...face.quality,
          face: at + 1,
        }))
      : [{ error }];
    for (const row of rows)
      lines.push(line(IMAGE_COLUMNS.map((column) => (column === "file" ? name : row[column]))));
  }
  return lines.join("");
}

/** As `mien detect --json` prints it. */
export function imagesToJson(images) {
  const plain = images.map(({ name, width, height, error, faces }) => ({
    file: name,
    size: error === null ? [width, height] : null,
    faces,
    error,
  }));
  return `${JSON.stringify(plain, null, 1)}\n`;
}

export function framesHeader() {
  return line(FRAME_COLUMNS);
}

/** The digits that a float32 has; more would only make the files twice as long. */
function rounded(value) {
  return Number(value.toPrecision(7));
}

function roundedAll(shares) {
  return Object.fromEntries(LABELS.map((label) => [label, rounded(shares[label])]));
}

/** The rows of one frame as CSV: one for each face, or one with an empty face. */
export function frameToCsv(frame, timeS, faces) {
  if (!faces.length) return line(FRAME_COLUMNS.map((column) => ({ frame, time_s: timeS })[column]));
  return faces
    .map((face) => {
      const row = {
        ...face,
        frame,
        time_s: timeS,
        ...sides({ box: face.box.map(rounded) }),
        score: rounded(face.score),
        probability: rounded(face.probability),
        ...roundedAll(face.probabilities),
        ...points(detectedLandmarks(face)),
        ...roundedQuality(face.quality),
      };
      for (const label of LABELS) row[`raw_${label}`] = rounded(face.raw_probabilities[label]);
      return line(FRAME_COLUMNS.map((column) => row[column]));
    })
    .join("");
}

/** The same as JSON lines, as `mien video --jsonl` writes them. */
export function frameToJsonLines(frame, timeS, faces) {
  if (!faces.length) return `${JSON.stringify({ frame, time_s: timeS, track: null })}\n`;
  return faces
    .map((face) => {
      const row = {
        frame,
        time_s: timeS,
        track: face.track,
        ...(face.name ? { name: face.name } : {}),
        box: face.box.map(rounded),
        score: rounded(face.score),
        detected: face.detected,
        emotion: face.emotion,
        probability: rounded(face.probability),
        unsure: face.unsure,
        probabilities: roundedAll(face.probabilities),
        raw_emotion: face.raw_emotion,
        raw_probabilities: roundedAll(face.raw_probabilities),
        landmarks: detectedLandmarks(face),
        quality: roundedQuality(face.quality),
      };
      return `${JSON.stringify(row)}\n`;
    })
    .join("");
}
