"""Write what the Python package reads, for the tests of the npm package in `js/`.

    python scripts/js_expected.py [--out js/build/expected] [--photos ../shared/data/photos]

Into the folder go images as bare RGB bytes, the crops of their faces, and `expected.json`: the
readings of each photo, those of a short video in which every frame is searched, and what OpenCV
makes of one photo by each of the functions that `js/src/pixels.ts` follows. Nothing of it is
committed, so that it is always what the package reads now.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from mien import Recognizer, YuNetDetector, load_image
from mien.readings import Image
from mien.recognize.crops import Crops, crop_faces
from mien.recognize.video.frames import Frame
from mien.recognize.video.readings import VideoSettings
from mien.recognize.video.tracking import TrackingSettings

ROOT: Final = Path(__file__).parents[1]
PORTRAIT: Final = ROOT / "examples" / "astronaut.jpg"
PHOTOS: Final = Path(os.environ.get("MIEN_PHOTOS", ROOT.parent / "shared" / "data" / "photos"))


def main() -> None:
    """Write the folder that the arguments name."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "js" / "build" / "expected")
    parser.add_argument("--photos", type=Path, default=PHOTOS)
    arguments = parser.parse_args()
    out: Path = arguments.out
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    portrait = load_image(PORTRAIT)
    photos = sorted(arguments.photos.glob("*.jpg"))
    if not photos:
        print(f"no photos in {arguments.photos}: the portrait alone is compared", file=sys.stderr)
    recognizer = Recognizer()
    files = [PORTRAIT, *photos]
    images = [photo(out, path.stem, load_image(path), recognizer, file=str(path)) for path in files]
    images += [photo(out, name, image, recognizer) for name, image in made(portrait)]
    small = Recognizer(full_size=True)
    images.append(photo(out, "full size", crowd(portrait), small, options={"fullSize": True}))
    large = Recognizer(min_face_px=60.0)
    images.append(photo(out, "large only", crowd(portrait), large, options={"minFacePx": 60}))
    expected = {
        "images": images,
        "video": video(out, portrait, recognizer),
        "explanations": [
            explanation(out, "portrait", portrait, recognizer),
            explanation(out, "dim crowd", crowd(portrait) // 2, recognizer),
        ],
        "opencv": list(opencv(out, portrait[30:363, :500])),
    }
    (out / "expected.json").write_text(json.dumps(expected))


def photo(
    out: Path,
    name: str,
    image: Image,
    recognizer: Recognizer,
    *,
    file: str | None = None,
    options: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One photo with its readings; its pixels and crops lie beside."""
    faces = recognizer.detector.detect(image)
    crops = crop_faces(image, faces, YuNetDetector.framing)
    return {
        "name": name,
        "file": file,
        "options": options or {},
        **pixels_of(out, name, image),
        "crops": keep(out, f"{name}.crops", crops),
        "readings": [reading.to_dict() for reading in recognizer(image)],
    }


def keep(out: Path, name: str, values: Image | Crops) -> str:
    """Write the bytes of an array; gives the name of their file."""
    name = name.replace(" ", "-")
    np.ascontiguousarray(values).tofile(out / name)
    return name


def pixels_of(out: Path, name: str, image: Image) -> dict[str, Any]:
    """The size of an image, and the file that its pixels are written into."""
    height, width = image.shape[:2]
    return {"width": width, "height": height, "pixels": keep(out, f"{name}.rgb", image)}


def made(portrait: Image) -> Iterator[tuple[str, Image]]:
    """Images that ask for each of the detector's ways to look."""
    for scale in (0.25, 0.5, 2.0, 5.0):
        yield f"portrait x {scale:g}", resized(portrait, scale)
    for degrees in (-40, 20, 45):
        turn = cv2.getRotationMatrix2D((256, 256), degrees, 1.0)
        yield f"tilted by {degrees}", np.asarray(cv2.warpAffine(portrait, turn, (512, 512)))
    for quarters in (1, 2, 3):
        yield f"turned by {90 * quarters}", np.ascontiguousarray(np.rot90(portrait, quarters))
    yield "dark", np.asarray(portrait * 0.3, np.uint8)
    yield "crowd", crowd(portrait)
    yield "crowd on its side", np.ascontiguousarray(np.rot90(crowd(portrait)))
    yield "drawn", drawn()
    yield "gray", np.full((480, 640, 3), 128, np.uint8)
    yield "noise", np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    yield "as small as can be", np.full((8, 8, 3), 70, np.uint8)
    yield "a strip", np.full((8, 900, 3), 90, np.uint8)
    yield "cut by the border", np.ascontiguousarray(portrait[:200, 200:])


def explanation(out: Path, name: str, image: Image, recognizer: Recognizer) -> dict[str, Any]:
    """What the reading of the last face of a photo rests on."""
    face = len(recognizer(image)) - 1
    explained = recognizer.explain(image, face=face)
    assert explained.reading is not None
    return {
        **pixels_of(out, f"explained {name}", image),
        "face": face,
        "emotion": explained.emotion,
        "probability": explained.probability,
        "box": list(explained.reading.box),
        "crop": keep(out, f"explained {name}.crop", explained.crop),
        "heat": explained.heat.tolist(),
        "parts": [vars(part) for part in explained.parts],
    }


def resized(image: Image, scale: float) -> Image:
    """A photo at another scale."""
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=method), np.uint8)


