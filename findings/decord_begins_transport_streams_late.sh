#!/bin/sh
# decord 0.6.0: of an MPEG transport stream (recorders, HLS) with B-frames, as x264 makes them, number
# 0 is not the first frame: with one key frame in the video all come 32 early, frame 42 as number 10, and the
# last one 33 times, so that the length is right, at times from 0 on. With a key frame every 12 frames they
# come 8 early. decord says nothing (FFmpeg: "co located POCs unavailable"). Without B-frames, in an MP4, and
# by PyAV number i is frame i. Make an MP4 of it (ffmpeg -i a.ts -c copy a.mp4).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet decord==0.6.0 av==18.1.0 numpy==2.4.6
cd "$folder"
venv/bin/python -W error - 2>errors.txt <<'PYTHON' || { cat errors.txt; exit 1; }
import av
import numpy as np
from decord import VideoReader

FRAMES, RATE, BITS = 200, 30, 8


def number_of(image: np.ndarray) -> int:
    middles = image.mean((0, 2))[8::16]
    return sum(int(level > 127) << bit for bit, level in enumerate(middles))


def write(path: str, key_frame_every: int, b_frames: int) -> None:
    """Frames that show their number in binary."""
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264", rate=RATE, width=16 * BITS, height=64)
        stream.options = {"g": str(key_frame_every), "bf": str(b_frames)}
        stream.pix_fmt = "yuv420p"
        for number in range(FRAMES):
            bits = np.uint8([255 * (number >> bit & 1) for bit in range(BITS)])
            image = np.zeros((64, 16 * BITS, 3), np.uint8) + bits.repeat(16)[:, None]
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        file.mux(stream.encode())
    with av.open(path) as file:
        seen = [number_of(one.to_ndarray(format="rgb24")) for one in file.decode(video=0)]
    assert seen == list(range(FRAMES))


early = {}
for path, *how in (("one.ts", 250, 3), ("twelve.ts", 12, 3), ("no_b.ts", 250, 0), ("one.mp4", 250, 3)):
    write(path, *how)
    reader = VideoReader(path)
    seen = [number_of(reader[number].asnumpy()) for number in range(len(reader))]
    batch = [number_of(image) for image in VideoReader(path).get_batch([0, 10, 50]).asnumpy()]
    times_s = [round(float(begin), 2) for begin, _ in reader.get_frame_timestamp([0, 50])]
    print(f"{path}: {len(reader)} frames; numbers 0, 10, 50, -1 show {[seen[i] for i in (0, 10, 50, -1)]}")
    print(f"    get_batch([0, 10, 50]): {batch}; times of 0 and 50: {times_s}")
    assert len(seen) == FRAMES and times_s == [0, 1.67]
    assert [seen[0], seen[10], seen[50]] == batch
    early[path] = seen[0]
    assert seen == [min(number + early[path], FRAMES - 1) for number in range(FRAMES)]
assert early == {"one.ts": 32, "twelve.ts": 8, "no_b.ts": 0, "one.mp4": 0}
PYTHON
