#!/bin/sh
# netcal 1.4.0: TemperatureScaling calibrates, by its docs, with softmax(s / T), T the temperature; but its property
# temperature (and weights) is 1 / T. Of a network that is 2.5 times too sure it is .4: who divides the logits by it,
# say in an exported model, has them 2.5 times surer still: ECE .25 goes to .39, not to .02 as transform() has it.
# (Issue 13 there has the multiplication.) Divide by 1 / temperature.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet netcal==1.4.0 torch==2.13.0 numpy==2.1.3 scipy==1.17.1
"$folder/venv/bin/python" -W ignore - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import numpy as np
from netcal.metrics import ECE
from netcal.scaling import TemperatureScaling
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax

assert "q} = \\sigma(s / T)" in TemperatureScaling.__doc__.replace("\\\\", "\\")
random = np.random.default_rng(0)


def made(count, classes=7):  # logits that are 2.5 times too large
    logits = random.normal(size=(count, classes)) * 1.5
    labels = np.array([random.choice(classes, p=p) for p in softmax(logits, 1)])
    return logits * 2.5, labels


(logits, labels), (others, truth) = made(4000), made(4000)


def loss(temperature):
    return -log_softmax(logits / temperature, 1)[np.arange(4000), labels].mean()


best = minimize_scalar(loss, bounds=(0.1, 10), method="bounded").x
scaling = TemperatureScaling()
scaling.fit(softmax(logits, 1), labels)
temperature = float(np.ravel(scaling.temperature)[0])
answers = {
    "as they are": softmax(others, 1),
    "transform()": scaling.transform(softmax(others, 1)),
    "logits / temperature": softmax(others / temperature, 1),
    "logits * temperature": softmax(others * temperature, 1),
}
errors = {name: float(ECE(15).measure(some, truth)) for name, some in answers.items()}
print(f"best T {best:.3f}, temperature {temperature:.3f}, ECE:", {name: round(e, 3) for name, e in errors.items()})
assert abs(temperature * best - 1) < 0.01
assert np.allclose(answers["transform()"], answers["logits * temperature"], atol=1e-4)
assert errors["transform()"] < 0.03 and errors["logits / temperature"] > errors["as they are"] + 0.08

chances = expit(logits[:, 0])  # and of two classes
binary = (random.random(4000) < expit(logits[:, 0] / 2.5)).astype(int)
scaling = TemperatureScaling()
scaling.fit(chances, binary)
temperature = float(np.ravel(scaling.temperature)[0])
print(f"two classes, 2.5 times too sure: temperature {temperature:.3f}")
assert 0.36 < temperature < 0.44
PYTHON
