import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cut,
  inverted,
  type Pixels,
  padded,
  resizeArea,
  resizeLinear,
  roundEven,
  toGray,
  turned,
  warp,
} from "../src/pixels.js";
import { bytes, type ExpectedPixels, expected, meanDifference, mostDifference } from "./expected.js";

const LEVEL = 1; // of 255: sums of floating numbers may round to the other side
const LEVELS_ON_AVERAGE = 0.001;

function made(image: Pixels, wanted: ExpectedPixels): Pixels {
  switch (wanted.do) {
    case "gray":
      return toGray(image);
    case "area":
      return resizeArea(image, ...wanted.size);
    case "linear":
      return resizeLinear(image, ...wanted.size);
    case "warp":
      return warp(image, wanted.matrix, wanted.side, wanted.border);
  }
}

for (const wanted of expected().opencv) {
  const { channels, width, height } = wanted;
  test(`${wanted.made} is what OpenCV makes`, () => {
    const result = made({ data: bytes(wanted.of), width, height, channels }, wanted);
    const right = bytes(wanted.made);
    assert.equal(result.data.length, right.length);
    assert.ok(mostDifference(result.data, right) <= LEVEL);
    assert.ok(meanDifference(result.data, right) <= LEVELS_ON_AVERAGE);
  });
}

const COLORS: Pixels = {
  data: Uint8Array.from({ length: 5 * 4 * 3 }, (_, i) => i * 4),
  width: 5,
  height: 4,
  channels: 3,
};

function withAlpha({ data, width, height }: Pixels): Pixels {
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) rgba.set([...data.subarray(3 * i, 3 * i + 3), 255], 4 * i);
  return { data: rgba, width, height, channels: 4 };
}

test("a fourth channel changes nothing", () => {
  const both = [COLORS, withAlpha(COLORS)];
  const ways: ((image: Pixels) => Pixels)[] = [
    toGray,
    (image) => turned(image, 3),
    (image) => padded(image, 32),
    (image) => resizeArea(image, 3, 2),
    (image) => resizeLinear(image, 3, 3),
    (image) => warp(image, [0.9, 0.1, 0.2, -0.1, 0.9, 0.3], 4, "black"),
  ];
  for (const way of ways) {
    const [rgb, rgba] = both.map(way);
    assert.deepEqual([...rgba.data], [...rgb.data]);
    assert.equal(rgba.channels, rgb.channels);
  }
});

test("four quarters are a whole turn", () => {
  const once = turned(COLORS, 1);
  assert.deepEqual([once.width, once.height], [4, 5]);
  // The upper right corner of the image is the upper left one, counter-clockwise.
  assert.deepEqual([...once.data.subarray(0, 3)], [...COLORS.data.subarray(12, 15)]);
  const back = turned(turned(once, 1), 2);
  assert.deepEqual([...back.data], [...COLORS.data]);
});

test("a rectangle is cut out, and padding is black", () => {
  const part = cut(COLORS, 1, 2, 3, 4);
  assert.deepEqual([part.width, part.height], [2, 2]);
  assert.equal(part.data[0], COLORS.data[(2 * 5 + 1) * 3]);
  const wide = padded(COLORS, 8);
  assert.deepEqual([wide.width, wide.height], [8, 8]);
  assert.equal(wide.data[5 * 3], 0);
  assert.equal(padded({ ...COLORS, width: 4, height: 5 }, 1).data, COLORS.data);
});

test("halves are rounded to the even number, as in Python", () => {
  assert.deepEqual([0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6].map(roundEven), [0, 2, 2, 0, -2, 2, 3]);
});

test("there and back again is where it was", () => {
  const there = [1.2, 0.3, 5, -0.4, 0.9, -7] as const;
  const [a, b, c, d, e, f] = inverted(inverted(there));
  [a, b, c, d, e, f].forEach((value, i) => {
    assert.ok(Math.abs(value - there[i]) < 1e-12);
  });
});
