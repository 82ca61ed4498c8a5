"""Any image -> (H, W, 3) uint8 RGB: the only place that knows EXIF, alpha, 16 bit and CMYK."""

import inspect
import io
import os
import re
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from mien.environment import WithoutWarnings
from mien.errors import ImageError, check_number
from mien.output.files import is_part_name
from mien.readings import Image
from mien.recognize.sources import RAW_HINT, address_hint, said_to_be

if TYPE_CHECKING:
    from PIL import Image as PILImage

ImageSource: TypeAlias = (
    "str | Path | bytes | bytearray | memoryview | IO[bytes] | PILImage.Image | NDArray[Any]"
)
"""What `load_image` takes."""

SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".bmp", ".tif", ".tiff"}
    | {".gif", ".heic", ".heif", ".hif", ".avif"}
)
"""Endings, lower case, of the files that a search through a folder takes for images."""

MIN_SIDE_PX: Final = 8
"""Shorter sides are refused: no detector finds a face in so few pixels."""

MAX_PIXELS: Final = 178_956_970
"""Larger images are refused before they are decoded (540 MB as RGB): decompression bombs. It is
Pillow's own bound for files; `PIL.Image.MAX_IMAGE_PIXELS` raises that one.

WebP, AVIF, HEIC and CMYK images, which take twice the memory of others to decode, are refused
above half of it, so that no image takes more than 2 GB."""

THESE_BYTES: Final = "these bytes"
THIS_IMAGE: Final = "this image"
"""How messages call images without a name."""

_UNREADABLE: Final = "file that cannot be read"
_MAX_SCANS: Final = 100  # of a JPEG of `MAX_PIXELS`: each costs time, even where it holds nothing
_MOST_BYTES: Final = 1_000_000_000  # of a file; `MAX_PIXELS` uncompressed have 716 million
_PIECE_BYTES: Final = 16_000_000  # of a file whose size nobody tells are read at a time
_STRIP_PIXELS: Final = 4_000_000  # are turned into RGB at a time; smaller images at once

# Of Pillow: a size that is checked against our own bound, and odd metadata.
_QUIETLY: Final = WithoutWarnings(RuntimeWarning, UserWarning)

_ORIENTATION: Final = 0x0112  # the tag of EXIF
_START_OF_SCAN: Final = b"\xff\xda"  # of a JPEG; progressive ones have about ten
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF")
_TWICE_THE_MEMORY: Final = ("WEBP", "AVIF", "HEIF")
_EXPECTED: Final = "expected a JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF image"
_GRAY_16: Final = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # modes of Pillow
_WHITE_16: Final = 65535
_GUESSED_BITS: Final = (8, 12, 16)  # that levels in 16 bits may have, where the file does not say

_BEGINS: Final = rb"\xff\xd8\xff|\x89PNG|RIFF....WEBP|GIF8|....ftypavi[fs]"  # of images
HEIF_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
"""What HEIC and AVIF files call themselves: single images, several, and series of them."""

_MOST_BRANDS_BYTES: Final = 256
_HDR_TRANSFERS: Final = (16, 18)  # PQ and HLG, of ITU-T H.273

# Tags of TIFF 6.0 and of DNG.
_SUBFILE_TYPE, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 258, 259, 262
_MAX_SAMPLE, _PLANES, _SUB_IFDS, _SAMPLE_FORMAT, _DNG_VERSION = 281, 284, 330, 339, 50706

_FLOAT_ADVICE: Final = (
    "Save it with 8 bits, from Python with (255 * image).round().astype('uint8') where white is 1, "
    "and with image.round().astype('uint8') where it is 255"
)


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """An image, and what had to be decided to read it."""

    image: Image = field(repr=False)  # (H, W, 3) uint8, RGB
    # what somebody may want to know, a sentence each, the same for all such files: that it is the
    # first image of an animation, or that 12-bit levels were scaled
    notes: tuple[str, ...] = ()


