"""A video for Chromium's fake camera: a public-domain portrait that moves."""

import math
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mien.recognize.images import load_image

PORTRAIT: Final = Path(__file__).resolve().parents[2] / "examples" / "astronaut.jpg"
FRAMES: Final = 60  # two seconds, after which Chromium begins anew
FACE: Final = (225.0, 118.0)  # the middle of the portrait's face, in its pixels


def camera_frame(
    number: int, *, width: int = 640, height: int = 480, face_px: float = 150.0
) -> bytes:
    """One JPEG of the portrait on its way around a small circle.

    Args:
        number: of the frame, from 0; `FRAMES` of them make a whole turn.
        width: of the image in pixels, as is `height`.
        height: see there.
        face_px: width of the face; about 100 in the portrait itself.
    """
    portrait = cv2.cvtColor(load_image(PORTRAIT), cv2.COLOR_RGB2BGR)
    angle = 2 * math.pi * number / FRAMES
    scale = face_px / 100.0
    x = width / 2 + 30 * math.cos(angle) - scale * FACE[0]
    y = 0.37 * height + 18 * math.sin(angle) - scale * FACE[1]
    shift = np.array([[scale, 0, x], [0, scale, y]], np.float32)
    drawn = cv2.warpAffine(portrait, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
    _, content = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return content.tobytes()


def write_camera_video(path: Path) -> Path:
    """Write what `--use-file-for-fake-video-capture` takes: JPEGs one after the other."""
    path.write_bytes(b"".join(camera_frame(number) for number in range(FRAMES)))
    return path
