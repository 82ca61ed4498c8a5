#!/usr/bin/env node
// npx mien-assets FOLDER: puts all that a page loads into a folder of a static host: 2.7 MB, and
// 14.3 MB of a runtime that models of other kinds need.

import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const RUNTIME = "ort-wasm-simd-threaded.wasm";
const FILES = ["mien.js", "worker.js", "runtime.js", "yunet.onnx", "mien.onnx"];

const [folder, ...more] = process.argv.slice(2);
if (!folder || folder.startsWith("-") || more.length) {
  console.error("usage: mien-assets FOLDER\n\nputs mien.js, its worker, models and runtime into a folder.");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const dist = fileURLToPath(new URL("../dist/", import.meta.url));
for (const name of FILES) cpSync(join(dist, name), join(folder, name));
const runtime = fileURLToPath(import.meta.resolve(`onnxruntime-web/${RUNTIME}`));
cpSync(runtime, join(folder, RUNTIME));
console.log(`${[...FILES, RUNTIME].join(", ")} are in ${folder}`);
