import json
import re
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from image_files import heic, saved
from learn_fixtures import (
    USAGES,
    made_up_faces,
    png,
    rows_of,
    write_csv,
    write_folders,
    write_parquet,
    write_parquet_folder,
    write_votes,
)
from mien.errors import DataError, OptionError
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet, load_faces

FACES = made_up_faces(train=3, val=2, test=1)
FACES_WITH_VOTES = made_up_faces(train=3, val=2, test=1, votes=True)
GOOD_PIXELS = " ".join(["7"] * 2304)


def _folder_of_tables(root: Path, faces: FaceSet) -> Path:
    root.mkdir(exist_ok=True)
    (root / "example_submission.csv").write_text("emotion\n3\n")
    write_csv(root / "icml_face_data.csv", faces, columns=("emotion", " Usage", " pixels"))
    return root


def _label_words(path: Path, faces: FaceSet) -> Path:
    lines = write_csv(path, faces).read_text().splitlines()
    words = [EMOTIONS[int(line[0])].title() + line[1:] for line in lines[1:]]
    path.write_text("\n".join([lines[0], *words]) + "\n")
    return path


def _kaggle_name(split: str, label: str, row: int) -> str:
    folder = "train" if split == "train" else "test"
    return f"{folder}/{label}/{USAGES[split]}_{row}.png"


def _other_words(split: str, label: str, row: int) -> str:
    splits = {"train": "Training", "val": "Validation", "test": "TEST"}
    words = ("Anger", "Disgusted", "FEAR", "Happiness", "Sadness", "Surprised", "Neutral")
    return f"{splits[split]}/{words[EMOTIONS.index(label)]}/{row}.PNG"


