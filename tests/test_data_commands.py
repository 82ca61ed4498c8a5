import json
import re
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import Mien, assert_refused, csv_rows
from learn_fixtures import made_up_faces, png, write_csv, write_folders, write_parquet_folder
from mien.errors import MissingExtraError, OptionError, OutputError
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet, load_faces
from mien.learn.data.download import ON_REQUEST, SOURCES, download
from mien.learn.data.duplicates import PAIR_COLUMNS
from mien.learn.plots.data import plot_class_counts, plot_samples
from mien.recognize.images import load_image


def _with_copies() -> FaceSet:
    """Two faces of test stand in train, one twice, one with another label; one image is black."""
    faces = made_up_faces(train=2, val=1, test=1, votes=True)
    images, votes = faces.images.copy(), np.asarray(faces.votes).copy()
    images[[7, 21]], images[22], images[16] = images[0], images[5], 0
    votes[:, -1], votes[16] = 0, [0] * 8 + [4, 6]
    return replace(faces, images=images, votes=votes)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_parquet_folder(tmp_path_factory.mktemp("data") / "faces", _with_copies())


# mien data info


def test_info_says_what_was_left_out(mien: Mien, tmp_path: Path) -> None:
    (tmp_path / "EmoLabel").mkdir()
    (tmp_path / "EmoLabel" / "list_patition_label.txt").write_text("train_1.jpg 4\n")
    (tmp_path / "Image" / "aligned").mkdir(parents=True)
    image = tmp_path / "Image" / "aligned" / "train_1_aligned.jpg"
    image.write_bytes(png(np.full((100, 100), 9, np.uint8)))

    assert "left out" not in mien("data", "info", tmp_path).stdout
    shown = mien("data", "info", tmp_path, "--find-faces")
    assert shown.status == 2
    assert "no faces in it; left out: 1 no face found" in shown.stderr


def test_info_draws_counts_and_samples(mien: Mien, parquet: Path, tmp_path: Path) -> None:
    shown = mien("data", "info", parquet, "--plots", tmp_path / "new" / "figures")

    assert shown.status == 0
    drawn = sorted((tmp_path / "new" / "figures").iterdir())
    assert [file.name for file in drawn] == [
        *("class-counts.png", "class-counts.svg"),
        *("samples.png", "samples.svg"),
    ]
    assert all(str(file) in shown.stderr for file in drawn)
    assert shown.stdout.splitlines()[0].split() == ["split", "faces", *EMOTIONS]
    counts = drawn[1].read_text()
    assert "train: 14 faces" in counts
    assert "val + test: 14 faces" in counts
    assert counts.count("2 (14.3%)") == 14
    assert all(emotion in counts for emotion in EMOTIONS)


def test_charts_of_a_set_with_one_split(tmp_path: Path) -> None:
    png_file, svg = plot_class_counts(_with_copies().split("val"), tmp_path / "counts")

    assert "val: " in svg.read_text()
    assert load_image(png_file).shape[1] < 1000


def test_samples_are_of_the_set_and_the_same_each_time(tmp_path: Path) -> None:
    faces = _with_copies()
    some = faces.take((faces.splits == "train") & (faces.targets != 1))  # blank where there is none
    sets = {"a": faces, "b": faces, "c": some}
    files = [plot_samples(part, tmp_path / f"{name}.png")[0] for name, part in sets.items()]
    first, again, other = map(load_image, files)

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


# mien data check


def test_check_prints_what_it_finds(mien: Mien, parquet: Path) -> None:
    shown = mien("data", "check", parquet)

    assert shown.status == 0
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert lines[0].startswith("28 faces, 25 different; 25 if near duplicates")
    assert lines[2:7] == [
        "faces with an exact copy in",
        "split faces train val test",
        "train 14 2 0 3",
        "val 7 0 0 0",
        "test 7 2 0 0",
    ]
    assert "images that stand in the set more than once 2" in lines
    assert "of these with more than one label 1" in lines
    assert "images of a single gray level 1" in lines
    assert "not a face, say most FER+ votes 1" in lines
    assert "near" not in mien("data", "check", parquet, "--exact-only").stdout


