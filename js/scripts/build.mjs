// Makes dist/: the package as people get it. The two models are copied from the Python package; the
// kernels are there when `make js/dist/mien.js` has compiled them.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL("..", import.meta.url));
const python = `${here}../src/mien/assets/`;
const dist = `${here}dist/`;

const { version } = JSON.parse(readFileSync(`${here}package.json`, "utf8"));
const common = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2022",
  legalComments: "inline",
  loader: { ".wasm": "binary" },
  define: { PACKAGE_VERSION: JSON.stringify(version) },
  logLevel: "warning",
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
/** The runtime stays a file by itself, which is loaded when a reader asks for it. */
const apart = (path) => ({
  name: "apart",
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/runtime\.js$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path, external: true } : undefined,
    );
  },
});
const inPage = { ...common, minify: true, plugins: [apart("./runtime.js")] };
const inNode = { ...common, platform: "node", packages: "external", plugins: [apart("./node-runtime.js")] };
await Promise.all([
  build({ ...inPage, entryPoints: ["src/mien.ts", "src/worker.ts", "src/runtime.ts"], outdir: "dist" }),
  build({ ...inNode, entryPoints: ["src/node.ts"], outfile: "dist/node.js" }),
  build({ ...inNode, entryPoints: ["src/runtime.ts"], outfile: "dist/node-runtime.js" }),
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
