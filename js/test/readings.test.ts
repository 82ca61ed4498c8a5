import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { runInNewContext } from "node:vm";
import { cropFaces } from "../src/crops.js";
import { type Box, iou } from "../src/faces.js";
import { EMOTIONS } from "../src/labels.js";
import type { FaceQuality } from "../src/quality.js";
import type { Reading, TrackedReading } from "../src/readings.js";
import { bytes, type ExpectedImage, expected, meanDifference, mostDifference } from "./expected.js";
import { Recognizer } from "./package.js";

const BOX_PX = 0.5;
const CROP_LEVELS = 2; // on average
const PROBABILITY = 0.02;
const HEAT = 0.02; // on average
const QUALITY = 0.5; // degrees, pixels, gray levels
const SHARE = 0.01; // of blur, and of what lies inside

const { images, video, explanations } = expected();
let recognizer: Recognizer;
before(async () => {
  recognizer = await Recognizer.load();
});
after(() => recognizer.close());

function assertSame(got: readonly Reading[], wanted: readonly Reading[], name: string): void {
  assert.equal(got.length, wanted.length, `${name}: faces`);
  got.forEach((reading, i) => {
    const right = wanted[i];
    const face = `${name}, face ${i}`;
    assert.ok(mostDifference(reading.box, right.box) <= BOX_PX, `${face}: ${reading.box}`);
    assert.ok(mostDifference(reading.landmarks.flat(), right.landmarks.flat()) <= BOX_PX, face);
    assert.ok(Math.abs(reading.score - right.score) <= PROBABILITY, face);
    const [mine, theirs] = [reading, right].map(({ probabilities }) => EMOTIONS.map((e) => probabilities[e]));
    assert.ok(mostDifference(mine, theirs) <= PROBABILITY, `${face}: ${mine}, not ${theirs}`);
    assert.equal(reading.emotion, right.emotion, face);
    assert.deepEqual(Object.keys(reading), Object.keys(right), face);
    assertSameQuality(reading.quality, right.quality, face);
  });
}

function assertSameQuality(got: FaceQuality, wanted: FaceQuality, face: string): void {
  assert.deepEqual(Object.keys(got), Object.keys(wanted), face);
  const [ours, right] = [got, wanted].map((of) => [of.unusable, of.pose_method, of.usable]);
  assert.deepEqual(ours, right, face);
  const [mine, theirs] = [got, wanted].map((of) => [
    of.yaw,
    of.pitch,
    of.roll,
    of.size_px,
    of.light,
    of.contrast,
  ]);
  assert.ok(mostDifference(mine, theirs) <= QUALITY, `${face}: ${mine}, not ${theirs}`);
  const [blur, inside] = [got.blur - wanted.blur, got.inside - wanted.inside].map(Math.abs);
  assert.ok(Math.max(blur, inside) <= SHARE, `${face}: ${blur} ${inside}`);
}

function pixelsOf({ pixels, width, height }: Pick<ExpectedImage, "pixels" | "width" | "height">) {
  return { data: bytes(pixels), width, height };
}

for (const image of images) {
  test(`${image.name} is read as in Python`, async () => {
    const { options } = image;
    const own = Object.keys(options).length ? await Recognizer.load(options) : recognizer;
    assertSame(await own.read(pixelsOf(image)), image.readings, image.name);
    if (own !== recognizer) await own.close();
  });

  test(`${image.name}: the crops are those of Python`, async () => {
    const crops = cropFaces({ ...pixelsOf(image), channels: 3 }, image.readings, 0);
    const right = bytes(image.crops);
    assert.equal(crops.length, right.length);
    for (let i = 0; i < crops.length; i += 48 * 48) {
      const [mine, theirs] = [crops, right].map((all) => all.subarray(i, i + 48 * 48));
      assert.ok(meanDifference(mine, theirs) <= CROP_LEVELS, `face ${i / 48 / 48}`);
    }
  });
}

