import io
import os
import socket
import struct
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image as PILImage

from image_files import (
    OTHER_FILES,
    heic,
    oriented,
    png_with_sbit,
    quarters,
    ramp,
    saved,
    tiff,
    twelve_bits_packed,
)
from mien import ImageError, load_image
from mien.readings import Image
from mien.recognize.images import MAX_PIXELS, load_with_notes

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF")
LOSSLESS: dict[str, dict[str, Any]] = {
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "JPEG": {"quality": 100, "subsampling": 0},
}


def assert_near(found: Image, expected: Image, levels: int = 3) -> None:
    assert found.shape == expected.shape
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= levels


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("given_as", ["path", "str", "bytes", "pil"])
def test_every_format_from_everywhere(kind: str, given_as: str, tmp_path: Path) -> None:
    content = saved(quarters(), kind, **LOSSLESS.get(kind, {}))
    path = tmp_path / "image"
    path.write_bytes(content)
    sources: dict[str, Any] = {"path": path, "str": str(path), "bytes": content}
    with PILImage.open(path) as opened:
        sources["pil"] = opened
        assert_near(load_image(sources[given_as]), quarters())


def test_content_counts_and_not_the_ending(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    path.write_bytes(saved(quarters(), "PNG"))
    assert_near(load_image(path), quarters(), levels=0)


def stored(upright: Image, orientation: int) -> Image:
    """What a camera that was held so stores; row 0 and column 0 are the sides that EXIF names."""
    turned = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    return np.ascontiguousarray(turned[orientation])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
def test_exif_orientation_is_undone(kind: str, orientation: int) -> None:
    turned = stored(quarters(), orientation)
    content = saved(turned, kind, exif=oriented(orientation), **LOSSLESS[kind])
    assert_near(load_image(content), quarters())
    with PILImage.open(io.BytesIO(content)) as opened:
        assert_near(load_image(opened), quarters())
        assert opened.size == turned.shape[1::-1]  # the caller's image stays as it was


def test_damaged_exif_does_not_cost_the_image() -> None:
    content = saved(quarters(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff", **LOSSLESS["JPEG"])
    assert_near(load_image(content), quarters())


def test_transparent_parts_are_laid_on_white() -> None:
    rgba = np.dstack([quarters(), np.full((32, 64), 255, np.uint8)])
    rgba[:16, :32, 3] = 0
    rgba[16:, :32, 3] = 128
    expected = quarters()
    expected[:16, :32] = 255
    expected[16:, :32] = (147, 147, 237)  # halfway from (40, 40, 220) to white
    assert_near(load_image(saved(rgba, "PNG")), expected, levels=1)
    assert_near(load_image(rgba), expected, levels=1)


def test_a_transparent_palette_entry_is_white() -> None:
    palette = PILImage.fromarray(quarters()).quantize(4)
    clear = palette.getpixel((0, 0))
    expected = quarters()
    expected[:16, :32] = 255
    assert_near(load_image(saved(palette, "PNG", transparency=clear)), expected)
    assert_near(load_image(saved(palette, "GIF", transparency=clear)), expected)


def test_gray_with_alpha() -> None:
    levels = np.full((16, 16, 2), (80, 255), np.uint8)
    levels[:8, :, 1] = 0
    image = load_image(saved(PILImage.fromarray(levels, "LA"), "PNG"))
    assert (image[:8] == 255).all()
    assert (image[8:] == 80).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "BMP"])
def test_gray_becomes_three_equal_channels(kind: str) -> None:
    image = load_image(saved(np.full((16, 16), 120, np.uint8), kind))
    assert_near(image, np.full((16, 16, 3), 120, np.uint8), levels=1)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_one_bit_is_black_and_white(kind: str) -> None:
    bits = np.zeros((16, 16), bool)
    bits[:, 8:] = True
    image = load_image(saved(PILImage.fromarray(bits), kind))
    assert (image[:, :8] == 0).all()
    assert (image[:, 8:] == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_gray_keeps_its_range(kind: str) -> None:
    levels = np.repeat(np.array([0, 200, 32768, 65535], np.uint16), 4)[None].repeat(16, axis=0)
    image = load_image(saved(levels, kind))
    assert image[0, ::4, 0].tolist() == [0, 1, 128, 255]
    assert (load_image(levels) == image).all()


@pytest.mark.parametrize("ending", [".png", ".tiff"])
def test_sixteen_bit_color_keeps_its_range(ending: str) -> None:
    _, content = cv2.imencode(ending, quarters()[:, :, ::-1].astype(np.uint16) * 257)
    assert_near(load_image(content.tobytes()), quarters(), levels=1)


@pytest.mark.parametrize(("mode", "kind"), [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("YCbCr", "TIFF")])
def test_other_color_spaces_become_rgb(mode: str, kind: str) -> None:
    content = saved(PILImage.fromarray(quarters()).convert(mode), kind)
    assert_near(load_image(content), quarters(), levels=12)


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
    "view", [np.s_[::-1], np.s_[:, ::-1], np.s_[:, :, ::-1], np.s_[::2, ::3], np.s_[4:20, 8:40]]
)
def test_views_read_like_copies(view: Any) -> None:
    expected = quarters()[view].copy()
    for given in (quarters()[view], np.asfortranarray(expected)):
        image = load_image(given)
        assert (image == expected).all()
        assert image.flags.c_contiguous


@pytest.mark.parametrize(
    "name",
    ["two words.png", "日本語 ümlaut.png", "quote'\".png", "line\nbreak.png", "[1].png", "-x.png"],
)
def test_unusual_file_names(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(saved(quarters(), "PNG"))
    assert (load_image(str(path)) == quarters()).all()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_files_are_refused(kind: str, share: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    content = saved(noise, kind)
    path = tmp_path / "half.image"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ImageError, match=r"half\.image: the image is damaged or cut short"):
        load_image(path)


def test_a_truncated_pil_image_is_refused() -> None:
    content = saved(quarters(), "PNG")
    with PILImage.open(io.BytesIO(content[:70])) as opened, pytest.raises(ImageError):
        load_image(opened)


@pytest.mark.parametrize("kind", ["PPM", "ICO", "PDF"])
def test_other_formats_are_not_read(kind: str) -> None:
    with pytest.raises(
        ImageError, match="expected a JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF"
    ):
        load_image(saved(quarters(), kind))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("letter.jpg", r"letter\.jpg: expected a JPEG, PNG, .*; it is none"),
        ("empty.png", r"empty\.png: expected an image; it is empty"),
        ("missing.jpg", r"no such file: .*missing\.jpg"),
        (".", "cannot be read; Is a directory"),
    ],
)
def test_files_that_are_no_images(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_text("Dear reader,")
    (tmp_path / "empty.png").touch()
    with pytest.raises(ImageError, match=message):
        load_image(tmp_path / name)


def test_no_bytes() -> None:
    with pytest.raises(ImageError, match="it is empty"):
        load_image(b"")


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
def test_arrays_that_are_no_images(array: NDArray[Any], came: str) -> None:
    with pytest.raises(ImageError, match=came):
        load_image(array)


def test_one_pixel_is_too_small() -> None:
    content = saved(np.zeros((1, 1, 3), np.uint8), "PNG")
    with pytest.raises(ImageError, match=r"expected .* at least 8 x 8 pixels; got 1 x 1"):
        load_image(content)
    assert load_image(content, min_side_px=1).shape == (1, 1, 3)


def test_a_floating_point_image() -> None:
    with pytest.raises(ImageError, match=r"expected 8 or 16 bits .* floating-point"):
        load_image(saved(np.zeros((16, 16), np.float32), "TIFF"))


def a_png_of(
    width: int, height: int, content: bytes = bytes(1_000_000), *, depth: int = 8, color: int = 2
) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    rows = zlib.compress(content)
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


def test_images_up_to_the_bound_are_not_taken_for_bombs() -> None:
    # Its pixels are missing, so it gets past the check and no further.
    with pytest.raises(ImageError, match="cut short"):
        load_image(a_bmp_of(13_377, 13_377))


def test_the_bound_can_be_set(portrait: Path, portrait_image: Image) -> None:
    for source in (portrait, portrait.read_bytes(), portrait_image):
        with pytest.raises(ImageError, match="at most 262,143 pixels; got 512 x 512 = 262,144"):
            load_image(source, max_pixels=512 * 512 - 1)
        assert load_image(source, max_pixels=512 * 512).shape == (512, 512, 3)


# Phones


@pytest.mark.parametrize("given_as", ["path", "bytes", "renamed"])
def test_heic_photos_are_read(given_as: str, tmp_path: Path) -> None:
    content = heic(quarters())
    path = tmp_path / ("photo.jpg" if given_as == "renamed" else "photo.heic")
    path.write_bytes(content)
    assert_near(load_image(content if given_as == "bytes" else path), quarters())


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_photos_are_turned_once(orientation: int) -> None:
    content = heic(stored(quarters(), orientation), orientation=orientation)
    assert_near(load_image(content), quarters())


def test_heic_with_more_bits_alpha_or_gray() -> None:
    clear = np.dstack([quarters(), np.full((32, 64), 255, np.uint8)])
    clear[:16, :32, 3] = 0
    expected = quarters()
    expected[:16, :32] = 255
    assert_near(load_image(heic(clear)), expected)
    deep = pillow_heif.from_bytes(
        "RGB;16", (64, 32), (quarters().astype(np.uint16) * 257).tobytes()
    )
    file = io.BytesIO()
    deep.save(file, quality=95, chroma=444)  # 10 bits
    assert_near(load_image(file.getvalue()), quarters())


def test_the_thumbnail_of_a_heic_is_not_taken_for_it() -> None:
    assert_near(load_image(heic(quarters(), thumbnails=[16])), quarters())


def test_of_a_heic_with_several_images_the_main_one_is_read() -> None:
    file = io.BytesIO()
    several: Any = pillow_heif.from_pillow(PILImage.fromarray(quarters()))
    several.add_from_pillow(PILImage.fromarray(np.ascontiguousarray(quarters()[::-1])))
    several.save(file, quality=95, chroma=444, primary_index=1)
    found = load_with_notes(file.getvalue())
    assert_near(found.image, quarters()[::-1])
    assert "only the first or main one is read" in found.notes[0]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_heic_that_is_cut_short_is_refused(share: float) -> None:
    content = heic(quarters())
    with pytest.raises(ImageError, match="damaged or cut short"):
        load_image(content[: int(len(content) * share)])


@pytest.mark.parametrize(
    "content",
    [
        heic(quarters()),
        saved(quarters(), "AVIF"),
        saved(quarters(), "WEBP"),
        saved(PILImage.fromarray(quarters()).convert("CMYK"), "JPEG"),
    ],
)
def test_images_that_take_twice_the_memory_are_bounded_at_half(content: bytes) -> None:
    with pytest.raises(ImageError, match=r"at most 2,047 pixels; got 64 x 32 = 2,048"):
        load_image(content, max_pixels=4095)
    assert load_image(content, max_pixels=4096).shape == (32, 64, 3)


def test_a_heic_that_says_less_than_it_holds_is_not_decoded() -> None:
    content = heic(np.zeros((512, 512, 3), np.uint8))
    at = content.index(b"ispe") + 8
    lying = content[:at] + struct.pack(">II", 64, 64) + content[at + 8 :]
    with pytest.raises(ImageError, match="damaged or cut short"):
        load_image(lying)


def test_reading_heic_leaves_the_formats_of_pillow_alone() -> None:
    load_image(heic(quarters()))
    assert "HEIF" not in PILImage.OPEN


def a_photo_of_many_scans(kind: str, scans: int) -> bytes:
    """A JPEG or MPO whose first image is scanned so often."""
    image = PILImage.new("L", (4000, 3000), 200)
    file = io.BytesIO()
    more = {"save_all": True, "append_images": [image]} if kind == "MPO" else {}
    image.save(file, kind, quality=20, progressive=True, **more)
    content = file.getvalue()
    first = content.index(b"\xff\xda")
    scan = content[first : content.index(b"\xff", first + 20)]
    return content[:first] + scan * scans + content[first:]


@pytest.mark.parametrize("kind", ["JPEG", "MPO"])
def test_the_bound_on_scans_holds_for_each_kind_of_jpeg(kind: str) -> None:
    photo = a_photo_of_many_scans(kind, 2000)
    start = time.perf_counter()
    with pytest.raises(ImageError, match=r"expected at most 1,491 scans of 4000 x 3000 pixels"):
        load_image(photo)
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize(
    ("kinds", "notes"),
    [
        (("GIF", "WEBP", "AVIF", "PNG"), ("of an animation, only the first image is read",)),
        (("TIFF",), ("of a file with several images, only the first or main one is read",)),
        (("MPO",), ()),  # the second image of a phone
    ],
)
def test_of_several_images_the_first_is_read_and_that_is_said(
    kinds: tuple[str, ...], notes: tuple[str, ...]
) -> None:
    images = [PILImage.new("RGB", (16, 16), color) for color in ("red", "blue")]
    for kind in kinds:
        options = {} if kind == "AVIF" else LOSSLESS.get(kind, {})
        content = saved(images[0], kind, save_all=True, append_images=images[1:], **options)
        found = load_with_notes(content)
        assert_near(found.image, np.full((16, 16, 3), (255, 0, 0), np.uint8))
        assert found.notes == notes
        assert load_with_notes(saved(images[0], kind)).notes == ()


# Laboratories

EIGHT_BITS = np.repeat(ramp(8).astype(np.uint8)[:, :, None], 3, axis=2)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "array"])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_gray_of_fewer_bits_in_sixteen_is_as_bright_as_it_was(kind: str, bits: int) -> None:
    found = load_with_notes(ramp(bits) if kind == "array" else saved(ramp(bits), kind))
    assert_near(found.image, EIGHT_BITS, levels=1)
    said = {
        8: ("levels of 16 bits are read as 8-bit ones, since all are below 256",),
        12: ("levels of 16 bits are read as 12-bit ones, since all are below 4,096",),
        16: (),
    }
    assert found.notes == said[bits]


