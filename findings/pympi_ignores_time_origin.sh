#!/bin/sh
# pympi-ling 1.71: an .eaf whose media file has TIME_ORIGIN 60000 counts its times from the file's
# 60th second; pympi reads, and writes for Praat, the very times of one without: a minute early on the
# media. (What TIME_ORIGIN means: github.com/persephone-tools/persephone/issues/87, .../CoEDL/elpis/
# issues/193.) Add the TIME_ORIGIN of eaf.media_descriptors to all that pympi gives.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pympi-ling==1.71
cd "$folder"
venv/bin/python -W error - <<'PYTHON'
import pympi

read = {}
for origin_ms in (0, 60_000):
    coded = pympi.Eaf()
    coded.add_linked_file("talk.mp4", mimetype="video/mp4", time_origin=origin_ms)
    coded.add_tier("ada")
    coded.add_annotation("ada", 1000, 2000, "happy")
    coded.to_file("coded.eaf")
    opened = pympi.Eaf("coded.eaf")
    (media,) = opened.media_descriptors
    times = opened.get_annotation_data_for_tier("ada")
    grid = list(opened.to_textgrid().get_tier("ada").get_intervals())
    read[int(media["TIME_ORIGIN"])] = times, grid
    print(f"TIME_ORIGIN {media['TIME_ORIGIN']} ms: {times}; for Praat {grid}")
assert read[0] == read[60_000] == ([(1000, 2000, "happy")], [(1.0, 2.0, "happy")])
PYTHON
