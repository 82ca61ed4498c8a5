#!/bin/sh
# pybv 0.8.1 (BrainVision, as mne exports it): writes into each file that commas in descriptions are coded as
# \1, and codes none. The label "AU6,12" (two action units), from 30.5 s on for .25 s, is read as "AU6" from
# .11 s on for 30.5 s: what followed the comma is its time, its time its length. Nothing warns. Write labels
# without commas, or with "\1" for them, which mne reads as a comma.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pybv==0.8.1 mne==1.13.2 numpy==2.4.6
cd "$folder"
venv/bin/python -W error - <<'PYTHON'
from pathlib import Path

import mne
import numpy as np
from pybv import write_brainvision

RATE = 100


def read_again(label: str) -> list[tuple[str, float, float]]:
    write_brainvision(
        data=np.ones((1, 60 * RATE)), sfreq=RATE, ch_names=["face"], fname_base="face", folder_out=".",
        events=[{"onset": 3050, "duration": 25, "description": label, "type": "Comment"}], overwrite=True,
    )
    assert r'Commas in type or description text are coded as "\1"' in Path("face.vmrk").read_text()
    annotations = mne.io.read_raw_brainvision("face.vhdr", verbose="WARNING").annotations
    return [(one["description"], float(one["onset"]), float(one["duration"])) for one in annotations]


seen = {}
for label in ("AU6+12", "AU6,12", r"AU6\1" + "12"):
    seen[label] = read_again(label)
    print(f"{label} from 30.5 s on for .25 s: {seen[label]}")
one, comma, coded = seen.values()
print(Path("face.vmrk").read_text().splitlines()[-1])
assert one == [("Comment/AU6+12", 30.5, 0.25)]
assert comma == [("Comment/AU6", 0.11, 30.51)]
assert coded == [("Comment/AU6,12", 30.5, 0.25)]
PYTHON
