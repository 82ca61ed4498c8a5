// Makes dist/: the package as people get it. The two models are copied from the Python package.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL("..", import.meta.url));
const python = `${here}../src/mien/assets/`;
const dist = `${here}dist/`;

const common = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2022",
  legalComments: "inline",
  logLevel: "warning",
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
await Promise.all([
  // The page's part, and the worker with the runtime's JavaScript in it.
  build({ ...common, entryPoints: ["src/mien.ts", "src/worker.ts"], outdir: "dist", minify: true }),
  build({ ...common, entryPoints: ["src/node.ts"], outdir: "dist", platform: "node", packages: "external" }),
]);
// `tsc` itself, so that it runs where npx does not.
execFileSync(process.execPath, [
  `${here}node_modules/typescript/bin/tsc`,
  "--project",
  `${here}tsconfig.types.json`,
]);
cpSync(`${python}yunet.onnx`, `${dist}yunet.onnx`);
cpSync(`${python}yunet.LICENSE`, `${dist}yunet.LICENSE`);
cpSync(`${python}models/mien.onnx`, `${dist}mien.onnx`);
for (const name of ["LICENSE", "NOTICE"]) cpSync(`${here}../${name}`, here + name);
