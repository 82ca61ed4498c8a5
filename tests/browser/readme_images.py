"""Draws the images of README.md and docs/web.md anew.

    PYTHONPATH=tests python -m browser.readme_images

The portrait is in the public domain. In four.jpg it stands four times: as it is, with the head
tilted, in a dark room, out of focus. The camera of the page loses its focus twice, so that the last
minute has something to show.
"""

import io
import math
import tempfile
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import Image as PILImage
from PIL import ImageColor
from playwright.sync_api import Page, sync_playwright

from browser.conftest import (
    ask_why,
    launch_with_camera,
    read_notice,
    read_photo,
    start_camera,
)
from browser.fake_camera import FACE, FRAMES, PORTRAIT, camera_frame
from mien import Recognizer, annotate
from mien.labels import COLORS
from mien.readings import Image
from mien.recognize.images import load_image
from mien.recognize.video.files import VideoOptions, write_video
from mien.recognize.video.frames import frames
from mien.recognize.video.outputs import Outputs
from videos import make_video, steady_times
from web_client import ServerProcess

IMAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "images"
_SECONDS: Final = 20
_FPS: Final = 30  # of Chromium's fake camera
_BLUR_PX: Final = 9.0
_COLORS: Final = 224  # an image of fewer than 250 kB
_OWN: Final = ("#0a60ff", "#ff5400", "#2f7d32", "#79c97c")  # of the page, beside emotions
_WIDTH_PX: Final = 1000
_TILT_DEG: Final = 20.0
_THRESHOLD: Final = 0.6


def main() -> None:
    """Draw the images that need no browser, then those of the page."""
    portrait = load_image(PORTRAIT)
    recognizer = Recognizer(threshold=_THRESHOLD)
    for name, image in (("astronaut.jpg", portrait), ("four.jpg", _four_times(portrait))):
        _save_jpeg(annotate(image, recognizer(image)), IMAGES / name)
    _save_jpeg(_video_frame(portrait), IMAGES / "video.jpg")
    _draw_page()


def _four_times(portrait: Image) -> Image:
    """The portrait as it is, and as cameras often have faces."""
    turn = cv2.getRotationMatrix2D(FACE, _TILT_DEG, 1.0)
    tilted = cv2.warpAffine(
        portrait, turn, (512, 512), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    noise = np.random.default_rng(0).normal(0.0, 12.0, portrait.shape)
    dark = (0.3 * portrait + noise).clip(0, 255).astype(np.uint8)
    blurred = cv2.GaussianBlur(portrait, (0, 0), 8.5)
    views = [view[:280, 40:480] for view in (portrait, tilted, dark, blurred)]
    return np.vstack([np.hstack(views[:2]), np.hstack(views[2:])])


def _video_frame(portrait: Image) -> Image:
    """A frame of a video that `mien video --out` has drawn in: the camera goes nearer."""

    def draw(number: int) -> Image:
        near = 1.2 + 0.02 * number
        place = np.array([[near, 0, 320 - near * FACE[0]], [0, near, 170 - near * FACE[1]]])
        seen = cv2.warpAffine(portrait, place, (640, 360), borderMode=cv2.BORDER_REFLECT)
        return seen.astype(np.uint8)

    with tempfile.TemporaryDirectory() as folder:
        video, seen = Path(folder) / "video.mp4", Path(folder) / "seen.mp4"
        make_video(video, draw, times_s=steady_times(25))
        write_video(Recognizer(), video, Outputs(video=seen), VideoOptions())
        *_, last = frames(seen)
    return last.image


def _draw_page() -> None:
    """Start a server, show it the portrait, and keep what the page shows."""
    with (
        ServerProcess() as server,
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        launch_with_camera(playwright, _write_video(Path(folder) / "camera.mjpeg")) as browser,
    ):
        for name, scheme, lowest, show in (
            ("web-webcam.png", "dark", "#webcam-minute", _show_webcam),
            ("web-photo.png", "light", "#photo-stage", _show_photo),
        ):
            page = browser.new_page(
                viewport={"width": 1240, "height": 860},
                color_scheme=scheme,  # type: ignore[arg-type]
            )
            page.goto(server.address)
            read_notice(page)
            show(page)
            box = page.locator(lowest).bounding_box()
            assert box is not None
            height = box["y"] + box["height"] + 20
            clip = {"x": 0.0, "y": 0.0, "width": 1240.0, "height": height}
            _save(page.screenshot(full_page=True, clip=clip), IMAGES / name)  # type: ignore[arg-type]
            page.close()


def _write_video(path: Path) -> Path:
    with path.open("wb") as file:
        for number in range(_SECONDS * _FPS):
            frame = camera_frame(number % FRAMES)
            blur = _BLUR_PX * math.sin(math.pi * number / _FPS / 4.0) ** 6
            if blur > 0.4 and number < 14 * _FPS:
                blurred = cv2.GaussianBlur(load_image(frame), (0, 0), blur)
                frame = cv2.imencode(".jpg", cv2.cvtColor(blurred, cv2.COLOR_RGB2BGR))[1].tobytes()
            file.write(frame)
    return path


def _show_webcam(page: Page) -> None:
    start_camera(page)
    page.wait_for_timeout((_SECONDS - 2) * 1000)
    # Chromium calls a made camera by the path of its file.
    page.locator("#webcam-camera option").first.evaluate("o => { o.textContent = 'Camera 1' }")


def _show_photo(page: Page) -> None:
    read_photo(page, PORTRAIT)
    ask_why(page)
    page.wait_for_timeout(500)


def _save_jpeg(image: Image, path: Path) -> None:
    PILImage.fromarray(image).save(path, quality=88, optimize=True)


def _save(png: bytes, path: Path) -> None:
    """Keep an image small: fewer pixels, fewer colors."""
    image = PILImage.open(io.BytesIO(png)).convert("RGB")
    height = round(image.height * _WIDTH_PX / image.width)
    image = image.resize((_WIDTH_PX, height), PILImage.Resampling.LANCZOS)
    # A portrait has so many colors that few would be left for what is small and matters.
    palette = image.quantize(_COLORS).getpalette() or []
    palette = palette[: 3 * _COLORS]
    for red, green, blue in (*COLORS.values(), *(ImageColor.getrgb(own)[:3] for own in _OWN)):
        for share in (1.0, 0.6):  # and paler, at the edges
            palette += [round(share * value + (1 - share) * 128) for value in (red, green, blue)]
    colors = PILImage.new("P", (1, 1))
    colors.putpalette(palette[: 3 * 256])
    drawn = image.quantize(palette=colors, dither=PILImage.Dither.FLOYDSTEINBERG)
    drawn.save(path, optimize=True)


if __name__ == "__main__":
    main()
