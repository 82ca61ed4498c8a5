"""py-feat's Fex as CSV, with the columns of its second detector.

`feat.utils.io.read_feat` of py-feat 2.1.5 reads it back. It takes a file for one of `Detectorv2`
when there are `valence` and `arousal`, and expects the columns of landmarks and pose to be there;
what mien does not measure is empty, as of faces that py-feat could not read.
"""

from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from mien.labels import EMOTIONS
from mien.output.files import atomic_text
from mien.readings import Reading
from mien.rows.formats.intervals import Media, RowWriting, person_name
from mien.rows.images import ImageFaces

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
"""Columns that py-feat's reader expects, and that stay empty: mien has no such landmarks, and its
angles of the head are not py-feat's (docs/quality.md)."""

COLUMNS: Final = (
    *BOX,
    *EMPTY,
    *EMOTION_OF,
    *("valence", "arousal"),
    *("FrameHeight", "FrameWidth", "input", "frame", "approx_time", "Identity"),
)


def fex_rows(path: Path, media: Media) -> RowWriting:
    """Write a row for each face, and one with an empty face for each frame without one."""
    size = f"{media.height or ''},{media.width or ''}"
    with atomic_text(path) as file:
        file.write(",".join(COLUMNS) + "\n")
        while (rows := (yield)) is not None:
            source = _quoted(str(rows.source if media.path is None else media.path))
            for row in rows.iter_rows():
                face, name = _NO_FACE, ""
                if row.reading is not None:
                    face = _face(row.reading)
                    name = _quoted(person_name(rows, row.reading.track))
                file.write(f"{face},,,{size},{source},{row.frame},{_clock(row.time_s)},{name}\n")


class ImageCounts(NamedTuple):
    """What was written of images."""

    images: int
    faces: int
    errors: int


def write_image_fex(images: Iterable[ImageFaces], path: Path) -> ImageCounts:
    """Write a row for each face of images, and one with an empty face for each without one.

    As py-feat does, it numbers the images in `frame`; frames of videos keep their numbers. Nobody
    is told apart: `Identity` is empty, and so is `approx_time` of images.

    Args:
        images: of `mien.rows.images.read_image_rows`.
        path: of the file.
    Returns:
        How many there were. Images that could not be read have an empty face, too.
    Raises:
        OutputError: it cannot be written.
    """
    images_read = faces = errors = 0
    numbers = count()
    with atomic_text(path) as file:
        file.write(",".join(COLUMNS) + "\n")
        for image in images:
            width, height = image.size_px or ("", "")
            frame = next(numbers) if image.frame is None else image.frame
            time = "" if image.time_s is None else _clock(image.time_s)
            end = f",,,{height},{width},{_quoted(image.name)},{frame},{time},\n"
            file.writelines(_face(reading) + end for reading in image.readings)
            if not image.readings:
                file.write(_NO_FACE + end)
            images_read += 1
            faces += len(image.readings)
            errors += bool(image.error)
    return ImageCounts(images_read, faces, errors)


_BLANK: Final = "," * len(EMPTY)
_NO_FACE: Final = "," * (len(BOX) + len(EMPTY) + len(EMOTION_OF) - 1)
_ORDER: Final = [EMOTIONS.index(label) for label in EMOTION_OF.values()]


def _face(reading: Reading) -> str:
    """The cells of the box, the empty ones, and those of the emotions."""
    x0, y0, x1, y1 = reading.box
    box = ",".join(f"{value:.7g}" for value in (x0, y0, x1 - x0, y1 - y0, reading.score))
    emotions = ",".join(f"{reading.probabilities[number]:.7g}" for number in _ORDER)
    return f"{box}{_BLANK},{emotions}"


def _clock(time_s: float) -> str:
    """Whole minutes and seconds, as py-feat has them."""
    minutes, seconds = divmod(int(time_s), 60)
    return f"{minutes:02}:{seconds:02}"


def _quoted(text: str) -> str:
    """A cell of CSV."""
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text
