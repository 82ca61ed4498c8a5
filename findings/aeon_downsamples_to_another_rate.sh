#!/bin/sh
# aeon 1.6.0: DownsampleTransformer(source_sfreq=, target_sfreq=) keeps each sample whose number divides by
# int(source / target), so that its rate is another one, unless it fits: of a video of 29.97 frames a second it makes
# 14.985 where 10 were asked for, and of 30 all 30 for 20. By proportion=.4 ("to downsample by") none go, by .6 a half.
# Nothing warns, and the times of whoever trusts in the rate run off: a smile at 60 s lies at 90. (Nothing is smoothed,
# either.) Take a rate by which the first divides, or scipy's resample_poly.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet aeon==1.6.0 numpy==2.3.5 scipy==1.17.1 pandas==2.3.3 scikit-learn==1.9.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from aeon.transformations.collection import DownsampleTransformer

SECONDS = 120


def clock(rate: float, **settings: object) -> np.ndarray:
    """The times in s of the samples that are kept of a video of so many frames a second."""
    times = np.arange(round(rate * SECONDS)) / rate
    return DownsampleTransformer(**settings).fit_transform(times[None, None])[0, 0]


right = {}
for source, target in ((30, 15), (30, 10), (29.97, 10), (30, 20), (25, 10), (60, 25)):
    times = clock(source, source_sfreq=source, target_sfreq=target)
    rate = 1 / np.diff(times).mean()
    smile_s = np.searchsorted(times, 60 - 1e-9) / target  # when it is, for who trusts in the rate
    right[source, target] = bool(abs(rate - target) < 1e-6)
    print(f"{source} to {target} a second: {len(times)} samples in {SECONDS} s, {rate:.3f} a second; a smile at 60 s "
          f"is sample {smile_s * target:.0f}, at {smile_s:.1f} s")
    assert abs(rate - source / int(source / target)) < 1e-6
assert right == {(30, 15): True, (30, 10): True, (29.97, 10): False, (30, 20): False, (25, 10): False, (60, 25): False}
assert len(clock(30, source_sfreq=30, target_sfreq=20)) == 30 * SECONDS

for proportion, gone in ((0.25, 0), (0.4, 0), (0.5, 0.5), (0.6, 0.5), (0.7, 2 / 3), (0.75, 0.75)):
    kept = len(clock(30, downsample_by="proportion", proportion=proportion))
    print(f"by {proportion}: {1 - kept / (30 * SECONDS):.3f} of the samples gone")
    assert abs(1 - kept / (30 * SECONDS) - gone) < 1e-9
PYTHON
