/**
 * Keeps the whole page in the browser, so that it works without a network, and refuses whatever is
 * not of its own origin. `mien page` fills in the version and the files.
 */

const VERSION = "{version}";
const FILES = ["{files}"];
const MINE = `mien ${self.registration.scope} `; // an origin may have several pages
const CACHE = MINE + VERSION;

self.addEventListener("install", (event) => {
  // A host is asked whether what the browser has is still what it gives.
  const requests = FILES.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers().then(() => self.clients.claim()));
});

/** Pages of an earlier version are closed when this one takes over. */
async function forgetOthers() {
  const names = await caches.keys();
  const others = names.filter((name) => name.startsWith(MINE) && name !== CACHE);
  await Promise.all(others.map((name) => caches.delete(name)));
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const isOwn = new URL(request.url).origin === self.location.origin;
  event.respondWith(isOwn ? answer(request) : Response.error());
});

async function answer(request) {
  const cache = await caches.open(CACHE);
  const address = request.url.replace(/\/index\.html(?=$|[?#])/, "/");
  return (await cache.match(address, { ignoreSearch: true })) ?? fetch(request);
}
