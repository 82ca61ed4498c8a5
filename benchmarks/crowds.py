"""How many faces of crowds are found, how many finds are none, and the processor time.

    python benchmarks/crowds.py --faces DIR [--images 192] [--seed 0]
    python benchmarks/crowds.py --wider DIR

DIR holds photos with one large face each. Cut out of these, faces of 10 to 120 pixels, tilted,
blurred, dimmed and partly covered, are pasted over one another into images of 640 x 480 that show
none. Those of 40 pixels and more are to be found; smaller ones may be.

Or real ones: DIR holds images of WIDER FACE (arXiv:1511.06523), in folders or not, as many as there
are, and `wider_face_val_bbx_gt.txt`. Only these show how often a hand is taken for a face.
"""

import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mien import Detector, Face, HaarDetector, YuNetDetector, load_image
from mien.bench import MATCH_IOU
from mien.readings import Box, Image
from mien.recognize.candidates import iou
from mien.recognize.images import is_image_name
from mien.recognize.yunet import YuNet
from program import options_of

SIZE: Final = (640, 480)
FACES: Final = (3, 10)  # in a photo
SIZES_PX: Final = (10.0, 120.0)  # of the longer side of a face's box, uniform in the logarithm
WANTED_PX: Final = 40.0
TILT_DEG: Final = 10.0  # standard deviation
SURE: Final = 0.9  # a photo whose face is found so surely, alone, is pasted
AROUND: Final = 2.0  # of what is pasted, in long sides of the face's box
COVERED: Final = 0.1  # share of the faces of which a part is hidden


@dataclass(frozen=True)
class Crowd:
    """A photo and the boxes of the faces in it."""

    image: Image
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Head:
    """A square around a face, whose box is in the middle, of `size` pixels at its longer side."""

    image: Image
    size: tuple[float, float]


def heads_in(folder: Path) -> list[Head]:
    """The faces of photos with one sure face each."""
    network, heads = YuNet(), []
    for path in sorted(p for p in folder.iterdir() if is_image_name(p.name)):
        image = load_image(path)
        rows = network.find(image, 0.5)
        if len(rows) != 1 or rows[0, 14] < SURE:
            continue
        x, y, width, height = rows[0, :4]
        side = round(AROUND * max(width, height))
        middle = (x + width / 2, y + height / 2)
        patch = cv2.getRectSubPix(image, (side, side), middle)
        heads.append(Head(np.asarray(patch, np.uint8), (width, height)))
    return heads


def crowd_of(heads: list[Head], grounds: list[Image], generator: np.random.Generator) -> Crowd:
    """A photo with some of the heads in it, the largest in front."""
    ground = grounds[generator.integers(len(grounds))]
    if generator.random() < 0.5:
        ground = ground[:, ::-1]
    photo = cv2.resize(ground, SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
    count = generator.integers(*FACES, endpoint=True)
    sizes = np.sort(
        np.exp(generator.uniform(math.log(SIZES_PX[0]), math.log(SIZES_PX[1]), int(count)))
    )
    boxes: list[Box] = []
    for size_px in sizes:
        head = heads[generator.integers(len(heads))]
        x, y = generator.uniform((0.0, 0.0), SIZE)
        if any(_hides((x, y), size_px, box) for box in boxes):
            continue
        boxes.append(_paste(photo, head, (x, y), size_px, generator))
    quality = int(generator.integers(50, 95))
    image = cv2.cvtColor(photo.clip(0.0, 255.0).astype(np.uint8), cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    image = cv2.cvtColor(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)
    return Crowd(np.asarray(image, np.uint8), tuple(boxes))


def _hides(middle: tuple[float, float], size_px: float, box: Box) -> bool:
    """Whether a head there would hide more than a part of a face."""
    x0, y0, x1, y1 = box
    away = np.hypot(middle[0] - (x0 + x1) / 2, middle[1] - (y0 + y1) / 2)
    return bool(away < 0.6 * size_px + 0.35 * (y1 - y0))


def _paste(
    photo: NDArray[np.float32],
    head: Head,
    middle: tuple[float, float],
    size_px: float,
    generator: np.random.Generator,
) -> Box:
    """Put a head into the photo; the box of its face there."""
    scale = size_px / max(head.size)
    patch = np.asarray(head.image[:, ::-1] if generator.random() < 0.5 else head.image)
    side = max(round(len(patch) * scale), 4)
    method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    small = cv2.resize(patch, (side, side), interpolation=method).astype(np.float64)
    if generator.random() < COVERED:
        top, left = (generator.uniform((0.1, 0.0)) * side).astype(int)
        bottom, right = top + int(0.35 * side), left + int(generator.uniform(0.3, 0.6) * side)
        small[top:bottom, left:right] = generator.uniform(0.0, 255.0, 3)
    blur_px = generator.uniform(0.001, 0.015) * size_px + 0.01
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), blur_px), np.float64)
    small = (small - 128.0) * generator.uniform(0.6, 1.1) + 128.0 + generator.uniform(-40.0, 30.0)
    small = small + generator.normal(0.0, generator.uniform(0.0, 8.0), small.shape)

    y, x = np.mgrid[0:side, 0:side] / (side - 1) * 2.0 - 1.0
    weight = np.clip(6.0 * (1.0 - np.hypot(x * 1.05, y)), 0.0, 1.0)
    turn = cv2.getRotationMatrix2D((0.0, 0.0), generator.normal(0.0, TILT_DEG), 1.0)
    turn[:, 2] = middle - turn[:, :2] @ np.array([(side - 1) / 2] * 2)
    moved = cv2.warpAffine(small.astype(np.float32), turn, SIZE)
    alpha = cv2.warpAffine(weight.astype(np.float32), turn, SIZE)[..., None]
    photo += alpha * (moved - photo)
    width, height = (value * scale for value in head.size)
    (x0, y0), (x1, y1) = ((middle[0] + s * width / 2, middle[1] + s * height / 2) for s in (-1, 1))
    return x0, y0, x1, y1


