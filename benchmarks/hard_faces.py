"""How many faces of photos are found when they are small, turned, or the photo lies on its side.

    python benchmarks/hard_faces.py --photos DIR

DIR holds photos and boxes.json, as for `python -m mien.bench`.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mien import YuNetDetector, load_image
from mien.bench import MATCH_IOU, match, read_boxes
from mien.readings import Box, Image
from mien.recognize.candidates import iou
from program import options_of

SIZES_PX = (12, 16, 20, 24, 32)
TURNS = (15, 30, 45, 90, 180, 270)  # degrees, clockwise


def shrunk(image: Image, boxes: list[Box], size_px: int) -> Iterator[tuple[Image, Box]]:
    """The photo once for each face, shrunk until that has the size."""
    for box in boxes:
        scale = size_px / max(box[2] - box[0], box[3] - box[1])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        x0, y0, x1, y1 = (scale * side for side in box)
        yield np.asarray(small, np.uint8), (x0, y0, x1, y1)


def turned(image: Image, boxes: list[Box], degrees: float) -> tuple[Image, list[Box]]:
    """The whole photo, turned, on a black ground; its boxes become squares around their middle."""
    height, width = image.shape[:2]
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    across = round(abs(width * cosine) + abs(height * sine))
    down = round(abs(width * sine) + abs(height * cosine))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    turn[:, 2] += (across - width) / 2, (down - height) / 2
    moved: list[Box] = []
    for x0, y0, x1, y1 in boxes:
        x, y = turn @ ((x0 + x1) / 2, (y0 + y1) / 2, 1.0)
        reach = max(x1 - x0, y1 - y0) / 2
        moved.append((x - reach, y - reach, x + reach, y + reach))
    return np.asarray(cv2.warpAffine(image, turn, (across, down)), np.uint8), moved


def main() -> None:
    parser = options_of(__doc__, data=False)
    parser.add_argument("--photos", type=Path, required=True)
    options = parser.parse_args()
    labelled = read_boxes(options.photos)
    photos = {name: load_image(options.photos / name) for name in labelled}
    count = sum(len(boxes) for boxes in labelled.values())
    detector, upright = YuNetDetector(), YuNetDetector(second_looks=False)
    found_as_it_is = {name: [f.box for f in upright.detect(photos[name])] for name in photos}
    for size_px in SIZES_PX:
        hits = [
            any(iou(face.box, box) >= MATCH_IOU for face in upright.detect(small))
            for name, boxes in found_as_it_is.items()
            for small, box in shrunk(photos[name], boxes, size_px)
        ]
        print(f"faces of {size_px} pixels in the search: {sum(hits)} of {len(hits)} found")
    for degrees in TURNS:
        totals = np.zeros((2, 2), int)
        for name, boxes in labelled.items():
            image, moved = turned(photos[name], boxes, degrees)
            for row, one in enumerate((upright, detector)):
                totals[row] += match([face.box for face in one.detect(image)], moved)
        (plain, _), (found, false) = totals
        print(
            f"turned by {degrees}: {found} of {count} found, {false} false; {plain} without looks"
        )


if __name__ == "__main__":
    main()
