/** The reader of emotions on the kernels of this package: networks of `mien export` in 8 bits. */

import { SIZE_PX } from "./crops.js";
import { Kernels } from "./kernels.js";
import { graphOf, type Operation } from "./onnx.js";
import { type Levels, Pattern, Unlike } from "./pattern.js";
import { Tail } from "./tail.js";

const { fround } = Math;
const PIXELS = SIZE_PX * SIZE_PX;
const IN_EIGHTS = 8; // channels, as the kernels take them

/** An image within the network: 8 bits, channels last, a border of one pixel. */
interface Plane {
  /** Of the value in the graph. */
  readonly name: string;
  readonly levels: Levels;
  readonly at: number;
  readonly size: number;
  readonly channels: number;
}

export class Reader {
  private constructor(
    /** The names of its outputs. */
    readonly outputs: readonly string[],
    private readonly kernels: Kernels,
    private readonly plan: Plan,
    private readonly tail: Tail,
    private readonly means: number,
  ) {}

  /**
   * @param content the bytes of an ONNX file.
   * @returns null where the network is another.
   */
  static async of(content: Uint8Array): Promise<Reader | null> {
    const kernels = await Kernels.start();
    try {
      const graph = graphOf(content);
      const pattern = new Pattern(graph);
      const plan = new Plan(kernels, pattern);
      const { name, at, channels } = plan.whole(graph.inputs[0]);
      return new Reader(graph.outputs, kernels, plan, new Tail(graph, pattern, name, channels), at);
    } catch (error) {
      if (error instanceof Unlike) return null;
      throw error;
    }
  }

  /** Crops of 48 x 48 bytes -> the values of the output of that name, of one after the other. */
  read(crops: Uint8Array, output: string): Float32Array {
    const values: number[] = [];
    for (let start = 0; start < crops.length; start += PIXELS) {
      this.kernels.bytes(this.plan.crop, PIXELS).set(crops.subarray(start, start + PIXELS));
      for (const step of this.plan.steps) step();
      values.push(...this.tail.of(this.kernels.floats(this.means, this.tail.channels), output));
    }
    return Float32Array.from(values);
  }
}

/** What is done to a crop until each channel has its mean, and the memory for it. */
class Plan {
  readonly steps: (() => void)[] = [];
  readonly crop: number;
  private left = 0; // room for what is multiplied, and for sums
  private sums = 0;

  constructor(
    private readonly kernels: Kernels,
    private readonly pattern: Pattern,
  ) {
    this.crop = kernels.room(PIXELS);
  }

  /** The graph from its input on: the name of the means, and where they are. */
  whole(input: string): { name: string; at: number; channels: number } {
    let plane = this.stem(input);
    const most = 4 * plane.size * plane.size * plane.channels; // later planes are not larger
    this.left = this.kernels.room(2 * most);
    this.sums = this.kernels.room(4 * most);
    for (;;) {
      if (this.pattern.usersOf(plane.name).length === 1) {
        plane = this.convolution(plane, "Relu");
        continue;
      }
      const { name, join } = this.block(plane);
      if (this.pattern.has(name, "ReduceMean")) return join.means(this.pattern.after(name, "ReduceMean"));
      plane = join.plane(this.pattern.rounded(name));
    }
  }

  private plane(name: string, levels: Levels, size: number, channels: number): Plane {
    const count = (size + 2) ** 2 * channels;
    const at = this.kernels.room(count);
    this.kernels.bytes(at, count).fill(levels.zero);
    return { name, levels, at, size, channels };
  }

  private stem(input: string): Plane {
    const { pattern, kernels, crop } = this;
    const cast = pattern.after(input, "Cast");
    const shifted = pattern.user(pattern.after(cast, "Reshape"), "Sub");
    const scaled = pattern.user(shifted.outputs[0], "Div");
    const conv = pattern.user(scaled.outputs[0], "Conv");
    const { shape } = pattern.constant(conv.inputs[1]);
    if (shape.join() !== `${shape[0]},1,3,3` || shape[0] % IN_EIGHTS || stepOf(conv, 3) !== 1) {
      throw new Unlike("expected a first convolution of 3 x 3");
    }
    const [mean] = pattern.floats(shifted.inputs[1]);
    const [deviation] = pattern.floats(scaled.inputs[1]);
    const weights = kernels.keep(turned(pattern.floats(conv.inputs[1]), shape[0]));
    const bias = kernels.keep(pattern.floats(conv.inputs[2]));
    const { name, levels } = pattern.rounded(pattern.after(conv.outputs[0], "Relu"));
    const out = this.plane(name, levels, SIZE_PX, shape[0]);
    const normal = kernels.room(4 * (SIZE_PX + 2) ** 2);
    const { scale, zero } = levels;
    const run = kernels.get("stem");
    this.steps.push(() =>
      run(crop, SIZE_PX, mean, deviation, weights, bias, shape[0], scale, zero, out.at, normal),
    );
    return out;
  }

