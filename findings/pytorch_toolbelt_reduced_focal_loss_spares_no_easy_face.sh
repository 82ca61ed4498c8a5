#!/bin/sh
# pytorch-toolbelt 0.8.0: CrossEntropyFocalLoss(reduced_threshold=.5) sets the factor to 1 where a face is easy (true
# emotion likely) and raises it up to 4 where it is hard; in the reduced focal loss of its paper, and in BinaryFocalLoss
# beside it, hard faces have 1 and easy ones next to 0. And the loss it weighs is not the cross-entropy: each emotion's
# score goes through a sigmoid, so all scores + 3, the same probabilities, have another loss. Without a word.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pytorch-toolbelt==0.8.0 torch==2.13.0 torchvision==0.28.0 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import torch
from torch.nn import functional

for name in ("nms", "qnms"):  # which torchvision lacks beside a torch for CPUs, and wants to be there
    torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float c) -> Tensor")
from pytorch_toolbelt.losses import BinaryFocalLoss, CrossEntropyFocalLoss


def factor(loss, plain, scores, target):
    """What the threshold multiplies the loss by that has no focus at all."""
    return (loss(scores, target) / plain(scores, target)).item()


options = {"gamma": 2, "reduced_threshold": 0.5}
for chance in (0.99, 0.9, 0.6, 0.4, 0.1, 0.01):
    scores, target = torch.tensor([[chance, 1 - chance]]).double().log(), torch.tensor([0])
    softmax = factor(CrossEntropyFocalLoss(**options), CrossEntropyFocalLoss(gamma=0), scores, target)
    one, true = torch.logit(torch.tensor([[chance]])), torch.tensor([[1.0]])
    sigmoid = factor(BinaryFocalLoss(**options), BinaryFocalLoss(gamma=0), one, true)
    paper = 1 if chance < 0.5 else ((1 - chance) / 0.5) ** 2
    print(f"{chance:.2f} for what is true: factor {paper:.4f} in the paper, {sigmoid:.4f} by BinaryFocalLoss", end=", ")
    print(f"{softmax:.4f} by CrossEntropyFocalLoss")
    assert abs(sigmoid - paper) < 1e-3
    assert abs(softmax - (1 if chance > 0.5 else ((1 - chance) / 0.5) ** 2)) < 1e-3

scores, target = torch.tensor([[1.0, 0.2, -0.5, 0, 0, 0.1, -1]]), torch.tensor([0])
losses = []
for more in (0, 3):
    loss = CrossEntropyFocalLoss(gamma=0)(scores + more, target).item()
    right = functional.cross_entropy(scores + more, target).item()
    print(f"scores + {more}: gamma=0 gives {loss:.2f}, the cross-entropy is {right:.2f}")
    losses.append(loss)
    assert abs(right - 1.28) < 0.2
assert losses[1] > 3 * losses[0]
PYTHON