@pytest.mark.parametrize("kind", [".png", ".tiff", "planes", "array"])
def test_colors_of_twelve_bits_in_sixteen_are_as_bright_as_they_were(kind: str) -> None:
    deep = (quarters().astype(np.uint32) * 4095 // 255).astype(np.uint16)
    content: Any = deep
    if kind == "planes":
        content = tiff(np.moveaxis(deep, 2, 0), tags={284: 2})
    elif kind != "array":
        content = cv2.imencode(kind, deep[:, :, ::-1])[1].tobytes()
    found = load_with_notes(content)
    assert_near(found.image, quarters(), levels=1)
    assert "12-bit" in found.notes[0]


def test_the_bits_that_a_file_declares_count_before_its_levels() -> None:
    dark = ramp(10)  # the highest level would pass for one of 12 bits
    for content, bits in (
        (tiff(dark, tags={281: 1023}), 10),
        (tiff(dark, tags={281: 16383}), 14),
        (png_with_sbit(saved(dark, "PNG"), 10), 10),
        (png_with_sbit(saved(dark, "PNG"), 16), 16),
        (twelve_bits_packed(dark), 12),
        (tiff(dark.astype(np.int16)), 15),
    ):
        levels = load_image(content)[0, :, 0]
        assert levels.max() == round(255 * 1023 / (2**bits - 1))
    # Others write the highest level of the image there, which says nothing of white.
    assert load_image(tiff(dark, tags={281: 1000}))[0, :, 0].max() == round(255 * 1023 / 4095)


def test_twelve_bits_are_judged_over_the_whole_image() -> None:
    tall = np.zeros((5000, 1000), np.uint16)  # more than is scaled at a time
    tall[:100], tall[-100:] = 2000, 65535
    image = load_image(saved(tall, "PNG"))
    assert (image[0, 0, 0], image[-1, 0, 0]) == (8, 255)


@pytest.mark.parametrize("bits", [12, 16])
def test_tiff_that_counts_from_white_is_no_negative(bits: int) -> None:
    counted = (2**bits - 1 - ramp(bits).astype(int)).astype(np.uint16)
    content = tiff(counted, tags={262: 0})
    assert_near(load_image(content), EIGHT_BITS, levels=1)
    with PILImage.open(io.BytesIO(content)) as opened:
        assert_near(load_image(opened), EIGHT_BITS, levels=1)
    assert_near(load_image(tiff(255 - ramp(8).astype(np.uint8), tags={262: 0})), EIGHT_BITS)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("alpha", [False, True])
def test_tiff_in_planes_is_what_it_shows(bits: int, big_endian: bool, alpha: bool) -> None:
    image = quarters() if bits == 8 else quarters().astype(np.uint16) * 257
    if alpha:
        image = np.dstack([image, np.full((32, 64), 2**bits - 1, image.dtype)])
    tags = {284: 2} | ({338: 2} if alpha else {})
    content = tiff(np.moveaxis(image, 2, 0), big_endian=big_endian, tags=tags)
    assert_near(load_image(content), quarters(), levels=0)
    with PILImage.open(io.BytesIO(content)) as opened:
        if bits == 8:
            assert_near(load_image(opened), quarters(), levels=0)
        else:
            with pytest.raises(ImageError, match=r"Pillow misreads .* give its path or its bytes"):
                load_image(opened)


@pytest.mark.parametrize("shape", [(32, 64), (32, 64, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("white", [1, 255])
def test_floating_point_is_refused_with_the_way_out(shape: Any, dtype: Any, white: int) -> None:
    levels = np.full(shape, white, dtype)
    for source in (levels, tiff(levels)):
        with pytest.raises(ImageError, match=r"\(255 \* image\).*where white is 1, .* is 255"):
            load_image(source)


def test_arrays_of_other_types_are_refused_with_their_own_way_out() -> None:
    whole = np.full((16, 16), 200)
    with pytest.raises(ImageError, match=r"got int64 from 200 to 200. .*image.astype\('uint8'\)"):
        load_image(whole)
    assert (load_image(whole.astype("uint8")) == 200).all()
    with pytest.raises(ImageError, match=r"got bool. .* 255 \* image.astype\('uint8'\)"):
        load_image(whole > 0)


def test_tiff_that_pillow_does_not_know_is_named() -> None:
    for content in (
        tiff(ramp(16), big_endian=True, tags={262: 0}),
        tiff(np.dstack([ramp(16), ramp(16)]), tags={338: 2}),
    ):
        with pytest.raises(ImageError, match=r"it is a TIFF of a rare kind .* 8 bits a channel"):
            load_image(content)


def test_fewer_bits_that_cannot_be_scaled_are_refused() -> None:
    gray_and_alpha = np.dstack([ramp(12), np.full((32, 64), 65535, np.uint16)]).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in gray_and_alpha)
    bright = np.dstack([ramp(16), np.full((32, 64), 65535, np.uint16)]).astype(">u2")
    with pytest.raises(ImageError, match=r"levels of 16 bits that go beyond 4,096; got fewer bits"):
        load_image(a_png_of(64, 32, rows, depth=16, color=4))
    rows = b"".join(b"\0" + row.tobytes() for row in bright)
    assert_near(load_image(a_png_of(64, 32, rows, depth=16, color=4)), EIGHT_BITS, levels=1)


@pytest.mark.parametrize("tags", [{50706: 1}, {254: 1, 330: 8}])
def test_the_preview_in_a_raw_file_is_not_taken_for_the_photo(tags: dict[int, int]) -> None:
    with pytest.raises(ImageError, match="it is a camera's raw file: export it"):
        load_image(tiff(quarters(), tags=tags))


@pytest.mark.parametrize("name", OTHER_FILES)
def test_files_that_are_no_images_are_called_by_their_name(name: str, tmp_path: Path) -> None:
    content, said = OTHER_FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=r"expected a JPEG, PNG, .*image; it is ") as raised:
        load_image(tmp_path / name)
    assert said in str(raised.value)


# Files that are open already


def test_open_files_and_memory_are_read(tmp_path: Path) -> None:
    path, content = tmp_path / "a.png", saved(quarters(), "PNG")
    path.write_bytes(content)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, "a.png")
    with (
        path.open("rb") as file,
        path.open("rb", buffering=0) as raw,
        zipfile.ZipFile(tmp_path / "a.zip") as archive,
        archive.open("a.png") as member,
    ):
        for source in (io.BytesIO(content), file, raw, member):
            assert (load_image(cast(Any, source)) == quarters()).all()


def test_a_pipe_that_gives_little_at_a_time_is_read_to_its_end() -> None:
    class Slow(io.RawIOBase):
        def __init__(self, content: bytes) -> None:
            self.rest = content

        def read(self, size: int = -1) -> bytes:
            given, self.rest = self.rest[:7], self.rest[7:]
            return given

    slow: Any = Slow(saved(quarters(), "PNG"))
    assert (load_image(slow) == quarters()).all()


def test_open_files_that_give_no_image_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(saved(quarters(), "PNG"))
    at_its_end = io.BytesIO(path.read_bytes())
    at_its_end.seek(0, io.SEEK_END)
    with pytest.raises(ImageError, match=r"nothing is left to read: use seek\(0\) first"):
        load_image(at_its_end)
    with path.open("rb") as closed:
        pass
    with pytest.raises(ImageError, match=r"a\.png: cannot be read; .*closed file"):
        load_image(closed)
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear reader,")
    with letter.open() as text, pytest.raises(ImageError, match=r"for reading bytes, .* gave str"):
        load_image(cast(Any, text))

    class Upload:  # as FastAPI's is
        async def read(self, size: int) -> bytes:
            return b""

    with pytest.raises(ImageError, match=r"for reading bytes, .* gave coroutine"):
        load_image(cast(Any, Upload()))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("https://example.org/a.jpg", "nothing is fetched from web addresses: download"),
        ("s3://bucket/a.jpg", "`mien batch` reads object stores"),
        ("rtsp://camera.local/1", "a stream: `mien video` reads it"),
    ],
)
def test_of_addresses_it_is_said_what_reads_them(source: str, said: str) -> None:
    with pytest.raises(ImageError, match=f"no such file: {source}; {said}"):
        load_image(source)
