/** The Video tab: a video in, its player with boxes, a timeline and a summary out. */

import { makeOfRows, readVideo } from "./api.js";
import { byId, hide, make, onClick, resize, shapeOf, showTrouble } from "./elements.js";
import { EMOTIONS, emotionOf, percent, withThreshold } from "./emotions.js";
import { describe, drawFaces, PeopleCards } from "./faces.js";
import { download, stemOf, takeFiles } from "./files.js";
import { themeEvents } from "./frame.js";
import { frameToCsv, frameToJsonLines, framesHeader } from "./rows.js";
import { bindSlider } from "./settings.js";
import { fillTable, makeLink, makeRow } from "./tables.js";
import { Timeline } from "./timeline.js";
import { aboutFile, clock, count, megabytes, tooLarge } from "./words.js";

const EPSILON_S = 0.004; // a player's times are rounded
const HOLD_S = 0.5; // how long the last reading stands where the video goes on, unread

let video = null; // {file, address, info, frames, names, playable, reading, result}
let moment = 0; // of a video that cannot be played
let limits = null;

const player = byId("video-player");
const overlay = byId("video-overlay");
const nameOf = (track) => video?.names.get(track) || `person ${track}`;
const cards = new PeopleCards(byId("video-faces"), nameOf);
const timeline = new Timeline(byId("timeline"), {
  seek,
  words: (seconds) => `${clock(seconds)}. ${describe(facesAt(seconds), "The video")}`,
  hover: (seconds) => showTime(seconds),
});
const threshold = bindSlider("video-threshold", (value) => {
  timeline.threshold = value;
  showMoment();
});

const trouble = (message) => showTrouble("video-trouble", message);

/** Read a video; one that is being read is cancelled. */
async function read(files) {
  if (!files.length) return;
  if (files.length > 1) return trouble(`expected one video at a time; got ${files.length} files`);
  const [file] = files;
  close();
  const refusal = tooLarge(file, limits?.video_bytes);
  if (refusal) return trouble(`${file.name}: ${refusal}`);
  const mine = {
    file,
    address: URL.createObjectURL(file),
    info: null,
    frames: [],
    names: new Map(), // track -> what the person is called; kept as long as the page has the video
    playable: true,
  };
  video = mine;
  moment = 0;
  byId("video-progress").hidden = false;
  hide("video-drop", "video-cancel");
  const startedAt = performance.now();
  let failure = null;
  const sent = (share) => {
    if (video !== mine || mine.info) return;
    if (share < 1)
      showProgress("Sending the video", share, `${file.name}, ${megabytes(file.size)}`);
    else showProgress("Opening the video", null, file.name);
  };
  sent(0);
  mine.reading = readVideo(file, {
    sent,
    event: (name, data) => {
      if (video !== mine) return;
      if (name === "accepted") open(data);
      else if (name === "frames") takeFrames(data, startedAt);
      else if (name === "result") mine.result = data;
      else if (name === "failed") failure = data.error;
    },
  });
  try {
    await mine.reading.done;
    if (failure) throw failure;
    if (video === mine) finish("");
  } catch (error) {
    if (video !== mine) return;
    const cancelled = error.name === "AbortError";
    finish(cancelled ? "" : aboutFile(file.name, error.message), cancelled);
  }
}

/** The server has the video: show its player while it is read. */
function open(info) {
  video.info = info;
  byId("video-results").hidden = false;
  player.hidden = false;
  byId("video-unseen").hidden = true;
  player.src = video.address;
  timeline.begin(info.duration_s ?? 0);
  timeline.threshold = threshold();
  byId("video-caption").textContent =
    `${video.file.name}: ${info.width} × ${info.height} pixels` +
    (info.fps ? `, ${Number(info.fps.toFixed(2))} frames/s` : "") +
    (info.duration_s ? `, ${clock(info.duration_s)}` : "");
  showDownloads(false);
  byId("video-people-note").textContent = "It comes when the video is read to its end.";
  byId("video-table").replaceChildren();
  showProgress("Reading the video", 0, "");
}

function takeFrames({ frames, done_s: doneS, duration_s: durationS }, startedAt) {
  // A video may have hundreds of thousands of faces: what no row has is not kept.
  for (const { faces } of frames)
    for (const face of faces) if (!face.detected) delete face.landmarks;
  video.frames.push(...frames);
  timeline.add(frames);
  const speed = doneS / ((performance.now() - startedAt) / 1000);
  const of = durationS ? ` of ${clock(durationS)}` : "";
  const fast = `${speed.toFixed(1)} times as fast as it plays`;
  const detail = `${clock(doneS)}${of}, ${count(video.frames.length, "frame")}, ${fast}`;
  showProgress("Reading the video", durationS ? Math.min(doneS / durationS, 1) : null, detail);
  if (player.paused) showMoment();
}

