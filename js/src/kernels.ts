/** The kernels of `js/kernels`, C in WebAssembly, and the memory that they work in. */

import code from "../build/kernels.wasm";
import { firstLine, ModelError } from "./errors.js";

type Values = Float32Array | Uint8Array | Int8Array | Int16Array | Int32Array;

const ALIGN = 16;

let module: Promise<WebAssembly.Module> | null = null;

export class Kernels {
  private readonly memory: WebAssembly.Memory;
  private end: number;

  private constructor(private readonly exports: WebAssembly.Exports) {
    this.memory = exports.memory as WebAssembly.Memory;
    this.end = (exports.__heap_base as WebAssembly.Global).value;
  }

  /** @throws ModelError the browser has no WebAssembly with SIMD, or the page forbids it. */
  static async start(): Promise<Kernels> {
    try {
      module ??= WebAssembly.compile(code);
      return new Kernels((await WebAssembly.instantiate(await module)).exports);
    } catch (error) {
      throw new ModelError(`expected a browser that runs WebAssembly with SIMD; ${firstLine(error)}`);
    }
  }

  /** The kernel of that name. */
  get(name: string): (...values: number[]) => void {
    return this.exports[name] as (...values: number[]) => void;
  }

  /** The address of so many bytes more. */
  room(bytes: number): number {
    const at = Math.ceil(this.end / ALIGN) * ALIGN;
    this.end = at + bytes;
    const missing = this.end - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / 65536));
    return at;
  }

  /** The address of a copy of values. */
  keep(values: Values): number {
    const at = this.room(values.byteLength);
    this.bytes(at, values.byteLength).set(
      new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    );
    return at;
  }

  /** All that is asked for from `task` on is free again after it, the addresses of `keep` with it. */
  during(task: () => void): void {
    const { end } = this;
    task();
    this.end = end;
  }

  bytes(at: number, count: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, count);
  }

  floats(at: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, at, count);
  }
}
