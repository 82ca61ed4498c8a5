#!/bin/sh
# torchmetrics 1.9.0: MulticlassAccuracy and MulticlassRecall (average="macro", which is what they do by
# default) leave a class out that the test does not have, but only until it is answered once: then its recall,
# which nothing defines, is 0 and counts. Of seven emotions, one of which has no image, one such answer in 600
# makes .856 of .998, without a word. scikit-learn's balanced_accuracy_score stays at .998. Take
# average="none", and the mean over the classes that the test has.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torchmetrics==1.9.0 torch==2.13.0 scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import warnings

import torch
from sklearn.metrics import balanced_accuracy_score
from torchmetrics.classification import MulticlassAccuracy, MulticlassRecall

warnings.simplefilter("error", UserWarning)  # torchmetrics says nothing
target = torch.arange(600) % 6  # of emotion 6, say contempt, the test has no image


def compared(predicted):
    kinds = MulticlassAccuracy, MulticlassRecall
    found = {kind.__name__: float(kind(num_classes=7)(predicted, target)) for kind in kinds}
    alone = MulticlassRecall(num_classes=7, average="none")(predicted, target)
    found["mean of the six"] = float(alone[target.unique()].mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn does say that there is a class too many
        found["scikit-learn"] = float(balanced_accuracy_score(target, predicted))
    return found


for name, answer in (("another emotion of the six", 1), ("the one that is not there", 6)):
    predicted = target.clone()
    predicted[0] = answer
    found = compared(predicted)
    print(f"one answer of 600 is {name}:", {who: round(value, 4) for who, value in found.items()})
    right = (5 + 99 / 100) / 6
    assert abs(found["scikit-learn"] - right) < 1e-6 and abs(found["mean of the six"] - right) < 1e-6
    for who in ("MulticlassAccuracy", "MulticlassRecall"):
        assert abs(found[who] - (right if answer == 1 else right * 6 / 7)) < 1e-6
PYTHON
