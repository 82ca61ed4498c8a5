import io
import os
import re
import socket
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
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
    png_with_clear,
    png_with_sbit,
    quarters,
    ramp,
    saved,
    tiff,
    twelve_bits_packed,
)
from mien import ImageError, OptionError, load_image
from mien.readings import Image
from mien.recognize.images import MAX_PIXELS, ImageSource, load_with_notes

ANIMATED = ("GIF", "WEBP", "AVIF", "PNG")
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


@pytest.mark.parametrize("kind", [*FORMATS, "HEIC"])
def test_every_format_from_everywhere_whatever_its_ending(kind: str, tmp_path: Path) -> None:
    heif = kind == "HEIC"
    content = heic(quarters()) if heif else saved(quarters(), kind, **LOSSLESS.get(kind, {}))
    path = tmp_path / "image.jpg"
    path.write_bytes(content)
    for source in (path, str(path), content):
        assert_near(load_image(source), quarters())
    if heif:
        assert "HEIF" not in PILImage.OPEN  # the formats of Pillow are left alone
    else:
        with PILImage.open(path) as opened:
            assert_near(load_image(opened), quarters())


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


def several_heic() -> bytes:
    """Of its two images the second is the main one."""
    several: Any = pillow_heif.from_pillow(PILImage.fromarray(quarters()))
    several.add_from_pillow(PILImage.fromarray(np.ascontiguousarray(quarters()[::-1])))
    return written(several, primary_index=1)


def written(image: pillow_heif.HeifFile, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, quality=95, chroma=444, **options)
    return file.getvalue()


def with_alpha(image: NDArray[Any], first: int, other: int = 255) -> NDArray[Any]:
    """With an alpha channel, of another level at the top left."""
    alpha = np.full((*image.shape[:2], 1), other, image.dtype)
    alpha[:16, :32] = first
    return np.concatenate([image, alpha], axis=2)


def gray_and_alpha(bits: int) -> bytes:
    """A PNG of 16 bits."""
    levels = np.dstack([ramp(bits), np.full((32, 64), 65535, np.uint16)]).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in levels)
    return a_png_of(64, 32, rows, depth=16, color=4)


def in_opencv(ending: str, image: NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(ending, image[:, :, ::-1])[1])


def in_pillow(content: bytes) -> PILImage.Image:
    return PILImage.open(io.BytesIO(content))


