/** Light or dark: as the desktop is, or as was chosen here. */

import { byId } from "./elements.js";
import { remember, remembered } from "./settings.js";

/** Fires "change" when colours have changed, for what is drawn on canvases. */
export const themeEvents = new EventTarget();

function apply(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  themeEvents.dispatchEvent(new Event("change"));
}

export function startTheme() {
  const choice = byId("theme");
  choice.value = remembered("theme", "auto");
  apply(choice.value);
  choice.addEventListener("change", () => {
    remember("theme", choice.value);
    apply(choice.value);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(choice.value));
}
