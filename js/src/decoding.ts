/** Image files of a page -> images, as Python reads them: upright, and without their color profiles. */

const HEAD_BYTES = 12; // of a WebP file: RIFF, its length, WEBP
const ORIENTATION = 0x0112; // the tag of EXIF

// How an image is turned upright, by its orientation (TIFF 6.0, page 36): in quarters, clockwise, and
// then mirrored.
const MIRRORED = new Set([2, 4, 5, 7]);
const QUARTERS: Readonly<Record<number, number>> = { 3: 2, 4: 2, 5: 1, 6: 1, 7: 3, 8: 3 };

/**
 * Decode an image file.
 *
 * @throws DOMException the browser does not know its kind, or it is damaged.
 */
export async function decodeImage(file: Blob): Promise<ImageBitmap> {
  const decode = (content: Blob) => createImageBitmap(content, { colorSpaceConversion: "none" });
  const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  if (textAt(head, 0) !== "RIFF" || textAt(head, 8) !== "WEBP") return decode(file);
  // Chromium (156) turns images upright, but not those in WebP: here it finds none that is to be turned.
  const content = new Uint8Array(await file.arrayBuffer());
  const orientation = takeOrientation(content);
  const image = await decode(new Blob([content], { type: file.type }));
  return orientation > 1 ? turned(image, orientation) : image;
}

/** Turn an image as an orientation of EXIF says. */
function turned(image: ImageBitmap, orientation: number): ImageBitmap {
  const { width, height } = image;
  const quarters = QUARTERS[orientation] ?? 0;
  const canvas = quarters % 2 ? new OffscreenCanvas(height, width) : new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (!context) return image;
  context.imageSmoothingEnabled = false;
  context.translate(canvas.width / 2, canvas.height / 2);
  if (MIRRORED.has(orientation)) context.scale(-1, 1);
  context.rotate((Math.PI / 2) * quarters);
  context.drawImage(image, -width / 2, -height / 2);
  image.close();
  return canvas.transferToImageBitmap();
}

/** The orientation that the bytes of a WebP file tell, 1 to 8; from then on they tell that it is upright. */
function takeOrientation(content: Uint8Array): number {
  const view = new DataView(content.buffer);
  try {
    for (let at = HEAD_BYTES; at < content.length; ) {
      const size = view.getUint32(at + 4, true);
      if (textAt(content, at) === "EXIF") return takeFrom(view, at + 8);
      at += 8 + size + (size % 2);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // a chunk that is cut short tells nothing
  }
  return 1;
}

/** The same of a block of EXIF. */
function takeFrom(view: DataView, block: number): number {
  const start = view.getUint32(block) === 0x45786966 ? block + 6 : block; // "Exif", as in JPEG
  const little = view.getUint16(start) === 0x4949; // "II"
  const table = start + view.getUint32(start + 4, little);
  const count = view.getUint16(table, little);
  for (let entry = table + 2; entry < table + 2 + 12 * count; entry += 12) {
    if (view.getUint16(entry, little) !== ORIENTATION) continue;
    const orientation = view.getUint16(entry + 8, little);
    view.setUint16(entry + 8, 1, little);
    return orientation <= 8 ? orientation : 1;
  }
  return 1;
}

function textAt(content: Uint8Array, at: number): string {
  return String.fromCharCode(...content.subarray(at, at + 4));
}
