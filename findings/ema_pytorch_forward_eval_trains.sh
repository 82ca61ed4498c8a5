#!/bin/sh
# ema-pytorch 0.8.3: EMA.forward_eval(), for "invoking ema model with no grad + eval", never calls eval(): the model
# that is averaged is one that trains, so Dropout drops and BatchNorm takes the means of the faces given. The same face
# gets another emotion the second time, and each call moves the running means of the model that is kept, without a
# word. Call ema.eval() before. (Issue 38 there asks for it.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ema-pytorch==0.8.3 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import copy

import torch
from ema_pytorch import EMA
from torch import nn

torch.manual_seed(0)
faces, labels = torch.randn(256, 1, 16, 16), torch.randint(7, (256,))
layers = [nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(16 * 196, 7)]
network = nn.Sequential(*layers)
ema = EMA(network, beta=0.9, update_after_step=0, update_every=1)
optimizer = torch.optim.Adam(network.parameters())
for batch in (batch for _ in range(20) for batch in torch.randperm(256).split(64)):
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(faces[batch]), labels[batch]).backward()
    optimizer.step()
    ema.update()

tested = torch.randn(100, 1, 16, 16)
with torch.no_grad():
    right = copy.deepcopy(ema.ema_model).eval()(tested)


def told(name):
    before = ema.ema_model[1].running_mean.clone()
    with torch.no_grad():
        first, second = ema.forward_eval(tested), ema.forward_eval(tested)
    pairs = (first, second), (first, right)
    other = [(one.argmax(1) != two.argmax(1)).float().mean().item() for one, two in pairs]
    moved = (ema.ema_model[1].running_mean - before).abs().max().item()
    print(f"{name}: {other[0]:.0%} of 100 faces get another emotion the second time, {other[1]:.0%} than", end=" ")
    print(f"in eval(); running means moved by up to {moved:.4f}")
    return *other, moved


assert min(told("forward_eval()")) > 0 and ema.ema_model.training
ema.eval()
right = ema(tested).detach()
assert max(told("eval(), then forward_eval()")) == 0
PYTHON
