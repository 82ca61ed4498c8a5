#!/bin/sh
# mosaicml-streaming 0.13.0: an MDS column "pil" keeps mode, size and numbers of the pixels of an image, and not its
# palette. Of a PNG or GIF with one (mode P, as Pillow opens it) the numbers of the colors come back as grays: the
# face is noise, on average 130 levels off, and has its mode and size, so that nothing complains. Of RGB, L, LA,
# RGBA and 16 bits each pixel is right. Store image.convert("RGB"), or "png".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mosaicml-streaming==0.13.0 torch==2.13.0 torchvision==0.28.0 \
  numpy==2.1.3 pillow==13.0.0
"$folder/venv/bin/python" - "$folder" 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import sys

import numpy as np
import torch
from PIL import Image

for name in ("nms", "qnms"):  # which torchvision lacks beside a torch for CPUs, and wants to be there
    torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float c) -> Tensor")
from streaming import MDSWriter, StreamingDataset

folder = sys.argv[1]
rows, columns = np.mgrid[0:48, 0:48]
light = 200 - ((rows - 24) ** 2 + (columns - 24) ** 2) / 9  # a bright face before a dark wall
face = Image.fromarray(np.stack([light, light * 0.8, light * 0.7], 2).clip(0, 255).astype(np.uint8))
for kind in ("png", "gif"):
    face.quantize(64).save(f"{folder}/face.{kind}")
images = {
    "palette, PNG": Image.open(f"{folder}/face.png"),
    "palette, GIF": Image.open(f"{folder}/face.gif"),
    "palette, as png": Image.open(f"{folder}/face.png"),
    "RGB": face,
    "L": face.convert("L"),
    "LA": face.convert("LA"),
    "RGBA": face.convert("RGBA"),
    "16 bits": Image.fromarray((light * 100).astype(np.uint16)),
}
for number, (name, image) in enumerate(images.items()):
    column = "png" if name.endswith("as png") else "pil"
    with MDSWriter(out=f"{folder}/{number}", columns={"face": column}) as writer:
        for _ in range(2):
            writer.write({"face": image})
    found = StreamingDataset(local=f"{folder}/{number}", batch_size=1)[0]["face"]
    assert found.mode == image.mode and found.size == image.size
    same = np.array_equal(np.asarray(found), np.asarray(image))  # the numbers
    seen, written = (np.asarray(some.convert("RGB"), float) for some in (found, image))
    off = np.abs(seen - written).mean()
    print(f"{name}, mode {found.mode}: numbers {'the same' if same else 'others'}, colors {off:.1f} levels off")
    assert same
    assert off > 30 if name in ("palette, PNG", "palette, GIF") else off == 0
PYTHON
