import io
import os
import socket
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PILImage

from mien import ImageError, load_image
from mien.images import MAX_PIXELS, Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
LOSSLESS: dict[str, dict[str, Any]] = {
    "WEBP": {"lossless": True},
    "JPEG": {"quality": 100, "subsampling": 0},
}


def quarters() -> Image:
    """(32, 64, 3): four flat quarters, each of another color."""
    image = np.zeros((32, 64, 3), np.uint8)
    image[:16, :32], image[:16, 32:] = (200, 30, 30), (30, 160, 30)
    image[16:, :32], image[16:, 32:] = (40, 40, 220), (220, 220, 60)
    return image


def encode(image: PILImage.Image | NDArray[Any], kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture = image if isinstance(image, PILImage.Image) else PILImage.fromarray(image)
    picture.save(file, kind, **options)
    return file.getvalue()


def assert_near(found: Image, expected: Image, levels: int = 3) -> None:
    assert found.shape == expected.shape
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= levels


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("given_as", ["path", "str", "bytes", "pil"])
def test_every_format_from_everywhere(kind: str, given_as: str, tmp_path: Path) -> None:
    content = encode(quarters(), kind, **LOSSLESS.get(kind, {}))
    path = tmp_path / "picture"
    path.write_bytes(content)
    sources: dict[str, Any] = {"path": path, "str": str(path), "bytes": content}
    with PILImage.open(path) as opened:
        sources["pil"] = opened
        assert_near(load_image(sources[given_as]), quarters())


def test_content_counts_and_not_the_ending(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(encode(quarters(), "PNG"))
    assert_near(load_image(path), quarters(), levels=0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation: int) -> None:
    upright = quarters()
    # Row 0 and column 0 of what is stored are the sides of the scene that EXIF 2.32 names.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    content = encode(np.ascontiguousarray(stored), "JPEG", exif=exif, **LOSSLESS["JPEG"])
    assert_near(load_image(content), upright)
    with PILImage.open(io.BytesIO(content)) as opened:
        assert_near(load_image(opened), upright)
        assert opened.size == stored.shape[1::-1]  # the caller's image stays as it was


def test_damaged_exif_does_not_cost_the_picture() -> None:
    content = encode(quarters(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff", **LOSSLESS["JPEG"])
    assert_near(load_image(content), quarters())


def test_transparent_parts_are_laid_on_white() -> None:
    rgba = np.dstack([quarters(), np.full((32, 64), 255, np.uint8)])
    rgba[:16, :32, 3] = 0
    rgba[16:, :32, 3] = 128
    expected = quarters()
    expected[:16, :32] = 255
    expected[16:, :32] = (147, 147, 237)  # halfway from (40, 40, 220) to white
    assert_near(load_image(encode(rgba, "PNG")), expected, levels=1)
    assert_near(load_image(rgba), expected, levels=1)


def test_a_transparent_palette_entry_is_white() -> None:
    palette = PILImage.fromarray(quarters()).quantize(4)
    clear = palette.getpixel((0, 0))
    expected = quarters()
    expected[:16, :32] = 255
    assert_near(load_image(encode(palette, "PNG", transparency=clear)), expected)
    assert_near(load_image(encode(palette, "GIF", transparency=clear)), expected)


def test_gray_with_alpha() -> None:
    levels = np.full((16, 16, 2), (80, 255), np.uint8)
    levels[:8, :, 1] = 0
    image = load_image(encode(PILImage.fromarray(levels, "LA"), "PNG"))
    assert (image[:8] == 255).all()
    assert (image[8:] == 80).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "BMP"])
def test_gray_becomes_three_equal_channels(kind: str) -> None:
    image = load_image(encode(np.full((16, 16), 120, np.uint8), kind))
    assert_near(image, np.full((16, 16, 3), 120, np.uint8), levels=1)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_one_bit_is_black_and_white(kind: str) -> None:
    bits = np.zeros((16, 16), bool)
    bits[:, 8:] = True
    image = load_image(encode(PILImage.fromarray(bits), kind))
    assert (image[:, :8] == 0).all()
    assert (image[:, 8:] == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_gray_keeps_its_range(kind: str) -> None:
    levels = np.repeat(np.array([0, 200, 32768, 65535], np.uint16), 4)[None].repeat(16, axis=0)
    image = load_image(encode(levels, kind))
    assert image[0, ::4, 0].tolist() == [0, 1, 128, 255]
    assert (load_image(levels) == image).all()


@pytest.mark.parametrize("ending", [".png", ".tiff"])
def test_sixteen_bit_color_keeps_its_range(ending: str) -> None:
    _, content = cv2.imencode(ending, quarters()[:, :, ::-1].astype(np.uint16) * 257)
    assert_near(load_image(content.tobytes()), quarters(), levels=1)


@pytest.mark.parametrize(("mode", "kind"), [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("YCbCr", "TIFF")])
def test_other_color_spaces_become_rgb(mode: str, kind: str) -> None:
    content = encode(PILImage.fromarray(quarters()).convert(mode), kind)
    assert_near(load_image(content), quarters(), levels=12)


def test_of_an_animation_the_first_frame() -> None:
    frames = [PILImage.new("RGB", (16, 16), color) for color in ("red", "blue")]
    content = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert load_image(content)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("shape", [(32, 64), (32, 64, 1), (32, 64, 3), (32, 64, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_arrays_of_each_kind(
    shape: tuple[int, ...], dtype: type[np.uint8] | type[np.uint16]
) -> None:
    white = np.full(shape, np.iinfo(dtype).max, dtype)
    image = load_image(white)
    assert image.shape == (32, 64, 3)
    assert image.dtype == np.uint8
    assert (image == 255).all()


@pytest.mark.parametrize(
    "view",
    [
        np.s_[::-1],
        np.s_[:, ::-1],
        np.s_[:, :, ::-1],
        np.s_[::2, ::3],
        np.s_[4:20, 8:40],
    ],
)
def test_views_read_like_copies(view: Any) -> None:
    image = load_image(quarters()[view])
    assert (image == quarters()[view].copy()).all()
    assert image.flags.c_contiguous


def test_arrays_in_columns_first_order() -> None:
    assert (load_image(np.asfortranarray(quarters())) == quarters()).all()


@pytest.mark.parametrize(
    "name",
    ["two words.png", "日本語 ümlaut.png", "quote'\".png", "line\nbreak.png", "[1].png", "-x.png"],
)
def test_unusual_file_names(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(encode(quarters(), "PNG"))
    assert (load_image(str(path)) == quarters()).all()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_files_are_refused(kind: str, share: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    content = encode(noise, kind)
    path = tmp_path / "half.picture"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ImageError, match=r"half\.picture: the picture is damaged or cut short"):
        load_image(path)


def test_a_truncated_pil_image_is_refused() -> None:
    content = encode(quarters(), "PNG")
    with PILImage.open(io.BytesIO(content[:70])) as opened, pytest.raises(ImageError):
        load_image(opened)


def test_text_with_the_ending_of_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "letter.jpg"
    path.write_text("Dear reader,")
    with pytest.raises(ImageError, match=r"letter\.jpg: expected a JPEG, PNG, .*; it is none"):
        load_image(path)


@pytest.mark.parametrize("kind", ["PPM", "ICO", "PDF"])
def test_other_formats_are_not_read(kind: str) -> None:
    with pytest.raises(ImageError, match="expected a JPEG, PNG, WebP, BMP, TIFF or GIF"):
        load_image(encode(quarters(), kind))


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(ImageError, match=r"empty\.png: expected a picture; it is empty"):
        load_image(tmp_path / "empty.png")
    with pytest.raises(ImageError, match="it is empty"):
        load_image(b"")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"no such file: .*missing\.jpg"):
        load_image(tmp_path / "missing.jpg")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read; Is a directory"):
        load_image(tmp_path)


@pytest.mark.parametrize("path", ["null\0byte.jpg", "a" * 5000, ""])
def test_impossible_paths(path: str) -> None:
    with pytest.raises(ImageError):
        load_image(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match=r"secret\.jpg: cannot be read; Permission denied"):
        load_image(tmp_path / "secret.jpg")


def test_an_address_is_a_path_and_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(ImageError, match="no such file"):
        load_image("http://127.0.0.1:9/portrait.jpg")


@pytest.mark.parametrize("source", [None, 7, 1.5, [[0]], {"path": "x"}, object()])
def test_other_types_are_named(source: Any) -> None:
    with pytest.raises(ImageError, match=f"expected a path, .*; got {type(source).__name__}"):
        load_image(source)


@pytest.mark.parametrize(
    ("array", "came"),
    [
        (np.zeros(100, np.uint8), r"got shape \(100,\)"),
        (np.zeros((), np.uint8), r"got shape \(\)"),
        (np.zeros((3, 100, 100), np.uint8), r"got shape \(3, 100, 100\)"),
        (np.zeros((1, 48, 48, 3), np.uint8), r"got shape \(1, 48, 48, 3\)"),
        (np.zeros((48, 48, 2), np.uint8), r"got shape \(48, 48, 2\)"),
        (np.zeros((48, 48, 5), np.uint8), r"got shape \(48, 48, 5\)"),
        (np.zeros((48, 48, 0), np.uint8), r"got shape \(48, 48, 0\)"),
        (np.zeros((0, 48, 3), np.uint8), r"got an empty one of shape \(0, 48, 3\)"),
        (np.zeros((0, 0)), r"got an empty one of shape \(0, 0\)"),
        (np.zeros((48, 48, 3), np.float32), "expected uint8 .* got float32"),
        (np.full((48, 48), np.nan), "expected uint8 .* got float64"),
        (np.zeros((48, 48), bool), "expected uint8 .* got bool"),
        (np.zeros((48, 48), np.int64), "expected uint8 .* got int64"),
        (np.zeros((48, 48), object), "expected uint8 .* got object"),
        (np.zeros((7, 48), np.uint8), "expected .* at least 8 x 8 pixels; got 48 x 7"),
    ],
)
def test_arrays_that_are_no_pictures(array: NDArray[Any], came: str) -> None:
    with pytest.raises(ImageError, match=came):
        load_image(array)


def test_one_pixel_is_too_small() -> None:
    content = encode(np.zeros((1, 1, 3), np.uint8), "PNG")
    with pytest.raises(ImageError, match=r"expected .* at least 8 x 8 pixels; got 1 x 1"):
        load_image(content)
    assert load_image(content, min_side_px=1).shape == (1, 1, 3)


def test_a_floating_point_picture() -> None:
    with pytest.raises(ImageError, match=r"expected 8 or 16 bits .* floating-point"):
        load_image(encode(np.zeros((16, 16), np.float32), "TIFF"))


def a_png_of(width: int, height: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def a_bmp_of(width: int, height: int) -> bytes:
    header = struct.pack("<IIIHHIIIIII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


def a_gif_of(width: int, height: int) -> bytes:
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return b"GIF89a" + screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2\0;"


@pytest.mark.parametrize("maker", [a_png_of, a_bmp_of, a_gif_of])
def test_decompression_bombs_are_refused_before_they_are_decoded(maker: Any) -> None:
    bomb = maker(20_000, 20_000)
    assert len(bomb) < 5_000
    start = time.perf_counter()
    with pytest.raises(ImageError, match=f"expected at most {MAX_PIXELS:,} pixels; .*400000000"):
        load_image(bomb)
    assert time.perf_counter() - start < 0.5


def test_pictures_up_to_the_bound_are_not_taken_for_bombs() -> None:
    # Its pixels are missing, so it gets past the check and no further.
    with pytest.raises(ImageError, match="cut short"):
        load_image(a_bmp_of(13_377, 13_377))


def test_the_bound_can_be_set(portrait: Path, portrait_image: Image) -> None:
    for source in (portrait, portrait.read_bytes(), portrait_image):
        with pytest.raises(ImageError, match="at most 262,143 pixels; got 512 x 512 = 262,144"):
            load_image(source, max_pixels=512 * 512 - 1)
        assert load_image(source, max_pixels=512 * 512).shape == (512, 512, 3)
