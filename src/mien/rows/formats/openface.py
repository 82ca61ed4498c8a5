"""OpenFace's CSV, with those of its columns that mien can fill.

They are called and scaled as `FeatureExtraction` of OpenFace 2.2 does
(https://github.com/TadasBaltrusaitis/OpenFace/wiki/Output-Format): frames count from 1, faces from
0. Gaze, eye landmarks, the 68 landmarks and action units are left out, and not zero: mien does not
measure them. Pose is left out, too: OpenFace tells it as radians about the axes of the camera, and
rows have angles of their own (docs/quality.md).
"""

import csv
from pathlib import Path
from typing import Any, Final

from mien.labels import EMOTIONS
from mien.output.files import atomic_text
from mien.readings import VideoRow
from mien.rows.formats.intervals import Media, RowWriting

COLUMNS: Final = ("frame", "face_id", "timestamp", "confidence", "success")
"""That OpenFace has, too."""


def openface_rows(path: Path, media: Media) -> RowWriting:
    """Write a row for each face, and one of no success for each frame without one.

    After OpenFace's columns comes one for each emotion, which it does not have.
    """
    with atomic_text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*COLUMNS, *EMOTIONS))
        while (rows := (yield)) is not None:
            writer.writerows(map(_cells, rows.iter_rows()))


def _cells(row: VideoRow) -> list[Any]:
    frame, time_s = row.frame + 1, f"{row.time_s:.6f}"
    reading = row.reading
    if reading is None:
        return [frame, 0, time_s, 0, 0, *("" for _ in EMOTIONS)]
    probabilities = [f"{probability:.7g}" for probability in reading.probabilities]
    return [frame, reading.track - 1, time_s, f"{reading.score:.7g}", 1, *probabilities]