def is_image_name(name: str) -> bool:
    """Whether a search takes a file of that name for an image."""
    base = name.rsplit("/", 1)[-1]  # in stores and archives, on Windows, too
    # macOS leaves ._x.jpg beside x.jpg on foreign disks: it holds no image. A kill may leave
    # x.part.jpg: it holds a part of one.
    return (
        not base.startswith("._")
        and not is_part_name(base)
        and os.path.splitext(base)[1].lower() in SUFFIXES  # noqa: PTH122
    )


def load_image(
    source: ImageSource, *, min_side_px: int = MIN_SIDE_PX, max_pixels: int = MAX_PIXELS
) -> Image:
    """Read an image from wherever it is.

    Levels of 16 bits are scaled by 1/257, so that 65535 is white. Where the file says that fewer
    bits are used (TIFF: BitsPerSample, MaxSampleValue; PNG: sBIT), or where the highest level of
    the image is below 4096, or below 256, the white is that of so many bits, of 12, or of 8.

    Args:
        source: a path, the bytes of a file, a file that is open for reading bytes, a PIL image, or
            an array: (H, W) gray, (H, W, 1) gray, (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or
            uint16. A `str` is always a path, never an address to fetch.
        min_side_px: shorter sides are refused.
        max_pixels: images with more are refused, before they are decoded; WebP, AVIF, HEIC and
            CMYK images with more than half of it, which take twice the memory.
    Returns:
        (H, W, 3) uint8, RGB, turned upright as the file says. Transparent parts are laid on white.
        Of an animation or a document of several pages, the first image; of a HEIC with several,
        the main one. Color profiles are not applied.
    Raises:
        ImageError: it is not an image of a kind named above; the message says what it is. Levels
            in floating point are refused: nothing in them says what white is.
        OptionError: a bound is no number of 0 or more.
    """
    return load_with_notes(source, min_side_px=min_side_px, max_pixels=max_pixels).image


def load_with_notes(
    source: ImageSource, *, min_side_px: int = MIN_SIDE_PX, max_pixels: int = MAX_PIXELS
) -> LoadedImage:
    """As `load_image`, with what had to be decided."""
    check_number("min_side_px", min_side_px)
    check_number("max_pixels", max_pixels)
    if isinstance(source, np.ndarray):
        _check_array(source)
        _check_size(source.shape[1::-1], min_side_px, max_pixels)
        notes: list[str] = []
        image = _from_array(source, None, notes)
        return LoadedImage(image, tuple(notes))
    from PIL import Image as PILImage

    if isinstance(source, PILImage.Image):
        _check_size(source.size, min_side_px, max_pixels)
        try:
            return _from_pil(source, THIS_IMAGE)
        except ImageError:
            raise
        except Exception as error:  # as in `_decode`: Pillow reads the file only now
            raise ImageError(
                f"its pixels cannot be read; {error}", source=THIS_IMAGE, kind=_UNREADABLE
            ) from error
    content, name = _content_of(source)
    _check_bytes(len(content), name)
    return _decode(content, name, min_side_px, max_pixels)


def _content_of(
    source: "str | Path | bytes | bytearray | memoryview | IO[bytes]",
) -> tuple[bytes, str]:
    """The bytes of a file, and what to call it."""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source), THESE_BYTES
    if isinstance(source, str | Path):
        path = Path(source)
        if not str(source):
            raise ImageError("expected the path of an image; got an empty name")
        try:
            with path.open("rb") as file:
                return _bytes_of(file, str(path), os.fstat(file.fileno()).st_size), str(path)
        except FileNotFoundError:
            hint = address_hint(str(source))
            raise ImageError(f"no such file: {source}" + (f"; {hint}" if hint else "")) from None
        except OSError as error:
            raise ImageError(
                f"cannot be read; {error.strerror or error}", source=str(path), kind=_UNREADABLE
            ) from error
        except ValueError as error:  # a null byte
            raise ImageError(f"expected a path; got {str(source)!r}: {error}") from None
    if hasattr(source, "read"):
        return _read(source)
    raise ImageError(
        "expected a path, bytes, an open file, a PIL image or an array (H, W), (H, W, 3) or "
        f"(H, W, 4); got {type(source).__name__}"
    )


