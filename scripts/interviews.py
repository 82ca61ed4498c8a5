"""Draw the figure of docs/psychology.md anew: drawn people are recorded, read, and the page run.

    python scripts/interviews.py

Eight people who do not exist are each recorded twice for 20 seconds; most smile more in one video.
It takes some minutes.
"""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Final

import numpy as np

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from drawn_faces import MOODS, draw_face  # noqa: E402
from golden_readings import a_person  # noqa: E402
from mien.readings import Image  # noqa: E402
from videos import make_video, steady_times  # noqa: E402

PAGE: Final = ROOT / "docs" / "psychology.md"
FIGURE: Final = ROOT / "docs" / "images" / "psychology.png"
PEOPLE: Final = 8
SECONDS, FPS = 20, 10
FACE_PX: Final = 180
SMILING: Final = {"family": 0.5, "work": 0.25}
"""Condition -> share of the time in which people are drawn smiling, on average."""


def draw_interview(path: Path, person: int, share: float, seed: int) -> None:
    """Write a video of one person who smiles for this share of the time, in turns of two seconds.

    In some seconds the light is out.
    """
    chance = np.random.default_rng(seed)
    turns = ["happy" if draw < share else "neutral" for draw in chance.random(SECONDS // 2)]
    dark = set(chance.choice(SECONDS, chance.integers(0, 4), replace=False).tolist())
    face = replace(a_person(person)[1], tilt_deg=0.0, turn=0.0, scale=0.5, brightness=1.0)
    images = {mood: draw_face(replace(face, mood=MOODS[mood]), FACE_PX) for mood in set(turns)}

    def draw(number: int) -> Image:
        second = number // FPS
        image = images[turns[second // 2]].astype(float)
        light = 0.12 if second in dark else 1.0
        noise = chance.normal(0, 2, (FACE_PX, FACE_PX, 1))
        return np.clip(np.rint(light * image + noise), 0, 255).astype(np.uint8)

    make_video(path, draw, times_s=steady_times(SECONDS * FPS, FPS))


def main() -> None:
    """Draw, read, and run what stands on the page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "interviews").mkdir()
        chance = np.random.default_rng(1)
        for person in range(1, PEOPLE + 1):
            own = chance.uniform(-0.2, 0.2)
            for number, (condition, share) in enumerate(SMILING.items()):
                path = folder / "interviews" / f"p{person:02}-{condition}.mp4"
                draw_interview(path, person, share + own, 10 * person + number)
        code = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
        environment = {**os.environ, "MPLBACKEND": "Agg"}
        for command in (
            ["-m", "mien", "video", "interviews", "--csv", "rows"],
            ["-c", "\n".join(map(dedent, code))],
        ):
            subprocess.run([sys.executable, *command], cwd=folder, env=environment, check=True)
        FIGURE.write_bytes((folder / "smiles.png").read_bytes())


if __name__ == "__main__":
    main()
