"""`mien detect` and `mien --version`.

Most tests call `mien.cli.app.main` here, as the installed script does; what depends on the
process, on its pipes and signals, runs in one of its own.
"""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PILImage

from command_line import Mien, assert_refused, csv_rows, in_python
from image_files import OTHER_FILES, heic, saved, tiff
from mien import EMOTIONS, Classifier, Recognizer, __version__, load_image, shipped_models

MIEN = (sys.executable, "-m", "mien")


@pytest.fixture
def detect(mien: Mien, tiny_model: Path) -> Mien:
    return lambda *arguments: mien("detect", "--model", tiny_model, *arguments)


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    path = tmp_path / "blank.png"
    PILImage.new("L", (80, 60), 128).save(path)
    return path


def test_the_portrait_is_happy(portrait: Path) -> None:
    done = in_python("-m", "mien", "detect", portrait)
    assert (done.returncode, done.stderr) == (0, "")
    header, row = done.stdout.splitlines()
    assert header.split() == ["image", "face", "emotion", "sure", *EMOTIONS]
    assert row.split()[:3] == ["astronaut.jpg", "1", "happy"]


def test_json_is_what_the_library_reads(portrait: Path, tiny_model: Path, detect: Mien) -> None:
    done = detect("--json", portrait)
    (image,) = json.loads(done.stdout)
    assert (image["file"], image["size"], image["error"]) == (str(portrait), [512, 512], None)
    assert image["faces"] == [r.to_dict() for r in Recognizer(tiny_model)(portrait)]
    assert (done.status, done.stderr) == (0, "")


def test_an_image_without_a_face(blank: Path, detect: Mien, tmp_path: Path) -> None:
    done = detect(blank, "--csv", tmp_path / "faces.csv")
    assert done.status == 0
    assert done.stdout.splitlines()[1].split() == ["blank.png", "-", "no", "face"]
    (row,) = csv_rows(tmp_path / "faces.csv")
    assert (row["file"], row["face"], row["error"]) == (str(blank), "", "")
    assert json.loads(detect(blank, "--json").stdout)[0]["faces"] == []


