#!/bin/sh
# pympi-ling 1.71: Eaf.add_tier("ada") of a file that has a tier "ada" replaces it by an empty one,
# without an error or a warning: its annotations are gone when the file is saved. The same class
# raises for annotations and vocabularies that cannot be. Ask eaf.get_tier_names() before.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pympi-ling==1.71
cd "$folder"
venv/bin/python -W error - <<'PYTHON'
import pympi

coded = pympi.Eaf()
coded.add_tier("ada")
coded.add_annotation("ada", 0, 250, "happy")
coded.to_file("coded.eaf")

opened = pympi.Eaf("coded.eaf")
before = opened.get_annotation_data_for_tier("ada")
opened.add_tier("ada")
opened.to_file("saved.eaf")
after = pympi.Eaf("saved.eaf").get_annotation_data_for_tier("ada")
print(f"annotations of the tier: {before} before, {after} after add_tier of its name")
assert (before, after) == ([(0, 250, "happy")], [])
PYTHON