function showProgress(doing, share, detail) {
  byId("video-doing").textContent = doing;
  if (share === null) byId("video-bar").removeAttribute("value");
  else byId("video-bar").value = share;
  byId("video-detail").textContent = detail;
}

/** The reading has ended, well or not; what was read is kept. */
function finish(message, cancelled = false) {
  video.reading = null;
  if (video.frames.length) hide("video-progress", "video-another");
  else close();
  trouble(message);
  if (!video) {
    if (cancelled) byId("video-said").textContent = "Cancelled.";
    return;
  }
  const { result, frames } = video;
  if (result?.duration_s) timeline.end(result.duration_s);
  const until = clock(frames.at(-1).time_s);
  const people = result?.people;
  byId("video-said").textContent = result
    ? `${count(result.frames, "frame")}, ${count(people.length, "person", "people")}, ` +
      `read in ${result.read_s.toFixed(1)} s.`
    : `${cancelled ? "Cancelled" : "It ended"} at ${until}. What was read until then is here.`;
  showPeople(people ?? null);
  showDownloads(true);
  showMoment();
  observe(video, message);
}

/**
 * Events and what is not usable come from the server, which has the code for them. That there are
 * none is said where nothing else is: the server that was lost in the middle has none to give.
 */
async function observe(mine, complaint) {
  try {
    const { blob } = await makeOfRows("observed", rowsAs(frameToJsonLines), about());
    const observed = JSON.parse(await blob.text());
    if (video === mine) timeline.observe(observed);
  } catch (error) {
    if (video === mine && !complaint) trouble(`The timeline has no events. ${error.message}`);
  }
}

function about() {
  const { width, height, fps } = video.info;
  return { name: video.file.name, media: { duration_s: timeline.durationS, fps, width, height } };
}

/** What is made here while nobody has a name: its ending, its type and what it holds. */
const MADE_HERE = {
  csv: [".csv", "text/csv", () => [framesHeader, ...rowsAs(frameToCsv)]],
  jsonl: [".jsonl", "application/jsonl", () => rowsAs(frameToJsonLines)],
  summary: [".json", "application/json", () => `${JSON.stringify(video.result.people, null, 2)}\n`],
};

/** Give a file of the rows: with the names that were given it is the server that makes it. */
async function save(kind) {
  const suffix = ["summary", "events", "statistics"].includes(kind) ? `-${kind}` : "";
  const name = `${stemOf(video.file.name)}${suffix}`;
  if (kind in MADE_HERE && !video.names.size) {
    const [ending, type, content] = MADE_HERE[kind];
    return download(`${name}${ending}`, content(), type);
  }
  byId("video-making").textContent = "Making the file …";
  try {
    const { blob, ending } = await makeOfRows(kind, rowsAs(frameToJsonLines), about());
    download(`${name}${ending}`, blob);
    trouble("");
  } catch (error) {
    trouble(error.message);
  }
  byId("video-making").textContent = "";
}

function close() {
  const reading = video?.reading;
  if (video) URL.revokeObjectURL(video.address);
  video = null;
  reading?.cancel();
  player.removeAttribute("src");
  player.load();
  trouble("");
  byId("video-said").textContent = "";
  byId("video-drop").hidden = false;
  hide("video-progress", "video-choose");
  hide("video-results", "video-choose");
}

/** The readings of the frame that is shown at a time: of the last one that began before it. */
function facesAt(seconds) {
  const frames = video?.frames ?? [];
  let low = 0;
  let high = frames.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (frames[middle].time_s <= seconds + EPSILON_S) low = middle + 1;
    else high = middle;
  }
  const frame = frames[low - 1];
  const isUnread = low === frames.length && !video.result && seconds - frame?.time_s > HOLD_S;
  if (!frame || isUnread) return [];
  return withThreshold(frame.faces, threshold());
}

function seek(seconds) {
  if (!video) return;
  if (video.playable) player.currentTime = seconds;
  moment = seconds;
  showMoment(seconds);
}

function now() {
  return video?.playable ? player.currentTime : moment;
}

/** Show what is read at a moment: boxes, bars, the place on the timeline. */
function showMoment(seconds = now()) {
  if (!video?.info) return;
  const faces = facesAt(seconds);
  drawOverlay(faces);
  cards.show(faces);
  byId("video-none").hidden = faces.length > 0;
  timeline.setTime(seconds);
  showTime(null);
}

function showTime(hovered) {
  const shown = hovered ?? now();
  byId("video-time").textContent = `${clock(shown)} / ${clock(timeline.durationS)}`;
  byId("video-observed").textContent = timeline.observedAt(shown);
}

