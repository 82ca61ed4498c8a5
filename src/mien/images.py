"""Any picture -> (H, W, 3) uint8 RGB: the only place that knows EXIF, alpha, 16 bit and CMYK."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from mien.environment import WithoutWarnings
from mien.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image as PILImage

Image: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) uint8, RGB."""

ImageSource: TypeAlias = "str | Path | bytes | PILImage.Image | NDArray[Any]"
"""What `load_image` takes."""

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
"""Endings, lower case, of the files that a search through a folder takes for pictures."""

MIN_SIDE_PX: Final = 8
"""Shorter sides are refused: no detector finds a face in so few pixels."""

MAX_PIXELS: Final = 178_956_970
"""Larger pictures are refused before they are decoded (540 MB as RGB): decompression bombs. It is
Pillow's own bound for files; `PIL.Image.MAX_IMAGE_PIXELS` raises that one.

WebP and CMYK pictures, which take twice the memory of others to decode, are refused above half of
it, so that no picture takes more than 2 GB."""

_MAX_SCANS: Final = 100  # of a JPEG of `MAX_PIXELS`: each costs time, even where it holds nothing
_MOST_BYTES: Final = 1_000_000_000  # of a file; `MAX_PIXELS` uncompressed have 716 million
_STRIP_PIXELS: Final = 4_000_000  # are turned into RGB at a time; smaller pictures at once

# Of Pillow: a size that is checked against our own bound, and odd metadata.
_QUIETLY: Final = WithoutWarnings(RuntimeWarning, UserWarning)

_ORIENTATION: Final = 0x0112  # the tag of EXIF
_START_OF_SCAN: Final = b"\xff\xda"  # of a JPEG; progressive ones have about ten
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")


def load_image(
    source: ImageSource, *, min_side_px: int = MIN_SIDE_PX, max_pixels: int = MAX_PIXELS
) -> Image:
    """Read a picture from wherever it is.

    Args:
        source: a path, the bytes of a file, a PIL image, or an array: (H, W) gray, (H, W, 1) gray,
            (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16. A `str` is always a path, never an
            address to fetch.
        min_side_px: shorter sides are refused.
        max_pixels: pictures with more are refused, before they are decoded; WebP and CMYK
            pictures with more than half of it, which take twice the memory.
    Returns:
        (H, W, 3) uint8, RGB, turned upright as its EXIF orientation says. Transparent parts are
        laid on white. 16-bit gray is scaled by 1/257. Of an animation, the first frame.
    Raises:
        ImageError: it is not a picture of a kind named above; the message says what it is.
    """
    if isinstance(source, np.ndarray):
        _check_array(source)
        _check_size(source.shape[1::-1], min_side_px, max_pixels)
        return _from_array(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(io.BytesIO(source), "these bytes", min_side_px, max_pixels)
    if isinstance(source, str | Path):
        path = Path(source)
        try:
            with path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)  # a device, such as /dev/zero, has no end
        except FileNotFoundError:
            raise ImageError(f"no such file: {path}") from None
        except OSError as error:
            raise ImageError(f"{path}: cannot be read; {error.strerror or error}") from error
        except ValueError as error:  # a null byte
            raise ImageError(f"expected a path; got {str(source)!r}: {error}") from None
        if len(content) > _MOST_BYTES:
            raise ImageError(f"{path}: expected a picture of at most {_MOST_BYTES:,} bytes")
        return _decode(io.BytesIO(content), str(path), min_side_px, max_pixels)
    from PIL import Image as PILImage

    if isinstance(source, PILImage.Image):
        _check_size(source.size, min_side_px, max_pixels)
        try:
            return _from_pil(source, "this image")
        except ImageError:
            raise
        except Exception as error:  # as in `_decode`: Pillow reads the file only now
            raise ImageError(f"this image: its pixels cannot be read; {error}") from error
    raise ImageError(
        "expected a path, bytes, a PIL image or an array (H, W), (H, W, 3) or (H, W, 4); "
        f"got {type(source).__name__}"
    )


