/** The Model tab: what the network in use is, how good, and what it is not for. */

import { byId, make, megabytes, showTrouble } from "./elements.js";
import { getModel, getModels, healthEvents } from "./engine.js";
import { tabEvents } from "./tabs.js";

/** What a card may be made of; a card comes from a model's file, which may be anybody's. */
const ALLOWED = new Set([
  "A",
  "BLOCKQUOTE",
  "BR",
  "CODE",
  "EM",
  "H1",
  "H2",
  "H3",
  "H4",
  "HR",
  "LI",
  "OL",
  "P",
  "PRE",
  "STRONG",
  "TABLE",
  "TBODY",
  "TD",
  "TH",
  "THEAD",
  "TR",
  "UL",
]);
const SPLITS = {
  test: "PrivateTest, on which nothing was chosen",
  val: "PublicTest, on which the epoch was chosen",
  "val+test": "both test sets together",
};

let models = null;
let loading = false;

async function load() {
  if (loading) return;
  loading = true;
  try {
    models = await getModels();
    await show(models.find((model) => model.in_use) ?? models[0]);
    showTrouble(byId("model-trouble"));
  } catch (error) {
    models = null;
    showTrouble(byId("model-trouble"), error.message);
  }
  loading = false;
}

async function show(model) {
  byId("models").replaceChildren(
    ...models.map((each) =>
      make(
        "button",
        {
          type: "button",
          "aria-current": each === model ? "true" : null,
          onclick: () => choose(each),
        },
        [
          make("strong", {}, [each.name + (each.in_use ? " (in use)" : "")]),
          make("span", { class: "dim" }, [
            `${each.network}, ${each.parameters.toLocaleString("en")} parameters`,
          ]),
        ],
      ),
    ),
  );
  byId("model-tiles").replaceChildren(...tilesOf(model));
  const { card_html: html } = await getModel(model.name);
  byId("model-card").replaceChildren(...cardOf(html));
}

async function choose(model) {
  try {
    await show(model);
    [...byId("models").children][models.indexOf(model)].focus();
  } catch (error) {
    showTrouble(byId("model-trouble"), error.message);
  }
}

function tilesOf(model) {
  const tile = (figure, words) =>
    make("div", { class: "tile" }, [make("b", {}, [figure]), make("span", {}, [words])]);
  const order = Object.keys(SPLITS);
  const scores = [...model.scores].sort((a, b) => order.indexOf(a.split) - order.indexOf(b.split));
  return [
    ...scores.map(({ split, accuracy, n }) =>
      tile(
        `${(accuracy * 100).toFixed(2)}\u202f%`,
        `as labelled, of ${n.toLocaleString("en")}: ${SPLITS[split] ?? split}`,
      ),
    ),
    tile(megabytes(model.size_bytes), `the file; licence ${model.licence}`),
  ];
}

/**
 * The card as elements: nothing of it but text, links, lists and tables.
 *
 * Its headings begin one level below that of the page, and its tables can be scrolled.
 */
function cardOf(html) {
  // A style attribute would be refused, aloud, by the page's Content-Security-Policy.
  const plain = (html ?? "").replace(/ style="text-align: (\w+);?"/g, ' align="$1"');
  const parsed = new DOMParser().parseFromString(plain, "text/html");
  return [...parsed.body.childNodes].flatMap(clean);
}

function clean(node) {
  if (node.nodeType === Node.TEXT_NODE) return [node.textContent];
  if (node.nodeType !== Node.ELEMENT_NODE) return [];
  const children = [...node.childNodes].flatMap(clean);
  if (!ALLOWED.has(node.tagName)) return ["SCRIPT", "STYLE"].includes(node.tagName) ? [] : children;
  if (node.tagName === "A") {
    const address = node.getAttribute("href") ?? "";
    if (!/^https?:/.test(address)) return children;
    return [make("a", { href: address, rel: "noopener noreferrer", target: "_blank" }, children)];
  }
  const tag = node.tagName.replace(/^H([1-4])$/, (_, level) => `H${Number(level) + 1}`);
  // Numbers stand at the right, where Markdown's ":" put them.
  const isCell = tag === "TD" || tag === "TH";
  const right = node.getAttribute("align") === "right";
  // What can be scrolled can be reached by the keyboard.
  if (tag === "PRE")
    return [make("pre", { tabindex: "0", role: "region", "aria-label": "Command" }, children)];
  const cleaned = make(tag, { class: isCell && !right ? "text" : null }, children);
  if (tag !== "TABLE") return [cleaned];
  return [
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table" }, [
      cleaned,
    ]),
  ];
}

export function startModel() {
  const visible = () => !byId("model").hidden;
  tabEvents.addEventListener("change", () => visible() && !models && load());
  healthEvents.addEventListener("back", () => visible() && !models && load());
}
