#!/bin/sh
# antropy 0.2.3: sample_entropy of a series in which a value is missing (NaN, a frame without a face) is 0, "regular",
# whatever else it holds: no distance to NaN is as large as the tolerance, so all count as alike. Of noise it is 2.21,
# of the same with one of 1000 frames missing 0; with a tolerance given, and a tenth of frames missing, 1.67 for 2.21.
# Nothing warns, its docs name NaN for another case only, and from 5000 frames on it raises, as app_entropy does.
# Interpolate, or take the longest part without a gap.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet antropy==0.2.3 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import antropy
import numpy as np

warnings.simplefilter("error")
random = np.random.default_rng(0)
noise = random.normal(size=1000)
slow = np.cumsum(noise)
seen = {}
for name, signal in [("noise", noise), ("slow", slow)]:
    one, tenth = signal.copy(), signal.copy()
    one[500] = np.nan
    tenth[::10] = np.nan
    tolerance = float(0.2 * signal.std())
    for missing, series in [("none", signal), ("one", one), ("a tenth", tenth)]:
        seen[name, missing] = antropy.sample_entropy(series), antropy.sample_entropy(series, tolerance=tolerance)
        print(f"{name}, {missing} missing: {seen[name, missing][0]:.3f}, "
              f"with a tolerance of {tolerance:.2f} {seen[name, missing][1]:.3f}")
    cut = antropy.sample_entropy(signal[:500]), antropy.sample_entropy(signal[501:])
    print(f"{name}, before and behind the one that is missing: {cut[0]:.3f}, {cut[1]:.3f}")
    assert seen[name, "one"][0] == seen[name, "a tenth"][0] == 0
    assert min(cut) > 0.5 * seen[name, "none"][0] > 0
assert seen["noise", "none"][0] > 2.1 and seen["noise", "a tenth"][1] < 1.75
long = np.append(random.normal(size=5000), np.nan)
for entropy, series in [(antropy.app_entropy, one), (antropy.sample_entropy, long)]:
    try:
        entropy(series)
    except ValueError as error:
        print(f"{entropy.__name__} of {len(series)}: {str(error).splitlines()[0]}")
    else:
        raise AssertionError(entropy)
PYTHON
