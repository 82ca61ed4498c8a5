/** YuNet, the network that finds faces (Wu, Peng and Yu 2023, doi:10.1007/s11633-023-1423-y). */

import type { Box, Point } from "./faces.js";
import { type Pixels, padded } from "./pixels.js";
import { bytesTensor, Network, numberTensor } from "./runtime.js";

/** Pictures are padded at the right and below to multiples of it, with black. */
export const CELL_PX = 32;

const STRIDES = [8, 16, 32];
const SAME_FACE_IOU = Math.fround(0.3);
const VALUES = 15; // of a find: box, landmarks, score

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

export class YuNet {
  private constructor(private readonly network: Network) {}

  static async open(content: Uint8Array, name = "yunet.onnx"): Promise<YuNet> {
    return new YuNet(await Network.open(content, name, false));
  }

  /** The faces of an image as it is, best first, down to a score of `least`. */
  async find(image: Pixels, least: number): Promise<Row[]> {
    const { data, width, height } = padded(image, CELL_PX);
    const { found, cell } = await this.network.run({
      image: bytesTensor(new Uint8Array(data.buffer, data.byteOffset, data.length), [height, width, 3]),
      least: numberTensor(least),
    });
    const rows = decoded(found.data as Float32Array, cell.data as BigInt64Array, width, height);
    return apart(rows);
  }

  close(): Promise<void> {
    return this.network.close();
  }
}

/** Rows of what the network says of cells: of 8 pixels first, then of 16, then of 32. */
function decoded(found: Float32Array, cells: BigInt64Array, width: number, height: number): Row[] {
  const count = cells.length;
  if (found.length !== VALUES * count) throw new RangeError("yunet: expected 15 values for each cell");
  return Array.from(cells, (value, i) => {
    const of = (k: number): number => found[k * count + i];
    let cell = Number(value);
    let level = 0;
    for (let size = cellsOf(width, height, 0); cell >= size; size = cellsOf(width, height, level)) {
      cell -= size;
      level++;
    }
    const stride = STRIDES[level];
    const across = Math.floor(width / stride);
    const [left, top] = [cell % across, Math.floor(cell / across)];
    const [w, h] = [Math.exp(of(2)) * stride, Math.exp(of(3)) * stride];
    return {
      x: (left + of(0)) * stride - w / 2,
      y: (top + of(1)) * stride - h / 2,
      width: w,
      height: h,
      points: [4, 6, 8, 10, 12].map((k): Point => [(left + of(k)) * stride, (top + of(k + 1)) * stride]),
      score: of(14),
    };
  });
}

function cellsOf(width: number, height: number, level: number): number {
  return Math.floor(width / STRIDES[level]) * Math.floor(height / STRIDES[level]);
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
