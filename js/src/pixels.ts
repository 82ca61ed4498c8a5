/**
 * Pictures as bytes, and what OpenCV does with them, to the same gray level.
 *
 * Readings are those of the Python package only if an image is shrunk, turned and made gray as
 * there. So these functions follow OpenCV 4: its fixed-point weights, its rounding, its borders.
 */

/** An image: rows of pixels from the top left, `channels` bytes each; RGB or RGBA, or one gray. */
export interface Pixels {
  /** `height * width * channels` bytes, 0 to 255. A fourth channel is never looked at. */
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
}

/** Where a point (x, y) goes: `[a, b, c, d, e, f]` takes it to (ax + by + c, dx + ey + f). */
export type Affine = readonly [number, number, number, number, number, number];

/** Channels of what is made of an image: color stays color, gray gray. */
function madeChannels(image: Pixels): 1 | 3 {
  return image.channels === 1 ? 1 : 3;
}

/** Round to the nearest whole number, halves to the even one, as OpenCV and Python do. */
export function roundEven(value: number): number {
  const whole = Math.floor(value);
  const rest = value - whole;
  if (rest !== 0.5) return rest < 0.5 ? whole : whole + 1;
  return whole % 2 === 0 ? whole : whole + 1;
}

/** A rectangle of an image, as bytes of its own. */
export function cut(image: Pixels, left: number, top: number, right: number, bottom: number): Pixels {
  const { channels } = image;
  const rowBytes = (right - left) * channels;
  const data = new Uint8Array((bottom - top) * rowBytes);
  for (let y = top; y < bottom; y++) {
    const start = (y * image.width + left) * channels;
    data.set(image.data.subarray(start, start + rowBytes), (y - top) * rowBytes);
  }
  return { data, width: right - left, height: bottom - top, channels };
}

/** The gray levels of a color image: ITU-R BT.601, in OpenCV's 15 bits. */
export function toGray(image: Pixels): Pixels {
  const { data, width, height, channels } = image;
  if (channels === 1) return image;
  const gray = new Uint8Array(width * height);
  for (let i = 0, from = 0; i < gray.length; i++, from += channels) {
    gray[i] = (9798 * data[from] + 19235 * data[from + 1] + 3735 * data[from + 2] + 16384) >> 15;
  }
  return { data: gray, width, height, channels: 1 };
}

/** RGB without a fourth channel, padded with black at the right and below to multiples of a cell. */
export function padded(image: Pixels, cell: number): Pixels {
  const width = Math.ceil(image.width / cell) * cell;
  const height = Math.ceil(image.height / cell) * cell;
  if (width === image.width && height === image.height && image.channels === 3) return image;
  const data = new Uint8Array(width * height * 3);
  const rowBytes = image.width * 3;
  for (let y = 0; y < image.height; y++) {
    let from = y * image.width * image.channels;
    let to = y * width * 3;
    if (image.channels === 3) {
      data.set(image.data.subarray(from, from + rowBytes), to);
      continue;
    }
    for (let x = 0; x < image.width; x++, from += image.channels, to += 3) {
      data[to] = image.data[from];
      data[to + 1] = image.data[from + 1];
      data[to + 2] = image.data[from + 2];
    }
  }
  return { data, width, height, channels: 3 };
}

/** Color images of one height, side by side. */
export function sideBySide(images: readonly Pixels[]): Pixels {
  if (images.length === 1) return images[0];
  const { height } = images[0];
  const width = images.reduce((sum, image) => sum + image.width, 0);
  const data = new Uint8Array(width * height * 3);
  let left = 0;
  for (const image of images) {
    const rowBytes = image.width * 3;
    for (let y = 0; y < height; y++) {
      data.set(image.data.subarray(y * rowBytes, (y + 1) * rowBytes), (y * width + left) * 3);
    }
    left += image.width;
  }
  return { data, width, height, channels: 3 };
}

