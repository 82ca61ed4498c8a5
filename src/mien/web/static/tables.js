/** Tables, and the links in them. */

import { make } from "./elements.js";

/**
 * Fill a table.
 *
 * @param {string[]} head
 * @param {number[]} textColumns those that stand at the left.
 * @param {HTMLTableRowElement[]} rows
 */
export function fillTable(table, head, textColumns, rows) {
  const cells = head.map((name, at) =>
    make("th", { scope: "col", class: textColumns.includes(at) && "text" }, [name]),
  );
  table.replaceChildren(make("thead", {}, [make("tr", {}, cells)]), make("tbody", {}, rows));
}

/** A row of a table; each cell has its class, or none, and what stands in it. */
export function makeRow(cells) {
  const made = cells.map(([kind, ...content]) => make("td", { class: kind }, content));
  return make("tr", {}, made);
}

/** A button that looks like a link. */
export function makeLink(words, onclick) {
  return make("button", { type: "button", class: "link", onclick }, [words]);
}
