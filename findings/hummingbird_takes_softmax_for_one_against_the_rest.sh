#!/bin/sh
# hummingbird-ml 0.4.12 with scikit-learn 1.9.1: LogisticRegression of three and more emotions gives its probabilities
# by a softmax; the PyTorch model made of it by a sigmoid for each, divided by their sum: it asks for the attribute
# multi_class, which scikit-learn no longer has, and takes what is not said for one against the rest. The emotions
# agree, probabilities are up to .3 and .7 off and the log loss is another, without a word; so in searches, too.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet hummingbird-ml==0.4.12 scikit-learn==1.9.1 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import warnings

import numpy as np
from hummingbird.ml import convert
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV

warnings.simplefilter("ignore", FutureWarning)
for emotions in (2, 3, 7):
    faces, labels = make_classification(
        2000, 20, n_informative=12, n_classes=emotions, n_clusters_per_class=1, random_state=0
    )
    faces = faces.astype(np.float32)
    for model in (
        LogisticRegression(),
        LogisticRegressionCV(cv=3),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}),
    ):
        made = convert(model.fit(faces[:1000], labels[:1000]), "torch")
        right, found = model.predict_proba(faces[1000:]), made.predict_proba(faces[1000:])
        same = (model.predict(faces[1000:]) == made.predict(faces[1000:])).mean()
        apart, losses = abs(right - found).max(), [log_loss(labels[1000:], one) for one in (right, found)]
        print(f"{type(model).__name__}, {emotions} emotions: same emotion for {same:.0%}, probabilities", end=" ")
        print(f"up to {apart:.3f} off, log loss {losses[0]:.3f} and {losses[1]:.3f}")
        scores = model.decision_function(faces[1000:])
        single = 1 / (1 + np.exp(-scores.reshape(1000, -1)))
        assert same > 0.999 and (apart < 1e-3 if emotions == 2 else apart > 0.2)
        assert emotions == 2 or np.allclose(found, single / single.sum(1, keepdims=True), atol=1e-4)
PYTHON
