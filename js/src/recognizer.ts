/** Pictures and streams -> readings: the front door, the same in a page and in node. */

import { OptionError } from "./errors.js";
import { EMOTIONS, type Emotion } from "./labels.js";
import type { Explanation, FrameReadings, Reading, TrackedReading } from "./readings.js";
import { checkSmoothing, SMOOTHING, type SmoothingSettings } from "./smoothing.js";
import { isBytes, nameOf } from "./sources.js";
import type { ModelSpec } from "./spec.js";

/** Where the networks run. */
export interface Backend<S> {
  readonly spec: ModelSpec;
  read(source: S): Promise<Reading[]>;
  explain(source: S, face: number, emotion?: Emotion): Promise<Explanation>;
  follow(settings: SmoothingSettings): Promise<BackendStream<S>>;
  close(): Promise<void>;
}

export interface BackendStream<S> {
  read(source: S, timeS: number): Promise<{ width: number; height: number; faces: TrackedReading[] }>;
  end(): Promise<void>;
}

/** A frame of a stream. */
export interface Frame<S> {
  readonly source: S;
  /** Seconds; never falling. */
  readonly timeS: number;
  /** Frames before it, since the last one, that nobody saw; 0 by default. */
  readonly skipped?: number;
}

export interface StreamOptions {
  /** Seconds after which a frame has half its weight; 0 smooths nothing. By default .4. */
  readonly halfLifeS?: number;
  /** By how much another emotion must exceed the label before that changes, 0 to 1. By default .1. */
  readonly margin?: number;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

export interface ExplainOptions {
  /** Which, from 0, in the order of the readings: the surest face first. */
  readonly face?: number;
  /** Whose probability to explain; by default the likeliest. */
  readonly emotion?: Emotion;
}

/** What every recognizer is told. */
export interface CommonOptions {
  /** A reading whose emotion is less probable is `unsure`; 0 to 1. With 0, the default, none is. */
  readonly threshold?: number;
  /** Smaller faces are left out; the longer side of the box, in pixels. */
  readonly minFacePx?: number;
  /** Search large images at their full size, for small faces; slower. */
  readonly fullSize?: boolean;
  /** What is asked: "people", what people would say, or "label", what FER2013's label would be. */
  readonly head?: "people" | "label";
}

/** The names of options, told by an object that has them all. */
type Named<Options> = Readonly<Record<keyof Options, true>>;

export const COMMON: Named<CommonOptions> = { threshold: true, minFacePx: true, fullSize: true, head: true };
const STREAM: Named<StreamOptions> = { halfLifeS: true, margin: true, signal: true };
const EXPLAIN: Named<ExplainOptions> = { face: true, emotion: true };

/** @throws OptionError it is no file's name, nor its bytes: an ArrayBuffer would be taken for a name. */
export function checkModel(model: unknown): void {
  if (model === undefined || typeof model === "string" || model instanceof URL || isBytes(model)) return;
  throw new OptionError(`model: expected a file's name, or its bytes as a Uint8Array; got ${nameOf(model)}`);
}

/** @throws OptionError an option has a name that is not among those known: it would be passed over. */
export function checkNames<Options extends object>(options: Options, known: Named<Options>): void {
  if (typeof options !== "object" || options === null)
    throw new OptionError(`expected options as an object; got ${nameOf(options)}`);
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(known, name))
      throw new OptionError(`expected options among ${Object.keys(known).join(", ")}; got '${name}'`);
  }
}

/** Finds the faces of an image and reads the emotion that each shows. */
export class BaseRecognizer<S> {
  /** @internal */
  protected constructor(private readonly backend: Backend<S>) {}

  /** What the model says of itself. */
  get spec(): ModelSpec {
    return this.backend.spec;
  }

  /**
   * Read every face of one image.
   *
   * @returns one reading for each face, the surest face first; no face gives an empty list.
   * @throws ImageError it is not an image, or cannot be read as one.
   */
  async read(source: S): Promise<Reading[]> {
    return this.backend.read(source);
  }

