"""Faces that are drawn, for tests that may not carry photos of people: shaded, in seven moods."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mien.readings import Image

Plane = NDArray[np.floating[Any]]
Color = tuple[int, int, int]

REDNESS: Final = np.array((0.86, 0.6, 0.6), np.float32)  # of lips, times the skin's color
EYES_Y: Final = -0.08  # where they are, as `_Canvas.y`


@dataclass(frozen=True)
class Mood:
    """What the muscles do, each 0 at rest; lengths in half widths of the face.

    Attributes:
        smile: corners of the mouth up; below 0 down.
        width: of the mouth, times that at rest.
        gape: how far the lips are apart.
        teeth: 0 to 1, how much of the gap they fill.
        brow: both brows up; below 0 down.
        frown: inner ends of the brows down; below 0 up.
        eyes: how open they are, times that at rest.
        furrow: 0 to 1, folds beside and above the nose.
    """

    smile: float = 0.0
    width: float = 1.0
    gape: float = 0.0
    teeth: float = 0.0
    brow: float = 0.0
    frown: float = 0.0
    eyes: float = 1.0
    furrow: float = 0.0


MOODS: Final = {
    "angry": Mood(-0.08, 0.95, 0.07, 0.9, -0.11, 0.23, 0.95, 1.0),
    "disgust": Mood(-0.14, 0.8, 0.1, 0.6, -0.08, 0.12, 0.4, 1.6),
    "fear": Mood(-0.06, 1.15, 0.12, 0.8, 0.12, -0.18, 1.5, 0.2),
    "happy": Mood(0.2, 1.35, 0.13, 1.0, 0.03, -0.03, 0.75, 0.0),
    "sad": Mood(-0.15, 0.85, 0.0, 0.0, 0.02, -0.18, 0.75, 0.1),
    "surprise": Mood(0.0, 0.75, 0.34, 0.1, 0.2, -0.02, 1.6, 0.0),
    "neutral": Mood(),
}


@dataclass(frozen=True)
class DrawnFace:
    """A person, and how they are looked at.

    Attributes:
        mood: what the muscles do.
        skin: color, RGB; likewise `hair`, `ground` and `iris`.
        age: 0 to 1, how deep the lines are.
        long_hair: beside the cheeks; otherwise short, or none when `bald`.
        beard: 0 to 1, how thick.
        glasses: thickness of their frame; 0 for none.
        jaw: width of the chin, times that at rest.
        tilt_deg: the head leans to the right of the image.
        turn: the features' shift towards the right, in half widths of the face.
        light: where it comes from: x to the right, y down.
        brightness: of the light, times daylight.
        scale: half the width of the face over half the width of the image.
    """

    mood: Mood = MOODS["neutral"]
    skin: Color = (224, 172, 140)
    hair: Color = (60, 40, 28)
    ground: Color = (120, 130, 140)
    iris: Color = (80, 60, 40)
    age: float = 0.0
    long_hair: bool = False
    bald: bool = False
    beard: float = 0.0
    glasses: float = 0.0
    jaw: float = 1.0
    tilt_deg: float = 0.0
    turn: float = 0.0
    light: tuple[float, float] = (-0.3, -0.5)
    brightness: float = 1.0
    scale: float = 0.5


def _step(value: Any, softness: float = 0.03) -> Plane:
    """0 where `value` is well below 0, 1 where it is well above."""
    return np.asarray(1 / (1 + np.exp(-np.clip(value / softness, -40, 40))))


def _blob(x: Plane, y: Plane, width: float, height: float) -> Plane:
    """1 in the middle, falling to 0: a bell so wide and so high."""
    return np.asarray(np.exp(-((x / width) ** 2) - (y / height) ** 2))


def _line(distance: Plane, along: Plane, width: float, length: float) -> Plane:
    """A soft stroke where `distance` is 0, as long as `along` is below `length`."""
    return np.asarray(np.exp(-((distance / width) ** 2)) * _step(length - np.abs(along), 0.02))


class _Canvas:
    """A square that faces are painted on, and where each of its pixels is on the face.

    Attributes:
        color: (S, S, 3), 0 to 255, before the light.
        light: (S, S), what it is multiplied by.
        x, y: (S, S), in half widths of the face from its middle, right and down, upright.
        inside: 1 in the middle of the face, 0 at its outline, below 0 around.
        head: 1 on the face, 0 around.
        u, out: as `x` and its size, of the features, which a turn shifts.
    """

    def __init__(self, face: DrawnFace, side_px: int, oversampling: int) -> None:
        self.face = face
        count = side_px * oversampling
        grid = (((np.arange(count) + 0.5) / count * 2 - 1) / face.scale).astype(np.float32)
        self.step = 2 / count / face.scale
        across, down = np.meshgrid(grid, grid)
        angle = math.radians(face.tilt_deg)
        self.x = across * math.cos(angle) + down * math.sin(angle)
        self.y = down * math.cos(angle) - across * math.sin(angle)
        self.color = np.full((count, count, 3), face.ground, np.float32)
        self.light = np.ones((count, count), np.float32)
        self.skin = np.array(face.skin, np.float32)
        self.hair = np.array(face.hair, np.float32)
        self.drop = 0.5 * face.mood.gape  # the chin goes down with the jaw
        below = self.y > 0
        half_width = np.where(below, 1 - 0.22 / face.jaw * (self.y / 1.3) ** 2, 1.0) * 0.98
        half_height = np.where(below, 1.3 + self.drop, 1.35)
        self.inside = 1 - (self.x / half_width) ** 2 - (self.y / half_height) ** 2
        self.head = _step(self.inside, 0.02)
        self.bulge = np.sqrt(np.maximum(self.inside, 0))
        self.u = self.x - face.turn * self.bulge
        self.out = np.abs(self.u)

    def paint(self, mask: Plane, color: Any) -> None:
        """Cover with a color, RGB, as far as `mask` says, 0 to 1."""
        self.color += mask[..., None] * (np.asarray(color, np.float32) - self.color)

    def image(self, side_px: int) -> Image:
        lit = np.clip(self.color * self.light[..., None] * self.face.brightness, 0, 255)
        parts = lit.reshape(side_px, len(lit) // side_px, side_px, -1, 3)
        return np.asarray(np.rint(parts.mean((1, 3))), np.uint8)


def draw_face(face: DrawnFace, side_px: int = 128, *, oversampling: int = 2) -> Image:
    """Draw one face in the middle of a square; quickly, and with rough edges, without oversampling.

    Returns:
        (side_px, side_px, 3) uint8, RGB.
    """
    canvas = _Canvas(face, side_px, oversampling)
    _draw_behind(canvas)
    _light(canvas)
    _draw_eyes(canvas)
    _draw_mouth(canvas)
    _draw_before(canvas)
    return canvas.image(side_px)


def _draw_behind(canvas: _Canvas) -> None:
    """Hair behind the head, neck, shoulders, ears, and the skin of the face."""
    face, skin, x, y = canvas.face, canvas.skin, canvas.x, canvas.y
    if face.long_hair:
        canvas.paint(_step(1 - (x / 1.28) ** 4 - ((y - 0.3) / 1.95) ** 4), face.hair)
    elif not face.bald:
        canvas.paint(_step(1 - (x / 1.1) ** 2 - ((y + 0.25) / 1.33) ** 2), face.hair)
    canvas.paint(_step(0.55 - np.abs(x)) * _step(y - 0.6), skin * 0.72)
    canvas.paint(_step(y - 1.65 - 0.2 * np.abs(x) ** 1.5), (70, 75, 95))
    if not face.long_hair:
        ears = 1 - ((np.abs(x) - 1.0) / 0.14) ** 2 - ((y - 0.08) / 0.28) ** 2
        canvas.paint(_step(ears, 0.1), skin * 0.82)
    canvas.paint(canvas.head, skin)


def _light(canvas: _Canvas) -> None:
    """The light on a surface with brows, nose, cheeks, lips, chin and folds."""
    mood, age, u, y, out = canvas.face.mood, canvas.face.age, canvas.u, canvas.y, canvas.out
    smile = max(mood.smile, 0)
    surface = 0.95 * canvas.bulge
    surface += 0.26 * _blob(u, y - 0.3, 0.15, 0.2) + 0.14 * _blob(u, y - 0.02, 0.1, 0.3)
    surface += 0.07 * _blob(out - 0.17, y - 0.38, 0.09, 0.09)
    surface -= 0.12 * _blob(out - 0.4, y - EYES_Y, 0.26, 0.14)
    surface += 0.07 * _blob(out - 0.4, y + 0.32 + 0.6 * mood.brow, 0.35, 0.1)
    surface += (0.07 + 0.3 * smile) * _blob(out - 0.55, y - 0.3, 0.22, 0.2)
    surface += 0.07 * _blob(u, y - 0.7, 0.4, 0.16)
    surface += 0.07 * _blob(u, y - 1.1 - canvas.drop, 0.25, 0.16)
    beside_mouth = out - 0.26 - 0.55 * (y - 0.35) - 0.5 * smile
    depth = 0.015 + 0.04 * (mood.furrow + age) + 0.15 * smile
    surface -= depth * _line(beside_mouth, y - 0.53, 0.05, 0.22)
    surface -= 0.05 * mood.furrow * _line(out - 0.09, y + 0.3 + mood.brow, 0.03, 0.1)
    surface -= 0.04 * mood.furrow * _line(y - 0.03 + 0.5 * out, u, 0.035, 0.16)
    for row in range(3):
        forehead = y + 0.62 + 0.11 * row - 0.08 * out
        surface -= (0.025 * age + 0.06 * max(mood.brow - 0.08, 0)) * _line(forehead, u, 0.025, 0.5)
    surface -= 0.035 * age * _blob(out - 0.42, y - EYES_Y - 0.2, 0.2, 0.04)
    down, across = np.gradient(surface, canvas.step)
    sun = np.array([*canvas.face.light, 1.0], np.float32)
    sun /= np.linalg.norm(sun)
    facing = (sun[2] - sun[0] * across - sun[1] * down) / np.sqrt(1 + across**2 + down**2)
    canvas.light += canvas.head * (0.35 + 0.8 * np.clip(facing, 0, 1) - 1)


def _draw_eyes(canvas: _Canvas) -> None:
    """Eyes under their lids, and brows."""
    mood, skin, head, y, out = canvas.face.mood, canvas.skin, canvas.head, canvas.y, canvas.out
    ex, ey = out - 0.4, y - EYES_Y
    lid = (1 - (ex / 0.21) ** 2) * 0.088 * mood.eyes
    white = head * _step(lid - np.abs(ey + 0.1 * np.minimum(lid, 0)), 0.012)
    canvas.paint(0.4 * head * _blob(ex, ey + 0.05, 0.28, 0.16), skin * 0.6)
    canvas.paint(white, (232, 228, 224))
    from_pupil = ex**2 + (ey + 0.01) ** 2
    canvas.paint(white * _step(0.0105 - from_pupil, 0.0015), canvas.face.iris)
    canvas.paint(white * _step(0.0025 - from_pupil, 0.0006), (12, 10, 10))
    glint = 0.0006 - (ex + 0.03) ** 2 - (ey + 0.05) ** 2
    canvas.paint(white * _step(glint, 0.0002), (255, 255, 255))
    canvas.paint(0.85 * head * _line(ey + np.maximum(lid, 0), ex, 0.028, 0.22), skin * 0.15)
    canvas.paint(0.4 * head * _line(ey - np.maximum(lid, 0), ex, 0.02, 0.2), skin * 0.3)
    arch = 0.33 + mood.brow + 0.1 * np.cos((out - 0.45) * 3) - 0.1
    inner = np.clip(1 - (out - 0.15) / 0.45, 0, 1)
    brow_y = y + arch - (mood.frown + 0.05) * inner + 0.05
    thick = 0.055 - 0.03 * np.clip((out - 0.3) / 0.4, 0, 1)
    brow = _step(thick - np.abs(brow_y), 0.012) * _step(0.27 - np.abs(out - 0.42))
    canvas.paint(0.85 * head * brow, 0.8 * canvas.hair)


def _draw_mouth(canvas: _Canvas) -> None:
    """Nostrils, beard, lips, and what is between them."""
    face, mood, skin, head = canvas.face, canvas.face.mood, canvas.skin, canvas.head
    u, y, out = canvas.u, canvas.y, canvas.out
    canvas.paint(0.75 * head * _blob(out - 0.1, y - 0.43, 0.06, 0.03), skin * 0.25)
    if face.beard:
        cheeks = _step(canvas.inside - 0.01, 0.05) * _step(y - 0.35 - 0.35 * (1 - out), 0.08)
        above_lip = _line(y - 0.53 + 0.2 * mood.smile, u, 0.07, 0.38)
        hairy = np.clip(cheeks + above_lip, 0, 1)
        canvas.paint(face.beard * hairy * head, 0.8 * canvas.hair)
    half = 0.36 * mood.width
    span = np.clip(1 - (u / half) ** 2, 0, 1)
    from_lips = y - 0.7 - 0.55 * canvas.drop + mood.smile * ((u / half) ** 2 - 0.5)
    gap = mood.gape * np.sqrt(span)
    within = head * _step(half - out, 0.01)
    upper = gap + 0.085 * span * (1 - 0.25 * _blob(u, 0 * u, 0.08, 1))
    lips = _step(from_lips + upper, 0.012) * _step(gap + 0.115 * span - from_lips, 0.012)
    canvas.paint(within * lips, skin * REDNESS)
    if mood.gape:
        hole = within * _step(gap - np.abs(from_lips), 0.012)
        canvas.paint(hole, (48, 18, 18))
        teeth = (2 * mood.teeth - 1) * gap - from_lips
        canvas.paint(hole * _step(teeth, 0.015), (236, 230, 220))
    else:
        canvas.paint(0.75 * within * _line(from_lips, u, 0.02, half), skin * 0.25)
    corners = _blob(out - half, from_lips, 0.06, 0.05)
    canvas.paint(0.5 * head * corners, skin * 0.4)


def _draw_before(canvas: _Canvas) -> None:
    """Hair over the forehead, and glasses."""
    face, head, x, y, out = canvas.face, canvas.head, canvas.x, canvas.y, canvas.out
    if not face.bald:
        parting = 0.25 * (x + 0.2) ** 2
        if face.long_hair:
            fringe = 1.4 * np.maximum(np.abs(x) - 0.7, 0) - y - 0.78 + parting
        else:
            fringe = 0.5 * np.maximum(np.abs(x) - 0.75, 0) - y - 0.78 - parting
        fringe = head * _step(fringe, 0.05)
        canvas.paint(fringe, face.hair)
        canvas.light += fringe * 0.12 * np.sin(23 * x + 3 * y)
    if face.glasses:
        ex, ey = out - 0.4, y - EYES_Y
        round_eye = np.hypot(ex / 0.29, ey / 0.22)
        canvas.paint(0.18 * _step(1 - round_eye), (255, 255, 255))
        bows = _step(out - 0.68) * _step(1.0 - out) * _line(ey + 0.04, x, 0.03, 2.0)
        frame = _step(face.glasses - np.abs(round_eye - 1)) + _line(ey + 0.03, canvas.u, 0.03, 0.12)
        canvas.paint(np.clip(frame + bows, 0, 1), (25, 22, 22))
