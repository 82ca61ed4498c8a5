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
const READING = ["emotion", "probability", "unsure", ...LABELS];
const RAW = LABELS.map((label) => `raw_${label}`);
const MEASURED = [...POINTS, ...QUALITY];

/** As `mien detect --csv` has them. */
const IMAGE_COLUMNS = ["file", "face", ...SIDES, "score", ...READING, ...MEASURED, "error"];

/** As `mien video --csv` has them. */
const FRAME_COLUMNS = [
  "frame",
  "time_s",
  "track",
  ...SIDES,
  "score",
  "detected",
  ...READING,
  "raw_emotion",
  ...RAW,
  ...MEASURED,
];

function line(columns, row) {
  return `${columns.map((column) => field(row[column])).join(",")}\n`;
}

/** The line of the names of columns. */
function headOf(columns) {
  return `${columns.join(",")}\n`;
}

function field(value) {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Values by their names. */
function named(names, values) {
  return Object.fromEntries(names.map((name, at) => [name, values?.[at]]));
}

/** A face with all that is known of it side by side, as a table has it. */
function flat(face) {
  return {
    ...face,
    ...named(SIDES, face.box),
    ...named(POINTS, face.landmarks?.flat()),
    ...face.probabilities,
    ...named(
      RAW,
      LABELS.map((label) => face.raw_probabilities?.[label]),
    ),
    ...face.quality,
  };
}

/**
 * @param {{name: string, error: string | null, faces: object[]}[]} images
 * @returns {string} CSV with a row for each face, and one for an image that shows none.
 */
export function imagesToCsv(images) {
  const rows = images.flatMap(({ name: file, error, faces }) =>
    faces.length
      ? faces.map((face, at) => ({ ...flat(face), file, face: at + 1 }))
      : [{ file, error }],
  );
  return [headOf(IMAGE_COLUMNS), ...rows.map((row) => line(IMAGE_COLUMNS, row))].join("");
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

/** The digits that a float32 has; more would only make the files twice as long. */
function rounded(value) {
  return typeof value === "number" ? Number(value.toPrecision(7)) : value;
}

/** Those fields of an object, its numbers rounded. */
function picked(names, from) {
  return Object.fromEntries(names.map((name) => [name, rounded(from[name])]));
}

/** The rows of one frame: one for each face, or one that has none. */
function rowsOf(frame, timeS, faces) {
  if (!faces.length) return [{ frame, time_s: timeS, track: null }];
  return faces.map((face) => ({
    frame,
    time_s: timeS,
    track: face.track,
    name: face.name || undefined,
    box: face.box.map(rounded),
    score: rounded(face.score),
    detected: face.detected,
    emotion: face.emotion,
    probability: rounded(face.probability),
    unsure: face.unsure,
    probabilities: picked(LABELS, face.probabilities),
    raw_emotion: face.raw_emotion,
    raw_probabilities: picked(LABELS, face.raw_probabilities),
    // Of this frame: those that were only moved along are left out.
    landmarks: (face.detected && face.landmarks?.map((at) => at.map(rounded))) || null,
    quality: face.quality && picked(QUALITY, face.quality),
  }));
}

export const framesHeader = headOf(FRAME_COLUMNS);

/** The rows of one frame as CSV, below `framesHeader`. */
export function frameToCsv(frame, timeS, faces) {
  return rowsOf(frame, timeS, faces)
    .map((row) => line(FRAME_COLUMNS, flat(row)))
    .join("");
}

/** The same as JSON lines, as `mien video --jsonl` writes them. */
export function frameToJsonLines(frame, timeS, faces) {
  return rowsOf(frame, timeS, faces)
    .map((row) => `${JSON.stringify(row)}\n`)
    .join("");
}
