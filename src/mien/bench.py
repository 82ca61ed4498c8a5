"""`python -m mien.bench`: how fast mien is on this machine, in one run.

    python -m mien.bench [--photo FILE] [--model NAME|FILE] [--photos DIR] [--against PYTHON]

Prints the cold start of `mien detect` beside the bare import of the libraries it stands on, the
time to read a photo and a video frame on one thread and what of it goes into which part, the
classifier's rate beside what the machine reaches in a plain matrix product, and with `--photos` how
many labelled faces the detectors find: DIR holds images and boxes.json, which maps each file name
to a list of boxes x0, y0, x1, y1. With `--against` the build of mien in another environment, whose
interpreter that is, reads the same photo and frame in turn with this one, each in the model that
its name or file means there.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from mien.environment import import_onnxruntime
from mien.errors import DataError, MienError, OptionError
from mien.opencv import cv2
from mien.readings import Box
from mien.recognize.candidates import iou
from mien.recognize.classifier import DEFAULT_MODEL, Classifier
from mien.recognize.faces import DETECTORS, detector_named
from mien.recognize.images import load_image

IMAGE: Final = Path(__file__).parent / "assets" / "astronaut.jpg"  # in the public domain

COLD_RUNS: Final = 9
WARM_RUNS: Final = 30
FRAME: Final = (1280, 720)
PHOTO: Final = (512, 512)
ROUNDS: Final = 5
BATCHES: Final = (1, 64)
MATRIX_SIDE: Final = 2048
MATCH_IOU: Final = 0.35  # a find with this much overlap is the labelled face

# Run in a child on one thread: BLAS reads its thread count when it is loaded. Prints the rate of
# numpy's BLAS, and of torch's where there is torch, which is often the better one.
_MATRIX_PRODUCT: Final = f"""
import time, numpy as np
side = {MATRIX_SIDE}
def rate(matrix):
    times = []
    for _ in range(8):
        start = time.perf_counter(); matrix @ matrix; times.append(time.perf_counter() - start)
    return 2 * side ** 3 / min(times)
print("numpy", rate(np.ones((side, side), np.float32)))
try:
    import torch
    torch.set_num_threads(1)
    print("torch", rate(torch.ones(side, side)))
except ImportError:
    pass
