/** The server: requests, their errors in words, and its token. */

import { unreadable } from "./words.js";

const TOKEN_KEY = "mien.token";

/** What went wrong, in words that people can be shown; its code is "gone" where no answer came. */
class ApiError extends Error {
  constructor(message, code = "unknown") {
    super(message);
    this.code = code;
  }
}

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

export function tokenGiven() {
  return sessionStorage.getItem(TOKEN_KEY);
}

function headersWithToken(headers = {}) {
  const token = tokenGiven();
  return token ? { ...headers, Authorization: `Bearer ${token}` } : headers;
}

/**
 * Ask the server.
 *
 * @param {string} path such as "api/health", below the page's own.
 * @param {RequestInit & {file?: File}} options as those of `fetch`, and what the body holds.
 * @throws {ApiError}
 */
async function call(path, { file, ...options } = {}) {
  const headers = headersWithToken(options.headers);
  const response = await fetch(path, { cache: "no-store", ...options, headers }).catch(async () => {
    throw await unanswered(file);
  });
  if (!response.ok) throw errorOf(response.status, await response.text());
  return response;
}

/** As `call`, for JSON. */
async function ask(path, options) {
  return (await call(path, options)).json();
}

/** The error where no answer came: a browser sends nothing of a file that it cannot read. */
async function unanswered(file) {
  const reason = file && (await unreadable(file));
  if (reason) return new ApiError(reason, "unreadable");
  serverEvents.dispatchEvent(new Event("gone"));
  const start = "It may have been stopped; start it again with: mien serve";
  return new ApiError(`The server does not answer. ${start}`, "gone");
}

/** The error that an answer holds: {"error": {"code", "message"}}. */
function errorOf(status, text) {
  if (status === 401) serverEvents.dispatchEvent(new Event("token"));
  try {
    const { code, message } = JSON.parse(text).error;
    return new ApiError(message, code);
  } catch {
    return new ApiError(`The server answered with status ${status}, and no message.`);
  }
}

function formOf(file) {
  const body = new FormData();
  body.append("images", file, file.name);
  return { method: "POST", body, file };
}

export function getHealth() {
  return ask("api/health");
}

export async function getModels() {
  return (await ask("api/models")).models;
}

export function getModel(name) {
  return ask(`api/models/${encodeURIComponent(name)}`);
}

/**
 * Read the faces of one image. The threshold is the page's own affair: here none is unsure.
 *
 * @param {File} file
 * @returns {Promise<{name, width, height, ms, error, faces}>}
 * @throws {ApiError} also where the image cannot be read.
 */
export async function readImage(file) {
  return (await ask("api/readings?threshold=0", formOf(file))).images[0];
}

/** What the reading of a face rests on; `face` counts from 0 in the order of the readings. */
export function explainFace(file, face) {
  return ask(`api/explanations?face=${face}`, formOf(file));
}

/**
 * Send a video and follow its reading.
 *
 * XMLHttpRequest and not fetch, which does not tell how much of a body has been sent.
 *
 * @param {File} file
 * @param {{sent: (share: number) => void, event: (name: string, data: object) => void}} told
 *   `sent` with 0 to 1 while the video goes out, `event` with each event of the answer.
 * @returns {{done: Promise<void>, cancel: () => void}} `done` rejects with an ApiError, or with an
 *   AbortError after `cancel`.
 */
export function readVideo(file, told) {
  const request = new XMLHttpRequest();
  request.open("POST", "api/videos?threshold=0");
  const headers = headersWithToken({
    Accept: "text/event-stream",
    "Content-Type": file.type.startsWith("video/") ? file.type : "application/octet-stream",
    "X-Filename": encodeURIComponent(file.name),
  });
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);

  let id = null;
  const readEvents = eventReader((name, data) => {
    if (name === "accepted") id = data.id;
    told.event(name, data);
  });
  const done = new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => told.sent(event.loaded / event.total);
    request.upload.onload = () => told.sent(1);
    request.onprogress = () => {
      if (request.status === 200) readEvents(request.responseText);
    };
    request.onload = () => {
      if (request.status !== 200) return reject(errorOf(request.status, request.responseText));
      readEvents(request.responseText);
      resolve();
    };
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.onerror = async () => {
      // A server that refuses a video may close the connection while it is still being sent.
      if (request.status >= 400) return reject(errorOf(request.status, request.responseText));
      reject(await unanswered(file));
    };
  });
  request.send(file);

  function cancel() {
    request.abort();
    if (id !== null) call(`api/videos/${id}`, { method: "DELETE" }).catch(() => {});
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
  const headers = {
    "Content-Type": "application/x-ndjson",
    "X-Filename": encodeURIComponent(name),
  };
  const response = await call(`api/rows?${query}`, {
    method: "POST",
    body: new Blob(lines),
    headers,
  });
  const given = /filename="rows(.*)"/.exec(response.headers.get("content-disposition") ?? "");
  return { blob: await response.blob(), ending: given?.[1] ?? "" };
}

/** What cuts server-sent events out of a text that grows, when it is given all of it until now. */
function eventReader(told) {
  let from = 0;
  return (text) => {
    for (let end = text.indexOf("\n\n", from); end >= 0; end = text.indexOf("\n\n", from)) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(text.slice(from, end));
      from = end + 2;
      told(name, JSON.parse(data));
    }
  };
}
