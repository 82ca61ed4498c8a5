/** What a page and its worker say to each other. */

import type { EngineOptions } from "./engine.js";
import type { Emotion } from "./labels.js";
import type { SmoothingSettings } from "./smoothing.js";
import type { PixelSource } from "./sources.js";

declare const PACKAGE_VERSION: string; // `scripts/build.mjs` fills it in

/** Of the package that this is a part of. */
export const VERSION = PACKAGE_VERSION;

/** An image on its way to the worker. */
export type Sent = PixelSource | ImageBitmap;

/** Addresses are absolute. */
export interface Opening {
  readonly do: "open";
  readonly version: string;
  readonly faces: string | Uint8Array;
  readonly reader: string | Uint8Array;
  readonly wasm: string;
  readonly timeoutMs: number;
  readonly options: EngineOptions;
}

export type Request =
  | Opening
  | { readonly do: "read"; readonly image: Sent }
  | { readonly do: "explain"; readonly image: Sent; readonly face: number; readonly emotion?: Emotion }
  | { readonly do: "follow"; readonly stream: number; readonly settings: SmoothingSettings }
  | { readonly do: "frame"; readonly stream: number; readonly image: Sent; readonly timeS: number }
  | { readonly do: "end"; readonly stream: number };

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { readonly name: string; readonly message: string } };