def crowd(portrait: Image) -> Image:
    """Faces of 20 to 130 pixels on gray, some of them tilted."""
    canvas = np.full((900, 1400, 3), 128, np.uint8)
    x = 10
    for number, side in enumerate((100, 130, 160, 200, 260, 360)):
        turn = cv2.getRotationMatrix2D((256, 256), 25.0 * (number % 3 - 1), 1.0)
        tilted = np.asarray(cv2.warpAffine(portrait, turn, (512, 512)), np.uint8)
        part = resized(tilted, side / 512)
        top = 40 + 90 * number
        canvas[top : top + side, x : x + side] = part
        x += side + 15
    return canvas


def drawn() -> Image:
    """Three simple faces, drawn."""
    image = np.full((480, 640, 3), 235, np.uint8)
    for x, y, size in ((150, 200, 90), (380, 180, 60), (540, 330, 45)):
        cv2.ellipse(image, (x, y), (int(0.75 * size), size), 0, 0, 360, (224, 182, 150), -1)
        for side in (-1, 1):
            eye = (x + side * int(0.3 * size), y - int(0.2 * size))
            cv2.ellipse(image, eye, (size // 7, size // 12), 0, 0, 360, (255, 255, 255), -1)
            cv2.circle(image, eye, size // 14, (60, 40, 30), -1)
        cv2.line(image, (x, y - size // 10), (x, y + size // 5), (180, 130, 100), 3)
        mouth = (x, y + int(0.45 * size))
        cv2.ellipse(image, mouth, (size // 3, size // 8), 0, 0, 180, (170, 60, 60), -1)
    return np.asarray(cv2.GaussianBlur(image, (5, 5), 0), np.uint8)


def video(out: Path, portrait: Image, recognizer: Recognizer) -> list[dict[str, Any]]:
    """Two faces that move, one of which goes and comes back, then another scene; every .1 s."""
    face, other = resized(portrait, 0.6), resized(portrait[:, ::-1] // 2 + 60, 0.5)
    images = []
    for number in range(28):
        image = np.full((360, 640, 3), 110, np.uint8)
        image[20 + number : 20 + number + face.shape[0], 5 * number : 5 * number + 307] = face
        if not 8 <= number < 14:
            image[60 : 60 + other.shape[0], 360 - 4 * number + 20 : 636 - 4 * number] = other
        images.append(image if number < 24 else np.ascontiguousarray(255 - image[:, ::-1]))
    settings = VideoSettings(tracking=TrackingSettings(detect_every_s=0.0), batch_frames=1)
    frames = (Frame(number, number / 10, image) for number, image in enumerate(images))
    return [
        {
            **pixels_of(out, f"frame-{frame.index}", frame.image),
            "time_s": frame.time_s,
            "faces": [reading.to_dict() for reading in readings],
        }
        for frame, readings in recognizer.stream(frames, settings=settings)
    ]


def opencv(out: Path, color: Image) -> Iterator[dict[str, Any]]:
    """What OpenCV makes of a photo, in color and in gray."""
    gray = np.asarray(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), np.uint8)
    height, width = gray.shape
    source = keep(out, "opencv-color.raw", color), keep(out, "opencv-gray.raw", gray)
    size = {"width": width, "height": height}
    yield {**size, "do": "gray", "of": source[0], "channels": 3, "made": source[1]}
    resizes = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR}
    sizes = [(250, 166), (100, 111), (294, 195), (125, 37), (384, 256), (288, 192), (650, 432)]
    turn, small = cv2.getRotationMatrix2D((250.0, 160.0), 31.0, 1.3), 96
    for of, image in zip(source, (color, gray), strict=True):
        base = {**size, "of": of, "channels": 3 if image.ndim == 3 else 1}
        for name, method in resizes.items():
            for made_px in sizes if name == "linear" else sizes[:-1]:
                result = np.asarray(cv2.resize(image, made_px, interpolation=method), np.uint8)
                file = keep(out, f"{name}-{made_px[0]}-{of}", result)
                yield {**base, "do": name, "size": made_px, "made": file}
        borders = {"black": cv2.BORDER_CONSTANT, "repeat": cv2.BORDER_REPLICATE}
        for name, border in borders.items():
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            shown = cv2.warpAffine(image, turn, (small, small), flags=flags, borderMode=border)
            file = keep(out, f"{name}-{of}", np.asarray(shown, np.uint8))
            matrix = {"matrix": turn.ravel().tolist(), "side": small}
            yield {**base, "do": "warp", "border": name, **matrix, "made": file}


if __name__ == "__main__":
    main()
