/** The package in node: the networks run in the process itself, and images come as pixels. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Engine } from "./engine.js";
import { CLOSED, firstLine, ImageError, ModelError } from "./errors.js";
import type { Emotion } from "./labels.js";
import type { Pixels } from "./pixels.js";
import {
  type Backend,
  type BackendStream,
  BaseRecognizer,
  COMMON,
  type CommonOptions,
  checkModel,
  checkNames,
} from "./recognizer.js";
import type { SmoothingSettings } from "./smoothing.js";
import { isBytes, isPixels, nameOf, type PixelSource, toPixels } from "./sources.js";

export * from "./public.js";

export interface RecognizerOptions extends CommonOptions {
  /** Another reader than the one in the package: the path of a file made by `mien export`, or its bytes. */
  readonly model?: string | URL | Uint8Array;
}

const TIMEOUT_MS = 30_000;
const OPTIONS = { ...COMMON, model: true } as const;

/** See `BaseRecognizer`; a source has `data`, RGB or RGBA, `width` and `height`. */
export class Recognizer extends BaseRecognizer<PixelSource> {
  /**
   * Open the networks.
   *
   * @throws ModelError a file is missing, broken, or of another kind.
   * @throws OptionError an option is out of its range, or there is no such option.
   */
  static async load(options: RecognizerOptions = {}): Promise<Recognizer> {
    checkNames(options, OPTIONS);
    checkModel(options.model);
    const own = ownFiles();
    const { model = own.reader, ...rest } = options;
    const modelName = isBytes(model) ? "the model" : nameOfFile(model);
    const files = { faces: bytesOf(own.faces), reader: bytesOf(model) };
    const { threshold = 0, minFacePx = 0, fullSize = false, head } = rest;
    const engine = await Engine.open(
      files,
      { threshold, minFacePx, fullSize, head, modelName },
      { timeoutMs: TIMEOUT_MS },
    );
    return new Recognizer(new OwnProcess(engine));
  }

  /** As `streamFrames`: in node there is no video element. */
  readonly stream = this.streamFrames;
}

class OwnProcess implements Backend<PixelSource> {
  private isClosed = false;

  constructor(private readonly engine: Engine) {}

  get spec() {
    return this.engine.spec;
  }

  async read(source: PixelSource) {
    this.checkOpen();
    return this.engine.read(checked(source));
  }

  async explain(source: PixelSource, face: number, emotion?: Emotion) {
    this.checkOpen();
    return this.engine.explain(checked(source), face, emotion);
  }

  async follow(settings: SmoothingSettings): Promise<BackendStream<PixelSource>> {
    this.checkOpen();
    const stream = this.engine.follow(settings);
    return {
      read: async (source, timeS) => {
        this.checkOpen();
        const image = checked(source);
        const faces = await stream.read(image, timeS);
        return { width: image.width, height: image.height, faces };
      },
      end: async () => undefined,
    };
  }

  async close() {
    this.isClosed = true;
    return this.engine.close();
  }

  private checkOpen(): void {
    if (this.isClosed) throw new ModelError(CLOSED);
  }
}

/** Pixels of our own: they wait for their turn, and whoever gave them may use theirs anew. */
function checked(source: PixelSource): Pixels {
  if (isPixels(source)) {
    const pixels = toPixels(source);
    return pixels.data === source.data ? { ...pixels, data: new Uint8Array(pixels.data) } : pixels;
  }
  throw new ImageError(
    "expected pixels, { data, width, height }, whose data is a Uint8Array or Uint8ClampedArray; node " +
      `has no decoder of image files, but packages such as sharp have; got ${nameOf(source)}`,
  );
}

/** @throws ModelError a bundler has put this module where it cannot tell its own place. */
function ownFiles(): { faces: URL; reader: URL } {
  try {
    const faces = new URL("./yunet.onnx", import.meta.url);
    return { faces, reader: new URL("./mien.onnx", import.meta.url) };
  } catch {
    throw new ModelError(
      "expected the package in its own folder, beside its models; leave it out of the bundle",
    );
  }
}

function nameOfFile(file: string | URL): string {
  if (!(file instanceof URL)) return file;
  return file.protocol === "file:" ? fileURLToPath(file) : file.href;
}

async function bytesOf(file: string | URL | Uint8Array): Promise<Uint8Array> {
  if (isBytes(file)) return file;
  try {
    return await readFile(file);
  } catch (error) {
    throw new ModelError(`${nameOfFile(file)}: expected a model file; ${firstLine(error)}`);
  }
}
