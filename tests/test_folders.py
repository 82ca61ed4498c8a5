"""Folders and lists of images as people have them on their disks."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from learn_fixtures import png
from mien.errors import DataError, OptionError
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet, load_faces
from mien.learn.data.folders import label_of, split_of


def _images(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png(np.full((48, 48), number, np.uint8)))
    return root


def _counts(faces: FaceSet) -> dict[tuple[str, str], int]:
    """(split, emotion) -> faces."""
    labels = [EMOTIONS[target] for target in faces.targets]
    return dict(Counter(zip(faces.splits.tolist(), labels, strict=True)))


# Folders


@pytest.mark.parametrize(
    "above", ["images", "FER2013/data", "images/FER-2013", "2013", "Fer 2013 - copy"]
)
def test_splits_may_lie_deeper(above: str, tmp_path: Path) -> None:
    names = ("train/angry/1.png", "train/sad/2.PNG", "validation/angry/3.png", "Test/sad/4.Png")
    faces = load_faces(_images(tmp_path / above, *names) and tmp_path)

    assert _counts(faces) == {
        ("train", "angry"): 1,
        ("train", "sad"): 1,
        ("val", "angry"): 1,
        ("test", "sad"): 1,
    }


def test_folders_of_subjects_lie_in_those_of_emotions_or_above_them(tmp_path: Path) -> None:
    _images(tmp_path / "inside", "happy/S01/1.png", "happy/unknown/2.png", "sad/007/a/3.png")
    _images(tmp_path / "above", "S01/happy/1.png", "S02/happy/2.png", "S02/sad/3.png")

    expected = {("train", "happy"): 2, ("train", "sad"): 1}
    assert _counts(load_faces(tmp_path / "inside")) == expected
    assert _counts(load_faces(tmp_path / "above")) == expected


def test_linked_folders_are_read_and_a_link_that_leads_back_is_not(tmp_path: Path) -> None:
    _images(tmp_path, "elsewhere/1.png", "mine/sad/2.png")
    (tmp_path / "mine" / "happy").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "mine" / "sad" / "up").symlink_to(tmp_path / "mine", target_is_directory=True)

    assert _counts(load_faces(tmp_path / "mine")) == {("train", "happy"): 1, ("train", "sad"): 1}


def test_what_is_left_out_of_folders_is_counted_and_named(tmp_path: Path) -> None:
    _images(tmp_path, "train/happy/1.png", "train/calm/2.png", "train/none/3.png")
    _images(tmp_path, "cover.png", "train/4.png", "plots/.hidden.png", "__MACOSX/happy/5.png")
    _images(tmp_path, ".ipynb_checkpoints/happy/6.png")
    for other in ("train/happy/video.mov", "train/happy/Thumbs.db", "notes/read me.txt"):
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_bytes(b"\0")

    faces = load_faces(tmp_path)
    assert _counts(faces) == {("train", "happy"): 1}
    assert faces.left_out == {
        "calm": 1,
        "none": 1,
        "in no folder of an emotion": 2,
        "no image (.mov: see mien video)": 1,
    }


def test_numbered_folders_of_raf_db_are_read_in_its_order(tmp_path: Path) -> None:
    names = [f"DATASET/train/{n}/train_0000{n}_aligned.jpg" for n in range(1, 8)]
    _images(tmp_path, *names, "DATASET/test/4/test_0001_aligned.jpg")
    (tmp_path / "train_labels.csv").write_text("image,label\ntrain_00001_aligned.jpg,1\n")
    (tmp_path / "test_labels.csv").write_text("image,label\ntest_0001_aligned.jpg,4\n")
    faces = load_faces(tmp_path)

    order = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
    train = faces.split("train")
    assert [EMOTIONS[target] for target in train.targets] == list(order)
    assert _counts(faces.split("test")) == {("test", "happy"): 1}
    assert faces.notes == (
        "folders called by numbers are read in the order of RAF-DB: 1 surprise, 2 fear, "
        "3 disgust, 4 happy, 5 sad, 6 angry, 7 neutral",
        f"{tmp_path / 'test_labels.csv'}: not read, the folders say the emotions",
        f"{tmp_path / 'train_labels.csv'}: not read, the folders say the emotions",
    )


def test_numbered_folders_of_fer2013_are_read_in_its_order(tmp_path: Path) -> None:
    names = ("train/0/Training_1.png", "test/3/PublicTest_2.png", "test/6/PrivateTest_3.png")
    faces = load_faces(_images(tmp_path, *names))

    expected = {("train", "angry"): 1, ("val", "happy"): 1, ("test", "neutral"): 1}
    assert _counts(faces) == expected


@pytest.mark.parametrize("last", [6, 7])
def test_numbered_folders_whose_order_is_unclear_are_refused(last: int, tmp_path: Path) -> None:
    _images(tmp_path, *(f"train/{n}/image000{n}.jpg" for n in range(last + 1)))

    with pytest.raises(DataError, match=r"FER2013's begins with 0 angry, AffectNet's with 0 neut"):
        load_faces(tmp_path)


@pytest.mark.parametrize(
    ("split", "names"),
    [
        ("train", ("TRAIN", "train_set", "Training Data")),
        ("val", ("valid", "dev")),
        ("test", ("test-images",)),
        (None, ("images", "dataset", "tset")),
    ],
)
def test_splits_as_people_write_them(split: str | None, names: tuple[str, ...]) -> None:
    assert [split_of(name) for name in names] == [split] * len(names)


@pytest.mark.parametrize(
    ("label", "names"),
    [
        ("fear", ("scared", "afraid")),
        ("happy", ("joy", "4. Happy", "06-joyful")),
        ("angry", ("0_Angry",)),
        ("no face", ("No_Face",)),
        ("contempt", ("Contempt",)),
        ("calm", ("calm",)),
        (None, ("7", "hapy", "S05_happy")),
    ],
)
def test_labels_as_people_write_them(label: str | None, names: tuple[str, ...]) -> None:
    assert [label_of(name) for name in names] == [label] * len(names)


# Lists


def test_a_list_names_images_and_emotions_in_words(tmp_path: Path) -> None:
    _images(tmp_path, "images/0.jpg", "images/1.jpg", "images/2.JPG", "images/3.jpg")
    table = tmp_path / "labels.csv"
    table.write_text(
        "image,emotion,person\n0.jpg,scared,0\n1.jpg,Surprised,1\n2.JPG,contempt,2\n"
        "3.jpg,joy,2\ngone.jpg,sad,3\n"
    )

    for path in (tmp_path, table):
        faces = load_faces(path)
        assert [EMOTIONS[target] for target in faces.targets] == ["fear", "surprise", "happy"]
        assert faces.images[:, 0, 0].tolist() == [0, 1, 3]
        assert faces.left_out == {"contempt": 1, "named in the list and not there": 1}
        assert faces.name == tmp_path.name


LISTS: dict[str, tuple[str, str, dict[tuple[str, str], int]]] = {
    "as spreadsheets write it": (
        "faces/1.png faces/2.png faces/3.png",
        "\ufeffFile Name;Label;Split\r\nfaces\\1.png;Happy;Train\r\n"
        '"faces/2.png";"Sad";Valid\r\nfaces/3.png;"Anger";test\r\n',
        {("train", "happy"): 1, ("val", "sad"): 1, ("test", "angry"): 1},
    ),
    "as Windows writes it, its images in a folder": (
        "img/train/1.png img/val/2.png",
        "emotion, image\nhappy, train\\1.png\nsad, val\\2.png\n",
        {("train", "happy"): 1, ("val", "sad"): 1},
    ),
    "whose folders say the split": (
        "train/1.png test/1.png",
        "path,emotion\ntrain/1.png,happy\ntest/1.png,sad\n",
        {("train", "happy"): 1, ("test", "sad"): 1},
    ),
    "beside the folder that says the split": (
        "test/1.png",
        "picture,emotion\n1.png,happy\n",
        {("test", "happy"): 1},
    ),
}


@pytest.mark.parametrize("form", LISTS)
def test_a_list_is_read_with_its_images_where_people_put_them(form: str, tmp_path: Path) -> None:
    images, text, expected = LISTS[form]
    table = _images(tmp_path / "unpacked", *images.split()) / "labels.csv"
    table.write_text(text)

    for path in (table, table.parent, tmp_path):
        assert _counts(load_faces(path)) == expected


def test_each_folder_of_a_split_may_have_its_list(tmp_path: Path) -> None:
    _images(tmp_path / "unpacked", "train/1.png", "train/2.png", "validation/1.png", "test/1.png")
    for split, rows in {
        "train": "1.png,happy\n2.png,contempt\n",
        "validation": "1.png,sad\n",
        "test": "1.png,angry\n",
    }.items():  # as Hugging Face's imagefolder has them
        table = tmp_path / "unpacked" / split / "metadata.csv"
        table.write_text(f"file_name,label\n{rows}")

    for path in (tmp_path / "unpacked", tmp_path):
        faces = load_faces(path)
        assert _counts(faces) == {("train", "happy"): 1, ("val", "sad"): 1, ("test", "angry"): 1}
        assert faces.left_out == {"contempt": 1}
        assert faces.name == "unpacked"

    _images(tmp_path, "logo.png")
    with pytest.raises(
        DataError, match=r"test: expected metadata.csv alone .*: give .*unpacked as the data set"
    ):
        load_faces(tmp_path)
    (tmp_path / "logo.png").unlink()
    table.unlink()
    with pytest.raises(DataError, match=r"test: expected one CSV file with .* got none"):
        load_faces(tmp_path)


def test_splits_without_emotions_are_told_what_they_lack(tmp_path: Path) -> None:
    _images(tmp_path, "train/1.png", "val/1.png")

    with pytest.raises(DataError, match=r"train: expected a folder in it for each .* lie loose"):
        load_faces(tmp_path)


def test_folders_of_emotions_go_before_a_table_beside_them(tmp_path: Path) -> None:
    _images(tmp_path, "happy/1.png", "sad/2.png")
    (tmp_path / "results.csv").write_text("epoch,loss\n1,2.0\n")
    (tmp_path / "labels.csv").write_text("pth,label\nhappy/1.png,sad\n")
    faces = load_faces(tmp_path)

    assert _counts(faces) == {("train", "happy"): 1, ("train", "sad"): 1}
    assert faces.notes == (f"{tmp_path / 'labels.csv'}: not read, the folders say the emotions",)


def test_votes_of_ferplus_are_not_for_images(tmp_path: Path) -> None:
    _images(tmp_path, "happy/1.png")

    with pytest.raises(OptionError, match=r"votes: expected fer2013\.csv"):
        load_faces(tmp_path, votes=tmp_path / "fer2013new.csv")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1.png,bored", "row 2: expected an emotion in words among .* got 'bored'"),
        ("1.png,3", "row 2: expected an emotion in words .* numbers have many orders"),
        ("2.png,sad", "row 2: expected an image below .* there is no '2.png'"),
        ("1.png,sad\n../1.png,sad", "row 3: expected an image below"),
    ],
)
def test_a_bad_row_of_a_list_is_named(rows: str, message: str, tmp_path: Path) -> None:
    _images(tmp_path / "set", "1.png")
    (tmp_path / "set" / "labels.csv").write_text(f"image,emotion\n{rows}\n")

    with pytest.raises(DataError, match=message):
        load_faces(tmp_path / "set")
