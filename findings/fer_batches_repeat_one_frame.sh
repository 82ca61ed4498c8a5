#!/bin/sh
# fer 25.10.3: Video.analyze(frequency=N, batch_size=K) seeks each frame by a counter that goes on only when a batch
# is done, so all K images of a batch are one frame: of 40 frames with N 5 and K 4 it reads 0, 0, 0, 0, 20, 20, 20,
# 20 for 0, 5, 10 ... 35, as many rows as expected, each smile four times, and three quarters of the frames asked for
# are never looked at. Either option alone is right: with frequency leave batch_size at 1 (it is no faster: images are
# read one by one).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps fer==25.10.3 opencv-contrib-python==4.11.0.86 numpy==2.4.6 \
    pandas==2.3.3 python-dateutil==2.9.0.post0 pytz==2025.2 tzdata==2025.2 six==1.17.0 tqdm==4.67.1 pillow==12.0.0 \
    requests==2.32.5 urllib3==2.5.0 idna==3.11 certifi==2025.11.12 charset-normalizer==3.4.4
cd "$folder"
"$folder/venv/bin/python" -W ignore - 2> "$folder/log" <<'PYTHON' || { cat "$folder/log" >&2; exit 1; }
import cv2
import numpy as np
from fer.classes import Video

NAMES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
FRAMES = 40


class Detector:
    """In place of its networks: one face in each frame, as happy as the frame's number says."""

    def _get_labels(self) -> dict:
        return dict(enumerate(NAMES))

    def detect_emotions(self, frame: np.ndarray) -> list:
        return [{"box": (8, 8, 48, 48), "emotions": {**dict.fromkeys(NAMES, 0.0), "happy": round(frame.mean() / 6)}}]

    def batch_detect_emotions(self, frames: list) -> list:
        return [self.detect_emotions(frame) for frame in frames]


writer = cv2.VideoWriter("clip.avi", cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 64))
for number in range(FRAMES):
    writer.write(np.full((64, 64, 3), 6 * number, np.uint8))
writer.release()
seen = {}
for every, batch in ((1, 1), (1, 4), (5, 1), (5, 4), (4, 8)):
    options = {"frequency": every, "batch_size": batch, "save_frames": False, "save_video": False}
    rows = Video("clip.avi").analyze(Detector(), output="pandas", **options)
    seen[every, batch] = rows["happy"].astype(int).tolist()
    if every > 1:
        print(f"frequency {every}, batch_size {batch}: the frames of the rows are", *seen[every, batch])
assert seen[1, 1] == seen[1, 4] == list(range(FRAMES))
assert seen[5, 1] == list(range(0, FRAMES, 5))
assert seen[5, 4] == [0] * 4 + [20] * 4
assert seen[4, 8] == [0] * 8 + [32] * 8
PYTHON
