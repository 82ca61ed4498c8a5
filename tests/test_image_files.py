from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from fakes import FixedDetector
from mien import Face, ImageError, OptionError, Recognizer, find_images, read_images
from mien.recognize.sources import LeftOut


def save(path: Path, level: int = 128) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PILImage.new("L", (60, 40), level).save(path)
    return path


def names(paths: list[str | Path]) -> list[str]:
    return [file.relative.as_posix() for file in find_images(paths)]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("b.png", "a.JPG", "deep/er/c.webp", "deep/d.gif", "e.tif", "[1].bmp"):
        save(tmp_path / "album" / name)
    (tmp_path / "album" / "notes.txt").write_text("no image")
    (tmp_path / "album" / "folder.png").mkdir()
    return tmp_path / "album"


ALL = ["[1].bmp", "a.JPG", "b.png", "deep/d.gif", "deep/er/c.webp", "e.tif"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        (["."], ALL),
        (["*.png"], ["b.png"]),
        (["?.*"], ["a.JPG", "b.png", "e.tif"]),
        (["**/*.webp"], ["c.webp"]),
        (["deep/*"], ["d.gif", "er/c.webp"]),
        (["[1].bmp"], ["[1].bmp"]),  # a file whose name looks like a pattern
        (["b.png", "./b.png", "b*.png"], ["b.png"]),  # each once
        (["b.png", "a.JPG"], ["b.png", "a.JPG"]),
        (["e.tif", "."], ["e.tif", *ALL[:-1]]),
    ],
)
def test_files_folders_and_patterns_in_the_order_in_which_they_are_named(
    album: Path, given: list[str], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    absolute: list[str | Path] = [f"{album}/{name}" for name in given]
    assert names(absolute) == expected
    monkeypatch.chdir(album)
    relative: list[str | Path] = [*given]
    assert names(relative) == names([*relative, *absolute]) == expected
    assert all(album / file.relative == file.path for file in find_images([album]))


def test_a_file_needs_no_ending(tmp_path: Path) -> None:
    save(tmp_path / "x.png").rename(tmp_path / "portrait")
    assert names([tmp_path / "portrait"]) == ["portrait"]


def test_two_links_to_one_file_are_two_images(album: Path) -> None:
    for name in ("b1.png", "b2.png"):
        (album / name).symlink_to(album / "b.png")
    assert names([f"{album}/b*.png"]) == ["b.png", "b1.png", "b2.png"]
    assert names([album])[2:5] == ["b.png", "b1.png", "b2.png"]


def test_what_a_search_leaves_out_is_counted(album: Path) -> None:
    videos, others = ("a.mov", "deep/b.MOV"), (".DS_Store", "README", "d.part.jpg")
    for name in (*videos, "c.dng", "deep/._b.png", *others):
        (album / name).write_bytes(b"x")
    (album / "gone.jpg").symlink_to(album / "nowhere.jpg")
    (album / "again").symlink_to(album / "deep")
    left_out = LeftOut()
    find_images([album], left_out=left_out)
    assert left_out == {
        ".mov": 2,
        ".dng": 1,
        ".txt": 1,
        "of macOS (._*)": 1,
        "that a kill left unfinished (*.part.*)": 1,
        "without an ending": 2,
        "broken links or pipes": 1,
        "links to folders, which are not followed": 1,
    }
    assert str(left_out).startswith(
        "10 files were not read as images: 2 .mov (see mien video), 1 .dng (export it from"
    )


@pytest.mark.parametrize(
    ("names", "may"),
    [
        (["a.mov"], True),
        (["a.zip"], True),
        (["a.tar.gz"], True),
        (["a.dcm", "a.txt"], True),
        (["a.txt", "a.json", "Thumbs.db", ".DS_Store", "._a.jpg", "code.ts", "README"], False),
    ],
)
def test_some_of_what_is_left_out_may_hold_faces(names: list[str], may: bool) -> None:
    left_out = LeftOut()
    for name in names:
        left_out.add(name)
    assert left_out.may_hold_faces is may


def test_many_endings_make_one_short_sentence() -> None:
    left_out = LeftOut()
    for name in ("video.mp4", *(f"a.{number}" for number in range(100))):
        left_out.add(name)
    assert str(left_out).startswith("101 files were not read as images: 1 .mp4 (see mien video),")
    assert str(left_out).endswith("93 of other kinds")


def test_the_folder_of_copies_is_not_searched_but_counted(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(album / "out" / "deep" / "a.png")
    monkeypatch.chdir(album)
    for given in (".", str(album), "*", "**/*", "*/*"):
        left_out = LeftOut()
        found = find_images([given], not_in="out", left_out=left_out)
        assert not any("out" in file.path.parts for file in found)
        assert left_out[f"in {album / 'out'}"] == 1
    assert names([album / "out"]) == ["deep/a.png"]
    assert len(find_images([album / "out"], not_in=album / "out")) == 1  # it was named


def test_a_folder_without_images_is_an_error_that_names_their_endings(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"expected images in this folder; .* \.apng, .*\.webp"):
        find_images([tmp_path])


def test_one_folder_is_not_searched_letter_by_letter(tmp_path: Path) -> None:
    for one in (str(tmp_path), tmp_path):  # the first letter is the whole disk
        with pytest.raises(OptionError, match="paths: expected several, as "):
            find_images(one)  # type: ignore[arg-type]


@pytest.fixture
def recognizer(tiny_model: Path) -> Recognizer:
    return Recognizer(tiny_model, detector=FixedDetector([Face((5.0, 5.0, 35.0, 35.0), 0.9)]))


def test_a_bad_file_does_not_stop_the_rest(tmp_path: Path, recognizer: Recognizer) -> None:
    for number in range(2 * Recognizer.BATCH_IMAGES + 3):
        save(tmp_path / f"{number:02}.png", level=number)
    (tmp_path / "07.png").write_bytes(b"")
    (tmp_path / "20.png").write_text("no image")
    results = list(read_images(recognizer, find_images([tmp_path])))
    assert [r.file.path.name for r in results] == [f"{n:02}.png" for n in range(len(results))]
    bad = [result for result in results if result.error is not None]
    assert [result.file.path.name for result in bad] == ["07.png", "20.png"]
    assert all(result.image is None and result.readings == () for result in bad)
    for number, result in enumerate(results):
        if result.image is not None:
            assert np.unique(result.image).tolist() == [number]
            assert list(result.readings) == recognizer(result.image)


def test_results_come_before_all_images_are_read(tmp_path: Path, recognizer: Recognizer) -> None:
    files = find_images([save(tmp_path / f"{n:02}.png") for n in range(40)])
    results: Iterator[object] = read_images(recognizer, files)
    next(results)
    files[-1].path.unlink()
    assert [getattr(r, "error", None) is None for r in results].count(False) == 1
