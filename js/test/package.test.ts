import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { buildSync } from "esbuild";

const ROOT = new URL("../../", import.meta.url).pathname;
const PACKED_BYTES = 4_000_000;
const MODEL_BYTES = 3_000_000;

interface Packed {
  size: number;
  files: { path: string; size: number }[];
}

test("the package is small, and holds the models but not the runtime", () => {
  const told = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  const packed = JSON.parse(told);
  const { size, files }: Packed = Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
  assert.ok(size < PACKED_BYTES, `${size} bytes`);
  const paths = files.map(({ path }) => path);
  for (const wanted of [
    "dist/mien.js",
    "dist/worker.js",
    "dist/node.js",
    "dist/types/mien.d.ts",
    "LICENSE",
  ]) {
    assert.ok(paths.includes(wanted), wanted);
  }
  const models = files.filter(({ path }) => path.endsWith(".onnx"));
  assert.deepEqual(models.map(({ path }) => path).sort(), ["dist/mien.onnx", "dist/yunet.onnx"]);
  assert.ok(models.reduce((sum, file) => sum + file.size, 0) < MODEL_BYTES);
  assert.ok(!paths.some((path) => path.endsWith(".wasm")));
});

test("onnxruntime-web is the only dependency", () => {
  const { dependencies } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8"));
  assert.deepEqual(Object.keys(dependencies), ["onnxruntime-web"]);
});

test("one version, here and in Python", () => {
  const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8"));
  const python = readFileSync(`${ROOT}../src/mien/__init__.py`, "utf8");
  assert.equal(version, /__version__.*"(.+)"/.exec(python)?.[1]);
});

test("bundlers find the page's code, with exports and without", () => {
  const { main, exports } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8"));
  assert.equal(main, exports["."].default.default);
  const code = readFileSync(ROOT + main, "utf8");
  // Parcel fails where such a file is none, and Vite warns.
  assert.doesNotMatch(code, /new URL\((["'`])[^"'`]*\1,\s*import\.meta\.url/);
  // In place of any other, webpack writes where the package lay on the disk.
  assert.doesNotMatch(code.replace(/new URL\([^,]*,\s*import\.meta\.url/g, ""), /import\.meta\.url/);
});

/** What a program that loads a recognizer prints once esbuild has put the package into it. */
function printsBundled(format: "cjs" | "esm"): string {
  const folder = mkdtempSync(join(tmpdir(), "mien-"));
  const outfile = join(folder, format === "cjs" ? "mine.cjs" : "mine.mjs");
  const contents = `import("mien").then(({ Recognizer }) => Recognizer.load())
    .catch(({ name, message }) => console.log(name + ": " + message));`;
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules", "mien"));
  try {
    const stdin = { contents, resolveDir: folder };
    buildSync({ stdin, outfile, format, bundle: true, platform: "node", logLevel: "error" });
    return execFileSync(process.execPath, [outfile], { encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a program whose bundle has left the models behind is told so", () => {
  assert.match(printsBundled("cjs"), /^ModelError: expected the package in its own folder.* leave it out/);
  assert.match(printsBundled("esm"), /^ModelError: .*yunet\.onnx: expected a model file; ENOENT/);
});

/** What the compiler says of a user's own file, with every check, those of the package's types, too. */
function compiled(code: string, where: "page" | "node"): string {
  const folder = mkdtempSync(join(tmpdir(), "mien-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules", "mien"));
  writeFileSync(join(folder, "mine.mts"), code);
  const compiler = `${ROOT}node_modules/typescript/bin/tsc`;
  const strict = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--noEmit"];
  const types = ["--lib", "es2022", "--types", "node", "--typeRoots", `${ROOT}node_modules/@types`];
  const page = ["--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022,dom"];
  const settings = where === "page" ? page : ["--module", "nodenext", ...types];
  try {
    const options = { cwd: folder, encoding: "utf8" } as const;
    return execFileSync(process.execPath, [compiler, ...strict, ...settings, "mine.mts"], options);
  } catch (error) {
    return String((error as { stdout: string }).stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a program for node is typed without the types of a page", () => {
  const read = (array: string) =>
    `import { Recognizer } from "mien";
    const recognizer = await Recognizer.load({ threshold: 0.5 });
    const [reading] = await recognizer.read({ data: new ${array}(3), width: 1, height: 1 });
    export const said: number | undefined = reading?.probabilities.happy;`;
  assert.equal(compiled(read("Uint8Array"), "node"), "");
  assert.match(compiled(read("Uint16Array"), "node"), /TS2322: Type 'Uint16Array/);
  const page = `import { Recognizer, type Source } from "mien";
    export const read = async (image: ImageBitmap | Blob | HTMLCanvasElement, pixels: ImageData) => {
      const all: Source[] = [image, pixels];
      return Promise.all(all.map(async (one) => (await Recognizer.load()).read(one)));
    };`;
  assert.equal(compiled(page, "page"), "");
});

test("the example for node reads files", () => {
  const portrait = `${ROOT}../examples/astronaut.jpg`;
  const told = execFileSync(process.execPath, [`${ROOT}examples/node.mjs`, portrait], { encoding: "utf8" });
  assert.match(told, /astronaut\.jpg: happy 0\.9\d\n$/);
});

test("mien-assets fills a folder with all that a page loads", async () => {
  const folder = await mkdtemp(join(tmpdir(), "mien-"));
  const command = [`${ROOT}scripts/assets.mjs`, join(folder, "site")];
  const told = execFileSync(process.execPath, command, { encoding: "utf8" });
  assert.match(told, /ort-wasm-simd-threaded\.wasm are in /);
  const names = await readdir(join(folder, "site"));
  assert.deepEqual(names.sort(), [
    "mien.js",
    "mien.onnx",
    "ort-wasm-simd-threaded.wasm",
    "runtime.js",
    "worker.js",
    "yunet.onnx",
  ]);
  for (const name of names) assert.ok((await stat(join(folder, "site", name))).size > 1000, name);
  await rm(folder, { recursive: true });
  assert.throws(
    () => execFileSync(process.execPath, command.slice(0, 1), { stdio: "pipe" }),
    /usage: mien-assets FOLDER/,
  );
});
