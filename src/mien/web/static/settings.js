/** What a visitor chose, kept in the browser alone; a browser that keeps nothing forgets it. */

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
 * A slider with its value in words, remembered; gives a function that tells its value.
 *
 * @param {HTMLInputElement} slider
 * @param {{output: HTMLOutputElement, name: string, words: (value: number) => string,
 *   changed: (value: number) => void}} options
 */
export function bindSlider(slider, { output, name, words, changed }) {
  slider.value = remembered(name, slider.value);
  const value = () => Number(slider.value);
  const show = () => {
    output.textContent = words(value());
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
export function thresholdWords(value) {
  return value === 0 ? "none" : `${Math.round(value * 100)}\u202f%`;
}
