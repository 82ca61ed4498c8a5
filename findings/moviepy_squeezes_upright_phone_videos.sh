#!/bin/sh
# moviepy 2.2.1 with imageio-ffmpeg 0.8.1: a video of a phone held upright, which is stored on its
# side, comes upright, but squeezed into the frame as stored, without a word: a square is 3.1 times as
# wide as high, and so is a face. moviepy looks for "displaymatrix" in what FFmpeg says; FFmpeg 9, which
# imageio-ffmpeg has now, says "Display Matrix". Give VideoFileClip target_resolution=(width, height).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 imageio-ffmpeg==0.8.1 moviepy==2.2.1
cd "$folder"
venv/bin/python - <<'PYTHON'
import subprocess

import av
import imageio_ffmpeg
import numpy as np
from moviepy import VideoFileClip

WIDTH, HEIGHT = 320, 180
image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
image[60:120, 130:190] = 255  # a square
with av.open("stored.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    for _ in range(25):
        file.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
    file.mux(stream.encode())
ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
turn = [ffmpeg, "-loglevel", "error", "-display_rotation", "90", "-i", "stored.mp4"]
subprocess.run([*turn, "-c", "copy", "phone.mp4"], check=True)


def shape_of_square(frame: np.ndarray) -> float:
    rows, columns = np.nonzero(frame.mean(axis=2) > 127)
    return float(np.ptp(columns) + 1) / float(np.ptp(rows) + 1)


frames = imageio_ffmpeg.read_frames("phone.mp4")
width, height = next(frames)["size"]
upright = np.frombuffer(next(frames), np.uint8).reshape(height, width, 3)
found = {"imageio-ffmpeg": upright}
found["moviepy"] = VideoFileClip("phone.mp4", audio=False).get_frame(0)
target = VideoFileClip("phone.mp4", audio=False, target_resolution=(HEIGHT, WIDTH))
found["moviepy, with target_resolution"] = target.get_frame(0)
for name, frame in found.items():
    shape = "{1} x {0}".format(*frame.shape)
    print(f"{name}: frame {shape}, width / height of the square {shape_of_square(frame):.2f}")
assert found["moviepy"].shape == (HEIGHT, WIDTH, 3)
assert 3 < shape_of_square(found["moviepy"]) < 3.3
assert all(abs(shape_of_square(found[name]) - 1) < 0.05 for name in found if name != "moviepy")
PYTHON
