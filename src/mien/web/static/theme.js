/** Light or dark: as the desktop is, or as was chosen here. */

import { byId } from "./elements.js";
import { remember, remembered } from "./settings.js";

/** Fires "change" when colours have changed, for what is drawn on canvases. */
export const themeEvents = new EventTarget();

export function startTheme() {
  const choice = byId("theme");
  const apply = () => {
    document.documentElement.style.colorScheme = choice.value === "auto" ? "" : choice.value;
    themeEvents.dispatchEvent(new Event("change"));
  };
  choice.value = remembered("theme", "auto");
  apply();
  choice.addEventListener("change", () => {
    remember("theme", choice.value);
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
}
