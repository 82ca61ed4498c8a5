#!/bin/sh
# tslearn 0.10.0: PiecewiseAggregateApproximation, and with it SAX and 1d-SAX, gives each segment so many whole
# values as fit, and leaves out what is over at the end: of 59 values in 30 segments each has one, and the last
# 29 count for nothing. A face that smiles in all of them is the same as one that never does: distance 0, and
# inverse_transform gives 0 there. Nothing warns, the docs ask for series of one length only. Cut or resample
# to a multiple.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tslearn==0.10.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from tslearn.piecewise import (
    OneD_SymbolicAggregateApproximation,
    PiecewiseAggregateApproximation,
    SymbolicAggregateApproximation,
)

SEGMENTS = 30
lost = {}
for length in (59, 60, 89, 100, 119, 120):
    forms = {
        "PAA": PiecewiseAggregateApproximation(n_segments=SEGMENTS),
        "SAX": SymbolicAggregateApproximation(n_segments=SEGMENTS, alphabet_size_avg=8),
        "1d-SAX": OneD_SymbolicAggregateApproximation(n_segments=SEGMENTS),
    }
    for name, form in forms.items():
        calm = np.random.default_rng(0).normal(size=length)
        form.fit(calm[np.newaxis])
        counts = []
        for at in range(length):  # whether a value counts: it can change something
            changed = np.stack((calm, calm))
            changed[:, at] = -1000, 1000
            low, high = form.transform(changed)
            counts.append(bool((low != high).any()))
        lost[length, name] = length - sum(counts)
        assert counts == sorted(counts, reverse=True)  # they are the last ones
    print(f"{length} values in {SEGMENTS} segments, values that do not count: {lost[length, 'PAA']}, all at the end")
    assert {lost[length, name] for name in forms} == {length % SEGMENTS}
calm = np.ones(59)
smile = np.concatenate((calm[:SEGMENTS], 5 * calm[SEGMENTS:]))
form = PiecewiseAggregateApproximation(n_segments=SEGMENTS).fit(calm[np.newaxis])
back = form.inverse_transform(form.transform(smile[np.newaxis])).ravel()
print(f"a smile in the last 29 of 59: distance to none {form.distance(calm, smile)}, back: {back.tolist()}")
assert form.distance(calm, smile) == 0 and (back[:SEGMENTS] == 1).all() and (back[SEGMENTS:] == 0).all()
PYTHON
