#!/bin/sh
# pymovements 0.28.0: Gaze.resample, which by its docs can be used "to achieve a constant sampling rate for
# inconsistent data", keeps the samples whose time is, to a microsecond, one of the new times, and drops the others
# before it interpolates. Of 50 Hz whose times are off by a millisecond or not, a third is left, and what lies between
# is a straight line: of 200 blinks of 100 ms 94 are seen, by np.interp all; of times with fractions 9 of 10000
# samples are left and no blink. Nothing warns. Use np.interp, or round times to ms and go by way of 1000 Hz.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pymovements==0.28.0 numpy==2.4.6 polars==2.1.0
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
import pymovements

RATE_HZ, BLINKS = 50, 200
random = np.random.default_rng(0)
even_ms = np.arange(BLINKS * RATE_HZ) * 1000 / RATE_HZ
start_ms = np.arange(BLINKS) * 1000 + 400  # a blink each second, of 100 ms


def openness_px(times_ms: np.ndarray) -> np.ndarray:
    return np.where((times_ms % 1000 >= 400) & (times_ms % 1000 < 500), 0.0, 100.0)


def resampled(times_ms: np.ndarray, *rates_hz: int) -> tuple[np.ndarray, np.ndarray]:
    open_px = openness_px(times_ms)
    gaze = pymovements.gaze.from_numpy(time=times_ms, pixel=np.stack([open_px, open_px]))
    for rate_hz in rates_hz:
        gaze.resample(rate_hz)
    return gaze.samples["time"].to_numpy(), gaze.samples["pixel"].list.get(0).cast(float).to_numpy()


def seen(times_ms: np.ndarray, open_px: np.ndarray) -> int:
    """Blinks in which the eye is closed by half for 80 to 120 ms."""
    near = [(times_ms >= start - 150) & (times_ms < start + 250) for start in start_ms]
    closed_ms = np.array([(open_px[times] < 50).sum() * 1000 / RATE_HZ for times in near])
    return int(((closed_ms >= 80) & (closed_ms <= 120)).sum())


found = {}
for name, off_ms in {
    "even": np.zeros(len(even_ms)),
    "off by whole ms": random.integers(-1, 2, len(even_ms)),
    "off by fractions": random.uniform(-1, 1, len(even_ms)),
}.items():
    off_ms[0] = 0
    times_ms = even_ms + off_ms
    new_ms, open_px = resampled(times_ms, RATE_HZ)
    kept = int(np.isin(np.round(new_ms * 1000), np.round(times_ms * 1000)).sum())
    by_numpy = seen(new_ms, np.interp(new_ms, times_ms, openness_px(times_ms)))
    by_ms = seen(*resampled(np.round(times_ms), 1000, RATE_HZ))
    found[name] = kept, seen(new_ms, open_px)
    print(f"{name}: {kept} of {len(times_ms)} samples used, {found[name][1]} of {BLINKS} blinks seen; "
          f"by np.interp {by_numpy}, by 1000 Hz {by_ms}")
    assert by_numpy == by_ms == BLINKS
assert found == {"even": (10000, 200), "off by whole ms": (3328, 94), "off by fractions": (9, 0)}
PYTHON
