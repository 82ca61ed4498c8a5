/** The package in a page: the networks run in a worker, so that the page never waits for them. */

import { decodeImage } from "./decoding.js";
import { CLOSED, checkNumber, errorNamed, firstLine, ImageError, ModelError, OptionError } from "./errors.js";
import type { Emotion } from "./labels.js";
import { type Answer, type Opening, type Request, type Sent, VERSION } from "./protocol.js";
import type { Explanation, FrameReadings, Reading, TrackedReading } from "./readings.js";
import {
  type Backend,
  type BackendStream,
  BaseRecognizer,
  COMMON,
  type CommonOptions,
  checkModel,
  checkNames,
  type StreamOptions,
} from "./recognizer.js";
import type { SmoothingSettings } from "./smoothing.js";
import { isBytes, isPixels, nameOf, type PixelSource } from "./sources.js";
import type { ModelSpec } from "./spec.js";
import { framesOf } from "./video.js";

export { decodeImage } from "./decoding.js";
export * from "./public.js";

/** An image of the page; frames of WebCodecs are taken, too. */
export type PageSource = ImageBitmap | CanvasImageSource | Blob;

export type Source = PixelSource | PageSource;

export interface RecognizerOptions extends CommonOptions {
  /**
   * Folder of `worker.js`, `yunet.onnx`, `mien.onnx` and, for other models, the runtime, which
   * `npx mien-assets FOLDER` fills; by default that of this module.
   */
  readonly assets?: string | URL;
  /** Another reader than the one in the package: the address of a file made by `mien export`, or its bytes. */
  readonly model?: string | URL | Uint8Array;
  /** Address of `ort-wasm-simd-threaded.wasm`, if that lies elsewhere. */
  readonly wasm?: string | URL;
  /** Milliseconds until loading is given up; by default 60,000. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 60_000;
const LONGEST_MS = 2 ** 31 - 1; // a timer of more ends at once
const OPTIONS = { ...COMMON, assets: true, model: true, wasm: true, timeoutMs: true } as const;

/** See `BaseRecognizer`; a source is anything in a page that shows an image, or pixels. */
export class Recognizer extends BaseRecognizer<Source> {
  /**
   * Start the worker and open the networks.
   *
   * @throws ModelError a file is missing, broken, or of another kind, or the time was over.
   * @throws OptionError an option is out of its range, or there is no such option.
   */
  static async load(options: RecognizerOptions = {}): Promise<Recognizer> {
    checkNames(options, OPTIONS);
    checkModel(options.model);
    return new Recognizer(await PageWorker.start(options));
  }

  /**
   * Follow the faces of a video that plays, or of a camera: the newest frame is read, and those that
   * come in the meantime are dropped. It ends with the video, with `options.signal`, or when the
   * loop is left.
   *
   *     for await (const { faces } of recognizer.stream(video)) draw(faces);
   *
   * @throws OptionError an option is out of its range, there is no such option, or this is no video.
   */
  stream(video: HTMLVideoElement, options: StreamOptions = {}): AsyncGenerator<FrameReadings, void, void> {
    return this.streamFrames(framesOf(video, options.signal), options);
  }
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

class PageWorker implements Backend<Source> {
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;
  private found: ModelSpec | null = null;
  private broken: Error | null = null;

  private constructor(
    private readonly worker: Worker,
    address: string,
  ) {
    worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      const one = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ("error" in data) one?.reject(errorNamed(data.error.name, data.error.message));
      else one?.resolve(data.value);
    });
    worker.addEventListener("error", (event) => {
      const expected = "the worker that mien-assets puts into the folder of option assets";
      this.fail(
        new ModelError(`${address}: expected ${expected}; ${event.message || "it cannot be loaded"}`),
      );
    });
  }

  static async start(options: RecognizerOptions): Promise<PageWorker> {
    const { assets = ownFolder(), timeoutMs = TIMEOUT_MS, model, wasm } = options;
    checkNumber("timeoutMs", timeoutMs, LONGEST_MS);
    const folder = folderAt(assets);
    const at = (name: string): string => new URL(name, folder).href;
    const script = at("worker.js");
    const worker = new PageWorker(newWorker(script), script);
    const { threshold = 0, minFacePx = 0, fullSize = false, head } = options;
    const reader = isBytes(model) ? model : model === undefined ? at("mien.onnx") : addressOf(model);
    const opening: Opening = {
      do: "open",
      version: VERSION,
      faces: at("yunet.onnx"),
      reader,
      wasm: wasm === undefined ? at("ort-wasm-simd-threaded.wasm") : addressOf(wasm),
      timeoutMs,
      options: { threshold, minFacePx, fullSize, head, modelName: isBytes(reader) ? "the model" : reader },
    };
    const over = setTimeout(
      () => worker.fail(new ModelError(`expected the models within ${timeoutMs} ms; they have not come`)),
      timeoutMs,
    );
    try {
      worker.found = (await worker.ask(opening)) as ModelSpec;
      return worker;
    } catch (error) {
      await worker.close();
      throw error;
    } finally {
      clearTimeout(over);
    }
  }

