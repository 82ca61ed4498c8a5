#!/bin/sh
# pyedflib 0.1.42: EdfWriter keeps one annotation for each data record and drops the later ones, while every
# writeAnnotation returns 0. A record is 1 s as a rule, but as long as it takes to hold whole samples: at
# 30000/1001 samples a second, the rate of a video, 50 s, so of 100 labels in ten minutes 12 are left, of 40
# labels in 30 s at 30 a second 30. Call set_number_of_annotation_signals(64) before the first samples.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyedflib==0.1.42 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import warnings

import numpy as np
import pyedflib

warnings.simplefilter("error")  # there is none


def labels_kept(rate: float, seconds: int, labels: int, signals: int | None = None) -> tuple[int, float]:
    """Of so many labels, one after the other; and the length of a data record."""
    writer = pyedflib.EdfWriter("face.edf", 1, pyedflib.FILETYPE_EDFPLUS)
    writer.setSignalHeader(0, {
        "label": "smile", "dimension": "", "sample_frequency": rate, "transducer": "", "prefilter": "",
        "physical_min": -1.0, "physical_max": 1.0, "digital_min": -32768, "digital_max": 32767,
    })
    if signals:
        writer.set_number_of_annotation_signals(signals)
    writer.writeSamples([np.zeros(round(rate * seconds))])
    for number in range(labels):
        assert writer.writeAnnotation(number * seconds / labels, 0.5, f"label {number}") == 0
    writer.close()
    with pyedflib.EdfReader("face.edf") as reader:
        onsets, _, texts = reader.readAnnotations()
        assert list(texts) == [f"label {number}" for number in range(len(texts))]
        assert np.allclose(onsets, np.arange(len(texts)) * seconds / labels, atol=0.001)
        return len(texts), reader.datarecord_duration


seen = {}
for rate, seconds, labels in ((30, 30, 20), (30, 30, 40), (30_000 / 1001, 600, 100)):
    kept, record_s = labels_kept(rate, seconds, labels)
    all_kept, _ = labels_kept(rate, seconds, labels, signals=64)
    print(f"{rate:.2f} samples a second, {seconds} s, records of {record_s} s: {kept} of {labels} labels")
    print(f"    with 64 annotation signals: {all_kept}")
    assert all_kept == labels
    seen[labels] = kept
assert seen == {20: 20, 40: 30, 100: 12}
PYTHON