def _read(file: Any) -> tuple[bytes, str]:
    given = getattr(file, "name", None)
    name = given if isinstance(given, str) and given else "this file"
    try:
        content = _bytes_of(file, name)
    except (OSError, ValueError) as error:  # not open for reading, or closed
        raise ImageError(f"cannot be read; {error}", source=name, kind=_UNREADABLE) from error
    if not content:
        raise ImageError(
            "expected an image; nothing is left to read: use seek(0) first", source=name
        )
    return content, name


def _bytes_of(file: Any, name: str, size: int = 0) -> bytes:
    """What is left in a file that is said to hold so many bytes.

    What is asked for at once is taken from the system, whether or not the file holds as much.
    """
    _check_bytes(size, name)
    pieces: list[bytes] = []
    taken = 0
    while piece := file.read(max(size + 1 - taken, _PIECE_BYTES)):  # pipes give what there is
        if not isinstance(piece, bytes):  # of a text file, or one of asyncio
            if inspect.iscoroutine(piece):
                piece.close()
            raise ImageError(
                "expected a file that is open for reading bytes, as open(path, 'rb') gives; "
                f"its read() gave {type(piece).__name__}",
                source=name,
            )
        pieces.append(piece)
        taken += len(piece)
        _check_bytes(taken, name)  # /dev/zero, for one, has no end
    return b"".join(pieces)


def _check_bytes(count: int, name: str) -> None:
    if count > _MOST_BYTES:
        raise _too_large(f"expected an image of at most {_MOST_BYTES:,} bytes", name, _MOST_BYTES)


def _check_size(
    size: tuple[int, ...], min_side_px: int, max_pixels: int, of: str | None = None
) -> None:
    width, height = size
    if min(width, height) < min_side_px:
        raise ImageError(
            f"expected an image of at least {min_side_px} x {min_side_px} pixels; "
            f"got {width} x {height}",
            source=of,
            kind="image too small",
        )
    if width * height > max_pixels:
        got = f"{width} x {height} = {width * height:,}"
        text = f"expected at most {max_pixels:,} pixels; got {got}"
        raise _too_large(text, of, max_pixels, remedy="Pass max_pixels to allow more")


def _check_scans(size: tuple[int, int], scans: int, name: str) -> None:
    most = _MAX_SCANS * MAX_PIXELS // (size[0] * size[1])
    if scans > most:
        text = f"expected at most {most:,} scans of {size[0]} x {size[1]} pixels, which take "
        raise _too_large(f"{text}seconds to decode; got {scans:,}", name, most)


def _too_large(text: str, name: str | None, limit: int, *, remedy: str | None = None) -> ImageError:
    return ImageError(text, source=name, kind="image too large", limit=limit, remedy=remedy)


def _damaged(where: str, name: str) -> ImageError:
    text = f"the image is damaged or cut short{where}"
    return ImageError(text, source=name, kind="damaged image")


