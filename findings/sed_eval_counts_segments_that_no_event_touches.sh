#!/bin/sh
# sed_eval 0.2.1: SegmentBasedMetrics finds an event's segments by dividing floats, and 0.6 / 0.2 is 2.999...:
# an event from .6 s on counts in the segment before as well, in about one of three of a grid of .1 or .2 s, two
# of three of frames at 30 Hz. A detector that says "smile" only where there is none, each on the grid, gets
# an F of .49 for 0 (.80 at 30 Hz). Segments of 1, .5 or .25 s are right. Take these, or shrink each event by
# a microsecond at both ends.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet sed_eval==0.2.1 dcase_util==0.2.20 numpy==2.4.6 "setuptools<81"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from dcase_util.containers import MetaDataContainer
from sed_eval.sound_event import SegmentBasedMetrics

SEGMENTS, MARGIN_S = 300, 1e-6


def smiles(numbers: range, segment_s: float, margin_s: float) -> MetaDataContainer:
    """A smile for the whole of each of these segments, times as they are written, to a microsecond."""
    return MetaDataContainer([
        {
            "filename": "face", "event_label": "smile",
            "event_onset": round(number * segment_s, 6) + margin_s,
            "event_offset": round((number + 1) * segment_s, 6) - margin_s,
        }
        for number in numbers
    ])


def scores(segment_s: float, margin_s: float = 0) -> tuple[float, int]:
    """The F of a detector that is always wrong, and how many segments are counted as smiling in truth."""
    metrics = SegmentBasedMetrics(event_label_list=["smile"], time_resolution=segment_s)
    truth = smiles(range(0, SEGMENTS, 2), segment_s, margin_s)
    metrics.evaluate(truth, smiles(range(1, SEGMENTS, 2), segment_s, margin_s))
    found = metrics.results_overall_metrics()["f_measure"]["f_measure"]
    return round(float(found), 2), int(metrics.overall["Nref"])


seen = {}
for name, segment_s in {"1": 1.0, ".5": 0.5, ".25": 0.25, ".2": 0.2, ".1": 0.1, ".04": 0.04, "1/30": 1 / 30}.items():
    f, count = seen[name] = scores(segment_s)
    print(f"segments of {name} s: F {f} of a detector that is always wrong, {count} for {SEGMENTS // 2} with a smile")
    assert name == "1/30" or scores(segment_s, MARGIN_S) == (0, SEGMENTS // 2)
assert seen["1"] == seen[".5"] == seen[".25"] == (0, SEGMENTS // 2)
assert all(seen[name][0] > 0.4 and seen[name][1] > 170 for name in (".2", ".1"))
assert seen[".04"][0] > 0.2 and seen["1/30"][0] > 0.7
PYTHON
