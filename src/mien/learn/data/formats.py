"""The layouts in which CK+, RAF-DB, AffectNet and Multi-PIE are handed out.

A layout is recognized by its files. Reading it gives a `Listing`: which image carries which of
the seven emotions and where in it the face is; no image is opened yet. What the publishers'
labels become stands here and nowhere else: `CK_PLUS`, `RAF_DB`, `AFFECTNET`, `MULTI_PIE`. Names
in `NOT_AMONG_THE_SEVEN` are left out and counted.
"""

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.labels import EMOTIONS
from mien.learn.data.tables import csv_header, csv_rows
from mien.readings import Face
from mien.recognize.crops import SIZE_PX
from mien.recognize.faces import Framing
from mien.recognize.images import is_image_name

NOT_AMONG_THE_SEVEN: Final = frozenset(
    {"contempt", "squint", "scream", "none", "uncertain", "no face"}
)
"""Published labels that none of `mien.labels.EMOTIONS` stands for: their faces are left out."""

CK_PLUS: Final = dict(
    enumerate(("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise"))
)
"""The number in `*_emotion.txt`, as the read-me file of CK+ gives them (Lucey et al. 2010)."""

RAF_DB: Final = dict(
    enumerate(("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"), start=1)
)
"""The number in `list_patition_label.txt` (Li, Deng and Du 2017)."""

AFFECTNET: Final = {
    **dict(enumerate(("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry"))),
    **dict(enumerate(("contempt", "none", "uncertain", "no face"), start=7)),
}
"""The column `expression`, or the number in `*_exp.npy` (arXiv:1708.03985)."""

_SESSIONS: Final = (
    ("neutral", "smile"),
    ("neutral", "surprise", "squint"),
    ("neutral", "smile", "disgust"),
    ("neutral", "neutral", "scream"),
)
MULTI_PIE: Final = {
    (session, recording): expression
    for session, recordings in enumerate(_SESSIONS, start=1)
    for recording, expression in enumerate(recordings, start=1)
}
"""(session, recording) of a file name (Gross et al. 2010, doi:10.1016/j.imavis.2009.08.002)."""

MULTI_PIE_EMOTIONS: Final = {
    "neutral": "neutral",
    "smile": "happy",
    "surprise": "surprise",
    "squint": "squint",
    "disgust": "disgust",
    "scream": "scream",
}
"""What Multi-PIE calls its expressions, and what they are here."""

MULTI_PIE_CAMERAS: Final = ("130", "140", "051", "050", "041")
"""Those within 30 degrees of the front, from one side to the other; 051 is the front."""

CK_PLUS_APEX_FRAMES: Final = 3
"""So many frames at the end of a sequence carry its label; its first frame is neutral."""

_AFFECTNET_COLUMNS: Final = (
    *("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height"),
    *("facial_landmarks", "expression", "valence", "arousal"),
)
_MULTI_PIE_NAME: Final = re.compile(r"(\d{3})_(\d{2})_(\d{2})_(\d{3})_(\d{2})")
_MULTI_PIE_SUBJECT: Final = re.compile(r"(\d{3})_")

# Where landmarks lie in FER2013's frame of 48 pixels: the means that `benchmarks/framing.py` finds.
_EYES_Y_PX: Final = 18.25
_EYES_APART_PX: Final = 17.5
_EYES_TO_MOUTH_PX: Final = 17.65

FRAME: Final = Framing(side=1.0, shift_x=0.0, shift_y=0.0)
"""Of the faces that `face_of_68_points` gives: their box is FER2013's frame itself."""


Place: TypeAlias = Face | Literal["whole", "largest"]
"""Where a face is, with `FRAME` as its framing; "whole" if the image is one framed face, "largest"
if a detector has to find it."""


@dataclass(frozen=True)
class LabeledImage:
    """A labelled image that is not read yet."""

    file: Path
    target: int  # index into `mien.labels.EMOTIONS`
    split: str  # one of train, val and test
    face: Place = "whole"


@dataclass
class Listing:
    """The labelled images of a data set, which come one by one, and what is left out of it."""

    name: str  # what people call the set
    images: list[LabeledImage] = field(default_factory=list)  # in the order of their files
    # How many, by reason: the name of a label, or what is missing.
    left_out: Counter[str] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()  # what had to be decided to read them, in sentences

    def add(self, file: Path, label: str, split: str, face: Place = "whole") -> None:
        """An image with its label, which is counted and left out if it is none of the seven."""
        if label in EMOTIONS:
            self.images.append(LabeledImage(file, EMOTIONS.index(label), split, face))
        else:
            self.left_out[label] += 1


