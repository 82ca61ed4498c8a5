/** Pictures and streams -> readings: the front door, the same in a page and in node. */

import { OptionError } from "./errors.js";
import { EMOTIONS, type Emotion } from "./labels.js";
import type { Explanation, FrameReadings, Reading, TrackedReading } from "./readings.js";
import { checkSmoothing, SMOOTHING, type SmoothingSettings } from "./smoothing.js";
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

/** @throws OptionError an option has a name that is not among those known: it would be passed over. */
export function checkNames<Options extends object>(options: Options, known: Named<Options>): void {
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
   * @throws OptionError an option is out of its range, or there is no such option.
   */
  async *streamFrames(
    frames: AsyncIterable<Frame<S>> | Iterable<Frame<S>>,
    options: StreamOptions = {},
  ): AsyncGenerator<FrameReadings, void, void> {
    checkNames(options, STREAM);
    const settings = smoothingOf(options);
    const stream = await this.backend.follow(settings);
    let frame = 0;
    let dropped = 0;
    let firstS: number | null = null;
    let lastS = -Infinity;
    try {
      for await (const { source, timeS, skipped = 0 } of frames) {
        if (options.signal?.aborted) return;
        if (!(timeS >= lastS)) throw new OptionError(`timeS: expected ${lastS} or later; got ${timeS}`);
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

function smoothingOf({ halfLifeS = SMOOTHING.halfLifeS, margin }: StreamOptions): SmoothingSettings {
  // Where nothing is smoothed, the label is the likeliest emotion, as in the live view.
  const settings = { halfLifeS, margin: margin ?? (halfLifeS ? SMOOTHING.margin : 0) };
  checkSmoothing(settings);
  return settings;
}