"""
# Likewise, of any build of mien. Prints the size of each photo, the number of faces in it, and
# the milliseconds of each run: of all, and of its parts.
_PATH: Final = f"""
import json, sys, time
import cv2, numpy as np
from mien import Recognizer, crop_faces, load_image
cv2.setNumThreads(1)
photo, recognizer = load_image(sys.argv[1]), Recognizer(sys.argv[2], threads=1)
detector, classifier = recognizer.detector, recognizer.classifier
(width, height), side = {FRAME}, {FRAME[1]}
frame = np.full((height, width, 3), 96, np.uint8)
area = cv2.INTER_AREA
frame[:, (width - side) // 2:][:, :side] = cv2.resize(photo, (side, side), interpolation=area)
photo = cv2.resize(photo, {PHOTO}, interpolation=area)
told = []
for image in (photo, frame):
    runs = []
    for run in range({WARM_RUNS} + 1):
        times = [time.perf_counter()]
        readings = recognizer(image)
        times.append(time.perf_counter())
        faces = detector.detect(image)
        times.append(time.perf_counter())
        crops = crop_faces(image, faces, detector.framing)
        times.append(time.perf_counter())
        classifier(crops)
        times.append(time.perf_counter())
        if run:
            runs.append([1e3 * (b - a) for a, b in zip(times, times[1:])])
    told.append([image.shape[1::-1], len(readings), runs])
print(json.dumps(told))
"""
_PARTS: Final = (
    "from array to readings",
    "  finding faces",
    "  cutting them out",
    "  reading them",
)


def main() -> None:
    """Run the benchmarks that the arguments ask for and print them."""
    parser = argparse.ArgumentParser(prog="python -m mien.bench", description="How fast mien is.")
    parser.add_argument("--photo", type=Path, default=IMAGE, help="a portrait; NASA's, if none")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--photos", type=Path, help="folder of photos with boxes.json")
    parser.add_argument("--against", metavar="PYTHON", help="of an environment with another mien")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        load_image(options.photo)
        print(f"{_machine()}; medians, with the quickest and the slowest run\n")
        _cold_start(options.photo, options.model)
        _path(options.photo, options.model, options.against)
        _classifier_rate(options.model)
        if options.photos:
            _detection(options.photos)
    except MienError as error:
        sys.exit(f"mien.bench: {error}")


def _machine() -> str:
    onnxruntime = import_onnxruntime()
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, OpenCV {cv2.__version__}, "
        f"ONNX Runtime {onnxruntime.__version__}"
    )


def _cold_start(photo: Path, model: str) -> None:
    detect = ["-m", "mien", "detect", str(photo), "--model", model]
    bare = ["-c", "import numpy, cv2, onnxruntime"]
    times: dict[str, list[float]] = {"detect": [], "bare": []}
    for run in range(COLD_RUNS + 1):
        for name, arguments in (("detect", detect), ("bare", bare)):
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
            if run:  # the first pair warms the file cache
                times[name].append(time.perf_counter() - start)
    ratio = statistics.median(d / b for d, b in zip(times["detect"], times["bare"], strict=True))
    print(f"cold start, n = {COLD_RUNS} pairs")
    print(f"  mien detect IMAGE                  {_milliseconds(times['detect'])}")
    print(f"  import numpy, cv2, onnxruntime       {_milliseconds(times['bare'])}")
    print(f"  ratio, median of the pairs           {ratio:.2f}\n")


def _path(photo: Path, model: str, against: str | None) -> None:
    pythons = [sys.executable] if against is None else [sys.executable, against]
    # photo -> python -> runs, (milliseconds of all, of each part)
    runs: dict[str, dict[str, list[list[float]]]] = {}
    for _ in range(ROUNDS):
        for python in pythons:
            for size, faces, measured in _path_of(python, photo, model):
                named = f"{size[0]}x{size[1]}, {faces} face(s)"
                runs.setdefault(named, {}).setdefault(python, []).extend(measured)
    print(f"one photo, one thread, n = {ROUNDS} processes of {WARM_RUNS} runs each")
    for name, by_python in runs.items():
        print(f"  {name}")
        for part, title in enumerate(_PARTS):
            medians = []
            for python, rows in by_python.items():
                times = [row[part] / 1e3 for row in rows]
                medians.append(statistics.median(times))
                whose = "" if python == sys.executable else "  against"
                print(f"    {title:32} {_milliseconds(times)}{whose}")
            if len(medians) == 2:
                print(f"    {'':32} {medians[1] / medians[0]:8.2f} times as fast")
    print()


def _on_one_thread(python: str, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    own = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [python, "-c", code, *words]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **own})


def _path_of(python: str, photo: Path, model: str) -> list[tuple[list[int], int, list[Any]]]:
    try:
        done = _on_one_thread(python, _PATH, str(photo), model)
    except OSError as error:
        raise OptionError(f"{python}: expected a Python; {error.strerror or error}") from error
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise OptionError(f"{python}: expected a Python with mien; {said[-1] if said else 'none'}")
    told: list[tuple[list[int], int, list[Any]]] = json.loads(done.stdout)
    return told


def _classifier_rate(model: str) -> None:
    classifier = Classifier(model, threads=1)
    product = _on_one_thread(sys.executable, _MATRIX_PRODUCT)
    product.check_returncode()
    rates = {name: float(rate) for name, rate in map(str.split, product.stdout.splitlines())}
    library, peak = max(rates.items(), key=lambda item: item[1])
    spec = classifier.spec
    print(f"classifier {spec.name!r}, {spec.macs / 1e6:.1f} M ", end="")
    print(f"MACs a face, one thread, n = {WARM_RUNS}")
    product_rate = f"{peak / 1e9:8.0f} GFLOP/s ({library}, best of 8)"
    print(f"  matrix product, float32              {product_rate}")
    for batch in BATCHES:
        crops = np.random.default_rng(0).integers(0, 256, (batch, 48, 48), dtype=np.uint8)
        times = []
        for _ in range(WARM_RUNS + 1):
            start = time.perf_counter()
            classifier(crops)
            times.append(time.perf_counter() - start)
        rate = batch / statistics.median(times[1:])
        share = rate * 2 * spec.macs / peak
        print(f"  batch {batch:3}                            {rate:8.0f} faces/s, ", end="")
        print(f"{share:.0%} of the matrix product's rate")
    print()


def _detection(folder: Path) -> None:
    labelled = read_boxes(folder)
    faces = sum(len(boxes) for boxes in labelled.values())
    print(f"{faces} labelled faces in {len(labelled)} photos, matched at IoU {MATCH_IOU}")
    for name in DETECTORS:
        detector = detector_named(name)
        found = false = 0
        for photo, boxes in labelled.items():
            image = load_image(folder / photo)
            hits, misses = match([face.box for face in detector.detect(image)], boxes)
            found, false = found + hits, false + misses
        print(f"  {name:36} {found} found, {false} false")


def read_boxes(folder: Path) -> dict[str, list[Box]]:
    """Labeled boxes of the photos in a folder: what its boxes.json says.

    Raises:
        DataError: there is no such file, or it is of another form.
    """
    path = folder / "boxes.json"
    try:
        content = json.loads(path.read_text())
        return {
            name: [(float(a), float(b), float(c), float(d)) for a, b, c, d in boxes]
            for name, boxes in content.items()
        }
    # OverflowError: a whole number that no float holds; RecursionError: too many brackets.
    except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(
            f"{path}: expected an object of file names and lists of boxes; {error}"
        ) from error


def match(found: list[Box], labelled: list[Box]) -> tuple[int, int]:
    """How many finds are labelled faces, each counted once, and how many are not.

    Args:
        found: best first.
        labelled: what there is to find.
    """
    open_boxes = list(labelled)
    hits = 0
    for box in found:
        best = max(open_boxes, key=lambda other: iou(box, other), default=None)
        if best is not None and iou(box, best) >= MATCH_IOU:
            open_boxes.remove(best)
            hits += 1
    return hits, len(found) - hits


def _milliseconds(times: list[float]) -> str:
    low, middle, high = min(times), statistics.median(times), max(times)
    return f"{middle * 1e3:8.1f} ms  ({low * 1e3:.1f} to {high * 1e3:.1f})"


if __name__ == "__main__":
    main()
