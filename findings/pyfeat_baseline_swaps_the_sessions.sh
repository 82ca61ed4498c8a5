#!/bin/sh
# py-feat 2.1.5: Fex.baseline takes sessions in the order of their names, puts their rows in that order, and then gives
# the table back the labels of the order before. Two people whose names do not stand in order get each other's
# rows: one whose smile grows by .4 is told to smile less, the other, whose smile fades by .2, more. Sort the rows
# by session first, or take each session by itself.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pandas==2.3.3 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.8.0
"$folder/venv/bin/pip" install --quiet --no-deps py-feat==2.1.5
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from unittest.mock import MagicMock

import numpy as np
import pandas as pd

# Tables need no networks and no plots: what brings these is not installed.
for name in ("torch", "torch.utils.data", "torchvision", "torchvision.transforms", "torchvision.io", "xgboost",
             "torchcodec", "torchcodec.decoders", "tqdm", "seaborn", "matplotlib", "matplotlib.pyplot",
             "matplotlib.patches", "PIL", "plotly", "plotly.graph_objects", "feat.plotting", "feat.pretrained",
             "feat.detector", "feat.detector_v2", "feat.transforms", "feat.utils.io", "feat.utils.blendshape_to_au"):
    sys.modules[name] = MagicMock()
sys.modules["torch"].Tensor = type("Tensor", (), {})
from feat import Fex

SMILES = {"zoe": [0.9, 0.9, 0.7, 0.7], "adam": [0.1, 0.3, 0.5, 0.5]}
ADAM_FIRST = {"adam": SMILES["adam"], "zoe": SMILES["zoe"]}
RIGHT = {"zoe": [0.0, 0.0, -0.2, -0.2], "adam": [0.0, 0.2, 0.4, 0.4]}


def from_begin(smiles: dict) -> dict:
    """How much each person's smile has changed since their first frame, by the sessions of the table."""
    rows = pd.DataFrame({"happiness": [value for values in smiles.values() for value in values]})
    sessions = [name for name, values in smiles.items() for _ in values]
    changed = Fex(rows, sampling_freq=30, sessions=sessions).baseline("begin")
    labels = np.asarray(changed.sessions)
    return {name: np.round(changed["happiness"].to_numpy()[labels == name], 6).tolist() for name in smiles}


seen, ordered = from_begin(SMILES), from_begin(ADAM_FIRST)
print("smiles:", SMILES)
print("changes since the first frame:", seen)
print("with adam's rows first:", ordered)
assert ordered == {"adam": RIGHT["adam"], "zoe": RIGHT["zoe"]}
assert seen == {"zoe": RIGHT["adam"], "adam": RIGHT["zoe"]}
PYTHON
