/** What people import, in a page as in node. */

export { ImageError, MienError, ModelError, OptionError } from "./errors.js";
export type { Box, Point } from "./faces.js";
export { COLORS, EMOTIONS, type Emotion } from "./labels.js";
export type { FaceQuality, Unusable } from "./quality.js";
export type { Explanation, FrameReadings, Reading, TrackedReading } from "./readings.js";
export type { CommonOptions, ExplainOptions, Frame, StreamOptions } from "./recognizer.js";
export type { PixelSource } from "./sources.js";
export type { Head, ModelSpec } from "./spec.js";