def _decode(content: bytes, name: str, min_side_px: int, max_pixels: int) -> LoadedImage:
    from PIL import Image as PILImage
    from PIL import UnidentifiedImageError

    if not content:
        raise ImageError("expected an image; it is empty", source=name, kind="empty file")
    try:
        with _QUIETLY, _opened(content) as opened:
            _check_size(opened.size, min_side_px, max_pixels, of=name)
            if opened.format in _TWICE_THE_MEMORY or opened.mode == "CMYK":
                _check_size(opened.size, min_side_px, max_pixels // 2, of=name)
            if opened.format in ("JPEG", "MPO"):
                _check_scans(opened.size, content.count(_START_OF_SCAN), name)
            return _from_pil(opened, name, content)
    except ImageError:
        raise
    except UnidentifiedImageError:
        if re.match(_BEGINS, content, re.DOTALL):
            raise _damaged(" at its head", name) from None
        what = _odd_tiff(content) or said_to_be(content)
        raise ImageError(f"{_EXPECTED}; it is {what}", source=name, kind="not an image") from None
    except PILImage.DecompressionBombError as error:
        most = min(max_pixels, MAX_PIXELS)
        raise _too_large(f"expected at most {most:,} pixels; {error}", name, most) from error
    # A damaged file makes Pillow raise nearly anything: SyntaxError, struct.error, EOFError, ...
    except Exception as error:
        raise _damaged(f"; {' '.join(str(error).split())}", name) from error


def _opened(content: bytes) -> "PILImage.Image":
    """The image, not decoded yet; nothing is registered with Pillow."""
    from PIL import Image as PILImage

    file = io.BytesIO(content)
    if content[4:8] == b"ftyp":
        end = min(int.from_bytes(content[:4], "big"), _MOST_BRANDS_BYTES)
        brands = {content[at : at + 4] for at in (8, *range(16, end, 4))}
        if brands & HEIF_BRANDS and not brands & AVIF_BRANDS:
            from pillow_heif import HeifImageFile

            return cast("PILImage.Image", cast(Any, HeifImageFile)(file))
    return _opened_jpeg(file, content) or PILImage.open(file, formats=_FORMATS)


def _opened_jpeg(file: io.BytesIO, content: bytes) -> "PILImage.Image | None":
    """A JPEG without what `PIL.Image.open` loads for other formats; None for that to say why."""
    if not content.startswith(b"\xff\xd8\xff"):
        return None
    from PIL import Image as PILImage
    from PIL.JpegImagePlugin import jpeg_factory

    try:
        opened = jpeg_factory(file)
    except (SyntaxError, IndexError, TypeError, struct.error):  # as `PIL.Image.open` catches
        return None
    most = PILImage.MAX_IMAGE_PIXELS
    return opened if most is None or opened.width * opened.height <= most else None


def _notes_of(opened: "PILImage.Image") -> list[str]:
    """What is told of a file with several images, or more light than a screen has."""
    try:
        several = opened.format != "MPO" and getattr(opened, "is_animated", False)
        if several and opened.format == "TIFF":
            opened.seek(1)
            several = not _tags(opened).get(_SUBFILE_TYPE, 0) & 1  # else a preview of the first
            opened.seek(0)
    except Exception:  # what comes after the first image is damaged
        several = True
    notes = []
    if several and opened.format in ("TIFF", "HEIF"):
        notes.append("of a file with several images, only the first or main one is read")
    elif several:
        notes.append("of an animation, only the first image is read")
    if opened.info.get("nclx_profile", {}).get("transfer_characteristics") in _HDR_TRANSFERS:
        notes.append("an HDR image is read without tone mapping, and may be dull")
    return notes


def _is_misread(tags: dict[int, Any]) -> bool:
    """Whether it is a TIFF in planes of 16 bits, which Pillow takes for 8-bit ones."""
    is_plain = tags.get(_PLANES) == 2 and tags.get(_COMPRESSION, 1) == 1
    return is_plain and max(tags.get(_BITS, (1,))) == 16


def _mend_planes(opened: Any) -> None:
    """Unpack colors that lie in planes of 16 bits as such."""
    if _is_misread(_tags(opened)):
        order = "L" if opened.tag_v2.prefix == b"II" else "B"
        _unpack_as(opened, lambda mode: f"{mode};16{order}" if len(mode) == 1 else mode)


def _unpack_as(opened: Any, renamed: Callable[[str], str]) -> None:
    """Change the mode by which the samples of an image, not decoded yet, are unpacked."""
    opened.tile = [
        tile._replace(
            args=renamed(tile.args)
            if isinstance(tile.args, str)
            else (renamed(tile.args[0]), *tile.args[1:])
        )
        for tile in opened.tile
    ]


def _other_byte(mode: str) -> str:
    """The mode of Pillow that takes the lower bytes, where `mode` takes the upper ones."""
    channels, _, order = mode.rpartition(";16")
    is_little = order == "L" or (order == "N" and sys.byteorder == "little")
    return f"{channels};16{'B' if is_little else 'L'}"


def _tags(opened: "PILImage.Image") -> dict[int, Any]:
    """Of a TIFF; empty for other files."""
    return dict(getattr(opened, "tag_v2", {}))


def _odd_tiff(content: bytes) -> str:
    """What a TIFF is that Pillow does not know; empty if it is none."""
    if not re.match(rb"II[*+]\0|MM\0[*+]", content):
        return ""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    file = io.BytesIO(content)
    try:
        tags = ImageFileDirectory_v2(file.read(16 if b"+" in content[:4] else 8))
        file.seek(tags.next)
        tags.load(file)
        if _is_raw(dict(tags), content):
            return f"a camera's raw file: {RAW_HINT}"
        bits = "+".join(map(str, tags.get(_BITS, (1,))))
        if 3 in tags.get(_SAMPLE_FORMAT, ()):
            return f"a TIFF in floating point ({bits} bits). {_FLOAT_ADVICE}"
        kind = tags.get(_PHOTOMETRIC)
    except Exception:  # as in `_decode`
        return "a damaged TIFF"
    return (
        f"a TIFF of a rare kind ({bits} bits, photometric interpretation {kind}): save it with 8 "
        "bits a channel"
    )


def _is_raw(tags: dict[int, Any], content: bytes) -> bool:
    """Whether a TIFF is a camera's raw file, whose first image is a small preview."""
    is_preview = bool(tags.get(_SUBFILE_TYPE, 0) & 1) and _SUB_IFDS in tags
    return _DNG_VERSION in tags or content[8:10] == b"CR" or is_preview


def _from_pil(opened: "PILImage.Image", name: str, content: bytes | None = None) -> LoadedImage:
    """Turn an image upright and make it RGB.

    Args:
        opened: the image.
        name: how messages call it.
        content: of its file, if that is ours: then `opened` may be changed.
    """
    tags = _tags(opened)
    declared = _declared_bits(tags, content or b"")
    clear = _take_clear(opened, content)
    notes: list[str] = []
    is_deep = False
    if content is not None:
        if tags and _is_raw(tags, content):
            raise ImageError(
                f"{_EXPECTED}; it is a camera's raw file: {RAW_HINT}",
                source=name,
                kind="not an image",
            )
        notes += _notes_of(opened)
        _mend_planes(opened)
        is_deep = _sample_bits(opened, tags, content) == 16
    elif _is_misread(tags):
        raise ImageError(
            "Pillow misreads TIFF in planes of 16 bits; give its path or its bytes", source=name
        )
    image = _upright(opened, own=content is not None)
    if image.mode == "F":
        raise ImageError(
            f"expected 8 or 16 bits a channel; got a floating-point image. {_FLOAT_ADVICE}",
            source=name,
        )
    is_signed = 2 in tags.get(_SAMPLE_FORMAT, ())
    if image.mode == "L" and is_signed:  # which Pillow takes for levels from 0
        raise ImageError(
            "expected gray levels 0 to 255; got signed ones of 8 bits. Save it with 8 bits "
            "that have no sign",
            source=name,
        )
    if image.mode in _GRAY_16:
        levels = np.asarray(image)
        if tags and not is_signed and levels.dtype == np.int32:
            levels = levels.view(np.uint32)
        lowest, highest = levels.min(initial=0), levels.max(initial=0)
        if highest > _WHITE_16 or lowest < 0:
            raise ImageError(
                f"expected gray levels 0 to {_WHITE_16}; got {lowest} to {highest}", source=name
            )
        from_white = tags.get(_PHOTOMETRIC) == 0
        found = _from_array(levels, declared, notes, from_white=from_white)
        _lay_on_white(found, levels[:, :, None], clear)
    elif is_deep and content is not None and ((is_dark := _is_dark(image, declared)) or clear):
        deep = _deep_color(image, content, name)
        found = _from_array(deep, declared, notes) if is_dark else _rgb_of(image)
        _lay_on_white(found, deep, clear)
    else:
        found = _rgb_of(image)
    return LoadedImage(found, tuple(notes))


def _take_clear(opened: "PILImage.Image", content: bytes | None) -> tuple[int, ...]:
    """The levels that are transparent, where Pillow would not find them; empty elsewhere.

    It compares what the file says with levels of 8 bits: where those of the file have 16, and
    where it has scaled them from 2 or 4.
    """
    clear = opened.info.get("transparency")
    if opened.mode in _GRAY_16 and isinstance(clear, int):
        return (clear,)
    if content is None or not _is_png(content):
        return ()
    bits = content[24]
    if opened.mode == "L" and bits < 8 and isinstance(clear, int):
        white = (1 << bits) - 1
        opened.info["transparency"] = (clear & white) * 255 // white
    elif opened.mode == "RGB" and bits == 16 and isinstance(clear, tuple):
        del opened.info["transparency"]
        return clear
    return ()


def _lay_on_white(image: Image, levels: NDArray[Any], clear: tuple[int, ...]) -> None:
    """Make white what has the levels `clear`, one for each channel; nothing if there are none."""
    if clear:
        same = (levels[:, :, channel] == level for channel, level in enumerate(clear))
        image[reduce(np.logical_and, same)] = 255


def _upright(opened: "PILImage.Image", *, own: bool) -> "PILImage.Image":
    """Turn an image as its EXIF says; `own` says that it may be changed."""
    if own:
        opened.load()  # of some PNGs, EXIF is behind the pixels
    if opened.getexif().get(_ORIENTATION, 1) == 1:
        return opened
    from PIL import ImageOps

    # Every copy of a large image is hundreds of megabytes.
    if own:
        ImageOps.exif_transpose(opened, in_place=True)
        return opened
    return ImageOps.exif_transpose(opened)


def _declared_bits(tags: dict[int, Any], content: bytes) -> int | None:
    """How many of its 16 bits a file says that it uses; None where it says nothing."""
    if tags:
        bits = max(tags.get(_BITS, (1,)))
        most = tags.get(_MAX_SAMPLE, 0)
        most = max(most) if isinstance(most, tuple) else int(most)
        # Others write the highest level that there is.
        if most > 0 and not most & (most + 1) and most.bit_length() < bits:
            return most.bit_length()
        bits -= 2 in tags.get(_SAMPLE_FORMAT, ())  # the sign
        return bits if bits < 16 else None
    at = content.find(b"sBIT", 0, max(content.find(b"IDAT"), 0)) if _is_png(content) else -1
    if at < 0:
        return None
    length = int.from_bytes(content[at - 4 : at], "big")
    return max(content[at + 4 : at + 4 + min(length, 4)], default=None)


def _is_png(content: bytes) -> bool:
    return content.startswith(b"\x89PNG")


def _sample_bits(opened: "PILImage.Image", tags: dict[int, Any], content: bytes) -> int:
    """Of each channel of a PNG or TIFF; of others, which are never deeper, 8."""
    if tags:
        return int(max(tags.get(_BITS, (1,))))
    return content[24] if _is_png(content) else 8


def _is_dark(image: "PILImage.Image", declared: int | None) -> bool:
    """Whether the upper bytes of 16-bit colors, all that Pillow keeps, hold too little."""
    bands = image.getextrema()
    if not isinstance(bands[0], tuple):
        return False
    colors = bands[:-1] if "A" in image.mode else bands
    return max(high for _, high in colors) < max(1 << (declared or _GUESSED_BITS[-2]) >> 8, 1)


def _deep_color(image: "PILImage.Image", content: bytes, name: str) -> NDArray[np.uint16]:
    """(H, W, 3 or 4) uint16: the upper bytes of colors, with the lower ones read once more."""
    with _opened(content) as opened:
        tags = _tags(opened)
        is_plain = tags.get(_PLANES) != 2 or tags.get(_COMPRESSION, 1) == 1
        _mend_planes(opened)
        _unpack_as(opened, _other_byte)
        try:
            if not is_plain or image.mode not in ("RGB", "RGBA"):
                raise ValueError("libtiff unpacks it by its own rule")
            lower: NDArray[np.uint8] = np.asarray(_upright(opened, own=True))
        except ValueError:  # of Pillow: there is no mode for the lower bytes alone
            raise ImageError(
                f"expected levels of 16 bits that go beyond {1 << _GUESSED_BITS[-2]:,}; "
                "got fewer bits, in a form that cannot be scaled. Save it with 8 bits a channel",
                source=name,
            ) from None
    upper: NDArray[np.uint16] = np.asarray(image).astype(np.uint16)
    return cast("NDArray[np.uint16]", (upper << 8) | lower)


def _rgb_of(image: "PILImage.Image") -> Image:
    """RGB of an image with 8 bits a channel, some rows at a time where it is large."""
    width, height = image.size
    rows = max(1, _STRIP_PIXELS // width)
    if rows >= height:
        return _rgb_at_once(image)
    image.load()  # before it is cut: each cut of a file that is not loaded yet reads it anew
    result = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        result[top:bottom] = _rgb_at_once(image.crop((0, top, width, bottom)))
    return result


def _rgb_at_once(image: "PILImage.Image") -> Image:
    if image.has_transparency_data:
        return _on_white(np.asarray(image.convert("RGBA")))
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _check_array(array: NDArray[Any]) -> None:
    expected = "expected an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(f"{expected}; got shape {array.shape}")
    if array.size == 0:
        raise ImageError(f"{expected}; got an empty one of shape {array.shape}")
    if array.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        raise ImageError(
            f"expected uint8 (0 to 255) or uint16 (0 to 65535); got {array.dtype}{_advice(array)}"
        )


def _advice(array: NDArray[Any]) -> str:
    """What to do with an array of another type: what is white in it, only its owner knows."""
    if array.dtype == bool:
        return ". Convert it with 255 * image.astype('uint8')"
    if not np.issubdtype(array.dtype, np.integer) and not np.issubdtype(array.dtype, np.floating):
        return ""
    levels = f" from {array.min():g} to {array.max():g}"
    if np.issubdtype(array.dtype, np.integer):
        return f"{levels}. Convert it with image.astype('uint8'), or 'uint16' where white is 65535"
    return (
        f"{levels}. Convert it with (255 * image).round().astype('uint8') where white is 1, and "
        "with image.round().astype('uint8') where it is 255"
    )


def _from_array(
    array: NDArray[Any], declared: int | None, notes: list[str], *, from_white: bool = False
) -> Image:
    """RGB of an array.

    Args:
        array: (H, W), or (H, W, C) of 1, 3 or 4 channels; uint8, or integers from 0 to 65535.
        declared: how many bits it is said to use.
        notes: what had to be decided is added to them.
        from_white: 0 is white.
    """
    if array.ndim == 2:
        array = array[:, :, None]
    if array.dtype != np.uint8:
        array = _scaled(array, declared, notes, from_white=from_white)
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    elif array.shape[2] == 4:
        array = _on_white(array)
    return cast(Image, np.ascontiguousarray(array))


def _scaled(
    array: NDArray[Any], declared: int | None, notes: list[str], *, from_white: bool
) -> NDArray[np.uint8]:
    """(H, W, C) levels of up to 16 bits -> 0 to 255, some rows at a time."""
    colors, alpha = array[:, :, :3], array[:, :, 3:]
    highest = int(colors.max(initial=0))
    said = declared is not None and highest < 1 << declared
    bits = declared if said else next(b for b in _GUESSED_BITS if highest < 1 << b)
    assert bits is not None
    if bits < 16 and highest:
        why = "as the file says" if said else f"since all are below {1 << bits:,}"
        notes.append(f"levels of 16 bits are read as {bits}-bit ones, {why}")
    white = (1 << bits) - 1
    alpha_white = white if alpha.max(initial=0) <= white else _WHITE_16
    result = np.empty(array.shape, np.uint8)
    rows = max(1, _STRIP_PIXELS // array.shape[1])
    for top in range(0, len(array), rows):
        part = np.s_[top : top + rows]
        levels = colors[part].astype(np.uint32)
        if from_white:
            levels = white - levels
        result[part][:, :, :3] = (levels * 255 + white // 2) // white
        result[part][:, :, 3:] = (
            alpha[part].astype(np.uint32) * 255 + alpha_white // 2
        ) // alpha_white
    return result


def _on_white(rgba: NDArray[np.uint8]) -> Image:
    """Transparent parts are laid on white."""
    alpha, color = rgba[:, :, 3:].astype(np.uint16), rgba[:, :, :3].astype(np.uint16)
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