def read_dataset_format(root: Path) -> Listing | None:
    """The images of a folder that is laid out as one of the sets above; None if it is not.

    Raises:
        DataError: it is laid out so, but a file is missing or broken; the message names it.
    """
    if (found := _below(root, "EmoLabel/list_patition_label.txt")) is not None:
        return _raf_db(found.parent.parent)
    images, labels = _below(root, "cohn-kanade-images"), _below(root, "Emotion")
    if images is not None and labels is not None:
        return _ck_plus(images, labels)
    if images is not None and images.is_dir():
        raise DataError(f"{root}: expected the folder Emotion beside {images.name} of CK+")
    for place in ("Manually_Annotated_file_lists/training.csv", "training.csv"):
        found = _below(root, place)
        if found is not None and csv_header(found)[:1] == [_AFFECTNET_COLUMNS[0].lower()]:
            return _affectnet_tables(root, found.parent)
    if (found := _below(root, "train_set/annotations")) is not None:
        return _affectnet_folders(found.parent.parent)
    return None


def read_multi_pie(root: Path) -> Listing | None:
    """The images of a folder of Multi-PIE; None if its first image is not named like one.

    The whole folder is searched for it, so ask `read_dataset_format` and the other forms first.
    """
    first = next(_images_below(root), None)
    if first is None:
        return None
    if _MULTI_PIE_NAME.fullmatch(first.stem) is None:
        folders = [d.name.lower() for d in root.iterdir() if d.is_dir() and d.name[0] != "."]
        if _multi_pie_word(root, first) is None or not MULTI_PIE_EMOTIONS.keys() >= set(folders):
            return None
    return _multi_pie(root)


def subject_splits(subjects: Iterable[str]) -> dict[str, str]:
    """A split for each subject, for sets that come without one: no person is in two of them.

    Of the subjects in the order of their names, the ninth of every ten is val, the tenth test, the
    other eight are train.
    """
    by_place = {8: "val", 9: "test"}
    names = sorted(set(subjects))
    return {name: by_place.get(place % 10, "train") for place, name in enumerate(names)}


def face_of_68_points(points: NDArray[np.float64]) -> Face | None:
    """The face on which 68 landmarks lie, with FER2013's frame as its box.

    Args:
        points: (68, 2), x and y in pixels, in the order of Multi-PIE and iBUG 300-W (Sagonas et
            al. 2013).
    Returns:
        None if eyes and mouth are all in one place.
    """
    eyes = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    mouth = (points[48] + points[54]) / 2
    middle = (eyes[0] + eyes[1]) / 2
    apart = float(np.hypot(*(eyes[1] - eyes[0])))
    # In pixels of the image for one of the crop. Turning the head shortens one, nodding the other.
    below = float(np.hypot(*(mouth - middle)))
    scale = max(apart / _EYES_APART_PX, below / _EYES_TO_MOUTH_PX)
    if not scale > 0.0:
        return None
    angle = math.atan2(eyes[1][1] - eyes[0][1], eyes[1][0] - eyes[0][0])
    down = scale * (SIZE_PX / 2 - _EYES_Y_PX)
    center = middle + down * np.array([-math.sin(angle), math.cos(angle)])
    half = scale * SIZE_PX / 2
    (x0, y0), (x1, y1) = (center - half).tolist(), (center + half).tolist()
    right, left, nose, corner_right, corner_left = (
        (float(x), float(y)) for x, y in (*eyes, points[30], points[48], points[54])
    )
    return Face((x0, y0, x1, y1), 1.0, (right, left, nose, corner_right, corner_left))


def _below(root: Path, place: str) -> Path | None:
    """`root/place`, or `root/x/place` for the only x that has it: archives unpack one deeper."""
    if (root / place).exists():
        return root / place
    found = sorted(root.glob(f"*/{place}"))
    return found[0] if len(found) == 1 else None


