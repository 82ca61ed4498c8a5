"""Rows of images, read back from all forms that they have, and as py-feat's table."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pandas
import pytest

from archives import jpeg, write_folder
from command_line import Mien, assert_refused
from mien import Recognizer
from mien.errors import OutputError
from mien.recognize.batch import BatchSettings, run_batch
from mien.rows.formats.fex import EMOTION_OF
from mien.rows.images import is_image_rows, read_image_rows
from test_formats import FEAT_EMOTIONS, FEAT_FACEBOX, FEAT_LANDMARKS, FEAT_POSE
from videos import make_video, moving_portrait, steady_times

FORMS: Final = (
    *(
        "detect.parquet",
        "readings",
        "part.parquet",
        "batch.csv",
        "r.csv",
        "batch.jsonl",
        "batch.json",
    ),
    *("detect.csv", "detect.json", "detect.jsonl"),
)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of four images: two faces, none, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("batch")
    write_folder(folder / "photos", 2)
    write_folder(folder / "photos" / "none", 1, faces=False)
    (folder / "photos" / "damaged.jpg").write_bytes(jpeg()[:300])
    run_batch([folder / "photos"], folder / "readings", BatchSettings(), processes=0)
    return folder


@pytest.fixture
def folder(batch: Path, mien: Mien, tmp_path: Path) -> Path:
    """The rows of the same images in each form in which mien, pandas and R write them."""
    forms = batch / "forms"
    if not forms.exists():
        shutil.copytree(batch / "readings", forms / "readings")
        (part,) = (forms / "readings" / "rows").iterdir()
        shutil.copy(part, forms / "part.parquet")
        frame = pandas.read_parquet(part)
        frame.to_csv(forms / "batch.csv", index=False)
        frame.to_csv(forms / "r.csv", index=False, na_rep="NA")
        frame.to_json(forms / "batch.json", orient="records")
        frame.to_json(forms / "batch.jsonl", orient="records", lines=True)
        told = mien("detect", batch / "photos", "--json", "--csv", forms / "detect.csv").stdout
        (forms / "detect.json").write_text(told)
        pandas.read_csv(forms / "detect.csv").to_parquet(forms / "detect.parquet")
        lines = [json.dumps(image) for image in json.loads(told)]
        (forms / "detect.jsonl").write_text("\n" + "\n\n".join(lines))  # as others may leave some
    return shutil.copytree(forms, tmp_path, dirs_exist_ok=True)


@pytest.mark.parametrize("name", FORMS)
def test_rows_of_images_become_a_table_of_py_feat(
    mien: Mien, batch: Path, folder: Path, name: str
) -> None:
    done = mien("convert", folder / name, "--to", "fex")
    path = folder / f"{Path(name).stem}.fex.csv"
    assert (done.status, done.stdout) == (0, f"{path}: 2 faces, 4 images\n")
    assert done.stderr == "mien: 1 of them could not be read, and has an empty row\n"
    table = pandas.read_csv(path)
    # By these `feat.utils.io.read_feat` takes a file for one of its second detector.
    assert {"valence", "arousal"} <= set(table.columns)
    assert [column for column in table.columns if column in FEAT_EMOTIONS] == FEAT_EMOTIONS
    assert table[[*FEAT_LANDMARKS, *FEAT_POSE, "Identity", "approx_time"]].isna().all(axis=None)
    assert list(table["frame"]) == [0, 1, 2, 3]
    assert set(table["input"]) == {str(image) for image in (batch / "photos").rglob("*.jpg")}
    seen = table.dropna(subset=FEAT_EMOTIONS).set_index("input")
    assert len(seen) == 2
    for image, row in seen.iterrows():
        (reading,) = Recognizer()(str(image))
        x0, y0, x1, y1 = reading.box
        box = [x0, y0, x1 - x0, y1 - y0, reading.score]
        assert row[FEAT_FACEBOX].tolist() == pytest.approx(box, abs=1e-3)
        shares = [reading.by_emotion()[EMOTION_OF[emotion]] for emotion in FEAT_EMOTIONS]
        assert row[FEAT_EMOTIONS].tolist() == pytest.approx(shares, abs=1e-5)
    if name not in ("detect.csv", "detect.parquet"):  # which tell no size
        assert set(table["FrameWidth"].dropna()) == {96}


def test_readings_come_back_as_they_were(batch: Path, folder: Path) -> None:
    for name in FORMS:
        image = next(one for one in read_image_rows(folder / name) if one.name.endswith("1.jpg"))
        (found,), (reading,) = image.readings, Recognizer()(batch / "photos" / "a" / "0001.jpg")
        assert (found.emotion, found.unsure) == (reading.emotion, reading.unsure)
        assert found.quality is not None
        assert reading.quality is not None
        assert found.quality.blur == pytest.approx(reading.quality.blur, abs=1e-5)
        assert np.allclose(np.array(found.landmarks), np.array(reading.landmarks), atol=1e-3)


def test_frames_of_videos_in_a_data_set_keep_their_numbers_and_times(tmp_path: Path) -> None:
    make_video(tmp_path / "clip.mp4", moving_portrait(), times_s=steady_times(50))
    settings = BatchSettings(every_s=1.0)
    sources = [tmp_path / "clip.mp4", write_folder(tmp_path / "photos", 1)]
    result = run_batch(sources, tmp_path / "out", settings, processes=0, fex=True)
    assert result.fex is not None
    table = pandas.read_csv(result.fex)
    told = table[["frame", "approx_time"]].fillna("").sort_values("frame").to_numpy().tolist()
    assert told == [[0, "00:00"], [0, ""], [25, "00:01"]]


def test_rows_of_images_are_told_from_those_of_videos(folder: Path) -> None:
    assert all(is_image_rows(folder / name) for name in FORMS)
    assert not is_image_rows(folder / "readings" / "nothing")
    (folder / "empty").mkdir()
    assert not is_image_rows(folder / "empty")
    header = "frame,time_s,track,x0,y0,x1,y1,emotion"
    (folder / "video.csv").write_text(f"{header}\n")
    (folder / "video.jsonl").write_text('{"frame":0,"time_s":0,"track":null}\n')
    assert not any(is_image_rows(folder / f"video.{ending}") for ending in ("csv", "jsonl"))
    assert not is_image_rows(folder / "nowhere.parquet")


def cut_csv(path: Path) -> None:
    """A spreadsheet has made a date of the first number of the second line."""
    header, first, *_ = path.read_text().splitlines()
    name, _, _, others = first.split(",", 3)
    path.write_text(f"{header}\n{name},1,01. Mai,{others}\n")


def add_half(path: Path) -> None:
    """To a number that pandas has made no whole one."""
    path.write_text(path.read_text().replace("96.0", "96.5", 1))


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("detect.csv", cut_csv, "line 2: x0: expected a number, .*; got '01. Mai'"),
        ("batch.csv", add_half, "line 2: width: expected a whole number .*; got '96.5'"),
        ("detect.csv", lambda path: path.write_text("file,face\n"), "it has none"),
        ("detect.json", lambda path: path.write_text("[]"), "it has none"),
        ("detect.json", lambda path: path.write_text('{"faces": 1}'), "got a dict"),
        ("detect.jsonl", lambda path: path.write_text('{"faces": []}'), "images; there is no"),
        ("part.parquet", lambda path: path.write_bytes(b"PAR1"), "Parquet file size is 4"),
    ],
)
def test_what_is_no_row_of_an_image_is_told(
    folder: Path, name: str, damage: Callable[[Path], object], said: str
) -> None:
    damage(folder / name)
    with pytest.raises(OutputError, match=f"{name}: expected rows.*{said}"):
        list(read_image_rows(folder / name))


def test_the_command_tells_what_was_written_and_what_is_of_videos(mien: Mien, folder: Path) -> None:
    images, out = folder / "detect.csv", folder / "faces.csv"
    done = mien("convert", images, "--to", "fex", "--out", out, "--json")
    counts = {"images": 4, "faces": 2, "errors": 1}
    assert json.loads(done.stdout) == {"files": [str(out)], **counts}
    assert_refused(mien("convert", images, "--to", "eaf"), "detect.csv, become fex alone")
    fps = mien("convert", images, "--to", "fex", "--fps", "25")
    assert_refused(fps, "--fps: expected rows of a video")
    assert_refused(mien("convert", images, "--to", "fex", "--out", images), "would replace")


@pytest.mark.parametrize("name", ["detect.csv", "detect.jsonl", "batch.jsonl", "part.parquet"])
def test_an_image_whose_rows_stand_in_several_places_is_told(folder: Path, name: str) -> None:
    """It would be two images, or have all its faces twice."""
    path = folder / name
    if path.suffix == ".parquet":
        frame = pandas.read_parquet(path)
        pandas.concat([frame, frame]).to_parquet(path)
    else:
        header = 1 if path.suffix == ".csv" else 0
        lines = path.read_text().splitlines()
        path.write_text("\n".join([*lines, *lines[header:]]))
    with pytest.raises(OutputError, match=f"{name}: expected the rows of an image one after the"):
        list(read_image_rows(path))


def test_a_face_that_stands_twice_is_told(folder: Path) -> None:
    header, *lines = (path := folder / "detect.csv").read_text().splitlines()
    path.write_text("\n".join([header, *(line for one in lines for line in (one, one))]))
    with pytest.raises(OutputError, match="line 3: face: expected each face of an image once"):
        list(read_image_rows(path))
