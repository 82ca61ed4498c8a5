"""A head that was scanned, drawn as a camera sees it, so that its pose is known.

`benchmarks/quality.py --scan` holds what is told of poses against it.
"""

import json
import struct
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.readings import Image
from mien.recognize.images import load_image

Floats = NDArray[np.float64]

_WIDTHS: Final = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}
_KINDS: Final = {5123: "<u2", 5126: "<f4"}
_HEAD: Final = 1.9  # heights above the tip of the nose, of a head
_FRAME: Final = 0.8  # of a head's height, in sides of the image
_GRAY: Final = 140  # behind the head
_TOGETHER: Final = 500  # triangles of like size that are drawn together


class Scan:
    """Draws one head.

    Of a binary glTF with one mesh of triangles, whose face looks along z: x to the right of who
    sees it, y upwards. What is nearest to that viewer is the tip of its nose. The skin is an image
    of its colors, in which the second coordinate runs upwards.
    """

    def __init__(self, path: str, skin: str) -> None:
        content = Path(path).read_bytes()
        (length,) = struct.unpack_from("<I", content, 12)
        about, data = json.loads(content[20 : 20 + length]), content[28 + length :]

        def values(number: int) -> Floats:
            array = about["accessors"][number]
            start = about["bufferViews"][array["bufferView"]].get("byteOffset", 0)
            width = _WIDTHS[array["type"]]
            flat = np.frombuffer(
                data, _KINDS[array["componentType"]], array["count"] * width, start
            )
            return flat.reshape(-1, width).astype(np.float64)

        (part,) = about["meshes"][0]["primitives"]
        named = {name: values(number) for name, number in part["attributes"].items()}
        nose = named["POSITION"][named["POSITION"][:, 2].argmax()]
        height = _HEAD * (named["POSITION"][:, 1].max() - nose[1])
        self._points = (named["POSITION"] - nose) / height
        self._normals = named["NORMAL"]
        self._skin = load_image(skin)
        size = (self._skin.shape[1], self._skin.shape[0])
        self._places = (named["TEXCOORD_0"] * (1.0, -1.0) + (0.0, 1.0)) * size
        self._triangles = values(part["indices"]).astype(np.int64).reshape(-1, 3)

    def __call__(self, rotation: Floats, *, heads: float, light: Floats, side: int) -> Image:
        """An image of side x side pixels, the tip of the nose in its middle.

        The head is turned by (3, 3); the camera is so many heights of the head away, and the light
        comes from (3,), of length 1.
        """
        points = self._points @ rotation.T
        away = heads - points[:, 2]
        scale = _FRAME * side * heads / away
        bright = 0.5 + 0.6 * np.clip(self._normals @ rotation.T @ light, 0.0, None)
        x, y = side / 2 + scale * points[:, 0], side / 2 - scale * points[:, 1]
        corners = np.column_stack([x, y, away, self._places, bright])[self._triangles]
        seen = _drawn(corners, side)
        places = seen[:, :, 1:3].astype(np.float32)
        image = cv2.remap(self._skin, places, None, cv2.INTER_LINEAR) * seen[:, :, 3:]  # type: ignore[call-overload]
        return np.where(seen[:, :, :1] > 0.0, image, _GRAY).clip(0, 255).astype(np.uint8)


def _drawn(corners: Floats, side: int) -> Floats:
    """(side, side, 4): how far away the nearest triangle is, and its values; 0 where none is.

    Corners are (T, 3, 6): x, y in pixels, how far away, and three values that are shown.
    """
    low = np.ceil(corners[:, :, :2].min(1)).astype(np.int64)
    high = np.floor(corners[:, :, :2].max(1)).astype(np.int64)
    ahead = np.roll(corners, -1, axis=1)[:, :, :2] - corners[:, :, :2]  # along each side
    areas = ahead[:, 0, 0] * ahead[:, 1, 1] - ahead[:, 0, 1] * ahead[:, 1, 0]
    shown = (areas < 0.0) & (high >= low).all(1) & (low >= 0).all(1) & (high < side).all(1)
    wide = (high - low).max(1)
    order = np.flatnonzero(shown)[np.argsort(wide[shown])]
    pixels, values = [], []
    for some in np.array_split(order, len(order) // _TOGETHER + 1):
        steps = np.arange(int(wide[some].max(initial=0)) + 1)
        near = low[some, None, None] + np.stack(np.meshgrid(steps, steps), -1)  # (t, K, K, 2)
        away = near[:, :, :, None] - corners[some, None, None, :, :2]  # from each corner
        edges = ahead[some, None, None]
        crossed = edges[..., 0] * away[..., 1] - edges[..., 1] * away[..., 0]
        # The share of a corner is that of the side that lies opposite.
        shares = np.roll(crossed, -1, axis=3) / areas[some, None, None, None]
        inside = (shares >= 0.0).all(-1)
        own = corners[some[np.nonzero(inside)[0]], :, 2:]
        pixels.append(near[inside])
        values.append(np.einsum("nc,ncv->nv", shares[inside], own))
    told = np.concatenate(values)
    nearest_last = np.argsort(-told[:, 0])
    column, row = np.concatenate(pixels)[nearest_last].T
    seen = np.zeros((side, side, 4))
    seen[row, column] = told[nearest_last]
    return seen
