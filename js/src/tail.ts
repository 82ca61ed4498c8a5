/** The last part of a reader: means of channels -> probabilities, a few numbers that need no kernels. */

import type { Graph, Operation } from "./onnx.js";
import { type Levels, type Pattern, Unlike } from "./pattern.js";

const { fround } = Math;

/** One operation on what is known so far. */
type Step = (known: Map<string, Float32Array>) => void;

export class Tail {
  private readonly steps: Step[] = [];

  /**
   * @param means the name of what it begins with, one number for each channel.
   * @throws Unlike it has operations that are not known here.
   */
  constructor(
    graph: Graph,
    private readonly pattern: Pattern,
    private readonly means: string,
    readonly channels: number,
  ) {
    const { name, levels } = pattern.rounded(means);
    const known = new Set<string>();
    for (const conv of pattern.usersOf(name)) known.add(this.head(conv, levels));
    for (const operation of graph.operations) {
      if (!operation.inputs.some((input) => known.has(input))) continue;
      this.steps.push(this.operation(operation, known));
      known.add(operation.outputs[0]);
    }
    if (!graph.outputs.every((output) => known.has(output)))
      throw new Unlike("expected all outputs at the end");
  }

  /** The values of one output. */
  of(means: Float32Array, output: string): Float32Array {
    const known = new Map([[this.means, means]]);
    for (const step of this.steps) step(known);
    return known.get(output) as Float32Array;
  }

  /** A convolution of one pixel in 8 bits; gives the name of what it makes. */
  private head(conv: Operation, from: Levels): string {
    if (conv.kind !== "Conv") throw new Unlike(`expected a head; got ${conv.kind}`);
    const { data: weights, scales } = this.pattern.whole(conv.inputs[1]);
    const { data: bias } = this.pattern.whole(conv.inputs[2]);
    const { name, levels } = this.pattern.rounded(conv.outputs[0]);
    const { channels } = this;
    if (weights.length !== bias.length * channels) throw new Unlike("expected a weight for each channel");
    this.steps.push((known) => {
      const means = (known.get(this.means) as Float32Array).map((value) =>
        rounded(value / from.scale, from.zero),
      );
      const values = Float32Array.from(bias, (start, row) => {
        let sum = start;
        for (let i = 0; i < channels; i++) sum += (means[i] - from.zero) * weights[row * channels + i];
        const factor = fround(fround(from.scale * scales[scales.length > 1 ? row : 0]) / levels.scale);
        return (rounded(fround(fround(sum) * factor), levels.zero) - levels.zero) * levels.scale;
      });
      known.set(name, values);
    });
    return name;
  }

  private operation({ kind, inputs, outputs }: Operation, known: ReadonlySet<string>): Step {
    const constants = new Map(
      inputs.filter((name) => name && !known.has(name)).map((name) => [name, this.pattern.constant(name)]),
    );
    const make = KINDS[kind];
    if (!make) throw new Unlike(`expected no ${kind} at the end`);
    return (values) => {
      const of = (name: string): ArrayLike<number> => values.get(name) ?? constants.get(name)?.data ?? [];
      values.set(outputs[0], make(of(inputs[0]), of(inputs[1]), of(inputs[2])));
    };
  }
}

type Values = ArrayLike<number>;

const KINDS: Record<string, (a: Values, b: Values, c: Values) => Float32Array> = {
  Add: pairs((a, b) => a + b),
  Sub: pairs((a, b) => a - b),
  Mul: pairs((a, b) => a * b),
  Div: pairs((a, b) => a / b),
  Clip: (a, low, high) =>
    Float32Array.from(a, (value) => Math.min(Math.max(value, low[0] ?? -Infinity), high[0] ?? Infinity)),
  Log: (a) => Float32Array.from(a, Math.log),
  Reshape: (a) => Float32Array.from(a),
  MatMul: (a, b) => {
    const columns = b.length / a.length;
    return Float32Array.from({ length: columns }, (_, column) =>
      Array.from(a).reduce((sum, value, row) => sum + value * b[row * columns + column], 0),
    );
  },
  Softmax: (a) => {
    const most = Math.max(...Array.from(a));
    const powers = Array.from(a, (value) => Math.exp(value - most));
    const sum = powers.reduce((one, other) => one + other, 0);
    return Float32Array.from(powers, (power) => power / sum);
  },
};

/** Of two lists, one of which may be a single number. */
function pairs(of: (a: number, b: number) => number): (a: Values, b: Values) => Float32Array {
  return (a, b) => {
    const length = Math.max(a.length, b.length);
    return Float32Array.from({ length }, (_, i) => of(a[a.length > 1 ? i : 0], b[b.length > 1 ? i : 0]));
  };
}

/** In 8 bits, half to even. */
function rounded(value: number, zero: number): number {
  const low = Math.floor(value);
  const part = value - low;
  const whole = part > 0.5 || (part === 0.5 && low % 2 !== 0) ? low + 1 : low;
  return Math.min(Math.max(whole + zero, 0), 255);
}
