/** Whether the server is there: said when it goes, and when it comes back. */

import { getHealth, serverEvents, setToken } from "./api.js";
import { byId, showStatus, showTrouble } from "./elements.js";

const EVERY_MS = 10_000;
const EVERY_GONE_MS = 1_000;
const GOOD_NEWS_MS = 4_000;

let known;

/** Fires "back" when the server is there again, with what it says of itself as `detail`. */
export const healthEvents = new EventTarget();

/** What the server says of itself when it is there first. */
export const health = new Promise((resolve) => (known = resolve));

let gone = false;
let timer = 0;
let asking = false;

async function look() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  try {
    const said = await getHealth();
    showStatus("well", `model ${said.model}`);
    byId("version").textContent = `mien ${said.version}`;
    if (gone) sayBack(said);
    gone = false;
    known(said);
  } catch (error) {
    if (error.code === "gone") sayGone();
  } finally {
    asking = false;
    timer = setTimeout(look, gone ? EVERY_GONE_MS : EVERY_MS);
  }
}

function sayGone() {
  if (gone) return;
  gone = true;
  showStatus("gone", "no server");
  showBanner(
    "banner",
    "The server does not answer. It may have been stopped; start it again with: mien serve. " +
      "This page goes on by itself when it is back.",
  );
}

function sayBack(said) {
  showBanner("banner good", "The server is back.");
  setTimeout(() => {
    if (!gone) byId("gone").hidden = true;
  }, GOOD_NEWS_MS);
  healthEvents.dispatchEvent(new CustomEvent("back", { detail: said }));
}

function showBanner(kind, words) {
  byId("gone").className = kind;
  showTrouble("gone", words);
}

/** Ask for the token once, however many requests were refused, and after the first notice. */
function askForToken() {
  const dialog = byId("token");
  if (dialog.open) return;
  if (byId("notice").open) {
    byId("notice").addEventListener("close", askForToken, { once: true });
    return;
  }
  byId("status-text").textContent = "token needed";
  byId("token-form").onsubmit = (event) => {
    event.preventDefault();
    setToken(byId("token-input").value.trim());
    location.reload();
  };
  dialog.showModal();
}

export function startHealth() {
  serverEvents.addEventListener("gone", () => {
    sayGone();
    clearTimeout(timer);
    timer = setTimeout(look, EVERY_GONE_MS);
  });
  serverEvents.addEventListener("doubt", look);
  serverEvents.addEventListener("token", askForToken);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });
  look();
}
