/** What a visitor chose, kept in the browser alone; a browser that keeps nothing forgets it. */

import { byId } from "./elements.js";
import { percent } from "./emotions.js";

const PREFIX = "mien.";

export function remembered(name, otherwise = null) {
  try {
    return localStorage.getItem(PREFIX + name) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, String(value));
  } catch {
    // Private windows may refuse; the choice then holds until the page is closed.
  }
}

/**
 * A slider with its value in words beside it, remembered; gives a function that tells its value.
 *
 * @param {string} id
 * @param {(value: number) => void} changed
 * @param {{words?: (value: number) => string, name?: string}} how what it says, and the name under
 *   which it is remembered.
 */
export function bindSlider(id, changed, { words = thresholdWords, name = id } = {}) {
  const slider = byId(id);
  slider.value = remembered(name, slider.value);
  const value = () => Number(slider.value);
  const show = () => {
    byId(`${id}-value`).textContent = words(value());
    slider.setAttribute("aria-valuetext", words(value()));
  };
  slider.addEventListener("input", () => {
    show();
    remember(name, value());
    changed(value());
  });
  show();
  return value;
}

/** A threshold in words: "none", or "60 %". */
function thresholdWords(value) {
  return value === 0 ? "none" : percent(value);
}
