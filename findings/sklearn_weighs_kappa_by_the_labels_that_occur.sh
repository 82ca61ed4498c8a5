#!/bin/sh
# scikit-learn 1.9.1: cohen_kappa_score(weights="quadratic" or "linear") measures how far two labels are
# apart by their places in the sorted list of those that occur. Of intensities 0 to 5 of which 0, 1 and 5
# occur, 1 to 5 is no more than 0 to 1: kappa is .82, not .97. Words are sorted "high", "low", "medium":
# .14, not .77. Nothing warns. Give labels= the whole scale, in its order: labels=range(6).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from sklearn.metrics import cohen_kappa_score


def kappas(ratings: np.ndarray, scale: list) -> tuple[float, float]:
    """Of two raters: with the labels that occur, and with all of the scale."""
    given = cohen_kappa_score(*ratings, weights="quadratic")
    return round(given, 2), round(cohen_kappa_score(*ratings, weights="quadratic", labels=scale), 2)


def by_definition(ratings: np.ndarray) -> float:
    """1 - squared distance of what both said of the same / of what they said of any two."""
    first, second = ratings
    return round(1 - np.mean((first - second) ** 2) / np.mean((first[:, None] - second) ** 2), 2)


intensities = np.repeat([[0, 0, 1, 1, 5], [0, 1, 0, 1, 5]], [30, 10, 10, 30, 20], axis=1)
as_they_occur, of_the_scale = kappas(intensities, range(6))
print(f"intensities 0, 1 and 5: kappa {as_they_occur}; with labels=range(6) {of_the_scale}")
print(f"by the definition: {by_definition(intensities)}")
assert (as_they_occur, of_the_scale) == (0.82, 0.97) and by_definition(intensities) == of_the_scale

scale = ["low", "medium", "high"]
places = np.repeat([[0, 1, 1, 2, 2], [0, 1, 2, 1, 2]], [30, 20, 15, 15, 20], axis=1)
as_they_occur, of_the_scale = kappas(np.array(scale)[places], scale)
print(f"low, medium and high: kappa {as_they_occur}; with labels={scale} {of_the_scale}")
print(f"by the definition: {by_definition(places)}")
assert (as_they_occur, of_the_scale) == (0.14, 0.77) and by_definition(places) == of_the_scale
PYTHON
