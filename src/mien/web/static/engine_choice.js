/** Who reads photos and the webcam: the server, or this browser; remembered. */

import { loadRecognizer } from "./browser_reader.js";
import { byId, showTrouble } from "./elements.js";
import { remember, remembered } from "./settings.js";

// At once: no image may be sent before the server has said anything.
let chosen = remembered("engine") === "browser" ? "browser" : "server";

/** Fires "change" when another one is to read. */
export const engineEvents = new EventTarget();

export function browserReads() {
  return chosen === "browser";
}

export function startChoice() {
  for (const radio of document.querySelectorAll('[name="engine"]')) {
    radio.checked = radio.value === chosen;
    radio.addEventListener("change", () => {
      remember("engine", radio.value);
      choose(radio.value);
    });
  }
  showChosen();
}

/** @param {boolean} possible whether this browser can read as the server does; else that reads. */
export function offerChoice(possible) {
  byId("engine").hidden = !possible;
  if (!possible) choose("server");
}

function choose(engine) {
  if (engine === chosen) return;
  chosen = engine;
  showChosen();
  engineEvents.dispatchEvent(new Event("change"));
}

/** Say on the page where it reads, and have the networks there. */
function showChosen() {
  for (const part of document.querySelectorAll("[data-by]"))
    part.hidden = part.dataset.by !== chosen;
  showTrouble("engine-trouble");
  if (!browserReads()) return;
  loadRecognizer().catch((error) =>
    showTrouble("engine-trouble", `This browser cannot read: ${error.message}`),
  );
}
