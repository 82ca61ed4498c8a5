#!/bin/sh
# torchmetrics 1.9.0: a MetricCollection merges metrics whose counts are equal after the first update() and
# updates one of them from then on, whatever their arguments. Accuracy over all labels and accuracy with
# ignore_index=7 become one number, without a word, if the first batch happens to have no 7: .9 and .9,
# not .9 and 1. The order of the batches decides. compute_groups=False ends it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torchmetrics==1.9.0 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy

random = torch.Generator().manual_seed(0)
batches = []
for _ in range(10):
    target = torch.randint(0, 8, (64,), generator=random)  # 7 is "contempt", which the model cannot say
    scores = torch.nn.functional.one_hot(target, 8).float()
    scores[target == 7] = torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 0])
    batches.append((scores, target))
scores, target = batches[0]
batches[0] = (scores[target != 7], target[target != 7])


def accuracies(batches, **options):
    micro = {"num_classes": 8, "average": "micro"}
    metrics = {
        "all": MulticlassAccuracy(**micro),
        "seven": MulticlassAccuracy(**micro, ignore_index=7),
    }
    collection = MetricCollection(metrics, **options)
    for scores, target in batches:
        collection.update(scores, target)
    return {name: round(float(value), 3) for name, value in collection.compute().items()}


merged, again = accuracies(batches), accuracies(batches[::-1])
apart = accuracies(batches, compute_groups=False)
print(f"first batch without label 7: {merged}\nthe same, last batch first: {again}")
print(f"compute_groups=False: {apart}")
assert merged["all"] == merged["seven"] < 0.95
assert again == apart and apart["seven"] == 1
PYTHON
