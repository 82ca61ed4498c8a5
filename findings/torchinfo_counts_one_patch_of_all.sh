#!/bin/sh
# torchinfo 1.8.0: "Total mult-adds" multiplies a Linear layer's weights by the first size of what it gives alone: of
# 36 patches of a face one is counted, and nothing of attention; of a transposed convolution it takes the size of the
# output, so one of stride 2 counts four times. A transformer of 8.5 million mult-adds has .2, a decoder of 9.4 has
# 37.7, without a word; fvcore counts both right. (Issues 77 and 226 there are of Linear and attention.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torchinfo==1.8.0 fvcore==0.1.5.post20221221 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import torch
import torchinfo
from fvcore.nn import FlopCountAnalysis
from torch import nn


class Block(nn.Module):
    """Attention and a perceptron, of single matrix products that every counter can see."""

    def __init__(self):
        super().__init__()
        self.queries, self.keys, self.values, self.out = (nn.Linear(96, 96, bias=False) for _ in range(4))
        self.wide, self.narrow = nn.Linear(96, 384, bias=False), nn.Linear(384, 96, bias=False)

    def forward(self, x):
        weights = (self.queries(x) @ self.keys(x).transpose(1, 2)).softmax(-1)
        x = x + self.out(weights @ self.values(x))
        return x + self.narrow(self.wide(x).relu())


def up(wide, narrow):
    return nn.ConvTranspose2d(wide, narrow, 2, stride=2, bias=False)


crops, patches = (1, 3, 48, 48), (1, 36, 96)
linear, attention = 12 * 96 * 96, 2 * 36 * 96
for name, model, shape, truth, wrong in (
    ("convolution", nn.Conv2d(3, 16, 3, padding=1, bias=False), crops, 48 * 48 * 432, 48 * 48 * 432),
    ("Linear of one vector", nn.Linear(96, 7, bias=False), (1, 96), 96 * 7, 96 * 7),
    ("Linear of 36 patches", nn.Linear(96, 7, bias=False), patches, 36 * 96 * 7, 96 * 7),
    ("2 transformer blocks", nn.Sequential(Block(), Block()), patches, 2 * 36 * (linear + attention), 2 * linear),
    ("transposed convolution", up(64, 32), (1, 64, 24, 24), 24 * 24 * 64 * 32 * 4, 4 * 24 * 24 * 64 * 32 * 4),
    ("decoder", nn.Sequential(up(128, 64), up(64, 32)), (1, 128, 12, 12), 9437184, 4 * 9437184),
):
    seen = torchinfo.summary(model, input_size=shape, verbose=0).total_mult_adds
    count = FlopCountAnalysis(model.eval(), torch.zeros(shape)).unsupported_ops_warnings(False).total()
    print(f"{name}: {truth:,} mult-adds, torchinfo {seen:,}, fvcore {count:,}")
    assert (seen, count) == (wrong, truth), (seen, count, wrong, truth)
PYTHON
