#!/bin/sh
# h5py 3.16.0: create_dataset(..., scaleoffset=3) keeps floats to about three digits, and makes of every nan
# the least number of its chunk. Of 1000 frames, 50 of which have no face, all have a reading when they are
# read, the mean is .49, not .52, and nothing warns; gzip keeps nan, and a chunk without nan is right. A
# chunk of float32 that begins with nan is written and cannot be read at all. Round, and use gzip.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet h5py==3.16.0 numpy==2.4.6
cd "$folder"
venv/bin/python -W error - <<'PYTHON'
import h5py
import numpy as np

FRAMES = 1000
random = np.random.default_rng(0)


def written_and_read(readings: np.ndarray, **options) -> np.ndarray:
    with h5py.File("face.h5", "w") as file:
        file.create_dataset("valence", data=readings, chunks=(FRAMES,), **options)
    with h5py.File("face.h5") as file:
        return file["valence"][:]


for kind in (np.float32, np.float64):
    whole = random.uniform(0, 1, FRAMES).astype(kind)
    no_face = np.zeros(FRAMES, bool)
    no_face[100:130] = no_face[400:420] = True
    gaps = np.where(no_face, kind(np.nan), whole)
    means = {"as written": float(np.nanmean(gaps))}
    for name, options in (("gzip", {"compression": "gzip"}), ("scaleoffset", {"scaleoffset": 3})):
        again = written_and_read(gaps, **options)
        means[name] = float(np.nanmean(again))
        print(f"{kind.__name__}, {name}: {np.isnan(again).sum()} of 50 nan, mean {means[name]:.2f}")
        if name == "gzip":
            assert np.array_equal(again, gaps, equal_nan=True)
            continue
        assert not np.isnan(again).any() and np.abs(again - whole)[~no_face].max() < 0.0011
        assert len(set(again[no_face])) == 1 and abs(again[no_face][0] - np.nanmin(gaps)) < 0.01
        assert np.abs(written_and_read(whole, **options) - whole).max() < 0.0011
    print(f"{kind.__name__}, as written: mean {means['as written']:.2f}")
    assert means["as written"] - means["scaleoffset"] > 0.02

late = np.concatenate([np.float32([np.nan]), np.float32(random.uniform(0, 1, FRAMES - 1))])
try:
    written_and_read(late, scaleoffset=3)
except OSError as error:
    print(f"float32, the first frame has no face: {error}")
else:
    raise AssertionError("was read")
PYTHON
