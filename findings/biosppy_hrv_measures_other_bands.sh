#!/bin/sh
# biosppy 2.2.4: hrv(..., fbands=) and hrv_frequencydomain(..., fbands=) take "the desired HRV frequency bands" (of
# children, sport or slow breathing), give them back under "fbands", and measure those for adults at rest all the same:
# for breath at .5 Hz, as of children, with hf=.24 to .8 Hz, hf_pwr is 2 ms2 in place of 188, and lf_hf 101 in place of
# 1.1, the very numbers as without fbands. Nothing warns. compute_fbands(frequencies, powers, fbands) is right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet biosppy==2.2.4 peakutils==1.3.5 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import contextlib
import io
import warnings

import numpy as np

warnings.simplefilter("ignore")
from biosppy.signals import hrv

CHILDREN = {"lf": [0.04, 0.24], "hf": [0.24, 0.8]}
random = np.random.default_rng(0)
time = 0.6 * np.arange(1, 401)  # s, of 100 beats a minute
beats = 600 + 20 * np.sin(np.pi * time) + 20 * np.sin(0.2 * np.pi * time) + random.normal(0, 2, 400)  # ms


def measure(**bands: dict) -> dict:
    with contextlib.redirect_stdout(io.StringIO()):
        found = hrv.hrv_frequencydomain(rri=beats, detrend_rri=False, **bands).as_dict()
        alike = hrv.hrv(rri=beats, parameters="frequency", detrend_rri=False, show=False, **bands)
    assert alike["lf_hf"] == found["lf_hf"]
    return found


def by_hand(found: dict, low: float, high: float) -> float:
    """Power between low and high in ms2."""
    within = (found["frequencies"] >= low) & (found["frequencies"] <= high)
    return float(found["powers"][within].sum() * found["frequencies"][1])


plain, own = measure(), measure(fbands=CHILDREN)
right = hrv.compute_fbands(own["frequencies"], own["powers"], fbands=CHILDREN)
for name, found in {"without fbands": plain, "with fbands": own}.items():
    print(f"{name}: hf_pwr {found['hf_pwr']:.1f} ms2, lf_hf {found['lf_hf']:.1f}, fbands {found['fbands']}")
print(f"compute_fbands: hf_pwr {right['hf_pwr']:.1f} ms2, lf_hf {right['lf_pwr'] / right['hf_pwr']:.2f}; "
      f"by hand {by_hand(own, *CHILDREN['hf']):.1f} ms2")
assert own["fbands"] == CHILDREN and own["lf_hf"] == plain["lf_hf"] > 90 and "vlf_pwr" in own
assert abs(own["hf_pwr"] - by_hand(own, 0.15, 0.4)) < 1e-9
assert abs(right["hf_pwr"] - by_hand(own, 0.24, 0.8)) < 1e-9 and right["hf_pwr"] > 150
PYTHON
