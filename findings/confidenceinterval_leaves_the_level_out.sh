#!/bin/sh
# confidenceinterval 1.0.5: f1_score(truth, answers, confidence_interval=.99, average="macro"), as its README writes the
# level, gives the interval of 95 %: the argument is called confidence_level, and what has another name is dropped. By
# the right name classification_report_with_ci(confidence_level=.99) has intervals of 99 % for the F1 of each emotion,
# and in the columns beside them, and for micro and macro, those of 95 %. Nothing warns. Ask score by score.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet confidenceinterval==1.0.5 scikit-learn==1.9.1 numpy==2.4.6 pandas==2.3.3 \
  statsmodels==0.14.6 scipy==1.17.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import confidenceinterval as ci
import numpy as np

random = np.random.default_rng(0)
truth = random.integers(0, 3, 300)
answers = np.where(random.random(300) < 0.7, truth, random.integers(0, 3, 300))


def width(interval: tuple) -> float:
    return float(interval[1] - interval[0])


for average in ("micro", "macro"):
    for score in (ci.f1_score, ci.precision_score, ci.recall_score):
        usual, by_level, as_in_readme = (width(score(truth, answers, average=average, **level)[1]) for level in (
            {}, {"confidence_level": 0.99}, {"confidence_interval": 0.99}))
        print(f"{score.__name__} {average}: width {usual:.3f}; 99 % by confidence_level {by_level:.3f}, "
              f"by confidence_interval {as_in_readme:.3f}")
        assert as_in_readme == usual and abs(by_level / usual - 2.5758 / 1.9600) < 1e-3

reports = [ci.classification_report_with_ci(truth, answers, confidence_level=level) for level in (0.5, 0.95, 0.99)]
changed = {}
for row, name in enumerate(reports[0]["Class"]):
    for score in ("Precision CI", "Recall CI", "F1-Score CI"):
        widths = [width(report[score][row]) for report in reports]
        changed[name, score] = len(set(widths)) > 1
        print(f"report, {name}, {score} of 50, 95 and 99 %: " + ", ".join(f"{one:.3f}" for one in widths))
assert sorted(name for name, differs in changed.items() if differs) == [
    (f"Class {label}", "F1-Score CI") for label in range(3)]
PYTHON
