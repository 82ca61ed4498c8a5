#!/bin/sh
# skl2onnx 1.20.0: OneVsRestClassifier(SVC()) names in ONNX the emotion that is the least likely: of each of its SVMs
# it takes the second score, which is that of "another emotion". Of seven emotions, read right at .9 in scikit-learn,
# 0 are right, and the order of all is upside down, without a word. With LinearSVC, or with SVC() by
# itself, which tells seven emotions apart, too, it is right: take one of these.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q skl2onnx==1.20.0 scikit-learn==1.9.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import numpy as np
import onnxruntime
from onnx.reference import ReferenceEvaluator
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC, LinearSVC

random = np.random.default_rng(0)
means = random.normal(size=(7, 16))


def made(count):
    emotions = random.integers(0, 7, count)
    return (means[emotions] + random.normal(0, 1.2, (count, 16))).astype(np.float32), emotions


(features, emotions), (rows, truth) = made(1500), made(500)
for name, model in (
    ("OneVsRestClassifier(SVC())", OneVsRestClassifier(SVC())),
    ("OneVsRestClassifier(SVC(kernel='linear'))", OneVsRestClassifier(SVC(kernel="linear"))),
    ("OneVsRestClassifier(LinearSVC())", OneVsRestClassifier(LinearSVC())),
    ("OneVsRestClassifier(LogisticRegression())", OneVsRestClassifier(LogisticRegression())),
    ("SVC()", SVC()),
):
    network = to_onnx(model.fit(features, emotions), rows[:1], options={"zipmap": False})
    given = onnxruntime.InferenceSession(network.SerializeToString()).run(None, {"X": rows})[0]
    told, scores = model.predict(rows), model.decision_function(rows)
    right = [round(float((some == truth).mean()), 3) for some in (told, given)]
    print(f"{name}: right {right[0]}, in ONNX {right[1]}")
    if "(SVC(" in name:
        assert right[0] > 0.8 and right[1] < 0.05 and (given == scores.argmin(1)).mean() > 0.99
        again = ReferenceEvaluator(network).run(None, {"X": rows[:20]})[0]
        print(f"   by the reference evaluator the same label for {(again == given[:20]).mean():.0%} of 20")
    else:
        assert (given == told).mean() > 0.99
PYTHON
