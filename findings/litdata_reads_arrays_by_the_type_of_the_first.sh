#!/bin/sh
# litdata 0.2.76: optimize() notes the type of the numbers of an array or tensor of one dimension, such as votes or
# landmarks, of the first sample alone, and takes the bytes of all later ones for it: after whole numbers (int32) the
# floats of the next face (float32) come back as their bits, 24.5 as 1103364096, after float32 those of float64 are
# twice as many, after float64 whole numbers are next to 0. Nothing warns. With two dimensions each array brings its
# type and is right. Give all the same type (astype), or array[None].
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q litdata==0.2.76 torch==2.13.0 numpy==2.4.6
cat >"$folder/arrays.py" <<'PYTHON'
import os
import sys

import litdata
import numpy as np
import torch

where = [24.5, 17.25, 30.0, 41.75]
pairs = {"int32, float32": (np.int32, np.float32), "float32, float64": (np.float32, np.float64)}
pairs |= {"float64, int64": (np.float64, np.int64), "float32, float32": (np.float32, np.float32)}


def same(face):
    return face


if __name__ == "__main__":
    for name, kinds in pairs.items():
        given = []
        for kind in kinds:
            eyes = np.array(where).astype(kind)
            given.append({"array": eyes, "tensor": torch.from_numpy(eyes), "array of two dimensions": eyes[None]})
        place = os.path.join(sys.argv[1], name)
        litdata.optimize(fn=same, inputs=given, output_dir=place, chunk_bytes="1MB", num_workers=1)
        first, second = litdata.StreamingDataset(place, shuffle=False)
        for which, found in second.items():
            right = np.array_equal(np.asarray(found).ravel(), given[1]["array"])
            print(f"saved as {name}, {which}: {eyes[:2].tolist()} is read as {found.ravel()[:2].tolist()}")
            assert np.array_equal(np.asarray(first[which]), np.asarray(given[0][which]))
            assert right == (which == "array of two dimensions" or kinds[0] == kinds[1])
PYTHON
"$folder/venv/bin/python" "$folder/arrays.py" "$folder/faces" >"$folder/seen.txt" 2>"$folder/errors.txt" ||
  { cat "$folder/errors.txt"; exit 1; }
grep "^saved" "$folder/seen.txt"
