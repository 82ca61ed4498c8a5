#!/bin/sh
# opencv-python-headless 4.14.0.94, FFmpeg backend: in an MPEG transport stream (cameras, recorders,
# HLS parts) VideoCapture.set(CAP_PROP_POS_FRAMES, 0) does not lead back to frame 0 but says True:
# 32 frames of 50 are lost with one key frame in the video, 4 with one in twelve. The same frames in
# an MP4 rewind to 0. A second pass over a .ts needs a second VideoCapture.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opencv-python-headless==4.14.0.94 av==18.1.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import av
import cv2
import numpy as np


def write(path, key_frame_every):
    """50 frames, of which each shows its number in binary."""
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"g": str(key_frame_every)})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(50):
            image = np.full((240, 320, 3), 40, np.uint8)
            for bit in range(6):
                if number >> bit & 1:
                    image[20:220, 10 + 50 * bit : 50 + 50 * bit] = 220
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode())


def next_number(video):
    image = video.read()[1]
    return sum(1 << bit for bit in range(6) if image[120, 30 + 50 * bit].mean() > 128)


seen = {}
for path, key_frame_every in (("one.ts", 250), ("twelve.ts", 12), ("one.mp4", 250)):
    write(path, key_frame_every)
    video = cv2.VideoCapture(path)
    first = next_number(video)
    accepted = video.set(cv2.CAP_PROP_POS_FRAMES, 0)
    seen[path] = next_number(video)
    print(f"{path}: first frame {first}; rewound ({accepted}), the next is frame {seen[path]}")
    assert first == 0 and accepted
assert seen == {"one.ts": 32, "twelve.ts": 4, "one.mp4": 0}
PYTHON
