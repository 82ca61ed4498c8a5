"""The curves of benchmarks/quality.py, on faces whose worth is known."""

import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

import quality
from mien.recognize.movements import _SKULL, pose_of
from scan import Scan

pytestmark = pytest.mark.tools


def test_a_fall_is_that_of_the_same_faces() -> None:
    values = np.repeat([1.0, 3.0], 50)
    before = np.tile([1.0, 1.0, 1.0, 1.0, 0.0], 20)
    now = before.copy()
    now[50:75] = 0.0  # half of those in the second bin
    first, second = quality.bins((0, 2, 4, 6), values, before, now, np.arange(100))
    assert (first.faces, first.unspoiled, first.fall, first.error) == (50, 0.8, 0.0, 0.0)
    assert second.fall == pytest.approx(0.4)
    assert second.error == pytest.approx(1.96 * math.sqrt(0.4 * 0.6 / 50))


def test_a_turned_photo_has_a_mesh_that_is_turned_by_the_angle() -> None:
    image = np.full((200, 200, 3), 90, np.uint8)
    places = np.array([place for _, place in _SKULL.values()])
    points = np.random.default_rng(0).uniform(60, 140, (478, 3))
    points[list(_SKULL)] = places * (5.0, -5.0, -5.0) + 100.0
    _, aside = quality.turned(image, points, quality.turn(25.0, 0.0))
    _, raised = quality.turned(image, points, quality.turn(0.0, -30.0))
    assert pose_of(aside.astype(np.float32)) == pytest.approx((25.0, 0.0, 0.0), abs=1e-3)
    assert pose_of(raised.astype(np.float32)) == pytest.approx((0.0, -30.0, 0.0), abs=1e-3)


def write_scan(folder: Path) -> tuple[str, str]:
    """A pyramid whose tip is the nose, its left half red and its right one blue."""
    points = np.array(
        [(0, 0, 0.3), (-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0), (0, -1, 0), (0, 1, 0)], "<f4"
    )
    places = np.array([(x / 2 + 0.5, y / 2 + 0.5) for x, y, _ in points], "<f4")
    triangles = np.array([(0, 1, 5), (0, 5, 2), (0, 2, 3), (0, 3, 6), (0, 6, 4), (0, 4, 1)], "<u2")
    normals = np.tile(np.array((0, 0, 1), "<f4"), (7, 1))
    arrays = [(points, 5126, "VEC3"), (normals, 5126, "VEC3"), (places, 5126, "VEC2")]
    arrays.append((triangles.reshape(-1, 1), 5123, "SCALAR"))
    content = [array.tobytes() for array, _, _ in arrays]
    starts = np.cumsum([0, *map(len, content)]).tolist()
    attributes = {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}
    about = json.dumps(
        {
            "accessors": [
                {"bufferView": i, "componentType": kind, "count": len(array), "type": name}
                for i, (array, kind, name) in enumerate(arrays)
            ],
            "bufferViews": [{"byteOffset": start} for start in starts[:-1]],
            "meshes": [{"primitives": [{"attributes": attributes, "indices": 3}]}],
        }
    ).encode()
    head = struct.pack("<4sIIII", b"glTF", 2, 0, len(about), 0x4E4F534A)
    head_file, skin_file = folder / "head.glb", folder / "skin.png"
    head_file.write_bytes(head + about + bytes(8) + b"".join(content))
    skin = np.zeros((64, 64, 3), np.uint8)
    skin[:, :32, 0] = skin[:, 32:, 2] = 200
    PILImage.fromarray(skin).save(skin_file)
    return str(head_file), str(skin_file)


@pytest.mark.parametrize("yaw", [-30.0, 0.0, 30.0])
def test_the_side_that_a_scanned_head_turns_to_is_seen_less_of(yaw: float, tmp_path: Path) -> None:
    scan = Scan(*write_scan(tmp_path))
    image = scan(quality.turn(yaw, 0.0), heads=5.0, light=np.array((0.0, 0.0, 1.0)), side=100)
    left, right = ((image[:, :, color] > 150).sum() for color in (0, 2))
    assert left > 100
    assert np.sign(round((left - right) / left, 1)) == np.sign(yaw)
    assert image[50, 40].argmax() == 0
    assert image[50, 60].argmax() == 2
    assert (image[0] == 140).all()
