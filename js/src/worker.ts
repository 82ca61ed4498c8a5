/** The worker of a page: holds the networks, and reads what the page sends. */

import { Engine, type Stream } from "./engine.js";
import { firstLine, ImageError, MienError, ModelError } from "./errors.js";
import type { Pixels } from "./pixels.js";
import { type Answer, type Opening, type Request, type Sent, VERSION } from "./protocol.js";
import { checkSize, isPixels, toPixels } from "./sources.js";

let engine: Engine | null = null;
const streams = new Map<number, Stream>();
let canvas: OffscreenCanvas | null = null;

self.addEventListener("message", ({ data }: MessageEvent<Request & { id: number }>) => {
  const reply = (answer: Answer): void => self.postMessage(answer);
  answerTo(data).then(
    (value) => reply({ id: data.id, value }),
    (error: unknown) => {
      const { name, message } =
        error instanceof MienError ? error : new MienError(`the worker failed: ${firstLine(error)}`);
      reply({ id: data.id, error: { name, message } });
    },
  );
});

async function answerTo(request: Request): Promise<unknown> {
  if (request.do === "open") {
    if (request.version !== VERSION) {
      const expected = `expected a worker of version ${request.version}, as mien in the page is`;
      console.warn(`${self.location.href}: ${expected}; it is ${VERSION}. Run mien-assets again`);
    }
    engine = await open(request);
    return engine.spec;
  }
  if (!engine) throw new ModelError("expected a recognizer that is loaded");
  switch (request.do) {
    case "read":
      return engine.read(pixelsOf(request.image));
    case "explain":
      return engine.explain(pixelsOf(request.image), request.face, request.emotion);
    case "follow":
      streams.set(request.stream, engine.follow(request.settings));
      return null;
    case "frame":
      return streams.get(request.stream)?.read(pixelsOf(request.image), request.timeS);
    case "end":
      streams.delete(request.stream);
      return null;
  }
}

function open({ faces, reader, wasm, timeoutMs, options }: Opening): Promise<Engine> {
  return Engine.open({ faces: bytesOf(faces), reader: bytesOf(reader) }, options, { wasm, timeoutMs });
}

async function bytesOf(file: string | Uint8Array): Promise<Uint8Array> {
  if (typeof file !== "string") return file;
  let answer: Response;
  try {
    answer = await fetch(file);
  } catch (error) {
    throw new ModelError(`${file}: expected a file; ${firstLine(error)}`);
  }
  if (!answer.ok) throw new ModelError(`${file}: expected a file; got status ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

function pixelsOf(image: Sent): Pixels {
  if (isPixels(image)) return toPixels(image);
  const { width, height } = image;
  checkSize(width, height);
  if (canvas?.width !== width || canvas.height !== height) canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new ImageError(`expected an image that fits a canvas; got ${width} x ${height} pixels`);
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0);
  image.close();
  return { data: context.getImageData(0, 0, width, height).data, width, height, channels: 4 };
}
