#!/bin/sh
# opencv-python-headless 4.14.0.94, FFmpeg backend: in an MP4 of varying frame rate, as phones make
# in the dark, VideoCapture.set(CAP_PROP_POS_MSEC, t) lands on another moment, by seconds, and says
# True: it turns t into a frame number by the mean rate. Frames late in the video cannot be reached
# by their number either. Read from the start, all frames come with their true times.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opencv-python-headless==4.14.0.94 av==18.1.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
from fractions import Fraction

import av
import cv2
import numpy as np

# 30 frames 40 ms apart, then 20 frames 200 ms apart; frame i shows i in binary.
times_ms = [40 * i for i in range(30)] + [1200 + 200 * i for i in range(20)]


def picture(number):
    image = np.full((240, 320, 3), 40, np.uint8)
    for bit in range(6):
        if number >> bit & 1:
            image[20:220, 10 + 50 * bit : 50 + 50 * bit] = 220
    return image


def number_in(image):
    return sum(1 << bit for bit in range(6) if image[120, 30 + 50 * bit].mean() > 128)


with av.open("phone.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
    stream.codec_context.time_base = Fraction(1, 1000)
    for number, time_ms in enumerate(times_ms):
        frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
        frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
        file.mux(stream.encode(frame))
    file.mux(stream.encode())

video, in_order = cv2.VideoCapture("phone.mp4"), []
while (read := video.read())[0]:
    in_order.append((number_in(read[1]), round(video.get(cv2.CAP_PROP_POS_MSEC))))
video = cv2.VideoCapture("phone.mp4")
accepted = video.set(cv2.CAP_PROP_POS_MSEC, 1000)
landed = number_in(video.read()[1])
video = cv2.VideoCapture("phone.mp4")
video.set(cv2.CAP_PROP_POS_FRAMES, 45)
reachable = video.read()[0]
print(f"read in order: {len(in_order)} frames, times right: {in_order == list(enumerate(times_ms))}")
print(f"set to 1000 ms: {accepted}, frame {landed}, which is at {times_ms[landed]} ms (not 25)")
print(f"set to frame 45 of 50: a frame comes: {reachable}")
assert in_order == list(enumerate(times_ms)) and accepted
assert abs(times_ms[landed] - 1000) > 400 and not reachable
PYTHON