def _number(text: str, names: dict[int, str], where: str) -> str:
    """The name of a number in a file; `3.0000000e+00` is 3, as CK+ writes it."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if number not in names:
        raise DataError(
            f"{where}: expected an expression {min(names)} to {max(names)}; got {text.strip()!r}"
        )
    return names[int(number)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a text file in UTF-8; {error}") from error


def _images_below(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            if is_image_name(name) and not name.startswith("."):
                yield Path(folder, name)


def _images_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of images; it is missing")
    return sorted(f for f in folder.iterdir() if is_image_name(f.name) and f.name[0] != ".")


def _ck_plus(image_root: Path, labels: Path) -> Listing:
    found = Listing("CK+")
    sequences = sorted(f for f in image_root.glob("S*/*") if f.is_dir())
    splits = subject_splits(folder.parent.name for folder in sequences)
    for folder in sequences:
        subject, sequence = folder.parent.name, folder.name
        named = sorted((labels / subject / sequence).glob("[!.]*_emotion.txt"))
        frames = _images_in(folder)
        if not named:  # 266 of the 593 sequences have no label
            found.left_out["frames of sequences without a label"] += len(frames)
            continue
        if not frames:
            raise DataError(f"{folder}: expected the frames of a sequence; it has none")
        label = _number(_text(named[0]), CK_PLUS, str(named[0]))
        apex = frames[1:][-CK_PLUS_APEX_FRAMES:]
        for frame in (frames[0], *apex):
            name = "neutral" if frame == frames[0] else label
            found.add(frame, name, splits[subject], "largest")
        found.left_out["frames between neutral and apex"] += len(frames) - 1 - len(apex)
    return found


def _raf_db(root: Path) -> Listing:
    found = Listing("RAF-DB")
    table = root / "EmoLabel" / "list_patition_label.txt"
    for number, line in enumerate(_text(table).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{table}, row {number}"
        name, _, label = line.strip().partition(" ")
        split = name.partition("_")[0]
        if split not in ("train", "test"):
            raise DataError(
                f"{where}: expected a name that begins with train_ or test_; got {name!r}"
            )
        file = root / "Image" / "aligned" / f"{Path(name).stem}_aligned{Path(name).suffix}"
        found.add(file, _number(label, RAF_DB, where), split)
    return found


def _affectnet_tables(root: Path, tables: Path) -> Listing:
    folder = "Manually_Annotated_Images"
    image_root = _below(root, folder) or _below(root, f"Manually_Annotated/{folder}")
    if image_root is None:
        raise DataError(f"{root}: expected the folder {folder} of AffectNet")
    found = Listing("AffectNet")
    for file, split in (("training.csv", "train"), ("validation.csv", "test")):
        if split == "test" and not (tables / file).exists():
            continue
        for where, row in csv_rows(
            tables / file, _AFFECTNET_COLUMNS[:7], default_header=_AFFECTNET_COLUMNS
        ):
            label = _number(row["expression"], AFFECTNET, where)
            if label not in EMOTIONS:
                found.left_out[label] += 1
                continue
            try:
                points = np.array(row["facial_landmarks"].split(";"), dtype=np.float64)
            except ValueError:
                points = np.empty(0)
            face = face_of_68_points(points.reshape(68, 2)) if len(points) == 136 else None
            if face is None:
                found.left_out["no landmarks"] += 1
                continue
            place = Path(row["subDirectory_filePath"])
            if place.is_absolute() or ".." in place.parts:
                raise DataError(
                    f"{where}: expected an image below {image_root}; got {str(place)!r}"
                )
            found.add(image_root / place, label, split, face)
    return found


def _affectnet_folders(root: Path) -> Listing:
    found = Listing("AffectNet")
    for folder, split in (("train_set", "train"), ("val_set", "test")):
        annotations = root / folder / "annotations"
        if split == "test" and not annotations.is_dir():
            continue
        for file in _images_in(root / folder / "images"):
            label = annotations / f"{file.stem}_exp.npy"
            try:
                value = str(np.load(label, allow_pickle=False).item())
            # A damaged header makes numpy raise nearly anything: TokenError, SystemError, ...
            except Exception as error:
                raise DataError(f"{label}: expected a number in a .npy file; {error}") from error
            found.add(file, _number(value, AFFECTNET, str(label)), split)
    return found


def _multi_pie_word(root: Path, file: Path) -> str | None:
    """The expression that a folder or a part of a name says, if the name begins with a subject."""
    if _MULTI_PIE_SUBJECT.match(file.name) is None:
        return None
    parts = [part.lower() for part in (*file.stem.split("_"), *file.relative_to(root).parts[:-1])]
    return next((part for part in parts if part in MULTI_PIE_EMOTIONS), None)


def _multi_pie(root: Path) -> Listing:
    found = Listing("Multi-PIE")
    files = list(_images_below(root))
    splits = subject_splits(file.name[:3] for file in files)
    for file in files:
        numbers = _MULTI_PIE_NAME.fullmatch(file.stem)
        word = _multi_pie_word(root, file)
        if word is None:
            if numbers is None:
                raise DataError(
                    f"{file}: expected a name such as 001_01_02_051_06.png (subject, session, "
                    "recording, camera, illumination), or 001_ and the name of an expression "
                    f"({', '.join(MULTI_PIE_EMOTIONS)}) in it or on its folder"
                )
            key = (int(numbers[2]), int(numbers[3]))
            if key not in MULTI_PIE:
                raise DataError(
                    f"{file}: expected a session and recording among "
                    f"{', '.join(f'{s:02}_{r:02}' for s, r in MULTI_PIE)}; "
                    f"got {numbers[2]}_{numbers[3]}"
                )
            word = MULTI_PIE[key]
        if numbers is not None and numbers[4] not in MULTI_PIE_CAMERAS:
            found.left_out["seen from more than 30 degrees aside"] += 1
        else:
            found.add(file, MULTI_PIE_EMOTIONS[word], splits[file.name[:3]], "largest")
    return found
