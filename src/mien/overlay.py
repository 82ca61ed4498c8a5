"""Readings -> an annotated copy of the picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.faces import Box
from mien.images import Image
from mien.labels import COLORS, EMOTIONS
from mien.recognizer import Reading

if TYPE_CHECKING:
    from PIL import ImageFont

_PANEL: Final = (24, 26, 30)  # behind the bars
_OPACITY: Final = 209 / 255  # of the panel
_TRACK: Final = (62, 66, 74)  # of a bar, behind its filled part
_WHITE: Final = (255, 255, 255)
_DIM: Final = (196, 200, 206)
_BLACK: Final = (20, 20, 20)
_UNSURE: Final = (236, 238, 241)  # lighter than any emotion's colour; edged, to be seen on white
_MIN_BARS_PX: Final = 72.0  # smaller faces get their label alone


def annotate(image: Image, readings: Sequence[Reading], *, bars: bool = True) -> Image:
    """Draw each face's box, its emotion and, where there is room, its seven probabilities.

    A reading that is unsure has a white box with a dark edge, and the word in place of an emotion.
    One of a film or a camera has the number of the person before it: "2 happy 93%".

    Args:
        image: (H, W, 3) uint8, RGB; stays as it is.
        readings: of this picture.
        bars: draw the probabilities of faces that are large enough, where they hide no other face.
    Returns:
        (H, W, 3) uint8, RGB.
    """
    canvas = np.array(image, order="C")
    size = canvas.shape[1], canvas.shape[0]
    line_px = max(2, round(min(size) / 220))
    taken = [reading.box for reading in readings]  # what later marks should not hide
    # The surest face is drawn last, on top.
    for reading in reversed(readings):
        _draw_box(canvas, reading, line_px)
    for reading in reversed(readings):
        taken.append(_draw_label(canvas, reading, taken))
    for reading in readings:
        face_px = min(_width(reading.box), _height(reading.box))
        if bars and face_px >= _MIN_BARS_PX and (panel := _draw_bars(canvas, reading, taken)):
            taken.append(panel)
    return canvas


def _width(box: Box) -> float:
    return box[2] - box[0]


def _height(box: Box) -> float:
    return box[3] - box[1]


@lru_cache(maxsize=32)
def _font(size_px: int) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    from PIL import ImageFont

    return ImageFont.load_default(size_px)


def _font_px(reading: Reading, picture: tuple[int, int]) -> int:
    """Grows with the face, and stays readable when the picture is fitted to a screen."""
    low = max(11.0, min(picture) / 45)
    high = max(30.0, min(picture) / 24)
    return round(min(max(_width(reading.box) / 6.5, low), high))


def _draw_box(canvas: Image, reading: Reading, line_px: int) -> None:
    from PIL import Image as PILImage
    from PIL import ImageDraw

    # Pillow draws into copies alone: of the face's surroundings, not of the whole picture.
    x0, y0, x1, y1 = reading.box
    left, top = max(0, math.floor(x0) - 2), max(0, math.floor(y0) - 2)
    part = canvas[top : max(0, math.ceil(y1) + 3), left : max(0, math.ceil(x1) + 3)]
    if not part.size:
        return
    x0, y0, x1, y1 = box = (x0 - left, y0 - top, x1 - left, y1 - top)
    drawn = PILImage.fromarray(part)
    draw = ImageDraw.Draw(drawn)
    radius = max(2, round(_width(box) / 24))
    if reading.unsure:
        edge = (x0 - 1, y0 - 1, x1 + 1, y1 + 1)
        draw.rounded_rectangle(edge, radius + 1, outline=_BLACK, width=line_px + 2)
    draw.rounded_rectangle(box, radius, outline=_color(reading), width=line_px)
    part[:] = np.asarray(drawn)


def _draw_label(canvas: Image, reading: Reading, taken: Sequence[Box]) -> Box:
    """Draw the emotion and its probability; gives the place of the plate."""
    size = canvas.shape[1], canvas.shape[0]
    # "unsure 40%" would say that it is the doubt that has 40 %.
    text = reading.caption + ("" if reading.unsure else f" {reading.probability:.0%}")
    if (track := getattr(reading, "track", None)) is not None:
        text = f"{track} {text}"
    edge = _BLACK if reading.unsure else None
    plate = _plate(text, _font_px(reading, size), _color(reading), edge)
    height, width = plate.pixels.shape[:2]
    x0, y0, x1, y1 = reading.box
    corners = ((x0, y0 - height), (x0, y1), (x1 - width, y0 - height), (x1 - width, y1), (x0, y0))
    places = [_inside(x, y, width, height, size) for x, y in corners]
    others = [box for box in taken if box != reading.box]
    place = next((p for p in places if not _hides(p, others)), places[0])
    # On whole pixels letters are sharp, and do not shimmer in a film.
    left, top = round(place[0]), round(place[1])
    part = canvas[top : top + height, left : left + width]
    down, across = part.shape[:2]  # the picture may be smaller than the plate
    cv2.copyTo(plate.pixels[:down, :across], plate.mask[:down, :across], part)
    return place


@dataclass(frozen=True)
class _Plate:
    """A label, ready to be laid on a picture.

    Attributes:
        pixels: (h, w, 3) uint8, RGB.
        mask: (h, w) uint8, 0 outside its rounded corners.
    """

    pixels: Image
    mask: NDArray[np.uint8]


@lru_cache(maxsize=128)  # a film shows the same few again and again
def _plate(
    text: str, font_px: int, color: tuple[int, int, int], edge: tuple[int, int, int] | None
) -> _Plate:
    from PIL import Image as PILImage
    from PIL import ImageDraw

    font = _font(font_px)
    pad = max(2, round(font_px / 4))
    left, top, right, bottom = font.getbbox(text)
    size = math.ceil(right - left) + 2 * pad, math.ceil(bottom - top) + 2 * pad
    corner = (0, 0, size[0] - 1, size[1] - 1)
    pixels, mask = PILImage.new("RGB", size), PILImage.new("L", size)
    draw = ImageDraw.Draw(pixels)
    draw.rounded_rectangle(corner, radius=pad, fill=color, outline=edge)
    ink = _BLACK if _is_light(color) else _WHITE
    draw.text((pad - left, pad - top), text, font=font, fill=ink)
    ImageDraw.Draw(mask).rounded_rectangle(corner, radius=pad, fill=255)
    return _Plate(np.array(pixels), np.array(mask))


def _draw_bars(canvas: Image, reading: Reading, taken: Sequence[Box]) -> Box | None:
    """Draw the seven probabilities beside a face; gives the panel's place, None without room."""
    size = canvas.shape[1], canvas.shape[0]
    sheet = _sheet(max(10, round(_font_px(reading, size) * 0.8)))
    pad, height, width = sheet.pad, *sheet.pixels.shape[:2]
    if width > size[0] or height > size[1]:
        return None
    x0, y0, x1, y1 = reading.box
    corners = ((x1 + pad, y0), (x0 - pad - width, y0), (x0, y1 + pad), (x1 - width, y1 + pad))
    places = (_inside(x, y, width, height, size) for x, y in corners)
    place = next((p for p in places if not _hides(p, taken)), None)
    if place is None:
        return None

    panel = sheet.pixels.copy()
    for row, (label, probability) in enumerate(reading.by_emotion().items()):
        filled, is_shown = round(sheet.bar_px * probability), label == reading.caption
        top = pad + row * sheet.row_px
        panel[top : top + sheet.row_px] = _bar(
            sheet.font_px, label, filled, f"{probability:.0%}", is_shown
        )
    left, top = round(place[0]), round(place[1])
    part = canvas[top : top + height, left : left + width]
    cv2.copyTo(cv2.addWeighted(part, 1.0 - _OPACITY, panel, _OPACITY, 0.0), sheet.mask, part)
    return place


