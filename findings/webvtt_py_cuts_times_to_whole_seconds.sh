#!/bin/sh
# webvtt-py 0.6.0: start_in_seconds and end_in_seconds of a cue, "in seconds" by their documentation, are cut to
# whole ones: 3.96 s is 3. Of 20 smiles of .7 s, 14 s in all, 6 last 0 s and 14 last 1 s; set on frames at 30 a
# second they begin up to 29 frames early, and 466 of 840 frames get another label. Nothing warns. start, a text,
# has the milliseconds, as start_time.in_milliseconds() has. Divide that by 1000.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet webvtt-py==0.6.0
"$folder/venv/bin/python" -W error - <<'PYTHON'
import webvtt

begins = [round(0.25 + 1.35 * i, 3) for i in range(20)]  # smiles of .7 s


def stamp(seconds):
    return f"00:{int(seconds // 60):02}:{seconds % 60:06.3f}"


lines = [f"{stamp(at)} --> {stamp(at + 0.7)}\nsmile\n" for at in begins]
cues = list(webvtt.from_string("WEBVTT\n\n" + "\n".join(lines)))
right = [(cue.start_time.in_milliseconds() / 1000, cue.end_time.in_milliseconds() / 1000) for cue in cues]
found = [(cue.start_in_seconds, cue.end_in_seconds) for cue in cues]
assert all(abs(begin - at) < 1e-9 for (begin, _), at in zip(right, begins, strict=True))
assert [cue.start for cue in cues] == [stamp(at) for at in begins]


def frames(spans):
    return [any(begin <= i / 30 < end for begin, end in spans) for i in range(30 * 28)]


lasts = [end - begin for begin, end in found]
early = max(round(30 * (begin - cut)) for (begin, _), (cut, _) in zip(right, found, strict=True))
wrong = sum(one != other for one, other in zip(frames(right), frames(found), strict=True))
smiles = sum(frames(right))
print(f"first cues {right[:4]}; in seconds {found[:4]}")
print(f"the smiles last {sum(e - b for b, e in right):.1f} s, in seconds {sum(lasts)} s:",
      f"{lasts.count(0)} last 0 s, {lasts.count(1)} last 1 s; up to {early} frames early")
print(f"frames that smile {smiles}, in seconds {sum(frames(found))}; another label for {wrong} of {30 * 28}")
assert all(isinstance(value, int) for span in found for value in span)
assert all(cut == int(begin) for (begin, _), (cut, _) in zip(right, found, strict=True))
assert lasts.count(0) > 3 and early > 20 and wrong > 0.3 * smiles
PYTHON
