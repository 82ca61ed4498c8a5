/** Files in and out: dropped, pasted, chosen; taken away. */

import { byId, make, onClick } from "./elements.js";

/**
 * Take files that are dropped anywhere on a tab, chosen by one of its buttons, or pasted.
 *
 * @param {string} tab
 * @param {string[]} buttons their ids.
 * @param {(files: File[]) => void} take
 */
export function takeFiles(tab, buttons, take) {
  const [panel, input] = [byId(tab), byId(`${tab}-input`)];
  for (const button of buttons) onClick(button, () => input.click());
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
export async function downloadPng(name, canvas) {
  download(name, await new Promise((resolve) => canvas.toBlob(resolve, "image/png")));
}

/** "holiday/a.jpg" -> "a", to which another ending can be given. */
export function stemOf(name) {
  return name.replace(/^.*[\\/]/, "").replace(/\.[^.]*$/, "") || "mien";
}

/** The moment, for the name of a file: "20260131-140502". */
export function stamp() {
  const now = new Date().toLocaleString("sv"); // "2026-01-31 14:05:02", as Swedes write it
  return now.replaceAll(/[-:]/g, "").replace(" ", "-");
}
