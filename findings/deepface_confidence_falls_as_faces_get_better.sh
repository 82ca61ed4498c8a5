#!/bin/sh
# deepface 0.0.103: with its default detector ("opencv") face_confidence is (100 - s) / 100 of the Haar
# cascade's weight s, which rises with the evidence for a face. So the surer the cascade, the lower
# the confidence: seven sizes and sharpnesses of one portrait are ordered exactly the wrong way
# round, and a threshold keeps the worst. Do not filter by it, or take another detector.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opencv-contrib-python-headless==4.14.0.94 numpy==2.4.6 \
    scikit-image==0.26.0 requests==2.34.2 gdown==6.5.1 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-deps deepface==0.0.103
cd "$folder"
DEEPFACE_HOME="$folder" venv/bin/python - <<'PYTHON'
import os
import shutil
from pathlib import Path

import cv2
from skimage import data

weights = Path(os.environ["DEEPFACE_HOME"], ".deepface/weights")
weights.mkdir(parents=True)  # with OpenCV's own cascades, which deepface would download
for name in ("frontalface_default", "eye"):
    shutil.copy(f"{cv2.data.haarcascades}haarcascade_{name}.xml", weights)

from deepface.models.face_detection.OpenCv import OpenCvClient

client = OpenCvClient()
portrait = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
seen = []
for share, blur in ((1, 0), (1, 2), (1, 4), (0.75, 0), (0.75, 2), (0.5, 0), (0.5, 2)):
    image = cv2.resize(portrait, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    image = cv2.GaussianBlur(image, (0, 0), blur) if blur else image
    cascade = client.model["face_detector"]
    _, _, scores = cascade.detectMultiScale3(image, 1.1, 10, outputRejectLevels=True)
    if len(scores):
        best = int(scores.argmax())
        confidence = client.detect_faces(image)[best].confidence
        seen.append((float(scores[best]), float(confidence)))
        print(f"{share:.0%}, blur {blur} px: cascade {scores[best]:.2f}, deepface {confidence:.4f}")
seen.sort()
falling = [confidence for _, confidence in seen]
assert len(seen) >= 5 and falling == sorted(falling, reverse=True), seen
PYTHON
