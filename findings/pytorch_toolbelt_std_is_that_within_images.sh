#!/bin/sh
# pytorch-toolbelt 0.8.0: DatasetMeanStdCalculator, "dataset-level mean & std", gives for the deviation the root of the
# mean variance within an image; how images differ from each other is left out, as if all were equally bright. Of 500
# photos that differ in light it is up to 2 times too small, of single-colored ones it is 0, without a word; all
# pixels normalized by it have a deviation above 1. The means are right only where all images have one size.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pytorch-toolbelt==0.8.0 torch==2.13.0 torchvision==0.28.0 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import numpy as np
import torch

for name in ("nms", "qnms"):  # which torchvision lacks beside a torch for CPUs, and wants to be there
    torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float c) -> Tensor")
from pytorch_toolbelt.datasets.mean_std import DatasetMeanStdCalculator

random = np.random.default_rng(0)


def images(within, between, sizes=(48,)):
    """Gray images whose brightness differs by `between`, and whose pixels differ from it by `within`."""
    for number in range(500):
        size = sizes[number % len(sizes)]
        bright = 0.5 + (0.2 if size == 96 else 0) + random.normal(0, between)
        yield bright + random.normal(0, within, (size, size, 1))


for name, within, between, sizes in (
    ("one light", 0.15, 0.0, (48,)),
    ("some light", 0.15, 0.1, (48,)),
    ("much light", 0.1, 0.2, (48,)),
    ("one color each", 0.0, 0.2, (48,)),
    ("larger ones are brighter", 0.15, 0.0, (48, 96)),
):
    calculator, pixels = DatasetMeanStdCalculator(num_channels=1), []
    for image in images(within, between, sizes):
        calculator.accumulate(image)
        pixels.append(image.ravel())
    mean, deviation = (one.item() for one in calculator.compute())
    every = np.concatenate(pixels)
    print(f"{name}: mean {mean:.3f}, deviation {deviation:.3f}; of all pixels {every.mean():.3f}, {every.std():.3f}")
    assert abs(deviation - within) < 0.005  # that within the images alone
    assert (abs(deviation - every.std()) < 0.005) == (name == "one light")
    assert (abs(mean - every.mean()) < 0.005) == (len(sizes) == 1)
PYTHON