  /**
   * Find the pixels that the reading of one face rests on: patches are covered, and the face is read
   * again, 169 times; about a second.
   *
   * @throws ImageError it is not an image, or there is no face in it.
   * @throws OptionError there is no such face, emotion or option.
   */
  async explain(source: S, options: ExplainOptions = {}): Promise<Explanation> {
    checkNames(options, EXPLAIN);
    const { face = 0, emotion } = options;
    if (!(Number.isInteger(face) && face >= 0))
      throw new OptionError(`face: expected 0 or more; got ${face}`);
    if (emotion !== undefined && !EMOTIONS.includes(emotion))
      throw new OptionError(`expected an emotion among ${EMOTIONS.join(", ")}; got ${emotion}`);
    return this.backend.explain(source, face, emotion);
  }

  /**
   * Read frames: every face followed, its probabilities smoothed over time.
   *
   * @param frames with times that never fall.
   * @throws OptionError an option is out of its range, there is no such option, or these are no frames.
   */
  async *streamFrames(
    frames: AsyncIterable<Frame<S>> | Iterable<Frame<S>>,
    options: StreamOptions = {},
  ): AsyncGenerator<FrameReadings, void, void> {
    checkNames(options, STREAM);
    const settings = smoothingOf(options);
    const { signal } = options;
    if (!isIterable(frames))
      throw new OptionError(`frames: expected an iterable of { source, timeS }; got ${nameOf(frames)}`);
    const stream = await this.backend.follow(settings);
    let frame = 0;
    let dropped = 0;
    let firstS: number | null = null;
    let lastS = -Infinity;
    try {
      for await (const given of signal ? untilAborted(frames, signal) : frames) {
        if (signal?.aborted) return;
        checkFrame(given, lastS);
        const { source, timeS, skipped = 0 } = given;
        lastS = timeS;
        firstS ??= timeS;
        frame += skipped;
        dropped += skipped;
        const begun = performance.now();
        const { width, height, faces } = await stream.read(source, timeS);
        const read_ms = performance.now() - begun;
        yield { frame, time_s: timeS - firstS, width, height, dropped, read_ms, faces };
        frame++;
      }
    } finally {
      await stream.end();
    }
  }

  /** Free what the networks take; nothing can be read after it. */
  close(): Promise<void> {
    return this.backend.close();
  }
}

function isIterable(frames: unknown): boolean {
  const given = Object(frames);
  return given === frames && (Symbol.asyncIterator in given || Symbol.iterator in given);
}

/** @throws OptionError it is no frame, or one of before `lastS`. */
function checkFrame(given: Frame<unknown>, lastS: number): void {
  if (typeof given !== "object" || given === null)
    throw new OptionError(`frames: expected { source, timeS } of each; got ${nameOf(given)}`);
  const { timeS, skipped = 0 } = given;
  if (!Number.isFinite(timeS)) throw new OptionError(`timeS: expected seconds, a number; got ${timeS}`);
  if (timeS < lastS) throw new OptionError(`timeS: expected ${lastS} or later; got ${timeS}`);
  if (!(Number.isInteger(skipped) && skipped >= 0))
    throw new OptionError(`skipped: expected a whole number of 0 or more; got ${skipped}`);
}

/** Frames until the signal comes, which need not wait for the next one. */
async function* untilAborted<T>(
  frames: AsyncIterable<T> | Iterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void, void> {
  const iterator =
    Symbol.asyncIterator in frames ? frames[Symbol.asyncIterator]() : frames[Symbol.iterator]();
  const end = async (): Promise<unknown> => iterator.return?.();
  for (;;) {
    const next = await nextOf(iterator, signal);
    if (next === null) {
      end().catch(() => undefined); // a frame that never comes would keep it waiting
      return;
    }
    if (next.done) return;
    let isLeft = true;
    try {
      yield next.value;
      isLeft = false;
    } finally {
      if (isLeft) await end();
    }
  }
}

/** The next frame; null once the signal has come. */
function nextOf<T>(
  iterator: AsyncIterator<T> | Iterator<T>,
  signal: AbortSignal,
): Promise<IteratorResult<T> | null> {
  if (signal.aborted) return Promise.resolve(null);
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(null);
    signal.addEventListener("abort", stop);
    const asked = (async () => iterator.next())();
    asked.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

function smoothingOf({ halfLifeS = SMOOTHING.halfLifeS, margin }: StreamOptions): SmoothingSettings {
  // Where nothing is smoothed, the label is the likeliest emotion, as in the live view.
  const settings = { halfLifeS, margin: margin ?? (halfLifeS ? SMOOTHING.margin : 0) };
  checkSmoothing(settings);
  return settings;
}
