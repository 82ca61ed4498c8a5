"""What a face is said to be worth, on faces of known pose, blur, light and place."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fakes import EYES
from mien.readings import UNUSABLE, Face, Landmarks
from mien.recognize.quality import blur_of, inside_of, pose_of, quality_of, with_mesh

SIZE = (200, 200)
CANONICAL = np.array(
    [[-0.5, 0, 0], [0.5, 0, 0], [0, -0.595, 0.636], [-0.4, -1.106, 0.13], [0.4, -1.106, 0.13]]
)
"""Five points of a face from the front, y upwards and z towards the viewer, in eye distances."""


def held(points: NDArray[Any], pose: Sequence[float]) -> NDArray[np.float64]:
    """Points, (N, 3), y up and z to the viewer, of a head with this yaw, pitch and roll."""
    b, a, c = map(math.radians, pose)
    up = [[1, 0, 0], [0, math.cos(a), math.sin(a)], [0, -math.sin(a), math.cos(a)]]
    aside = [[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]]
    over = [[math.cos(c), math.sin(c), 0], [-math.sin(c), math.cos(c), 0], [0, 0, 1]]
    turn: NDArray[np.float64] = np.array(over) @ np.array(aside) @ np.array(up)
    return np.asarray(points @ turn.T)


def turned(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Landmarks:
    """The five points, seen from afar."""
    points = held(CANONICAL, (yaw, pitch, roll))
    return cast(Landmarks, tuple((100 + 40 * x, 80 - 40 * y) for x, y in points[:, :2].tolist()))


def a_face(landmarks: Landmarks | None = EYES, side: float = 100.0) -> Face:
    return Face((50.0, 50.0, 50.0 + side, 50.0 + side), 0.9, landmarks)


@pytest.fixture
def crop(portrait_crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return portrait_crop


@pytest.mark.parametrize("angle", [-40.0, -15.0, 0.0, 15.0, 40.0])
def test_each_angle_is_told_with_its_sign(angle: float) -> None:
    yaw, _, _ = pose_of(turned(yaw=angle))
    assert yaw == pytest.approx(angle, abs=4.0)  # YuNet's points turn less than those of a head
    assert pose_of(turned(pitch=angle)) == pytest.approx((0.0, angle, 0.0), abs=1e-6)
    assert pose_of(turned(roll=angle)) == pytest.approx((0.0, 0.0, angle), abs=1e-6)


def test_a_tilt_changes_neither_yaw_nor_pitch() -> None:
    upright, tilted = pose_of(turned(25.0, 10.0)), pose_of(turned(25.0, 10.0, 30.0))
    assert tilted == pytest.approx((upright[0], upright[1], 30.0), abs=1e-6)


def test_a_mirrored_face_looks_the_other_way() -> None:
    right_eye, left_eye, nose, right_mouth, left_mouth = (
        (200.0 - x, y) for x, y in turned(25.0, 10.0, 5.0)
    )
    yaw, pitch, roll = pose_of(turned(25.0, 10.0, 5.0))
    mirrored = pose_of((left_eye, right_eye, nose, left_mouth, right_mouth))
    assert mirrored == pytest.approx((-yaw, pitch, -roll))


@pytest.mark.parametrize("points", [[(5.0, 5.0)] * 5, [(0, 0), (10, 0), (5, -5), (0, -9), (9, -9)]])
def test_points_that_are_no_face_have_some_angle(points: Landmarks) -> None:
    assert all(map(math.isfinite, pose_of(points)))


def test_blur_rises_with_blur_whatever_light_and_contrast_are(crop: NDArray[np.uint8]) -> None:
    softer = [crop, *(cv2.GaussianBlur(crop, (0, 0), sigma) for sigma in (1.0, 2.0, 4.0))]
    told = [blur_of(np.asarray(one, np.uint8)) for one in softer]
    assert told == sorted(told)
    assert told[-1] > told[0] + 0.2
    assert 0.0 < told[0] < told[-1] < 1.0
    pale = (100 + 0.4 * (crop - crop.mean())).clip(0, 255).round().astype(np.uint8)
    assert blur_of(pale) == pytest.approx(told[0], abs=0.03)
    assert blur_of(np.full((48, 48), 80, np.uint8)) == 1.0


def test_the_share_inside_is_of_the_box() -> None:
    assert inside_of((10.0, 10.0, 60.0, 110.0), SIZE) == 1.0
    assert inside_of((-25.0, 10.0, 75.0, 60.0), SIZE) == 0.75
    assert inside_of((150.0, 150.0, 250.0, 250.0), SIZE) == 0.25
    assert inside_of((300.0, 0.0, 400.0, 100.0), SIZE) == 0.0
    assert inside_of((5.0, 5.0, 5.0, 5.0), SIZE) == 0.0


def test_a_good_face_is_usable(crop: NDArray[np.uint8]) -> None:
    quality = quality_of(a_face(turned()), crop, SIZE)
    assert (quality.usable, quality.unusable) == (True, "")
    assert (quality.size_px, quality.inside) == (100.0, 1.0)
    assert quality.light == pytest.approx(crop.mean())
    assert quality_of(a_face(turned(pitch=50.0)), crop, SIZE).usable  # by points, which say little
    assert quality.contrast == pytest.approx(crop.std())


SPOILED: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "dark": lambda crop: (crop * 0.02).astype(np.uint8),
    "bright": lambda crop: (255 - (255 - crop.astype(float)) * 0.02).astype(np.uint8),
    "flat": lambda crop: (128 + 0.02 * (crop - crop.mean())).astype(np.uint8),
    "blurred": lambda crop: np.asarray(cv2.GaussianBlur(crop, (0, 0), 6.0), np.uint8),
}


@pytest.mark.parametrize("reason", UNUSABLE[1:])
def test_what_speaks_against_a_face_is_said(reason: str, crop: NDArray[np.uint8]) -> None:
    face = a_face(turned())
    if reason == "small":
        face = a_face(turned(), side=5.0)
    elif reason == "cut off":
        face = replace(face, box=(-90.0, 50.0, 10.0, 150.0))
    elif reason == "turned":
        face = a_face(turned(yaw=-70.0))
    quality = quality_of(face, SPOILED.get(reason, np.asarray)(crop), SIZE)
    assert (quality.unusable, quality.usable) == (reason, False)


def test_without_landmarks_the_angles_are_not_known(crop: NDArray[np.uint8]) -> None:
    quality = quality_of(a_face(None), crop, SIZE)
    assert (quality.yaw, quality.pitch, quality.roll) == (None, None, None)
    assert quality.pose_method is None
    assert quality.usable


def test_the_pose_of_a_mesh_takes_the_place_of_that_of_points(crop: NDArray[np.uint8]) -> None:
    points = quality_of(a_face(turned(yaw=-70.0)), crop, SIZE)
    assert (points.pose_method, points.unusable) == ("points", "turned")
    mesh = with_mesh(points, (-12.0, 5.0, 3.0))
    assert mesh == replace(points, yaw=-12.0, pitch=5.0, roll=3.0, unusable="", pose_method="mesh")
    assert with_mesh(mesh, (-40.0, 5.0, 3.0)).unusable == "turned"
    assert with_mesh(mesh, (0.0, -24.0, 70.0)).usable
    assert with_mesh(mesh, (0.0, -26.0, 3.0)).unusable == "turned"
    assert with_mesh(mesh, (0.0, 26.0, 3.0)).unusable == "turned"
    small = quality_of(a_face(None, side=5.0), crop, SIZE)
    assert with_mesh(small, (-40.0, 5.0, 3.0)).unusable == "small"
