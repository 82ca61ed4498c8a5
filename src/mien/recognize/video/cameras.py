"""Cameras, through OpenCV, which numbers them alike on every system."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from mien.errors import VideoError
from mien.readings import Image

TRIES: Final = 30
"""Reads without an image before a camera counts as gone."""


class Camera:
    """A camera through OpenCV, which numbers them alike on every system."""

    def __init__(self, number: int) -> None:
        self.name = f"camera {number}"
        devices = sorted(Path("/dev").glob("video*")) if sys.platform == "linux" else []
        if sys.platform == "linux" and Path(f"/dev/video{number}") not in devices:
            there = ", ".join(str(device) for device in devices) or "none"
            raise VideoError(f"{self.name}: it is not connected; cameras that are: {there}")
        with _quiet_opencv():
            self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise VideoError(
                f"{self.name}: it cannot be opened; it is not connected, in use by another "
                "program, or this user may not open it"
            )

    def read(self) -> Image:
        """The next image; waits for it."""
        for _ in range(TRIES):
            with _quiet_opencv():
                taken, image = self._capture.read()
            if taken and image is not None and image.size:
                return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
            time.sleep(0.02)
        raise VideoError(
            f"{self.name}: it gives no more images; it was unplugged, or another program took it"
        )

    @property
    def frame_rate(self) -> float | None:
        """Images per second as the camera tells it, or None."""
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        return rate if 0 < rate < 1000 else None

    def close(self) -> None:
        """Give the camera back."""
        self._capture.release()


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Keep OpenCV's own warnings off standard error: ours say it in a sentence."""
    logging: Any = getattr(cv2.utils, "logging", None)  # not in every build
    if logging is None:
        yield
        return
    before = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(before)
