/** Crops -> probabilities of the seven emotions. */

import { SIZE_PX } from "./crops.js";
import { ModelError, OptionError } from "./errors.js";
import { EMOTIONS } from "./labels.js";
import { bytesTensor, Network } from "./runtime.js";
import { type Head, headsOf, type ModelSpec, specOf } from "./spec.js";

const BATCH = 64; // crops in one pass of the network, as in Python

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
  static async open(content: Uint8Array, name: string, head?: Head): Promise<Classifier> {
    const spec = specOf(content, name);
    const heads = headsOf(spec);
    const index = head === undefined ? 0 : heads.indexOf(head);
    if (index < 0) {
      throw new OptionError(`head: expected ${heads.join(" or ")}, which ${name} has; got ${head}`);
    }
    const network = await Network.open(content, name, true);
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
      const fed = { [this.network.inputs[0]]: bytesTensor(batch, [count, SIZE_PX, SIZE_PX]) };
      const found = (await this.network.run(fed, [this.output]))[this.output].data as Float32Array;
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
