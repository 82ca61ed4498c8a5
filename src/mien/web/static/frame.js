/** The frame of the page: its colours, its tabs, and the notice of the first visit. */

import { byId, onClick } from "./elements.js";
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
  for (const query of ["(prefers-color-scheme: dark)", "print"])
    matchMedia(query).addEventListener("change", apply);
}

/** Fires "change" with the name of the tab that is shown now as `detail`. */
export const tabEvents = new EventTarget();

const tabs = [...document.querySelectorAll('[role="tab"]')];

function nameOf(tab) {
  return tab.getAttribute("aria-controls");
}

function show(name) {
  for (const tab of tabs) {
    const chosen = nameOf(tab) === name;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    document.getElementById(nameOf(tab)).hidden = !chosen;
  }
  document.title = `${name[0].toUpperCase()}${name.slice(1)} – mien`;
  tabEvents.dispatchEvent(new CustomEvent("change", { detail: name }));
}

function showAddressed() {
  const name = location.hash.slice(1);
  if (name && !tabs.some((tab) => nameOf(tab) === name)) return; // another anchor: #main
  show(name || nameOf(tabs[0]));
}

function choose(tab) {
  if (location.hash !== `#${nameOf(tab)}`) history.pushState(null, "", `#${nameOf(tab)}`);
  show(nameOf(tab));
}

export function startTabs() {
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const last = tabs.length - 1;
      const to = {
        ArrowRight: at === last ? 0 : at + 1,
        ArrowLeft: at === 0 ? last : at - 1,
        Home: 0,
        End: last,
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose(tabs[to]);
      tabs[to].focus();
    });
  });
  window.addEventListener("popstate", showAddressed);
  window.addEventListener("hashchange", showAddressed);
  showAddressed();
}

/** What is processed, where, and who must be told. */
export function startNotice() {
  const notice = byId("notice");
  const read = () => remember("notice", "read");
  onClick("notice-close", () => {
    read(); // the event of closing comes later, and a page that is loaded anew does not wait for it
    notice.close();
  });
  notice.addEventListener("close", read); // by Escape, too
  onClick("notice-again", () => notice.showModal());
  if (remembered("notice") !== "read") notice.showModal();
}
