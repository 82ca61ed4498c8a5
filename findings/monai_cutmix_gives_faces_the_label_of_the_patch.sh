#!/bin/sh
# monai 1.6.1: CutMix(images, labels), as its docs call it, cuts the labels as it cuts the images, and of a row of
# one-hot labels the cut is the whole row: each face gets the label of the face that its patch comes from, at 1.0,
# however small the patch is. Of faces that get another's label it is that of 18 % of the pixels on average, and
# of less than half for 93 %: training goes on, on wrong labels. (Issue 8137 there.) timm's Mixup has the shares right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet monai==1.6.1 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore::UserWarning - <<'PYTHON'
import numpy as np
import torch
from monai.transforms import CutMix, MixUp

faces = torch.arange(8.0)[:, None, None, None].expand(8, 1, 48, 48).clone()  # the pixels tell the emotion
labels = torch.eye(8)


def shares(images):
    return torch.stack([(images == emotion).float().mean((1, 2, 3)) for emotion in range(8)], 1)


for alpha in (1.0, 0.2):
    mix = CutMix(batch_size=8, alpha=alpha)
    mix.set_random_state(0)
    named, below, by_weight = [], [], []
    for _ in range(300):
        images, found = mix(faces, labels)
        assert torch.equal(found.sort(1).values, labels.sort(1).values)  # still one-hot
        changed = found.argmax(1) != labels.argmax(1)
        share = (shares(images) * found).sum(1)[changed]
        named += share.tolist()
        below += (share < 0.5).tolist()
        by_weight += (mix.apply_on_labels(labels) - shares(images)).abs().amax(1)[changed].tolist()
    print(f"CutMix, alpha {alpha}: {len(named) / 2400:.0%} of the faces get another label, at 1.0; it is that of",
          f"{np.mean(named):.0%} of their pixels, for {np.mean(below):.0%} of less than half;",
          f"apply_on_labels is {np.mean(by_weight):.2f} off the shares")
    assert np.mean(named) < 0.4 and np.mean(below) > 0.6

try:
    MixUp(batch_size=8, alpha=1.0)(faces, labels)
except ValueError as error:
    print("MixUp:", error)
else:
    raise AssertionError
masks, cut = CutMix(batch_size=8, alpha=1.0)(faces, faces)
assert torch.equal(masks, cut)  # what apply does is meant for masks
PYTHON
