#!/bin/sh
# praatio 6.2.2: a grid of tiers of different lengths is saved with tiers that contradict themselves:
# of a tier that ends at 4 s in a grid of 10 s, the header says xmax = 4, and a blank interval that
# was filled in reaches to 10. validate("error") before raises; save() and openTextgrid() with what
# they do by default do not. Give every tier the length of the grid.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet praatio==6.2.2
cd "$folder"
venv/bin/python - <<'PYTHON'
import re

from praatio import textgrid
from praatio.data_classes.interval_tier import IntervalTier

grid = textgrid.Textgrid()
grid.addTier(IntervalTier("ada", [(0, 10, "happy")], 0, 10))
grid.addTier(IntervalTier("bob", [(0, 4, "sad")], 0, 4))
grid.save("talk.TextGrid", "long_textgrid", includeBlankSpaces=True)
bob = open("talk.TextGrid").read().partition('name = "bob"')[2]
tier_end, *interval_ends = re.findall(r"xmax = (\d+)", bob)
print(f"the tier ends at {tier_end} s, its intervals end at {' s and '.join(interval_ends)} s")
assert (tier_end, interval_ends) == ("4", ["4", "10"])
PYTHON
