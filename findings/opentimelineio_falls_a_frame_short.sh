#!/bin/sh
# OpenTimelineIO 0.18.1: to_frames cuts off what is a hair below a whole frame. By way of the library's own
# to_time_string and from_time_string (as ffmpeg takes times) two of three frames at 24, 30 and 60 Hz come back
# as the frame before, by way of seconds 69 of 1000 at 25 Hz (29 / 25 * 25 is 28.999...). Timecodes come back
# right. Take round(time.value).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet OpenTimelineIO==0.18.1
"$folder/venv/bin/python" - <<'PYTHON'
from opentimelineio.opentime import RationalTime, from_seconds, from_time_string, from_timecode

FRAMES = range(1000)
before = {}
for rate in (24, 25, 30, 60):
    ways = {
        "time string": lambda time: from_time_string(time.to_time_string(), rate),
        "seconds": lambda time: from_seconds(time.to_seconds(), rate),
        "timecode": lambda time: from_timecode(time.to_timecode(), rate),
    }
    for name, way in ways.items():
        times = [way(RationalTime(frame, rate)) for frame in FRAMES]
        assert [round(time.value) for time in times] == list(FRAMES)
        fallen = [frame - time.to_frames() for frame, time in zip(FRAMES, times)]
        assert set(fallen) <= {0, 1}
        before[rate, name] = sum(fallen)
    counts = {name: before[rate, name] for name in ways}
    print(f"{rate} Hz, frames of {len(FRAMES)} that come back as the frame before: {counts}")
for rate in (24, 30, 60):
    assert 650 < before[rate, "time string"] < 700
assert before[25, "time string"] > 100 and before[25, "seconds"] == 69
assert {before[rate, "timecode"] for rate in (24, 25, 30, 60)} == {0}
PYTHON