def _check_size(size: tuple[int, ...], min_side_px: int, max_pixels: int, of: str = "") -> None:
    prefix = f"{of}: " if of else ""
    width, height = size
    if min(width, height) < min_side_px:
        raise ImageError(
            f"{prefix}expected a picture of at least {min_side_px} x {min_side_px} pixels; "
            f"got {width} x {height}"
        )
    if width * height > max_pixels:
        raise ImageError(
            f"{prefix}expected at most {max_pixels:,} pixels; got {width} x {height} = "
            f"{width * height:,}. Pass max_pixels to allow more"
        )


def _check_scans(size: tuple[int, int], scans: int, name: str) -> None:
    most = _MAX_SCANS * MAX_PIXELS // (size[0] * size[1])
    if scans > most:
        raise ImageError(
            f"{name}: expected at most {most:,} scans of {size[0]} x {size[1]} pixels, which take "
            f"seconds to decode; got {scans:,}"
        )


def _decode(file: io.BytesIO, name: str, min_side_px: int, max_pixels: int) -> Image:
    from PIL import Image as PILImage
    from PIL import UnidentifiedImageError

    if not file.getbuffer().nbytes:
        raise ImageError(f"{name}: expected a picture; it is empty")
    try:
        with _QUIETLY, PILImage.open(file, formats=_FORMATS) as opened:
            _check_size(opened.size, min_side_px, max_pixels, of=name)
            if opened.format == "WEBP" or opened.mode == "CMYK":
                _check_size(opened.size, min_side_px, max_pixels // 2, of=name)
            if opened.format == "JPEG":
                _check_scans(opened.size, file.getvalue().count(_START_OF_SCAN), name)
            return _from_pil(opened, name, own=True)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(
            f"{name}: expected a JPEG, PNG, WebP, BMP, TIFF or GIF picture; it is none of them"
        ) from None
    except PILImage.DecompressionBombError as error:
        raise ImageError(
            f"{name}: expected at most {min(max_pixels, MAX_PIXELS):,} pixels; {error}"
        ) from error
    # A damaged file makes Pillow raise nearly anything: SyntaxError, struct.error, EOFError, ...
    except Exception as error:
        raise ImageError(f"{name}: the picture is damaged or cut short; {error}") from error


def _from_pil(opened: "PILImage.Image", name: str, *, own: bool = False) -> Image:
    """Turn a picture upright and make it RGB; `own` says that it may be changed."""
    from PIL import ImageOps

    image = opened
    # Every copy of a large picture is hundreds of megabytes.
    if own:
        ImageOps.exif_transpose(image, in_place=True)
    elif image.getexif().get(_ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise ImageError(f"{name}: expected 8 or 16 bits a channel; got a floating-point picture")
    width, height = image.size
    rows = max(1, _STRIP_PIXELS // width)
    if rows >= height:
        return _rgb_of(image, name)
    image.load()  # before it is cut: each cut of a file that is not loaded yet reads it anew
    result = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        result[top:bottom] = _rgb_of(image.crop((0, top, width, bottom)), name)
    return result


def _rgb_of(image: "PILImage.Image", name: str) -> Image:
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I"):
        levels = np.asarray(image, dtype=np.int64)
        if levels.max(initial=0) > 65535 or levels.min(initial=0) < 0:
            raise ImageError(
                f"{name}: expected gray levels 0 to 65535; got {levels.min()} to {levels.max()}"
            )
        return _from_array(levels.astype(np.uint16))
    if image.has_transparency_data:
        return _from_array(np.asarray(image.convert("RGBA")))
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _check_array(array: NDArray[Any]) -> None:
    expected = "expected an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(f"{expected}; got shape {array.shape}")
    if array.size == 0:
        raise ImageError(f"{expected}; got an empty one of shape {array.shape}")
    if array.dtype not in (np.uint8, np.uint16):
        raise ImageError(
            f"expected uint8 (0 to 255) or uint16 (0 to 65535); got {array.dtype}. "
            "Scale it and convert, for example (255 * image).round().astype('uint8')"
        )


def _from_array(array: NDArray[Any]) -> Image:
    if array.ndim == 2:
        array = array[:, :, None]
    if array.dtype == np.uint16:
        array = ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    elif array.shape[2] == 4:
        alpha = array[:, :, 3:].astype(np.uint16)
        color = array[:, :, :3].astype(np.uint16)
        array = ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return cast(Image, np.ascontiguousarray(array))
