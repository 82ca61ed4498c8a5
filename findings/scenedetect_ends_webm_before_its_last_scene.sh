#!/bin/sh
# PySceneDetect 0.7.2: of WebM and Matroska whose rate varies, as browsers record webcams, it has the cuts right by
# time, but the last scene ends at the number of frames by the nominal rate: at 25 s of 40, before it begins at 30 s.
# At the end OpenCV tells no time, and frames are counted in its place. MP4 is right, and so is backend="pyav".
# Take the end of the video from its packets.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip() { "$folder/venv/bin/pip" install --quiet "$@"; }
pip opencv-python-headless==5.0.0.93 av==18.1.0 numpy==2.4.6 click==8.5.1 platformdirs==4.14.9 tqdm==4.70.1
pip --no-deps scenedetect==0.7.2  # asks for opencv-python, which needs a screen's libraries
cd "$folder"
venv/bin/python - <<'PYTHON'
from fractions import Fraction

import av
import numpy as np
from scenedetect import ContentDetector, SceneManager, open_video

CUTS_S, LENGTH_S = (10, 20, 30), 40
SCENES = np.random.default_rng(0).integers(0, 255, (4, 6, 8, 3)).repeat(20, 1).repeat(20, 2).astype(np.uint8)
EVEN_S = np.arange(LENGTH_S * 30) / 30
# In the light 30 frames a second, and from 10 s on, when the lamp is out, 15.
VARYING_S = np.concatenate((EVEN_S[:300], EVEN_S[300::2]))


def write(name: str, codec: str, times_s: np.ndarray) -> str:
    with av.open(name, "w") as file:
        stream = file.add_stream(codec, rate=30, width=160, height=120, pix_fmt="yuv420p")
        stream.codec_context.time_base = Fraction(1, 1000)
        for time_s in times_s:
            frame = av.VideoFrame.from_ndarray(SCENES[np.searchsorted(CUTS_S, time_s + 1e-9)])
            frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    with av.open(name) as file:
        shown_s = [frame.time for frame in file.decode(video=0)]
        assert len(shown_s) == len(times_s) and np.allclose(shown_s, times_s, atol=0.002)
    return name


def scenes(name: str, backend: str = "opencv") -> list[tuple[float, float]]:
    manager = SceneManager()
    manager.add_detector(ContentDetector())
    manager.detect_scenes(open_video(name, backend=backend))
    found = [(round(start.seconds, 1), round(end.seconds, 1)) for start, end in manager.get_scene_list()]
    assert [start for start, _ in found] == [0, *CUTS_S]
    print(f"{name}, {backend}: {found}")
    return found


whole = (30.0, 40.0)
assert scenes(write("even.webm", "libvpx", EVEN_S))[-1] == whole
for name, codec in {"varying.webm": "libvpx", "varying.mkv": "mpeg4"}.items():
    last = scenes(write(name, codec, VARYING_S))[-1]
    assert last[1] < last[0] and last == (30.0, round(len(VARYING_S) / 30, 1))  # 25 s
    assert scenes(name, "pyav")[-1] == whole
assert abs(scenes(write("varying.mp4", "mpeg4", VARYING_S))[-1][1] - LENGTH_S) < 0.2
PYTHON
