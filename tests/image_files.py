"""Files that cameras, phones, scanners and laboratories write, made small for the tests."""

import io
import struct
import zlib
from typing import Any, Literal

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image as PILImage

ORIENTATION = 0x0112


def quarters() -> NDArray[np.uint8]:
    """(32, 64, 3): four flat quarters, each of another color."""
    image = np.zeros((32, 64, 3), np.uint8)
    image[:16, :32], image[:16, 32:] = (200, 30, 30), (30, 160, 30)
    image[16:, :32], image[16:, 32:] = (40, 40, 220), (220, 220, 60)
    return image


def ramp(bits: int) -> NDArray[np.uint16]:
    """(32, 64): from black at the left to the white of so many bits at the right."""
    return np.tile(np.linspace(0, 2**bits - 1, 64).astype(np.uint16), (32, 1))


def saved(image: PILImage.Image | NDArray[Any], kind: str, **options: Any) -> bytes:
    """An image as Pillow writes it; AVIF quickly."""
    file = io.BytesIO()
    options = {"speed": 10, **options} if kind == "AVIF" else options
    given = image if isinstance(image, PILImage.Image) else PILImage.fromarray(image)
    given.save(file, kind, **options)
    return file.getvalue()


def oriented(number: int) -> PILImage.Exif:
    """EXIF of an image that is held so."""
    exif = PILImage.Exif()
    exif[ORIENTATION] = number
    return exif


def heic(image: NDArray[np.uint8], *, orientation: int = 1, **options: Any) -> bytes:
    """A HEIC photo; its orientation stands in `irot` and `imir`, as phones write it, and in EXIF.

    Args:
        image: (H, W, 3) uint8 RGB as it is stored.
        orientation: as EXIF numbers them.
        options: of pillow_heif.
    """
    file = io.BytesIO()
    photo = pillow_heif.from_pillow(PILImage.fromarray(image))
    options = {"enc_params": {"preset": "ultrafast"}, **options}  # else it takes seconds
    photo.save(file, quality=95, chroma=444, exif=oriented(orientation).tobytes(), **options)
    return file.getvalue()


def tiff(
    levels: NDArray[Any], *, big_endian: bool = False, tags: dict[int, int] | None = None
) -> bytes:
    """An uncompressed TIFF.

    Args:
        levels: (H, W) gray, (H, W, C) channels, or (C, H, W) planes if PlanarConfiguration is 2.
        big_endian: the order of the bytes.
        tags: SHORTs that are added, or in place of those that fit the array.
    """
    order: Literal["<", ">"] = ">" if big_endian else "<"
    given = tags or {}
    planar = given.get(284) == 2
    height, width = levels.shape[1:] if planar else levels.shape[:2]
    channels = levels.shape[0] if planar else levels.shape[2] if levels.ndim == 3 else 1
    data = levels.astype(levels.dtype.newbyteorder(order)).tobytes()
    formats = {"u": 1, "i": 2, "f": 3}[levels.dtype.kind]
    strips = channels if planar else 1
    size = len(data) // strips
    values: dict[int, list[int]] = {
        256: [width],
        257: [height],
        258: [8 * levels.itemsize] * channels,
        259: [1],
        262: [2 if channels >= 3 else 1],
        273: [8 + size * strip for strip in range(strips)],
        277: [channels],
        278: [height],
        279: [size] * strips,
        339: [formats] * channels,
    }
    values |= {tag: [value] for tag, value in given.items()}
    begin = 8 + len(data)
    extra_at = begin + 2 + 12 * len(values) + 4
    entries, extra = b"", b""
    for tag, numbers in sorted(values.items()):
        kind, letter = (4, "I") if tag in (273, 279) else (3, "H")
        packed = struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
        if len(packed) > 4:
            place = struct.pack(f"{order}I", extra_at + len(extra))
            extra += packed
        else:
            place = packed.ljust(4, b"\0")
        entries += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + place
    head = (b"MM\0*" if big_endian else b"II*\0") + struct.pack(f"{order}I", begin)
    count = struct.pack(f"{order}H", len(values))
    return head + data + count + entries + bytes(4) + extra


