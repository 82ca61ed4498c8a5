import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Detector } from "../src/faces.js";
import { highest } from "../src/readings.js";
import { SMOOTHING, Smoother } from "../src/smoothing.js";
import type { PixelSource } from "../src/sources.js";
import { nameOf } from "../src/sources.js";
import { specOf } from "../src/spec.js";
import type { YuNet } from "../src/yunet.js";
import { errors, Recognizer } from "./package.js";

const MODEL = new URL("../../dist/mien.onnx", import.meta.url);

let recognizer: Recognizer;
before(async () => {
  recognizer = await Recognizer.load();
});
after(() => recognizer.close());

function refusal(kind: keyof typeof errors, message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof errors[kind], String(error));
    assert.ok(error instanceof errors.MienError);
    assert.equal(error.name, kind);
    assert.match(error.message, message);
    return true;
  };
}

test("options out of their range are told", async () => {
  const wrong = [
    [{ threshold: 1.5 }, /threshold: expected 0 to 1; got 1.5/],
    [{ threshold: Number.NaN }, /threshold: expected 0 to 1; got NaN/],
    [{ threshold: "0.5" as unknown as number }, /threshold: expected 0 to 1; got '0.5'/],
    [{ minFacePx: -1 }, /minFacePx: expected 0 or more; got -1/],
    [{ fullSize: "no" as unknown as boolean }, /fullSize: expected true or false; got 'no'/],
    [{ head: "votes" as "label" }, /head: expected people or label, which .*mien\.onnx has; got votes/],
  ] as const;
  for (const [options, message] of wrong) {
    await assert.rejects(Recognizer.load(options), refusal("OptionError", message));
  }
  assert.throws(
    () => new Detector({} as YuNet, { minScore: 2, minFacePx: 0, fullSize: false, secondLooks: true }),
    /minScore: expected 0 to 1; got 2/,
  );
});

test("options that there are none of are told, with those there are", async () => {
  const known = /^expected options among threshold, minFacePx, fullSize, head, model; got 'treshold'$/;
  await assert.rejects(Recognizer.load({ treshold: 0.5 } as object), refusal("OptionError", known));
  const gray = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64 };
  const explained = recognizer.explain(gray, { faces: 1 } as object);
  await assert.rejects(explained, refusal("OptionError", /among face, emotion; got 'faces'/));
  const stream = recognizer.stream([{ source: gray, timeS: 0 }], { halfLife: 1 } as object);
  await assert.rejects(
    stream.next(),
    refusal("OptionError", /among halfLifeS, margin, signal; got 'halfLife'/),
  );
});

test("models that are none are told", async () => {
  const wrong = [
    ["/no/model.onnx", /^\/no\/model\.onnx: expected a model file; ENOENT/],
    [
      new TextEncoder().encode("<html>"),
      /the model: expected a model made by `mien export`; it is no ONNX file/,
    ],
    [readFileSync(MODEL).subarray(0, 9000), /the model: expected a model .* cut off/],
    [new URL("../../dist/yunet.onnx", import.meta.url), /yunet\.onnx: .* have no entry 'mien'/],
  ] as const;
  for (const [model, message] of wrong) {
    await assert.rejects(Recognizer.load({ model }), refusal("ModelError", message));
  }
});

test("what is no model or no options is told", async () => {
  const load = (options: unknown) => Recognizer.load(options as object);
  const bytes = new ArrayBuffer(8);
  for (const [model, name] of [
    [bytes, "ArrayBuffer"],
    [3, "number"],
    [null, "null"],
  ] as const) {
    const message = new RegExp(`^model: expected a file's name, or its bytes .*; got ${name}$`);
    await assert.rejects(load({ model }), refusal("OptionError", message));
  }
  const elsewhere = new URL("https://example.org/a.onnx");
  await assert.rejects(
    load({ model: elsewhere }),
    refusal("ModelError", /^https:\/\/example.org\/a.onnx: expected a model file; .* scheme file/),
  );
  for (const [options, name] of [
    [null, "null"],
    ["a.onnx", "string"],
  ]) {
    const message = new RegExp(`^expected options as an object; got ${name}$`);
    await assert.rejects(load(options), refusal("OptionError", message));
  }
});

