#!/bin/sh
# pympi-ling 1.71: Eaf.shift_annotations moves a time slot once for each annotation that refers to it.
# A tier of parts (Time_Subdivision) shares slots with the tier that it divides, and neighbors share
# one, as ELAN 6.9 writes them: shifted by 500 ms, all these move by 1000. What is cut at 0 by a shift
# to the left keeps its end unshifted. Add the shift to eaf.timeslots, once each.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pympi-ling==1.71
cd "$folder"
cat > talk.eaf <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-01-01T10:00:00+01:00" FORMAT="3.0" VERSION="3.0"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1000"/>
<TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="2000"/>
<TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="3000"/></TIME_ORDER>
<TIER LINGUISTIC_TYPE_REF="emotion" TIER_ID="ada">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE>happy</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER LINGUISTIC_TYPE_REF="phase" PARENT_REF="ada" TIER_ID="phases">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>onset</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE>apex</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="emotion" TIME_ALIGNABLE="true"/>
<LINGUISTIC_TYPE CONSTRAINTS="Time_Subdivision" GRAPHIC_REFERENCES="false"
 LINGUISTIC_TYPE_ID="phase" TIME_ALIGNABLE="true"/>
<CONSTRAINT DESCRIPTION="no time gaps allowed" STEREOTYPE="Time_Subdivision"/>
</ANNOTATION_DOCUMENT>
XML
venv/bin/python - <<'PYTHON'
import pympi


def shifted(ms: int) -> dict[str, list[tuple[int, int, str]]]:
    eaf = pympi.Eaf("talk.eaf")
    eaf.shift_annotations(ms)
    return {name: eaf.get_annotation_data_for_tier(name) for name in ("ada", "phases")}


for ms in (0, 500):
    print(f"shifted by {ms} ms: {shifted(ms)}")
assert shifted(0)["ada"] == [(1000, 3000, "happy")]
assert shifted(500)["ada"] == [(2000, 4000, "happy")]
assert shifted(500)["phases"] == [(2000, 3000, "onset"), (3000, 4000, "apex")]

alone = pympi.Eaf()
alone.add_tier("bob")
alone.add_annotation("bob", 1500, 3000, "sad")
alone.shift_annotations(-2000)
print(f"1500 to 3000 ms, shifted by -2000 ms: {alone.get_annotation_data_for_tier('bob')}")
assert alone.get_annotation_data_for_tier("bob") == [(0, 3000, "sad")]
PYTHON
