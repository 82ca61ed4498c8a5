/**
 * The seven emotions in FER2013's order: the words and colours of mien/labels.py, and for each a
 * shape of its own, so that none is told by its colour alone.
 *
 * A shape is a path in a square of 24 by 24.
 */
export const EMOTIONS = [
  { name: "angry", color: "#de4236", shape: "M12 2.5 22.5 21h-21z" },
  {
    name: "disgust",
    color: "#54942c",
    shape:
      "M5.6 2.5 12 8.9l6.4-6.4 3.1 3.1-6.4 6.4 6.4 6.4-3.1 3.1-6.4-6.4-6.4 6.4-3.1-3.1 6.4-6.4-6.4-6.4z",
  },
  { name: "fear", color: "#8e5cc9", shape: "M12 1.2 22.8 12 12 22.8 1.2 12z" },
  { name: "happy", color: "#f0ad12", shape: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z" },
  {
    name: "sad",
    color: "#3478cd",
    shape: "M12 1.2c3.9 5.4 7.4 9.2 7.4 13.6a7.4 7.4 0 0 1-14.8 0c0-4.4 3.5-8.2 7.4-13.6z",
  },
  {
    name: "surprise",
    color: "#e56e1e",
    shape: "m12 1.3 3.3 7.1 7.7.9-5.7 5.3 1.5 7.6-6.8-3.8-6.8 3.8 1.5-7.6-5.7-5.3 7.7-.9z",
  },
  { name: "neutral", color: "#80868e", shape: "M3.5 3.5h17v17h-17z" },
];

/** What is shown in place of an emotion that is not probable enough: a ring. */
export const UNSURE = {
  name: "unsure",
  color: "#eceef1",
  shape:
    "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 4.2a5.8 5.8 0 1 1 0 11.6 5.8 5.8 0 0 1 0-11.6z",
};

const BY_NAME = new Map([...EMOTIONS, UNSURE].map((emotion) => [emotion.name, emotion]));

/** The emotion of a name; what has no such name is unsure. */
export function emotionOf(name) {
  return BY_NAME.get(name) ?? UNSURE;
}

/** What people are shown of a reading: its emotion, or that it is unsure. */
export function shownOf(face) {
  return face.unsure ? UNSURE : emotionOf(face.emotion);
}

/** The same faces, called unsure below a threshold from 0 to 1, as the server would call them. */
export function withThreshold(faces, threshold) {
  return faces.map((face) => ({ ...face, unsure: !(face.probability >= threshold) }));
}

/** A share of 0 to 1 as people read it: "95 %", which no line break parts. */
export function percent(share) {
  return `${Math.round(share * 100)}\u202f%`;
}

/** What is read best on a colour "#rrggbb": nearly black, or white. */
export function inkOn(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue > 150 ? "#14161a" : "#ffffff";
}
