/** Where the page begins. */

import { takeToken } from "./api.js";
import { byId, make, shapeOf } from "./elements.js";
import { EMOTIONS } from "./emotions.js";
import { keepPageOnDrop } from "./files.js";
import { healthEvents, startHealth } from "./health.js";
import { startModel } from "./model.js";
import { startNotice } from "./notice.js";
import { startPhoto } from "./photo.js";
import { startTabs } from "./tabs.js";
import { startTheme } from "./theme.js";
import { startVideo } from "./video.js";
import { startWebcam } from "./webcam.js";

takeToken();
startTheme();
for (const row of document.querySelectorAll(".shapes")) row.append(...EMOTIONS.map(shapeOf));
byId("legend").append(
  ...EMOTIONS.map((emotion) => make("li", {}, [shapeOf(emotion), emotion.name])),
);
keepPageOnDrop();

const health = new Promise((resolve) => {
  healthEvents.addEventListener("known", (event) => resolve(event.detail), { once: true });
});
startWebcam(health);
startPhoto(health);
startVideo(health);
startModel();
startTabs();
startNotice();
startHealth();
