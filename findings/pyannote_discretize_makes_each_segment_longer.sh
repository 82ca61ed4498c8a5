#!/bin/sh
# pyannote.core 6.1.0: Annotation.discretize gives a segment the frames closest to its start and to its end, both
# of them: one frame too many on average, whatever its length. 300 smiles of .2 s (60 s in sum), at 30 frames a
# second, have 70 s; those of .05 s have 1.7 times their time. Where one label ends and the next begins, a frame
# has both, so that states that never overlap do. Timeline and duration are right. Count a frame by its middle
# yourself.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyannote.core==6.1.0 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
from pyannote.core import Annotation, Segment

FPS, SMILES = 30, 300
whole = Segment(0, SMILES)


def by_hand(annotation: Annotation, label: str) -> np.ndarray:
    """Whether the middle of each frame lies in a segment of the label."""
    middles_s = (np.arange(SMILES * FPS) + 0.5) / FPS
    inside = [(segment.start <= middles_s) & (middles_s < segment.end) for segment in annotation.label_timeline(label)]
    return np.any(inside, axis=0)


ratios = {}
for length_s in (0.05, 0.1, 0.2, 0.5):
    random = np.random.default_rng(0)
    annotation = Annotation()
    for second in range(SMILES):  # one each second, from anywhere in its first half on
        start_s = second + random.uniform(0, 0.4)
        annotation[Segment(start_s, start_s + length_s)] = "smile"
    frames = annotation.discretize(whole, resolution=1 / FPS).data[:, 0]
    true_s = annotation.label_duration("smile")
    ratios[length_s] = round(float(frames.sum() / FPS / true_s), 2)
    mine = round(float(by_hand(annotation, "smile").sum() / FPS / true_s), 2)
    more = float(frames.sum() - true_s * FPS) / SMILES
    print(f"smiles of {length_s} s: {ratios[length_s]} times the time, {more:.2f} frames more each; by hand {mine}")
    assert abs(more - 1) < 0.1 and abs(mine - 1) < 0.05
states = Annotation()
for second in range(SMILES):
    states[Segment(second + 0.01, second + 1.01)] = ("calm", "happy")[second % 2]
frames = states.discretize(whole, resolution=1 / FPS).data
both = int((frames.sum(axis=1) == 2).sum())
print(f"{SMILES} states in turn, none of which overlap: {both} frames have two, by hand "
      f"{int((by_hand(states, 'calm') & by_hand(states, 'happy')).sum())}")
assert not states.get_overlap() and both == SMILES - 1
assert not (by_hand(states, "calm") & by_hand(states, "happy")).any()
assert ratios[0.2] > 1.1 and ratios[0.05] > 1.5
PYTHON
