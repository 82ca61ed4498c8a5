#!/bin/sh
# hummingbird-ml 0.4.12 with scikit-learn 1.9.1: PyTorch models say other emotions than those that they are made of for
# an SVM with the sigmoid kernel (logistic for tanh), neighbors with p=1 (taken as 2), an isolation forest with
# max_features (it counts from the first), trees that learned where missing values go (all go right). MinMaxScaler's
# clip and StandardScaler's with_mean=False are left out, boosting with loss="poisson" gives logarithms. All without
# a word; plain settings agree.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet hummingbird-ml==0.4.12 scikit-learn==1.9.1 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import numpy as np
from hummingbird.ml import convert
from sklearn import ensemble, neighbors, preprocessing, svm
from sklearn.datasets import make_classification

options = {"n_informative": 12, "n_classes": 4, "n_clusters_per_class": 1, "class_sep": 0.7}
faces, labels = make_classification(1000, 20, random_state=0, **options)
faces = (faces / 4 + 1).astype(np.float32)
gaps = np.where(np.random.default_rng(0).random(faces.shape) < 0.2, np.nan, faces).astype(np.float32)


def apart(model, x, target, what):
    """Share of answers that are others, of faces that were not learned from."""
    made = convert(model.fit(x[:700], target[:700]), "torch", x[:300], extra_config={"batch_size": 300})
    right, found = (np.asarray(getattr(one, what)(x[700:])).reshape(300, -1) for one in (model, made))
    return (abs(right - found) > 1e-3 * (1 + abs(right))).any(1).mean()


kernels, near, boost = svm.SVC, neighbors.KNeighborsClassifier, ensemble.HistGradientBoostingRegressor
forest, lonely = ensemble.RandomForestClassifier, ensemble.IsolationForest
minmax, standard = preprocessing.MinMaxScaler, preprocessing.StandardScaler
few = {"n_estimators": 30, "random_state": 0}
for name, plain, other, what in (
    ("SVM, sigmoid kernel", kernels(), kernels(kernel="sigmoid", gamma=0.05), "predict"),
    ("neighbors, p=1", near(), near(p=1), "predict"),
    ("isolation forest, half the features", lonely(**few), lonely(max_features=0.5, **few), "predict"),
    ("forest, missing values", forest(**few), forest(**few), "predict"),
    ("MinMaxScaler, clip=True", minmax(), minmax(clip=True), "transform"),
    ("StandardScaler, with_mean=False", standard(), standard(with_mean=False), "transform"),
    ("boosting, poisson", boost(), boost(loss="poisson"), "predict"),
):
    right = apart(plain, faces, labels, what)
    wrong = apart(other, gaps if "missing" in name else faces, labels, what)
    print(f"{name}: {wrong:.0%} of 300 answers are others; without it {right:.0%}")
    assert right <= 0.01 and wrong > 0.03
PYTHON
