#!/bin/sh
# srt 3.5.3: compose(), which writes subtitles as a file, leaves out those that end when they begin and numbers
# the rest anew: of three onsets (an instant each) and three intervals the onsets are gone, without a word (the
# log has it at INFO), though parse() reads them. Its documentation speaks of numbers only; see issue 62 there.
# pysrt 1.1.2 keeps all when it sorts and numbers. Give reindex=False, or instants a length of 1 ms.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet srt==3.5.3 pysrt==1.1.2
"$folder/venv/bin/python" -W error - <<'PYTHON'
from datetime import timedelta

import pysrt
import srt

# A smile in three stretches: the onset of each is an instant, what follows lasts .4 s.
labels = []
for at in (1, 2.5, 4):
    labels.append(("onset", at, at))
    labels.append(("smile", at, at + 0.4))
subtitles = [
    srt.Subtitle(index + 1, timedelta(seconds=begin), timedelta(seconds=end), name)
    for index, (name, begin, end) in enumerate(labels)
]
plain = srt.compose(subtitles, reindex=False)
written = srt.compose(subtitles)
again = [(s.index, s.content, s.start.total_seconds(), s.end.total_seconds()) for s in srt.parse(written)]
print(f"{len(labels)} labels; compose() writes {len(again)}: {again}")
assert len(again) == 3 and {name for _, name, _, _ in again} == {"smile"}
assert [number for number, *_ in again] == [1, 2, 3]  # the second smile was number 4

kept = [(s.content, s.start.total_seconds(), s.end.total_seconds()) for s in srt.parse(plain)]
print(f"compose(reindex=False) writes {len(kept)}; parse() reads {len(list(srt.parse(plain)))}")
assert kept == labels
other = pysrt.from_string(plain)
other.clean_indexes()  # sorts and numbers, too
print(f"pysrt reads {len(other)} and sorts and numbers {len(other)}")
assert len(other) == len(labels)
for subtitle in subtitles:
    subtitle.end = max(subtitle.end, subtitle.start + timedelta(milliseconds=1))
longer = list(srt.parse(srt.compose(subtitles)))
print(f"with instants of 1 ms compose() writes {len(longer)}")
assert len(longer) == len(labels)
PYTHON
