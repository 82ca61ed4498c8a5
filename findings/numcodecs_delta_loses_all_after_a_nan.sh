#!/bin/sh
# numcodecs 0.16.6 (the filters of zarr 3.1.6): Delta(dtype="f4") stores differences and adds them up again,
# so that one nan, a frame without a face, makes nan of all later frames of its chunk. Of a chunk of 500
# readings a nan in frame 10 loses the 489 after it, for good and without a word; one large number rounds
# them. Whole numbers, and floats without a nan or without Delta, come back. Leave it out for floats.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numcodecs==0.16.6 zarr==3.1.6 numpy==2.4.6
cd "$folder"
venv/bin/python -W error - <<'PYTHON'
import numcodecs
import numpy as np
import zarr

FRAMES = 1000
random = np.random.default_rng(0)
readings = random.uniform(0, 1, FRAMES).astype(np.float32)


def again(values: np.ndarray, delta: bool) -> np.ndarray:
    """Written to a zarr array in two chunks, and read."""
    filters = [numcodecs.Delta(dtype=values.dtype.str)] if delta else None
    file = zarr.create_array("face.zarr", data=values, chunks=(FRAMES // 2,), zarr_format=2,
                             filters=filters, overwrite=True)
    del file
    return zarr.open_array("face.zarr", mode="r")[:]


no_face, outlier = readings.copy(), readings.copy()
no_face[10], outlier[10] = np.nan, 1e6
for name, values in (("no face in frame 10", no_face), ("1e6 in frame 10", outlier)):
    plain, delta = again(values, False), again(values, True)
    assert np.array_equal(plain, values, equal_nan=True)
    lost = np.isnan(delta).sum()
    off = np.nanmax(np.abs(delta - values)[11:])
    print(f"{name}: {np.isnan(values).sum()} nan written, {lost} read; others off by up to {off:.2g}")
    if name.startswith("no"):
        assert np.isnan(delta[10:500]).all() and lost == 490
    else:
        assert 0.001 < off and np.abs(delta - values)[500:].max() < 1e-4
assert np.abs(again(readings, True) - readings).max() < 1e-4
whole = random.integers(-1000, 1000, FRAMES).astype(np.int16)
assert np.array_equal(again(whole, True), whole)
PYTHON
