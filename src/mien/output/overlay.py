"""Readings -> an annotated copy of the image."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mien.labels import COLORS, EMOTIONS
from mien.opencv import cv2
from mien.readings import Box, Image, Reading, check_image

if TYPE_CHECKING:
    from PIL import ImageFont

_PANEL: Final = (24, 26, 30)  # behind the bars
_OPACITY: Final = 209 / 255  # of the panel
_TRACK: Final = (62, 66, 74)  # of a bar, behind its filled part
_WHITE: Final = (255, 255, 255)
_DIM: Final = (196, 200, 206)
_BLACK: Final = (20, 20, 20)
_UNSURE: Final = (236, 238, 241)  # lighter than any emotion's color; edged, to be seen on white
_MIN_BARS_PX: Final = 72.0  # smaller faces get their label alone
_SIDES: Final = 8  # places beside a face; see `_spot`
_TRIES: Final = ((1.0, False), (0.7, False), (0.5, False), (0.0, False))
"""Of letters of bars, until all faces have some: how large, and whether with room to spare."""
_TRIES_OF_VIDEOS: Final = ((1.0, True), (0.7, True), (0.5, True), (0.0, True), (0.0, False))
_PLAY: Final = 0.8  # sizes between this share and the whole change nothing from frame to frame
_REST_FRAMES: Final = 25
_MOST_KEPT: Final = 64  # faces of a video that are remembered


def annotate(image: Image, readings: Sequence[Reading], *, bars: bool = True) -> Image:
    """Draw each face's box, its emotion and, where there is room, its seven probabilities.

    A reading that is unsure has a white box with a dark edge, and the word in place of an emotion.
    Where there are several, each has its number, from 1, as tables count them: "2 happy 93%". One
    of a video or a camera has the number of the person there. For the frames of these, in which
    what is drawn is to stay where it is, there is `Annotator`.

    Args:
        image: (H, W, 3) uint8, RGB; stays as it is.
        readings: of this image.
        bars: draw the probabilities of faces that are large enough, where they hide no other face.
    Returns:
        (H, W, 3) uint8, RGB.
    Raises:
        ImageError: `image` is not (H, W, 3) uint8; the message says what it is.
    """
    return Annotator(bars=bars)(image, readings)


class Annotator:
    """Draws as `annotate` does into frames that follow each other, one video each.

    The label and the bars of a person keep their side and the size of their letters as long as
    they hide no face there. Bars for which there is no more room come back after a second, when
    there is a good deal of it, so that they do not flicker.

    Args:
        bars: as for `annotate`.
    """

    def __init__(self, *, bars: bool = True) -> None:
        self._bars = bars
        self._kept: dict[int, _Layout] = {}

    def __call__(self, image: Image, readings: Sequence[Reading]) -> Image:
        """The next frame, annotated: (H, W, 3) uint8, RGB; `image` stays as it is."""
        canvas = np.array(image, order="C")
        check_image(canvas)
        size = canvas.shape[1], canvas.shape[0]
        line_px = max(2, round(min(size) / 220))
        layouts = [self._layout(reading, size) for reading in readings]
        taken = [reading.box for reading in readings]  # what later marks should not hide
        # The surest face is drawn last, on top.
        for reading in reversed(readings):
            _draw_box(canvas, reading, line_px)
        for row in reversed(range(len(readings))):
            text = _text(readings[row], row + 1 if len(readings) > 1 else None)
            taken.append(_draw_label(canvas, readings[row], text, layouts[row], taken))
        if self._bars:
            for row, spot in _place_bars(readings, layouts, taken, size).items():
                _draw_bars(canvas, readings[row], spot)
        return canvas

    def _layout(self, reading: Reading, size: tuple[int, int]) -> "_Layout":
        track = getattr(reading, "track", None)
        font_px = _font_px(reading, size)
        if track is None:
            return _Layout(font_px)
        layout = self._kept.pop(track, None) or _Layout(font_px)
        self._kept[track] = layout  # the latest is the last
        if len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        if not _PLAY < font_px / layout.font_px < 1 / _PLAY:
            layout.font_px = font_px
        return layout


@dataclass(frozen=True)
class _Spot:
    """Where bars are."""

    font_px: int  # of their letters
    side: int  # of the face, as `_spot` counts it
    place: Box


@dataclass
class _Layout:
    """How what belongs to a face is laid out, from frame to frame."""

    font_px: int  # of the label's letters
    corner: int = 0  # of the box, at which the label is, as `_draw_label` counts them
    bars: _Spot | None = None  # where they are; None without room
    is_new: bool = True  # room for bars was not looked for yet
    rests: int = 0  # frames for which bars that had no room any more stay away


def _width(box: Box) -> float:
    return box[2] - box[0]


@lru_cache(maxsize=32)
def font_of(size_px: int) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    """The letters of labels, in a size."""
    from PIL import ImageFont

    return ImageFont.load_default(size_px)


def _font_px(reading: Reading, image: tuple[int, int]) -> int:
    """Grows with the face, and stays readable when the image is fitted to a screen."""
    high = max(30.0, min(image) / 24)
    return round(min(max(_width(reading.box) / 6.5, _least_px(image)), high))


def _draw_box(canvas: Image, reading: Reading, line_px: int) -> None:
    from PIL import Image as PILImage
    from PIL import ImageDraw

    # Pillow draws into copies alone: of the face's surroundings, not of the whole image.
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


def _text(reading: Reading, number: int | None) -> str:
    # "unsure 40%" would say that it is the doubt that has 40 %.
    text = reading.caption + ("" if reading.unsure else f" {reading.probability:.0%}")
    number = getattr(reading, "track", number)
    return text if number is None else f"{number} {text}"


def _draw_label(
    canvas: Image, reading: Reading, text: str, layout: _Layout, taken: Sequence[Box]
) -> Box:
    """Draw the emotion and its probability; gives the place of the plate."""
    size = canvas.shape[1], canvas.shape[0]
    edge = _BLACK if reading.unsure else None
    for font_px in range(layout.font_px, 0, -1):
        pixels, mask = _plate(text, font_px, _color(reading), edge)
        if mask.shape[1] <= size[0]:  # cut off, "94%" would be read as 9
            break
    height, width = mask.shape
    x0, y0, x1, y1 = reading.box
    corners = ((x0, y0 - height), (x0, y1), (x1 - width, y0 - height), (x1 - width, y1), (x0, y0))
    places = [_inside(x, y, width, height, size) for x, y in corners]
    others = [box for box in taken if box != reading.box]
    kept = layout.corner  # in a video it stays until another hides clearly less
    if _hides(places[kept], others):
        hidden = _hidden(places, others)
        hidden[kept] *= _PLAY
        layout.corner = min(range(len(places)), key=lambda i: (hidden[i], i != kept))
    place = places[layout.corner]
    # On whole pixels letters are sharp, and do not shimmer in a video.
    left, top = round(place[0]), round(place[1])
    part = canvas[top : top + height, left : left + width]
    down, across = part.shape[:2]  # the image may be smaller than the plate
    cv2.copyTo(pixels[:down, :across], mask[:down, :across], part)
    return place


@lru_cache(maxsize=128)  # a video shows the same few again and again
def _plate(
    text: str, font_px: int, color: tuple[int, int, int], edge: tuple[int, int, int] | None
) -> tuple[Image, NDArray[np.uint8]]:
    """A label, ready to be laid on an image, and (h, w), 0 outside its rounded corners."""
    from PIL import Image as PILImage
    from PIL import ImageDraw

    font = font_of(font_px)
    pad = max(2, round(font_px / 4))
    left, top, right, bottom = font.getbbox(text)
    size = math.ceil(right - left) + 2 * pad, math.ceil(bottom - top) + 2 * pad
    corner = (0, 0, size[0] - 1, size[1] - 1)
    pixels, mask = PILImage.new("RGB", size), PILImage.new("L", size)
    draw = ImageDraw.Draw(pixels)
    draw.rounded_rectangle(corner, radius=pad, fill=color, outline=edge)
    red, green, blue = color
    ink = _BLACK if 0.299 * red + 0.587 * green + 0.114 * blue > 150 else _WHITE
    draw.text((pad - left, pad - top), text, font=font, fill=ink)
    ImageDraw.Draw(mask).rounded_rectangle(corner, radius=pad, fill=255)
    return np.array(pixels), np.array(mask)


def _place_bars(
    readings: Sequence[Reading],
    layouts: Sequence[_Layout],
    taken: Sequence[Box],
    size: tuple[int, int],
) -> dict[int, _Spot]:
    """Where the bars of each face are, by its row; one without room has none.

    What was there before stays. The others get letters in keeping with their faces, or smaller
    ones where that makes room for more of them.
    """
    kept: dict[int, _Spot] = {}
    wanted, returning = [], []
    for row, (reading, layout) in enumerate(zip(readings, layouts, strict=True)):
        x0, y0, x1, y1 = reading.box
        face_px = min(x1 - x0, y1 - y0)
        if face_px < _MIN_BARS_PX * (_PLAY if layout.bars else 1.0):
            layout.bars = None
            continue
        if spot := _kept_spot(reading.box, layout, _with(taken, kept), size):
            kept[row] = spot
        elif layout.is_new or layout.bars:
            wanted.append(row)
        elif layout.rests:
            layout.rests -= 1
        else:
            returning.append(row)
        if layout.bars:
            layout.rests = _REST_FRAMES
        layout.bars, layout.is_new = None, False
    best = kept
    moves = any(hasattr(reading, "track") for reading in readings)
    for shrink, spare in _TRIES_OF_VIDEOS if moves else _TRIES:
        if len(best) == len(kept) + len(wanted) + len(returning):
            break
        spots = dict(kept)
        for row in (*wanted, *returning):
            is_back = row in returning
            fonts = _bars_px(0.0 if is_back else layouts[row].font_px * shrink, size)
            box, now = readings[row].box, _with(taken, spots)
            if spot := _find_spot(box, fonts, now, size, spare=spare or is_back):
                spots[row] = spot
        if len(spots) > len(best):
            best = spots
    for row, spot in best.items():
        layouts[row].bars = spot
    return best


def _with(taken: Sequence[Box], spots: dict[int, _Spot]) -> list[Box]:
    return [*taken, *(spot.place for spot in spots.values())]


def _least_px(image: tuple[int, int]) -> float:
    """The smallest letters that stay readable when the image is fitted to a screen."""
    return max(11.0, min(image) / 45)


def _bars_px(label_px: float, image: tuple[int, int]) -> list[int]:
    """Sizes of letters for bars beside a label, from those that go with it to the smallest."""
    least, px = max(10, round(0.8 * _least_px(image))), round(0.8 * label_px)
    sizes = []
    while px > least:
        sizes.append(px)
        px = min(round(0.8 * px), px - 1)
    return [*sizes, least]


def _kept_spot(
    box: Box, layout: _Layout, taken: Sequence[Box], size: tuple[int, int]
) -> _Spot | None:
    """Where bars stay; None where there were none, or is no room any more."""
    if layout.bars is None:
        return None
    font_px, side = layout.bars.font_px, layout.bars.side
    wanted_px, spot = _bars_px(layout.font_px, size)[0], None
    if not 2 / 3 < wanted_px / font_px < 3 / 2:  # the face came nearer, or went away
        spot = _roomy_spot(box, wanted_px, side, taken, size)
    return spot or _spot(box, font_px, side, taken, size)


def _find_spot(
    box: Box, fonts: Sequence[int], taken: Sequence[Box], size: tuple[int, int], *, spare: bool
) -> _Spot | None:
    """The first side with room for the largest letters; with `spare`, for even larger ones."""
    place = _roomy_spot if spare else _spot
    spots = (place(box, px, side, taken, size) for px in fonts for side in range(_SIDES))
    return next((spot for spot in spots if spot), None)


def _roomy_spot(
    box: Box, font_px: int, side: int, taken: Sequence[Box], image: tuple[int, int]
) -> _Spot | None:
    """As `_spot`; None, too, where a step of the face or its neighbor would take the room."""
    if _spot(box, round(font_px / _PLAY), side, taken, image) is None:
        return None
    return _spot(box, font_px, side, taken, image)


def _spot(
    box: Box, font_px: int, side: int, taken: Sequence[Box], image: tuple[int, int]
) -> _Spot | None:
    """The place of bars on one side of a face; None where they hide something."""
    sheet = _sheet(font_px)
    pad, height, width = sheet.pad, *sheet.pixels.shape[:2]
    if width > image[0] or height > image[1]:
        return None
    x0, y0, x1, y1 = box
    right, left, below, above = x1 + pad, x0 - pad - width, y1 + pad, y0 - pad - height
    x, y = (
        *((right, y0), (left, y0), (x0, below), (x1 - width, below)),
        *((right, y1 - height), (left, y1 - height), (x0, above), (x1 - width, above)),
    )[side]
    place = _inside(x, y, width, height, image)
    return None if _hides(place, taken) else _Spot(font_px, side, place)


def _draw_bars(canvas: Image, reading: Reading, spot: _Spot) -> None:
    """Draw the seven probabilities beside a face."""
    sheet = _sheet(spot.font_px)
    panel = sheet.pixels.copy()
    for row, (label, probability) in enumerate(reading.by_emotion().items()):
        filled, is_shown = round(sheet.bar_px * probability), label == reading.caption
        top = sheet.pad + row * sheet.row_px
        panel[top : top + sheet.row_px] = _bar(
            sheet.font_px, label, filled, f"{probability:.0%}", is_shown
        )
    height, width = panel.shape[:2]
    left, top = round(spot.place[0]), round(spot.place[1])
    part = canvas[top : top + height, left : left + width]
    cv2.copyTo(cv2.addWeighted(part, 1.0 - _OPACITY, panel, _OPACITY, 0.0), sheet.mask, part)


@dataclass(frozen=True, eq=False)
class _Sheet:
    """A panel for the bars of one size of letters, still without them; lengths in pixels."""

    pixels: Image
    mask: NDArray[np.uint8]  # (h, w), 0 outside its rounded corners
    font_px: int
    pad: int  # between things
    row_px: int  # height of a row
    names_px: int  # width of the longest name
    bar_px: int  # width of a whole bar


@lru_cache(maxsize=32)
def _sheet(font_px: int) -> _Sheet:
    from PIL import Image as PILImage
    from PIL import ImageDraw

    font = font_of(font_px)
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


@lru_cache(maxsize=256)  # in a video most come again; 3 MB of them at 1280 x 720, 22 MB at 4K
def _bar(font_px: int, label: str, filled: int, percent: str, is_shown: bool) -> Image:
    """One row of a panel: (h, w, 3) uint8, RGB."""
    from PIL import Image as PILImage
    from PIL import ImageDraw

    sheet, font = _sheet(font_px), font_of(font_px)
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


def _inside(x: float, y: float, width: float, height: float, image: tuple[int, int]) -> Box:
    """A rectangle moved as little as brings it into the image."""
    x = max(min(x, image[0] - width), 0.0)
    y = max(min(y, image[1] - height), 0.0)
    return x, y, x + width, y + height


def _hides(mark: Box, others: Sequence[Box]) -> bool:
    return any(
        mark[0] < box[2] and box[0] < mark[2] and mark[1] < box[3] and box[1] < mark[3]
        for box in others
    )


def _hidden(marks: Sequence[Box], others: Sequence[Box]) -> NDArray[np.float64]:
    """(M,): how much of others each mark hides, in square pixels."""
    one, two = np.array(marks, np.float64)[:, None], np.array(others, np.float64)
    shared = np.minimum(one[..., 2:], two[:, 2:]) - np.maximum(one[..., :2], two[:, :2])
    return np.asarray(np.maximum(shared, 0.0).prod(axis=2).sum(axis=1), np.float64)


def _color(reading: Reading) -> tuple[int, int, int]:
    return _UNSURE if reading.unsure else COLORS[reading.emotion]
