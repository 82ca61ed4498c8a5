/** Files in and out: dropped, pasted, chosen; taken away. */

import { make } from "./elements.js";

/**
 * Take files that are dropped anywhere on a part of the page, chosen by its button, or pasted.
 *
 * @param {{panel: HTMLElement, buttons: HTMLElement[], input: HTMLInputElement}} parts
 * @param {(files: File[]) => void} take
 */
export function takeFiles({ panel, buttons, input }, take) {
  for (const button of buttons) button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = ""; // so that the same file can be chosen again
  });
  panel.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    panel.classList.add("over");
  });
  panel.addEventListener("dragleave", (event) => {
    if (!panel.contains(event.relatedTarget)) panel.classList.remove("over");
  });
  panel.addEventListener("drop", (event) => {
    panel.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
  document.addEventListener("paste", (event) => {
    if (panel.hidden || !event.clipboardData.files.length) return;
    event.preventDefault();
    take([...event.clipboardData.files]);
  });
}

/** A file that misses its place must not make the browser leave the page for it. */
export function keepPageOnDrop() {
  for (const kind of ["dragover", "drop"]) {
    window.addEventListener(kind, (event) => event.preventDefault());
  }
}

/** Give people a file: text, pieces of text, or a Blob. */
export function download(name, content, type = "text/plain") {
  const blob = content instanceof Blob ? content : new Blob([content].flat(), { type });
  const address = URL.createObjectURL(blob);
  const link = make("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** A canvas as a PNG to take away. */
export function downloadPng(name, canvas) {
  return new Promise((resolve) => {
    canvas.toBlob((blob) => {
      download(name, blob);
      resolve();
    }, "image/png");
  });
}

/** "holiday/a.jpg" -> "a", to which another ending can be given. */
export function stemOf(name) {
  return name.replace(/^.*[\\/]/, "").replace(/\.[^.]*$/, "") || "mien";
}

/** The moment, for the name of a file: "20260131-140502". */
export function stamp(now = new Date()) {
  const two = (number) => String(number).padStart(2, "0");
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  return `${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
}
