#!/bin/sh
# pyxdf 1.17.5: load_xdf spreads the samples of a stream with a rate evenly, and takes a pause for a
# pause only if it is longer than 1 s and than 500 samples: of 30 frames a second, 16.7 s. In 60 s of
# readings with a pause of 10 s (no face, a stalled camera) times move by 5 s, and events by the same
# clock meet other faces; the one warning is of the rate. dejitter_timestamps=False keeps the times.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyxdf==1.17.5
cd "$folder"
venv/bin/python - <<'PYTHON'
import struct

import numpy as np
import pyxdf

FPS = 30
XML = "<?xml version='1.0'?><info>{}</info>"
HEADER = (
    "<name>face</name><type>Emotion</type><channel_count>1</channel_count>"
    f"<nominal_srate>{FPS}</nominal_srate><channel_format>float32</channel_format>"
)


def chunk(tag: int, content: bytes) -> bytes:
    """As github.com/sccn/xdf/wiki/Specifications has it."""
    return struct.pack("<BIH", 4, len(content) + 2, tag) + content


def record(path: str, times_s: np.ndarray) -> None:
    stream = struct.pack("<I", 1)
    samples = b"".join(struct.pack("<Bdf", 8, time_s, 1.0) for time_s in times_s)
    with open(path, "wb") as file:
        file.write(b"XDF:" + chunk(1, XML.format("<version>1.0</version>").encode()))
        file.write(chunk(2, stream + XML.format(HEADER).encode()))
        file.write(chunk(3, stream + struct.pack("<BI", 4, len(times_s)) + samples))
        for time_s in np.arange(0, times_s[-1], 5):  # clocks that agree
            file.write(chunk(4, stream + struct.pack("<dd", time_s, 0.0)))
        file.write(chunk(6, stream + XML.format("").encode()))


moved_s = {}
for pause_s in (0, 2, 10, 16, 17):
    times_s = np.arange(60 * FPS) / FPS
    times_s[30 * FPS :] += pause_s
    record("face.xdf", times_s)
    (stream,), _ = pyxdf.load_xdf("face.xdf")
    (kept,), _ = pyxdf.load_xdf("face.xdf", dejitter_timestamps=False)
    assert np.allclose(kept["time_stamps"], times_s)
    moved_s[pause_s] = round(float(np.abs(stream["time_stamps"] - times_s).max()), 2)
print(f"seconds of pause -> seconds by which a time is moved at most: {moved_s}")
assert moved_s[0] == moved_s[17] == 0
assert 0.9 < moved_s[2] < 1.1
assert 4.8 < moved_s[10] < 5.2
PYTHON
