#!/bin/sh
# torch 2.13.0: cross_entropy(weight=..., label_smoothing=0.1) multiplies each label's share of the
# smoothing by the weight of that label too, so the target is no longer "mixed with a uniform distribution".
# With weights for how often FER2013 has each emotion, the loss of a happy face is least where the network
# says "disgust .185", not .014. Weighing each sample by its own label instead (reduction="none") gives
# .014. Nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torch.nn.functional import cross_entropy

LABELS = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
counts = torch.tensor([3995.0, 436, 4097, 7215, 4830, 3171, 4965])  # FER2013's training images
weights = counts.sum() / (7 * counts)
SMOOTHING, HAPPINESS, DISGUST = 0.1, 3, 1
target = torch.tensor([HAPPINESS])


def by_torch(logits):
    return cross_entropy(logits, target, weight=weights, label_smoothing=SMOOTHING)


def by_sample(logits):
    losses = cross_entropy(logits, target, label_smoothing=SMOOTHING, reduction="none")
    return (weights[target] * losses).mean()


def best_probabilities(loss_of):
    logits = torch.zeros(1, 7, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=500, line_search_fn="strong_wolfe")

    def step():
        optimizer.zero_grad()
        loss = loss_of(logits)
        loss.backward()
        return loss

    for _ in range(5):
        optimizer.step(step)
    return [round(share, 3) for share in logits.softmax(1)[0].tolist()]


smoothed = torch.full((7,), SMOOTHING / 7)
smoothed[HAPPINESS] += 1 - SMOOTHING
weighted = weights * smoothed / (weights * smoothed).sum()
seen, expected = best_probabilities(by_torch), best_probabilities(by_sample)
print(f"weights: {dict(zip(LABELS, [round(w, 2) for w in weights.tolist()]))}")
print(f"a happy face, weight= and label_smoothing=: {dict(zip(LABELS, seen))}")
print(f"a happy face, each sample weighed:          {dict(zip(LABELS, expected))}")
assert torch.allclose(torch.tensor(seen), weighted, atol=0.002)
assert torch.allclose(torch.tensor(expected), smoothed, atol=0.002)
assert 0.18 < seen[DISGUST] < 0.19 and 0.01 < expected[DISGUST] < 0.02
PYTHON
