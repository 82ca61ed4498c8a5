#!/bin/sh
# pysrt 1.1.2: SubRipFile.at, "all subtitles visible at the timestamp", leaves out those that begin at that very time,
# too (slice compares with "<" at both ends). Of labels that follow each other and change on the second, none is
# visible at 0, 1, 2 ... s. Asked for the time of each frame of a video at 25 frames a second, labels that begin on a
# frame have one frame too few, and of those of one frame (40 ms) none is ever found, without a word. Ask for a
# millisecond after: at(milliseconds=t + 1).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pysrt==1.1.2
"$folder/venv/bin/python" -W error - <<'PYTHON'
import pysrt

FRAME_MS = 40  # 25 frames a second


def labels(length_ms: int, count: int = 20) -> pysrt.SubRipFile:
    """calm and happy in turn, each from where the one before ends."""
    return pysrt.from_string("\n".join(
        f"{i + 1}\n{pysrt.SubRipTime.from_ordinal(i * length_ms)} --> "
        f"{pysrt.SubRipTime.from_ordinal((i + 1) * length_ms)}\n{('calm', 'happy')[i % 2]}\n"
        for i in range(count)
    ))


def with_label(file: pysrt.SubRipFile, step_ms: int, late_ms: int = 0) -> tuple[int, int]:
    """At how many of the times there is a label, and at how many there should be one."""
    times_ms = range(0, file[-1].end.ordinal, step_ms)
    found = [file.at(milliseconds=time_ms + late_ms) for time_ms in times_ms]
    assert max(map(len, found)) <= 1
    return sum(map(len, found)), len(times_ms)


seen = {}
for length_ms, step_ms in ((1000, 1000), (1000, FRAME_MS), (5 * FRAME_MS, FRAME_MS), (FRAME_MS, FRAME_MS)):
    file = labels(length_ms)
    seen[length_ms, step_ms] = count, times = with_label(file, step_ms)
    after, _ = with_label(file, step_ms, late_ms=1)
    print(f"labels of {length_ms} ms without a gap, each {step_ms} ms: {count} of {times} times have a label, "
          f"{after} a millisecond later")
    assert after == times
assert seen == {(1000, 1000): (0, 20), (1000, 40): (480, 500), (200, 40): (80, 100), (40, 40): (0, 20)}
PYTHON
