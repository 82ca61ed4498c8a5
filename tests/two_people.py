"""A video of two drawn people whose expressions have known times, a minute long."""

from dataclasses import astuple, replace
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np

from drawn_faces import MOODS, Mood, draw_face
from golden_readings import a_person
from mien.readings import Image
from videos import make_video, steady_times

SECONDS: Final = 60.0
FPS: Final = 25.0
FACE_PX: Final = 170
SIZE_PX: Final = (320, 180)
CHANGE_FRAMES: Final = 3
"""Within which one mood becomes another, with the known time in the middle."""


class Shown(NamedTuple):
    """What a person shows from one time to another, in seconds."""

    emotion: str
    onset_s: float
    end_s: float


LEFT: Final = (
    Shown("neutral", 0.0, 3.0),
    Shown("happy", 3.0, 6.0),
    Shown("neutral", 6.0, 9.2),
    Shown("surprise", 9.2, 10.4),
    Shown("happy", 10.4, 14.0),
    Shown("neutral", 14.0, 21.0),
    Shown("sad", 21.0, 26.0),
    Shown("neutral", 26.0, 33.0),
    Shown("happy", 33.0, 33.8),
    Shown("neutral", 33.8, 41.0),
    Shown("angry", 41.0, 44.4),
    Shown("surprise", 44.4, 46.0),
    Shown("neutral", 46.0, 52.0),
    Shown("happy", 52.0, 60.0),
)
RIGHT: Final = (
    Shown("neutral", 0.0, 4.2),
    Shown("happy", 4.2, 7.0),
    Shown("neutral", 7.0, 11.2),
    Shown("happy", 11.2, 13.0),
    Shown("surprise", 13.0, 14.2),
    Shown("neutral", 14.2, 24.0),
    Shown("sad", 24.0, 28.0),
    Shown("neutral", 28.0, 36.0),
    Shown("surprise", 36.0, 36.8),
    Shown("happy", 36.8, 40.0),
    Shown("neutral", 40.0, 53.0),
    Shown("happy", 53.0, 57.0),
    Shown("neutral", 57.0, 60.0),
)
"""Who sits right smiles after the other one: 1.2, .8 and 1 s later."""

_PEOPLE: Final = (13, 20)  # of `golden_readings`, whose moods both models read


def make_two_people(path: Path) -> None:
    """Write the video."""
    chance = np.random.default_rng(0)
    noise = [chance.normal(0, 2, (SIZE_PX[1], SIZE_PX[0], 1)) for _ in range(8)]

    def draw(number: int) -> Image:
        frame = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.float32)
        half = SIZE_PX[0] // 2
        for place, (person, script) in enumerate(zip(_PEOPLE, (LEFT, RIGHT), strict=True)):
            face = _drawn(person, _mood(script, number))
            frame[:, place * half : (place + 1) * half] = _swayed(face, number / FPS + place, half)
        return np.clip(np.rint(frame + noise[number % len(noise)]), 0, 255).astype(np.uint8)

    make_video(path, draw, times_s=steady_times(round(SECONDS * FPS), FPS))


def _mood(script: tuple[Shown, ...], number: int) -> Mood:
    """Of one frame: between two moods where one becomes the other."""
    time_s, span_s = number / FPS, CHANGE_FRAMES / FPS
    mood = np.zeros(len(astuple(MOODS["neutral"])))
    for shown in script:
        begun = np.clip((time_s - shown.onset_s) / span_s + 0.5, 0, 1) if shown.onset_s else 1.0
        ended = np.clip((time_s - shown.end_s) / span_s + 0.5, 0, 1)
        mood += (begun - ended) * np.array(astuple(MOODS[shown.emotion]))
    return Mood(*np.round(mood, 4).tolist())


@cache
def _drawn(person: int, mood: Mood) -> Image:
    face = replace(a_person(person)[1], mood=mood, tilt_deg=0.0, turn=0.0, scale=0.5)
    return draw_face(face, FACE_PX)


def _swayed(face: Image, time_s: float, width_px: int) -> Image:
    """Cut to half of the frame, a head that moves a little all the time."""
    x = (width_px - FACE_PX) / 2 + 4 * np.sin(1.3 * time_s)
    y = (SIZE_PX[1] - FACE_PX) / 2 + 2 * np.sin(2.1 * time_s)
    shift = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = (width_px, SIZE_PX[1])
    return np.asarray(cv2.warpAffine(face, shift, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
