#!/bin/sh
# opencv-python-headless 5.0.0.93: cv2.imread and imdecode turn a JPEG, PNG or WebP upright as the camera says, but not
# an AVIF, in which the turn is a part of the image (irot, imir) that each reader has to apply, as Pillow, sharp and
# browsers do: faces of the same photo lie on their side or hang upside down, and boxes of an annotation are elsewhere,
# without a word. cv2.imread gives no sign of it; read AVIF by ImageOps.exif_transpose(Image.open(file)).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip() { "$folder/venv/bin/pip" install --quiet "$@"; }
pip opencv-python-headless==5.0.0.93 numpy==2.4.6 Pillow==13.0.0
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund sharp@0.35.5
cat > upright.cjs <<'NODE'
const sharp = require('sharp');
sharp(process.argv[2]).autoOrient().png().toFile(`${process.argv[2]}.sharp.png`);
NODE
venv/bin/python - <<'PYTHON'
import subprocess

import cv2
import numpy as np
from PIL import Image, ImageOps

COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
sensor = np.array(list(COLORS.values()), np.uint8).reshape(2, 2, 3).repeat(32, 0).repeat(48, 1)  # 96 x 64 px


def quarters(image: np.ndarray) -> str:
    """The size of an RGB image, and the colors of its quarters."""
    height, width = image.shape[:2]
    found = [image[y, x] > 128 for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    names = [next(name for name, color in COLORS.items() if np.array_equal(np.array(color) > 0, dot)) for dot in found]
    return f"{width} x {height} {' '.join(names)}"


for orientation in (1, 3, 6, 8):  # as held, upside down, a phone held upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = {}
    for ending in ("jpg", "png", "webp", "avif"):
        name = f"{orientation}.{ending}"
        Image.fromarray(sensor).save(name, exif=exif, quality=95)
        pillow = quarters(np.asarray(ImageOps.exif_transpose(Image.open(name)).convert("RGB")))
        subprocess.run(["node", "upright.cjs", name], check=True)
        sharp = quarters(cv2.imread(f"{name}.sharp.png")[..., ::-1])
        opencv = quarters(cv2.imread(name)[..., ::-1])
        decoded = quarters(cv2.imdecode(np.fromfile(name, np.uint8), cv2.IMREAD_COLOR)[..., ::-1])
        print(f"orientation {orientation}, {ending}: Pillow {pillow}, sharp {sharp}, OpenCV {opencv}")
        assert sharp == pillow and decoded == opencv
        seen[ending] = (pillow, opencv)
    upright = {pillow for pillow, _ in seen.values()}
    assert len(upright) == 1 and {seen[ending][1] for ending in ("jpg", "png", "webp")} == upright
    assert seen["avif"][1] == quarters(sensor)  # never turned
    assert (seen["avif"][1] in upright) == (orientation == 1)
PYTHON
