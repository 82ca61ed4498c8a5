/** Parts of a graph that are looked for, by the names of their values. */

import type { Constant, Graph, Operation } from "./onnx.js";

/** How whole numbers stand for values: (number - zero) * scale. */
export interface Levels {
  readonly scale: number;
  readonly zero: number;
}

/** A graph is not what is looked for. */
export class Unlike extends Error {}

export class Pattern {
  private readonly users = new Map<string, Operation[]>();
  private readonly makers = new Map<string, Operation>();

  constructor(private readonly graph: Graph) {
    for (const operation of graph.operations) {
      for (const name of operation.inputs) this.users.set(name, [...this.usersOf(name), operation]);
      for (const name of operation.outputs) this.makers.set(name, operation);
    }
  }

  usersOf(value: string): readonly Operation[] {
    return this.users.get(value) ?? [];
  }

  has(value: string, kind: string): boolean {
    return this.usersOf(value).some((user) => user.kind === kind);
  }

  /** The one operation of that kind that takes a value. */
  user(value: string, kind: string): Operation {
    const found = this.usersOf(value).filter((user) => user.kind === kind);
    if (found.length !== 1) throw new Unlike(`expected one ${kind} of ${value}; got ${found.length}`);
    return found[0];
  }

  /** What the one operation of that kind makes of a value. */
  after(value: string, kind: string): string {
    return this.user(value, kind).outputs[0];
  }

  constant(name: string): Constant {
    const found = this.graph.constants.get(name);
    if (!found) throw new Unlike(`expected that ${name} is constant`);
    return found;
  }

  floats(name: string): Float32Array {
    const { data } = this.constant(name);
    if (!(data instanceof Float32Array)) throw new Unlike(`expected that ${name} are fractions`);
    return data;
  }

  /** A value rounded to whole numbers of 8 bits, and back: the name of that, and the levels. */
  rounded(value: string): { name: string; levels: Levels } {
    const [rounding, back] = [this.user(value, "QuantizeLinear")].flatMap((one) => [
      one,
      this.user(one.outputs[0], "DequantizeLinear"),
    ]);
    const [levels, same] = [rounding, back].map((one) => this.levels(one));
    if (levels.scale !== same.scale || levels.zero !== same.zero)
      throw new Unlike("expected the same levels");
    return { name: back.outputs[0], levels };
  }

  private levels({ inputs: [, scale, zero] }: Operation): Levels {
    const [scales, zeros] = [this.floats(scale), this.constant(zero).data];
    if (scales.length !== 1 || !(zeros instanceof Uint8Array)) throw new Unlike("expected levels of 8 bits");
    return { scale: scales[0], zero: zeros[0] };
  }

  /** Whole numbers that are made values: weights, with a scale for each channel and zero at 0. */
  whole(value: string): { shape: readonly number[]; data: Constant["data"]; scales: Float32Array } {
    const maker = this.makers.get(value);
    if (maker?.kind !== "DequantizeLinear") throw new Unlike(`expected that ${value} are whole numbers`);
    const [numbers, scale, zero] = maker.inputs;
    if (zero && this.constant(zero).data.some(Boolean))
      throw new Unlike(`expected the zero of ${numbers} at 0`);
    return { ...this.constant(numbers), scales: this.floats(scale) };
  }
}
