/** What a model file says of itself: the JSON that `mien export` keeps in the ONNX metadata. */

import { SIZE_PX } from "./crops.js";
import { firstLine, ModelError } from "./errors.js";
import { EMOTIONS } from "./labels.js";
import { metadataOf } from "./onnx.js";

const METADATA_KEY = "mien";
const FORMAT = 1;

/** What a model can be asked: what people would say, and what FER2013's label would be. */
export type Head = "people" | "label";

export interface ModelSpec {
  readonly name: string;
  readonly parameters: number;
  readonly trained_on: string;
  readonly license: string;
  readonly labels: readonly string[];
  readonly input_size_px: number;
  /** Beyond FER2013's framing, on each side, as a share of the crop. */
  readonly crop_margin: number;
  readonly votes_share: number;
}

/** The questions that a model answers, in the order of its outputs; the first is what it reads. */
export function headsOf(spec: ModelSpec): Head[] {
  return spec.votes_share ? ["people", "label"] : ["label"];
}

/**
 * @param content the bytes of an ONNX file.
 * @param name of the file, for messages.
 * @throws ModelError it says nothing of itself, or what this package cannot read.
 */
export function specOf(content: Uint8Array, name: string): ModelSpec {
  let values: Partial<ModelSpec & { format: number }>;
  try {
    const text = metadataOf(content).get(METADATA_KEY);
    if (text === undefined) throw new Error(`its metadata have no entry '${METADATA_KEY}'`);
    values = JSON.parse(text);
  } catch (error) {
    throw new ModelError(`${name}: expected a model made by \`mien export\`; ${firstLine(error)}`);
  }
  if (values.format !== FORMAT) {
    throw new ModelError(
      `${name}: expected format ${FORMAT}; got ${values.format}. A newer mien may read it`,
    );
  }
  const labels = (values.labels ?? []).join(", ");
  if (labels !== EMOTIONS.join(", ") || values.input_size_px !== SIZE_PX) {
    throw new ModelError(
      `${name}: expected crops of ${SIZE_PX} pixels and the labels ${EMOTIONS.join(", ")}; ` +
        `got ${values.input_size_px} pixels and ${labels || "no labels"}`,
    );
  }
  const { parameters = 0, trained_on = "", license = "", crop_margin = 0, votes_share = 0 } = values;
  return {
    name: values.name ?? name,
    parameters,
    trained_on,
    license,
    labels: EMOTIONS,
    input_size_px: SIZE_PX,
    crop_margin,
    votes_share,
  };
}
