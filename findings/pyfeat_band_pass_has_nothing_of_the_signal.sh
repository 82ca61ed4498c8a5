#!/bin/sh
# py-feat 2.1.5: Fex.clean filters with a Butterworth of order 5 by its polynomials (b, a), whose ten poles of a
# band-pass at slow rates double precision cannot hold. From .05 to .5 Hz at 30 Hz values grow to 1e41, from .01 to .1
# Hz to 1e244 (true: .2 and .3), and nothing warns. The standardizing that follows by default makes of the first an
# oscillation of variance 1 that has nothing of the signal (correlation -.02), of the second zeros. Low-pass or
# high-pass alone are right. Filter with scipy's output="sos" yourself.
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

from scipy.signal import butter, sosfiltfilt

RATE, SECONDS = 30, 300
smile = np.random.default_rng(0).normal(size=RATE * SECONDS).cumsum() / 100
table = Fex(pd.DataFrame({"happiness": smile}), sampling_freq=RATE)
greatest = {}
for high, low in ((0.05, None), (None, 0.1), (0.05, 0.5), (0.01, 0.1)):
    band = [value for value in (high, low) if value]
    kind = "bandpass" if len(band) == 2 else "highpass" if high else "lowpass"
    right = sosfiltfilt(butter(5, band if len(band) == 2 else band[0], kind, fs=RATE, output="sos"), smile)
    options = {"high_pass": high, "low_pass": low, "detrend": False}
    seen = table.clean(**options, standardize=False)["happiness"].to_numpy()
    shown = table.clean(**options)["happiness"].to_numpy()
    alike = float(np.corrcoef(shown / np.abs(shown).max(), right)[0, 1]) if shown.any() else 0.0
    greatest[kind, low] = np.abs(seen).max()
    print(f"{kind} {band}: greatest {np.abs(seen).max():.3g}, by second-order sections {np.abs(right).max():.3g}; "
          f"standardized, its correlation with that is {alike:.2f}")
    assert (greatest[kind, low] > 1e30 and abs(alike) < 0.1) if len(band) == 2 else alike > 0.999
PYTHON
