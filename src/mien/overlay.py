"""Readings -> an annotated copy of the picture."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from mien.faces import Box
from mien.images import Image
from mien.labels import COLORS, EMOTIONS
from mien.recognizer import Reading

if TYPE_CHECKING:
    from PIL import Image as PILImage
    from PIL import ImageDraw, ImageFont

_PANEL: Final = (24, 26, 30)  # behind the bars
_OPACITY: Final = 0.82  # of the panel
_TRACK: Final = (62, 66, 74)  # of a bar, behind its filled part
_WHITE: Final = (255, 255, 255)
_DIM: Final = (196, 200, 206)
_BLACK: Final = (20, 20, 20)
_UNSURE: Final = (236, 238, 241)  # lighter than any emotion's colour; edged, to be seen on white
_MIN_BARS_PX: Final = 72.0  # smaller faces get their label alone


def annotate(image: Image, readings: Sequence[Reading], *, bars: bool = True) -> Image:
    """Draw each face's box, its emotion and, where there is room, its seven probabilities.

    A reading that is unsure has a white box with a dark edge, and the word in place of an emotion.

    Args:
        image: (H, W, 3) uint8, RGB; stays as it is.
        readings: of this picture.
        bars: draw the probabilities of faces that are large enough, where they hide no other face.
    Returns:
        (H, W, 3) uint8, RGB.
    """
    from PIL import Image as PILImage
    from PIL import ImageDraw

    canvas = PILImage.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    line_px = max(2, round(min(image.shape[:2]) / 220))
    taken = [reading.box for reading in readings]  # what later marks should not hide
    # The surest face is drawn last, on top.
    for reading in reversed(readings):
        radius = max(2, round(_width(reading.box) / 24))
        if reading.unsure:
            x0, y0, x1, y1 = reading.box
            edge = (x0 - 1, y0 - 1, x1 + 1, y1 + 1)
            draw.rounded_rectangle(edge, radius + 1, outline=_BLACK, width=line_px + 2)
        draw.rounded_rectangle(reading.box, radius, outline=_color(reading), width=line_px)
    for reading in reversed(readings):
        taken.append(_draw_label(draw, reading, canvas.size, taken))
    for reading in readings:
        size = min(_width(reading.box), _height(reading.box))
        if bars and size >= _MIN_BARS_PX and (panel := _draw_bars(canvas, reading, taken)):
            taken.append(panel)
    return np.array(canvas)


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


def _draw_label(
    draw: "ImageDraw.ImageDraw",
    reading: Reading,
    picture: tuple[int, int],
    taken: Sequence[Box],
) -> Box:
    """Draw the emotion and its probability; gives the place of the plate."""
    font_px = _font_px(reading, picture)
    font = _font(font_px)
    # "unsure 40%" would say that it is the doubt that has 40 %.
    text = reading.caption + ("" if reading.unsure else f" {reading.probability:.0%}")
    pad = max(2, round(font_px / 4))
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    x0, y0, x1, y1 = reading.box
    corners = ((x0, y0 - height), (x0, y1), (x1 - width, y0 - height), (x1 - width, y1), (x0, y0))
    places = [_inside(x, y, width, height, picture) for x, y in corners]
    others = [box for box in taken if box != reading.box]
    plate = next((p for p in places if not _hides(p, others)), places[0])
    color = _color(reading)
    edge = _BLACK if reading.unsure else None
    draw.rounded_rectangle(plate, radius=pad, fill=color, outline=edge)
    ink = _BLACK if _is_light(color) else _WHITE
    draw.text((plate[0] + pad - left, plate[1] + pad - top), text, font=font, fill=ink)
    return plate


def _draw_bars(canvas: "PILImage.Image", reading: Reading, taken: Sequence[Box]) -> Box | None:
    """Draw the seven probabilities beside a face; gives the panel's place, None without room."""
    from PIL import Image as PILImage
    from PIL import ImageDraw

    font_px = max(10, round(_font_px(reading, canvas.size) * 0.8))
    font = _font(font_px)
    row_px = round(font_px * 1.45)
    pad = round(font_px * 0.6)
    names_px = max(round(font.getlength(label)) for label in EMOTIONS)
    percent_px = round(font.getlength("100%"))
    bar_px = round(font_px * 5)
    width = names_px + bar_px + percent_px + 4 * pad
    height = row_px * len(EMOTIONS) + 2 * pad
    if width > canvas.width or height > canvas.height:
        return None
    x0, y0, x1, y1 = reading.box
    corners = ((x1 + pad, y0), (x0 - pad - width, y0), (x0, y1 + pad), (x1 - width, y1 + pad))
    places = (_inside(x, y, width, height, canvas.size) for x, y in corners)
    place = next((p for p in places if not _hides(p, taken)), None)
    if place is None:
        return None

    panel = PILImage.new("RGB", (width, height), _PANEL)
    draw = ImageDraw.Draw(panel)
    for row, (label, probability) in enumerate(reading.by_emotion().items()):
        middle = pad + row * row_px + row_px // 2
        ink = _WHITE if label == reading.caption else _DIM
        draw.text((pad, middle), label, font=font, fill=ink, anchor="lm")
        left, thick = names_px + 2 * pad, round(font_px * 0.3)
        top, bottom = middle - thick, middle + thick
        draw.rounded_rectangle((left, top, left + bar_px, bottom), thick, fill=_TRACK)
        if filled := round(bar_px * probability):
            end = left + max(filled, 2 * thick)
            draw.rounded_rectangle((left, top, end, bottom), thick, fill=COLORS[label])
        draw.text((width - pad, middle), f"{probability:.0%}", font=font, fill=ink, anchor="rm")
    shape = PILImage.new("L", (width, height), 0)
    corner = (0, 0, width - 1, height - 1)
    ImageDraw.Draw(shape).rounded_rectangle(corner, pad, fill=round(255 * _OPACITY))
    canvas.paste(panel, (round(place[0]), round(place[1])), shape)
    return place


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
