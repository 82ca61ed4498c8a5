/** The Model tab: what the network in use is, how good, and what it is not for. */

import { byId, make, showTrouble } from "./elements.js";
import { getModel, getModels, healthEvents } from "./engine.js";
import { tabEvents } from "./frame.js";
import { megabytes } from "./words.js";

/** What a card may be made of; a card comes from a model's file, which may be anybody's. */
const TAGS =
  "A BLOCKQUOTE BR CODE EM H1 H2 H3 H4 HR LI OL P PRE STRONG TABLE TBODY TD TH THEAD TR UL";
const ALLOWED = new Set(TAGS.split(" "));
const SPLITS = {
  test: "PrivateTest, on which nothing was chosen",
  val: "PublicTest, on which the epoch was chosen",
  "val+test": "both test sets together",
};

let models = null;
let loading = false;
let shown = null; // the model that was chosen last

async function load() {
  if (loading || models || byId("model").hidden) return;
  loading = true;
  try {
    models = await getModels();
    const again = models.find(({ name }) => name === shown?.name);
    await show(again ?? models.find((model) => model.in_use) ?? models[0]);
    showTrouble("model-trouble");
  } catch (error) {
    models = null;
    showTrouble("model-trouble", error.message);
  }
  loading = false;
}

async function show(model) {
  shown = model;
  const buttons = models.map((each) => {
    const facts = `${each.network}, ${each.parameters.toLocaleString("en")} parameters`;
    const current = each === model && "true";
    const onclick = () => choose(each);
    return make("button", { type: "button", "aria-current": current, onclick }, [
      make("strong", {}, [each.name + (each.in_use ? " (in use)" : "")]),
      make("span", { class: "dim" }, [facts]),
    ]);
  });
  byId("models").replaceChildren(...buttons);
  byId("model-tiles").replaceChildren(...tilesOf(model));
  const { card_html: html } = await getModel(model.name);
  if (shown !== model) return; // another was chosen meanwhile
  byId("model-card").replaceChildren(...cardOf(html));
}

async function choose(model) {
  try {
    await show(model);
    if (shown === model) byId("models").querySelector("[aria-current]").focus();
  } catch (error) {
    showTrouble("model-trouble", error.message);
  }
}

function tilesOf(model) {
  const tile = (figure, words) =>
    make("div", { class: "tile" }, [
      make("b", {}, [figure]),
      make("span", { class: "dim small" }, [words]),
    ]);
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
  const parsed = new DOMParser().parseFromString(html, "text/html");
  return [...parsed.body.childNodes].flatMap(clean);
}

function clean(node) {
  if (node.nodeType === Node.TEXT_NODE) return [node.textContent];
  if (node.nodeType !== Node.ELEMENT_NODE) return [];
  const children = [...node.childNodes].flatMap(clean);
  const tag = node.tagName;
  if (["SCRIPT", "STYLE"].includes(tag)) return [];
  if (!ALLOWED.has(tag)) return children;
  // What can be scrolled can be reached by the keyboard.
  const scrolled = (label) => ({ tabindex: "0", role: "region", "aria-label": label });
  if (tag === "A") {
    const address = node.getAttribute("href") ?? "";
    if (!/^https?:/.test(address)) return children;
    return [make("a", { href: address, rel: "noopener noreferrer", target: "_blank" }, children)];
  }
  if (tag === "PRE") return [make("pre", scrolled("Command"), children)];
  if (tag === "TABLE")
    return [make("div", { class: "scroll", ...scrolled("Table") }, [make("table", {}, children)])];
  // Numbers stand at the right, where Markdown's ":" put them.
  const isText = ["TD", "TH"].includes(tag) && node.getAttribute("align") !== "right";
  const lower = tag.replace(/^H([1-4])$/, (_, level) => `H${Number(level) + 1}`);
  return [make(lower, { class: isText && "text" }, children)];
}

export function startModel() {
  tabEvents.addEventListener("change", load);
  healthEvents.addEventListener("back", () => {
    models = null; // it may have been started with another
    load();
  });
}
