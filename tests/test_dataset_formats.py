"""Tiny trees in exactly the layouts in which the data sets are handed out."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from learn_fixtures import png
from mien.errors import DataError, OptionError
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet, load_faces
from mien.learn.data.formats import (
    AFFECTNET,
    CK_PLUS,
    FRAME,
    MULTI_PIE,
    RAF_DB,
    face_of_68_points,
    subject_splits,
)
from mien.readings import Face, Image
from mien.recognize.crops import crop_faces
from mien.recognize.faces import YuNetDetector
from mien.recognize.yunet import YuNet

AFFECTNET_HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,"
    "expression,valence,arousal"
)

SEARCHED = (352, 352)


@pytest.fixture(scope="module")
def photo(portrait_image: Image) -> bytes:
    """The file of a whole photo with one face, 256 x 256 pixels."""
    return png(np.asarray(cv2.resize(portrait_image, (256, 256)), np.uint8))


@pytest.fixture(scope="module")
def landmarks(portrait_image: Image) -> str:
    """68 points on the face of the portrait, as AffectNet writes them; those that matter."""
    return ";".join(f"{value:.2f}" for value in _points(portrait_image).ravel())


def _points(image: Image) -> np.ndarray:
    face = _face(image)
    assert face.landmarks is not None
    points = np.zeros((68, 2))
    points[36:42], points[42:48], points[30], points[48], points[54] = face.landmarks
    return points


def _face(image: Image) -> Face:
    """Found at one size, whatever a detector searches: where the points lie depends on it."""
    small = np.asarray(cv2.resize(image, SEARCHED, interpolation=cv2.INTER_AREA), np.uint8)
    (row,) = YuNet().find(small, 0.8)
    corners = np.vstack([row[:2], row[:2] + row[2:4], row[4:14].reshape(5, 2)])
    (x0, y0), (x1, y1), *points = (corners * image.shape[1] / SEARCHED[0]).tolist()
    landmarks = tuple((x, y) for x, y in points)
    return Face((x0, y0, x1, y1), float(row[14]), landmarks)  # type: ignore[arg-type]


def _write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _counts(faces: FaceSet) -> dict[str, int]:
    return dict(Counter(EMOTIONS[target] for target in faces.targets))


def _gray(level: int, side_px: int = 100) -> bytes:
    return png(np.full((side_px, side_px), level, np.uint8))


# CK+


def _ck_plus(root: Path, photo: bytes, labels: dict[str, int | None], frames: int = 6) -> Path:
    """Sequences such as S005_001 -> the number in their label file, or None for no file."""
    for name, label in labels.items():
        subject, sequence = name.split("_")
        for number in range(1, frames + 1):
            frame = f"{name}_{number:08}.png"
            _write(root / "cohn-kanade-images" / subject / sequence / frame, photo)
        _write(root / "cohn-kanade-images" / subject / sequence / ".DS_Store", b"\0")
        folder = root / "Emotion" / subject / sequence
        folder.mkdir(parents=True)
        if label is not None:
            _write(folder / f"{name}_{frames:08}_emotion.txt", f"   {label:.7e}\n")
    return root


def test_ck_plus_takes_the_first_frame_as_neutral_and_the_last_three_as_the_label(
    photo: bytes, tmp_path: Path
) -> None:
    faces = load_faces(_ck_plus(tmp_path, photo, {"S005_001": 3, "S005_002": None}))

    assert faces.sources is not None
    taken = {Path(s).name: EMOTIONS[t] for s, t in zip(faces.sources, faces.targets, strict=True)}
    assert taken == {
        "S005_001_00000001.png": "neutral",
        "S005_001_00000004.png": "disgust",
        "S005_001_00000005.png": "disgust",
        "S005_001_00000006.png": "disgust",
    }
    assert faces.name == "CK+"
    assert faces.left_out == {
        "frames between neutral and apex": 2,
        "frames of sequences without a label": 6,
    }


def test_ck_plus_has_every_label_of_its_read_me_and_counts_contempt(
    photo: bytes, tmp_path: Path
) -> None:
    sequences: dict[str, int | None] = {f"S010_00{label}": label for label in CK_PLUS}
    faces = load_faces(_ck_plus(tmp_path, photo, sequences, frames=2))

    assert _counts(faces) == dict.fromkeys(EMOTIONS, 1) | {"neutral": 9}
    assert faces.left_out == {"contempt": 1}


def test_ck_plus_is_found_one_folder_deeper_and_cut_as_photos_are(
    photo: bytes, portrait_image: Image, tmp_path: Path
) -> None:
    _ck_plus(tmp_path / "CK+", photo, {"S005_001": 5}, frames=1)
    (image,) = load_faces(tmp_path).images

    small = np.asarray(cv2.resize(portrait_image, (256, 256)), np.uint8)
    detector = YuNetDetector()
    assert np.array_equal(image, crop_faces(small, detector.detect(small), detector.framing)[0])


def test_ck_plus_keeps_each_subject_in_one_split(photo: bytes, tmp_path: Path) -> None:
    sequences: dict[str, int | None] = {f"S{n:03}_00{s}": 1 for n in range(10) for s in (1, 2)}
    faces = load_faces(_ck_plus(tmp_path, photo, sequences, frames=2))

    assert faces.sources is not None
    split_of = {
        (Path(s).name[:4], str(p)) for s, p in zip(faces.sources, faces.splits, strict=True)
    }
    assert split_of == {(f"S{n:03}", "train") for n in range(8)} | {
        ("S008", "val"),
        ("S009", "test"),
    }


# RAF-DB


def _raf_db(root: Path, rows: list[str]) -> Path:
    _write(root / "EmoLabel" / "list_patition_label.txt", "\n".join(rows) + "\n")
    for number, row in enumerate(rows):
        stem = row.split(".")[0]
        _write(root / "Image" / "aligned" / f"{stem}_aligned.jpg", _gray(10 * number + 10))
    return root


def test_raf_db_has_its_own_splits_and_order_of_emotions(tmp_path: Path) -> None:
    rows = [f"train_0000{label}.jpg {label}" for label in RAF_DB]
    faces = load_faces(_raf_db(tmp_path / "basic", [*rows, "test_0001.jpg 4"]).parent)

    assert [EMOTIONS[t] for t in faces.targets] == [
        *("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"),
        "happy",
    ]
    assert faces.splits.tolist() == ["train"] * 7 + ["test"]
    assert faces.images[:, 0, 0].tolist() == list(range(10, 90, 10))  # the aligned image, whole
    assert (faces.name, faces.left_out) == ("RAF-DB", {})


# AffectNet


def _affectnet_row(file: str, landmarks: str, expression: int) -> str:
    return f"{file},10,10,200,200,{landmarks},{expression},0.1,-0.2"


def _affectnet(root: Path, portrait: Path, training: list[str], validation: list[str]) -> Path:
    lists = root / "Manually_Annotated_file_lists"
    _write(lists / "training.csv", "\n".join([AFFECTNET_HEADER, *training]) + "\n")
    _write(lists / "validation.csv", "\n".join(validation) + "\n")
    _write(root / "Manually_Annotated_Images" / "689" / "a.jpg", portrait.read_bytes())
    return root


def test_affectnet_tables_give_the_faces_that_their_landmarks_frame(
    portrait: Path, portrait_image: Image, landmarks: str, tmp_path: Path
) -> None:
    rows = [_affectnet_row("689/a.jpg", landmarks, label) for label in AFFECTNET]
    # The validation list of some duplicates comes without its header.
    root = _affectnet(tmp_path, portrait, rows, [_affectnet_row("689/a.jpg", landmarks, 3)])
    faces = load_faces(root)

    assert [EMOTIONS[t] for t in faces.targets] == [
        *("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry"),
        "surprise",
    ]
    assert faces.splits.tolist() == ["train"] * 7 + ["test"]
    assert faces.left_out == {"contempt": 1, "none": 1, "uncertain": 1, "no face": 1}
    (framed,) = crop_faces(portrait_image, [_face(portrait_image)], YuNetDetector.framing)
    difference = faces.images[0].astype(float) - framed
    assert np.corrcoef(faces.images[0].ravel(), framed.ravel())[0, 1] > 0.9
    assert abs(difference.mean()) < 10


@pytest.mark.parametrize("points", ["", "1;2;3", "NULL"])
def test_a_row_of_affectnet_without_landmarks_is_left_out_and_counted(
    points: str, portrait: Path, landmarks: str, tmp_path: Path
) -> None:
    rows = [_affectnet_row("689/a.jpg", p, 1) for p in (landmarks, points)]
    faces = load_faces(_affectnet(tmp_path, portrait, rows, [AFFECTNET_HEADER]))

    assert len(faces) == 1
    assert faces.left_out == {"no landmarks": 1}


def test_affectnet_folders_read_labels_from_npy_files(tmp_path: Path) -> None:
    for folder, labels in (("train_set", [0, 6, 7]), ("val_set", [1])):
        for number, label in enumerate(labels):
            _write(tmp_path / folder / "images" / f"{number}.jpg", _gray(100, 224))
            annotations = tmp_path / folder / "annotations"
            annotations.mkdir(exist_ok=True)
            np.save(annotations / f"{number}_exp.npy", np.array(str(label)))
            np.save(annotations / f"{number}_lnd.npy", np.zeros(136))
    faces = load_faces(tmp_path)

    assert [EMOTIONS[t] for t in faces.targets] == ["neutral", "angry", "happy"]
    assert faces.splits.tolist() == ["train", "train", "test"]
    assert (faces.name, faces.left_out) == ("AffectNet", {"contempt": 1})


# Multi-PIE


def test_multi_pie_knows_the_expression_of_each_session_and_recording(
    photo: bytes, tmp_path: Path
) -> None:
    for session, recording in MULTI_PIE:
        name = f"001_{session:02}_{recording:02}_051_06.png"
        folder = f"session{session:02}/multiview/001/{recording:02}/05_1"
        _write(tmp_path / folder / name, photo)
    faces = load_faces(tmp_path)

    assert _counts(faces) == {"neutral": 5, "happy": 2, "surprise": 1, "disgust": 1}
    assert faces.left_out == {"squint": 1, "scream": 1}
    assert faces.name == "Multi-PIE"


@pytest.mark.parametrize(
    "name",
    [
        "smile/001_smile_05_1.png",
        "Smile/001_a.png",
        "smile/001_01_02_051_06.png",
    ],
)
def test_multi_pie_also_takes_the_name_of_an_expression(
    name: str, photo: bytes, tmp_path: Path
) -> None:
    _write(tmp_path / name, photo)

    assert _counts(load_faces(tmp_path)) == {"happy": 1}


def test_multi_pie_takes_the_cameras_near_the_front(photo: bytes, tmp_path: Path) -> None:
    for camera in ("051", "140", "041", "110", "240", "081"):
        _write(tmp_path / f"001_01_02_{camera}_06.png", photo)
    faces = load_faces(tmp_path)

    assert len(faces) == 3
    assert faces.left_out == {"seen from more than 30 degrees aside": 3}


def test_multi_pie_keeps_each_subject_in_one_split(photo: bytes, tmp_path: Path) -> None:
    for subject in range(1, 11):
        for session in (1, 3):
            _write(tmp_path / f"{subject:03}_{session:02}_02_051_06.png", photo)

    faces = load_faces(tmp_path)
    assert dict(Counter(faces.splits.tolist())) == {"train": 16, "val": 2, "test": 2}


# What is wrong in them

CK_FRAME = {"cohn-kanade-images/S005/001/S005_001_00000001.png": ""}
CK_LABEL = "Emotion/S005/001/S005_001_00000001_emotion.txt"
RAF_DB_ROWS = "EmoLabel/list_patition_label.txt"
AFFECTNET_ROWS = "Manually_Annotated_file_lists/training.csv"
AFFECTNET_IMAGE = {"Manually_Annotated_Images/689/a.jpg": ""}
POINTS = ";".join(map(str, range(136)))
NPY = b"\x93NUMPY\x01\x00\x46\x00{'descr': '<U1', 'fortran_order': False, 'shape': (), }"
NPY += b" " * (79 - len(NPY)) + b"\n3\0\0\0"


def _broken() -> Iterator[tuple[dict[str, Any], str]]:
    """The content of files by their names, and what is said of them."""
    for text in ("", "8.0", "happy"):
        message = r"S005_001_00000001_emotion\.txt: expected an expression"
        yield {**CK_FRAME, CK_LABEL: text}, message
    yield CK_FRAME, "expected the folder Emotion beside cohn-kanade-images"
    for row, message in (
        ("train_00002.jpg 8", "expected an expression 1 to 7; got '8'"),
        ("train_00002.jpg", "expected an expression 1 to 7; got ''"),
        ("val_00002.jpg 1", "expected a name that begins with train_ or test_"),
    ):
        rows = f"train_00001.jpg 1\n{row}\n"
        yield {RAF_DB_ROWS: rows}, rf"list_patition_label\.txt, row 2: {message}"
    yield {RAF_DB_ROWS: "train_02.jpg 2\n"}, r"no such file: .*train_02_aligned\.jpg"
    for row, message in (
        ("689/a.jpg,10,10,200,200,,11,0.1,-0.2", "expected an expression 0 to 10"),
        (f"/dev/zero,0,0,9,9,{POINTS},1,0,0", "expected an image below"),
    ):
        rows = f"{AFFECTNET_HEADER}\n{row}\n"
        yield {**AFFECTNET_IMAGE, AFFECTNET_ROWS: rows}, rf"training\.csv, row 2: {message}"
    yield {AFFECTNET_ROWS: AFFECTNET_HEADER}, "expected the folder Manually_Annotated_Images"
    for name, content in (
        ("0_exp.npy", ""),
        # numpy raises TokenError of the first, and SystemError of the second.
        ("0_exp.npy", NPY.replace(b"}", b" ")),
        ("0_exp.npy", NPY[:-4] + b"\xff\xff\xff\xff"),
    ):
        files = {"train_set/images/0.jpg": "", f"train_set/annotations/{name}": content}
        yield files, r"0_exp\.npy: expected a number in a \.npy file"
    for name, message in (
        ("001_05_01_051_06.png", "a session and recording among .* got 05_01"),
        ("holiday.png", "a name such as 001_01_02_051_06.png"),
    ):
        yield {"001_01_01_051_06.png": "", f"b/{name}": ""}, rf"{name}: expected {message}"
    own_folders = {"neutral/001_a.png": "", "bored/002_a.png": ""}  # not Multi-PIE's
    yield own_folders, r"expected a folder named after one of .* got 'bored'"


@pytest.mark.parametrize(("files", "message"), list(_broken()))
def test_what_is_broken_or_missing_is_named(
    files: dict[str, str | bytes], message: str, tmp_path: Path
) -> None:
    for name, content in files.items():
        _write(tmp_path / name, content)

    with pytest.raises(DataError, match=message):
        load_faces(tmp_path)


# People's own images


def test_faces_are_not_searched_for_in_tables(tmp_path: Path) -> None:
    _write(tmp_path / "fer2013.csv", "emotion,pixels,Usage\n")

    with pytest.raises(OptionError, match=r"expected a folder of images; .*fer2013\.csv"):
        load_faces(tmp_path / "fer2013.csv", find_faces=True)


# What the layouts share


def test_splits_by_subject_depend_on_the_names_alone() -> None:
    names = [f"{number:03}" for number in range(1, 26)]
    splits = subject_splits(names)

    assert splits == subject_splits(reversed(names * 2))
    assert Counter(splits.values()) == {"train": 21, "val": 2, "test": 2}
    assert [name for name in names if splits[name] == "test"] == ["010", "020"]


@pytest.mark.parametrize("turn_deg", [0, 25, -40])
def test_landmarks_give_an_upright_face_however_it_is_turned(turn_deg: int) -> None:
    points = np.zeros((68, 2))
    points[36:42], points[42:48] = (-17.5, -11.5), (17.5, -11.5)  # twice FER2013's 48 pixels
    points[48], points[54] = (-14.1, 23.8), (14.1, 23.8)
    turn = np.radians(turn_deg)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    turned = points @ rotation + 100
    face = face_of_68_points(turned)

    assert face is not None
    assert face.box == pytest.approx((52, 52, 148, 148), abs=0.5)
    spots = np.full((200, 200, 3), 255, np.uint8)
    for x, y in (turned[36], turned[42]):
        cv2.circle(spots, (round(x), round(y)), 5, (0, 0, 0), -1)
    (crop,) = crop_faces(spots, [face], FRAME)
    dark_y, dark_x = np.nonzero(crop < 128)
    assert dark_y.mean() == pytest.approx(18.25, abs=0.7)
    assert (dark_x.min(), dark_x.max()) == pytest.approx((13, 34), abs=1.5)


def test_landmarks_in_one_place_give_no_face() -> None:
    assert face_of_68_points(np.full((68, 2), 7.0)) is None
