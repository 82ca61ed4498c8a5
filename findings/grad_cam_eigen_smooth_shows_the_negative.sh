#!/bin/sh
# grad-cam 1.5.7: eigen_smooth=True (and EigenCAM) shows the first principal component of the maps with the sign that
# the SVD happens to give: of 100 heatmaps about half are the negative, where what speaks most for the class is 0 and
# what speaks least is bright, without a word. Only SegEigenCAM sets the sign. Turn the heatmap where it correlates
# negatively with the one without eigen_smooth. (Issue 315 there is of EigenCAM.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet grad-cam==1.5.7 torch==2.13.0 torchvision==0.28.0 scikit-learn==1.9.1 \
    numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

for name in ("nms", "qnms"):  # which torchvision lacks beside a torch for CPUs, and wants to be there
    torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float c) -> Tensor")
from pytorch_grad_cam import GradCAM

digits = load_digits()
images, labels = torch.tensor(digits.images / 16).float()[:, None], torch.tensor(digits.target)
torch.manual_seed(0)
first = [nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()]
second = [nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()]
net = nn.Sequential(*first, *second, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 16, 10))
optimizer = torch.optim.Adam(net.parameters())
for batch in (batch for _ in range(6) for batch in torch.randperm(1500).split(64)):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
    optimizer.step()
net.eval()
tested = images[1500:1600]
right = (net(tested).argmax(1) == labels[1500:1600]).float().mean()
cam = GradCAM(net, [net[5]])
plain, smooth = (cam(tested, None, eigen_smooth=eigen).reshape(100, -1) for eigen in (False, True))
seen = plain.max(1) > 0
at_peak = smooth[np.arange(100), plain.argmax(1)]
along = np.array([np.corrcoef(one, two)[0, 1] for one, two in zip(plain[seen], smooth[seen])])
print(f"{right:.0%} of 100 digits are read right")
dark, bright, against = (at_peak[seen] == 0).mean(), (at_peak[seen] > 0.5).mean(), (along < 0).mean()
print(f"where the plain heatmap has its peak, that with eigen_smooth is 0 in {dark:.0%}, above a half in {bright:.0%}")
print(f"the two correlate negatively in {against:.0%}")
assert right > 0.9 and dark > 0.25 and bright > 0.25 and against > 0.25
PYTHON
