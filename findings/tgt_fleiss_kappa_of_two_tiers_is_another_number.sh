#!/bin/sh
# tgt 1.5 (TextGridTools, for Praat's annotations): agreement(tiers, "fleiss-kappa") of two tiers makes a
# table of the labels of one by those of the other, and then reads each row of it as an item with that many
# raters. Two coders who contradict each other every time have 1, not -1; two who agree in four of five,
# .38, not .60. Of three tiers it is right. For two ask for "scott-pi", which is what Fleiss' kappa is then.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tgt==1.5 numpy==2.4.6 statsmodels==0.15.0
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import tgt
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa
from tgt.agreement import agreement

CLIPS = 200
emotions = np.array(["happy", "neutral"])
random = np.random.default_rng(0)
first = random.integers(2, size=CLIPS)


def tier(name: str, labels: np.ndarray) -> tgt.IntervalTier:
    intervals = [tgt.Interval(clip, clip + 1, str(label)) for clip, label in enumerate(labels)]
    return tgt.IntervalTier(0, CLIPS, name, intervals)


def by_definition(ratings: np.ndarray) -> float:
    """Of two raters: observed agreement beyond that of two labels drawn at random, from itself to 1."""
    _, counts = np.unique(ratings, return_counts=True)
    by_chance = ((counts / ratings.size) ** 2).sum()
    return ((ratings[0] == ratings[1]).mean() - by_chance) / (1 - by_chance)


seconds = {
    "contradict each other": 1 - first,
    "agree in four of five": np.where(np.arange(CLIPS) % 5 == 0, 1 - first, first),
    "agree": first,
}
seen = {}
for how, second in seconds.items():
    ratings = emotions[np.stack([first, second])]
    tiers = [tier("Ada", ratings[0]), tier("Ben", ratings[1])]
    ((_, _, fleiss),) = agreement(tiers, "fleiss-kappa")
    scott = agreement(tiers, "scott-pi")[-1]
    three = agreement([*tiers, tier("Cy", ratings[0])], "fleiss-kappa")[-1]
    right = float(fleiss_kappa(aggregate_raters(ratings.T)[0]))
    right_three = float(fleiss_kappa(aggregate_raters(np.vstack([ratings, ratings[:1]]).T)[0]))
    seen[how] = round(float(fleiss), 2), round(right, 2)
    print(f"two who {how}: tgt's Fleiss' kappa {fleiss:.2f}, statsmodels' {right:.2f}, "
          f"by the definition {by_definition(ratings):.2f}, tgt's Scott's pi {scott:.2f}")
    assert np.isclose(right, by_definition(ratings)) and np.isclose(right, scott)
    assert np.isclose(three, right_three)
assert list(seen.values()) == [(1, -1), (0.38, 0.6), (1, 1)]
PYTHON
