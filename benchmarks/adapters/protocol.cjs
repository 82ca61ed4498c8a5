// The adapters' side of the protocol in benchmarks/peers.py, for peers in node; protocol.py says
// what the lines are.

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { createRequire } = require('module');

const SIZE_PX = 48;

// Peers lie in the folder of the first argument; this file does not.
const folder = path.resolve(process.argv[2]);
const peerRequire = createRequire(path.join(folder, 'package.json'));
const packageFolder = (name) => path.join(folder, 'node_modules', name);
const versionOf = (name) => JSON.parse(fs.readFileSync(path.join(packageFolder(name), 'package.json'))).version;

// What a peer prints goes to standard error; only answers go to standard output.
console.log = console.info = console.debug = console.error;

// Node's fetch knows no files, and the peers fetch their weights.
const fetchFromNetwork = globalThis.fetch;
globalThis.fetch = async (url, options) => {
  if (!String(url).startsWith('file://')) return fetchFromNetwork(url, options);
  return new Response(fs.readFileSync(new URL(url)));
};

function readBytes(file, first, count) {
  const bytes = Buffer.alloc(count);
  const handle = fs.openSync(file, 'r');
  try {
    fs.readSync(handle, bytes, 0, count, first);
  } finally {
    fs.closeSync(handle);
  }
  return bytes;
}

async function answer(adapter, request) {
  if (request.do === 'hello') return { version: adapter.version, fed: adapter.fed };
  if (request.do === 'boxes') {
    const { file, width, height, boxes } = request;
    const pixels = readBytes(file, 0, width * height * 3);
    return { labels: await adapter.boxes(pixels, width, height, boxes) };
  }
  if (request.do === 'photo') {
    const { file, width, height } = request;
    const pixels = readBytes(file, 0, width * height * 3);
    const cpuBefore = process.cpuUsage();
    const start = performance.now();
    const raw = await adapter.photo(pixels, width, height);
    const ms = performance.now() - start;
    const cpu = process.cpuUsage(cpuBefore);
    const faces = adapter.faces(raw);
    const size = ({ box: [x0, y0, x1, y1] }) => Math.max(x1 - x0, y1 - y0);
    const largest = faces.reduce((best, face) => (!best || size(face) > size(best) ? face : best), null);
    const { label, box } = largest || { label: null, box: null };
    return { ms, cpu_ms: (cpu.user + cpu.system) / 1e3, faces: faces.length, label, box };
  }
  const faceBytes = SIZE_PX * SIZE_PX;
  const pixels = readBytes(request.file, request.first * faceBytes, request.count * faceBytes);
  return { labels: await adapter.crops(pixels, request.count) };
}

// build: loads the peer; a failure is the answer to the first request.
async function serve(build) {
  let adapter = null;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let reply;
    try {
      adapter = adapter || (await build());
      reply = await answer(adapter, JSON.parse(line));
    } catch (error) {
      reply = { error: `${error}`.replace(/\s+/g, ' ') };
    }
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
}

module.exports = { SIZE_PX, packageFolder, peerRequire, serve, versionOf };
