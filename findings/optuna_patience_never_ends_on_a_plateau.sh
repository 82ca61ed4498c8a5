#!/bin/sh
# optuna 5.0.0: PatientPruner "prunes the trial if the improvement [...] after a patience period is less than a
# threshold", by its docs. It prunes where the best of the last epochs is worse than the best before by more than
# min_delta: an accuracy that stands still is never pruned, with any patience, nor one that creeps up by .0001; and a
# larger min_delta, by which early stopping ends sooner, ends later or never. (Issue 3835 there.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet optuna==5.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import inspect

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
docs = " ".join(inspect.getdoc(optuna.pruners.PatientPruner).split())
assert "prunes the trial if the improvement in the intermediate values after a patience period is less than" in docs


def pruned_after(values, direction, patience, min_delta):  # None: it runs to its end
    pruner = optuna.pruners.PatientPruner(None, patience=patience, min_delta=min_delta)
    trial = optuna.create_study(direction=direction, pruner=pruner).ask()
    for epoch, value in enumerate(values):
        trial.report(value, epoch)
        if trial.should_prune():
            return epoch + 1


def stopped_after(values, sign, patience, min_delta):  # as the docs, and early stopping elsewhere, have it
    for epoch in range(patience + 1, len(values)):
        before, after = values[: epoch - patience], values[epoch - patience : epoch + 1]
        if max(sign * v for v in after) - max(sign * v for v in before) < min_delta:
            return epoch + 1


curves = {
    "accuracy stands still": ([0.5, 0.6, 0.65] + [0.65] * 97, "maximize"),
    "accuracy creeps up": ([0.5, 0.6] + [0.65 + 0.0001 * epoch for epoch in range(98)], "maximize"),
    "loss stands still": ([1.5, 1.2, 1.1] + [1.1] * 97, "minimize"),
    "accuracy falls by .002 an epoch": ([0.65 - 0.002 * epoch for epoch in range(100)], "maximize"),
}
for name, (values, direction) in curves.items():
    found, right = {}, {}
    for min_delta in (0, 0.01, 0.1):
        found[min_delta] = pruned_after(values, direction, 3, min_delta)
        right[min_delta] = stopped_after(values, 1 if direction == "maximize" else -1, 3, min_delta)
    print(f"{name}: pruned after {found} of 100 epochs by min_delta, as documented {right}")
    if "falls" in name:
        assert found[0] < found[0.01] < found[0.1] and right[0] >= right[0.01] >= right[0.1]
    else:
        assert not any(found.values()) and right[0.01] < 10
PYTHON
