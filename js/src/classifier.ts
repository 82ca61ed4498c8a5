/** Crops -> probabilities of the seven emotions. */

import { SIZE_PX } from "./crops.js";
import { firstLine, ModelError, OptionError } from "./errors.js";
import { EMOTIONS } from "./labels.js";
import { Reader } from "./reader.js";
import type { RuntimeOptions } from "./runtime.js";
import { type Head, headsOf, type ModelSpec, specOf } from "./spec.js";

const BATCH = 64; // crops in one pass of the network, as in Python

/** What reads crops: the kernels of this package, or ONNX Runtime. */
interface Network {
  readonly outputs: readonly string[];
  /** As many numbers for each crop as the output of that name has. */
  read(crops: Uint8Array, count: number, output: string): Promise<Float32Array>;
  close(): Promise<void>;
}

export class Classifier {
  private constructor(
    readonly spec: ModelSpec,
    private readonly network: Network,
    private readonly output: string,
    private readonly name: string,
  ) {}

  /**
   * @param content the bytes of a file made by `mien export`.
   * @param name of the file, for messages.
   * @param head what is asked; by default what the model answers first.
   * @throws ModelError it is not such a file.
   * @throws OptionError the model has not that head.
   */
  static async open(
    content: Uint8Array,
    name: string,
    head: Head | undefined,
    runtime: RuntimeOptions,
  ): Promise<Classifier> {
    const spec = specOf(content, name);
    const heads = headsOf(spec);
    const index = head === undefined ? 0 : heads.indexOf(head);
    if (index < 0) {
      throw new OptionError(`head: expected ${heads.join(" or ")}, which ${name} has; got ${head}`);
    }
    const network = (await onKernels(content)) ?? (await onRuntime(content, name, runtime));
    return new Classifier(spec, network, network.outputs[index], name);
  }

  /**
   * @param crops 48 * 48 bytes for each face, as `cropFaces` cuts them.
   * @returns for each face seven probabilities, in the order of `EMOTIONS`.
   */
  async read(crops: Uint8Array): Promise<Float32Array[]> {
    const pixels = SIZE_PX * SIZE_PX;
    const rows: Float32Array[] = [];
    for (let start = 0; start < crops.length; start += BATCH * pixels) {
      const batch = crops.subarray(start, start + BATCH * pixels);
      const count = batch.length / pixels;
      const found = await this.network.read(batch, count, this.output);
      if (found.length !== count * EMOTIONS.length || !found.every(Number.isFinite)) {
        throw new ModelError(
          `${this.name}: expected ${count} x ${EMOTIONS.length} finite numbers out; got ${found.length}`,
        );
      }
      for (let i = 0; i < found.length; i += EMOTIONS.length) rows.push(found.slice(i, i + EMOTIONS.length));
    }
    return rows;
  }

  close(): Promise<void> {
    return this.network.close();
  }
}

async function onKernels(content: Uint8Array): Promise<Network | null> {
  const reader = await Reader.of(content);
  return (
    reader && {
      outputs: reader.outputs,
      read: async (crops, _, output) => reader.read(crops, output),
      close: async () => undefined,
    }
  );
}

async function onRuntime(content: Uint8Array, name: string, options: RuntimeOptions): Promise<Network> {
  try {
    const runtime = await import("./runtime.js");
    const network = await runtime.Network.open(content, options);
    return {
      outputs: network.outputs,
      read: async (crops, count, output) => {
        try {
          return await network.run(crops, count, SIZE_PX, output);
        } catch (error) {
          throw new ModelError(`${name}: it cannot be run; ${firstLine(error)}`);
        }
      },
      close: () => network.close(),
    };
  } catch (error) {
    throw new ModelError(`${name}: ${firstLine(error)}`);
  }
}
