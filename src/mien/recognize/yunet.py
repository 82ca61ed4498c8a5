"""YuNet, the network that finds faces, on ONNX Runtime."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.environment import data_file, import_onnxruntime, onnx_session
from mien.opencv import of_opencv
from mien.readings import Image

YUNET_FILE: Final = Path(__file__).parents[1] / "assets" / "yunet.onnx"

CELL_PX: Final = 32
"""Images are padded at the right and below to multiples of it, with black."""

_STRIDES: Final = np.array([8, 16, 32])
_SAME_FACE_IOU: Final = 0.3
_LARGE_PIXELS: Final = 1_000_000


class YuNet:
    """YuNet (Wu, Peng and Yu 2023, doi:10.1007/s11633-023-1423-y): an image in, faces out.

    It gives what OpenCV's FaceDetectorYN gives with the same weights (`scripts/yunet_onnx.py` wrote
    the file), 2.6 to 2.8 times as fast on one thread. Threads may share it, processes a copy.
    """

    def __init__(self) -> None:
        self._boxes_apart = of_opencv("dnn").NMSBoxes
        self._session = onnx_session(str(data_file(YUNET_FILE)), one_shape=False)
        self._giving_back = import_onnxruntime().RunOptions()
        self._giving_back.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def __reduce__(self) -> tuple[Any, ...]:
        return YuNet, ()

    def find(self, image: Image, least: float) -> NDArray[np.float64]:
        """The faces of an image as it is, best first.

        Args:
            image: (H, W, 3) uint8, RGB.
            least: score of the least sure, 0 to 1.
        Returns:
            (F, 15): x, y, width and height of a box, x and y of its five landmarks, score; pixels.
        """
        down, across = (-side % CELL_PX for side in image.shape[:2])
        if down or across:
            border = cv2.BORDER_CONSTANT
            image = np.asarray(cv2.copyMakeBorder(image, 0, down, 0, across, border), np.uint8)
        height, width = image.shape[:2]
        # What a large image took would be kept for the next one.
        options = self._giving_back if height * width > _LARGE_PIXELS else None
        fed = {"image": np.ascontiguousarray(image), "least": np.array(least, np.float32)}
        found, cell = self._session.run(None, fed, options)
        if not len(cell):
            return np.empty((0, 15))
        rows = _decoded(found.T.astype(np.float64), cell, width, height)
        # Of boxes that lie on one another the best, as OpenCV has it: by whole pixels.
        kept = self._boxes_apart(np.trunc(rows[:, :4]), rows[:, 14], 0.0, _SAME_FACE_IOU)
        return np.asarray(rows[np.asarray(kept)], np.float64)


def _decoded(
    found: NDArray[np.float64], cell: NDArray[np.int64], *size: int
) -> NDArray[np.float64]:
    """(F, 15) in pixels, of what the network says of the cells of an image of this size."""
    large = size[0] * size[1] > _LARGE_PIXELS
    cells = (_cells.__wrapped__ if large else _cells)(*size)[cell]
    corner, stride = cells[:, :2], cells[:, 2:]
    rows = np.empty((len(cell), 15))
    sides = np.exp(found[:, 2:4]) * stride
    rows[:, :2] = (corner + found[:, :2]) * stride - sides / 2
    rows[:, 2:4] = sides
    points = corner[:, None] + found[:, 4:14].reshape(-1, 5, 2)
    rows[:, 4:14] = (points * stride[:, None]).reshape(-1, 10)
    rows[:, 14] = found[:, 14]
    return rows


@lru_cache(16)
def _cells(width: int, height: int) -> NDArray[np.float64]:
    """(N, 3): column and row of each cell of an image, in cells, and their size in pixels."""
    grids = [np.mgrid[: height // px, : width // px][::-1].reshape(2, -1).T for px in _STRIDES]
    return np.concatenate([np.insert(g, 2, px, 1) for g, px in zip(grids, _STRIDES, strict=True)])