test("nothing is read by a recognizer that was closed", async () => {
  const source = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64 };
  const own = await Recognizer.load();
  const begun = own.read(source);
  const stream = own.stream([0, 1].map((timeS) => ({ source, timeS })));
  await stream.next();
  await own.close();
  assert.deepEqual(await begun, []);
  const closed = refusal("ModelError", /^expected an open recognizer; it was closed$/);
  await assert.rejects(own.read(source), closed);
  await assert.rejects(own.explain(source), closed);
  await assert.rejects(stream.next(), closed);
  await assert.rejects(own.stream([{ source, timeS: 0 }]).next(), closed);
  await own.close();
  assert.equal(own.spec.name, "mien");
});

test("a model says what it is", () => {
  const spec = specOf(readFileSync(MODEL), "mien.onnx");
  assert.equal(spec.name, "mien");
  assert.equal(spec.crop_margin, 0);
  assert.ok(spec.parameters > 1e6);
  assert.deepEqual(recognizer.spec, spec);
});

test("what is no image is told", async () => {
  const wrong = [
    [null, /expected pixels, .* sharp have; got null/],
    ["photo.jpg", /got string/],
    [new Blob(), /got Blob/],
    [
      { data: new Uint8Array(10), width: 10, height: 10 },
      /3 or 4 bytes for each of 10 x 10 pixels; got 10 bytes/,
    ],
    ...[new Uint16Array(768), new Int8Array(768), new Float32Array(768), new Array(768)].map(
      (data) =>
        [
          { data, width: 16, height: 16 },
          new RegExp(`a Uint8Array or Uint8ClampedArray; .* got { data: ${data.constructor.name} }$`),
        ] as const,
    ),
    [{ data: new Uint8Array(0), width: 0, height: 0 }, /expected whole numbers above 0; got 0 and 0/],
    [{ data: new Uint8Array(3000), width: 62.5, height: 16 }, /^width and height: .* got 62.5 and 16$/],
    [{ data: new Uint8Array(768), width: "16", height: 16n }, /got '16' and 16$/],
    [{ data: new Uint8Array(768) }, /got undefined and undefined$/],
    [{ data: new Uint8Array(7 * 9 * 3), width: 7, height: 9 }, /at least 8 x 8 pixels; got 7 x 9/],
  ] as const;
  for (const [source, message] of wrong) {
    await assert.rejects(recognizer.read(source as PixelSource), refusal("ImageError", message));
  }
  assert.equal(nameOf(undefined), "undefined");
  assert.equal(nameOf(Object.create(null)), "an object");
});

test("a face that cannot be explained is told", async () => {
  const recognizer = await Recognizer.load();
  const gray = { data: new Uint8Array(3 * 64 * 64).fill(128), width: 64, height: 64 };
  const wrong = [
    [{}, "ImageError", /expected a face to explain; found none/],
    [{ face: -1 }, "OptionError", /face: expected 0 or more; got -1/],
    [{ face: 0.5 }, "OptionError", /face: expected 0 or more; got 0.5/],
    [{ emotion: "bored" as "sad" }, "OptionError", /an emotion among angry, .*; got bored/],
  ] as const;
  for (const [options, kind, message] of wrong) {
    await assert.rejects(recognizer.explain(gray, options), refusal(kind, message));
  }
  await recognizer.close();
});

