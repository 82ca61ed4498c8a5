// Names, merges and excludes the people of a report, and gives that as a file.
// What `mien rows` does with the file stands in mien/rows/people.py.
"use strict";
const report = JSON.parse(document.getElementById("report").textContent);
const makeElement = (tag, values = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), values);
  element.append(...children);
  return element;
};
const oneLine = (text) => text.trim().replace(/\s+/g, " ");
const percent = (share) => `${Math.round(100 * share)}%`;
const clock = (time_s) => {
  const tenths = Math.floor(time_s * 10 + 0.5);
  const seconds = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  const minutes = Math.floor(tenths / 600);
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
};

const rows = document.querySelectorAll("#people tbody tr");
const people = report.people.map((person, i) => ({ ...person, row: rows[i] }));
const bands = new Map();  // track -> its label in the timeline, and what its band and lanes show
for (const place of document.querySelectorAll(".timeline .person")) {
  const lines = [...place.querySelectorAll(".band, .lane")];
  bands.set(Number(place.dataset.track), { place, lines, shown: lines.map((one) => [...one.children]) });
}
const eventRows = document.querySelector("#events tbody");
const figures = [...document.querySelectorAll("figure")];
const said = document.querySelector(".said");
let isSaved = true;

function addInputs(person) {
  const { track, row } = person;
  const cell = row.cells[1];
  person.input = makeElement("input", {
    type: "text", value: person.name, placeholder: `person ${track}`, maxLength: 60,
    ariaLabel: `Name of track ${track}`, autocomplete: "off" });
  person.input.setAttribute("list", "all-names");
  person.box = makeElement("input", { type: "checkbox", ariaLabel: `exclude track ${track}` });
  person.note = makeElement("span");
  const label = makeElement("label", {}, person.box, "exclude");
  const small = makeElement("small", {}, `track ${track}`, person.note, label);
  person.bar = cell.querySelector(".bar");
  cell.replaceChildren(person.input, small, person.bar);
  for (const input of [person.input, person.box]) {
    input.addEventListener("input", () => { isSaved = false; update(); });
  }
}

const nameOf = (person) => oneLine(person.input.value) || `person ${person.track}`;

/** Name -> the people who have it, those who are excluded left out. */
function groups() {
  const found = new Map();
  for (const person of people.filter((one) => !one.box.checked)) {
    const name = nameOf(person);
    found.set(name, [...(found.get(name) ?? []), person]);
  }
  return found;
}

/** The sums of some tracks, as `mien rows` has them. */
function sum(members) {
  const weights = members.map((one) => one.on_screen_s || 1e-9);
  const all = weights.reduce((a, b) => a + b);
  const mean = (key) => report.emotions.map(
    (_, i) => members.reduce((total, one, j) => total + weights[j] * one[key][i], 0) / all);
  return {
    on_screen_s: members.reduce((total, one) => total + one.on_screen_s, 0),
    first_s: Math.min(...members.map((one) => one.first_s)),
    last_s: Math.max(...members.map((one) => one.last_s)),
    shares: mean("shares"),
    means: mean("means"),
  };
}

function showNumbers({ row, bar }, sums) {
  const [, , ...cells] = row.cells;
  const times = ["on_screen_s", "first_s", "last_s"];
  times.forEach((name, i) => { cells[i].textContent = sums ? clock(sums[name]) : ""; });
  bar.hidden = !sums;
  bar.replaceChildren();
  const most = sums && Math.max(...sums.shares);
  report.emotions.forEach(([, color], i) => {
    const cell = cells[times.length + i];
    const share = sums?.shares[i];
    cell.className = sums ? (share === most ? "most" : share < 0.005 ? "few" : "") : "";
    cell.replaceChildren();
    if (!sums) return;
    cell.append(percent(share), makeElement("small", { textContent: sums.means[i].toFixed(2) }));
    if (share) {
      const part = makeElement("span");
      part.style.width = `${100 * share}%`;
      part.style.background = color;
      bar.append(part);
    }
  });
}

function showBands(found) {
  for (const { place, lines, shown } of bands.values()) {
    lines.forEach((line, i) => line.replaceChildren(...shown[i]));
    place.hidden = true;
  }
  for (const [name, members] of found) {
    const [first, ...others] = members.filter((one) => bands.has(one.track));
    if (!first) continue;
    const { place, lines } = bands.get(first.track);
    for (const other of others)
      lines.forEach((line, i) => line.append(...bands.get(other.track).shown[i]));
    for (const line of lines) line.classList.toggle("two", line.querySelector(".second") !== null);
    place.hidden = false;
    place.querySelector("span").textContent = name;
    const seen = members.reduce((total, one) => total + one.seen, 0);
    place.querySelector("small").textContent = `${percent(Math.min(1, seen))} of the time`;
  }
}

