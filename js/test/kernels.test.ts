import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import * as ort from "onnxruntime-web/wasm";
import { Kernels } from "../src/kernels.js";
import { graphOf, metadataOf } from "../src/onnx.js";
import { padded } from "../src/pixels.js";
import { Reader } from "../src/reader.js";
import { CELL_PX, YuNet } from "../src/yunet.js";
import { bytes, expected } from "./expected.js";
import { Recognizer } from "./package.js";

const MODEL = new Uint8Array(readFileSync(new URL("../../dist/mien.onnx", import.meta.url)));
const FACES = new Uint8Array(readFileSync(new URL("../../dist/yunet.onnx", import.meta.url)));
const PAPER = new URL("../../../src/mien/assets/models/paper.onnx", import.meta.url);
const PIXELS = 48 * 48;
const PROBABILITY = 0.02;
const BOX_PX = 0.01;

const { fround } = Math;

/** Whole numbers from `low` to `high`, the same in each run. */
function drawn(count: number, low: number, high: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + Math.floor((state / 2 ** 32) * (high - low + 1));
  });
}

function halfToEven(value: number): number {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 ? low + 1 : low;
}

before(() => {
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
});

function opened(content: Uint8Array): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(content, { executionProviders: ["wasm"], logSeverityLevel: 4 });
}

const SHAPES = [
  { size: 6, side: 3, step: 1, channels: 16, columns: 24, relu: true },
  { size: 10, side: 3, step: 1, channels: 224, columns: 8, relu: false },
  { size: 12, side: 3, step: 2, channels: 8, columns: 16, relu: true },
  { size: 5, side: 3, step: 1, channels: 8, columns: 8, relu: true },
  { size: 4, side: 1, step: 1, channels: 24, columns: 16, relu: false },
];

for (const shape of SHAPES) {
  const { size, side, step, channels, columns, relu } = shape;
  test(`a convolution is exact: ${JSON.stringify(shape)}`, async () => {
    const kernels = await Kernels.start();
    const made = size / step;
    const taps = side * side;
    const zero = 9;
    const image = new Uint8Array((size + 2) ** 2 * channels).fill(zero);
    const pixels = drawn(size * size * channels, 0, 255, 1);
    const at = (y: number, x: number): number => ((y + 1) * (size + 2) + x + 1) * channels;
    for (let i = 0; i < size * size; i++) {
      image.set(pixels.slice(i * channels, (i + 1) * channels), at(Math.floor(i / size), i % size));
    }
    const weights = Int8Array.from(drawn(columns * channels * taps, -127, 127, 2));
    const bias = Int32Array.from(drawn(columns, -9000, 9000, 3));
    const scales = Float32Array.from(drawn(columns, 1, 99, 4), (one) => one / 40 / channels / taps / 99);
    const [first, then] = [
      { scale: fround(0.03), zero: 117 },
      { scale: fround(0.021), zero: 3 },
    ];
    const record = new DataView(new ArrayBuffer(28));
    record.setInt32(0, kernels.keep(bias), true);
    record.setInt32(4, kernels.keep(scales), true);
    record.setFloat32(8, first.zero, true);
    record.setInt32(12, relu ? 1 : 0, true);
    record.setFloat32(16, first.scale, true);
    record.setFloat32(20, then.scale, true);
    record.setFloat32(24, then.zero, true);
    const rounding = kernels.keep(new Uint8Array(record.buffer));
    const from = kernels.keep(image);
    const raw = kernels.keep(weights);
    const packed = kernels.room(2 * 16 * channels * columns);
    const out = kernels.room((made + 2) ** 2 * columns);
    const [left, sums] = [
      kernels.room(2 * 16 * made * made * channels),
      kernels.room(16 * made * made * columns),
    ];
    if (side === 3 && step === 1 && size % 2 === 0) {
      kernels.get("pack_winograd")(raw, packed, columns, channels);
      kernels.get("conv_winograd")(from, zero, size, channels, packed, columns, rounding, out, left, sums);
    } else {
      kernels.get("pack")(raw, packed, columns, channels, taps);
      kernels.get("conv")(from, zero, size, channels, packed, taps, columns, rounding, out, made, left, sums);
    }
    const found = kernels.bytes(out, (made + 2) ** 2 * columns);
    const reach = (side - 1) / 2;
    for (let pixel = 0; pixel < made * made; pixel++) {
      const [y, x] = [Math.floor(pixel / made), pixel % made];
      for (let column = 0; column < columns; column++) {
        let sum = bias[column];
        for (let tap = 0; tap < taps; tap++) {
          const corner = at(y * step + Math.floor(tap / side) - reach, x * step + (tap % side) - reach);
          for (let channel = 0; channel < channels; channel++) {
            sum += (image[corner + channel] - zero) * weights[(column * channels + channel) * taps + tap];
          }
        }
        const limited = (value: number, by: number): number => Math.min(Math.max(value, 0), 255) - by;
        let right = limited(halfToEven(fround(fround(sum) * scales[column])) + first.zero, first.zero);
        if (relu) {
          const value = fround(Math.max(fround(right * first.scale), 0) / then.scale);
          right = limited(halfToEven(value) + then.zero, then.zero) + then.zero;
        } else right += first.zero;
        assert.equal(found[((y + 1) * (made + 2) + x + 1) * columns + column], right);
      }
    }
  });
}

