#!/bin/sh
# py-feat 2.1.5: Fex.downsample(target), "target sampling frequency in Hz", takes target for the number of rows that
# become one, and then calls the result target Hz: emotions of 30 s at 30 Hz, at 10 Hz wanted, become 90 rows of
# 3 Hz with sampling_freq 10, so that a smile at 20 s is at 6 s, without a word; lags, filters and wavelets reckon
# on with that. upsample() takes Hz. Give target_type="hz" with it: downsample(10, target_type="hz").
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1 scikit-learn==1.9.1 \
  seaborn==0.13.2 plotly==7.1.0 scikit-image==0.26.0 joblib tqdm h5py huggingface_hub safetensors skops \
  easing_functions celluloid
"$folder/venv/bin/pip" install --quiet --no-deps py-feat==2.1.5 xgboost==3.2.0 timm==1.0.31
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from unittest.mock import MagicMock


class StandIn(MetaPathFinder, Loader):
    """What reads images and videos, gigabytes, is not needed for rows that were read before."""

    def find_spec(self, name, path=None, target=None):
        heavy = name.split(".")[0] in ("torchvision", "torchcodec")
        return ModuleSpec(name, self, is_package=True) if heavy else None

    def create_module(self, spec):
        return MagicMock(name=spec.name, __path__=[])

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, StandIn())
import numpy as np
import pandas as pd
from feat import Fex

time_s = np.arange(900) / 30
rows = pd.DataFrame({"happiness": np.exp(-((time_s - 20) ** 2))})  # a smile at 20 s
fex = Fex(rows, sampling_freq=30, emotion_columns=["happiness"])


def smile_s(rows):
    return rows["happiness"].to_numpy().argmax() / rows.sampling_freq


print(f"30 Hz: {len(fex)} rows, {len(fex) / fex.sampling_freq:.0f} s, smile at {smile_s(fex):.1f} s")
for target in (5, 10, 15):
    asked, hz = fex.downsample(target), fex.downsample(target, target_type="hz")
    for name, found in ((f"downsample({target})", asked), ('the same, target_type="hz"', hz)):
        print(f"{name}: {len(found)} rows, sampling_freq {found.sampling_freq}, "
              f"{len(found) / found.sampling_freq:.0f} s, smile at {smile_s(found):.1f} s")
        assert found.sampling_freq == target
    assert len(hz) == 30 * target and abs(smile_s(hz) - 20) < 0.3
    assert len(asked) == 900 // target and len(fex.upsample(60)) == 1800
    assert abs(smile_s(asked) - 20 * 30 / target**2) < 0.3
PYTHON
