/** ONNX Runtime in WebAssembly, on one thread, for readers that the kernels of this package do not run. */

import * as ort from "onnxruntime-web/wasm"; // and nothing of ours: this is a file by itself, loaded when needed

/** How the runtime is started. */
export interface RuntimeOptions {
  /** Address of `ort-wasm-simd-threaded.wasm`; in node that of the package is found by itself. */
  readonly wasm?: string;
  /** Milliseconds to load it. */
  readonly timeoutMs: number;
}

/** One network that takes crops. */
export class Network {
  private constructor(private readonly session: ort.InferenceSession) {}

  /**
   * @param content the bytes of an ONNX file.
   * @throws Error it cannot be opened, or the runtime cannot be started.
   */
  static async open(content: Uint8Array, options: RuntimeOptions): Promise<Network> {
    const { wasm } = ort.env;
    wasm.numThreads = 1; // two need a page that is isolated from other origins
    wasm.proxy = false;
    wasm.initTimeout = options.timeoutMs;
    if (options.wasm !== undefined) wasm.wasmPaths = { wasm: options.wasm };
    ort.env.logLevel = "error";
    try {
      const settings = { executionProviders: ["wasm"], logSeverityLevel: 4 } as const;
      return new Network(await ort.InferenceSession.create(content, settings));
    } catch (error) {
      if (!String(error).includes("no available backend")) {
        throw new Error(`expected an ONNX model that the runtime can open; ${error}`);
      }
      throw new Error(`expected the runtime at ${options.wasm ?? "its own place"}; ${error}`);
    }
  }

  get outputs(): readonly string[] {
    return this.session.outputNames;
  }

  /**
   * @param crops `side` * `side` bytes for each of `count`.
   * @param output the name of the wanted one.
   * @throws Error it cannot be run.
   */
  async run(crops: Uint8Array, count: number, side: number, output: string): Promise<Float32Array> {
    const fed = { [this.session.inputNames[0]]: new ort.Tensor("uint8", crops, [count, side, side]) };
    return (await this.session.run(fed, [output]))[output].data as Float32Array;
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}