FORMS: dict[str, Callable[[Path], Path]] = {
    "fer2013.csv": lambda root: write_csv(root / "fer2013.csv", FACES),
    "icml_face_data.csv, spaces in its header": lambda root: write_csv(
        root / "icml_face_data.csv", FACES, columns=("emotion", " Usage", " pixels")
    ),
    "a table with words for labels": lambda root: _label_words(root / "faces.csv", FACES),
    "a folder with icml_face_data.csv among others": lambda root: _folder_of_tables(root, FACES),
    "train, val, test": lambda root: write_folders(root, FACES, "{}/{}/{}.png".format),
    "train, test, as on Kaggle": lambda root: write_folders(root, FACES, _kaggle_name),
    "folders in other words": lambda root: write_folders(root, FACES, _other_words),
    "a folder of tables, unpacked one deeper": lambda root: (
        _folder_of_tables(root / "fer2013", FACES).parent
    ),
    "Parquet": lambda root: write_parquet_folder(root, FACES),
    "Parquet, Hugging Face's": lambda root: write_parquet_folder(root, FACES, structs=True),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_data_set_gives_the_same_faces(form: str, tmp_path: Path) -> None:
    faces = load_faces(FORMS[form](tmp_path))

    assert sorted(rows_of(faces)) == sorted(rows_of(FACES))
    assert faces.votes is None
    if ", row " in (faces.sources or ())[0]:  # tables keep the order of their rows
        assert rows_of(faces) == rows_of(FACES)
        assert faces.fingerprint() == FACES.fingerprint()


def test_names_of_files_tell_val_from_test_in_a_test_folder_alone(tmp_path: Path) -> None:
    names = "{}/{}_{}.png".format
    write_folders(tmp_path / "a", FACES, lambda split, label, row: names(label, USAGES[split], row))
    train = FACES.split("train")
    for split in ("train", "val"):
        root = tmp_path / "b" / split
        write_folders(root, train, lambda _, label, row: names(label, "Training", row))

    emotions_alone = load_faces(tmp_path / "a")
    assert set(emotions_alone.splits) == {"train"}
    assert sorted(emotions_alone.targets) == sorted(FACES.targets)
    assert len(load_faces(tmp_path / "b").split("val")) == len(train)


def test_photos_of_phones_are_faces_and_videos_beside_them_are_told(tmp_path: Path) -> None:
    gray = np.full((48, 48, 3), 70, np.uint8)
    for name, content in {
        "happy/1.heic": heic(gray),
        "happy/2.avif": saved(gray, "AVIF"),
        "happy/3.jfif": saved(gray, "JPEG"),
        "sad/4.mov": b"x",
        "sad/5.MOV": b"x",
        "sad/6.png": saved(gray, "PNG"),
        "sad/._6.png": b"\0\5\x16\7",
        "sad/notes.txt": b"x",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    faces = load_faces(tmp_path)
    assert [EMOTIONS[target] for target in faces.targets] == ["happy"] * 3 + ["sad"]
    assert np.abs(faces.images.astype(int) - 70).max() <= 2
    assert faces.left_out == {"no image (.mov: see mien video)": 2, "no image (.txt)": 1}


def test_votes_come_with_parquet_and_are_joined_to_a_table(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "fer2013.csv", FACES_WITH_VOTES)
    votes = write_votes(tmp_path / "fer2013new.csv", FACES_WITH_VOTES)
    parquet = write_parquet_folder(tmp_path / "parquet", FACES_WITH_VOTES)

    for faces in (load_faces(table, votes=votes), load_faces(parquet)):
        assert rows_of(faces) == rows_of(FACES_WITH_VOTES)


def test_votes_of_ferplus_own_file_go_by_position(tmp_path: Path) -> None:
    """Names count other rows, some stand twice and out of order, and left-out faces have none."""
    faces = made_up_faces(train=40, val=10, test=10, votes=True)
    assert faces.votes is not None
    faces.votes[[5, 77]] = [0] * 9 + [10]  # left out: "not a face" ten times, and no name
    table = write_csv(tmp_path / "fer2013.csv", faces)
    lines = write_votes(tmp_path / "fer2013new.csv", faces).read_text().splitlines()
    rows = [line.split(",") for line in lines]
    named = 0
    for row in rows[1:]:
        left_out = row[2:] == ["0"] * 9 + ["10"]
        row[1] = "" if left_out else f"fer{named:07d}.png"
        named += not left_out
    rows[30][1] = rows[100][1]  # of a later row; so the next row goes back
    rows[200][1] = rows[50][1]  # of an earlier one
    votes = tmp_path / "real.csv"
    votes.write_text("\n".join(",".join(row) for row in rows) + "\n")

    assert rows_of(load_faces(table, votes=votes)) == rows_of(faces)


@pytest.mark.parametrize(
    ("first", "instead", "message"),
    [
        (r"\n[^\n]+\n\Z", r"\n", "expected one row for each face"),
        ("Training", "PublicTest", "row 2: expected one row for each face .* face 1 is of train"),
        (r"\n(.+)\n(.+)\n", r"\n\2\n\1\n", "row 3: expected rows in the order of fer2013.csv"),
        (r"(\n.+).\n", r"\1x\n", "row 2: expected whole numbers of votes"),
        ("contempt", "pride", "contempt is missing"),
        (",0,", f",{2**63},", r"row \d+: expected at most 1,000,000 votes"),  # than numpy counts
        (",0,", f",-{2**70},", r"row \d+: expected at most 1,000,000 votes"),
    ],
)
def test_votes_that_do_not_fit_the_faces_are_refused(
    first: str, instead: str, message: str, tmp_path: Path
) -> None:
    table = write_csv(tmp_path / "fer2013.csv", FACES_WITH_VOTES)
    votes = write_votes(tmp_path / "fer2013new.csv", FACES_WITH_VOTES)
    votes.write_text(re.sub(first, instead, votes.read_text(), count=1))

    with pytest.raises(DataError, match=message) as caught:
        load_faces(table, votes=votes)
    assert "fer2013new.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (f"3,{GOOD_PIXELS} 7,Training", "expected 2304 pixels .* got 2305"),
        (f"3,{GOOD_PIXELS[:-1]}256,Training", "expected pixels 0 to 255; got 7 to 256"),
        (f"3,{GOOD_PIXELS[:-1]}-1,Training", "expected pixels 0 to 255; got -1 to 7"),
        (f"3,{GOOD_PIXELS[:-1]}99999999999999999999,Training", "expected pixels 0 to 255"),
        (f"3,{GOOD_PIXELS[:-1]}a,Training", "expected pixels as whole numbers"),
        (f"7,{GOOD_PIXELS},Training", "expected an emotion 0 to 6; got 7"),
        (f"bored,{GOOD_PIXELS},Training", "expected an emotion 0 to 6; got 'bored'"),
        (f",{GOOD_PIXELS},Training", "expected an emotion 0 to 6; got ''"),
        (f"3,{GOOD_PIXELS},Later", "expected Usage among .* got 'Later'"),
        (f"3,{GOOD_PIXELS}", "expected 3 columns; got 2"),
    ],
)
def test_a_bad_row_of_a_table_is_named(row: str, message: str, tmp_path: Path) -> None:
    table = f"emotion,pixels,Usage\n3,{GOOD_PIXELS},Training\n{row}\n"
    assert_named(tmp_path / "fer2013.csv", table.encode(), f"row 3: {message}")


