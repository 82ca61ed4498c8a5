#!/bin/sh
# audmetric 1.4.2: with labels= (of a corpus of four emotions, for a network of seven) recall, precision, F-score and
# their unweighted averages leave out each sample whose answer is none of these labels: a happy face that is called
# fear counts nowhere, where TP / (TP + FN) of the documentation counts it as missed. A network that is right in 40 %
# has a UAR of 1.0. scikit-learn's labels= counts them. Give all labels that are answered, and average the recall of
# those that are in the truth (recall_per_class).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet audmetric==1.4.2 scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import audmetric
import numpy as np
from sklearn.metrics import f1_score, precision_score, recall_score

CORPUS = ["angry", "happy", "neutral", "sad"]
truth = np.repeat(CORPUS, 100)
answers = truth.astype(object)
for place, other in enumerate(["disgust", "surprise", "fear", "fear"]):  # 60 of 100, each by a label of its own
    answers[place * 100 : place * 100 + 60] = other
print(f"right: {np.mean(answers == truth):.2f}; audmetric.accuracy(labels=) "
      f"{audmetric.accuracy(truth, answers, labels=CORPUS):.2f}")
recall = audmetric.recall_per_class(truth, answers, labels=CORPUS)
uar = audmetric.unweighted_average_recall(truth, answers, labels=CORPUS)
uaf = audmetric.unweighted_average_fscore(truth, answers, labels=CORPUS)
print(f"audmetric with labels=: recall {recall}, UAR {uar}, UAF {uaf}, "
      f"matrix {audmetric.confusion_matrix(truth, answers, labels=CORPUS)}")
assert set(recall.values()) == {1.0} and uar == uaf == 1.0
options = {"labels": CORPUS, "average": "macro"}
theirs = recall_score(truth, answers, **options), f1_score(truth, answers, **options)
print(f"scikit-learn with labels=: UAR {theirs[0]:.2f}, macro F1 {theirs[1]:.2f}")
assert abs(theirs[0] - 0.4) < 1e-9 and abs(theirs[1] - 0.8 / 1.4) < 1e-9
every = audmetric.recall_per_class(truth, answers)
by_hand = {label: float(np.mean(answers[truth == label] == label)) for label in CORPUS}
print(f"audmetric without labels=: {every}; by hand {by_hand}")
assert {label: every[label] for label in CORPUS} == by_hand and set(by_hand.values()) == {0.4}

# The other way round: samples whose truth is none of the labels do not lower precision.
truth, answers = np.array(["happy"] * 10 + ["surprise"] * 90), np.array(["happy"] * 100)
mine = audmetric.precision_per_class(truth, answers, labels=["happy", "sad"])["happy"]
right = precision_score(truth, answers, labels=["happy"], average=None)[0]
print(f"90 surprised faces of 100 that are called happy: precision of happy {mine}, by scikit-learn {right}")
assert mine == 1.0 and abs(right - 0.1) < 1e-9
PYTHON
