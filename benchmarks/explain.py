"""How faithful the heat maps of `mien explain` are, and how long one takes.

    python benchmarks/explain.py --data FER2013 [--model NAME|FILE] [--split val] [--faces 300]

Covers the pixels of each face in the order of its heat, the hottest first, and watches the
probability of the emotion that was read (deletion: a good order brings it down at once); and shows
them in that order on a blurred copy (insertion: a good order brings it up at once). Both are the
area under the curve over the share of pixels, from Petsiuk, Das and Saenko 2018 (arXiv:1806.07421,
section 4.1): what is covered gets the mean gray level of the face, and insertion begins with a
blurred copy. Prints, over all faces, their means and the difference, with its 95 % interval, for

- the heat map of the face;
- the heat map of another face: what a map gains that knows where faces have their mouths, not this
  face;
- from the middle outwards;
- random blobs as coarse as the heat, and random pixels.

The pixels of a random order hurt a network as noise does, so that the deletion of random pixels
alone says little.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.learn.data.datasets import load_faces
from mien.readings import Probabilities
from mien.recognize.classifier import DEFAULT_MODEL, Classifier
from mien.recognize.crops import SIZE_PX, Crops
from mien.recognize.explain import explain_crop
from program import options_of, print_head, print_row

STEPS = 16  # points of a curve, after the first
INSERTION_BLUR_PX = 6.0
BLOB_PX = 3.0  # standard deviation of the blur that makes blobs of noise
RESAMPLES = 2000


class Curves(NamedTuple):
    """Areas under the curves of one face, 0 to 1."""

    deletion: float  # the lower, the better
    insertion: float  # the higher, the better


def curves(
    classifier: Callable[[Crops], Probabilities],
    crop: NDArray[np.uint8],
    target: int,
    scores: NDArray[np.floating],
    *,
    steps: int = STEPS,
) -> Curves:
    """Cover and show the (48, 48) pixels of a face in the order of their scores, the highest first.

    Watched is the probability of the target, in so many steps.
    """
    rank = np.empty(scores.size, np.int64)
    rank[np.argsort(-scores, axis=None, kind="stable")] = np.arange(scores.size)
    ranks = rank.reshape(scores.shape)
    counts = np.linspace(0, scores.size, steps + 1).round()[:, None, None]
    gray = np.full_like(crop, round(float(crop.mean())))
    blurred = cv2.GaussianBlur(crop, (0, 0), INSERTION_BLUR_PX, borderType=cv2.BORDER_REPLICATE)
    images = [np.where(ranks < counts, gray, crop), np.where(ranks < counts, crop, blurred)]
    found = classifier(np.concatenate(images).astype(np.uint8))[:, target].astype(np.float64)
    return Curves(*(float((part[1:] + part[:-1]).mean() / 2) for part in np.split(found, 2)))


def orders(
    crops: Crops, heats: NDArray[np.floating], random: np.random.Generator
) -> dict[str, NDArray[np.floating]]:
    """Scores of every pixel of each face: (N, 48, 48), by name."""
    noise = random.normal(size=crops.shape).astype(np.float32)
    blobs = [cv2.GaussianBlur(one, (0, 0), BLOB_PX) for one in noise]
    lines = np.arange(SIZE_PX) - (SIZE_PX - 1) / 2
    center = -np.hypot(lines[:, None], lines)
    return {
        "its heat map": heats,
        "another face's heat map": np.roll(heats, 1, axis=0),
        "from the middle": np.broadcast_to(center, crops.shape),
        "random blobs": np.array(blobs),
        "random pixels": noise,
    }


def compare(
    classifier: Classifier, crops: Crops, random: np.random.Generator
) -> tuple[list[float], dict[str, NDArray[np.float64]]]:
    """Explain each face, and compare the order of its heat with others.

    Gives the processor time of each explanation in milliseconds, and by the name of an order (N, 2)
    `Curves` of the faces.
    """
    targets = classifier(crops).argmax(1)
    heats, times_ms = [], []
    for crop in crops:
        start = time.process_time()
        heats.append(explain_crop(classifier, crop).heat)
        times_ms.append(1e3 * (time.process_time() - start))
    found = {
        name: [
            curves(classifier, crop, int(target), score)
            for crop, target, score in zip(crops, targets, scores, strict=True)
        ]
        for name, scores in orders(crops, np.array(heats), random).items()
    }
    return times_ms, {name: np.array(of_faces) for name, of_faces in found.items()}


def interval(values: NDArray[np.float64], random: np.random.Generator) -> tuple[float, float]:
    """95 % bootstrap interval of the mean."""
    rows = random.integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[rows].mean(1), [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    parser = options_of(__doc__, model=DEFAULT_MODEL)
    parser.add_argument("--split", default="val")
    parser.add_argument("--faces", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    part = load_faces(options.data).split(options.split)
    random = np.random.default_rng(options.seed)
    crops = part.images[random.permutation(len(part))[: options.faces]]
    times_ms, found = compare(Classifier(options.model, threads=1), crops, random)
    low, middle, high = np.percentile(times_ms, [5, 50, 95])
    print(f"model {options.model}, {len(crops)} faces of {options.split}, one thread")
    print(
        f"one explanation: {middle:.0f} ms "
        f"of processor time (median; 5 % to 95 %: {low:.0f} to {high:.0f})\n"
    )
    print_head("order of pixels", "deletion", "insertion", "difference, 95 % interval")
    for name, areas in found.items():
        deletion, insertion = areas.mean(axis=0)
        low, high = interval(areas[:, 1] - areas[:, 0], random)
        gained = f"{insertion - deletion:.3f} ({low:.3f} to {high:.3f})"
        print_row(name, f"{deletion:.3f}", f"{insertion:.3f}", gained)


if __name__ == "__main__":
    main()