  private convolution(image: Plane, then: "Relu" | "nothing"): Plane {
    const { kernels, pattern, left, sums } = this;
    const conv = pattern.user(image.name, "Conv");
    const { shape, data, scales } = pattern.whole(conv.inputs[1]);
    const { data: bias } = pattern.whole(conv.inputs[2]);
    const [columns, channels, side] = shape;
    const step = stepOf(conv, side);
    const size = image.size / step;
    const fits = data instanceof Int8Array && bias instanceof Int32Array && channels === image.channels;
    if (!fits || columns % IN_EIGHTS || channels % IN_EIGHTS || !Number.isInteger(size)) {
      throw new Unlike("expected a convolution of 8 bits, whose channels come in eights");
    }
    const given = pattern.rounded(conv.outputs[0]);
    const kept = then === "Relu" ? pattern.rounded(pattern.after(given.name, "Relu")) : given;
    const out = this.plane(kept.name, kept.levels, size, columns);
    const factors = scales.map((scale) => fround(fround(image.levels.scale * scale) / given.levels.scale));
    const rounding = this.record([
      [kernels.keep(bias), "i"],
      [
        kernels.keep(Float32Array.from({ length: columns }, (_, i) => factors[factors.length > 1 ? i : 0])),
        "i",
      ],
      [given.levels.zero, "f"],
      [then === "Relu" ? 1 : 0, "i"],
      [given.levels.scale, "f"],
      [kept.levels.scale, "f"],
      [kept.levels.zero, "f"],
    ]);
    const { at, levels } = image;
    if (side === 3 && step === 1 && size % 2 === 0) {
      const weights = kernels.room(2 * 16 * channels * columns);
      kernels.during(() => kernels.get("pack_winograd")(kernels.keep(data), weights, columns, channels));
      const run = kernels.get("conv_winograd");
      this.steps.push(() =>
        run(at, levels.zero, size, channels, weights, columns, rounding, out.at, left, sums),
      );
    } else {
      const taps = side * side;
      const weights = kernels.room(2 * data.length);
      kernels.during(() => kernels.get("pack")(kernels.keep(data), weights, columns, channels, taps));
      const run = kernels.get("conv");
      this.steps.push(() =>
        run(
          at,
          levels.zero,
          image.size,
          channels,
          weights,
          taps,
          columns,
          rounding,
          out.at,
          size,
          left,
          sums,
        ),
      );
    }
    return out;
  }

  /** Two convolutions, whose channels are weighed, and what bypasses them. */
  private block(image: Plane): { name: string; join: Join } {
    const { kernels, pattern } = this;
    const second = this.convolution(this.convolution(image, "Relu"), "nothing");
    const bypass = pattern.has(image.name, "AveragePool") ? this.shortcut(image) : image;
    const shares = this.shares(second);
    const weighed = pattern.user(second.name, "Mul");
    const sum = pattern.user(weighed.outputs[0], "Add");
    const same = bypass.size === second.size && bypass.channels === second.channels;
    if (!weighed.inputs.includes(shares.name) || !sum.inputs.includes(bypass.name) || !same) {
      throw new Unlike("expected a block of a residual network");
    }
    const ends = this.record([
      [second.at, "i"],
      [bypass.at, "i"],
      [second.levels.scale, "f"],
      [second.levels.zero, "f"],
      [bypass.levels.scale, "f"],
      [bypass.levels.zero, "f"],
    ]);
    const { size, channels } = second;
    const join: Join = {
      plane: ({ name, levels }) => {
        const out = this.plane(name, levels, size, channels);
        const run = kernels.get("join");
        this.steps.push(() => run(ends, shares.at, size, channels, levels.scale, levels.zero, out.at));
        return out;
      },
      means: (name) => {
        const at = kernels.room(4 * channels);
        const run = kernels.get("join_means");
        this.steps.push(() => run(ends, shares.at, size, channels, at));
        return { name, at, channels };
      },
    };
    return { name: pattern.after(sum.outputs[0], "Relu"), join };
  }

