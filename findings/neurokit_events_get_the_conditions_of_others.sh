#!/bin/sh
# neurokit2 0.3.0: events_find of a channel for each condition leaves events out (duration_min, start_at, inter_min,
# discard_first), but not their conditions. After a flicker of 2 samples, which duration_min drops, each trial has
# the condition of the one before, and epochs_create takes it. Of two conditions in turn without a pause one event
# is found, of the first. Call it once for each channel.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet neurokit2==0.3.0 numpy==2.4.6 pandas==2.3.3 scipy==1.17.1
cd "$folder"
MPLCONFIGDIR="$folder" venv/bin/python - <<'PYTHON'
import neurokit2
import numpy as np

NAMES = {1: "angry", 2: "happy"}
TRIALS = {50: "happy", 120: "angry", 200: "happy", 300: "angry", 400: "angry"}  # first sample -> faces shown


def channels(trials: dict[int, str], length: int = 30) -> list[np.ndarray]:
    lines = {name: np.zeros(500) for name in NAMES.values()}
    for onset, name in trials.items():
        lines[name][onset : onset + length] = 1
    return list(lines.values())


def told(events: dict) -> dict[int, str]:
    return {int(onset): NAMES[c] for onset, c in zip(events["onset"], events["condition"])}


angry, happy = channels(TRIALS)
assert told(neurokit2.events_find([angry, happy])) == TRIALS
angry[20:22] = 1  # the line flickers before the first trial
for options in ({"duration_min": 10}, {"start_at": 40}, {"discard_first": 1}):
    events = neurokit2.events_find([angry, happy], **options)
    print(f"{options}: {told(events)}, {len(events['condition'])} conditions of {len(events['onset'])} events")
    assert list(events["onset"]) == list(TRIALS) and len(events["condition"]) == 6
    assert told(events) == {50: "angry", 120: "happy", 200: "angry", 300: "happy", 400: "angry"}
events = neurokit2.events_find([angry, happy], duration_min=10)
epochs = neurokit2.epochs_create(np.arange(500.0), events, sampling_rate=10, epochs_start=0, epochs_end=2)
read = {int(epoch["Index"].iloc[0]): NAMES[epoch["Condition"].iloc[0]] for epoch in epochs.values()}
wrong = [onset for onset, name in TRIALS.items() if read[onset] != name]
print(f"epochs_create: {read}; shown {TRIALS}: wrong at {wrong}")
assert read.keys() == TRIALS.keys() and wrong == [50, 120, 200, 300]

events = neurokit2.events_find(channels({50: "angry", 80: "happy", 110: "angry"}))
print(f"angry, happy, angry, 30 samples each: {told(events)}, durations {events['duration']}")
assert told(events) == {50: "angry"} and list(events["duration"]) == [90]
for name, line in zip(NAMES.values(), channels({50: "angry", 80: "happy", 110: "angry"})):
    alone = neurokit2.events_find(line)
    assert list(alone["onset"]) == {"angry": [50, 110], "happy": [80]}[name] and set(alone["duration"]) == {30}
PYTHON
