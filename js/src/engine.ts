/** Pictures -> readings, where the networks run: in a worker of the page, or in node itself. */

import { Classifier } from "./classifier.js";
import { cropFaces, SIZE_PX } from "./crops.js";
import { checkNumber, ImageError, OptionError } from "./errors.js";
import { explainCrop } from "./explain.js";
import { Detector, type Face, MIN_SCORE } from "./faces.js";
import { EMOTIONS, type Emotion } from "./labels.js";
import type { Pixels } from "./pixels.js";
import { type FaceQuality, qualityOf } from "./quality.js";
import {
  byEmotion,
  type Explanation,
  highest,
  type Reading,
  readingOf,
  type TrackedReading,
} from "./readings.js";
import type { RuntimeOptions } from "./runtime.js";
import { Smoother, type SmoothingSettings } from "./smoothing.js";
import type { Head, ModelSpec } from "./spec.js";
import { MIN_LOW_SCORE, type TrackedFace, Tracker } from "./tracking.js";
import { YuNet } from "./yunet.js";

/** What a recognizer is opened with, in plain values. */
export interface EngineOptions {
  /** A less probable reading is unsure; 0 to 1. */
  readonly threshold: number;
  /** Smaller faces are left out; the longer side of the box, in pixels. */
  readonly minFacePx: number;
  /** Search large images at their full size, for small faces; slower. */
  readonly fullSize: boolean;
  /** What is asked: what people would say, or what FER2013's label would be. */
  readonly head?: Head;
  /** Name of the reader's file, for messages. */
  readonly modelName: string;
}

/** The bytes of the two networks, as they come. */
export interface ModelFiles {
  readonly faces: Promise<Uint8Array>;
  readonly reader: Promise<Uint8Array>;
}

/** One stream of frames, whose faces are followed. */
export interface Stream {
  /** The faces of the next frame, in the order of their tracks; time never runs backwards. */
  read(image: Pixels, timeS: number): Promise<TrackedReading[]>;
}

export class Engine {
  private readonly detector: Detector; // of single images
  private readonly follower: Detector; // of frames: YuNet sees a face many times
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    yunet: YuNet,
    private readonly classifier: Classifier,
    private readonly options: EngineOptions,
  ) {
    const { minFacePx, fullSize } = options;
    const sizes = { minFacePx, fullSize };
    this.detector = new Detector(yunet, { ...sizes, minScore: MIN_SCORE, secondLooks: true });
    this.follower = new Detector(yunet, { ...sizes, minScore: MIN_LOW_SCORE, secondLooks: false });
  }

  /**
   * @throws ModelError a file cannot be opened, or the runtime cannot be started.
   * @throws OptionError an option is out of its range.
   */
  static async open(files: ModelFiles, options: EngineOptions, runtime: RuntimeOptions): Promise<Engine> {
    checkNumber("threshold", options.threshold, 1);
    files.reader.catch(() => undefined); // it is told below, if the other file does not fail before
    const yunet = await YuNet.open(await files.faces);
    const classifier = await Classifier.open(await files.reader, options.modelName, options.head, runtime);
    return new Engine(yunet, classifier, options);
  }

  /** What the model says of itself. */
  get spec(): ModelSpec {
    return this.classifier.spec;
  }

  /** Every face of an image, the surest first. */
  read(image: Pixels): Promise<Reading[]> {
    return this.inTurn(async () => {
      const faces = await this.detector.detect(image);
      const { rows, qualities } = await this.seen(image, faces);
      return faces.map((face, i) => readingOf(face, qualities[i], rows[i], this.options.threshold));
    });
  }

  /** What the reading of one face rests on; see `BaseRecognizer.explain`. */
  explain(image: Pixels, face: number, emotion?: Emotion): Promise<Explanation> {
    return this.inTurn(async () => {
      const faces = await this.detector.detect(image);
      if (!faces.length) throw new ImageError("expected a face to explain; found none");
      if (face >= faces.length) {
        const count = faces.length === 1 ? "is 1 face" : `are ${faces.length} faces`;
        throw new OptionError(`face: expected one that was found; there ${count} in the image`);
      }
      const crop = cropFaces(image, [faces[face]], this.spec.crop_margin);
      const explained = await explainCrop(crop, (crops) => this.classifier.read(crops), emotion);
      return { ...explained, box: faces[face].box };
    });
  }

  /** Follows the faces of one stream; several may go on at once. */
  follow(settings: SmoothingSettings): Stream {
    const tracker = new Tracker();
    const smoothers = new Map<number, Smoother>();

    const smoothed = (
      face: TrackedFace,
      quality: FaceQuality,
      raw: Float32Array,
      timeS: number,
    ): TrackedReading => {
      const smoother = smoothers.get(face.track) ?? new Smoother(settings);
      smoothers.set(face.track, smoother);
      const { probabilities, label } = smoother.add(raw, timeS);
      return {
        track: face.track,
        ...readingOf(face, quality, probabilities, this.options.threshold, label),
        raw_emotion: EMOTIONS[highest(raw)],
        raw_probabilities: byEmotion(raw),
        detected: face.detected,
      };
    };

    const read = (image: Pixels, timeS: number): Promise<TrackedReading[]> =>
      this.inTurn(async () => {
        const faces = tracker.follow(image, await this.follower.detect(image), timeS);
        const { rows, qualities } = await this.seen(image, faces);
        const readings = faces.map((face, i) => smoothed(face, qualities[i], rows[i], timeS));
        const { known } = tracker;
        for (const track of smoothers.keys()) if (!known.has(track)) smoothers.delete(track);
        return readings;
      });
    return { read };
  }

  /** Probabilities and quality of each face. */
  private async seen(image: Pixels, faces: readonly Face[]) {
    const crops = cropFaces(image, faces, this.spec.crop_margin);
    const pixels = SIZE_PX * SIZE_PX;
    const qualities = faces.map((face, i) =>
      qualityOf(face, crops.subarray(i * pixels, (i + 1) * pixels), image.width, image.height),
    );
    return { rows: await this.classifier.read(crops), qualities };
  }

  close(): Promise<void> {
    return this.inTurn(() => this.classifier.close());
  }

  /** One after the other: a network takes one call at a time. */
  private inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.last.then(task);
    this.last = done.catch(() => undefined);
    return done;
  }
}
