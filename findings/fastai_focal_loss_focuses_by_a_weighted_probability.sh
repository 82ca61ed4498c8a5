#!/bin/sh
# fastai 2.8.12: FocalLoss and FocalLossFlat with weight= take exp of the weighted cross entropy for the probability
# that they focus by: p ** weight. A face of a rare emotion (weight 5) that is read with .9 counts 17 times as
# much as w (1 - p) ** 2 (-log p), and one of a common emotion (weight .2) that is read with .1, so is wrong, a
# sixth: the loss stops to focus where classes are weighted, without a word. Take FocalLoss(reduction="none") * w.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fastai==2.8.12 torch==2.13.0 torchvision==0.28.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from fastai.losses import FocalLoss, FocalLossFlat

weights = torch.tensor([0.2, 1, 5])  # happiness, anger, fear
found = {}
for label, name in enumerate(("common", "in between", "rare")):
    for p in (0.1, 0.5, 0.9):
        probabilities = torch.full((1, 3), (1 - p) / 2)
        probabilities[0, label] = p
        logits, target = probabilities.log(), torch.tensor([label])
        w = weights[label]
        right = float(w * (1 - p) ** 2 * -torch.tensor(p).log())
        loss = float(FocalLoss(gamma=2.0, weight=weights)(logits, target))
        flat = float(FocalLossFlat(gamma=2.0, weight=weights)(logits, target))
        after = float(FocalLoss(gamma=2.0, reduction="none")(logits, target) * w)
        other = float(w * (1 - p**w) ** 2 * -torch.tensor(p).log())
        found[name, p] = loss / right
        print(f"{name}, weight {w:.1f}, read with {p}: {loss:.4f}, focal loss {right:.4f}, {loss / right:.2f} of it")
        assert abs(loss - flat) < 1e-5 and abs(loss - other) < 1e-4 and abs(after - right) < 1e-5
assert found["rare", 0.9] > 15 and found["common", 0.1] < 0.2
assert all(abs(found["in between", p] - 1) < 1e-3 for p in (0.1, 0.5, 0.9))

# Of which faces comes the loss, where nine in ten faces are read well?
p = torch.tensor([0.9] * 9 + [0.3])
probabilities = ((1 - p) / 2).repeat(3, 1).T
probabilities[:, 2] = p
target = torch.full((10,), 2)
loss = FocalLoss(gamma=2.0, weight=weights, reduction="none")(probabilities.log(), target)
right = 5 * (1 - p) ** 2 * -p.log()
shares = [float(some[:9].sum() / some.sum()) for some in (right, loss)]
print(f"nine fears read with .9 and one with .3: the nine make {shares[0]:.1%} of the focal loss, {shares[1]:.1%} here")
assert shares[0] < 0.02 and shares[1] > 0.1
PYTHON
