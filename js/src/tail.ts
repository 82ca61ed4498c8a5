/** The last part of a reader: means of channels -> probabilities, a few numbers that need no kernels. */

import type { Graph, Operation } from "./onnx.js";
import { type Pattern, Unlike } from "./pattern.js";

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
    const known = new Set([means]);
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

  private operation({ kind, inputs, outputs, numbers }: Operation, known: ReadonlySet<string>): Step {
    const constants = new Map(
      inputs.filter((name) => name && !known.has(name)).map((name) => [name, this.pattern.constant(name)]),
    );
    const make = KINDS[kind];
    if (!make) throw new Unlike(`expected no ${kind} at the end`);
    if (kind === "Gemm" && numbers.get("transB")?.join() !== "1")
      throw new Unlike("expected rows of weights");
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
  Gemm: (a, b, c) =>
    Float32Array.from(c, (start, row) =>
      Array.from(a).reduce((sum, value, i) => sum + value * b[row * a.length + i], start),
    ),
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
