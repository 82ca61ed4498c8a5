/** YuNet, the network that finds faces (Wu, Peng and Yu 2023, doi:10.1007/s11633-023-1423-y). */

import { firstLine, ModelError } from "./errors.js";
import type { Box, Point } from "./faces.js";
import { Kernels } from "./kernels.js";
import { type Constant, type Graph, graphOf } from "./onnx.js";
import { type Pixels, padded } from "./pixels.js";

/** Pictures are padded at the right and below to multiples of it, with black. */
export const CELL_PX = 32;

const STRIDES = [8, 16, 32];
const SAME_FACE_IOU = Math.fround(0.3);
const OF_A_CELL = 16; // that it is a face, that it is anything, box, landmarks
const UNITS = 17;

/** What the network says of one place, in pixels of the image that it was given. */
export interface Row {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Right eye, left eye, tip of the nose, right and left corner of the mouth. */
  readonly points: readonly Point[];
  /** 0 to 1. */
  readonly score: number;
}

/** Addresses of weights, and how many channels they make of how many. */
interface Weights {
  readonly weights: number;
  readonly bias: number;
  readonly channels: number;
  readonly columns: number;
}

/** An image in the kernels' memory: floating point, channels last. */
interface Plane {
  readonly at: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

export class YuNet {
  private constructor(
    private readonly kernels: Kernels,
    private readonly first: Weights,
    private readonly units: readonly { wide: Weights; deep: Weights }[],
  ) {}

  /** @throws ModelError it is another network. */
  static async open(content: Uint8Array, name = "yunet.onnx"): Promise<YuNet> {
    const kernels = await Kernels.start();
    try {
      const [first, ...rest] = convolutions(graphOf(content), kernels);
      const units = rest.flatMap((wide, i) => (i % 2 ? [] : [{ wide, deep: rest[i + 1] }]));
      if (units.length !== UNITS) throw new Error(`it has ${units.length} units, not ${UNITS}`);
      return new YuNet(kernels, first, units);
    } catch (error) {
      throw new ModelError(`${name}: expected YuNet; ${firstLine(error)}`);
    }
  }

  /** The faces of an image as it is, best first, down to a score of `least`. */
  find(image: Pixels, least: number): Row[] {
    const rows: Row[] = [];
    this.kernels.during(() => {
      this.cells(padded(image, CELL_PX)).forEach((cells, level) => {
        rows.push(...this.decoded(cells, STRIDES[level], least));
      });
    });
    return apart(rows);
  }

  /** What the network says of cells of 8, 16 and 32 pixels. */
  private cells({ data, width, height }: Pixels): Plane[] {
    const { kernels } = this;
    const units = this.units.values();
    const next = (image: Plane, relu = true): Plane => {
      const { wide, deep } = units.next().value as (typeof this.units)[number];
      const out = this.plane(image.height, image.width, wide.columns);
      kernels.during(() => {
        const room = kernels.room(4 * 4 * (image.width + 2) * wide.columns);
        const of = [image.at, image.height, image.width, wide.channels];
        const by = [wide.weights, wide.bias, deep.weights, deep.bias, wide.columns];
        kernels.get("unit")(...of, ...by, relu ? 1 : 0, out.at, room);
      });
      return out;
    };
    const halved = (image: Plane): Plane => {
      const out = this.plane(image.height / 2, image.width / 2, image.channels);
      kernels.get("greatest")(image.at, image.height, image.width, image.channels, out.at);
      return out;
    };
    const joined = (image: Plane, small: Plane): Plane => {
      kernels.get("add_doubled")(image.at, small.at, image.height, image.width, image.channels);
      return image;
    };
    const half = this.plane(height / 2, width / 2, this.first.columns);
    kernels.during(() => {
      const pixels = kernels.keep(new Uint8Array(data.buffer, data.byteOffset, data.length));
      const room = kernels.room(4 * 3 * 3 * (width + 1));
      const { weights, bias, columns } = this.first;
      kernels.get("first")(pixels, height, width, weights, bias, columns, half.at, room);
    });
    const quarter = next(next(next(next(halved(next(half))))));
    const small = next(next(halved(quarter)));
    const smaller = next(next(halved(small)));
    const smallest = next(next(next(halved(smaller))));
    const middle = next(joined(smaller, smallest));
    const large = next(joined(small, middle));
    return [large, middle, smallest].map((image) => next(image, false));
  }

  private plane(height: number, width: number, channels: number): Plane {
    return { at: this.kernels.room(4 * height * width * channels), height, width, channels };
  }

  private decoded({ at, height, width }: Plane, stride: number, least: number): Row[] {
    const all = this.kernels.floats(at, height * width * OF_A_CELL);
    const lowest = least > 0 ? Math.log(least ** 2 / (1 - least ** 2)) - 1e-3 : -Infinity;
    const rows: Row[] = [];
    for (let cell = 0; cell < height * width; cell++) {
      const from = cell * OF_A_CELL;
      if (all[from] < lowest || all[from + 1] < lowest) continue; // the score is their geometric mean
      const score = Math.fround(Math.sqrt(sigmoid(all[from]) * sigmoid(all[from + 1])));
      if (!(score >= Math.fround(least))) continue;
      const of = (k: number): number => all[from + 2 + k];
      const [left, top] = [cell % width, Math.floor(cell / width)];
      const [w, h] = [Math.exp(of(2)) * stride, Math.exp(of(3)) * stride];
      rows.push({
        x: (left + of(0)) * stride - w / 2,
        y: (top + of(1)) * stride - h / 2,
        width: w,
        height: h,
        points: [4, 6, 8, 10, 12].map((k): Point => [(left + of(k)) * stride, (top + of(k + 1)) * stride]),
        score,
      });
    }
    return rows;
  }
}

/** The weights of all convolutions, in the order of the graph. */
function convolutions(graph: Graph, kernels: Kernels): Weights[] {
  const constant = (name: string): Constant => {
    const found = graph.constants.get(name);
    if (!found) throw new Error(`${name} is not constant`);
    return found;
  };
  return graph.operations
    .filter(({ kind }) => kind === "Conv")
    .map(({ inputs }) => {
      const { shape, data } = constant(inputs[1]);
      const columns = shape[0];
      const depth = data.length / columns;
      const turned = Float32Array.from(data, (_, i) => data[(i % columns) * depth + Math.floor(i / columns)]);
      const bias = Float32Array.from(constant(inputs[2]).data);
      return { weights: kernels.keep(turned), bias: kernels.keep(bias), channels: shape[1], columns };
    });
}

function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}
/** Of boxes that lie on one another the best, as OpenCV has it: by whole pixels. */
function apart(rows: readonly Row[]): Row[] {
  const kept: { row: Row; box: Box }[] = [];
  for (const row of rows.filter((one) => one.score > 0).sort((a, b) => b.score - a.score)) {
    const [x, y, w, h] = [row.x, row.y, row.width, row.height].map(Math.trunc);
    const box: Box = [x, y, x + w, y + h];
    if (kept.every((other) => Math.fround(overlap(box, other.box)) <= SAME_FACE_IOU)) kept.push({ row, box });
  }
  return kept.map(({ row }) => row);
}

/** Intersection over union; 1 of two boxes without extent. */
function overlap(a: Box, b: Box): number {
  const areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]);
  if (areas <= 0) return 1;
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  return (width * height) / (areas - width * height);
}
