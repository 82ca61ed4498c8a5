#!/bin/sh
# wfdb 4.3.1 (PhysioNet's format): wrann writes a note (symbol '"') at sample 0, and rdann drops it, without
# a word: it takes each note there for a line of the format's own ("## time resolution: 30"), even if it has
# no "## ". Of the labels calm, happy, sad from 0, 2 and 4 s on, two come back. A note at sample 1 comes
# back, as does one at 0 with another symbol ("+"): write one of these.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet wfdb==4.3.1
cd "$folder"
venv/bin/python - <<'PYTHON'
import numpy as np
import wfdb


def read_again(first_sample: int, symbol: str) -> list[tuple[int, str]]:
    samples = np.array([first_sample, 60, 120])
    labels = ["calm", "happy", "sad"]
    wfdb.wrann("face", "emo", samples, symbol=[symbol] * 3, aux_note=labels, fs=30)
    assert all(label.encode() in open("face.emo", "rb").read() for label in labels)
    annotation = wfdb.rdann("face", "emo")
    return list(zip(annotation.sample.tolist(), annotation.aux_note))


later = [(60, "happy"), (120, "sad")]
for first_sample, symbol in ((0, '"'), (1, '"'), (0, "+")):
    came = read_again(first_sample, symbol)
    print(f"symbol {symbol}, first label at sample {first_sample}: {came}")
    assert came == (later if (first_sample, symbol) == (0, '"') else [(first_sample, "calm"), *later])
PYTHON
