#!/bin/sh
# movement 0.15.0: to_via_tracks_file of boxes that have an fps finds the number of a frame by cutting off time * fps,
# and 29 / 25 * 25 is 28.999...: the box of frame 29 is written to frame 28, beside the one that is there. Of 250
# boxes at 25 frames a second 15 are a frame early, without a word: frames have a face twice, 11 have none, and
# movement itself refuses the file when it reads it. At 24, or without an fps, it is right. Load without an fps, or
# write ds.assign_coords(time=range(ds.sizes["time"])).assign_attrs(time_unit="frames").
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet movement==0.15.0 numpy==2.4.6 xarray==2026.9.0
cd "$folder"
venv/bin/python - 2> log.txt <<'PYTHON' || { cat log.txt; exit 1; }
import csv
import re

import numpy as np
from movement.io import load_bboxes, save_bboxes

FRAMES = 250


def written(fps: float | None, as_frames: bool = False) -> tuple[int, int, str]:
    """How many boxes are not in the file of their frame, how many frames have none, and if movement reads it."""
    x_px = np.arange(FRAMES) + 100.0  # each box tells its frame by its place
    position = np.stack([x_px, np.full(FRAMES, 80.0)], axis=1)[:, :, None]
    ds = load_bboxes.from_numpy(position, np.full((FRAMES, 2, 1), 40.0), individual_names=["face_1"], fps=fps)
    if as_frames:
        ds = ds.assign_coords(time=range(FRAMES)).assign_attrs(time_unit="frames")
    name = f"{fps}_{as_frames}.csv"
    save_bboxes.to_via_tracks_file(ds, name)
    with open(name) as file:
        rows = list(csv.DictReader(file))
    numbers = [int(re.search(r"(\d+)\.png", row["filename"])[1]) for row in rows]
    meant = [round(float(re.search(r'"x": ([\d.]+)', row["region_shape_attributes"])[1]) - 80) for row in rows]
    assert meant == list(range(FRAMES)) and set(np.subtract(numbers, meant)) <= {0, -1}
    try:
        load_bboxes.from_via_tracks_file(name)
        read = "reads it"
    except ValueError:
        read = "refuses it"
    return int(np.not_equal(numbers, meant).sum()), FRAMES - len(set(numbers)), read


seen = {}
for fps in (None, 24, 25, 30000 / 1001):
    seen[fps] = early, without, read = written(fps)
    rate = f"{fps:.4g} frames a second" if fps else "no fps"
    print(f"{rate}: of {FRAMES} boxes {early} a frame early, {without} frames without a face; movement {read}")
as_frames = written(25, as_frames=True)
print(f"25 frames a second, with times as frames: {as_frames}")
assert seen[25] == (15, 11, "refuses it") and seen[30000 / 1001] == (5, 4, "refuses it")
assert seen[None] == seen[24] == as_frames == (0, 0, "reads it")
PYTHON
