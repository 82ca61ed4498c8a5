#!/bin/sh
# pysubs2 1.8.1: of a WebVTT file whose cues have names, or with a NOTE between cues, load() adds the name
# of the next cue, or the note, to the text of the cue before, without a word: the label "happy" becomes
# "happy", empty line, "face-2", and save() writes it as such. Of four labels one is left as it was. Numbers
# for names are left out. webvtt-py reads both right. (Cue identifiers and comment blocks:
# w3.org/TR/webvtt1.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pysubs2==1.8.1 webvtt-py==0.6.0
cd "$folder"
cat > named.vtt <<'VTT'
WEBVTT

face-1
00:00:01.000 --> 00:00:02.500
happy

face-2
00:00:03.000 --> 00:00:04.000
sad

NOTE the coders did not agree on this one

face-3
00:00:05.000 --> 00:00:06.000
fear

face-4
00:00:07.000 --> 00:00:08.000
neutral
VTT
sed -e 's/^face-//' -e '/^NOTE/d' named.vtt > numbered.vtt
venv/bin/python - <<'PYTHON'
import pysubs2
import webvtt

LABELS = ["happy", "sad", "fear", "neutral"]


def by_pysubs2(path: str) -> list[str]:
    return [event.plaintext for event in pysubs2.load(path)]


def by_webvtt(path: str) -> list[str]:
    return [caption.text for caption in webvtt.read(path)]


pysubs2.load("named.vtt").save("again.vtt")
for path, read in (("named.vtt", by_webvtt), ("numbered.vtt", by_pysubs2), ("named.vtt", by_pysubs2),
                   ("again.vtt", by_webvtt)):
    print(f"{path}, {read.__name__}: {read(path)}")
assert by_webvtt("named.vtt") == by_pysubs2("numbered.vtt") == LABELS
seen = by_pysubs2("named.vtt")
assert seen[0] == "happy\n\nface-2" and seen[3] == "neutral"
assert seen[1].startswith("sad\n\nNOTE the coders") and seen[1].endswith("face-3")
assert by_webvtt("again.vtt")[0] == "happy\nface-2"
assert sum(label in LABELS for label in seen) == 1
PYTHON
