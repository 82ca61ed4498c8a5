// node examples/node.mjs family.jpg crowd.jpg
//
// Pictures come as pixels: sharp, or any other package that decodes files, gives them.

import { Recognizer } from "mien";
import sharp from "sharp";

const recognizer = await Recognizer.load();
for (const file of process.argv.slice(2)) {
  const upright = sharp(file).autoOrient().flatten({ background: "white" }).toColorspace("srgb");
  const { data, info } = await upright.raw().toBuffer({ resolveWithObject: true });
  const readings = await recognizer.read({ data, width: info.width, height: info.height });
  const told = readings.map(({ emotion, probability }) => `${emotion} ${probability.toFixed(2)}`);
  console.log(`${file}: ${told.join(", ") || "no face"}`);
}
await recognizer.close();