/** An image turned by so many quarters, counter-clockwise. */
export function turned(image: Pixels, quarters: number): Pixels {
  const turns = ((quarters % 4) + 4) % 4;
  if (turns === 0) return image;
  const channels = madeChannels(image);
  const [width, height] = turns % 2 ? [image.height, image.width] : [image.width, image.height];
  const data = new Uint8Array(width * height * channels);
  const across = image.channels;
  const down = image.width * image.channels;
  const lastX = (image.width - 1) * across;
  const lastY = (image.height - 1) * down;
  // Where the first pixel is found, and how far on the next one of a row and of a column is.
  const [start, stepX, stepY] = [
    [0, across, down],
    [lastX, down, -across],
    [lastX + lastY, -across, -down],
    [lastY, -down, across],
  ][turns];
  let to = 0;
  for (let y = 0; y < height; y++) {
    let from = start + y * stepY;
    for (let x = 0; x < width; x++, from += stepX) {
      for (let c = 0; c < channels; c++) data[to++] = image.data[from + c];
    }
  }
  return { data, width, height, channels };
}

/** Half as wide and high: means of four. Of an odd number of rows or columns the last is left out. */
export function halved(image: Pixels): Pixels {
  const { data: from, channels: step } = image;
  const channels = madeChannels(image);
  const width = image.width >> 1;
  const height = image.height >> 1;
  const data = new Uint8Array(width * height * channels);
  const below = image.width * step;
  let to = 0;
  for (let y = 0; y < height; y++) {
    let a = 2 * y * below;
    for (let x = 0; x < width; x++, a += 2 * step, to += channels) {
      const b = a + step;
      const c = a + below;
      const d = c + step;
      data[to] = (from[a] + from[b] + from[c] + from[d] + 2) >> 2;
      if (channels === 1) continue;
      data[to + 1] = (from[a + 1] + from[b + 1] + from[c + 1] + from[d + 1] + 2) >> 2;
      data[to + 2] = (from[a + 2] + from[b + 2] + from[c + 2] + from[d + 2] + 2) >> 2;
    }
  }
  return { data, width, height, channels };
}

/** Which pixels of one side a shorter side's are means of, and with what weights. */
interface AreaTable {
  /** (length + 1): where the entries of each pixel begin. */
  readonly starts: Int32Array;
  readonly from: Int32Array;
  readonly weights: Float32Array;
}

function areaTable(length: number, shorter: number): AreaTable {
  const scale = length / shorter;
  const starts = new Int32Array(shorter + 1);
  const from: number[] = [];
  const weights: number[] = [];
  for (let i = 0; i < shorter; i++) {
    starts[i] = from.length;
    const begin = i * scale;
    const end = begin + scale;
    const size = Math.min(scale, length - begin);
    const last = Math.min(Math.floor(end), length - 1);
    const first = Math.min(Math.ceil(begin), last);
    if (first - begin > 1e-3) {
      from.push(first - 1);
      weights.push((first - begin) / size);
    }
    for (let k = first; k < last; k++) {
      from.push(k);
      weights.push(1 / size);
    }
    if (end - last > 1e-3) {
      from.push(last);
      weights.push(Math.min(end - last, 1, size) / size);
    }
  }
  starts[shorter] = from.length;
  return { starts, from: Int32Array.from(from), weights: Float32Array.from(weights) };
}

