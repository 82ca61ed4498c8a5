#!/bin/sh
# py-feat 2.1.5: Fex.baseline(normalize="db") is 10 log10(x - b) / b, where decibels over a baseline are
# 10 log10(x / b): frames of .1, .2, .4 and .8 over the first are -inf, -100, -52 and -15 for 0, 3, 6 and 9 dB. All
# that lies below its baseline is missing, half of the frames with the default median; NumPy warns of -inf and these.
# Take 10 * np.log10(table / baseline).
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

smile = pd.DataFrame({"happiness": [0.1, 0.2, 0.4, 0.8]})
seen = Fex(smile, sampling_freq=30).baseline("begin", normalize="db")["happiness"].to_numpy()
right = 10 * np.log10(smile["happiness"] / 0.1).to_numpy()
print("decibels over the first frame:", np.round(seen, 1), "; by their definition:", np.round(right, 1))
assert np.allclose(seen, [-np.inf, -100.0, -52.287875, -15.490196])
assert np.allclose(right, [0.0, 3.0103, 6.0206, 9.0309])

share = np.random.default_rng(0).uniform(0.1, 0.9, 301)
many = Fex(pd.DataFrame({"happiness": share}), sampling_freq=30).baseline(normalize="db")["happiness"]
print(f"over the median of {len(share)} frames {int(many.isna().sum())} are missing")
assert many.isna().sum() == 150
PYTHON
