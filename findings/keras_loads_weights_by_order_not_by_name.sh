#!/bin/sh
# keras 3.15.1: save_weights("x.weights.h5") stores layers by class and order ("dense", "dense_1"),
# whatever their names, and load_weights reads them so. Of two heads Dense(2) named "smile" and "gaze":
# list the outputs in the other order, load the same file, and each has the other's weights, without a
# word, though layers and outputs have names. A .keras file brings its own model; compare a known answer
# after load_weights.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 torch==2.13.0 numpy==2.4.6
cd "$folder"
KERAS_BACKEND=torch venv/bin/python -W error::UserWarning - <<'PYTHON'
import h5py
import keras
import numpy as np

face = np.random.default_rng(0).normal(size=(1, 5)).astype("float32")


def network(*heads):
    inputs = keras.Input((5,))
    return keras.Model(inputs, [keras.layers.Dense(2, name=name)(inputs) for name in heads])


def answers(model):
    return dict(zip(model.output_names, map(keras.ops.convert_to_numpy, model(face))))


def by_hand(model, name):
    kernel, bias = model.get_layer(name).get_weights()
    return face @ kernel + bias


trained = network("smile", "gaze")
trained.save_weights("trained.weights.h5")
with h5py.File("trained.weights.h5") as file:
    print("the file holds", list(file["layers"]))
    assert "smile" not in file["layers"]
truth = {name: by_hand(trained, name) for name in ("smile", "gaze")}
for heads in ("smile", "gaze"), ("gaze", "smile"):
    loaded = network(*heads)
    loaded.load_weights("trained.weights.h5")
    answer = answers(loaded)
    right = all(np.allclose(answer[name], truth[name], atol=1e-5) for name in heads)
    others = dict(zip(heads, heads[::-1]))
    swapped = all(np.allclose(answer[name], truth[others[name]], atol=1e-5) for name in heads)
    print(f"heads listed as {heads}: smile {answer['smile'].round(3)[0]}, was {truth['smile'].round(3)[0]}")
    print(f"  each its own weights: {right}, swapped: {swapped}")
    assert (right, swapped) == ((True, False) if heads[0] == "smile" else (False, True))
network("gaze", "smile").load_weights("trained.weights.h5", skip_mismatch=True)  # nor does this mind
trained.save("trained.keras")
whole = answers(keras.models.load_model("trained.keras"))
assert all(np.allclose(whole[name], truth[name], atol=1e-5) for name in truth)
PYTHON
