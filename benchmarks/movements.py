"""What each facial movement is worth: how well it tells photos of one emotion from the others.

    python benchmarks/movements.py --data PHOTOS [--limit N] [--markdown]
    python benchmarks/movements.py --speed

PHOTOS is a data set of labelled photos, such as `mien evaluate --data` takes. Of each photo the
largest face is read, as YuNet finds it. Left and right are averaged. For each movement stands the
area under the curve (the share of pairs, one photo of the emotion and one of another, in which the
movement goes further in the former; .5 is chance) for the emotion that it goes with most, the 95 %
interval of 1,000 bootstrap draws of as many photos (seed 0), and how far the movement goes: its
median, and what one photo in a hundred exceeds. The emotion is chosen on the same photos, so a
value near .5 is flattered. Nothing of the photos is kept. Needs the extra `train`.

--speed prints the processor time of one face, and frames a second of processor time of a video of
one face (1280 x 720, that of benchmarks/video.py) with movements and without.
"""

import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from mien.labels import EMOTIONS
from mien.learn.data.datasets import list_images
from mien.learn.data.labeled_images import largest_face
from mien.readings import MOVEMENTS
from mien.recognize.faces import YuNetDetector
from mien.recognize.images import load_image
from mien.recognize.movements import Movements, movement_crop, movement_square, pose_of
from mien.recognize.recognizer import Recognizer
from program import PORTRAIT, options_of
from video import FPS, Scene, count_of, people, talkers, write_clip

DRAWS: Final = 1000
RUNS: Final = 5
SECONDS: Final = 6.0

Floats = NDArray[np.float64]


def main() -> None:
    """Print what the arguments ask for."""
    parser = options_of(__doc__, data=False)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--limit", type=int, help="read only so many photos")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    if arguments.data is not None:
        print_worth(*read(arguments.data, arguments.limit), markdown=arguments.markdown)
    if arguments.speed:
        print_speed()


def read(data: Path, limit: int | None = None) -> tuple[Floats, list[str]]:
    """(N, 43) movements of the photos in which a face is seen, and their emotions."""
    detector, movements = YuNetDetector(), Movements()
    rows, labels, left_out = [], [], Counter[str]()
    for photo in list_images(data).images[:limit]:
        image = load_image(photo.file)
        face = largest_face(image, detector)
        (moved,) = movements(image, [face], detector.framing) if face else (None,)
        if moved is None:
            left_out["no movements" if face else "no face"] += 1
            continue
        rows.append(moved.values)
        labels.append(EMOTIONS[photo.target])
    print(f"{len(rows)} photos: {dict(Counter(labels))}; left out: {dict(left_out)}")
    return np.array(rows), labels


def in_pairs(values: Floats) -> dict[str, Floats]:
    """Movement without its side -> (N,), the mean of both; what moves to one side stays apart."""
    sides: dict[str, list[Floats]] = {}
    for name, column in zip(MOVEMENTS, values.T, strict=True):
        stem = re.sub("(Left|Right)$", "", name)
        sides.setdefault(name if stem in ("jaw", "mouth") else stem, []).append(column)
    return {name: np.mean(columns, axis=0) for name, columns in sides.items()}


def area_under_curve(values: Floats, positive: NDArray[np.bool_]) -> float:
    """The share of pairs in which the positive one has more; half of those that are equal."""
    count = int(positive.sum())
    ranks = rankdata(values)
    above = float(ranks[positive].sum()) - count * (count + 1) / 2
    return above / (count * (len(values) - count))


def interval(values: Floats, positive: NDArray[np.bool_]) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of `area_under_curve`."""
    chance = np.random.default_rng(0)
    draws = chance.integers(0, len(values), (DRAWS, len(values)))
    both = [draw for draw in draws if 0 < positive[draw].sum() < len(draw)]
    areas = [area_under_curve(values[draw], positive[draw]) for draw in both]
    low, high = np.percentile(areas, (2.5, 97.5)).tolist()
    return low, high


def print_worth(values: Floats, labels: list[str], *, markdown: bool) -> None:
    """A line for each movement, the one that tells most first."""
    emotions = np.array(labels)
    lines = []
    for name, column in in_pairs(values).items():
        areas = {e: area_under_curve(column, emotions == e) for e in sorted(set(labels))}
        best = max(areas, key=lambda emotion: areas[emotion])
        low, high = interval(column, emotions == best)
        median, most = np.percentile(column, (50, 99)).tolist()
        lines.append((areas[best], name, best, low, high, median, most))
    form = "| {} | {} | {:.3f} ({:.3f} to {:.3f}) | {:.2f} | {:.2f} |"
    if not markdown:
        form = "{:20} {:9} {:.3f} ({:.3f} to {:.3f})  {:.2f} {:.2f}"
    for area, name, best, low, high, median, most in sorted(lines, reverse=True):
        print(form.format(name, best, area, low, high, median, most))


def print_speed() -> None:
    """The time of one face, and frames a second of a video of one face."""
    image = load_image(PORTRAIT)
    (face,) = YuNetDetector().detect(image)
    movements = Movements()
    square = movement_square(face, YuNetDetector.framing)
    crop = movement_crop(image, square)
    cut = _least_s(lambda: movement_crop(image, square))
    network = _least_s(lambda: movements.read_crops([crop], [square]))
    (moved,) = movements.read_crops([crop], [square])
    assert moved is not None
    assert moved.points is not None
    pose = _least_s(partial(pose_of, moved.points))
    print(
        f"one face: {1e3 * cut:.2f} ms to cut it out, {1e3 * network:.2f} ms in the network, "
        f"{1e3 * pose:.3f} ms for the pose"
    )
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(talkers(1), SECONDS)
        clip = write_clip(Path(folder) / "one.mp4", scene, people(None, 1))
        for moving in (False, True):
            recognizer = Recognizer(movements=moving)
            read_s = _least_s(partial(count_of, partial(recognizer.stream, clip)), RUNS)
            name = "with movements" if moving else "without"
            print(f"video of one face, {name}: {SECONDS * FPS / read_s:.0f} frames/s")


def _least_s(call: Callable[[], Any], runs: int = 50) -> float:
    """The least processor time of some runs: others may work on the same machine."""
    times = []
    for _ in range(runs):
        begun = time.process_time()
        call()
        times.append(time.process_time() - begun)
    return min(times)


if __name__ == "__main__":
    main()
