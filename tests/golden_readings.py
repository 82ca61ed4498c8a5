"""Thirty faces and what both models read from them; `make golden` writes them anew.

Most faces are drawn. The others are NASA's portrait in the examples (public domain), mirrored,
tilted, dimmed and blurred. Write them anew only when the readings are meant to change; the
difference then shows in `readings.json`.

How far readings may be off is half a pixel and .02. Processors move them less: one with AVX2 and
no more not at all, one with SSE 4.2 alone by .001 pixels and .009 (emulated, beside AVX-512); ONNX
Runtime 1.20 and 1.32, OpenCV 4.10 and 4.14 give the same. A crop that is a hundredth larger moves
nine of the thirty faces further than .02 in `mien`, and ten in `paper`.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypedDict

import cv2
import numpy as np
from PIL import Image as PILImage

from drawn_faces import MOODS, DrawnFace, draw_face
from mien import EMOTIONS, Recognizer, annotate, load_image
from mien.readings import Box, Image

ROOT: Final = Path(__file__).resolve().parent.parent
GOLDEN: Final = Path(__file__).resolve().parent / "assets" / "golden"
MODELS: Final = ("mien", "paper")
SIDE_PX: Final = 112
LEVEL_STEP: Final = 4  # of the pixels, for a smaller file
COLUMNS: Final = 6
PEOPLE: Final = (*range(22), 23, 43)
"""Numbers of those who are drawn. Number 22 hung on how a processor rounds."""

SKINS: Final = (
    (244, 208, 184),
    (226, 176, 144),
    (205, 152, 116),
    (172, 120, 86),
    (132, 88, 62),
    (94, 62, 46),
)
HAIRS: Final = ((24, 20, 18), (60, 40, 28), (110, 72, 40), (196, 160, 96), (150, 60, 30))
GRAY_HAIR: Final = (190, 190, 192)
IRISES: Final = ((60, 42, 28), (96, 70, 40), (80, 110, 130), (80, 100, 70))
GROUNDS: Final = ((120, 130, 140), (200, 196, 188), (50, 56, 64), (90, 120, 92), (168, 140, 120))

ANNOTATED: Final = (
    DrawnFace(MOODS["happy"], SKINS[4], HAIRS[0], GROUNDS[1], jaw=1.3, scale=0.4),
    DrawnFace(MOODS["surprise"], SKINS[0], HAIRS[4], long_hair=True, scale=0.4),
    DrawnFace(MOODS["sad"], SKINS[2], GRAY_HAIR, GROUNDS[2], age=1.0, scale=0.4),
)
"""Whose annotated copy is kept."""


class GoldenFace(TypedDict):
    """What is expected of one face: `box` in pixels of its tile, probabilities by model."""

    about: str
    box: list[float]
    probabilities: dict[str, list[float]]


def a_person(number: int) -> tuple[str, DrawnFace]:
    """One of any number of people, who differ in all that can be drawn, and what they show."""
    chance = random.Random(number)
    mood = list(MOODS)[number % len(MOODS)]
    age = chance.choice([0.0, 0.0, 0.4, 1.0])
    long_hair = chance.random() < 0.45
    face = DrawnFace(
        mood=MOODS[mood],
        skin=SKINS[number % len(SKINS)],
        hair=GRAY_HAIR if age == 1.0 else chance.choice(HAIRS),
        ground=chance.choice(GROUNDS),
        iris=chance.choice(IRISES),
        age=age,
        long_hair=long_hair,
        bald=not long_hair and chance.random() < 0.25,
        beard=0.0 if long_hair else chance.choice([0.0, 0.0, 0.5, 0.9]),
        glasses=chance.choice([0.0, 0.0, 0.06, 0.14]),
        jaw=chance.uniform(0.8, 1.5),
        tilt_deg=chance.uniform(-20, 20),
        turn=chance.uniform(-0.2, 0.2),
        light=(chance.uniform(-0.9, 0.9), chance.uniform(-0.9, 0.2)),
        brightness=chance.uniform(0.45, 1.15),
        scale=chance.uniform(0.36, 0.62),
    )
    return mood, face


def portraits() -> Iterator[tuple[str, Image]]:
    """The portrait in six ways, each a tile."""
    whole = load_image(ROOT / "examples" / "astronaut.jpg")[10:266, 96:352]
    for about, mirrored, tilt_deg, brightness, blur_px in (
        ("as it is", False, 0.0, 1.0, 0.0),
        ("mirrored", True, 0.0, 1.0, 0.0),
        ("tilted to the left", False, 18.0, 1.0, 0.0),
        ("tilted to the right", True, -24.0, 1.0, 0.0),
        ("dim", False, 0.0, 0.35, 0.0),
        ("blurred", False, 6.0, 1.0, 2.0),
    ):
        turn = cv2.getRotationMatrix2D((128, 128), tilt_deg, 1.0)
        image = cv2.warpAffine(whole[:, ::-1] if mirrored else whole, turn, (256, 256))
        if blur_px:
            image = cv2.GaussianBlur(image, (0, 0), 2 * blur_px)
        tile = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
        yield f"portrait, {about}", np.asarray(np.rint(tile * brightness), np.uint8)


def draw_faces() -> Iterator[tuple[str, Image]]:
    """All thirty: what each is, and its tile."""
    for mood, face in map(a_person, PEOPLE):
        yield f"drawn, {mood}", draw_face(face, SIDE_PX)
    yield from portraits()


def tiles(sheet: Image) -> list[Image]:
    """The faces of a sheet, row by row, each (SIDE_PX, SIDE_PX, 3)."""
    rows = sheet.reshape(-1, SIDE_PX, COLUMNS, SIDE_PX, 3).swapaxes(1, 2)
    return list(np.ascontiguousarray(rows.reshape(-1, SIDE_PX, SIDE_PX, 3)))


def sheet_of(faces: list[Image]) -> Image:
    """What `tiles` takes apart."""
    rows = np.stack(faces).reshape(-1, COLUMNS, SIDE_PX, SIDE_PX, 3).swapaxes(1, 2)
    return rows.reshape(-1, COLUMNS * SIDE_PX, 3)


def read(faces: list[Image], model: str) -> list[tuple[Box, tuple[float, ...]]]:
    """Box and probabilities of the one face of each image."""
    read_faces = []
    for readings in Recognizer(model).read_images(faces):
        (reading,) = readings
        read_faces.append((reading.box, reading.probabilities))
    return read_faces


def draw_people(path: Path) -> None:
    """Write the image whose annotated copy is kept."""
    PILImage.fromarray(np.hstack([draw_face(face, 240) for face in ANNOTATED])).save(path)


def write_annotated() -> None:
    """Write `annotated.png`, as `mien detect --out` does."""
    with TemporaryDirectory() as folder:
        people = Path(folder) / "people.png"
        draw_people(people)
        image = load_image(people)
    copy = annotate(image, Recognizer()(image))
    PILImage.fromarray(copy).save(GOLDEN / "annotated.png", optimize=True)


def write_readings() -> None:
    """Write `faces.png` and `readings.json`."""
    named = list(draw_faces())
    sheet = sheet_of([image for _, image in named]) // LEVEL_STEP * LEVEL_STEP
    faces = tiles(sheet)
    results = {model: read(faces, model) for model in MODELS}
    expected = [
        GoldenFace(
            about=about,
            box=[round(value, 2) for value in results["mien"][row][0]],
            probabilities={
                model: [round(value, 4) for value in results[model][row][1]] for model in MODELS
            },
        )
        for row, (about, _) in enumerate(named)
    ]
    PILImage.fromarray(sheet).save(GOLDEN / "faces.png", optimize=True)
    lines = ",\n".join(json.dumps(face) for face in expected)
    text = f'{{"emotions": {json.dumps(EMOTIONS)},\n"faces": [\n{lines}\n]}}\n'
    (GOLDEN / "readings.json").write_text(text)


if __name__ == "__main__":
    write_readings()
    write_annotated()