test("a stream tells what is wrong, and ends where it is told to", async () => {
  const source = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64 };
  const collect = async (times: number[], options = {}) => {
    const shown = [];
    for await (const one of recognizer.stream(
      times.map((timeS) => ({ source, timeS })),
      options,
    ))
      shown.push(one);
    return shown;
  };
  await assert.rejects(collect([1, 0]), refusal("OptionError", /timeS: expected 1 or later; got 0/));
  await assert.rejects(
    collect([0], { halfLifeS: -1 }),
    refusal("OptionError", /halfLifeS: expected 0 or more/),
  );
  await assert.rejects(collect([0], { margin: 2 }), refusal("OptionError", /margin: expected 0 to 1; got 2/));
  // An input's text: joined to a probability it would be no number, and the first label would stay for ever.
  await assert.rejects(
    collect([0], { margin: "0.1" }),
    refusal("OptionError", /margin: expected 0 to 1; got '0.1'/),
  );
  assert.equal((await collect([0, 1, 1])).length, 3);
  assert.equal((await collect([0, 1], { signal: AbortSignal.abort() })).length, 0);
  const skipping = recognizer.stream([
    { source, timeS: 3 },
    { source, timeS: 4, skipped: 2 },
  ]);
  const shown = [];
  for await (const { frame, dropped, time_s } of skipping) shown.push([frame, dropped, time_s]);
  assert.deepEqual(shown, [
    [0, 0, 0],
    [3, 2, 1],
  ]);
});

test("frames that are none are told", async () => {
  const source = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64 };
  const wrong = [
    [undefined, /^frames: expected an iterable of { source, timeS }; got undefined$/],
    [source, /^frames: expected an iterable of .*; got { data: Uint8Array }$/],
    [[null], /^frames: expected { source, timeS } of each; got null$/],
    [[{ source }], /^timeS: expected seconds, a number; got undefined$/],
    [[{ source, timeS: "1" }], /^timeS: expected seconds, a number; got 1$/],
    [[{ source, timeS: Number.POSITIVE_INFINITY }], /^timeS: .*; got Infinity$/],
    [[{ source, timeS: 0, skipped: -1 }], /^skipped: expected a whole number of 0 or more; got -1$/],
    [[{ source, timeS: 0, skipped: 0.5 }], /^skipped: .*; got 0.5$/],
  ] as const;
  for (const [frames, message] of wrong) {
    const stream = recognizer.stream(frames as never);
    await assert.rejects(stream.next(), refusal("OptionError", message));
  }
});

test("a stream ends at its signal while it waits for a frame, and its frames with it", async () => {
  const source = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64 };
  const controller = new AbortController();
  let ended = 0;
  const endless = {
    [Symbol.asyncIterator]: () => ({
      asked: 0,
      async next() {
        if (this.asked++) await new Promise(() => undefined);
        return { done: false as const, value: { source, timeS: 0 } };
      },
      async return() {
        ended++;
        return { done: true as const, value: undefined };
      },
    }),
  };
  setTimeout(() => controller.abort(), 50);
  let shown = 0;
  for await (const _ of recognizer.stream(endless, { signal: controller.signal })) shown++;
  assert.deepEqual([shown, ended], [1, 1]);
  for await (const _ of recognizer.stream(endless, { signal: new AbortController().signal })) break;
  assert.equal(ended, 2);
  const broken = (async function* () {
    yield { source, timeS: 0 };
    throw new RangeError("no more");
  })();
  const stream = recognizer.stream(broken, { signal: new AbortController().signal });
  await stream.next();
  await assert.rejects(stream.next(), /^RangeError: no more$/);
});

test("a label holds until another is clearly more", () => {
  const [happy, sad] = [3, 4];
  const of = (label: number, probability: number) =>
    Array.from({ length: 7 }, (_, i) => (i === label ? probability : (1 - probability) / 6));
  const smoother = new Smoother();
  assert.equal(smoother.add(of(happy, 0.9), 0).label, happy);
  assert.equal(smoother.add(of(sad, 0.9), 0.02).label, happy);
  assert.equal(smoother.add(of(sad, 0.9), 2).label, sad);
  assert.throws(() => smoother.add(of(sad, 0.9), 1), /timeS: expected 2 or later; got 1/);
  const raw = new Smoother({ ...SMOOTHING, halfLifeS: 0 });
  raw.add(of(happy, 1), 0);
  assert.equal(highest(raw.add(of(sad, 1), 1).probabilities), sad);
});
