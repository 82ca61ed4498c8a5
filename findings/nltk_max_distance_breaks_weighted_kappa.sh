#!/bin/sh
# nltk 3.10.4: AnnotationTask.weighted_kappa(max_distance=...) and weighted_kappa_pairwise divide what chance
# gives by max_distance and leave what was observed as it is. Of intensities 0 to 5, whose squared distance
# is at most 25, the quadratic kappa is .91; with max_distance=25 it is -1.28, without a word, and of two
# who agree every time it stays 1. Leave max_distance at 1: a scale of the distance cancels out in kappa.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nltk==3.10.4 numpy==2.4.6 scikit-learn==1.9.1
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
from nltk.metrics import interval_distance  # the squared difference
from nltk.metrics.agreement import AnnotationTask
from sklearn.metrics import cohen_kappa_score

CLIPS = 300
random = np.random.default_rng(0)
first = random.integers(0, 6, CLIPS)  # the intensity of an action unit
near = np.clip(first + random.integers(-1, 2, CLIPS), 0, 5)


def difference(one, other):
    return abs(one - other)


def by_nltk(second, distance, **options):
    rows = [(name, clip, int(level)) for name, levels in (("Ada", first), ("Ben", second))
            for clip, level in enumerate(levels)]
    task = AnnotationTask(rows, distance=distance)
    return round(task.weighted_kappa(**options), 2)


seen = {}
for name, second in (("near", near), ("the same", first)):
    for weights, distance, most in (("quadratic", interval_distance, 25), ("linear", difference, 5)):
        right = round(float(cohen_kappa_score(first, second, weights=weights, labels=range(6))), 2)
        plain, given = by_nltk(second, distance), by_nltk(second, distance, max_distance=most)
        print(f"{name}, {weights}: scikit-learn {right}, nltk {plain}, with max_distance={most} {given}")
        assert plain == right
        seen[name, weights] = right, given
assert list(seen.values()) == [(0.91, -1.28), (0.72, -0.41), (1, 1), (1, 1)]
PYTHON
