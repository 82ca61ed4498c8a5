#!/bin/sh
# dlordinal 2.7.0 (ordinal classification): amae() and mmae(), mean absolute errors by class, take the place of a level
# among those that occur for the level. Of intensities 0, 1 and 5 a face of 0 that is read as 5 is 2 off, not 5: .17 and
# .21 for .40 and .62. accuracy_off1() leaves out guesses of levels that no face has (a 3 for a 0): 1 where 62 % are at
# most one level off. Nothing warns; where all levels occur all are right. accuracy_off1 takes labels=range(6), amae and
# mmae have nothing like it: reckon with abs(guess - true).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-deps dlordinal==2.7.0
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from dlordinal.metrics import accuracy_off1, amae, mmae

random = np.random.default_rng(0)


def show(name: str, true: np.ndarray, guess: np.ndarray) -> dict[str, tuple[float, float]]:
    by_class = [np.abs(guess[true == level] - level).mean() for level in np.unique(true)]
    near = float((np.abs(guess - true) <= 1).mean())
    said = {
        "amae": (float(amae(true, guess)), float(np.mean(by_class))),
        "mmae": (float(mmae(true, guess)), float(np.max(by_class))),
        "accuracy_off1": (float(accuracy_off1(true, guess)), near),
        "accuracy_off1, labels=range(6)": (float(accuracy_off1(true, guess, labels=range(6))), near),
    }
    print(f"{name}: " + ", ".join(f"{key} {value:.2f} (by hand {right:.2f})" for key, (value, right) in said.items()))
    return said


shown = random.integers(0, 6, 600)
read = np.clip(shown + random.integers(-2, 3, 600), 0, 5)
for value, right in show("all levels", shown, read).values():
    assert abs(value - right) < 1e-9

levels = np.array([0, 1, 5])
shown = random.choice(levels, 600, p=[0.5, 0.3, 0.2])
read = np.where(random.random(600) < 0.8, shown, random.choice(levels, 600))
few = show("levels 0, 1 and 5, in faces and guesses", shown, read)
for measure in ("amae", "mmae"):
    assert few[measure][0] < 0.5 * few[measure][1]

shown = random.choice(levels, 600, p=[0.5, 0.3, 0.2])
read = np.where(random.random(600) < 0.6, shown, 3)
few = show("the same, and 3 as a guess", shown, read)
assert few["accuracy_off1"][0] == 1 and few["accuracy_off1"][1] < 0.75
assert abs(few["accuracy_off1, labels=range(6)"][0] - few["accuracy_off1"][1]) < 1e-9
PYTHON