@dataclass(frozen=True)
class _Sheet:
    """A panel for the bars of one size of letters, still without them.

    Attributes:
        pixels: (h, w, 3) uint8, RGB.
        mask: (h, w) uint8, 0 outside its rounded corners.
        font_px: size of the letters.
        pad: between things, in pixels, as are the next.
        row_px: height of a row.
        names_px: width of the longest name.
        bar_px: width of a whole bar.
    """

    pixels: Image
    mask: NDArray[np.uint8]
    font_px: int
    pad: int
    row_px: int
    names_px: int
    bar_px: int


@lru_cache(maxsize=32)
def _sheet(font_px: int) -> _Sheet:
    from PIL import Image as PILImage
    from PIL import ImageDraw

    font = _font(font_px)
    row_px = round(font_px * 1.45)
    pad = round(font_px * 0.6)
    names_px = max(round(font.getlength(label)) for label in EMOTIONS)
    bar_px = round(font_px * 5)
    width = names_px + bar_px + round(font.getlength("100%")) + 4 * pad
    height = row_px * len(EMOTIONS) + 2 * pad
    mask = PILImage.new("L", (width, height))
    corner = (0, 0, width - 1, height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(corner, pad, fill=255)
    pixels = np.full((height, width, 3), _PANEL, np.uint8)
    return _Sheet(pixels, np.array(mask), font_px, pad, row_px, names_px, bar_px)


@lru_cache(maxsize=256)  # in a film most come again; 3 MB of them at 1280 x 720, 22 MB at 4K
def _bar(font_px: int, label: str, filled: int, percent: str, is_shown: bool) -> Image:
    """One row of a panel: (h, w, 3) uint8, RGB."""
    from PIL import Image as PILImage
    from PIL import ImageDraw

    sheet, font = _sheet(font_px), _font(font_px)
    width = sheet.pixels.shape[1]
    pixels = PILImage.new("RGB", (width, sheet.row_px), _PANEL)
    draw = ImageDraw.Draw(pixels)
    middle = sheet.row_px // 2
    ink = _WHITE if is_shown else _DIM
    draw.text((sheet.pad, middle), label, font=font, fill=ink, anchor="lm")
    left, thick = sheet.names_px + 2 * sheet.pad, round(font_px * 0.3)
    top, bottom = middle - thick, middle + thick
    draw.rounded_rectangle((left, top, left + sheet.bar_px, bottom), thick, fill=_TRACK)
    if filled:
        end = left + max(filled, 2 * thick)
        draw.rounded_rectangle((left, top, end, bottom), thick, fill=COLORS[label])
    draw.text((width - sheet.pad, middle), percent, font=font, fill=ink, anchor="rm")
    return np.array(pixels)


def _inside(x: float, y: float, width: float, height: float, picture: tuple[int, int]) -> Box:
    """A rectangle moved as little as brings it into the picture."""
    x = max(min(x, picture[0] - width), 0.0)
    y = max(min(y, picture[1] - height), 0.0)
    return x, y, x + width, y + height


def _hides(mark: Box, others: Sequence[Box]) -> bool:
    return any(
        mark[0] < box[2] and box[0] < mark[2] and mark[1] < box[3] and box[1] < mark[3]
        for box in others
    )


def _color(reading: Reading) -> tuple[int, int, int]:
    return _UNSURE if reading.unsure else COLORS[reading.emotion]


def _is_light(color: tuple[int, int, int]) -> bool:
    red, green, blue = color
    return 0.299 * red + 0.587 * green + 0.114 * blue > 150
