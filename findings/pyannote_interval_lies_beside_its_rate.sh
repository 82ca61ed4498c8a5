#!/bin/sh
# pyannote.metrics 4.2.0: abs(metric) is the error rate of all seconds together, and
# metric.confidence_interval() the interval of the mean over files, in which a clip of 10 s counts as much as
# a film of 1000 s. Of nine short clips read badly and a long film read well the rate is .11 and the 90 %
# interval .46 to .66: the rate that is reported with it lies outside. Of files of one length they agree.
# Resample the files, with their seconds.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyannote.metrics==4.2.0 pyannote.core==6.1.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from pyannote.core import Annotation, Segment
from pyannote.metrics.identification import IdentificationErrorRate


def rate_and_interval(files: list[tuple[float, float]]):
    """Of files of so many seconds, of which so large a share is read as "sad" in place of "happy"."""
    random = np.random.default_rng(0)
    metric = IdentificationErrorRate()
    for number, (seconds, wrong) in enumerate(files):
        truth, read = Annotation(uri=str(number)), Annotation(uri=str(number))
        right_until = seconds * (1 - wrong - random.uniform(0, 0.02))
        truth[Segment(0, seconds)] = "happy"
        read[Segment(0, right_until)] = "happy"
        read[Segment(right_until, seconds)] = "sad"
        metric(truth, read)
    _, (low, high) = metric.confidence_interval(alpha=0.9)
    return round(abs(metric), 2), (round(float(low), 2), round(float(high), 2))


lengths = {
    "nine clips of 10 s and a film of 1000 s": [(10, 0.6)] * 9 + [(1000, 0.05)],
    "ten clips of 10 s": [(10, 0.6)] * 9 + [(10, 0.05)],
}
seen = {}
for name, files in lengths.items():
    seen[name] = rate_and_interval(files)
    rate, (low, high) = seen[name]
    print(f"{name}: error rate {rate}, 90 % interval {low} to {high}")
uneven, even = seen.values()
assert uneven[1] == even[1]
assert even[1][0] < even[0] < even[1][1] and uneven[0] < 0.2 < uneven[1][0]
PYTHON
