#!/bin/sh
# pycaption 2.3.14: SRTWriter, WebVTTWriter and DFXPWriter write the hours of a time without its days: labels of a
# recording of more than 24 hours (a nursery, a ward, an animal at night) that lie after the first day are in the file
# as of the first day, among those that are, and one that lasts past 24 h ends before it begins. The formats have
# no such limit, SRTReader and WebVTTReader read 30 hours as 30, and nothing warns. SAMIWriter and MicroDVDWriter,
# which count milliseconds and frames, are right. Write a file for each day.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pycaption==2.3.14
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pycaption

LABELS_H = {"calm": (1, 2), "cries": (23.5, 24.5), "sleeps": (30, 31), "smiles": (49, 49.5)}


def clock(hours: float) -> str:
    return f"{int(hours):02}:{round(hours % 1 * 60):02}:00"


def hours(captions: pycaption.CaptionSet) -> dict[str, tuple[float, float]]:
    (language,) = captions.get_languages()
    return {
        caption.get_text().strip(): (round(caption.start / 3.6e9, 2), round(caption.end / 3.6e9, 2))
        for caption in captions.get_captions(language)
    }


srt = "\n".join(
    f"{i}\n{clock(start)},000 --> {clock(end)},000\n{label}\n" for i, (label, (start, end)) in
    enumerate(LABELS_H.items(), 1)
)
vtt = "WEBVTT\n\n" + "\n".join(
    f"{clock(start)}.000 --> {clock(end)}.000\n{label}\n" for label, (start, end) in LABELS_H.items()
)
captions = pycaption.SRTReader().read(srt)
assert hours(captions) == hours(pycaption.WebVTTReader().read(vtt)) == LABELS_H
print(f"read, in hours: {hours(captions)}")
wrapped = {label: tuple(hour % 24 for hour in times) for label, times in LABELS_H.items()}
for name in ("SRT", "WebVTT", "DFXP", "SAMI", "MicroDVD"):
    text = getattr(pycaption, f"{name}Writer")().write(captions)
    if name == "WebVTT":  # its reader refuses what ends before it begins
        again = hours(pycaption.WebVTTReader(ignore_timing_errors=True).read(text))
    else:
        again = hours(getattr(pycaption, f"{name}Reader")().read(text))
    print(f"{name}: {again}")
    assert again == (LABELS_H if name in ("SAMI", "MicroDVD") else wrapped)
PYTHON