def twelve_bits_packed(levels: NDArray[np.uint16]) -> bytes:
    """A TIFF with BitsPerSample 12: two levels in three bytes."""
    first, second = levels[:, 0::2], levels[:, 1::2]
    packed = np.zeros((len(levels), levels.shape[1] * 3 // 2), np.uint8)
    packed[:, 0::3] = first >> 4
    packed[:, 1::3] = (first & 15) << 4 | second >> 8
    packed[:, 2::3] = second & 255
    return tiff(packed, tags={256: levels.shape[1], 258: 12})


def png_with_sbit(content: bytes, bits: int) -> bytes:
    """A gray PNG that says how many bits of its levels count."""
    after = 8 + 25  # the signature and IHDR
    return content[:after] + png_chunk(b"sBIT", bytes([bits])) + content[after:]


def png_with_clear(levels: NDArray[Any], bits: int, clear: int | tuple[int, int, int]) -> bytes:
    """A PNG, (H, W) gray or (H, W, 3) RGB, that says which of its levels is transparent.

    Args:
        levels: 0 to the white of so many bits.
        bits: of each, 2, 4, 8 or 16.
        clear: the gray level, or the color.
    """
    channels = (clear,) if isinstance(clear, int) else clear
    height, width = levels.shape[:2]
    rows = levels.reshape(height, -1)
    if bits == 16:
        lines = rows.astype(">u2").view(np.uint8)
    else:
        each = 8 // bits  # levels in a byte, the first in its upper bits
        shifts = bits * np.arange(each)[::-1]
        lines = (rows.reshape(height, -1, each).astype(int) << shifts).sum(axis=2).astype(np.uint8)
    pixels = np.pad(lines, ((0, 0), (1, 0))).tobytes()  # each line begins with its filter: none
    head = struct.pack(">IIBBBBB", width, height, bits, 0 if len(channels) == 1 else 2, 0, 0, 0)
    said = struct.pack(f">{len(channels)}H", *channels)
    chunks = ((b"IHDR", head), (b"tRNS", said), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, body) for name, body in chunks)


def png_chunk(name: bytes, body: bytes) -> bytes:
    """A part of a PNG, with its length and its check sum."""
    sum_ = struct.pack(">I", zlib.crc32(name + body))
    return struct.pack(">I", len(body)) + name + body + sum_


VIDEO = b"\0\0\0\x18ftypisom\0\0\2\0isommp41" + bytes(64)
"""How a video begins."""

OTHER_FILES: dict[str, tuple[bytes, str]] = {
    "video.mp4": (VIDEO, "it is a video: `mien video` reads it"),
    "video.mkv": (b"\x1aE\xdf\xa3" + bytes(64), "it is a video"),
    "scan.dcm": (bytes(128) + b"DICM" + bytes(64), "it is a DICOM file"),
    "letter.pdf": (b"%PDF-1.7\n" + bytes(64), "it is a PDF document"),
    "logo.svg": (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "it is an SVG drawing"),
    "photo.jp2": (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64), "it is a JPEG 2000 image"),
    "photo.jxl": (b"\xff\x0a" + bytes(64), "it is a JPEG XL image"),
    "raw.cr3": (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(64), "it is a camera's raw file"),
    "raw.raf": (b"FUJIFILMCCD-RAW 0201" + bytes(64), "it is a camera's raw file"),
    "drawing.psd": (b"8BPS\0\1" + bytes(64), "it is a Photoshop document"),
    "photos.zip": (b"PK\3\4" + bytes(64), "it is a packed archive: unpack it first"),
    "photos.tar": (bytes(257) + b"ustar\0" + bytes(249), "an archive: `mien batch` reads it"),
    "._photo.jpg": (b"\0\5\x16\7" + bytes(64), "what macOS keeps beside a file"),
    "gone.jpg": (b"<!DOCTYPE html><html>404</html>", "it is a web page"),
    "pointer.jpg": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "array.npy": (b"\x93NUMPY\1\0" + bytes(64), "it is an array of NumPy"),
}
"""Name -> how such a file begins, and what is said of it."""
