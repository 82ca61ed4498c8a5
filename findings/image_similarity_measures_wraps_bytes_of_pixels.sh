#!/bin/sh
# image-similarity-measures 0.3.6: sam(), the angle between colors, multiplies bytes as bytes: of a portrait with
# itself it is 86 degrees, not 0, and 85 where the hue differs by 18; its command line reads bytes, too, so that
# its SAM of files is always that. Of floats it is right until one pixel is black: then the whole is 0, as of equal
# images. Give image.astype(float), at least 1 everywhere.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.11.4 opencv-python-headless==4.11.0.86 \
  scikit-image==0.20.0 Pillow==10.4.0 phasepack==1.5
"$folder/venv/bin/pip" install --quiet --no-deps image-similarity-measures==0.3.6
cd "$folder"
venv/bin/python -W ignore - <<'PYTHON'
import cv2
import numpy as np
from image_similarity_measures.evaluate import evaluation
from image_similarity_measures.quality_metrics import sam
from skimage import data

portrait = np.maximum(data.astronaut()[50:178, 150:278], 1)  # no pixel is black
hue = portrait.copy()
hue[..., 0] = np.maximum(hue[..., 0] // 2, 1)
darker = np.maximum(portrait // 2, 1)


def angle(first, second):
    first, second = first.astype(float), second.astype(float)
    lengths = np.linalg.norm(first, axis=2) * np.linalg.norm(second, axis=2)
    return np.degrees(np.arccos(np.clip((first * second).sum(2) / lengths, -1, 1))).mean()


cv2.imwrite("portrait.png", portrait)
for name, other in (("itself", portrait), ("another hue", hue), ("half as bright", darker)):
    cv2.imwrite("other.png", other)
    by_file = evaluation("portrait.png", "other.png", ["sam"])["sam"]
    bytes_, floats = sam(portrait, other), sam(portrait.astype(float), other.astype(float))
    black = portrait.astype(float)
    black[0, 0] = 0
    one_black = sam(black, other.astype(float))
    truth = angle(portrait, other)
    print(f"portrait and {name}: {truth:.1f} degrees; sam of bytes {bytes_:.1f}, of files {by_file:.1f}, "
          f"of floats {floats:.1f}, with one black pixel {one_black:.1f}")
    assert abs(floats - truth) < 0.01 and one_black == 0
    assert bytes_ > 80 and abs(by_file - bytes_) < 0.1
PYTHON
