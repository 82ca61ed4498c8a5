"""An explanation -> an image of it: the face, the heat over it, a scale and words."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from mien.errors import OptionError, OutputError
from mien.labels import COLORS
from mien.opencv import cv2
from mien.output.files import JPEG_SUFFIXES, write_image
from mien.readings import Explanation, Heat, Image

LEAST_SCALE: Final = 0.05
"""The colors never stand for less than this share: what changes nothing is not made to glow."""

_ENDINGS: Final = (".png", *JPEG_SUFFIXES)
_PANE_PX: Final = 432  # side of a face; nine times 48, so that pixels stay equally large
_PAD_PX: Final = 28
_WHITE: Final = (255, 255, 255)
_INK: Final = (32, 36, 42)
_DIM: Final = (96, 102, 110)
_TRACK: Final = (232, 234, 238)
_font: Final = ImageFont.load_default

# Heat is hue and colorfulness in CIE L*a*b*, and the face is lightness, so that neither hides the
# other. Orange red and blue differ to every kind of color vision.
_WARM: Final = (0.74, 0.67)  # direction in a*, b*: speaks for the emotion
_COOL: Final = (0.17, -0.98)  # speaks against it
_CHROMA: Final = 58.0  # the most that a screen shows of both at each lightness from
_DARKEST: Final = 44.0  # L* of black to
_LIGHTEST: Final = 76.0  # that of white
_SMOOTH_PX: Final = 2.0  # of 48: patches have edges that the face has not


def heat_scale(heat: Heat) -> float:
    """What the strongest color stands for: the largest share, but not less than `LEAST_SCALE`."""
    return max(float(np.abs(heat).max()), LEAST_SCALE)


def color_heat(gray: NDArray[np.uint8], heat: NDArray[np.float32], scale: float) -> Image:
    """Lay heat over a gray image: warm where it speaks for the emotion, blue where against it.

    Args:
        gray: (H, W) uint8.
        heat: (H, W) float32, -1 to 1.
        scale: the heat that gets the strongest color; what is beyond gets it, too.
    Returns:
        (H, W, 3) uint8, RGB.
    Raises:
        OptionError: `scale` is not above 0, or the two differ in shape.
    """
    if not scale > 0.0:
        raise OptionError(f"expected more than 0; got {scale}", argument="scale")
    if gray.shape != heat.shape:
        raise OptionError(f"expected heat of the image's shape, {gray.shape}; got {heat.shape}")
    strength = np.clip(heat / scale, -1.0, 1.0)[:, :, None].astype(np.float32)
    hue = np.where(strength > 0.0, np.array(_WARM, np.float32), np.array(_COOL, np.float32))
    lightness = _DARKEST + (_LIGHTEST - _DARKEST) * gray.astype(np.float32) / 255.0
    lab = np.dstack([lightness, _CHROMA * np.abs(strength) * hue])
    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(np.round(255.0 * rgb), 0, 255), dtype=np.uint8)


def draw_explanation(explanation: Explanation) -> Image:
    """The face, the same under its heat, what the colors mean, and what covering each part does.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    left, right, top = _PAD_PX, 2 * _PAD_PX + _PANE_PX, 104
    below = top + _PANE_PX
    sheet = PILImage.new("RGB", (right + _PANE_PX + _PAD_PX, below + 226), _WHITE)
    draw = ImageDraw.Draw(sheet)
    _draw_heading(draw, explanation, left)
    _write(draw, left, 88, "what the network sees", 16, "ls", _DIM)
    _write(draw, right, 88, "what its reading rests on", 16, "ls", _DIM)
    scale = heat_scale(explanation.heat)
    face = _enlarge(explanation.crop.astype(np.float32))
    gray = np.clip(np.round(face), 0, 255).astype(np.uint8)
    sheet.paste(PILImage.fromarray(gray).convert("RGB"), (left, top))
    smooth = cv2.GaussianBlur(explanation.heat, (0, 0), _SMOOTH_PX, borderType=cv2.BORDER_REPLICATE)
    colored = color_heat(gray, _enlarge(np.asarray(smooth, np.float32)), scale)
    sheet.paste(PILImage.fromarray(colored), (right, top))

    _draw_parts(draw, explanation, left, below + 20)
    ramp = np.linspace(-scale, scale, _PANE_PX, dtype=np.float32)[None].repeat(16, 0)
    bar = color_heat(np.full(ramp.shape, 160, np.uint8), ramp, scale)
    sheet.paste(PILImage.fromarray(bar), (right, below + 20))
    _draw_scale(draw, scale, right, below + 44)
    return np.asarray(sheet)


