/** ONNX Runtime in WebAssembly, on one thread. */

import * as ort from "onnxruntime-web/wasm";
import { firstLine, ModelError } from "./errors.js";

/** How the runtime is started. */
export interface RuntimeOptions {
  /** Address of `ort-wasm-simd-threaded.wasm`; in node that of the package is found by itself. */
  readonly wasm?: string;
  /** Milliseconds to load it. */
  readonly timeoutMs: number;
}

/** Set the runtime up for the first network; later calls change nothing. */
export function configure(options: RuntimeOptions): void {
  const { wasm } = ort.env;
  wasm.numThreads = 1; // two need a page that is isolated from other origins
  wasm.proxy = false;
  wasm.initTimeout = options.timeoutMs;
  if (options.wasm !== undefined) wasm.wasmPaths = { wasm: options.wasm };
  ort.env.logLevel = "error";
}

function runtimeAddress(): string {
  const paths = ort.env.wasm.wasmPaths;
  return typeof paths === "object" ? String(paths.wasm) : "its own place";
}

/** One network. */
export class Network {
  private constructor(
    private readonly session: ort.InferenceSession,
    private readonly name: string,
  ) {}

  /**
   * @param content the bytes of an ONNX file.
   * @param name of the file, for messages.
   * @param oneShape what is asked has few shapes, for each of which a plan of its memory is kept.
   * @throws ModelError it cannot be opened, or the runtime cannot be started.
   */
  static async open(content: Uint8Array, name: string, oneShape: boolean): Promise<Network> {
    try {
      const session = await ort.InferenceSession.create(content, {
        executionProviders: ["wasm"],
        enableMemPattern: oneShape,
        logSeverityLevel: 4,
      });
      return new Network(session, name);
    } catch (error) {
      const reason = firstLine(error);
      if (reason.includes("no available backend")) {
        throw new ModelError(`expected the runtime at ${runtimeAddress()}; ${reason}`);
      }
      throw new ModelError(`${name}: expected an ONNX model that the runtime can open; ${reason}`);
    }
  }

  get inputs(): readonly string[] {
    return this.session.inputNames;
  }

  get outputs(): readonly string[] {
    return this.session.outputNames;
  }

  /**
   * @param fed name of an input -> its values.
   * @param wanted names of outputs; by default all.
   * @throws ModelError it cannot be run.
   */
  async run(
    fed: Record<string, ort.Tensor>,
    wanted?: readonly string[],
  ): Promise<ort.InferenceSession.ReturnType> {
    try {
      return await (wanted ? this.session.run(fed, wanted) : this.session.run(fed));
    } catch (error) {
      throw new ModelError(`${this.name}: it cannot be run; ${firstLine(error)}`);
    }
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}

export function bytesTensor(data: Uint8Array, shape: readonly number[]): ort.Tensor {
  return new ort.Tensor("uint8", data, shape);
}

export function numberTensor(value: number): ort.Tensor {
  return new ort.Tensor("float32", Float32Array.of(value), []);
}