def test_check_gives_the_rows_as_json_and_writes_the_pairs(
    mien: Mien, parquet: Path, tmp_path: Path
) -> None:
    out = tmp_path / "duplicates.csv"
    shown = mien("data", "check", parquet, "--json", "--out", out)
    found: dict[str, Any] = json.loads(shown.stdout)

    counts = [found[name] for name in ("n", "n_unique", "n_distinct")]
    assert (found["name"], counts) == ("faces", [28, 25, 25])
    assert found["exact_across"] == found["near_across"]
    assert found["exact_across"]["test"] == {"train": 2, "val": 0, "test": 0}
    assert [group["rows"] for group in found["exact"]] == [[0, 7, 21], [5, 22]]
    assert [group["splits"] for group in found["exact"]] == [["train", "test"]] * 2
    assert [group["labels"] for group in found["exact"]] == [["angry"], ["disgust", "surprise"]]
    assert found["conflicts"] == 1
    assert (found["constant"], found["not_faces"], found["near"]) == ([16], [16], [])
    assert shown.stderr == f"wrote {out}\n"
    ours, theirs = (parquet / f"{name}.parquet" for name in ("train", "private_test"))
    copies = {
        0: ("0", "train", "angry", f"{ours}, row 0"),
        5: ("5", "train", "surprise", f"{ours}, row 5"),
        7: ("7", "train", "angry", f"{ours}, row 7"),
        21: ("21", "test", "angry", f"{theirs}, row 0"),
        22: ("22", "test", "disgust", f"{theirs}, row 1"),
    }
    assert [tuple(row.items()) for row in csv_rows(out)] == [
        tuple(zip(PAIR_COLUMNS, ("exact", "1", *copies[one], *copies[other]), strict=True))
        for one, other in ((0, 7), (0, 21), (5, 22))
    ]


# mien data download


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> types.SimpleNamespace:
    """A kagglehub that has FER2013 in its cache; `asked` tells what for, `error` makes it fail."""
    faces = made_up_faces(train=1, val=1, test=1)
    folders = write_folders(tmp_path / "cache" / "folders", faces, "{}/{}/{}.png".format)
    (tmp_path / "cache" / "table").mkdir()
    table = write_csv(tmp_path / "cache" / "table" / "icml_face_data.csv", faces)
    state = types.SimpleNamespace(asked=[], error=None)

    def fetch(found: Path) -> Callable[..., str]:
        def run(handle: str, path: str | None = None) -> str:
            state.asked.append((handle, path))
            if state.error is not None:
                raise state.error
            return str(found)

        return run

    module = types.ModuleType("kagglehub")
    vars(module).update(dataset_download=fetch(folders), competition_download=fetch(table))
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    return state


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_fetched_can_be_read(
    name: str, mien: Mien, kaggle: types.SimpleNamespace, tmp_path: Path
) -> None:
    (tmp_path / "new" / "fer").mkdir(parents=True)  # an empty folder is filled
    shown = mien("data", "download", name, "--out", tmp_path / "new" / "fer")

    assert shown.status == 0
    assert shown.stdout.startswith(f"{tmp_path / 'new' / 'fer'}: fetched")
    assert kaggle.asked == [(SOURCES[name].handle, SOURCES[name].file)]
    assert len(load_faces(tmp_path / "new" / "fer")) == 21
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["fer"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("Network is unreachable"), "Network is unreachable"),
        (RuntimeError("429\n  Too many requests"), "429 Too many requests"),
    ],
)
def test_where_kaggle_fails_one_line_says_what_to_do_by_hand(
    error: Exception, said: str, mien: Mien, kaggle: types.SimpleNamespace, tmp_path: Path
) -> None:
    kaggle.error = error
    shown = mien("data", "download", "fer2013", "--out", tmp_path / "fer")

    assert_refused(
        shown,
        f"Kaggle did not give msambare/fer2013 ({said})",
        "sign in at https://www.kaggle.com/datasets/msambare/fer2013",
        f"unpack it into {tmp_path / 'fer'}",
    )
    assert not (tmp_path / "fer").exists()


@pytest.mark.parametrize("name", ["CK+", "raf-db", "AffectNet", "Multi-PIE"])
def test_sets_on_request_say_where_to_ask(
    name: str, kaggle: types.SimpleNamespace, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=re.escape(ON_REQUEST[name.lower()])):
        download(name, tmp_path / "out")
    with pytest.raises(OptionError, match=r"expected a data set among fer2013, .*; got 'jaffe'"):
        download("jaffe", tmp_path / "out")
    assert not kaggle.asked


def test_a_folder_with_files_is_not_written_into(
    kaggle: types.SimpleNamespace, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("kept")

    with pytest.raises(OutputError, match="expected a new or an empty folder"):
        download("fer2013", tmp_path)
    assert not kaggle.asked


def test_without_kagglehub_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'mien\[train\]'"):
        download("fer2013", tmp_path / "out")


def test_a_half_finished_download_leaves_nothing(
    kaggle: types.SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(source: Path, target: Path) -> None:
        target.mkdir()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copytree", full)

    with pytest.raises(OutputError, match="cannot be written; No space left"):
        download("fer2013", tmp_path / "out" / "fer")
    assert list((tmp_path / "out").iterdir()) == []
