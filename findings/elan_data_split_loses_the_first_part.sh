#!/bin/sh
# elan-data 1.7.3 (ELAN's .eaf): split_segment takes the first point of a split for the start of the segment. What is
# before it is lost, each part but the last has no length, and only the last one is right: of "smile" from 2 to 5 s,
# split at 3 and 4 s, are left 3 to 3, 4 to 4 and 4 to 5 s, and of two thirds of the time nothing says what was there.
# Nothing warns, and save_ELAN writes it so. Call remove_segment and add_segment for each part.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet elan-data==1.7.3 numpy==2.4.6 pandas==3.1.1
cd "$folder"
venv/bin/python -W error - <<'PYTHON'
from elan_data import ELAN_Data

SMILE_MS = (2000, 5000)


def parts(path: str) -> list[tuple[int, int, str]]:
    """What another reads in the file."""
    data = ELAN_Data.from_file(path, init_df=True).tier_data
    return [(row.START, row.STOP, row.TEXT) for row in data.itertuples()]


def smile() -> ELAN_Data:
    eaf = ELAN_Data.create_eaf("film.eaf", audio=None, tiers=["face"])
    eaf.add_segment("face", *SMILE_MS, "smile")
    return eaf


for points_ms in ([3000], [3000, 4000], [2500, 3000, 3500, 4000]):
    eaf = smile()
    eaf.split_segment(list(points_ms), eaf.tier_data.SEGMENT_ID.iloc[0])
    eaf.save_ELAN(raise_error_if_unmodified=False)
    ends_ms = [SMILE_MS[0], *points_ms, SMILE_MS[1]]
    meant = [(start_ms, stop_ms, "smile") for start_ms, stop_ms in zip(ends_ms, ends_ms[1:])]
    left = parts("film.eaf")
    print(f"split at {points_ms}: {[part[:2] for part in left]}, {sum(stop - start for start, stop, _ in left)} "
          f"of {SMILE_MS[1] - SMILE_MS[0]} ms")
    assert left == [(ms, ms, "smile") for ms in points_ms] + [meant[-1]]
    eaf = smile()
    eaf.remove_segment(eaf.tier_data.SEGMENT_ID.iloc[0])
    for part in meant:
        eaf.add_segment("face", *part)
    eaf.save_ELAN(raise_error_if_unmodified=False)
    assert parts("film.eaf") == meant
PYTHON