def assert_named(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_faces(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "emotion is missing, there are none"),
        (b"emotion,pixels,Usage\n", "no faces in it"),
        (b"emotion,Usage\n3,Training\n", "pixels is missing"),
        (b"emotion,pixels\n3,1 2 3\n", "expected 2304 pixels"),
        (bytes(range(256)) * 8, "expected a CSV file in UTF-8"),
    ],
)
def test_a_file_that_is_no_table_of_faces_is_named(
    content: bytes, message: str, tmp_path: Path
) -> None:
    assert_named(tmp_path / "fer2013.csv", content, message)


def _without_usage(path: Path, faces: FaceSet) -> Path:
    return write_csv(path, faces, columns=("emotion", "pixels"))


def test_kaggles_train_csv_without_usage_is_train_and_says_so(tmp_path: Path) -> None:
    path = _without_usage(tmp_path / "train.csv", FACES)
    faces = load_faces(path)

    assert rows_of(faces) == rows_of(replace(FACES, splits=np.full(len(FACES), "train")))
    assert faces.notes == (f"{path}: no column Usage; all its faces are train",)


def test_tables_named_after_splits_are_read_together(tmp_path: Path) -> None:
    for split, stem in (("train", "train"), ("val", "validation"), ("test", "test")):
        _without_usage(tmp_path / f"{stem}.csv", FACES.split(split))
    (tmp_path / "example_submission.csv").write_text("emotion\n3\n")

    assert sorted(rows_of(load_faces(tmp_path))) == sorted(rows_of(FACES))


def test_kaggles_test_csv_without_labels_says_what_it_is(tmp_path: Path) -> None:
    unlabelled = write_csv(tmp_path / "test.csv", FACES.split("test"), columns=("pixels",))
    with pytest.raises(DataError, match=r"test\.csv of Kaggle's challenge has no labels"):
        load_faces(unlabelled)

    _without_usage(tmp_path / "train.csv", FACES.split("train"))
    faces = load_faces(tmp_path)
    assert rows_of(faces) == rows_of(FACES.split("train"))
    assert [note for note in faces.notes if "left out" in note and str(unlabelled) in note]


def test_several_tables_that_no_split_names_are_refused(tmp_path: Path) -> None:
    for name in ("first.csv", "second.csv"):
        write_csv(tmp_path / name, FACES)

    with pytest.raises(DataError, match=r"got first\.csv, second\.csv\. Give one of them"):
        load_faces(tmp_path)


def test_tables_of_other_programs_give_the_same_faces(tmp_path: Path) -> None:
    lines = write_csv(tmp_path / "fer2013.csv", FACES).read_text().splitlines()
    cells = [line.split(",") for line in lines]
    usages = {"Training": "train", "PublicTest": "Validation", "PrivateTest": "TEST"}
    forms = {
        "semicolons.csv": [";".join(row) for row in cells],
        "tabs.csv": ["\t".join(row) for row in cells],
        "quoted.csv": [",".join(f'"{cell}"' for cell in row) for row in cells],
        "quoted later.csv": [*lines[:3], *(f'{e},"{p}",{u}' for e, p, u in cells[3:])],
        "other case.csv": ["Emotion,PIXELS,usage", *lines[1:]],
        "other words.csv": [lines[0], *(f"{e},{p},{usages[u]}" for e, p, u in cells[1:])],
        "of pandas.csv": [lines[0], *(f"{e}.0,{p},{u}" for e, p, u in cells[1:])],
        "uneven.csv": [lines[0], *(f"{e}, {p.replace(' ', '  ')} ,{u}" for e, p, u in cells[1:])],
    }
    for name, form in forms.items():
        (tmp_path / name).write_text("\r\n".join(form))
        assert rows_of(load_faces(tmp_path / name)) == rows_of(FACES), name


def test_labels_that_are_none_of_the_seven_are_left_out_of_tables_and_counted(
    tmp_path: Path,
) -> None:
    lines = _label_words(tmp_path / "faces.csv", FACES).read_text().splitlines()
    others = [f"{word},{GOOD_PIXELS},Training" for word in ("Contempt", "none", "contempt")]
    (tmp_path / "faces.csv").write_text("\n".join([*lines[:3], *others, *lines[3:]]))
    images = [png(image) for image in FACES.images[:3]]
    words = ["fear", "contempt", "Scared"]
    pq.write_table(pa.table({"image": images, "emotion": words}), tmp_path / "train.parquet")

    faces, parquet = (load_faces(tmp_path / name) for name in ("faces.csv", "train.parquet"))
    assert rows_of(faces) == rows_of(FACES)
    assert faces.left_out == {"contempt": 2, "none": 1}
    assert parquet.targets.tolist() == [EMOTIONS.index("fear")] * 2
    assert parquet.left_out == {"contempt": 1}