/** The table of events, as `mien rows` has it. */
function showEvents(found) {
  if (!eventRows) return;
  eventRows.replaceChildren();
  const cell = (...content) => makeElement("td", {}, ...content);
  for (const [name, members] of found) {
    const total = (key, i) => members.reduce((sum, one) => sum + (one[key][i] ?? 0), 0);
    const seen_s = members.reduce((sum, one) => sum + one.seen_s, 0);
    const before = eventRows.rows.length;
    report.emotions.forEach(([emotion, color], i) => {
      const [count, total_s] = [total("counts", i), total("totals_s", i)];
      if (!count) return;
      const swatch = makeElement("span", { className: "swatch" });
      swatch.style.background = color;
      const numbers = [
        `${(100 * total_s / seen_s).toFixed(1)}%`, `${count}`,
        `${(total_s / count).toFixed(1)} s`, (60 * count / seen_s).toFixed(1)];
      const words = [cell(name), cell(swatch, emotion)];
      for (const word of words) word.className = "left";
      eventRows.append(makeElement("tr", {}, ...words, ...numbers.map((text) => cell(text))));
    });
    if (eventRows.rows.length > before) continue;
    const none = makeElement("td", { className: "left few", colSpan: 5, textContent: "no event" });
    eventRows.append(makeElement("tr", {}, makeElement("td", { className: "left" }, name), none));
  }
}

function showStills() {
  const byTrack = new Map(people.map((person) => [person.track, person]));
  report.stills.forEach((still, i) => {
    const person = byTrack.get(still.track);
    figures[i].hidden = still.tracks.some((track) => byTrack.get(track)?.box.checked);
    const name = person ? nameOf(person) : `person ${still.track}`;
    const words = `${clock(still.time_s)}: ${name}, ${still.emotion} ${percent(still.probability)}`;
    figures[i].querySelector("figcaption").textContent = words;
    figures[i].querySelector("img").alt = words;
  });
}

/** Track -> a sentence on the other that it is in one frame with, and cannot be merged with. */
function whatIsWrong(found) {
  const wrong = new Map();
  for (const [a, b, time_s] of report.meetings) {
    const members = [...found.values()].find((group) => group.some((one) => one.track === a)) ?? [];
    if (members.some((one) => one.track === b)) {
      const name = nameOf(members[0]);
      const sentence = `Tracks ${a} and ${b} are both called ${name}, but ${clock(time_s)} shows `
        + "both: mien rows will refuse that.";
      for (const track of [a, b]) if (!wrong.has(track)) wrong.set(track, sentence);
    }
  }
  return wrong;
}

function update() {
  const found = groups();
  const wrong = whatIsWrong(found);
  for (const person of people) {
    const members = found.get(nameOf(person)) ?? [];
    const isExcluded = person.box.checked;
    const isFirst = members[0] === person;
    person.row.classList.toggle("excluded", isExcluded);
    person.input.ariaInvalid = String(wrong.has(person.track));
    showNumbers(person, isExcluded ? sum([person]) : isFirst ? sum(members) : null);
    person.note.textContent = isExcluded || isFirst ? "" : `, counted with track ${members[0].track}`;
  }
  showBands(found);
  showEvents(found);
  showStills();
  const isMerged = (members) => members.length > 1 && !members.some((one) => wrong.has(one.track));
  const merged = [...found].filter(([, members]) => isMerged(members))
    .map(([name, members]) => `${name} is tracks ${members.map((one) => one.track).join(", ")}.`);
  if (!found.size) merged.push("All are excluded: mien rows will refuse that.");
  said.textContent = [...new Set(wrong.values()), ...merged].join(" ");
  said.classList.toggle("wrong", wrong.size > 0 || !found.size);
  const names = new Set(people.map((one) => oneLine(one.input.value)).filter(Boolean));
  allNames.replaceChildren(...[...names].map((value) => makeElement("option", { value })));
}

function save() {
  const cell = (text) => /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const lines = people.map((one) => [one.track, cell(nameOf(one)), one.box.checked ? "yes" : "", ""]);
  const text = [["track", "name", "exclude", "note"], ...lines].map((line) => `${line.join()}\n`);
  // Excel takes UTF-8 for something else without the mark at its start.
  const url = URL.createObjectURL(new Blob(["\ufeff", ...text], { type: "text/csv" }));
  makeElement("a", { href: url, download: report.csv }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  isSaved = true;
}

const allNames = makeElement("datalist", { id: "all-names" });
if (people.length) {
  document.body.append(allNames);
  people.forEach(addInputs);
  update();
  for (const part of document.querySelectorAll(".naming")) part.hidden = false;
  document.querySelector(".naming button").addEventListener("click", save);
  window.addEventListener("beforeunload", (event) => { if (!isSaved) event.preventDefault(); });
}
