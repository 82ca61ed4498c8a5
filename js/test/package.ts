/** The package as it is built, not its sources: what people get is what is tested. */

import type * as node from "../src/node.js";

const built = new URL("../../dist/node.js", import.meta.url).href;
const loaded: typeof node = await import(built);

export const { Recognizer } = loaded;
export type Recognizer = node.Recognizer;

const { MienError, OptionError, ImageError, ModelError } = loaded;
export const errors = { MienError, OptionError, ImageError, ModelError };
