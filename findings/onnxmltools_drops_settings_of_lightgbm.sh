#!/bin/sh
# onnxmltools 1.16.0: convert_lightgbm leaves settings out without which the model cannot be read: zero_as_missing (of
# rows with 40 % zeros, for what was not seen, 24 % get another emotion), linear_tree, reg_sqrt and sigmoid
# (probabilities off by up to .15), and divides what a random forest (boosting_type="rf") sums up by 100, however many
# trees it has: 30 trees give three tenths. Nothing warns; other boosting and forests of 100 are right. Leave these out.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnxmltools==1.16.0 skl2onnx==1.20.0 lightgbm==4.7.0 scikit-learn==1.9.1 \
    onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import numpy as np
import onnxruntime
from lightgbm import LGBMClassifier, LGBMRegressor
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

random = np.random.default_rng(0)
emotions = random.integers(0, 7, 4000)
means = random.normal(size=(7, 17))
seen = means[emotions] + random.normal(0, 1.2, (4000, 17))
units = np.where(random.random(seen.shape) < 0.4, 0, seen).astype(np.float32)  # 0 is what was not seen
smiles, valence = (emotions == 3).astype(int), seen[:, 0] * seen[:, 1] - seen[:, 2] + 2
learn, test = slice(3000), slice(3000, None)
forest = {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}


def compared(model, target):
    """How many labels differ, or by how much numbers do on average, and what each says of all classes."""
    model.set_params(verbose=-1, random_state=0, n_jobs=1).fit(units[learn], target[learn])
    kind = [("X", FloatTensorType([None, 17]))]
    number = isinstance(model, LGBMRegressor)
    network = convert_lightgbm(model, initial_types=kind, **({} if number else {"zipmap": False}))
    given = onnxruntime.InferenceSession(network.SerializeToString()).run(None, {"X": units[test]})
    if number:
        return float(abs(given[0].ravel() - model.predict(units[test])).mean()), model.predict(units[test]), given[0]
    told = model.predict_proba(units[test])
    return float((given[0] != model.predict(units[test])).mean()), told, given[1]


for name, model, target, least in (
    ("boosting", LGBMClassifier(n_estimators=30), emotions, 0),
    ("zero_as_missing", LGBMClassifier(n_estimators=30, zero_as_missing=True), emotions, 0.1),
    ("valence", LGBMRegressor(n_estimators=30), valence, 0),
    ("linear_tree", LGBMRegressor(n_estimators=30, linear_tree=True), valence, 0.1),
    ("reg_sqrt", LGBMRegressor(n_estimators=30, reg_sqrt=True), valence, 0.1),
    ("forest of 100", LGBMRegressor(n_estimators=100, **forest), valence, 0),
    ("forest of 30", LGBMRegressor(n_estimators=30, **forest), valence, 0.1),
    ("smile, sigmoid=2", LGBMClassifier(n_estimators=30, sigmoid=2.0), smiles, None),
):
    off, told, given = compared(model, target)
    worst, what = abs(told - np.squeeze(given)).max(), "off on average" if told.ndim == 1 else "of the labels differ"
    print(f"{name}: {off:.3f} {what}, a number is off by up to {worst:.3f}")
    assert off < 1e-3 if not least else off > least
    assert name != "forest of 30" or np.allclose(given.ravel(), told * 0.3, atol=1e-3)
    assert least is not None or abs(told - given).max() > 0.1
PYTHON
