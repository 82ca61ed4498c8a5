"""How fast `mien batch` is here, what it needs, and what that makes of a large archive.

    python benchmarks/batch.py --data FER2013 --work DIR                 # 20,000 images
    python benchmarks/batch.py --data FER2013 --work DIR --images 300    # a try
    ... --markdown                                                       # as docs/batch.md has it

It makes images of 640 x 480: faces of FER2013, enlarged to 120 to 300 pixels, on backgrounds; and
prints, of each engine,

- images a second, from the start of the command to its end and while it works, beside a loop that
  starts `mien detect` for each image and beside one `mien detect` of a folder;
- the share of the time that the cores are busy with it: processor time over wall-clock time and
  cores;
- the peak of memory of all its processes together (proportional set size), for few images and
  for all;
- what the workers' time goes to;
- and from these the time and cost of 1, 10 and 100 million images by number of nodes.

The machine should be at rest. Images are kept in the work folder, and made only once.
Needs psutil.
"""

import argparse
import io
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
from PIL import Image as PILImage

from mien.output.files import atomic_write
from processes import shared_out_mb, sum_of
from program import options_of, table
from program import say as tell

WIDTH, HEIGHT = 640, 480
FACE_PX = (120, 300)
FOLDER_IMAGES = 500
LOOP_IMAGES = 8
SAMPLE_S = 0.25
FEW = 1_000  # images for the smaller memory
LEAST_IMAGES = 32  # two shards of `mien batch`, so that two processes have work
MILLIONS = (1, 10, 100)
NODES = (1, 4, 16, 64)
NODE_CORES = 16
NETWORK_GBIT = 10.0  # of all nodes to the store

say = partial(tell, "batch.py")


@dataclass(frozen=True)
class Measured:
    """One run of a command."""

    name: str  # of the engine
    workers: int  # processes, or tasks of Ray at once
    images: int  # that were read
    wall_s: float  # from the start of the command to its end
    # Processor time over `wall_s` and workers; None for Ray, whose processes are not the command's.
    busy: float | None
    memory_mb: float  # peak of all its processes together
    stages: dict[str, float]  # share of the workers' time

    @property
    def rate(self) -> float:
        """Images a second, from start to end."""
        return self.images / self.wall_s


def make_images(data: Path, folder: Path, count: int) -> None:
    """Write the images that are not there yet; each number is always the same image."""
    missing = [n for n in range(count) if not image(folder, n).exists()]
    if not missing:
        return
    file = data if data.is_file() else data / "train.parquet"
    faces = pq.read_table(file, columns=["image"]).column("image")
    for number in missing:
        random = np.random.default_rng(number)
        content = faces[number % len(faces)].as_py()
        face = np.asarray(PILImage.open(io.BytesIO(content)).convert("L"))
        with atomic_write(image(folder, number)) as part:
            PILImage.fromarray(on_background(face, random)).save(part, "JPEG", quality=90)


def image(folder: Path, number: int) -> Path:
    return folder / f"{number // FOLDER_IMAGES:03}" / f"{number:06}.jpg"


def on_background(face: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(48, 48) gray -> (480, 640, 3) RGB: the face, enlarged, on a soft pattern with noise."""
    coarse = random.integers(30, 226, (6, 8, 3)).astype(np.uint8)
    ground = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    ground += random.integers(-8, 9, ground.shape, dtype=np.int16)
    side = int(random.integers(*FACE_PX))
    large = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)
    x, y = (int(random.integers(0, room - side)) for room in (WIDTH, HEIGHT))
    ground[y : y + side, x : x + side] = large[:, :, None]
    return np.clip(ground, 0, 255).astype(np.uint8)


def run_measured(command: list[str]) -> tuple[str, float, float, float]:
    """What a command prints, its seconds, its processor time and its peak of memory in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = [0.0]

    def sample() -> None:
        while process.poll() is None:
            peak[0] = max(peak[0], sum_of(process.pid, shared_out_mb))
            time.sleep(SAMPLE_S)

    watcher = threading.Thread(target=sample, daemon=True)
    watcher.start()
    out = process.communicate()[0]
    wall = time.perf_counter() - begun
    watcher.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        sys.exit(f"benchmarks/batch.py: {' '.join(command)} ended with {process.returncode}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return out, wall, used, peak[0]


def batch(name: str, source: Path, out: Path, options: list[str]) -> Measured:
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "mien", "batch", str(source), "--out", str(out), "--json"]
    text, wall, used, peak = run_measured([*command, *options])
    result: dict[str, Any] = json.loads(text)
    workers = result["run"]["workers"]
    total = sum(result["stages_s"].values())
    return Measured(
        name=name,
        workers=workers,
        images=result["run"]["images"],
        wall_s=wall,
        busy=None if name == "Ray" else used / (wall * max(workers, 1)),
        memory_mb=peak,
        stages={stage: seconds / total for stage, seconds in result["stages_s"].items()},
    )


def detect_loop(folder: Path) -> float:
    """Images a second of a loop that starts `mien detect` for each; the median of some."""
    times = []
    for number in range(LOOP_IMAGES + 1):
        begun = time.perf_counter()
        command = [sys.executable, "-m", "mien", "detect", str(image(folder, number))]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begun)
    return 1 / statistics.median(times[1:])  # the first fills the file cache


def detect_folder(folder: Path) -> tuple[float, int]:
    """Images a second of one `mien detect` of the first folder of images, and their number."""
    first = image(folder, 0).parent
    _, wall, _, _ = run_measured([sys.executable, "-m", "mien", "detect", str(first), "--json"])
    count = len(list(first.iterdir()))
    return count / wall, count