def test_csv_and_copies(portrait: Path, blank: Path, detect: Mien, tmp_path: Path) -> None:
    out, table = tmp_path / "out", tmp_path / "faces.csv"
    done = detect(portrait, blank, "--out", out, "--csv", table)
    assert (done.status, done.stderr) == (0, "")
    rows = csv_rows(table)
    assert [row["file"] for row in rows] == [str(portrait), str(blank)]
    assert sum(float(rows[0][label]) for label in EMOTIONS) == pytest.approx(1, abs=1e-5)
    assert load_image(out / "astronaut.jpg").shape == (512, 512, 3)
    assert load_image(out / "blank.png").shape == (60, 80, 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["blank.png", "faces.csv", "out"]


@pytest.fixture
def cut_out(portrait: Path, tmp_path: Path) -> Path:
    """A face of the portrait as data sets hold them, 48 x 48, gray and a little blurred."""
    path = tmp_path / "cut.png"
    with PILImage.open(portrait) as image:
        image.convert("L").crop((180, 66, 270, 176)).resize((16, 16)).resize((48, 48)).save(path)
    return path


def test_a_face_that_is_cut_out_already(cut_out: Path, detect: Mien, mien: Mien) -> None:
    without = detect(cut_out)
    assert without.stdout.splitlines()[1].split() == ["cut.png", "-", "no", "face"]
    assert without.stderr == (
        "mien: cut.png: no face; a face that is cut out already: --cropped, in Python "
        "detector='none'\n"
    )
    done = detect(cut_out, "--cropped", "--json")
    assert (done.status, done.stderr) == (0, "")
    (face,) = json.loads(done.stdout)[0]["faces"]
    assert (face["box"], face["score"], face["landmarks"]) == ([0, 0, 48, 48], 1.0, None)
    levels = load_image(cut_out)[:, :, :1]
    assert mien("detect", cut_out, "--cropped").stdout.splitlines()[1].split()[2] == "happy"
    expected = Classifier()(levels[None, :, :, 0])[0]
    found = json.loads(mien("detect", cut_out, "--cropped", "--json").stdout)[0]["faces"][0]
    assert list(found["probabilities"].values()) == pytest.approx(expected.tolist())


@pytest.mark.parametrize(
    "option",
    [["--detector", "yunet"], ["--detector", "haar"], ["--full-size"], ["--min-face-px", 9]],
)
@pytest.mark.parametrize("command", [["detect"], ["explain"], ["batch", "--out", "readings"]])
def test_cropped_refuses_options_of_a_search(
    cut_out: Path, mien: Mien, command: list[str], option: list[object]
) -> None:
    assert_refused(mien(*command, cut_out, "--cropped", *option), "leave out", str(option[0]))


def test_what_may_find_more_faces_of_an_archive(blank: Path, mien: Mien, tmp_path: Path) -> None:
    done = mien("batch", blank, "--out", tmp_path / "out", "--processes", 0)
    assert (done.status, done.stderr.count("\n")) == (0, 1)
    assert (
        "1 without a face; small faces: --full-size; faces that are cut out already:" in done.stderr
    )
    done = mien("batch", blank, "--out", tmp_path / "cut", "--processes", 0, "--cropped")
    assert (done.status, done.stderr) == (0, "")


def test_what_may_find_more_faces_is_said_once(
    portrait: Path, detect: Mien, tmp_path: Path
) -> None:
    with PILImage.open(portrait) as image:
        small = image.resize((80, 80))
    for name, levels in (("crowd.png", 90), ("plain.png", 200), ("other.png", 210)):
        large = PILImage.new("RGB", (2000, 1500), (levels,) * 3)
        if name == "crowd.png":
            large.paste(small, (1500, 900))
        large.save(tmp_path / name)
    crowd = detect(tmp_path / "crowd.png")
    assert crowd.stderr == (
        "mien: crowd.png: no face; searched at 683x512; small faces: --full-size, in Python "
        "full_size=True\n"
    )
    done = detect(tmp_path / "crowd.png", "--full-size")
    assert (done.stdout.splitlines()[1].split()[1], done.stderr) == ("1", "")
    done = detect(tmp_path)
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("full_size=True (and 2 more like it)\n")


def test_one_bad_image_among_others(
    portrait: Path, blank: Path, detect: Mien, tmp_path: Path
) -> None:
    bad = tmp_path / "two\nlines.jpg"
    bad.write_text("no image")
    done = detect(bad, portrait, blank, "--json", "--csv", tmp_path / "faces.csv")
    assert done.status == 2
    unread, *others = json.loads(done.stdout)
    assert [image["error"] for image in others] == [None, None]
    assert (unread["size"], unread["faces"]) == (None, [])
    assert unread["error"].startswith(f"{bad}: expected a JPEG")
    first, last = done.stderr.splitlines()
    assert first.startswith("mien: ")
    assert "two lines.jpg: expected a JPEG" in first
    assert last == "mien: 1 of 3 images could not be read"
    rows = csv_rows(tmp_path / "faces.csv")
    assert [row["file"] for row in rows] == [str(bad), str(portrait), str(blank)]
    assert "expected a JPEG" in rows[0]["error"]


def in_encoding(encoding: str, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    own = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run([*MIEN, "detect", *arguments], capture_output=True, env=own, timeout=60)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_unusual_file_names(blank: Path, tiny_model: Path) -> None:
    names = ["two words.png", "日本語.png", "a,b.png", "line\nbreak.png", "caf\udce9.png"]
    names += ['say "cheese".png', "line\r\nbreak.png", " .png"]
    paths = [Path(shutil.copy(blank, blank.with_name(name))) for name in names]
    table = blank.with_name("faces.csv")
    done = in_encoding("utf-8:strict", "--model", tiny_model, *paths, "--csv", table, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    expected = [str(path).replace("\udce9", r"\udce9") for path in paths]
    assert [image["file"] for image in json.loads(done.stdout)] == expected
    assert [row["file"] for row in csv_rows(table)] == expected


def test_a_table_in_an_encoding_without_the_letters(blank: Path, tiny_model: Path) -> None:
    path = blank.rename(blank.with_name("日本.png"))
    done = in_encoding("ascii", "--model", tiny_model, path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u65e5\u672c.png" in done.stdout


def test_bad_input_is_one_line_and_status_2(detect: Mien, portrait: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    too_long = tmp_path / ("x" * 300)
    for arguments, said in (
        ((tmp_path / "missing.jpg",), f"no such file or folder: {tmp_path}/missing.jpg"),
        ((tmp_path / "no-*.jpg",), "no file matches"),
        ((tmp_path / "empty",), "expected images in this folder"),
        (("http://127.0.0.1:9/portrait.jpg",), "no such file or folder"),
        (("x" * 5000,), "File name too long"),
        ((portrait, "--min-face-px", -1), "--min-face-px: expected 0 or more"),
        ((portrait, "--threads", -1), "threads: expected 0 to 1024; got -1"),
        ((portrait, "--out", tmp_path / "file"), "expected a folder"),
        ((portrait, "--out", portrait.parent), "would replace an image"),
        ((portrait, "--out", too_long), "File name too long"),
        ((portrait, "--csv", tmp_path), "it is a folder"),
        ((portrait, "--csv", tmp_path / "file" / "a.csv"), "file: expected a folder to write"),
        ((portrait, "--csv", too_long), "File name too long"),
        ((portrait, "--model", tmp_path / "broken.onnx"), "broken.onnx"),
        ((portrait, "--model", "x" * 5000), "there is no file"),
    ):
        assert_refused(detect(*arguments), said)
    known = detect(portrait, "--model", "no-such-model")
    assert_refused(known, "'no-such-model'", *shipped_models())


def test_a_wrong_option_is_status_2(detect: Mien, portrait: Path) -> None:
    for arguments in (("--no-such-option",), ("--threads", "many"), ("--detector", "mtcnn")):
        done = detect(portrait, *arguments)
        assert (done.status, done.stdout) == (2, "")
        assert arguments[0] in done.stderr
        assert "Traceback" not in done.stderr


def test_a_table_is_neither_the_folder_of_copies_nor_one_of_them(
    portrait: Path, detect: Mien, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for table in (out, out / "astronaut.jpg", tmp_path / "out" / ".." / "out" / "astronaut.jpg"):
        done = detect(portrait, "--out", out, "--csv", table)
        assert_refused(done, "expected a name of its own for each output; got two")
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert detect(portrait, "--out", out, "--csv", out / "astronaut.csv").status == 0


def test_an_error_halfway_leaves_no_csv(portrait: Path, detect: Mien, tmp_path: Path) -> None:
    (tmp_path / "out" / "astronaut.jpg").mkdir(parents=True)
    table = tmp_path / "faces.csv"
    table.write_text("of yesterday")
    done = detect(portrait, "--csv", table, "--overwrite", "--out", tmp_path / "out")
    assert_refused(done, "astronaut.jpg: expected a file to write; it is a folder")
    assert table.read_text() == "of yesterday"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["faces.csv", "out"]


def test_copies_do_not_replace_images(blank: Path, detect: Mien) -> None:
    webp = blank.with_suffix(".webp")  # its copy would be called blank.png
    PILImage.new("L", (80, 60), 128).save(webp)
    content = blank.read_bytes()
    assert_refused(detect(webp, blank, "--out", blank.parent), "would replace an image")
    assert blank.read_bytes() == content


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_ctrl_c_ends_without_a_traceback(tiny_model: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "endless.jpg"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [*MIEN, "detect", "--model", tiny_model, pipe, "--csv", tmp_path / "faces.csv"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with pipe.open("wb"):  # opens when the command reads its image, which never ends
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert out == ""
    assert "Traceback" not in err
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == [pipe]


def test_haar_and_the_other_options(portrait: Path, detect: Mien) -> None:
    done = detect(portrait, "--detector", "haar", "--full-size", "--threads", "0", "--json")
    faces = json.loads(done.stdout)[0]["faces"]
    assert done.status == 0
    assert faces[0]["landmarks"] is None
    small = detect(portrait, "--min-face-px", "400", "--json")
    assert json.loads(small.stdout)[0]["faces"] == []


def likeliest(detect: Mien, image: Path) -> str:
    emotion: str = json.loads(detect(image, "--json").stdout)[0]["faces"][0]["emotion"]
    return emotion


def test_the_status_says_whether_all_faces_show_what_is_expected(
    portrait: Path, blank: Path, detect: Mien
) -> None:
    emotion = likeliest(detect, portrait)
    done = detect(portrait, "--expect", emotion)
    header, row = done.stdout.splitlines()
    assert (done.status, done.stderr) == (0, "")
    assert header.split() == ["image", "face", "emotion", "sure", *EMOTIONS, "shows", emotion]
    assert row.split()[-2:] == ["yes", row.split()[3]]

    other = next(e for e in EMOTIONS if e != emotion)
    done = detect(portrait, "--expect", other)
    assert done.status == 1
    assert done.stdout.splitlines()[1].split()[-2] == "no"
    assert done.stderr == f"mien: expected {other} on every face; 0 of 1 show it\n"
    for threshold in (0, 1):
        done = detect(portrait, "--expect", other, "--expect-threshold", threshold)
        assert done.status == threshold

    done = detect(blank, "--expect", "happy")
    assert done.status == 1
    assert done.stdout.splitlines()[1].split() == ["blank.png", "-", "no", "face"]
    assert done.stderr == "mien: expected happy on every face; there is no face\n"
    assert detect(blank, portrait, "--expect", emotion).status == 0


def test_what_is_expected_stands_in_json_and_csv(
    portrait: Path, blank: Path, detect: Mien, tmp_path: Path
) -> None:
    table = tmp_path / "faces.csv"
    done = detect(
        *(portrait, blank, "--expect", "Sadness", "--expect-threshold", "0"),
        *("--json", "--csv", table),
    )
    face = json.loads(done.stdout)[0]["faces"][0]
    rows = csv_rows(table)

    assert done.status == 0
    assert (face["expected"], face["shows"]) == ("sad", True)
    assert [(row["expected"], row["shows"]) for row in rows] == [("sad", "true"), ("sad", "")]
    again = detect(portrait, "--json", "--csv", table, "--overwrite")
    plain = json.loads(again.stdout)[0]["faces"][0]
    assert face == {**plain, "expected": "sad", "shows": True}
    with table.open(newline="") as file:
        assert {"expected", "shows"}.isdisjoint(next(csv.reader(file)))


def test_a_broken_image_weighs_more_than_what_was_expected(
    portrait: Path, detect: Mien, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no image")
    done = detect(bad, portrait, "--expect", "happy", "--expect-threshold", "1")

    assert done.status == 2
    assert done.stderr.splitlines()[-1] == "mien: 1 of 2 images could not be read"


def test_a_wrong_expectation_is_one_line_and_status_2(portrait: Path, detect: Mien) -> None:
    assert_refused(detect(portrait, "--expect", "bored"), "among angry, ", "got 'bored'")
    assert_refused(
        detect(portrait, "--expect", "happy", "--expect-threshold", 1.5),
        "mien: --expect-threshold: expected 0 to 1; got 1.5",
    )
    assert_refused(detect(portrait, "--expect-threshold", 0.5), "--expect-threshold", "--expect")
    for threshold in ("-0.1", "1.1", "nan"):
        done = detect(portrait, "--threshold", threshold)
        assert_refused(done, f"threshold: expected 0 to 1; got {threshold}")


def test_an_unsure_face_is_called_so(portrait: Path, detect: Mien, tmp_path: Path) -> None:
    table = tmp_path / "faces.csv"
    emotion = likeliest(detect, portrait)
    done = detect(portrait, "--threshold", 1, "--csv", table, "--out", tmp_path)
    row = done.stdout.splitlines()[1].split()
    face = json.loads(detect(portrait, "--threshold", 1, "--json").stdout)[0]["faces"][0]
    (written,) = csv_rows(table)

    assert (done.status, done.stderr) == (0, "")
    assert row[2] == "unsure"
    assert (face["emotion"], face["unsure"]) == (emotion, True)
    assert (written["emotion"], written["unsure"]) == (emotion, "true")
    sure = json.loads(detect(portrait, "--json").stdout)[0]["faces"][0]
    assert sure == {**face, "unsure": False}
    plain = detect(portrait, "--out", tmp_path / "plain")
    assert plain.stdout.splitlines()[1].split() == [*row[:2], emotion, *row[3:]]
    copies = [load_image(folder / "astronaut.jpg") for folder in (tmp_path, tmp_path / "plain")]
    assert (copies[0] != copies[1]).any()
    expected = ("--expect", emotion, "--expect-threshold", 0)
    done = detect(portrait, "--threshold", 1, *expected, "--json")
    assert done.status == 1
    assert json.loads(done.stdout)[0]["faces"][0]["shows"] is False
    assert done.stderr == f"mien: expected {emotion} on every face; 0 of 1 show it\n"


def test_version(mien: Mien) -> None:
    done = mien("--version")
    assert (done.status, done.stdout, done.stderr) == (0, f"mien {__version__}\n", "")


def gray_of(image: NDArray[np.uint8], bits: int) -> NDArray[np.uint16]:
    """The levels of an image as a camera of so many bits has them."""
    gray = np.asarray(PILImage.fromarray(image).convert("L"), np.uint32)
    scaled: NDArray[np.uint16] = (gray * (2**bits - 1) // 255).astype(np.uint16)
    return scaled


def test_the_face_is_found_in_each_kind_of_file(portrait: Path, tmp_path: Path, mien: Mien) -> None:
    image = load_image(portrait)
    counted_from_white = (4095 - gray_of(image, 12).astype(int)).astype(np.uint16)
    frames = {"save_all": True, "append_images": [PILImage.new("RGB", (512, 512))]}
    files = {
        "renamed.jpg": heic(np.ascontiguousarray(np.rot90(image)), orientation=6),
        "moving.webp": saved(image, "WEBP", **frames),
        "moving.avif": saved(image, "AVIF", **frames),
        "twelve.png": saved(gray_of(image, 12), "PNG"),
        "twelve.tif": saved(gray_of(image, 12), "TIFF"),
        "white.tif": tiff(counted_from_white, tags={262: 0}),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    done = mien("detect", "--json", tmp_path)
    assert done.status == 0
    read = {Path(p["file"]).name: p["faces"] for p in json.loads(done.stdout)}
    assert sorted(read) == sorted(files)
    assert [[f["emotion"] for f in faces] for faces in read.values()] == [["happy"]] * len(files)
    said = done.stderr.splitlines()
    levels = "levels of 16 bits are read as 12-bit ones, since all are below 4,096"
    assert [line.split(": ")[1:] for line in said] == [
        ["moving.avif and 1 more", "of an animation, only the first image is read"],
        ["twelve.png and 2 more", levels],
    ]


def test_what_is_not_read_is_named_with_its_reason(tmp_path: Path, detect: Mien) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    face = np.zeros((40, 40, 3), np.uint8)
    (folder / "fine.jpg").write_bytes(saved(face, "JPEG"))
    (folder / "float.tif").write_bytes(tiff(face.astype(np.float32)))
    (folder / "raw.tif").write_bytes(tiff(face, tags={50706: 1}))
    (folder / "cut.heic").write_bytes(heic(face)[:200])
    for name, (content, _) in OTHER_FILES.items():
        (folder / name).write_bytes(content)
    done = detect(folder)
    assert done.status == 2
    errors = {Path(line.split(": ")[1]).name: line for line in done.stderr.splitlines()[:-2]}
    expected = {
        "cut.heic": "damaged or cut short",
        "float.tif": "floating point",
        "raw.tif": "camera's raw file",
        "gone.jpg": "a web page, saved in place of an image",
        "pointer.jpg": "git lfs pull",
        "fine.jpg": "no face; a face that is cut out already: --cropped",
    }
    assert errors.keys() == expected.keys()
    assert all(said in errors[name] for name, said in expected.items())
    others, last = done.stderr.splitlines()[-2:]
    assert others.startswith("mien: 14 files were not read as images: 1 .cr3 (export it from")
    assert "5 of 6 images could not be read" in last


def test_videos_and_archives_beside_images_end_with_2(
    tmp_path: Path, blank: Path, detect: Mien
) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    done = detect(tmp_path)
    assert (done.status, done.stderr) == (0, "mien: 1 file was not read as images: 1 .txt\n")
    for name in ("a.mov", "b.mov", "c.mov"):
        (tmp_path / name).write_bytes(b"x")
    done = detect(tmp_path)
    assert done.status == 2
    assert "4 files were not read as images: 3 .mov (see mien video), 1 .txt" in done.stderr


def test_a_second_run_passes_over_the_copies_of_the_first(
    here: Path, blank: Path, detect: Mien
) -> None:
    for _ in range(2):
        done = detect(".", "--out", "annotated", "--json")
        assert done.status == 0
        assert [image["file"] for image in json.loads(done.stdout)] == ["blank.png"]
    assert f"1 file was not read as images: 1 in {here}/annotated" in done.stderr
    assert [p.name for p in Path("annotated").iterdir()] == ["blank.png"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("video.mp4", "video.mp4: expected a JPEG, .* it is a video: `mien video` reads it"),
        ("https://example.org/a.jpg", "no such file .*; nothing is fetched .* `mien video` reads"),
        ("s3://bucket/photos", "no such file or folder: s3://bucket/photos; `mien batch` reads"),
    ],
)
def test_the_command_that_can_is_named(given: str, said: str, here: Path, detect: Mien) -> None:
    (here / "video.mp4").write_bytes(OTHER_FILES["video.mp4"][0])
    done = detect(given)
    assert done.status == 2
    assert re.search(said, done.stderr)