def save_explanation(explanation: Explanation, path: Path) -> None:
    """Write the image, whole or not at all; errors as of `check_image_name` and `write_image`."""
    check_image_name(path)
    write_image(path, draw_explanation(explanation))


def check_image_name(path: Path, *, original: Path | None = None) -> None:
    """Say before any work whether an image can have this name.

    Raises:
        OptionError: the name ends neither in .png nor in .jpg or .jpeg.
        OutputError: it would replace `original`.
    """
    if path.suffix.lower() not in _ENDINGS:
        raise OptionError(f"{path}: expected a name that ends in {', '.join(_ENDINGS)}")
    if original is not None and path.resolve() == original.resolve():
        raise OutputError(f"{path}: the heat map would replace the image that was given")


def _write(
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    words: str,
    size_px: int,
    anchor: str,
    ink: tuple[int, int, int] = _INK,
) -> None:
    draw.text((x, y), words, font=_font(size_px), fill=ink, anchor=anchor)


def _draw_heading(draw: ImageDraw.ImageDraw, explanation: Explanation, left: int) -> None:
    draw.rounded_rectangle((left, 24, left + 8, 52), 3, fill=COLORS[explanation.emotion])
    heading = f"{explanation.emotion} {explanation.probability:.1%}"
    _write(draw, left + 20, 47, heading, 28, "ls")
    reading = explanation.reading
    if reading is not None and reading.emotion != explanation.emotion:
        end = left + 20 + _font(28).getlength(heading)
        said = f"the face is read as {reading.emotion}, {reading.probability:.1%}"
        _write(draw, end + 16, 47, said, 16, "ls", _DIM)


def _draw_parts(draw: ImageDraw.ImageDraw, explanation: Explanation, left: int, top: int) -> None:
    """What the probability is with each part of the face covered, a bar for each."""
    bar_left, bar_right = left + 150, left + _PANE_PX - 60
    _write(draw, left, top, f"{explanation.emotion}, covered:", 15, "lt", _DIM)
    rows = [("nothing", explanation.probability)]
    rows += [(part.name, part.probability) for part in explanation.parts]
    for row, (name, probability) in enumerate(rows):
        middle = top + 40 + 27 * row
        _write(draw, left, middle, name, 15, "lm")
        draw.rounded_rectangle((bar_left, middle - 5, bar_right, middle + 5), 5, fill=_TRACK)
        end = bar_left + round((bar_right - bar_left) * probability)
        if end - bar_left >= 10:  # narrower would not be round
            filled = (bar_left, middle - 5, end, middle + 5)
            draw.rounded_rectangle(filled, 5, fill=COLORS[explanation.emotion])
        _write(draw, left + _PANE_PX, middle, f"{probability:.1%}", 15, "rm")


def _draw_scale(draw: ImageDraw.ImageDraw, scale: float, left: int, top: int) -> None:
    """The words below the bar of colors."""
    right = left + _PANE_PX
    _write(draw, left, top, f"-{scale:.0%}", 15, "lt")
    _write(draw, left + _PANE_PX // 2, top, "0", 15, "mt")
    _write(draw, right, top, f"{scale:.0%}", 15, "rt")
    _write(draw, left, top + 22, "speaks against it", 15, "lt", _DIM)
    _write(draw, right, top + 22, "speaks for it", 15, "rt", _DIM)
    lines = (
        "How much of the probability rests on a place: what is lost",
        "when it is covered, and won when it alone is shown. It tells",
        "what the network looks at, not what the person feels.",
    )
    for row, line in enumerate(lines):
        _write(draw, left, top + 66 + 22 * row, line, 14, "lt", _DIM)


def _enlarge(values: NDArray[np.float32]) -> NDArray[np.float32]:
    size = (_PANE_PX, _PANE_PX)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_CUBIC), dtype=np.float32)
