#!/bin/sh
# timm 1.0.31: create_dataset numbers the folders of each split by itself, and only those with an image in them. A
# validation split without contempt takes 2 (disgust) for 1, and so on: a network that is always right gets 1 of 7,
# without a word (torchvision's ImageFolder refuses an empty folder). And it sorts 2 before 10 and without case,
# torchvision 10 before 2 and capitals first: neither measures what the other trained. Give class_map.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet timm==1.0.31 torchvision==0.28.0 torch==2.13.0 numpy==2.4.6 pillow==13.0.0
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
import warnings
from pathlib import Path

import torch
from PIL import Image

for name in ("nms", "qnms"):  # which torchvision lacks beside a torch for CPUs, and wants to be there
    torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float c) -> Tensor")
from timm.data import create_dataset
from torchvision.datasets import ImageFolder

warnings.simplefilter("error", UserWarning)  # timm says nothing
emotions = ["anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]


def made(name, split, folders, empty=()):
    for label in folders:
        path = Path(sys.argv[1], name, split, label)
        path.mkdir(parents=True)
        for number in range(0 if label in empty else 5):
            Image.new("L", (8, 8)).save(path / f"{number}.png")
    return str(Path(sys.argv[1], name))


root = made("faces", "train", emotions)
made("faces", "val", emotions, empty=["contempt"])
train = create_dataset("", root, split="train").reader.class_to_idx
val = create_dataset("", root, split="val")
answers = [train[Path(path).parts[0]] for path in val.filenames()]  # all of them right
right = [answer == label for answer, (_, label) in zip(answers, val)]
mapped = create_dataset("", root, split="val", class_map=train)
print("train:", train)
print("val:", val.reader.class_to_idx, f"accuracy of right answers {sum(right)} of {len(right)}")
assert sum(right) == 5 and len(right) == 35
assert all(train[Path(path).parts[0]] == label for path, (_, label) in zip(mapped.filenames(), mapped))
try:
    ImageFolder(f"{root}/val")
except FileNotFoundError as error:
    print("torchvision:", str(error).split(".")[0])
else:
    raise AssertionError
for name, folders in (("compound", [str(n) for n in range(1, 12)]), ("case", ["anger", "Contempt", "fear"])):
    root = made(name, "train", folders)
    found = create_dataset("", root, split="train").reader.class_to_idx
    other = ImageFolder(f"{root}/train").class_to_idx
    print(f"timm {found}, torchvision {other}")
    assert found != other and set(found) == set(other)
PYTHON