  private shortcut(image: Plane): Plane {
    const { at, size, channels, levels } = image;
    const pool = this.pattern.user(image.name, "AveragePool");
    if (pool.numbers.get("kernel_shape")?.join() !== "2,2" || pool.numbers.get("strides")?.join() !== "2,2") {
      throw new Unlike("expected means of 2 x 2 pixels");
    }
    const { name, levels: to } = this.pattern.rounded(pool.outputs[0]);
    const pooled = this.plane(name, to, size / 2, channels);
    const run = this.kernels.get("pool");
    this.steps.push(() => run(at, levels.scale, levels.zero, size, channels, to.scale, to.zero, pooled.at));
    return this.convolution(pooled, "nothing");
  }

  /** Squeeze and excitation: what each channel counts, from the means of all. */
  private shares(image: Plane): { name: string; at: number } {
    const { kernels, pattern } = this;
    const { channels, size, levels } = image;
    const means = kernels.room(4 * channels);
    const squeeze = this.dense(
      pattern.user(pattern.after(image.name, "ReduceMean"), "Conv"),
      channels,
      means,
    );
    const excite = this.dense(
      pattern.user(pattern.after(squeeze.name, "Relu"), "Conv"),
      squeeze.columns,
      squeeze.at,
    );
    if (excite.columns !== channels) throw new Unlike("expected a share for each channel");
    const run = kernels.get("means");
    this.steps.push(
      () => run(image.at, levels.scale, levels.zero, size, channels, means),
      () => squeeze.run(true),
      () => excite.run(false),
      () => {
        const values = kernels.floats(excite.at, channels);
        for (let i = 0; i < channels; i++) values[i] = 1 / (1 + Math.exp(-values[i]));
      },
    );
    return { name: pattern.after(excite.name, "Sigmoid"), at: excite.at };
  }

  private dense({ inputs, outputs }: Operation, depth: number, from: number) {
    const { kernels, pattern } = this;
    const [weights, bias] = [inputs[1], inputs[2]].map((name) => pattern.floats(name));
    const columns = bias.length;
    if (weights.length !== columns * depth) throw new Unlike("expected a weight for each pair of channels");
    const [matrix, added] = [kernels.keep(turned(weights, columns)), kernels.keep(bias)];
    const at = kernels.room(4 * columns);
    const dense = kernels.get("dense");
    const run = (relu: boolean): void => dense(from, depth, matrix, added, columns, relu ? 1 : 0, at);
    return { name: outputs[0], at, columns, run };
  }

  /** The address of a struct of whole numbers and fractions of 32 bits. */
  private record(fields: readonly (readonly [number, "i" | "f"])[]): number {
    const view = new DataView(new ArrayBuffer(4 * fields.length));
    fields.forEach(([value, kind], i) => {
      if (kind === "i") view.setInt32(4 * i, value, true);
      else view.setFloat32(4 * i, value, true);
    });
    return this.kernels.keep(new Uint8Array(view.buffer));
  }
}

/** How a block ends: with another plane, or with the means of its channels. */
interface Join {
  plane(rounded: { name: string; levels: Levels }): Plane;
  means(name: string): { name: string; at: number; channels: number };
}

/** Pixels from one place of a square convolution to the next. */
function stepOf({ numbers }: Operation, side: number): number {
  const of = (name: string, by: string): string => numbers.get(name)?.join() ?? by;
  const [across, down] = numbers.get("strides") ?? [1, 1];
  const pad = side === 3 ? 1 : 0;
  const plain = of("group", "1") === "1" && of("dilations", "1,1") === "1,1";
  if (!plain || across !== down || of("kernel_shape", "") !== `${side},${side}`)
    throw new Unlike("expected squares");
  if (
    ![1, 3].includes(side) ||
    ![1, 2].includes(across) ||
    of("pads", "0,0,0,0") !== Array(4).fill(pad).join()
  ) {
    throw new Unlike("expected a convolution of 3 x 3 or 1 x 1");
  }
  return across;
}

/** Rows made columns. */
function turned(values: Float32Array, rows: number): Float32Array {
  const columns = values.length / rows;
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
}
