#!/bin/sh
# expyriment 1.0.1: in computed variables of its Aggregator, as "wrong = answer != shown", != is turned into ==, and so
# the variable is 1 where the answer was right: of a person who was wrong in 1 of 4 trials mean(wrong) is .75. Its docs
# name != for them, and exclusions take it right. Nothing warns. Compute "right = answer == shown".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet expyriment==1.0.1 numpy==1.26.4
cd "$folder"
SDL_VIDEODRIVER=dummy venv/bin/python -W ignore - <<'PYTHON'
import contextlib
import io
from pathlib import Path

with contextlib.redirect_stdout(io.StringIO()):
    from expyriment.misc.data_preprocessing import Aggregator

ANSWERS = {1: ["happy", "sad", "fear", "sad"], 2: ["fear", "fear", "fear", "sad"]}
SHOWN = ["happy", "sad", "fear", "fear"]
Path("data").mkdir()
for person, answers in ANSWERS.items():
    rows = [f"{person},{shown},{answer}" for shown, answer in zip(SHOWN, answers)]
    header = ["#Expyriment 1.0.1, .xpd-file, coding: utf-8", "subject_id,shown,answer"]
    Path(f"data/faces_{person}.xpd").write_text("\n".join(header + rows) + "\n", encoding="utf-8")


def share(relation: str) -> dict[int, float]:
    """Of each person the share of trials for which "answer {relation} shown" is computed to hold."""
    with contextlib.redirect_stdout(io.StringIO()):
        trials = Aggregator("data", "faces")
        trials.set_computed_variables([f"held = answer {relation} shown"])
        trials.set_dependent_variables(["mean(held)"])
        return {int(person): float(mean) for person, mean in trials.aggregate()[0]}


def left(exclusion: str) -> dict[int, int]:
    with contextlib.redirect_stdout(io.StringIO()):
        trials = Aggregator("data", "faces")
        trials.set_exclusions([exclusion])
        trials.set_dependent_variables(["n_trials"])
        return {int(person): int(count) for person, count in trials.aggregate()[0]}


wrong = {who: sum(a != s for a, s in zip(answers, SHOWN)) / 4 for who, answers in ANSWERS.items()}
for relation in ("==", "!="):
    print(f"mean of answer {relation} shown: {share(relation)}; wrong answers by hand: {wrong}")
    assert share(relation) == {who: 1 - rate for who, rate in wrong.items()}
print(f"trials left without 'answer != shown': {left('answer != shown')}, without '==': {left('answer == shown')}")
assert left("answer != shown") == {1: 3, 2: 1} and left("answer == shown") == {1: 1, 2: 3}
assert wrong == {1: 0.25, 2: 0.75} and "!=" in Aggregator.set_computed_variables.__doc__
PYTHON
