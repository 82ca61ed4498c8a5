#!/bin/sh
# datasets 5.2.0: what a map() function does to an image of a folder in place (paste, ImageDraw, thumbnail)
# is dropped without a word, for an image that knows its file is stored as that file: faces blurred by
# image.paste() come out unblurred, in the Parquet file of them, too. Where the data set holds the bytes
# of the images, the same function blurs. Change, and return, row["image"].copy().
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet datasets==5.2.0 Pillow==13.0.0 numpy==2.4.6
cd "$folder"
export HF_HOME="$folder/home" HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1
venv/bin/python - <<'PYTHON'
import os
from pathlib import Path

import numpy as np
from datasets import Dataset, Features, load_dataset
from datasets import Image as ImageFeature
from PIL import Image, ImageFilter

face = (16, 16, 48, 48)
os.makedirs("photos/someone")
random = np.random.default_rng(0)
for number in range(3):
    noise = random.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(f"photos/someone/{number}.png")


def blur(row):
    image = row["image"]
    image.paste(image.crop(face).filter(ImageFilter.GaussianBlur(8)), face)
    return {"image": image}


def shrink(row):
    row["image"].thumbnail((16, 16))
    return row


def contrast(data):
    return round(float(np.mean([np.asarray(image.crop(face)).std() for image in data["image"]])), 1)


photos = load_dataset("imagefolder", data_dir="photos", split="train")
photos.map(blur).to_parquet("blurred.parquet")
files = [{"image": {"path": None, "bytes": file.read_bytes()}} for file in Path("photos/someone").iterdir()]
in_bytes = Dataset.from_list(files, features=Features({"image": ImageFeature()}))
seen = {
    "as they are": contrast(photos),
    "blurred in place": contrast(photos.map(blur)),
    "blurred in place, written": contrast(Dataset.from_parquet("blurred.parquet")),
    "copied and blurred": contrast(photos.map(lambda row: blur({"image": row["image"].copy()}))),
    "bytes blurred in place": contrast(in_bytes.map(blur)),
}
size = photos.map(shrink)[0]["image"].size
print(f"contrast of the faces: {seen}; of 64 x 64, made 16 x 16 by thumbnail(): {size}")
as_is, in_place, written, copied, bytes_in_place = seen.values()
assert as_is == in_place == written > 70 and copied == bytes_in_place < 10 and size == (64, 64)
PYTHON
