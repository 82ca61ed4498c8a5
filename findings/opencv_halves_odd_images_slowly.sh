#!/bin/sh
# opencv-python-headless 4.14.0.94: cv2.resize with INTER_AREA halves an image with even sides by a fast
# path. One row or column more (721 or 1281 in place of 720 and 1280) takes the general path: fifteen
# to twenty times as long, for pixels that differ by next to nothing. Three of four cut-out regions have
# an odd side: leave its last row or column out before you halve them.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opencv-python-headless==4.14.0.94 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import time

import cv2
import numpy as np

cv2.setNumThreads(1)
noise = np.random.default_rng(0).integers(0, 256, (721, 1281, 3), np.uint8)
scene = cv2.GaussianBlur(noise, (0, 0), 8)


def least_ms(image):
    """The least of nine turns of ten."""
    turns = []
    for _ in range(9):
        begun = time.process_time()
        for _ in range(10):
            cv2.resize(image, (640, 360), interpolation=cv2.INTER_AREA)
        turns.append((time.process_time() - begun) / 10 * 1e3)
    return min(turns)


even = np.ascontiguousarray(scene[:720, :1280])
even_ms = least_ms(even)
halved = cv2.resize(even, (640, 360), interpolation=cv2.INTER_AREA).astype(int)
print(f"1280 x 720: {even_ms:.2f} ms")
for width, height in ((1280, 721), (1281, 720), (1281, 721)):
    odd = np.ascontiguousarray(scene[:height, :width])
    odd_ms = least_ms(odd)
    other = cv2.resize(odd, (640, 360), interpolation=cv2.INTER_AREA).astype(int)
    apart = np.abs(other - halved).mean()
    print(f"{width} x {height}: {odd_ms:.2f} ms, {odd_ms / even_ms:.0f} times; {apart:.2f} levels apart")
    assert odd_ms > 5 * even_ms and apart < 1.0
PYTHON
