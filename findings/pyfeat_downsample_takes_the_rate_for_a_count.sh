#!/bin/sh
# py-feat 2.1.5: Fex.downsample(target) says that target is a rate in Hz and hands it on to a function that takes it
# for the number of rows to average. So 30 Hz become 3 Hz with target 10, and 1.5 Hz with 20, and the table says that
# it has 10 and 20 Hz: 10 s are told as 3 s and .75 s, and a filter after that is set for the wrong rate.
# downsample(10, target_type="hz") is right; where the rates do not divide (20) it gives 15 Hz and says 20.
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

RATE, SECONDS = 30, 10
times = np.arange(RATE * SECONDS) / RATE
readings = Fex(pd.DataFrame({"happiness": np.sin(times), "time": times}), sampling_freq=RATE)


def rates(target: int, **options: str) -> tuple[float, float]:
    """The rate that a downsampled table says, and that of its times."""
    fewer = readings.downsample(target, **options)
    return fewer.sampling_freq, 1 / float(np.diff(fewer["time"]).mean())


for target in (10, 15, 20):
    (said, real), (said_hz, real_hz) = rates(target), rates(target, target_type="hz")
    print(f'target {target}: says {said} Hz, has {real:.2f}; with target_type="hz" says {said_hz}, has {real_hz:.2f}')
    assert said == said_hz == target
    assert abs(real - RATE / target) < 0.1
    assert abs(real_hz - {10: 10, 15: 15, 20: 15}[target]) < 0.1
PYTHON
