#!/bin/sh
# keras 3.15.1: metrics ConcordanceCorrelation and PearsonCorrelation correlate, as they come, the outputs
# of one sample with each other and take the mean: of valence and arousal, two numbers, .33 and .48 where
# the CCC is .65 and Pearson's r .69; of one output a column wide 0, whatever the network says. axis=0 gives
# the mean over batches: .60 in eights, .65 at once. Nothing warns. Compute it of all predictions.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 torch==2.13.0 numpy==2.4.6
KERAS_HOME="$folder" KERAS_BACKEND=torch "$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from keras import Input, Sequential
from keras.layers import Identity
from keras.metrics import ConcordanceCorrelation, PearsonCorrelation

random = np.random.default_rng(1)
truth = random.uniform(-1, 1, (1000, 2)).astype("float32")  # valence and arousal of 1000 faces
said = (0.5 * truth + random.normal(0, 0.3, truth.shape)).astype("float32")


def ccc(first, second):
    covariance = ((first - first.mean()) * (second - second.mean())).mean()
    return 2 * covariance / (first.var() + second.var() + (first.mean() - second.mean()) ** 2)


def by_keras(columns, batch, **options):
    """Of what a network says, here its input."""
    network = Sequential([Input((columns,)), Identity()])
    metrics = [ConcordanceCorrelation(name="ccc", **options), PearsonCorrelation(name="r", **options)]
    network.compile(loss="mse", metrics=metrics)
    seen = network.evaluate(
        said[:, :columns], truth[:, :columns], batch_size=batch, verbose=0, return_dict=True
    )
    return round(float(seen["ccc"]), 2), round(float(seen["r"]), 2)


columns = [(truth[:, column], said[:, column]) for column in (0, 1)]
right = round(float(np.mean([ccc(*pair) for pair in columns])), 2)
pearson = round(float(np.mean([np.corrcoef(*pair)[0, 1] for pair in columns])), 2)
two, one = by_keras(2, 32), by_keras(1, 32)
eights, at_once = by_keras(2, 8, axis=0), by_keras(2, 1000, axis=0)
print(f"by the definition: CCC {right}, r {pearson}")
print(f"keras, valence and arousal: CCC {two[0]}, r {two[1]}; valence alone: CCC {one[0]}, r {one[1]}")
print(f"keras, axis=0: CCC {eights[0]} in batches of 8, {at_once[0]} in one of 1000")
assert (right, pearson) == (0.65, 0.69)
assert two == (0.33, 0.48) and one[0] == 0
assert (eights[0], at_once[0]) == (0.6, 0.65)
PYTHON
