#!/bin/sh
# pycm 4.6: PRCurve.area() adds up only between the recalls that its thresholds, the scores that occur, give;
# from the recall of the highest score down to 0 it adds nothing. Whoever has the highest score is left out,
# and 1, as softmax in float32 says often, is the score of many: of a perfect reader who says 1 of seven in
# ten the area is .3, of one who says 0 or 1 it is 0, without a word. ROCCurve is right. Take scikit-learn's
# average_precision_score, which gives 1.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pycm==4.6 numpy==2.4.6 scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from pycm import PRCurve, ROCCurve
from sklearn.metrics import average_precision_score

FACES = 100
random = np.random.default_rng(0)
smile = np.arange(FACES) % 2
spread = random.uniform(0.6, 0.99, FACES)
at_most_one = np.where(np.arange(FACES) < 0.7 * FACES, 1.0, spread)
noisy = np.clip(0.4 * smile + random.normal(0.5, 0.4, FACES), 0, 1)
scores = {
    "perfect, no score is 1": np.where(smile, spread, 1 - spread),
    "perfect, 1 of seven in ten": np.where(smile, at_most_one, 1 - spread),
    "perfect, 0 or 1": smile.astype(float),
    "not perfect, some are 1": noisy,
}
seen = {}
for name, score in scores.items():
    options = {"actual_vector": smile, "probs": np.stack([1 - score, score], 1), "classes": [0, 1]}
    area, roc = PRCurve(**options).area()[1], ROCCurve(**options).area()[1]
    right = average_precision_score(smile, score)
    seen[name] = round(float(area), 2), round(float(right), 2)
    print(f"{name}: pycm's area {area:.2f}, average precision {right:.2f}; pycm's area of the ROC {roc:.2f}")
    assert abs(roc - 1) < 0.01 or name.startswith("not")
single, many, all_of_them, some = seen.values()
assert single == (0.98, 1) and many == (0.3, 1) and all_of_them == (0, 1) and some[0] < some[1] - 0.1
PYTHON