for (const right of explanations) {
  test(`face ${right.face} of an image rests on what it rests on in Python`, async () => {
    const got = await recognizer.explain(pixelsOf(right), { face: right.face });
    assert.equal(got.emotion, right.emotion);
    assert.ok(Math.abs(got.probability - right.probability) <= PROBABILITY);
    assert.ok(mostDifference(got.box, right.box) <= BOX_PX);
    assert.ok(meanDifference(got.crop, bytes(right.crop)) <= CROP_LEVELS);
    assert.ok(meanDifference(got.heat.flat(), right.heat.flat()) <= HEAT);
    assert.deepEqual(
      got.parts.map(({ name, emotion }) => [name, emotion]),
      right.parts.map(({ name, emotion }) => [name, emotion]),
    );
    got.parts.forEach(({ name, probability }, i) => {
      assert.ok(Math.abs(probability - right.parts[i].probability) <= PROBABILITY, name);
    });
  });
}

test("images are there that ask for each way to look", () => {
  const faces = images.flatMap(({ readings }) => readings);
  assert.ok(faces.length >= 25);
  assert.ok(images.some(({ readings }) => readings.length === 0));
});

test("a video is followed and smoothed as in Python", async () => {
  const frames = video.map((frame) => ({ source: pixelsOf(frame), timeS: 5 + frame.time_s }));
  let number = 0;
  for await (const shown of recognizer.stream(frames)) {
    const { time_s, faces, width, height } = video[number];
    const tracks = (all: readonly TrackedReading[]) => all.map(({ track }) => track);
    assert.deepEqual(tracks(shown.faces), tracks(faces), `frame ${number}`);
    assertSame(shown.faces, faces, `frame ${number}`);
    assert.deepEqual(
      shown.faces.map((face) => face.raw_emotion),
      faces.map((face) => face.raw_emotion),
    );
    assert.ok(Math.abs(shown.time_s - time_s) < 1e-9);
    assert.deepEqual([shown.frame, shown.width, shown.height], [number, width, height]);
    number++;
  }
  assert.equal(number, video.length);
  assert.ok(video.some(({ faces }) => faces.length === 2));
});

test("transparent pixels are white", async () => {
  const [{ pixels, width, height, readings }] = images;
  const rgb = bytes(pixels);
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < width * height; i++) rgba.set([...rgb.subarray(3 * i, 3 * i + 3), 255], 4 * i);
  assertSame(await recognizer.read({ data: rgba, width, height }), readings, "opaque");
  for (let i = 3; i < rgba.length; i += 4) rgba[i] = 0;
  assert.deepEqual(await recognizer.read({ data: rgba, width, height }), []);
});

test("reads that are asked for at once do not disturb each other", async () => {
  const some = images.filter(({ options }) => !Object.keys(options).length).slice(0, 3);
  const all = await Promise.all(some.map((image) => recognizer.read(pixelsOf(image))));
  all.forEach((readings, i) => {
    assertSame(readings, some[i].readings, some[i].name);
  });
});

test("pixels are those of the moment of the call, whatever becomes of them", async () => {
  const [image, other] = images;
  const pixels = pixelsOf(image);
  const before = recognizer.read(pixelsOf(other));
  const data = new Uint8Array(pixels.data);
  const read = recognizer.read({ ...pixels, data });
  data.fill(0);
  assertSame(await read, image.readings, image.name);
  await before;
});

test("arrays of bytes of any realm are read alike", async () => {
  const { data, ...size } = pixelsOf(images[0]);
  const Other: typeof Uint8Array = runInNewContext("Uint8Array");
  for (const same of [Buffer.from(data), new Uint8ClampedArray(data), new Other(data)])
    assertSame(await recognizer.read({ data: same, ...size }), images[0].readings, images[0].name);
});

test("a threshold makes readings unsure", async () => {
  const strict = await Recognizer.load({ threshold: 1, head: "label" });
  const [reading] = await strict.read(pixelsOf(images[0]));
  assert.equal(reading.unsure, true);
  assert.equal(strict.spec.name, recognizer.spec.name);
  await strict.close();
});

test("intersection over union", () => {
  const box: Box = [0, 0, 10, 10];
  assert.equal(iou(box, box), 1);
  assert.equal(iou(box, [10, 0, 20, 10]), 0);
  assert.equal(iou(box, [0, 5, 10, 15]), 1 / 3);
  assert.equal(iou([0, 0, 0, 0], [0, 0, 0, 0]), 0);
});
