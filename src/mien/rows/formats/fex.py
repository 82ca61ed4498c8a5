"""py-feat's Fex as CSV, with the columns of its second detector.

`feat.utils.io.read_feat` of py-feat 2.1.5 reads it back. It takes a file for one of `Detectorv2`
when there are `valence` and `arousal`, and expects the columns of landmarks and pose to be there;
what mien does not measure is empty, as of faces that py-feat could not read.
"""

import csv
from pathlib import Path
from typing import Any, Final

from mien.labels import EMOTIONS
from mien.output.files import atomic_text
from mien.readings import VideoRow
from mien.rows.formats.intervals import Media, person_name
from mien.rows.table import VideoResult

BOX: Final = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore")
EMOTION_OF: Final = {
    "Neutral": "neutral",
    "Happy": "happy",
    "Sad": "sad",
    "Surprise": "surprise",
    "Fear": "fear",
    "Disgust": "disgust",
    "Anger": "angry",
}
"""py-feat's columns of emotions in its order (`feat.multitask.EMOTION_COLUMNS_V2`), and ours."""

EMPTY: Final = (
    *(f"{axis}_{point}" for axis in "xy" for point in range(68)),
    *("Pitch", "Roll", "Yaw", "X", "Y", "Z"),
)
"""Columns that py-feat's reader expects, and that mien cannot fill: landmarks and pose."""

COLUMNS: Final = (
    *BOX,
    *EMPTY,
    *EMOTION_OF,
    *("valence", "arousal"),
    *("FrameHeight", "FrameWidth", "input", "frame", "approx_time", "Identity"),
)


def write_fex(rows: VideoResult, path: Path, media: Media) -> None:
    """Write a row for each face, and one with an empty face for each frame without one.

    Args:
        rows: of a video.
        path: of the file.
        media: the video's path and size.
    Raises:
        OutputError: it cannot be written.
    """
    names = {track: person_name(rows, track) for track in set(rows.tracks.tolist())}
    of_all = {
        "input": str(rows.source if media.path is None else media.path),
        "FrameHeight": media.height,
        "FrameWidth": media.width,
    }
    with atomic_text(path) as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows.iter_rows():
            writer.writerow({**of_all, **_cells(row, names)})


def _cells(row: VideoRow, names: dict[int, str]) -> dict[str, Any]:
    minutes, seconds = divmod(int(row.time_s), 60)
    cells: dict[str, Any] = {"frame": row.frame, "approx_time": f"{minutes:02}:{seconds:02}"}
    reading = row.reading
    if reading is None:
        return cells
    x0, y0, x1, y1 = reading.box
    box = zip(BOX, (x0, y0, x1 - x0, y1 - y0, reading.score), strict=True)
    cells |= {name: f"{value:.7g}" for name, value in box}
    for name, label in EMOTION_OF.items():
        cells[name] = f"{reading.probabilities[EMOTIONS.index(label)]:.7g}"
    return cells | {"Identity": names[reading.track]}