/** A smaller image whose pixels are means of areas: cv2.resize with INTER_AREA. */
export function resizeArea(image: Pixels, width: number, height: number): Pixels {
  const { channels: step } = image;
  if (width === image.width && height === image.height) return image;
  if (image.width === 2 * width && image.height === 2 * height) return halved(image);
  if (width > image.width || height > image.height) return resizeLinear(image, width, height);
  const channels = madeChannels(image);
  const data = new Uint8ClampedArray(width * height * channels); // which rounds halves to even
  const wholeX = image.width / width;
  const wholeY = image.height / height;
  if (Number.isInteger(wholeX) && Number.isInteger(wholeY)) {
    meansOfBlocks(image, data, width, channels, wholeX, wholeY);
    return { data, width, height, channels };
  }
  const across = areaTable(image.width, width);
  const down = areaTable(image.height, height);
  const sums = new Float32Array(width * channels);
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (let k = down.starts[y]; k < down.starts[y + 1]; k++) {
      const row = down.from[k] * image.width * step;
      const weight = down.weights[k];
      for (let x = 0, to = 0; x < width; x++) {
        for (let c = 0; c < channels; c++, to++) {
          let sum = 0;
          for (let j = across.starts[x]; j < across.starts[x + 1]; j++) {
            sum += image.data[row + across.from[j] * step + c] * across.weights[j];
          }
          sums[to] += weight * sum;
        }
      }
    }
    data.set(sums, y * width * channels);
  }
  return { data, width, height, channels };
}

/** Means of blocks of whole pixels, as INTER_AREA takes them where both scales are whole. */
function meansOfBlocks(
  image: Pixels,
  data: Uint8ClampedArray,
  width: number,
  channels: number,
  across: number,
  down: number,
): void {
  const { data: from, channels: step } = image;
  const share = Math.fround(1 / (across * down));
  for (let to = 0, pixel = 0; to < data.length; pixel++) {
    const x = pixel % width;
    const y = (pixel - x) / width;
    const first = (y * down * image.width + x * across) * step;
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let j = 0; j < down; j++) {
        let at = first + j * image.width * step + c;
        for (let i = 0; i < across; i++, at += step) sum += from[at];
      }
      data[to++] = Math.fround(sum * share);
    }
  }
}

/** For each pixel of a side: the two of the other side between which it lies, and 2,048 shares. */
interface LinearTable {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly firstShare: Int32Array;
  readonly secondShare: Int32Array;
}

/** Places are in steps of `step`: channels of a row, or rows. */
function linearTable(length: number, made: number, step: number): LinearTable {
  const [first, second, firstShare, secondShare] = [0, 0, 0, 0].map(() => new Int32Array(made));
  const scale = length / made;
  for (let i = 0; i < made; i++) {
    const place = Math.fround((i + 0.5) * scale - 0.5);
    let before = Math.floor(place);
    let rest = Math.fround(place - before);
    if (before < 0) [before, rest] = [0, 0];
    if (before >= length - 1) [before, rest] = [length - 1, 0];
    first[i] = before * step;
    second[i] = Math.min(before + 1, length - 1) * step;
    firstShare[i] = roundEven(Math.fround(1 - rest) * 2048);
    secondShare[i] = roundEven(rest * 2048);
  }
  return { first, second, firstShare, secondShare };
}

/** A row of an image, stretched: sums of 2,048 shares. */
function stretch(image: Pixels, y: number, across: LinearTable, row: Int32Array): void {
  const { data, width, channels: step } = image;
  const { first, second, firstShare, secondShare } = across;
  const start = y * width * step;
  const isColor = step !== 1;
  for (let x = 0, to = 0; x < first.length; x++) {
    const left = start + first[x];
    const right = start + second[x];
    const a = firstShare[x];
    const b = secondShare[x];
    row[to++] = data[left] * a + data[right] * b;
    if (!isColor) continue;
    row[to++] = data[left + 1] * a + data[right + 1] * b;
    row[to++] = data[left + 2] * a + data[right + 2] * b;
  }
}

