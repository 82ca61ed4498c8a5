"""What both models read from faces that the repository holds, still and in a clip."""

import json
from bisect import bisect
from collections.abc import Sequence
from dataclasses import astuple, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import golden_readings
from command_line import Mien, csv_rows
from drawn_faces import MOODS, DrawnFace, Mood, draw_face
from golden_readings import GOLDEN, MODELS, GoldenFace, tiles
from mien import EMOTIONS, Recognizer, load_image
from mien.readings import Image
from mien.recognize.video.smoothing import SmoothingSettings
from videos import make_video, steady_times

BOX_PX = 0.5
PROBABILITY = 0.02  # golden_readings.py says why

# The share of an annotated copy's pixels that may be off by more levels. The letters of Pillow 11.3
# beside 13.0 are .0006 of them, boxes that are a third of a pixel away .0023; a line that is one
# pixel thicker is .0065, letters one pixel larger .012, another color of one emotion .014.
LEVELS = 16
SHARE = 0.004


@pytest.fixture(scope="module")
def expected() -> list[GoldenFace]:
    golden = json.loads((GOLDEN / "readings.json").read_text())
    assert tuple(golden["emotions"]) == EMOTIONS
    faces: list[GoldenFace] = golden["faces"]
    return faces


@pytest.fixture(scope="module")
def faces() -> list[Image]:
    return tiles(load_image(GOLDEN / "faces.png"))


def differences(
    recognizer: Recognizer, model: str, faces: list[Image], expected: list[GoldenFace]
) -> list[str]:
    """What is read otherwise than expected, a line for each face."""
    lines = []
    for face, readings in zip(expected, recognizer.read_images(faces), strict=True):
        if len(readings) != 1:
            lines.append(f"{face['about']}: {len(readings)} faces")
            continue
        box_px = np.abs(np.subtract(readings[0].box, face["box"])).max()
        off = np.abs(np.subtract(readings[0].probabilities, face["probabilities"][model])).max()
        if not (box_px <= BOX_PX and off <= PROBABILITY):
            lines.append(f"{face['about']}: box off by {box_px:.2f} px, probability by {off:.3f}")
    return lines


@pytest.mark.parametrize("model", MODELS)
def test_thirty_faces_are_read_as_they_were(
    model: str, faces: list[Image], expected: list[GoldenFace]
) -> None:
    assert len(faces) == len(expected) == 30
    assert differences(Recognizer(model), model, faces, expected) == []


@pytest.mark.tools
def test_the_faces_are_those_that_the_command_draws(faces: list[Image]) -> None:
    for golden, (_, image) in zip(faces, golden_readings.draw_faces(), strict=True):
        off = image.astype(int) - golden
        assert -2 <= off.min() <= off.max() < golden_readings.LEVEL_STEP + 2


# A clip of five seconds

CHANGE_S = 0.2
HALF_LIFE_S = SmoothingSettings().half_life_s
CLIP_PX = 128
PEOPLE = (
    DrawnFace(skin=(120, 80, 58), hair=(20, 16, 14), long_hair=True, scale=0.55),
    DrawnFace(skin=(244, 208, 184), hair=(150, 60, 30), long_hair=True, scale=0.55),
)
SCRIPTS: tuple[list[tuple[float, str]], ...] = (
    [(0.0, "neutral"), (1.2, "happy"), (2.6, "surprise"), (3.8, "angry")],
    [(0.0, "surprise"), (1.6, "happy"), (3.4, "sad")],
)
"""From when on each of the people shows what, in seconds."""


def mood_at(script: Sequence[tuple[float, str]], time_s: float) -> Mood:
    """A face takes `CHANGE_S` to change, of which half is before the time in the script."""
    mood = MOODS[script[0][1]]
    for start_s, name in script[1:]:
        share = float(np.clip((time_s - start_s) / CHANGE_S + 0.5, 0, 1))
        pairs = zip(astuple(mood), astuple(MOODS[name]), strict=True)
        mood = Mood(*(round((1 - share) * old + share * new, 4) for old, new in pairs))
    return mood


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people side by side, who sway."""
    path = tmp_path_factory.mktemp("golden") / "clip.mp4"
    drawn = cache(lambda face: draw_face(face, CLIP_PX, oversampling=1))

    def draw(number: int) -> Image:
        people = [
            drawn(replace(face, mood=mood_at(script, number / 25)))
            for face, script in zip(PEOPLE, SCRIPTS, strict=True)
        ]
        return np.roll(np.hstack(people), round(5 * np.sin(number / 8)), axis=1)

    make_video(path, draw, times_s=steady_times(125))
    return path


def test_a_clip_is_read_as_its_people_act(mien: Mien, clip: Path, tmp_path: Path) -> None:
    done = mien("video", clip, "--csv", tmp_path / "rows.csv")
    assert (done.status, done.stderr) == (0, "")
    rows = csv_rows(tmp_path / "rows.csv")

    assert len(rows) == 2 * 125
    for side, script in enumerate(SCRIPTS):
        one = [row for row in rows if (float(row["x0"]) > CLIP_PX) == bool(side)]
        assert len(one) == 125
        assert len({row["track"] for row in one}) == 1
        starts_s, names = zip(*script, strict=True)
        for row in one:  # each frame by itself, but for those in which a face changes
            time_s = float(row["time_s"])
            if min(abs(time_s - start_s) for start_s in starts_s[1:]) > 0.6 * CHANGE_S:
                assert row["raw_emotion"] == names[bisect(starts_s, time_s) - 1], time_s
        changes = [one[0], *(b for a, b in pairwise(one) if a["emotion"] != b["emotion"])]
        assert [row["emotion"] for row in changes] == list(names)
        times_s = [float(row["time_s"]) for row in changes]
        assert times_s == pytest.approx(starts_s, abs=HALF_LIFE_S)


# The annotated copy of an image


def test_the_annotated_copy_looks_as_it_did(mien: Mien, tmp_path: Path) -> None:
    golden_readings.draw_people(tmp_path / "people.png")
    done = mien("detect", tmp_path / "people.png", "--out", tmp_path / "out")
    assert (done.status, done.stderr) == (0, "")
    copy = load_image(tmp_path / "out" / "people.png").astype(int)
    off = np.abs(copy - load_image(GOLDEN / "annotated.png")).max(axis=2)
    assert (off > LEVELS).mean() < SHARE
