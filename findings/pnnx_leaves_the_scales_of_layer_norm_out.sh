#!/bin/sh
# pnnx 20261020, ncnn 1.0.20261020: of LayerNorm(bias=False) and layer_norm without a bias the scales are left out of
# the ncnn model (affine is set only where there is a bias): a network whose scales go from .2 to 5 says another emotion
# for more than a third of the faces, without a word, with bias=True for none. CircularPad2d and F.pad(mode="circular")
# pad with 0, too, without a word (of a convolution's padding_mode one is told). Set the bias to 0 instead.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pnnx==20261020 ncnn==1.0.20261020 torch==2.13.0 numpy==2.4.6
cd "$folder"
venv/bin/python - 2>errors.txt <<'PYTHON' || { cat errors.txt; exit 1; }
import subprocess
from pathlib import Path

import ncnn
import numpy as np
import pnnx
import torch
from torch import nn

torch.manual_seed(0)


def both(network, faces):
    """What torch and ncnn give for each face, and what pnnx says."""
    torch.jit.trace(network.eval(), faces[:1]).save("net.pt")
    shape = ",".join(map(str, faces[:1].shape))
    command = [Path(pnnx.__file__).with_name("pnnx"), "net.pt", f"inputshape=[{shape}]", "fp16=0"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    net, given = ncnn.Net(), []
    net.load_param("net.ncnn.param"), net.load_model("net.ncnn.bin")
    for face in faces.numpy():
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(face).clone())
        given.append(np.array(extractor.extract("out0")[1]))
    with torch.no_grad():
        return network(faces).numpy(), np.stack(given), told.stdout + told.stderr


faces = torch.randn(200, 1, 24, 24)
for bias in (True, False):
    norm = nn.LayerNorm(64, bias=bias)
    norm.weight.data = torch.logspace(np.log10(0.2), np.log10(5), 64)[torch.randperm(64)]
    network = nn.Sequential(nn.Conv2d(1, 16, 5, 4), nn.ReLU(), nn.Flatten(), nn.Linear(400, 64), norm, nn.Linear(64, 7))
    right, found, told = both(network, faces)
    same = (right.argmax(1) == found.argmax(1)).mean()
    plain = nn.Sequential(*network[:4], nn.LayerNorm(64, elementwise_affine=False), network[5])
    apart = abs(plain(faces).detach().numpy() - found).max()
    print(f"LayerNorm(bias={bias}): the same emotion for {same:.0%} of 200 faces", end="; ")
    print(f"up to {abs(right - found).max():.3f} off, from one without scales {apart:.3f}")
    assert "unsupported" not in told and (same > 0.99 if bias else same < 0.67 and apart < 0.01)
for pad, wrong in ((nn.CircularPad2d(1), True), (nn.ReflectionPad2d(1), False)):
    network = nn.Sequential(nn.Conv2d(1, 4, 1), pad)
    right, found, told = both(network, faces[:1])
    border = np.concatenate([found[0, :, [0, -1]].ravel(), found[0, :, :, [0, -1]].ravel()])
    print(f"{pad}: up to {abs(right - found).max():.2f} off, all 0 at the border: {not border.any()}")
    assert "unsupported" not in told and (not border.any()) == wrong == (abs(right - found).max() > 0.01)
PYTHON
