#!/bin/sh
# skl2onnx 1.20.0: k nearest neighbors with weights="distance" are all weighed alike in ONNX: its
# distances are negative, and the larger of each and 1e-6 is 1e-6. A face that the model knows is read by the vote of
# its neighbors: 15 % of these get another emotion, 3 % of new ones, without a word; a regression is the plain mean.
# NearestNeighbors gives the right distances in ONNX, too: weigh by these.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q skl2onnx==1.20.0 scikit-learn==1.9.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors

random = np.random.default_rng(0)
emotions = random.integers(0, 7, 3000)
means = random.normal(size=(7, 16))
features = (means[emotions] + random.normal(0, 1.2, (3000, 16))).astype(np.float32)
valence = features[:, 0] + features[:, 1] ** 2
known, unknown = slice(2000), slice(2000, None)
plain = {"n_neighbors": 7, "algorithm": "brute"}


def in_onnx(model, rows):
    options = {"zipmap": False} if isinstance(model, KNeighborsClassifier) else None
    network = to_onnx(model, rows[:1], options=options)
    return onnxruntime.InferenceSession(network.SerializeToString()).run(None, {"X": rows})


weighed = KNeighborsClassifier(weights="distance", **plain).fit(features[known], emotions[known])
alike = KNeighborsClassifier(**plain).fit(features[known], emotions[known])
for name, rows in (("faces that it knows", features[:300]), ("new faces", features[unknown])):
    told, given = weighed.predict(rows), in_onnx(weighed, rows)
    print(f"{name}: read otherwise than in scikit-learn {(given[0] != told).mean():.1%}; probability of", end=" ")
    print(f"what is read {weighed.predict_proba(rows).max(1).mean():.3f}, in ONNX {given[1].max(1).mean():.3f}")
    assert (given[0] != told).mean() > 0.02
    assert np.allclose(given[1], alike.predict_proba(rows), atol=1e-5)
weighed = KNeighborsRegressor(weights="distance", **plain).fit(features[known], valence[known])
alike = KNeighborsRegressor(**plain).fit(features[known], valence[known])
for name, rows in (("known", features[:300]), ("new", features[unknown])):
    told, given = weighed.predict(rows), in_onnx(weighed, rows)[0].ravel()
    print(f"a number, of {name} faces: {abs(told - given).mean():.3f} off on average")
    assert abs(told - given).mean() > 0.03 and np.allclose(given, alike.predict(rows), atol=1e-4)
near = NearestNeighbors(radius=None, **plain).fit(features[known])
far = [near.kneighbors(features[unknown])[0], in_onnx(near, features[unknown])[1]]
print(f"the largest difference of the distances of NearestNeighbors: {abs(far[0] - far[1]).max():.1e}")
assert np.allclose(*far, atol=1e-3)
PYTHON