  get spec(): ModelSpec {
    if (!this.found) throw new ModelError("expected a recognizer that is loaded");
    return this.found;
  }

  async read(source: Source): Promise<Reading[]> {
    const image = await sendable(source);
    return (await this.ask({ do: "read", image }, image)) as Reading[];
  }

  async explain(source: Source, face: number, emotion?: Emotion): Promise<Explanation> {
    const image = await sendable(source);
    return (await this.ask({ do: "explain", image, face, emotion }, image)) as Explanation;
  }

  async follow(settings: SmoothingSettings): Promise<BackendStream<Source>> {
    const stream = this.count;
    await this.ask({ do: "follow", stream, settings });
    return {
      read: async (source, timeS) => {
        const image = await sendable(source);
        const { width, height } = image;
        const faces = await this.ask({ do: "frame", stream, image, timeS }, image);
        return { width, height, faces: faces as TrackedReading[] };
      },
      end: async () => {
        if (!this.broken) await this.ask({ do: "end", stream });
      },
    };
  }

  async close(): Promise<void> {
    this.fail(new ModelError(CLOSED));
    this.worker.terminate();
  }

  private ask(request: Request, image?: Sent): Promise<unknown> {
    if (this.broken) return Promise.reject(this.broken);
    const id = this.count++;
    const moved = image && !isPixels(image) ? [image] : [];
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ ...request, id }, moved);
    });
  }

  private fail(error: Error): void {
    this.broken ??= error;
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}

function newWorker(address: string): Worker {
  try {
    return new Worker(address, { type: "module", name: "mien" });
  } catch (error) {
    throw new ModelError(`${address}: expected a worker of the page's own origin; ${firstLine(error)}`);
  }
}

/** That of this module, where no bundler has moved it. */
function ownFolder(): string {
  try {
    // Of a plain "." Parcel asks for a file, and Vite warns; without any, webpack writes where the package lay.
    return new URL(".".concat("/"), import.meta.url).href;
  } catch {
    throw new OptionError("assets: expected the folder that mien-assets filled; got none");
  }
}

function folderAt(assets: string | URL): string {
  const address = addressOf(assets);
  return address.endsWith("/") ? address : `${address}/`;
}

function addressOf(address: string | URL): string {
  try {
    return new URL(address, globalThis.document?.baseURI ?? location.href).href; // a worker has no document
  } catch {
    throw new OptionError(`expected an address; got '${address}'`);
  }
}

/** An image as a worker takes it. */
async function sendable(source: Source): Promise<Sent> {
  if (isPixels(source)) {
    const { data, width, height } = source;
    return { data, width, height }; // an ImageData of a wide color space would be changed
  }
  if (typeof source !== "object" || source === null) throw notAPicture(source);
  try {
    if (source instanceof Blob) return await decodeImage(source);
    const image = await createImageBitmap(source as ImageBitmapSource, { colorSpaceConversion: "none" });
    return asShown(image, source);
  } catch (error) {
    if (error instanceof TypeError) throw notAPicture(source);
    throw new ImageError(`expected an image that the browser can show; ${firstLine(error)}`);
  }
}

/** Chromium (156) squeezes a frame of WebCodecs that is turned by a quarter into the shape that it had before. */
function asShown(image: ImageBitmap, source: CanvasImageSource): ImageBitmap {
  if (!("displayWidth" in source)) return image;
  const { displayWidth: width, displayHeight: height } = source;
  if (image.width === width && image.height === height) return image;
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.drawImage(source, 0, 0);
  image.close();
  return canvas.transferToImageBitmap();
}

function notAPicture(source: unknown): ImageError {
  return new ImageError(
    "expected an ImageBitmap, ImageData, canvas, image, video, Blob or { data, width, height }, whose " +
      "data is a Uint8Array or Uint8ClampedArray; " +
      `got ${nameOf(source)}`,
  );
}
