#!/bin/sh
# pyedflib 0.1.42: the fraction of a second at which a recording starts is ten times as long in the file as
# setStartdatetime was told, and getStartdatetime reads a tenth of what is there: of .05 s the file holds
# .5 s; .5 s of another program is .05 s, 450 ms off a video that started then; from .1 s on nothing is
# written, and 0 comes back. Nothing warns. Whole seconds are right. Give microsecond // 10, and take
# starttime_subsecond / 10 for microseconds.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyedflib==0.1.42 edfio==0.4.18 numpy==2.4.6
cd "$folder"
venv/bin/python -W error - <<'PYTHON'
import re
from datetime import datetime, time
from pathlib import Path

import edfio
import numpy as np
import pyedflib

CHANNEL = {
    "label": "valence", "dimension": "", "sample_frequency": 10, "transducer": "", "prefilter": "",
    "physical_min": -1.0, "physical_max": 1.0, "digital_min": -32768, "digital_max": 32767,
}


def in_the_file(path: str) -> float:
    """Of the first data record: when it starts, in seconds after the header's whole second (EDF+)."""
    return float(re.search(rb"\+([0-9.]+)\x14\x14", Path(path).read_bytes()[512:])[1])


def by_pyedflib(path: str) -> tuple[float, float]:
    with pyedflib.EdfReader(path) as reader:
        return reader.getStartdatetime().microsecond / 1e6, reader.starttime_subsecond / 1e7


seen = {}
for microsecond in (0, 20_000, 50_000, 100_000, 500_000):
    told_s = microsecond / 1e6
    for divisor in (1, 10):
        writer = pyedflib.EdfWriter("own.edf", 1, pyedflib.FILETYPE_EDFPLUS)
        writer.setSignalHeader(0, CHANNEL)
        writer.setStartdatetime(datetime(2026, 1, 1, 12, 0, 0, microsecond // divisor))
        writer.writeSamples([np.zeros(100)])
        writer.close()
        edf_s = edfio.read_edf("own.edf").starttime.microsecond / 1e6
        assert edf_s == in_the_file("own.edf")
        seen[divisor, told_s] = edf_s
    signal = edfio.EdfSignal(np.linspace(-1, 1, 100), 10, label="valence", physical_range=(-1, 1))
    edfio.Edf([signal], annotations=[], starttime=time(12, 0, 0, microsecond)).write("other.edf")
    assert in_the_file("other.edf") == told_s
    read_s, subsecond_s = by_pyedflib("other.edf")
    assert abs(read_s - told_s / 10) < 1e-6 and subsecond_s == told_s
    print(f"{told_s} s: written by pyedflib {seen[1, told_s]} s (microsecond // 10: {seen[10, told_s]} s); "
          f"written by edfio {told_s} s, read by pyedflib {read_s} s")
    assert seen[10, told_s] == told_s
assert [seen[1, told_s] for told_s in (0, 0.02, 0.05, 0.1, 0.5)] == [0, 0.2, 0.5, 0, 0]
PYTHON
