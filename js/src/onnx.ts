/** ONNX files: what a model says of itself, its operations and its weights. */

const FLOAT = 1;
const UINT8 = 2;
const INT8 = 3;
const INT32 = 6;
const INT64 = 7;

/** Values that do not change, in row-major order. */
export interface Constant {
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint8Array | Int8Array | Int32Array;
}

export interface Operation {
  /** As in ONNX's list of operators. */
  readonly kind: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Those that are whole numbers, as lists. */
  readonly numbers: ReadonlyMap<string, readonly number[]>;
}

export interface Graph {
  /** In an order in which they can be done. */
  readonly operations: readonly Operation[];
  readonly constants: ReadonlyMap<string, Constant>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** @throws Error it is no ONNX file. */
export function metadataOf(content: Uint8Array): Map<string, string> {
  const entries = new Message(content).all(14).map((entry) => new Message(entry));
  return new Map(entries.map((entry) => [entry.text(1), entry.text(2)]));
}

/** @throws Error it is no ONNX file. */
export function graphOf(content: Uint8Array): Graph {
  const graph = new Message(new Message(content).bytes(7));
  const constants = new Map(graph.all(5).map((tensor) => constantOf(new Message(tensor))));
  const names = (field: number): string[] => graph.all(field).map((value) => new Message(value).text(1));
  return {
    operations: graph.all(1).map((node) => operationOf(new Message(node))),
    constants,
    inputs: names(11).filter((name) => !constants.has(name)),
    outputs: names(12),
  };
}

function operationOf(node: Message): Operation {
  const attributes = node.all(5).map((attribute) => new Message(attribute));
  return {
    kind: node.text(4),
    inputs: node.all(1).map(decoded),
    outputs: node.all(2).map(decoded),
    numbers: new Map(attributes.map((one) => [one.text(1), [...one.numbers(3), ...one.numbers(8)]])),
  };
}

function constantOf(tensor: Message): [string, Constant] {
  const [kind] = tensor.numbers(2);
  // Values stand in their bytes, or in a list of their kind.
  const raw = new Uint8Array(tensor.bytes(9)).buffer; // at an address that suits any kind
  const listed = tensor.numbers(kind === INT64 ? 7 : 5);
  const data = (): Constant["data"] => {
    if (kind === FLOAT)
      return new Float32Array(raw.byteLength ? raw : new Uint8Array(tensor.bytes(4)).buffer);
    if (kind === UINT8) return raw.byteLength ? new Uint8Array(raw) : Uint8Array.from(listed);
    if (kind === INT8) return raw.byteLength ? new Int8Array(raw) : Int8Array.from(listed);
    if (kind === INT32) return raw.byteLength ? new Int32Array(raw) : Int32Array.from(listed);
    if (kind === INT64) return Int32Array.from(raw.byteLength ? new BigInt64Array(raw) : listed, Number);
    return new Float32Array(); // of no use here
  };
  return [tensor.text(8), { shape: tensor.numbers(1), data: data() }];
}

function decoded(text: Uint8Array): string {
  return new TextDecoder().decode(text);
}

/** A message of protobuf: numbers of fields, with values that are numbers or have a length. */
class Message {
  private readonly fields = new Map<number, (Uint8Array | number)[]>();

  constructor(content: Uint8Array) {
    const bytes = new Bytes(content);
    while (!bytes.over) {
      const key = bytes.varint();
      const field = Math.floor(key / 8);
      const values = this.fields.get(field) ?? [];
      this.fields.set(field, values);
      values.push(bytes.value(key % 8));
    }
  }

  all(field: number): Uint8Array[] {
    return (this.fields.get(field) ?? []).filter((value) => typeof value !== "number");
  }

  bytes(field: number): Uint8Array {
    return this.all(field).at(-1) ?? new Uint8Array();
  }

  text(field: number): string {
    return decoded(this.bytes(field));
  }

  /** Of a list, which may be packed. */
  numbers(field: number): number[] {
    return (this.fields.get(field) ?? []).flatMap((value) => {
      if (typeof value === "number") return [value];
      const packed = new Bytes(value);
      const found: number[] = [];
      while (!packed.over) found.push(packed.varint());
      return found;
    });
  }
}

class Bytes {
  private at = 0;

  constructor(private readonly content: Uint8Array) {}

  get over(): boolean {
    return this.at >= this.content.length;
  }

  /** Negative numbers have all ten bytes. */
  varint(): number {
    let low = 0;
    let high = 0; // from bit 28 on
    for (let bit = 0; bit < 70; bit += 7) {
      if (this.over) throw new Error("it is no ONNX file, or cut off");
      const byte = this.content[this.at++];
      if (bit < 28) low += (byte & 127) * 2 ** bit;
      else high += (byte & 127) * 2 ** (bit - 28);
      if (byte < 128) return low + (high >= 2 ** 35 ? high - 2 ** 36 : high) * 2 ** 28;
    }
    throw new Error("it is no ONNX file");
  }

  value(kind: number): Uint8Array | number {
    if (kind === 0) return this.varint();
    if (kind === 1) return this.next(8);
    if (kind === 5) return this.next(4);
    if (kind === 2) return this.next(this.varint());
    throw new Error("it is no ONNX file");
  }

  private next(count: number): Uint8Array {
    const end = this.at + count;
    if (!(count >= 0 && end <= this.content.length)) throw new Error("it is no ONNX file, or cut off");
    const found = this.content.subarray(this.at, end);
    this.at = end;
    return found;
  }
}