/** An image of another size, between four pixels each: cv2.resize with INTER_LINEAR. */
export function resizeLinear(image: Pixels, width: number, height: number): Pixels {
  if (width === image.width && height === image.height) return image;
  if (image.width === 2 * width && image.height === 2 * height) return halved(image);
  const channels = madeChannels(image);
  const across = linearTable(image.width, width, image.channels);
  const down = linearTable(image.height, height, 1);
  const data = new Uint8Array(width * height * channels);
  // Two rows that were stretched, and which of the image they are.
  let [above, below] = [new Int32Array(width * channels), new Int32Array(width * channels)];
  let [aboveY, belowY] = [-1, -1];
  for (let y = 0, to = 0; y < height; y++) {
    const [first, second, a, b] = [down.first[y], down.second[y], down.firstShare[y], down.secondShare[y]];
    if (first === belowY) {
      [above, below] = [below, above];
      [aboveY, belowY] = [belowY, aboveY];
    }
    if (first !== aboveY) stretch(image, first, across, above);
    if (second !== belowY) stretch(image, second, across, below);
    [aboveY, belowY] = [first, second];
    for (let i = 0; i < above.length; i++) {
      data[to++] = (((a * (above[i] >> 4)) >> 16) + ((b * (below[i] >> 4)) >> 16) + 2) >> 2;
    }
  }
  return { data, width, height, channels };
}

/**
 * A square of so many pixels, each looked up in an image between four: cv2.warpAffine.
 *
 * @param image gray or color.
 * @param toSource from a pixel of the square to its place in the image.
 * @param side of the square.
 * @param border what lies beyond the image: black, or its outermost pixels.
 */
export function warp(image: Pixels, toSource: Affine, side: number, border: "black" | "repeat"): Pixels {
  const { data: from, width, height, channels: step } = image;
  const channels = madeChannels(image);
  const data = new Uint8Array(side * side * channels);
  const [a, b, c, d, e, f] = toSource;
  const repeat = border === "repeat";
  const below = width * step;
  const [acrossX, acrossY] = [a, d].map((slope) =>
    Int32Array.from({ length: side }, (_, x) => roundEven(slope * x * FRACTIONS)),
  );
  for (let y = 0, to = 0; y < side; y++) {
    const rowX = roundEven((b * y + c) * FRACTIONS) + HALF_STEP;
    const rowY = roundEven((e * y + f) * FRACTIONS) + HALF_STEP;
    for (let x = 0; x < side; x++, to += channels) {
      const placeX = (rowX + acrossX[x]) >> 5; // in steps of 1/32 pixel
      const placeY = (rowY + acrossY[x]) >> 5;
      const left = placeX >> 5;
      const top = placeY >> 5;
      const u = placeX & 31;
      const v = placeY & 31;
      const w0 = (32 - u) * (32 - v);
      const w1 = u * (32 - v);
      const w2 = (32 - u) * v;
      const w3 = u * v;
      if (left >= 0 && top >= 0 && left + 1 < width && top + 1 < height) {
        for (let k = 0, at = top * below + left * step; k < channels; k++, at++) {
          const sum =
            from[at] * w0 + from[at + step] * w1 + from[at + below] * w2 + from[at + below + step] * w3;
          data[to + k] = (sum + 512) >> 10;
        }
        continue;
      }
      const at = (px: number, py: number, k: number): number => {
        const inX = Math.min(Math.max(px, 0), width - 1);
        const inY = Math.min(Math.max(py, 0), height - 1);
        return repeat || (inX === px && inY === py) ? from[inY * below + inX * step + k] : 0;
      };
      for (let k = 0; k < channels; k++) {
        const upper = at(left, top, k) * w0 + at(left + 1, top, k) * w1;
        const lower = at(left, top + 1, k) * w2 + at(left + 1, top + 1, k) * w3;
        data[to + k] = (upper + lower + 512) >> 10;
      }
    }
  }
  return { data, width: side, height: side, channels };
}

const FRACTIONS = 1024; // of a pixel, in which places are added up
const HALF_STEP = 16; // of 1/32 pixel, in them

/** Back from where an affine map leads to. */
export function inverted([a, b, c, d, e, f]: Affine): Affine {
  const determinant = a * e - b * d;
  const [ia, ib, id, ie] = [e / determinant, -b / determinant, -d / determinant, a / determinant];
  return [ia, ib, -(ia * c + ib * f), id, ie, -(id * c + ie * f)];
}
