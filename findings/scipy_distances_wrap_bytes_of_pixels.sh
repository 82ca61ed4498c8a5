#!/bin/sh
# scipy 1.17.1: spatial.distance.euclidean, cityblock, chebyshev and minkowski of two images of bytes subtract
# in bytes, where -1 is 255: two frames of a still face that differ by one gray level of noise are 6951 apart, not
# 39, about as far as frames of a face that moves, without a word. sqeuclidean, and cdist with any of these
# names, widen the numbers of the same bytes before and are right. Give floats, or cdist.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scipy==1.17.1 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
from scipy.spatial import distance

random = np.random.default_rng(0)
face = random.integers(60, 200, 48 * 48)
still = (face + random.integers(-1, 2, face.size)).astype(np.uint8)
face = face.astype(np.uint8)
moved = np.roll(face.reshape(48, 48), 3, axis=1).ravel()
for name in ("cityblock", "chebyshev", "minkowski", "euclidean", "sqeuclidean", "canberra"):
    one, found, whole, table = getattr(distance, name), [], [], []
    for other in (still, moved):
        found.append(float(one(face, other)))
        whole.append(float(one(face.astype(float), other.astype(float))))
        table.append(float(distance.cdist([face], [other], name)[0, 0]))
    print(f"{name}, still and moved face: floats {np.round(whole, 2)}, cdist of bytes {np.round(table, 2)},",
          f"bytes {np.round(found, 2)}")
    assert np.allclose(table, whole)
    if name in ("sqeuclidean", "canberra"):
        assert np.allclose(found, whole)
    else:
        assert found[0] > 10 * whole[0]
PYTHON
