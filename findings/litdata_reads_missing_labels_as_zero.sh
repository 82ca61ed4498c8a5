#!/bin/sh
# litdata 0.2.76: optimize() fills in what a sample lacks, a value that is None or a key that is not there, with 0, .0,
# False or "": a face without a label comes back as emotion 0 (angry), one that nobody rated with valence 0, and means
# and counts are wrong, without a word; its README has nothing of it. Keys that the first sample does not have are left
# out of all others. Write nan, or -1, for what is missing, and all keys in each sample.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q litdata==0.2.76 torch==2.13.0 numpy==2.4.6
cat >"$folder/labels.py" <<'PYTHON'
import sys
from collections import Counter

import litdata

faces = [{"emotion": number % 7, "valence": 0.5, "seen": True, "coder": "ada"} for number in range(70)]
for face in faces[5::10]:  # seven that were not coded
    face.update(emotion=None, valence=None, seen=None)
for face in faces[7::10]:  # and seven whose keys are missing
    del face["valence"], face["coder"]
for face in faces[1:]:
    face["arousal"] = 0.25


def same(face):
    return face


if __name__ == "__main__":
    litdata.optimize(fn=same, inputs=faces, output_dir=sys.argv[1], chunk_bytes="1MB", num_workers=1)
    back = list(litdata.StreamingDataset(sys.argv[1], shuffle=False))
    print("a face that was not coded:", back[5], "\none whose keys are missing:", back[7])
    assert back[5] == {"emotion": 0, "valence": 0.0, "seen": False, "coder": "ada"}
    assert back[7] == {"emotion": 0, "valence": 0.0, "seen": True, "coder": ""}
    emotions = [Counter(face["emotion"] for face in some) for some in (faces, back)]
    mean = sum(face["valence"] for face in back) / len(back)
    print(f"emotion 0: {emotions[0][0]} written, {emotions[1][0]} read; mean valence .5 written, {mean:.2f} read")
    assert emotions[1][0] == emotions[0][0] + emotions[0][None] and emotions[0][None] == 7
PYTHON
"$folder/venv/bin/python" "$folder/labels.py" "$folder/faces" >"$folder/seen.txt" 2>"$folder/errors.txt" ||
  { cat "$folder/errors.txt"; exit 1; }
grep -E "^(a face|one whose|emotion 0)" "$folder/seen.txt"
