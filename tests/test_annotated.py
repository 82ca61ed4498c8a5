from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from fakes import a_reading
from mien import ImageError, ImageFile, ImageResult, OutputError, load_image
from mien.output.annotated import AnnotatedWriter

IMAGE = np.full((200, 300, 3), 128, np.uint8)


def a_result(path: Path, relative: str | None = None) -> ImageResult:
    return ImageResult(ImageFile(path, Path(relative or path.name)), IMAGE, (a_reading(),))


def written(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_copies_are_laid_out_as_the_images_were(tmp_path: Path) -> None:
    writer = AnnotatedWriter(tmp_path / "out")
    for name in ("a.jpg", "cats/1.png", "cats/deep/2.JPEG", "3.webp", "4.gif", "plain", "v1.2.tif"):
        writer.write(a_result(tmp_path / "in" / name, name))
    assert written(tmp_path / "out") == [
        *("3.png", "4.png", "a.jpg", "cats/1.png", "cats/deep/2.JPEG", "plain.png", "v1.2.png")
    ]


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "JPEG"), ("a.png", "PNG"), ("a.bmp", "PNG")])
def test_copies_are_images_of_the_same_size(tmp_path: Path, name: str, kind: str) -> None:
    AnnotatedWriter(tmp_path / "out").write(a_result(tmp_path / name))
    (copy,) = (tmp_path / "out").iterdir()
    with PILImage.open(copy) as opened:
        assert opened.format == kind
    image = load_image(copy)
    assert image.shape == IMAGE.shape
    assert (image != IMAGE).any()


def test_names_that_collide_get_numbers_and_copies_of_an_earlier_run_are_replaced(
    tmp_path: Path,
) -> None:
    for _ in range(2):
        writer = AnnotatedWriter(tmp_path / "out")
        for path in ("x/a.jpg", "y/a.jpg", "x/a.png", "x/a.webp", "x/a-2.png", "z/A.jpg"):
            writer.write(a_result(tmp_path / path))
        assert written(tmp_path / "out") == [
            *("A-3.jpg", "a-2-2.png", "a-2.jpg", "a-2.png", "a.jpg", "a.png")
        ]


def test_an_image_is_never_replaced_by_its_copy_or_that_of_another(tmp_path: Path) -> None:
    original, other = a_result(tmp_path / "a.png"), a_result(tmp_path / "a.webp")
    original.file.path.write_bytes(b"the original")
    (tmp_path / "link").symlink_to(tmp_path)
    for folder in (tmp_path, tmp_path / "link", tmp_path / "link" / ".." / tmp_path.name):
        with pytest.raises(OutputError, match="would replace an image that was given"):
            AnnotatedWriter(folder).write(original)
    writer = AnnotatedWriter(tmp_path, [other.file, original.file])
    with pytest.raises(OutputError, match="would replace an image that was given"):
        writer.write(other)  # its copy would be called a.png
    assert original.file.path.read_bytes() == b"the original"


def test_an_image_that_could_not_be_read_has_no_copy(tmp_path: Path) -> None:
    file = ImageFile(tmp_path / "bad.png", Path("bad.png"))
    AnnotatedWriter(tmp_path / "out").write(ImageResult(file, None, (), ImageError("bad")))
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file: expected a folder for the copies; it is a file"):
        AnnotatedWriter(tmp_path / "file")
    writer = AnnotatedWriter(tmp_path / "out")
    (tmp_path / "out" / "a.png").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"a\.png: expected a file to write; it is a folder"):
        writer.write(a_result(tmp_path / "a.png"))
    (tmp_path / "out" / "cats").touch()
    with pytest.raises(OutputError, match="cats: expected a folder to write into; it is a file"):
        writer.write(a_result(tmp_path / "1.png", "cats/1.png"))
    assert written(tmp_path / "out") == ["cats"]