test("the reader gives what ONNX Runtime gives", async () => {
  const faces = expected().images.flatMap(({ crops }) => [...bytes(crops)]);
  const crops = Uint8Array.from([...faces, ...drawn(8 * PIXELS, 0, 255, 5)]);
  const count = crops.length / PIXELS;
  const reader = await Reader.of(MODEL);
  const session = await opened(MODEL);
  assert.ok(reader);
  assert.deepEqual(reader.outputs, session.outputNames);
  for (const output of reader.outputs) {
    const got = reader.read(crops, output);
    const fed = { [session.inputNames[0]]: new ort.Tensor("uint8", crops, [count, 48, 48]) };
    const right = (await session.run(fed, [output]))[output].data as Float32Array;
    assert.equal(got.length, right.length);
    const apart = got.map((value, i) => Math.abs(value - right[i]));
    assert.ok(Math.max(...apart) <= PROBABILITY, output);
    // What is not equal comes from a level that is rounded the other way, or from a logarithm near 0.
    assert.ok(apart.filter((value) => value > 1e-4).length <= apart.length * 0.03, output);
  }
  await session.release();
});

test("YuNet finds what ONNX Runtime finds", async () => {
  const yunet = await YuNet.open(FACES);
  const session = await opened(FACES);
  const noise = Uint8Array.from(drawn(3 * 75 * 101, 0, 255, 6));
  const images = expected().images.filter(({ width, height }) => width * height < 3e5);
  const all = [
    ...images.map((one) => ({ ...one, pixels: bytes(one.pixels) })),
    { pixels: noise, width: 101, height: 75 },
  ];
  for (const { pixels, width, height } of all) {
    const image = { data: new Uint8ClampedArray(pixels), width, height, channels: 3 as const };
    const whole = padded(image, CELL_PX);
    const fed = {
      image: new ort.Tensor("uint8", new Uint8Array(whole.data), [whole.height, whole.width, 3]),
      least: new ort.Tensor("float32", Float32Array.of(0.1), []),
    };
    const scores = (await session.run(fed, ["found"])).found;
    const cells = scores.dims[1];
    const best = Math.max(0, ...(scores.data as Float32Array).slice(14 * cells));
    const [face] = yunet.find(image, 0.1);
    assert.ok(
      Math.abs((face?.score ?? 0) - best) < 1e-4,
      `${width} x ${height}: ${face?.score}, not ${best}`,
    );
    if (!face) continue;
    const [at] = [...(scores.data as Float32Array).slice(14 * cells)].flatMap((one, i) =>
      one === best ? [i] : [],
    );
    const logWidth = (scores.data as Float32Array)[2 * cells + at];
    const widths = [8, 16, 32].map((stride) => Math.exp(logWidth) * stride);
    assert.ok(Math.min(...widths.map((one) => Math.abs(one - face.width))) < BOX_PX);
  }
  await session.release();
});

test("other networks are left to ONNX Runtime, and read", async () => {
  const paper = new Uint8Array(readFileSync(PAPER));
  assert.equal(await Reader.of(paper), null);
  assert.equal(await Reader.of(FACES), null);
  const recognizer = await Recognizer.load({ model: paper });
  const [{ pixels, width, height }] = expected().images;
  const [reading] = await recognizer.read({ data: bytes(pixels), width, height });
  assert.equal(recognizer.spec.name, "paper");
  assert.equal(reading.emotion, "happy");
  await recognizer.close();
  await assert.rejects(YuNet.open(MODEL, "faces.onnx"), /faces\.onnx: expected YuNet; /);
});

test("an ONNX file is read", () => {
  const { operations, constants, inputs, outputs } = graphOf(MODEL);
  assert.deepEqual(inputs, ["crops"]);
  assert.equal(outputs.length, 3);
  const strides = operations
    .filter(({ kind }) => kind === "Conv")
    .map(({ numbers }) => numbers.get("strides"));
  assert.deepEqual(strides[0], [1, 1]);
  const weights = [...constants.values()].find(
    ({ data, shape }) => data instanceof Int8Array && shape.length === 4,
  );
  assert.equal(
    weights?.data.length,
    weights?.shape.reduce((product, side) => product * side, 1),
  );
  assert.ok(weights?.data.some((value) => value < 0));
  assert.ok(metadataOf(MODEL).has("mien"));
  // A node with the attribute axis = -1, in ten bytes.
  const axis = [10, 4, 97, 120, 105, 115, 24, ...Array(9).fill(255), 1];
  const node = [34, 1, 88, 42, axis.length, ...axis];
  const [operation] = graphOf(Uint8Array.from([58, node.length + 2, 10, node.length, ...node])).operations;
  assert.deepEqual([operation.kind, operation.numbers.get("axis")], ["X", [-1]]);
  assert.throws(() => graphOf(MODEL.subarray(0, 99)), /cut off/);
});
