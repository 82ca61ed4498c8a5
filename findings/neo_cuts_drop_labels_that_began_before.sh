#!/bin/sh
# neo 0.14.6: time_slice of a segment keeps the epochs that begin within the slice, and drops one that began
# before, even if it covers all of it: of a smile from 5 to 8 s nothing is left between 5.5 and 6.5 s, or from
# 6 s on; one that begins in the slice keeps its whole length, beyond the end. cut_segment_by_epoch does it too:
# of 12 windows of 1 s with a smile 3 have one. Nothing warns, nor do the docs. Clip the epochs by hand.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet neo==0.14.6 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PYTHON'
import neo
import numpy as np
import quantities as pq
from neo.utils import cut_segment_by_epoch

RATE, END_S, SMILES_S = 30, 20, (1, 5, 10)
smiles = neo.Epoch(times=SMILES_S * pq.s, durations=[3, 3, 3] * pq.s, labels=["smile"] * 3)
clock = np.arange(RATE * END_S).reshape(-1, 1) / RATE
face = neo.AnalogSignal(clock, units="dimensionless", sampling_rate=RATE * pq.Hz)
whole = neo.Segment()
whole.epochs.append(smiles)
whole.analogsignals.append(face)


def labels_s(part: neo.Segment) -> list[tuple[float, float]]:
    """From where to where there is a smile."""
    epochs = [epoch for epoch in part.epochs if len(epoch)]
    return [(float(at), float(at + length)) for one in epochs for at, length in zip(one.times, one.durations)]


def by_hand(start_s: float, stop_s: float) -> list[tuple[float, float]]:
    parts = [(max(at, start_s), min(at + 3, stop_s)) for at in SMILES_S]
    return [(start, stop) for start, stop in parts if start < stop]


seen = {}
for start_s, stop_s in ((5.5, 6.5), (6, 12), (0, 6)):
    part = whole.time_slice(start_s * pq.s, stop_s * pq.s)
    shown_s = part.analogsignals[0].magnitude
    assert abs(shown_s.min() - start_s) < 0.04 and abs(shown_s.max() - stop_s) < 0.04
    seen[start_s] = labels_s(part)
    print(f"{start_s} to {stop_s} s: smiles {seen[start_s]}, by hand {by_hand(start_s, stop_s)}")
assert seen == {5.5: [], 6: [(10, 13)], 0: [(1, 4), (5, 8)]}

count = END_S - 1
windows = neo.Epoch(times=(np.arange(count) + 0.5) * pq.s, durations=np.ones(count) * pq.s, labels=["window"] * count)
parts = cut_segment_by_epoch(whole, windows)
labeled = sum(any(epoch.labels[0] == "smile" for epoch in part.epochs if len(epoch)) for part in parts)
right = sum(bool(by_hand(float(at), float(at) + 1)) for at in windows.times)
print(f"{len(parts)} windows of 1 s: {labeled} have a smile, by hand {right}")
assert (labeled, right) == (3, 12)
PYTHON
