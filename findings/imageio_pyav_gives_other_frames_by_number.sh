#!/bin/sh
# imageio 2.38.1 with PyAV 18.1.0: iio.imread(video, index=i) seeks the time i / rate, cut off, from time 0
# on. Of a WebM of even 30 frames a second (its times are whole ms) 50 of 200 numbers give the frame after;
# of an MP4 whose picture begins 2 s after its sound, 2 to 60 give frame 0 and later ones frame i - 60, all
# without a word. iio.imiter gives them in order, and index= with constant_framerate=False the right ones.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet imageio==2.38.1 av==18.1.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import av
import imageio.v3 as iio
import numpy as np

FRAMES, FPS, BITS = 200, 30, 8


def draw(number: int) -> np.ndarray:
    bits = [number >> bit & 1 for bit in range(BITS)]
    gray = np.kron(np.array(bits), np.full((64, 16), 190)) + 30
    return gray.astype(np.uint8)[..., np.newaxis].repeat(3, axis=2)


def number_of(frame: np.ndarray) -> int:
    return sum(int(frame[32, 16 * bit + 8, 1] > 125) << bit for bit in range(BITS))


def film(path: str, codec: str, starts_at_s: int) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=FPS, width=16 * BITS, height=64, gop_size=50)
        sound = container.add_stream("aac", rate=8000) if starts_at_s else None
        for number in range(9) if sound else ():
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
            tone.sample_rate, tone.pts = 8000, 8000 * number
            container.mux(sound.encode(tone))
        for number in range(FRAMES):
            picture = av.VideoFrame.from_ndarray(draw(number), format="rgb24")
            picture.pts = number + starts_at_s * FPS
            container.mux(stream.encode(picture))
        for last in (stream, sound) if sound else (stream,):
            container.mux(last.encode(None))


came = {}
for path, codec, starts_at_s in (("even.mp4", "h264", 0), ("late.mp4", "h264", 2), ("even.webm", "vp8", 0)):
    film(path, codec, starts_at_s)
    in_turn = [number_of(frame) for frame in iio.imiter(path, plugin="pyav")]
    for how in ({"constant_framerate": False}, {}):
        came[path] = [number_of(iio.imread(path, index=i, plugin="pyav", **how)) for i in range(FRAMES)]
        assert not how or came[path] == in_turn == list(range(FRAMES))
    wrong = {i: number for i, number in enumerate(came[path]) if number != i}
    print(f"{path}: {len(wrong)} of {FRAMES} numbers give another frame: {list(wrong.items())[::49]}")
assert came["even.mp4"] == list(range(FRAMES))
assert came["late.mp4"] == [0, 1] + [0] * 59 + list(range(1, 140))
assert came["even.webm"] == [i + (100 <= i < 150) for i in range(FRAMES)]
PYTHON
