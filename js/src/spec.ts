/** What a model file says of itself: the JSON that `mien export` keeps in the ONNX metadata. */

import { SIZE_PX } from "./crops.js";
import { firstLine, ModelError } from "./errors.js";
import { EMOTIONS } from "./labels.js";

const METADATA_KEY = "mien";
const FORMAT = 1;
const METADATA_FIELD = 14; // `metadata_props` of ONNX's ModelProto

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

/** The metadata of an ONNX file; onnxruntime-web does not give them. */
function metadataOf(content: Uint8Array): Map<string, string> {
  const found = new Map<string, string>();
  for (const [field, value] of fieldsOf(content)) {
    if (field !== METADATA_FIELD) continue;
    const entry = new Map(fieldsOf(value));
    const text = (part: number): string => new TextDecoder().decode(entry.get(part) ?? new Uint8Array());
    found.set(text(1), text(2));
  }
  return found;
}

/** The fields of a protobuf message that have a length: their numbers and contents. */
function* fieldsOf(message: Uint8Array): Generator<[number, Uint8Array]> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= message.length || scale > 2 ** 49) throw new Error("it is no ONNX file");
      const byte = message[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const kind = key % 8;
    if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const end = varint() + at;
      if (end > message.length) throw new Error("it is no ONNX file, or cut off");
      yield [(key - kind) / 8, message.subarray(at, end)];
      at = end;
    } else throw new Error("it is no ONNX file");
  }
}