def few_of(folder: Path, count: int, into: Path) -> Path:
    """A folder with the first images alone, as links."""
    for number in range(count):
        link = image(into, number)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            os.link(image(folder, number), link)
    return into


def report(
    options: argparse.Namespace,
    loop: float,
    one: tuple[float, int],
    few: Measured,
    runs: list[Measured],
) -> str:
    single = next(run for run in runs if run.name == "processes" and run.workers == 1)
    double = next(run for run in runs if run.name == "processes" and run.workers == 2)
    scaling = double.rate / (2 * single.rate)
    folder = options.work / "images"
    sizes = [image(folder, n).stat().st_size for n in range(min(200, few.images))]
    size = statistics.mean(sizes)
    of_folder = f"one `mien detect` of {one[1]:,} images"
    speeds = [
        ["a loop that starts `mien detect` for each image", "1", f"{loop:.1f}", "", "", ""],
        [of_folder, "1", f"{one[0]:.1f}", f"{one[0] / loop:.1f}", "", ""],
    ]
    for run in [few, *runs]:
        name = f"`mien batch`, {run.images:,} images" + (", Ray" if run.name == "Ray" else "")
        rates = [f"{run.rate:.1f}", f"{run.rate / loop:.1f}"]
        busy = "" if run.busy is None else f"{run.busy:.0%}"
        speeds.append([name, str(run.workers), *rates, busy, f"{run.memory_mb:.0f} MB"])
    stages = [[stage, f"{share:.0%}"] for stage, share in double.stages.items()]
    memory = double.memory_mb / few.memory_mb - 1
    rate = single.rate * scaling  # of one core among others
    node = rate * NODE_CORES
    largest = max(double.stages, key=lambda stage: double.stages[stage])
    gbit = node * size * 8 / 1e9
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return "\n\n".join(
        [
            f"{options.images:,} images of {WIDTH} x {HEIGHT} with a face each, "
            f"{size / 1000:.0f} kB on average; {machine}; one run each, `python "
            f"benchmarks/batch.py --data FER2013 --work DIR --images {options.images}`:",
            table(
                ["", "workers", "images/s", "times the loop", "cores busy", "peak memory"], speeds
            ),
            f"Two processes read {scaling * 2:.2f} times as many images a second as one. With "
            f"{double.images:,} images the peak of memory is {memory:+.1%} of that with "
            f"{few.images:,}.",
            "What the workers' time goes to, two processes:",
            table(["stage", "share"], stages),
            f"Time and cost by number of nodes of {NODE_CORES} cores, for images like these, at "
            f"{rate:.1f} a second and core as two processes gave here. Assumptions: a core among "
            f"{NODE_CORES} is as fast, a node-hour costs {options.node_hour:g} (`--node-hour`; any "
            "currency), and the store keeps up; starting a cluster is not in it.",
            table(
                ["images", "nodes", "time", "node-hours", "cost"], plan_of(node, options.node_hour)
            ),
            f"The largest stage is {largest}, {double.stages[largest]:.0%} of the time. A node "
            f"reads {node:,.0f} images a second, {gbit:.2f} Gbit/s from the store: with "
            f"{NETWORK_GBIT:g} Gbit/s to it, {NETWORK_GBIT / gbit:,.0f} such nodes "
            "read at full speed; with more, the way to the store is the bottleneck.",
        ]
    )


def plan_of(node: float, node_hour: float) -> list[list[str]]:
    """Time and cost of millions of images, by number of nodes that read so many in a second."""
    plan = []
    for millions in MILLIONS:
        for nodes in NODES:
            hours = millions * 1e6 / (node * nodes) / 3600
            cost = hours * nodes * node_hour
            row = [f"{millions} million", str(nodes), span(hours)]
            plan.append([*row, f"{hours * nodes:,.2f}", f"{cost:,.2f}"])
    return plan


def span(hours: float) -> str:
    if hours * 60 < 2:
        return f"{hours * 3600:.0f} s"
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def main() -> None:
    parser = options_of(__doc__, data=False)
    data = "FER2013 as Parquet: folder or file"
    parser.add_argument("--data", type=Path, required=True, help=data)
    parser.add_argument("--work", type=Path, required=True, help="folder for images and results")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--no-ray", action="store_true")
    parser.add_argument("--node-hour", type=float, default=0.7, help="cost of an hour of a node")
    parser.add_argument("--markdown", action="store_true", help="as docs/batch.md has it")
    options = parser.parse_args()
    if options.images < LEAST_IMAGES:
        parser.error(f"--images: expected {LEAST_IMAGES} or more; got {options.images}")
    few_count = min(FEW, options.images)
    images = options.work / "images"
    say("making images")
    make_images(options.data, images, options.images)
    all_ = few_of(images, options.images, options.work / f"first-{options.images}")
    first = few_of(images, few_count, options.work / f"first-{few_count}")
    out = options.work / "out"
    say("the loop over mien detect")
    loop = detect_loop(images)
    say("mien detect of a folder")
    one = detect_folder(images)
    say("two processes, few images")
    few = batch("processes", first, out, ["--processes", "2"])
    runs = []
    for workers in (1, 2):
        say(f"{workers} processes")
        runs.append(batch("processes", all_, out, ["--processes", str(workers)]))
    if not options.no_ray:
        say("Ray")
        runs.append(batch("Ray", all_, out, ["--processes", "2", "--ray", "local"]))
    shutil.rmtree(out, ignore_errors=True)
    text = report(options, loop, one, few, runs)
    print(text if options.markdown else text.replace("`", ""))


if __name__ == "__main__":
    main()
