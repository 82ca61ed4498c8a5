/**
 * What can go wrong. Every message says what was expected and what came.
 *
 *     MienError
 *       OptionError   an option is out of its range
 *       ImageError    a source is not an image, or cannot be read as one
 *       ModelError    a model, the runtime or the worker cannot be loaded or run
 */

export class MienError extends Error {
  override name = "MienError";
}

export class OptionError extends MienError {
  override name = "OptionError";
}

export class ImageError extends MienError {
  override name = "ImageError";
}

export class ModelError extends MienError {
  override name = "ModelError";
}

/** @throws OptionError it is no number from 0 to `most`, as the text of a page's input, which would be joined to numbers. */
export function checkNumber(name: string, value: unknown, most = Infinity): void {
  if (typeof value === "number" && value >= 0 && value <= most && value < Infinity) return;
  const expected = most === Infinity ? "0 or more" : `0 to ${most}`;
  throw new OptionError(`${name}: expected ${expected}; got ${said(value)}`);
}

/** @throws OptionError it is neither true nor false, as the text "no", which would be true. */
export function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== "boolean")
    throw new OptionError(`${name}: expected true or false; got ${said(value)}`);
}

/** A value as messages have it. */
export function said(value: unknown): string {
  return typeof value === "string" ? `'${value}'` : String(value);
}

/** What is told of a recognizer that was closed. */
export const CLOSED = "expected an open recognizer; it was closed";

const KINDS: Readonly<Record<string, typeof MienError>> = { MienError, OptionError, ImageError, ModelError };

/** An error by its name, as it came out of a worker. */
export function errorNamed(name: string, message: string): MienError {
  return new (KINDS[name] ?? MienError)(message);
}

/** What an error says, on one line; those of native libraries go on for pages. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split("\n")[0] || "no reason was given";
}
