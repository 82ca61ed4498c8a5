/** Where the page begins. */

import { byId, make, shapeOf } from "./elements.js";
import { EMOTIONS } from "./emotions.js";
import { startEngine } from "./engine.js";
import { keepPageOnDrop } from "./files.js";
import { startNotice, startTabs, startTheme } from "./frame.js";
import { startModel } from "./model.js";
import { startPhoto } from "./photo.js";
import { startWebcam } from "./webcam.js";

startTheme();
for (const row of document.querySelectorAll(".shapes")) row.append(...EMOTIONS.map(shapeOf));
byId("legend").append(
  ...EMOTIONS.map((emotion) => make("li", { class: "row" }, [shapeOf(emotion), emotion.name])),
);
keepPageOnDrop();

startWebcam();
startPhoto();
startModel();
startEngine();
startTabs();
startNotice();