DEEP = quarters().astype(np.uint16) * 257
TWELVE = (quarters().astype(np.uint32) * 4095 // 255).astype(np.uint16)
EIGHT_BITS = np.repeat(ramp(8).astype(np.uint8)[:, :, None], 3, axis=2)
OF_SEVERAL = "of a file with several images, only the first or main one is read"
FEWER_BITS = {
    8: ("levels of 16 bits are read as 8-bit ones, since all are below 256",),
    12: ("levels of 16 bits are read as 12-bit ones, since all are below 4,096",),
    16: (),
}


def read_as() -> Iterator[tuple[Any, ...]]:
    """What an image is; where it is, what it shows, by how many levels that may be off, notes."""
    broken = b"Exif\0\0II*\0\xff\xff\xff\xff"
    yield "damaged EXIF", saved(quarters(), "JPEG", exif=broken, **LOSSLESS["JPEG"]), quarters(), 3
    # Transparent parts are laid on white.
    clear, half = quarters(), quarters()
    clear[:16, :32], half[:16, :32] = 255, (227, 142, 142)  # halfway from (200, 30, 30)
    for alpha, expected in ((0, clear), (128, half)):
        rgba = with_alpha(quarters(), alpha)
        yield f"an array, {alpha} opaque", rgba, expected, 1
        yield f"PNG, {alpha} opaque", saved(rgba, "PNG"), expected, 1
    yield "HEIC, 0 opaque", heic(with_alpha(quarters(), 0)), clear, 3
    palette = PILImage.fromarray(quarters()).quantize(4)
    for kind in ("PNG", "GIF"):
        content = saved(palette, kind, transparency=palette.getpixel((0, 0)))
        yield f"transparent palette of {kind}", content, clear, 3
    for depth in (2, 4, 8, 16):
        quarter, step = ramp(2), (2**depth - 1) // 3  # of the width, and from one to the next
        expected = np.repeat((quarter * 85).astype(np.uint8)[:, :, None], 3, axis=2)
        expected[quarter == 1] = 255
        content = png_with_clear(quarter * np.uint16(step), depth, step)
        yield f"a transparent gray level of {depth} bits", content, expected, 0
        given = PILImage.open(io.BytesIO(content))
        if depth >= 8:  # Pillow's image does not tell how many there were
            yield f"PIL image with a transparent gray level of {depth} bits", given, expected, 0
    # Of the others one has the same upper bytes, and one the lower bytes of blue as upper ones.
    deep = np.repeat(np.array([[0x1234, 0x1256, 0x1278]], np.uint16), 32 * 64, axis=0)
    deep = deep.reshape(32, 64, 3)
    deep[:16] = quarters()[:16].astype(np.uint16) * 257
    deep[16:, 32:48] += 1
    deep[16:, 48:] = 0x7878
    expected = (deep >> 8).astype(np.uint8)
    expected[16:, :32] = 255
    content = png_with_clear(deep, 16, (0x1234, 0x1256, 0x1278))
    yield "a transparent color of 16 bits", content, expected, 0
    few = TWELVE.copy()
    few[16:, :32] = 0x78
    expected = quarters()
    expected[16:, :32] = 255
    content = png_with_clear(few, 16, (0x78, 0x78, 0x78))
    yield "a transparent color of 12 bits", content, expected, 1, *FEWER_BITS[12]
    gray, white = np.full((32, 64, 3), 80, np.uint8), np.full((32, 64, 3), 255, np.uint8)
    levels = PILImage.fromarray(with_alpha(gray[:, :, :1], 255, 0), "LA")
    beside_gray = white.copy()
    beside_gray[:16, :32] = 80
    yield "gray with alpha", saved(levels, "PNG"), beside_gray, 0

    for kind in ("PNG", "TIFF", "JPEG", "BMP"):
        yield f"gray {kind}", saved(gray[:, :, 0], kind), gray, 1
    for kind in ("PNG", "TIFF", "BMP"):
        bits = PILImage.fromarray(beside_gray[:, :, 0] > 80)
        yield f"one bit of {kind}", saved(bits, kind), (beside_gray > 80) * np.uint8(255), 0
    for mode, kind in (("CMYK", "JPEG"), ("CMYK", "TIFF"), ("YCbCr", "TIFF")):
        content = saved(PILImage.fromarray(quarters()).convert(mode), kind)
        yield f"{mode} of {kind}", content, quarters(), 12
    for shape in ((32, 64), (32, 64, 1), (32, 64, 3), (32, 64, 4)):
        yield f"8 bits {shape}", np.full(shape, 255, np.uint8), white, 0
        yield f"16 bits {shape}", np.full(shape, 65535, np.uint16), white, 0
    yield "the other order of bytes", DEEP.astype(DEEP.dtype.newbyteorder()), quarters(), 0
    cuts = (np.s_[::-1], np.s_[:, ::-1], np.s_[:, :, ::-1], np.s_[::2, ::3], np.s_[4:20, 8:40])
    for view in cuts:
        expected = quarters()[view].copy()
        yield f"a view {view}", quarters()[view], expected, 0
        yield f"a view {view} in Fortran's order", np.asfortranarray(expected), expected, 0


def deep_as() -> Iterator[tuple[Any, ...]]:
    """As `read_as`, of more than 8 bits, and of several images."""
    steps = np.repeat(np.array([[0, 200, 32768, 65535]], np.uint16), 16, axis=0).repeat(4, axis=1)
    shown = np.repeat(np.array([0, 1, 128, 255], np.uint8), 4)[None, :, None].repeat(16, axis=0)
    for kind, source in (("PNG", saved(steps, "PNG")), ("TIFF", saved(steps, "TIFF")), ("", steps)):
        yield f"16-bit gray {kind}", source, shown.repeat(3, axis=2), 0
    yield "16-bit gray with alpha", gray_and_alpha(16), EIGHT_BITS, 1
    deep = pillow_heif.from_bytes("RGB;16", (64, 32), DEEP.tobytes())
    yield "10-bit HEIC", written(deep), quarters(), 3
    for bits, notes in FEWER_BITS.items():
        for kind in ("PNG", "TIFF"):
            yield f"{bits} bits of {kind}", saved(ramp(bits), kind), EIGHT_BITS, 1, *notes
        yield f"{bits} bits of an array", ramp(bits), EIGHT_BITS, 1, *notes
        if bits > 8:  # which is no negative
            content = tiff((2**bits - 1 - ramp(bits).astype(int)).astype(np.uint16), tags={262: 0})
            yield f"{bits} bits from white", content, EIGHT_BITS, 1, *notes
            yield f"{bits} bits from white in Pillow", in_pillow(content), EIGHT_BITS, 1, *notes
    from_white = tiff(255 - ramp(8).astype(np.uint8), tags={262: 0})
    yield "8 bits from white", from_white, EIGHT_BITS, 3
    for bits, levels in ((12, TWELVE), (16, DEEP)):
        notes = FEWER_BITS[bits]
        for ending in (".png", ".tiff"):
            yield f"{bits}-bit {ending}", in_opencv(ending, levels), quarters(), 1, *notes
    planes = tiff(np.moveaxis(TWELVE, 2, 0), tags={284: 2})
    yield "12-bit planes", planes, quarters(), 1, *FEWER_BITS[12]
    yield "12-bit colors", TWELVE, quarters(), 1, *FEWER_BITS[12]

    yield "HEIC with a thumbnail", heic(quarters(), thumbnails=[16]), quarters(), 3
    yield "HEIC of several images", several_heic(), quarters()[::-1], 3, OF_SEVERAL
    red, blue = (PILImage.new("RGB", (16, 16), color) for color in ("red", "blue"))
    for kind, note in (
        *((kind, "of an animation, only the first image is read") for kind in ANIMATED),
        ("TIFF", OF_SEVERAL),
        ("MPO", ""),  # the second image of a phone
    ):
        options = {} if kind == "AVIF" else LOSSLESS.get(kind, {})
        content = saved(red, kind, save_all=True, append_images=[blue], **options)
        expected = np.full((16, 16, 3), (255, 0, 0), np.uint8)
        yield f"{kind} of several images", content, expected, 3, *filter(None, [note])
        yield f"{kind} of one image", saved(red, kind), expected, 3


READ_AS = {name: case for name, *case in (*read_as(), *deep_as())}


@pytest.mark.parametrize("what", READ_AS)
def test_images_are_read_as_what_they_show(what: str) -> None:
    source, expected, levels, *notes = READ_AS[what]
    found = load_with_notes(source)
    assert_near(found.image, expected, levels)
    assert found.image.flags.c_contiguous
    assert found.notes == tuple(notes)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_files_are_refused(kind: str, share: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    content = saved(noise, kind)
    path = tmp_path / "half.image"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ImageError, match=r"half\.image: the image is damaged or cut short"):
        load_image(path)


def refused() -> Iterator[tuple[Any, str]]:
    """What is no image, and what is said of it."""
    signed = "expected gray levels 0 to 255; got signed ones of 8 bits"
    yield tiff((ramp(8).astype(int) - 128).astype(np.int8)), signed
    yield tiff(ramp(7).astype(np.int8)), signed
    long = ramp(16).astype(np.uint32) * 65536
    yield tiff(long), "expected gray levels 0 to 65535; got 0 to 4294901760"
    yield b"", "it is empty"
    yield in_pillow(saved(quarters(), "PNG")[:70]), "its pixels cannot be read"
    for kind in ("PPM", "ICO", "PDF"):
        yield saved(quarters(), kind), "expected a JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF"
    photo = heic(quarters())
    for share in (0.1, 0.5, 0.95):
        yield photo[: int(len(photo) * share)], "damaged or cut short"
    content = heic(np.zeros((512, 512, 3), np.uint8))
    at = content.index(b"ispe") + 8  # it says less than it holds
    yield content[:at] + struct.pack(">II", 64, 64) + content[at + 8 :], "damaged or cut short"
    # Its pixels are missing, so it gets past the bound and no further.
    yield a_bmp_of(13_377, 13_377), "cut short"
    yield "null\0byte.jpg", "expected a path; got"
    yield "a" * 5000, "cannot be read"
    yield "", "expected the path of an image; got an empty name"
    for source in (None, 7, 1.5, [[0]], {"path": "x"}, object()):
        yield source, f"expected a path, .*; got {type(source).__name__}"
    for shape in (
        *((100,), (), (3, 100, 100), (1, 48, 48, 3)),
        *((48, 48, 2), (48, 48, 5), (48, 48, 0), (0, 48, 3), (0, 0)),
    ):
        empty = "an empty one of " if shape[:1] == (0,) else ""
        yield np.zeros(shape, np.uint8), re.escape(f"got {empty}shape {shape}")
    for dtype in (np.float32, np.float64, bool, np.int64, object):
        yield np.zeros((48, 48, 3), dtype), f"expected uint8 .* got {np.dtype(dtype)}"
    yield np.full((48, 48), np.nan), "expected uint8 .* got float64"
    whole = np.full((16, 16), 200)
    yield whole, r"got int64 from 200 to 200. .*image.astype\('uint8'\)"
    yield whole > 0, r"got bool. .* 255 \* image.astype\('uint8'\)"
    yield np.zeros((7, 48), np.uint8), "expected .* at least 8 x 8 pixels; got 48 x 7"
    yield saved(np.zeros((1, 1, 3), np.uint8), "PNG"), "at least 8 x 8 pixels; got 1 x 1"
    way_out = r"\(255 \* image\).*where white is 1, .* is 255"
    yield saved(np.zeros((16, 16), np.float32), "TIFF"), f"8 or 16 bits .* floating-.*{way_out}"
    for shape in ((32, 64), (32, 64, 3)):
        for levels in (np.ones(shape, np.float32), np.full(shape, 255.0)):
            yield levels, way_out
            yield tiff(levels), way_out
    for content in (
        tiff(ramp(16), big_endian=True, tags={262: 0}),
        tiff(np.dstack([ramp(16), ramp(16)]), tags={338: 2}),
    ):
        yield content, "it is a TIFF of a rare kind .* 8 bits a channel"
    yield gray_and_alpha(12), "levels of 16 bits that go beyond 4,096; got fewer bits"
    # The preview in a raw file is not the photo.
    for tags in ({50706: 1}, {254: 1, 330: 8}):
        yield tiff(quarters(), tags=tags), "it is a camera's raw file: export it"
    at_its_end = io.BytesIO(photo)
    at_its_end.seek(0, io.SEEK_END)
    yield at_its_end, r"nothing is left to read: use seek\(0\) first"


REFUSED = list(refused())


@pytest.mark.parametrize(("source", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_is_no_image_is_refused_in_words(source: Any, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        load_image(source)


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


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match=r"secret\.jpg: cannot be read; Permission denied"):
        load_image(tmp_path / "secret.jpg")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("http://127.0.0.1:9/portrait.jpg", "nothing is fetched from web addresses: download"),
        ("https://example.org/a.jpg", "nothing is fetched from web addresses: download"),
        ("s3://bucket/a.jpg", "`mien batch` reads object stores"),
        ("rtsp://camera.local/1", "a stream: `mien video` reads it"),
    ],
)
def test_an_address_is_not_fetched_but_it_is_said_what_reads_it(
    source: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(ImageError, match=f"no such file: {source}; {said}"):
        load_image(source)


@pytest.mark.parametrize("maker", [a_png_of, a_bmp_of, a_gif_of])
def test_decompression_bombs_are_refused_before_they_are_decoded(maker: Any) -> None:
    bomb = maker(20_000, 20_000)
    assert len(bomb) < 5_000
    start = time.process_time()
    with pytest.raises(ImageError, match=f"expected at most {MAX_PIXELS:,} pixels; .*400000000"):
        load_image(bomb)
    assert time.process_time() - start < 0.5


def test_the_bound_can_be_set(portrait: Path, portrait_image: Image) -> None:
    for source in (portrait, portrait.read_bytes(), portrait_image):
        with pytest.raises(ImageError, match="at most 262,143 pixels; got 512 x 512 = 262,144"):
            load_image(source, max_pixels=512 * 512 - 1)
        assert load_image(source, max_pixels=512 * 512).shape == (512, 512, 3)
    assert load_image(np.zeros((1, 1, 3), np.uint8), min_side_px=1).shape == (1, 1, 3)
    nothing: Any = None
    for bound in ("max_pixels", "min_side_px"):
        with pytest.raises(OptionError, match=f"{bound}: expected a number; got None"):
            load_image(portrait, **{bound: nothing})


# Phones


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_photos_are_turned_once(orientation: int) -> None:
    content = heic(stored(quarters(), orientation), orientation=orientation)
    assert_near(load_image(content), quarters())


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
    start = time.process_time()
    with pytest.raises(ImageError, match=r"expected at most 1,491 scans of 4000 x 3000 pixels"):
        load_image(photo)
    assert time.process_time() - start < 0.5


# Laboratories


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
    memory: list[ImageSource] = [content, bytearray(content), memoryview(content)]
    for one in memory:
        assert (load_image(one) == quarters()).all()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no limit holds")
def test_no_more_memory_is_asked_for_than_a_file_may_need(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(saved(quarters(), "PNG"))
    large = tmp_path / "large.png"
    large.write_bytes(path.read_bytes())
    os.truncate(large, 70_000_000)
    code = (
        "import resource, sys; from mien import load_image; load_image(sys.argv[1]); "
        "taken = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize(); "
        "resource.setrlimit(resource.RLIMIT_AS, (taken + 100_000_000,) * 2); "
        "load_image(sys.argv[1]); load_image(open(sys.argv[1], 'rb')); load_image(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", code, str(path), str(large)], check=True)


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