/** Lay the boxes on the image of the player, which may be smaller than the player. */
function drawOverlay(faces) {
  const { videoWidth, videoHeight, clientWidth, clientHeight } = player;
  overlay.hidden = !video.playable || !videoWidth;
  if (overlay.hidden) return;
  const fit = Math.min(clientWidth / videoWidth, clientHeight / videoHeight);
  const [width, height] = [videoWidth * fit, videoHeight * fit];
  const density = window.devicePixelRatio || 1;
  const [across, down] = [Math.round(width * density), Math.round(height * density)];
  resize(overlay, across, down);
  overlay.style.width = `${width}px`;
  overlay.style.height = `${height}px`;
  overlay.style.left = `${player.offsetLeft + (clientWidth - width) / 2}px`;
  overlay.style.top = `${player.offsetTop + (clientHeight - height) / 2}px`;
  const context = overlay.getContext("2d");
  context.clearRect(0, 0, across, down);
  const letterPx = Math.max(13, width / 60) * density;
  const scale = across / video.info.width;
  drawFaces(context, faces, { scale, width: across, height: down, letterPx });
}

/** Follow the player frame by frame where the browser can, else as often as it draws. */
function followPlayer() {
  if (player.requestVideoFrameCallback) {
    player.requestVideoFrameCallback((_, { mediaTime }) => {
      showMoment(mediaTime);
      followPlayer();
    });
  } else {
    requestAnimationFrame(() => {
      if (!player.paused) showMoment();
      followPlayer();
    });
  }
}

/** A row for each person; without a summary, of a video that was not read to its end, none. */
function showPeople(people) {
  byId("video-people-note").textContent =
    people === null
      ? "There is a summary of a video only when it was read to its end."
      : people.length
        ? "Of the time on screen, the share in which a face was read as each emotion. People of one " +
          "name are one person in all downloads; the names are gone with the page."
        : "No face was found.";
  if (!people?.length) return byId("video-table").replaceChildren();
  const shares = EMOTIONS.map(({ name }) => name);
  const head = ["person", "name", "from", "to", "on screen", "mostly", ...shares, "changes/min"];
  const rows = people.map((person) => {
    const emotion = emotionOf(person.emotion);
    return makeRow([
      ["text", makeLink(`person ${person.track}`, () => seek(person.first_s))],
      ["text", nameInput(person.track)],
      [null, clock(person.first_s)],
      [null, clock(person.last_s)],
      [null, `${person.on_screen_s.toFixed(1)} s`],
      ["text", shapeOf(emotion), emotion.name],
      ...shares.map((name) => [name === person.emotion && "most", percent(person.shares[name])]),
      [null, person.flips_per_minute.toFixed(1)],
    ]);
  });
  fillTable(byId("video-table"), head, [0, 1, 5], rows);
}

function nameInput(track) {
  return make("input", {
    type: "text",
    class: "name",
    maxlength: "60",
    autocomplete: "off",
    placeholder: `person ${track}`,
    "aria-label": `Name of person ${track}`,
    oninput: ({ target }) => {
      const name = target.value.trim().replace(/\s+/g, " ");
      if (name) video.names.set(track, name);
      else video.names.delete(track);
      showMoment();
    },
  });
}

function showDownloads(ready) {
  for (const id of ["video-csv", "video-jsonl", "video-other"]) byId(id).disabled = !ready;
  byId("video-summary-json").disabled = !ready || !video?.result;
}

function withNames(faces) {
  if (!video.names.size) return faces;
  return faces.map((face) => ({ ...face, name: video.names.get(face.track) }));
}

function rowsAs(toRows) {
  return video.frames.map(({ index, time_s: timeS, faces }) =>
    toRows(index, timeS, withNames(withThreshold(faces, threshold()))),
  );
}

/** @param {Promise<object>} health what the server says of itself. */
export function startVideo(health) {
  health.then((known) => (limits = known.limits));
  takeFiles("video", ["video-choose", "video-another"], read);
  onClick("video-cancel", () => video?.reading?.cancel());
  onClick("video-csv", () => save("csv"));
  onClick("video-jsonl", () => save("jsonl"));
  onClick("video-summary-json", () => save("summary"));
  onClick("video-other", () => save(byId("video-kind").value));
  player.addEventListener("error", () => {
    if (!video || !player.getAttribute("src")) return;
    video.playable = false;
    moment = 0;
    player.hidden = true;
    byId("video-unseen").hidden = false;
    showMoment();
  });
  for (const event of ["seeked", "loadeddata", "pause"])
    player.addEventListener(event, () => showMoment());
  new ResizeObserver(() => showMoment()).observe(byId("video-stage"));
  themeEvents.addEventListener("change", () => showMoment()); // on paper the player is of another size
  followPlayer();
}
