#!/bin/sh
# Pillow 13.0.0, and imageio 2.38.1 by it: GIF and WebP, and APNG with a duration, leave out each frame that equals
# the one before, without a word. Of a clip of 100 frames of a face that keeps still now and then 52 come back, and
# labels by frame number lie beside them from the first pause on: 4 keep their number. Durations are added up where
# they are given; a GIF has none by default, and the pauses are gone. TIFF keeps all. Count in the durations.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 imageio==2.38.1 tifffile==2026.3.3 numpy==2.4.6
"$folder/venv/bin/python" -W error - "$folder" <<'PYTHON'
import sys

import imageio.v3 as iio
import numpy as np
from PIL import Image

random = np.random.default_rng(0)
moves = random.random(100) < 0.6  # or keeps still
moves[0] = True
faces = random.integers(0, 256, (moves.sum(), 48, 48), dtype=np.uint8)
numbers = np.cumsum(moves) - 1  # of the face in each frame: its label
frames = faces[numbers]


def read(path):
    with Image.open(path) as image:
        found, durations = [], []
        for number in range(image.n_frames):
            image.seek(number)
            found.append(np.asarray(image.convert("L")))
            durations.append(image.info.get("duration"))
    return np.stack(found), durations


for kind in ("gif", "png", "webp", "tiff"):
    for options in ({}, {"duration": 40}):
        path = f"{sys.argv[1]}/clip.{kind}"
        first, *others = (Image.fromarray(frame) for frame in frames)
        lossless = {"lossless": True} if kind == "webp" else {}
        first.save(path, save_all=True, append_images=others, **options, **lossless)
        found, durations = read(path)
        count = min(len(found), 100)
        right = sum(np.array_equal(a, b) for a, b in zip(found[:count], frames[:count]))
        total = sum(duration or 0 for duration in durations)
        print(f"{kind} {options}: {len(found)} of 100 frames, {right} as numbered; {total:.0f} ms, {durations[:4]}")
        if kind == "tiff":
            assert right == 100
        elif kind != "png" or options:
            assert len(found) == len(faces) and right < 10
            assert total == (4000 if options else 0)
iio.imwrite(f"{sys.argv[1]}/imageio.gif", frames)
again = iio.imread(f"{sys.argv[1]}/imageio.gif")
print(f"imageio, GIF: {frames.shape} written, {again.shape} read")
assert len(again) == len(faces)
PYTHON
