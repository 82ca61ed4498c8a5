#!/bin/sh
# FFmpeg 9.0.2 (of imageio-ffmpeg 0.8.1): of "one frame a second" by -vf fps=1 image n is the frame at n +
# 0.47 s, by the option -r 1 the frame at n - 1.13 s, after two of the first instants: the two ways are 1.6
# s apart, and neither shows what is there at n s, which is the time both files give the image.
# fps=1:round=up, or select='not(mod(n,30))', gives the frame at n s. At 2 a second it is +0.23 and -0.57 s,
# and so on.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet imageio-ffmpeg==0.8.1 av==18.1.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import subprocess

import av
import imageio_ffmpeg
import numpy as np

RATE, SECONDS, WIDTH, HEIGHT, BITS = 30, 10, 160, 32, 10


def draw(number: int) -> np.ndarray:
    bits = np.uint8([255 * (number >> bit & 1) for bit in range(BITS)])
    return np.zeros((HEIGHT, WIDTH, 3), np.uint8) + bits.repeat(WIDTH // BITS)[:, None]


def number_of(image: np.ndarray) -> int:
    middles = image.mean((0, 2))[WIDTH // BITS // 2 :: WIDTH // BITS]
    return sum(int(level > 127) << bit for bit, level in enumerate(middles))


with av.open("face.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=RATE, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
    for number in range(RATE * SECONDS):
        file.mux(stream.encode(av.VideoFrame.from_ndarray(draw(number))))
    file.mux(stream.encode())
with av.open("face.mp4") as file:
    for number, frame in enumerate(file.decode(video=0)):
        assert number_of(frame.to_ndarray(format="rgb24")) == number == round(frame.time * RATE)


def sampled(*options: str) -> list[tuple[float, float]]:
    """For each image that FFmpeg writes: the time that it gives it, and the time of what is shown."""
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", "face.mp4", *options]
    subprocess.run([*program, "-c:v", "ffv1", "few.mkv"], check=True)
    with av.open("few.mkv") as file:
        images = [(one.time, number_of(one.to_ndarray(format="rgb24"))) for one in file.decode(video=0)]
    return [(round(time_s, 2), round(number / RATE, 2)) for time_s, number in images]


ways = {"-vf fps=1": 0.47, "-r 1": -1.13, "-vf fps=1:round=up": 0, "-vf fps=2": 0.23, "-r 2": -0.57}
for way, late_s in ways.items():
    images = sampled(*way.split())
    print(f"{way}: (time given, time of what is shown) {images[:7]} ...")
    assert all(abs(shown_s - time_s - late_s) < 0.02 for time_s, shown_s in images[2:-1])
exact = sampled("-vf", "select='not(mod(n,30))'", "-fps_mode", "passthrough")
assert all(abs(shown_s - time_s) < 0.02 for time_s, shown_s in exact) and len(exact) == SECONDS
PYTHON