def grounds() -> list[Image]:
    """Images without people that come with scikit-image."""
    from skimage import data

    names = ("chelsea", "coffee", "rocket", "brick", "grass", "gravel", "page", "horse")
    images = []
    for name in names:
        photo = np.atleast_3d(getattr(data, name)())
        photo = photo * np.uint8(255) if photo.dtype == bool else photo
        images.append(np.ascontiguousarray(np.broadcast_to(photo, (*photo.shape[:2], 3))))
    return images


def counted(found: list[Face], crowd: Crowd) -> tuple[int, int]:
    """Wanted faces that are found, and finds where there is no face."""
    open_boxes, hits, false = list(crowd.boxes), 0, 0
    for face in found:
        best = max(open_boxes, key=lambda box: iou(face.box, box), default=None)
        if best is not None and iou(face.box, best) >= MATCH_IOU:
            open_boxes.remove(best)
            hits += is_wanted(best)
        else:
            false += not any(iou(face.box, box) >= MATCH_IOU for box in crowd.boxes)
    return hits, false


def is_wanted(box: Box) -> bool:
    """Whether a face is so large that it is to be found."""
    return max(box[2] - box[0], box[3] - box[1]) >= WANTED_PX


def made(folder: Path, images: int, seed: int) -> Iterator[Crowd]:
    """So many images of the faces in a folder."""
    generator = np.random.default_rng(seed)
    heads, backs = heads_in(folder), grounds()
    return (crowd_of(heads, backs, generator) for _ in range(images))


def wider(folder: Path) -> Iterator[Crowd]:
    """The images of WIDER FACE that are in a folder, with their labelled faces."""
    paths = {path.name: path for path in sorted(folder.rglob("*.jpg"))}
    lines = iter((folder / "wider_face_val_bbx_gt.txt").read_text().splitlines())
    for name in lines:
        count = int(next(lines))
        rows = [[int(cell) for cell in next(lines).split()[:4]] for _ in range(max(count, 1))]
        path = paths.get(Path(name).name)
        if path is not None:  # an image without a face has one row of zeros
            boxes = tuple((x, y, x + w, y + h) for x, y, w, h in rows[:count])
            yield Crowd(load_image(path), boxes)


def main() -> None:
    parser = options_of(__doc__, data=False)
    of = parser.add_mutually_exclusive_group(required=True)
    of.add_argument("--faces", type=Path)
    of.add_argument("--wider", type=Path)
    parser.add_argument("--images", type=int, default=192)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    crowds = (
        made(options.faces, options.images, options.seed)
        if options.wider is None
        else wider(options.wider)
    )
    detectors: dict[str, Detector] = {
        "yunet": YuNetDetector(),
        "yunet, full size": YuNetDetector(full_size=True),
        "haar": HaarDetector(),
    }
    wanted, images = 0, 0
    counts = np.zeros((len(detectors), 2), int)
    times_ms: list[list[float]] = [[] for _ in detectors]
    for crowd in crowds:  # one at a time: all of WIDER FACE's would take several GB
        images += 1
        wanted += sum(is_wanted(box) for box in crowd.boxes)
        for index, detector in enumerate(detectors.values()):
            start = time.process_time()
            found = detector.detect(crowd.image)
            times_ms[index].append(1e3 * (time.process_time() - start))
            counts[index] += counted(found, crowd)
    print(f"{wanted} faces of {WANTED_PX:g} pixels and more in {images} images")
    for name, (hits, false), spent_ms in zip(detectors, counts, times_ms, strict=True):
        median_ms, mean_ms = statistics.median(spent_ms), statistics.mean(spent_ms)
        print(
            f"{name:20} {hits / wanted:.3f} found, {false} false, "
            f"{median_ms:.1f} ms (mean {mean_ms:.1f})"
        )


if __name__ == "__main__":
    main()
