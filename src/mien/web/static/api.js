/** The server: requests, their errors in words, and its token. */

const TOKEN_KEY = "mien.token";

/** What went wrong, in words that people can be shown. `status` is 0 where no answer came. */
export class ApiError extends Error {
  constructor(message, { code = "unknown", status = 0 } = {}) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const GONE =
  "The server does not answer. It may have been stopped; start it again with: mien serve";

/**
 * Fires "gone" when no answer came, "doubt" when a connection was lost and perhaps the server with
 * it, "token" when the server asks for its token.
 */
export const serverEvents = new EventTarget();

/** Take the token out of the address, where `mien serve` put it, before anybody sees it there. */
export function takeToken() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return;
  setToken(decodeURIComponent(found[1]));
  history.replaceState(null, "", location.pathname);
}

export function setToken(token) {
  sessionStorage.setItem(TOKEN_KEY, token);
}

function headersWithToken(headers = {}) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token ? { ...headers, Authorization: `Bearer ${token}` } : headers;
}

/**
 * Ask the server for JSON.
 *
 * @param {string} path such as "/api/health".
 * @param {RequestInit} options as those of `fetch`.
 * @throws {ApiError}
 */
export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, {
      cache: "no-store",
      ...options,
      headers: headersWithToken(options.headers),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    serverEvents.dispatchEvent(new Event("gone"));
    throw new ApiError(GONE, { code: "gone" });
  }
  if (response.status === 204) return null;
  const text = await response.text();
  if (!response.ok) throw errorOf(response.status, text);
  return JSON.parse(text);
}

/** The error that an answer holds: {"error": {"code", "message"}}. */
function errorOf(status, text) {
  if (status === 401) serverEvents.dispatchEvent(new Event("token"));
  try {
    const { code, message } = JSON.parse(text).error;
    return new ApiError(message, { code, status });
  } catch {
    return new ApiError(`The server answered with status ${status}, and no message.`, { status });
  }
}

export function getHealth() {
  return ask("/api/health");
}

export async function getModels() {
  return (await ask("/api/models")).models;
}

export function getModel(name) {
  return ask(`/api/models/${encodeURIComponent(name)}`);
}

/**
 * Read the faces of one image. The threshold is the page's own affair: here none is unsure.
 *
 * @param {File} file
 * @returns {Promise<{name, width, height, ms, error, faces}>}
 * @throws {ApiError} also where the image cannot be read.
 */
export async function readImage(file) {
  const form = new FormData();
  form.append("images", file, file.name);
  const answer = await ask("/api/readings?threshold=0", { method: "POST", body: form });
  return answer.images[0];
}

/** What the reading of a face rests on; `face` counts from 0 in the order of the readings. */
export function explainFace(file, face) {
  const form = new FormData();
  form.append("images", file, file.name);
  return ask(`/api/explanations?face=${face}`, { method: "POST", body: form });
}

/**
 * Send a video and follow its reading.
 *
 * XMLHttpRequest and not fetch, which does not tell how much of a body has been sent.
 *
 * @param {File} file
 * @param {{half_life_s?: number}} settings
 * @param {{sent: (share: number) => void, event: (name: string, data: object) => void}} told
 *   `sent` with 0 to 1 while the video goes out, `event` with each event of the answer.
 * @returns {{done: Promise<void>, cancel: () => void}} `done` rejects with an ApiError, or with an
 *   AbortError after `cancel`.
 */
export function readVideo(file, settings, told) {
  const request = new XMLHttpRequest();
  const query = new URLSearchParams({ threshold: "0", ...settings });
  request.open("POST", `/api/videos?${query}`);
  const headers = headersWithToken({
    Accept: "text/event-stream",
    "Content-Type": file.type.startsWith("video/") ? file.type : "application/octet-stream",
    "X-Filename": encodeURIComponent(file.name),
  });
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);

  let id = null;
  const events = new EventReader((name, data) => {
    if (name === "accepted") id = data.id;
    told.event(name, data);
  });
  const done = new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => told.sent(event.loaded / event.total);
    request.upload.onload = () => told.sent(1);
    request.onprogress = () => {
      if (request.status === 200) events.read(request.responseText);
    };
    request.onload = () => {
      if (request.status !== 200) return reject(errorOf(request.status, request.responseText));
      events.read(request.responseText);
      resolve();
    };
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.onerror = () => {
      // A server that refuses a video may close the connection while it is still being sent.
      if (request.status >= 400) return reject(errorOf(request.status, request.responseText));
      serverEvents.dispatchEvent(new Event("gone"));
      reject(new ApiError(GONE, { code: "gone" }));
    };
  });
  request.send(file);

  function cancel() {
    request.abort();
    if (id !== null) ask(`/api/videos/${id}`, { method: "DELETE" }).catch(() => {});
  }
  return { done, cancel };
}

/**
 * Let the server make a file of the rows of a video, with the code of the command line.
 *
 * @param {string} kind such as "eaf"; OpenAPI has them all.
 * @param {string[]} lines JSON lines.
 * @param {{name: string, media: object}} about the video: its file's name, and what is known of it.
 * @returns {Promise<{blob: Blob, ending: string}>}
 * @throws {ApiError}
 */
export async function makeOfRows(kind, lines, { name, media }) {
  const known = Object.entries(media).filter(([, value]) => value);
  const query = new URLSearchParams({ kind, ...Object.fromEntries(known) });
  let response;
  try {
    response = await fetch(`/api/rows?${query}`, {
      method: "POST",
      cache: "no-store",
      body: new Blob(lines),
      headers: headersWithToken({
        "Content-Type": "application/x-ndjson",
        "X-Filename": encodeURIComponent(name),
      }),
    });
  } catch {
    serverEvents.dispatchEvent(new Event("gone"));
    throw new ApiError(GONE, { code: "gone" });
  }
  if (!response.ok) throw errorOf(response.status, await response.text());
  const given = /filename="rows(.*)"/.exec(response.headers.get("content-disposition") ?? "");
  return { blob: await response.blob(), ending: given?.[1] ?? "" };
}

/** Cuts server-sent events out of a text that grows. */
export class EventReader {
  #from = 0;

  constructor(told) {
    this.told = told;
  }

  /** @param {string} text all of the answer until now. */
  read(text) {
    for (;;) {
      const end = text.indexOf("\n\n", this.#from);
      if (end < 0) return;
      let name = "message";
      const data = [];
      for (const line of text.slice(this.#from, end).split("\n")) {
        if (line.startsWith("event:")) name = line.slice(6).trim();
        else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
      }
      this.#from = end + 2;
      if (data.length) this.told(name, JSON.parse(data.join("\n")));
    }
  }
}

/** Open a WebSocket of the server; a browser can give it the token as a subprotocol alone. */
export function openSocket(path) {
  const address = new URL(path, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const token = sessionStorage.getItem(TOKEN_KEY);
  const socket = new WebSocket(address, token ? ["mien", `token.${token}`] : ["mien"]);
  socket.binaryType = "blob";
  return socket;
}

/** Why the server closed a WebSocket, in words. */
export function closeReason(event) {
  const reasons = {
    1008: "The server refused the connection. Its token may have changed: open the page anew.",
    1009: "The server refused a frame that was too large.",
    1013: "The server has as many live views as it allows. Close one of them.",
  };
  return reasons[event.code] ?? null;
}
