"""Frames of any color space -> RGB as an ordinary screen shows it.

High dynamic range (HLG, PQ) is brought to that of a screen by one table, in which diffuse white
comes out nearly white and what is brighter is pressed together above it. BT.2020 colors, which are
wider, are brought to those of BT.709.
"""

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.readings import Image

if TYPE_CHECKING:
    import av
    from av.video.reformatter import VideoReformatter

# Numbers of ITU-T H.273, as FFmpeg has them.
_UNKNOWN: Final = 2
_BT709: Final = 1
_BT601: Final = 5
_BT2020: Final = 9  # of color primaries, and of matrices where luma is not constant
_PQ: Final = 16
_HLG: Final = 18

_WHITE_NITS: Final = 203.0  # diffuse white in HDR: ITU-R BT.2408, table 1
_KNEE: Final = 0.8  # of that white: darker light stays as it is
_SCREEN_GAMMA: Final = 2.4  # ITU-R BT.1886

# From linear light of BT.2020 to that of BT.709: ITU-R BT.2087. On values with a gamma it is not
# exact, but tones of skin come out within some 7 levels of 255, grays exactly.
_NARROW: Final = np.array(
    [[1.6605, -0.5877, -0.0728], [-0.1246, 1.1330, -0.0084], [-0.0182, -0.1006, 1.1188]], np.float32
)


def to_rgb(
    frame: "av.VideoFrame", reformatter: "VideoReformatter", width: int, height: int
) -> Image:
    """A decoded frame, at a size.

    What does not say so is BT.709 if it is larger than standard definition, and BT.601 if not.

    Args:
        frame: of any format.
        reformatter: one for all frames: the tables of a conversion take longer to make than to use.
        width: in pixels.
        height: likewise.
    Returns:
        (height, width, 3) uint8, RGB.
    """
    transfer = int(frame.color_trc)
    is_hdr = transfer in (_PQ, _HLG)
    matrix: int | None = None  # as the frame says
    if frame.colorspace == _UNKNOWN:
        is_hd = frame.width >= 1280 or frame.height > 576
        matrix = _BT2020 if is_hdr else _BT709 if is_hd else _BT601
    # Threads of its own, one for each core, take longer to wake than their part of a frame takes.
    pixels = reformatter.reformat(
        frame, width, height, format="rgb24", src_colorspace=matrix, threads=1
    )
    image = np.asarray(pixels.to_ndarray(), np.uint8)
    if is_hdr:
        image = np.asarray(cv2.LUT(image, screen_table(transfer)), np.uint8)
    primaries = int(frame.color_primaries)
    if primaries == _BT2020 or (is_hdr and primaries == _UNKNOWN):
        image = np.asarray(cv2.transform(image, _NARROW), np.uint8)
    return image


@cache
def screen_table(transfer: int) -> NDArray[np.uint8]:
    """(256,) uint8: the value on an ordinary screen of each value in PQ (16) or HLG (18)."""
    signal = np.arange(256) / 255
    light = (_pq_nits if transfer == _PQ else _hlg_nits)(signal) / _WHITE_NITS
    above = 1 - _KNEE
    pressed = 1 - above * np.exp(-(light - _KNEE) / above)
    shown = np.where(light <= _KNEE, light, pressed)
    return np.asarray(np.rint(255 * shown ** (1 / _SCREEN_GAMMA)), np.uint8)


def _pq_nits(signal: NDArray[Any]) -> NDArray[Any]:
    """ITU-R BT.2100, table 4: the EOTF of PQ."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = signal ** (1 / m2)
    return np.asarray(10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1))


def _hlg_nits(signal: NDArray[Any]) -> NDArray[Any]:
    """ITU-R BT.2100, table 5: HLG on a display of 1,000 nits, each channel for itself."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return np.asarray(1_000 * scene**1.2)
