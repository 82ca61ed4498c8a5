#!/bin/sh
# fer 25.10.3: Video.analyze appends a row for a frame where its detector finds a face, and nothing for the others,
# and no row says of which frame it is. Of a clip at 10 Hz whose face comes after 2 s and looks away from 3 s to 4 s,
# row 0 is frame 20 and row 15 is frame 45: whoever takes index / rate for the time is 2 s, then 3 s early, and a
# plot joins the two halves. Read frames one by one and keep their numbers.
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
RATE, FRAMES = 10, 60
SHOWN = [*range(20, 30), *range(40, FRAMES)]


class Detector:
    """In place of its networks: a face in each frame that is not black, as happy as the frame's number says."""

    def _get_labels(self) -> dict:
        return dict(enumerate(NAMES))

    def detect_emotions(self, frame: np.ndarray) -> list:
        level = float(frame.mean())
        if level < 10:
            return []
        return [{"box": (8, 8, 48, 48), "emotions": {**dict.fromkeys(NAMES, 0.0), "happy": round(level / 4)}}]


writer = cv2.VideoWriter("clip.avi", cv2.VideoWriter_fourcc(*"MJPG"), RATE, (64, 64))
for number in range(FRAMES):
    writer.write(np.full((64, 64, 3), 4 * number if number in SHOWN else 0, np.uint8))
writer.release()
rows = Video("clip.avi").analyze(Detector(), output="pandas", save_frames=False, save_video=False)
frames = rows["happy"].astype(int).tolist()
print("columns:", *rows.columns)
print(f"{FRAMES} frames, {len(rows)} rows; the frame of row 0, 9, 10, 15:", *(frames[row] for row in (0, 9, 10, 15)))
assert frames == SHOWN
assert rows.index.tolist() == list(range(len(SHOWN)))
assert set(rows.columns) == {"box", *NAMES}
PYTHON
