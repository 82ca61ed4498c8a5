/** The Webcam tab: this browser's camera, or that of the machine that runs the server. */

import { byId, hide, make, onClick, showTrouble } from "./elements.js";
import { health, openFeed } from "./engine.js";
import { downloadPng, stamp } from "./files.js";
import { listCameras, LiveReader, openCamera } from "./live.js";
import { LiveView, Recording } from "./live_view.js";
import { bindSlider, remember, remembered } from "./settings.js";

const view = new LiveView();
let source = null; // the LiveReader or feed that runs, or null
let starting = false;
let stream = null;

const say = (message) => (byId("webcam-said").textContent = message);
const trouble = (message) => showTrouble("webcam-trouble", message);

const smoothing = bindSlider("webcam-smoothing", (value) => source?.set?.({ half_life_s: value }), {
  name: "smoothing",
  words: (value) => (value === 0 ? "none" : `${value.toFixed(1)} s`),
});
const threshold = bindSlider("webcam-threshold", (value) => source?.set?.({ threshold: value }), {
  name: "threshold",
});

/** Start the browser's camera. */
async function start() {
  if (source || starting) return;
  starting = true;
  trouble("");
  say("");
  byId("webcam-begin").textContent = "Starting";
  try {
    stream = await openCamera(byId("webcam-camera").value);
    const video = byId("webcam-video");
    video.hidden = false;
    video.srcObject = stream;
    await video.play();
    const tell = (message, isOver) => {
      if (isOver) stop();
      trouble(message);
    };
    stream.getVideoTracks()[0].onended = () =>
      tell("The camera gives no more images; it may have been unplugged.", true);
    const settings = { threshold: threshold(), half_life_s: smoothing() };
    const read = (...answer) => view.show(...answer);
    source = new LiveReader(video, settings, { read, trouble: tell });
    source.start();
    view.open();
    offerCameras();
  } catch (error) {
    closeStream();
    trouble(error.message);
  }
  starting = false;
  showState();
}

function stop() {
  source?.stop?.();
  source = null;
  closeStream();
  if (view.recording) record();
  view.close();
  trouble("");
  showState();
}

function closeStream() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  byId("webcam-video").srcObject = null;
  byId("webcam-video").hidden = true;
}

function showState() {
  const running = source !== null;
  byId("webcam-begin").textContent = "Start the camera";
  if (running) byId("webcam-stop").hidden = false;
  else hide("webcam-stop", "webcam-begin");
  byId("webcam-snapshot").disabled = !running;
  byId("webcam-record").disabled = !running;
}

/** Begin a recording, or end it and give it away. */
function record() {
  if (view.recording) {
    say(view.recording.finish());
    view.recording = null;
  } else {
    view.recording = new Recording();
    say(view.recording.words());
  }
  const recording = view.recording !== null;
  byId("webcam-record").setAttribute("aria-pressed", String(recording));
  byId("webcam-record").textContent = recording ? "End recording" : "Record CSV";
}

async function offerCameras() {
  const select = byId("webcam-camera");
  const chosen = select.value || stream?.getVideoTracks()[0]?.getSettings().deviceId || "";
  const cameras = await listCameras();
  if (!cameras.length) return;
  select.replaceChildren(...cameras.map(([id, name]) => make("option", { value: id }, [name])));
  if (cameras.some(([id]) => id === chosen)) select.value = chosen;
}

/** Show the camera of the server's machine in place of the browser's. */
function startFeed() {
  for (const id of ["webcam-begin", "webcam-settings"]) byId(id).hidden = true;
  for (const id of ["webcam-still", "webcam-end"]) byId(id).hidden = false;
  byId("webcam-title").textContent = "Waiting for the camera";
  byId("webcam-lead").textContent =
    "This is the camera of the machine that runs mien, not that of this browser.";
  const end = () => {
    source = null;
    if (view.recording) record();
    view.close();
    showState();
    for (const id of ["webcam-still", "webcam-end"]) byId(id).disabled = true;
  };
  source = openFeed({
    read: (answer, image, takenAt) => {
      view.open();
      view.show(answer, image, takenAt);
      const seconds = answer.recording_s ?? null;
      if (seconds !== null) say(`mien webcam has recorded ${seconds.toFixed(0)} s.`);
    },
    saved: (path) => say(`Saved as ${path} on the machine that runs mien.`),
    ended: () => {
      end();
      byId("webcam-title").textContent = "The camera was ended";
      byId("webcam-lead").textContent = "Start it again with: mien webcam";
    },
    trouble: (message, isOver) => {
      if (isOver) end();
      trouble(message);
    },
  });
  showState();
  byId("webcam-stop").hidden = true;
  say("The camera of the machine that runs mien.");
  onClick("webcam-still", () => source?.press("s"));
  onClick("webcam-end", () => source?.press("q"));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || byId("webcam").hidden) return;
    if (event.key === "s" || event.key === "q") source?.press(event.key);
  });
}

export function startWebcam() {
  const mirror = byId("webcam-mirror");
  mirror.checked = remembered("mirror", "true") === "true";
  view.mirrored = mirror.checked;
  mirror.addEventListener("change", () => {
    view.mirrored = mirror.checked;
    remember("mirror", mirror.checked);
  });
  // The focus goes with the hand from the one button to the other.
  onClick("webcam-begin", async () => {
    await start();
    if (source) byId("webcam-stop").focus();
  });
  onClick("webcam-stop", () => {
    stop();
    byId("webcam-begin").focus();
  });
  onClick("webcam-snapshot", async () => {
    const name = `mien-webcam-${stamp()}.png`;
    await downloadPng(name, view.canvas);
    say(name);
  });
  onClick("webcam-record", record);
  byId("webcam-camera").addEventListener("change", () => {
    if (!stream) return;
    stop();
    start();
  });
  window.addEventListener("beforeunload", (event) => {
    if (view.recording) event.preventDefault(); // its rows would be lost
  });
  if (matchMedia("(max-width: 56.25em)").matches) byId("webcam-settings").open = false;
  health.then(({ camera }) => {
    if (!camera) return offerCameras();
    view.mirrored = false;
    return startFeed();
  });
}