def test_a_table_is_read_in_little_more_memory_than_its_pixels(tmp_path: Path) -> None:
    """Pixels are 2,304 bytes a face, and numpy's arrays are what tracemalloc sees."""
    count = 3000
    path = tmp_path / "fer2013.csv"
    with path.open("w") as file:
        file.write("emotion,pixels,Usage\n")
        file.writelines(f"{i % 7},{GOOD_PIXELS[:-1]}{i % 10},Training\n" for i in range(count))
    shares: list[float] = []
    tracemalloc.start()
    try:
        faces = load_faces(path, report=shares.append)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 2.5 * faces.images.nbytes  # numpy 2.5 duplicates an array that grows
    assert faces.images[:, -1, -1].tolist() == [i % 10 for i in range(count)]
    assert len(shares) >= 5
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.2 < 0.8 < shares[-1] <= 1


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (("train",), "it has no folders"),
        (("angry", "happy"), "no faces in it"),
        (("train/contempt", "test/contempt"), "no faces in it"),
        (("train/angry", "tset/angry"), "tset: expected a folder named after a split"),
        (("angry/", "bored/"), "bored: .* got 'bored': rename it, or move it out"),
        (("train/angry/", "train/hapy/"), "hapy: expected a folder named after one of angry"),
        (("train/angry/", "angry/"), "angry: expected a folder named after a split"),
        (("train/angry/", "train/happy/sad/"), "expected one emotion; got happy and sad"),
        (("train/angry/test/",), "expected one split; got test and train"),
        (("0/", "1/"), "0: expected an emotion in words .* numbers have many orders"),
    ],
)
def test_folders_without_faces_or_of_no_emotion_or_split_are_refused(
    folders: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
        if folder.endswith("/"):  # else it is empty
            (tmp_path / folder / "1.png").write_bytes(png(FACES.images[0]))

    with pytest.raises(DataError, match=message) as caught:
        load_faces(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("size", [0, 200])
def test_an_image_cut_short_in_a_folder_is_named(size: int, tmp_path: Path) -> None:
    write_folders(tmp_path, FACES, "{}/{}/{}.png".format)
    broken = next((tmp_path / "train" / "fear").iterdir())
    broken.write_bytes(broken.read_bytes()[:size])

    with pytest.raises(DataError) as caught:
        load_faces(tmp_path)
    assert str(broken) in str(caught.value)


def _parquet(path: Path, **changes: Any) -> Path:
    columns: dict[str, Any] = {
        "image": [png(image) for image in FACES.images[:3]],
        "emotion": [0, 1, 2],
    }
    columns |= changes
    pq.write_table(pa.table({name: v for name, v in columns.items() if v is not None}), path)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"emotion": [0, 7, 2]}, "row 1: expected an emotion 0 to 6; got 7"),
        ({"emotion": ["angry", "fear", "bored"]}, "row 2: expected an emotion .* got 'bored'"),
        ({"emotion": ["fear", None, "sad"]}, "row 1: expected an emotion 0 to 6; got ''"),
        ({"emotion": None}, "emotion is missing"),
        ({"image": None}, "image is missing"),
        ({"image": [b"RIFF", b"", b"x"]}, "row 0: "),
        ({"image": ["1.png", "2.png", "3.png"]}, "row 0: expected an encoded image as bytes"),
        ({"image": [{"path": "1.png"}] * 3}, "row 0: expected an encoded image as bytes"),
        ({"ferplus_votes": [[1] * 10, [1] * 10, [1] * 9]}, "row 2: expected 10 votes; got 9"),
        ({"ferplus_votes": [[1] * 10, None, [1] * 10]}, "row 1: expected ferplus_votes on every"),
        ({"ferplus_votes": [[1] * 10, [None] * 10, [1] * 10]}, "row 1: expected a list of whole"),
        ({"ferplus_votes": [1, 2, 3]}, "row 0: expected a list of whole numbers"),
    ],
)
def test_a_bad_row_of_a_parquet_file_is_named(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = _parquet(tmp_path / "train.parquet", **changes)
    assert_named(path, path.read_bytes(), message)


def test_votes_in_some_parquet_files_only_are_refused(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", FACES_WITH_VOTES.split("train"))
    write_parquet(tmp_path / "test.parquet", FACES.split("test"))

    with pytest.raises(DataError, match=r"test\.parquet, row 0: expected ferplus_votes"):
        load_faces(tmp_path)


@pytest.mark.parametrize("size", [0, 3, 500])
def test_a_parquet_file_cut_short_is_named(size: int, tmp_path: Path) -> None:
    path = _parquet(tmp_path / "train.parquet")
    assert_named(path, path.read_bytes()[:size], r"train\.parquet: expected a Parquet file")


@pytest.mark.parametrize("changes", [{"image": None}, {"emotion": None}, {}])
def test_a_parquet_file_of_something_else_is_refused_before_its_rows_are_read(
    changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _parquet(tmp_path / "anything.parquet", **changes)
    monkeypatch.setattr(pq, "read_table", None)  # of a large table it would take all memory
    with pytest.raises(DataError, match=r"is missing|expected a file named after its split"):
        load_faces(path)


def test_a_parquet_file_is_the_split_that_it_alone_is_named_after(tmp_path: Path) -> None:
    _parquet(tmp_path / "private_test.parquet")
    assert load_faces(tmp_path / "private_test.parquet").splits.tolist() == ["test"] * 3

    with pytest.raises(DataError, match=r"faces\.parquet: expected a file named after its split"):
        load_faces(_parquet(tmp_path / "faces.parquet"))
    (tmp_path / "faces.parquet").rename(tmp_path / "test.parquet")
    with pytest.raises(DataError, match="expected one file for each split"):
        load_faces(tmp_path)


def _hugging_face(path: Path, numbers: Sequence[float], *, column: str, names: list[str]) -> Path:
    """A Parquet file as `datasets` writes it: a ClassLabel has its words in the metadata."""
    features = {column: {"names": names, "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    rows = [{"bytes": png(FACES.images[0]), "path": None} for _ in numbers]
    table = pa.table({"image": rows, column: numbers}).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize("column", ["emotion", "label"])
def test_the_words_that_hugging_face_writes_for_numbers_are_taken(
    column: str, tmp_path: Path
) -> None:
    names = ["contempt", *sorted(EMOTIONS)]  # 1 is angry, 5 neutral, 6 sad
    (tmp_path / "README.md").write_text("about")
    for file, numbers in (
        ("train-00000-of-00002", [5, 0]),
        ("train-00001-of-00002", [6]),
        ("validation-00000-of-00001-1a2b3c", [1]),
    ):
        path = tmp_path / "data" / f"{file}.parquet"
        _hugging_face(path, numbers, column=column, names=names)

    faces = load_faces(tmp_path)

    assert [EMOTIONS[target] for target in faces.targets] == ["neutral", "sad", "angry"]
    assert faces.splits.tolist() == ["train", "train", "val"]
    assert faces.left_out == {"contempt": 1}
    assert faces.notes == ()
    (tmp_path / "data" / "train-00000-of-00002.parquet").unlink()
    assert load_faces(tmp_path).notes == ("train: read 1 of its 2 files",)
    path = _hugging_face(path, [1.0, 5.0], column=column, names=names)  # as pandas has them
    assert load_faces(path).targets.tolist() == [EMOTIONS.index("angry"), EMOTIONS.index("neutral")]
    _hugging_face(path, [0, 8], column=column, names=names)
    with pytest.raises(DataError, match=f"row 1: expected {column} from 0 to 7, .*; got 8"):
        load_faces(path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("00000-of-00002-1a2b3c 00000-of-00002-4d5e6f", r"each part of a split once; .*-1a2b3c\."),
        ("00000-of-00001 00001-of-00002", "expected one file for each split"),
    ],
)
def test_parts_that_are_twice_there_or_of_different_exports_are_refused(
    names: str, message: str, tmp_path: Path
) -> None:
    for name in names.split():
        _hugging_face(tmp_path / f"train-{name}.parquet", [0], column="label", names=["angry"])
    with pytest.raises(DataError, match=message):
        load_faces(tmp_path)


@pytest.mark.parametrize("labels", [[0, 1, 2], [0.0, 1.0, 2.0], ["0.0", "1.0", "2.0"]])
def test_labels_that_are_numbers_without_words_are_refused(
    labels: list[object], tmp_path: Path
) -> None:
    path = _parquet(tmp_path / "train.parquet", emotion=None, label=labels)
    assert_named(path, path.read_bytes(), "row 0: expected an emotion in words .* got '0': numbers")


@pytest.mark.parametrize("column", ["Usage", "split"])
def test_a_row_of_a_parquet_file_is_of_the_split_that_it_names(column: str, tmp_path: Path) -> None:
    splits = ["Training", "PrivateTest", "PublicTest"]
    path = _parquet(tmp_path / "train.parquet", **{column: splits})
    assert load_faces(path).splits.tolist() == ["train", "test", "val"]
    whole = path.rename(tmp_path / "fer2013.parquet")
    assert load_faces(whole).splits.tolist() == ["train", "test", "val"]
    part = whole.rename(tmp_path / "fer2013-00000-of-00002.parquet")
    assert load_faces(part).notes == ("fer2013: read 1 of its 2 files",)

    _parquet(path, **{column: ["Training", None, "PublicTest"]})
    with pytest.raises(
        DataError, match=f"row 1: expected {column} among Tr.*, train, .*; got 'None'"
    ):
        load_faces(path)


@pytest.mark.parametrize("names", ["", "dev", "val,test", "val+dev", "PublicTest"])
def test_split_takes_one_or_several_that_are_known_and_there(names: str) -> None:
    for known, count in (("train", 21), ("val", 14), ("val+test", 21)):
        faces = FACES.split(known)
        assert (set(faces.splits), len(faces)) == (set(known.split("+")), count)
    with pytest.raises(OptionError, match="expected a split among train, val, test"):
        FACES.split(names)
    with pytest.raises(DataError, match="it has train, test; commands with --val-share hold out"):
        FACES.split("train+test").split("val+test")


def test_hold_out_moves_the_share_of_each_class_from_train_to_val() -> None:
    faces = made_up_faces(train=20, val=0, test=2)
    held = faces.hold_out(0.25)

    assert held.split("val").class_counts().tolist() == [5] * 7
    assert held.split("train").class_counts().tolist() == [15] * 7
    assert held.split("test").class_counts().tolist() == [2] * 7
    assert np.array_equal(held.images, faces.images)
    assert np.array_equal(held.targets, faces.targets)
    first, again, other = (faces.hold_out(0.25, seed=seed).splits for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    few = made_up_faces(train=4, val=0, test=0)
    for share, taken in ((0.1, 0), (0.9, 28)):
        with pytest.raises(DataError, match=f"{share} of each emotion's, rounded, is {taken} of"):
            few.hold_out(share)
    of_test = made_up_faces(train=0, val=0, test=1)  # which has nothing to hold out
    assert of_test.hold_out(0.1).splits.tolist() == ["test"] * 7
    for share in (0.0, 1.0, float("nan")):
        with pytest.raises(OptionError, match="expected between 0 and 1"):
            faces.hold_out(share)


def test_the_fingerprint_tells_any_change_of_any_array() -> None:
    faces = FACES_WITH_VOTES
    assert faces.votes is not None
    changed = [faces, replace(faces, votes=None)]
    for array in ("images", "targets", "splits", "votes"):
        values = getattr(faces, array).copy()
        values[0], values[-1] = values[-1].copy(), values[0].copy()
        changed.append(replace(faces, **{array: values}))
    brighter = faces.images.copy()
    brighter[5, 7, 9] += 1
    changed.append(replace(faces, images=brighter))

    assert len({variant.fingerprint() for variant in changed}) == len(changed)
    assert replace(faces, name="another").fingerprint() == faces.fingerprint()


def test_vote_shares_leave_out_unknown_and_not_a_face() -> None:
    votes = np.zeros((3, 10), np.int64)
    votes[0, [0, 1, 8, 9]] = [1, 3, 4, 2]
    votes[1, 8] = 10
    faces = replace(FACES.take(np.arange(3)), votes=votes)

    shares = faces.vote_shares()
    assert shares[0].tolist() == [0.25, 0.75, 0, 0, 0, 0, 0, 0]
    assert not shares[1:].any()


@pytest.mark.parametrize(
    ("array", "values", "message"),
    [
        ("images", np.zeros((42, 32, 32), np.uint8), "expected shape \\(42, 48, 48\\)"),
        ("targets", np.full(42, 7), "expected 0 to 6; got 7 to 7"),
        ("splits", np.full(42, "dev"), "expected train, val, test; got 'dev'"),
        ("votes", np.full((42, 10), -1), "expected 0 or more; got -1"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(array: str, values: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"{array}: {message}"):
        replace(FACES, **{array: values})
