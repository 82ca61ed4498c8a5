/** The seven emotions, in the one order that all of mien uses. */

export const EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"] as const;

/** One of the seven labels. */
export type Emotion = (typeof EMOTIONS)[number];

/** A CSS colour for each emotion; always shown beside the word, never instead of it. */
export const COLORS: Readonly<Record<Emotion, string>> = {
  angry: "rgb(222 66 54)",
  disgust: "rgb(84 148 44)",
  fear: "rgb(142 92 201)",
  happy: "rgb(240 173 18)",
  sad: "rgb(52 120 205)",
  surprise: "rgb(229 110 30)",
  neutral: "rgb(128 134 142)",
};
