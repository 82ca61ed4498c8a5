"""The curves of benchmarks/quality.py, on faces whose worth is known."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from mien.readings import Face, Image

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))

import quality


def test_a_fall_is_that_of_the_same_faces() -> None:
    values = np.repeat([1.0, 3.0], 50)
    before = np.tile([1.0, 1.0, 1.0, 1.0, 0.0], 20)
    now = before.copy()
    now[50:75] = 0.0  # half of those in the second bin
    first, second = quality.bins((0, 2, 4, 6), values, before, now, np.arange(100))
    assert (first.faces, first.unspoiled, first.fall, first.error) == (50, 0.8, 0.0, 0.0)
    assert second.fall == pytest.approx(0.4)
    assert second.error == pytest.approx(1.96 * math.sqrt(0.4 * 0.6 / 50))


def test_bins_of_few_faces_are_left_out() -> None:
    few = quality.MIN_FACES - 1
    assert not quality.bins((0, 2), np.ones(few), np.ones(few), np.ones(few), np.arange(few))


def test_the_mesh_tells_how_a_head_is_turned() -> None:
    points = np.zeros((478, 3))
    points[list(quality.RIGID)] = list(quality.RIGID.values())
    turned = points @ quality.turn(math.radians(25.0), math.radians(-10.0)).T
    yaw, pitch, roll = quality.mesh_pose(turned * (5.0, -5.0, -5.0) + 100.0)
    assert (yaw, pitch, roll) == pytest.approx((25.0, 0.0, 10.0), abs=1e-6)


@pytest.mark.parametrize(
    ("side", "left"), [(0, (80, 40)), (1, (80, 50)), (2, (46, 80)), (3, (46, 80))]
)
def test_a_face_is_cut_off_at_each_side(side: int, left: tuple[int, int]) -> None:
    image: Image = np.zeros((80, 80, 3), np.uint8)
    face = Face((20.0, 10.0, 70.0, 70.0), 0.9)
    assert quality.cut_off(image, face, 0.6, side).shape[:2] == left
