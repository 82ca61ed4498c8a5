"""How a live view is shown: the line below the image, a window, stills."""

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import cv2
import numpy as np

from mien.desktop import has_screen
from mien.errors import counted
from mien.output.files import write_image, writing
from mien.output.overlay import font_of
from mien.readings import Image
from mien.rows.timeline import clock

if TYPE_CHECKING:
    from mien.recognize.video.live import LiveFrame

_BAR: Final = (24, 26, 30)
_BAR_OPACITY: Final = 0.72
_TEXT: Final = (240, 242, 245)
_DIM: Final = (176, 181, 189)
_RED: Final = (240, 72, 60)
_KEYS: Final = "s saves a still   q ends"


class Viewer(Protocol):
    """Shows frames to people, and says what they pressed."""

    def show(self, seen: "LiveFrame", *, recording_s: float | None = None) -> None:
        """Show the newest frame, and how long is recorded until now; None where nothing is."""

    def pressed(self) -> Sequence[str]:
        """The keys since it was asked last: "q", "s"."""

    def saved(self, path: Path) -> None:
        """Say where a still has been saved."""


class Window:
    """A window of OpenCV, where `why_no_window` gives no reason; closing it counts as the key "q".

    Args:
        title: at its top.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._is_open = False

    def show(self, seen: "LiveFrame", *, recording_s: float | None = None) -> None:
        """Show a frame, with a line below it that says what the keys do."""
        image = draw_status(seen, recording_s=recording_s)
        if not self._is_open:
            plain = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
            cv2.namedWindow(self._title, plain)
            cv2.resizeWindow(self._title, image.shape[1], image.shape[0])
            self._is_open = True
        cv2.imshow(self._title, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

    def pressed(self) -> Sequence[str]:
        """The keys since it was asked last; what is shown is drawn only now."""
        if not self._is_open:
            return []
        key = cv2.waitKey(1) & 0xFF
        if cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:  # it was closed
            return ["q"]
        return [] if key == 0xFF else [chr(key).lower()]

    def saved(self, path: Path) -> None:
        """Nothing: the terminal says it."""

    def close(self) -> None:
        """Take it away."""
        if self._is_open:
            with suppress(cv2.error):  # it was closed
                cv2.destroyWindow(self._title)
            cv2.waitKey(1)  # until then it stays on the screen


def why_no_window() -> str | None:
    """Why OpenCV cannot show a window, in a sentence; None if it can."""
    if not cv2.currentUIFramework():
        return (
            "this OpenCV cannot show windows; pip uninstall opencv-python-headless && pip install "
            "'opencv-python<5' gets one that can"
        )
    # Its toolkit would end the process.
    if not has_screen():
        return "there is no screen to show a window on: neither DISPLAY nor WAYLAND_DISPLAY is set"
    return None


def draw_status(seen: "LiveFrame", *, recording_s: float | None = None) -> Image:
    """Draw the line at the lower border: frames per second, latency, faces, and what keys do.

    Args:
        seen: what the line speaks of; stays as it is.
        recording_s: length of what is recorded until now; None if nothing is.
    Returns:
        (H, W, 3) uint8, RGB: `seen.drawn` with the line.
    """
    from PIL import Image as PILImage
    from PIL import ImageDraw

    height, width = seen.drawn.shape[:2]
    font_px = max(11, round(min(height, width) / 38))
    bar_px = min(height, round(font_px * 1.9))
    font = font_of(font_px)
    faces = len(seen.readings)
    parts = [f"{seen.fps:.0f} frames/s", f"{seen.latency_s * 1000:.0f} ms"]
    parts.append(counted(faces, "face"))
    if seen.dropped:
        parts.append(f"{seen.dropped} dropped")
    under = seen.drawn[height - bar_px :].astype(np.float32)
    bar = under * (1 - _BAR_OPACITY) + np.array(_BAR, np.float32) * _BAR_OPACITY
    canvas = PILImage.fromarray(bar.round().astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    middle, pad = bar_px / 2, round(font_px * 0.8)
    x = float(pad)
    if recording_s is not None:
        radius = font_px * 0.36
        draw.ellipse((x, middle - radius, x + 2 * radius, middle + radius), fill=_RED)
        parts.insert(0, f"rec {clock(recording_s)}")
        x += 2 * radius + font_px * 0.4
    text = "   ".join(parts)
    draw.text((x, middle), text, font=font, fill=_TEXT, anchor="lm")
    right = width - pad - font.getlength(_KEYS)
    if right > x + font.getlength(text) + 2 * pad:
        draw.text((right, middle), _KEYS, font=font, fill=_DIM, anchor="lm")
    drawn = seen.drawn.copy()
    drawn[height - bar_px :] = np.asarray(canvas)
    return drawn


def save_still(seen: "LiveFrame", folder: Path) -> Path:
    """Save the drawn image as `mien-DATE-TIME.png`, whole or not at all.

    Args:
        seen: what is saved.
        folder: is made.
    Returns:
        Where it is; a name that is taken gets a number.
    Raises:
        OutputError: it cannot be written.
    """
    stem = time.strftime("mien-%Y%m%d-%H%M%S")
    path, number = folder / f"{stem}.png", 1
    with writing(path):
        while path.exists():
            number += 1
            path = folder / f"{stem}-{number}.png"
    write_image(path, seen.drawn)
    return path
