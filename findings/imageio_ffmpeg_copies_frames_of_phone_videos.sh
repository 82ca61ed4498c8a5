#!/bin/sh
# imageio-ffmpeg 0.8.1 (imageio's plugin "FFMPEG"), and moviepy 2.2.1, which reads in the same way: of
# an MP4 of varying frame rate, as phones make in the dark, come copies that FFmpeg adds to make the
# rate even: 180 frames of 90. The rate told beside them is the mean of the 90, so number / rate is no
# time: frame 179 would be at 11 s of a video of 6 s, and moviepy's get_frame(5) shows 2.5 s.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 imageio==2.38.1 imageio-ffmpeg==0.8.1 moviepy==2.2.1
cd "$folder"
venv/bin/python - <<'PYTHON'
from fractions import Fraction

import av
import imageio.v3
import imageio_ffmpeg
import numpy as np
from moviepy import VideoFileClip

WIDTH, HEIGHT, BITS = 128, 64, 8
# 30 frames a second, and from 2 s on, in the dark, 7.5.
times_s = [number / 30 for number in range(60)] + [2 + number / 7.5 for number in range(30)]
with av.open("phone.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=30)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    stream.time_base = stream.codec_context.time_base = Fraction(1, 90_000)
    for number, time_s in enumerate(times_s):
        bits = np.uint8([255 * (number >> bit & 1) for bit in range(BITS)])
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8) + bits.repeat(WIDTH // BITS)[:, None]
        frame = av.VideoFrame.from_ndarray(image)
        frame.pts, frame.time_base = round(time_s * 90_000), stream.time_base
        file.mux(stream.encode(frame))
    file.mux(stream.encode())


def number_of(image: np.ndarray) -> int:
    middles = image.mean((0, 2))[WIDTH // BITS // 2 :: WIDTH // BITS]
    return sum(int(level > 127) << bit for bit, level in enumerate(middles))


with av.open("phone.mp4") as file:
    true = [(number_of(one.to_ndarray(format="rgb24")), one.time) for one in file.decode(video=0)]
assert [number for number, _ in true] == list(range(90))
assert np.allclose([time_s for _, time_s in true], times_s)

rate = next(imageio_ffmpeg.read_frames("phone.mp4"))["fps"]
seen = [number_of(image) for image in imageio.v3.imiter("phone.mp4", plugin="FFMPEG")]
print(f"90 frames until {times_s[-1]:.2f} s; imageio: {len(seen)} frames, {len(set(seen))} of them "
      f"different, at {rate} a second: the last one at {(len(seen) - 1) / rate:.2f} s")
assert (len(seen), len(set(seen))) == (180, 90)
assert (len(seen) - 1) / rate > 11

clip = VideoFileClip("phone.mp4", audio=False)
shown_s = times_s[number_of(clip.get_frame(5))]
print(f"moviepy: get_frame(5) shows what is there at {shown_s:.2f} s")
assert shown_s < 3.5
PYTHON
