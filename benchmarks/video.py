"""Videos: how fast they are read, how well faces are followed, how steady the readings are.

    python benchmarks/video.py [--photos DIR] [--model NAME|FILE] [--long]
    python benchmarks/video.py --only tracking --scene crossing

Makes its own videos of 1280 x 720 at 30 frames a second: people cut out of real photos (the
portrait in examples/, mirrored and tinted, or with --photos the largest faces of a folder) on a
coarse ground, moved as each scene says, with noise. Prints

- the throughput on one thread, for one to four faces: from file to readings, to a file of rows and
  to an annotated video, with detection frames and with detection on every frame; beside it,
  in the same run, Haar on every frame (the paper's way);
- the latency from a frame to its drawn result, frame by frame as a live view reads;
- for each scene: faces found of those that are visible, beside detection on every frame without
  following; identity switches, fragments and false faces;
- changes of the label per minute, of single frames and smoothed;
- with --photos, how surely faces are told apart by their looks;
- with --long, the peak of memory on videos of 10 s and 10 min.

Run it on one core: `taskset -c 0 python benchmarks/video.py`. The speeds alone (`--only speed`)
take some two minutes on a free one. Where others run beside, frames per second by the clock say
little; those by processor time hold better, but caches that are shared lower them, too.
"""

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, tee
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psutil  # type: ignore[import-untyped]

from mien.output.overlay import annotate
from mien.readings import Box, Face, Image
from mien.recognize.analysis import analyze_video
from mien.recognize.candidates import iou
from mien.recognize.classifier import DEFAULT_MODEL
from mien.recognize.faces import YuNetDetector
from mien.recognize.images import load_image
from mien.recognize.recognizer import Recognizer
from mien.recognize.video.appearance import appearance_of
from mien.recognize.video.files import VideoOptions, write_video
from mien.recognize.video.frames import Frame, frames
from mien.recognize.video.motion import Floats
from mien.recognize.video.outputs import Outputs
from mien.recognize.video.readings import VideoSettings, read_stream
from mien.recognize.video.smoothing import SmoothingSettings
from mien.recognize.video.tracking import Tracker, TrackingSettings
from program import PORTRAIT, options_of, print_head, print_row

WIDTH, HEIGHT, FPS = 1280, 720, 30
FACE_PX = 120.0  # height of a face's box where its scale is 1
MATCH_IOU = 0.5
RUNS = 3
FAR = 0.3  # scale of faces that are hard to read
SECONDS = 6.0  # of the videos
SLOW_S = 1.5  # of them, for what takes long
MEMORY_S = (10.0, 600.0)  # the two videos whose memory is compared


@dataclass(frozen=True)
class Person:
    """A cut-out person."""

    photo: Image
    mask: np.ndarray  # (H, W) float32, 0 to 1
    box: Box  # of the face, in pixels of `photo`


@dataclass(frozen=True)
class Place:
    """Where a person's face is in one frame: center in pixels, and size in `FACE_PX`."""

    x: float
    y: float
    scale: float = 1.0


Path_ = Callable[[float], Place | None]
"""Time in seconds -> place, or None where the person is out of the video."""


@dataclass(frozen=True)
class Scene:
    """People and how they move. The later a person is in the list, the nearer to the camera."""

    paths: tuple[Path_, ...]  # one for each person
    seconds: float
    blur: tuple[float, float] | None = None  # first and last second of a blurred photo
    pillar: tuple[int, int] | None = None  # x0, x1 of something that stands in front, in pixels
    cuts: tuple[float, ...] = ()  # the ground changes at these times
    noise: float = 4.0  # standard deviation, in gray levels


def bob(x: float, y: float, *, phase: float, scale: float = 1.0) -> Path_:
    """A person who stands and talks: small movements of the head."""

    def path(time_s: float) -> Place:
        t = time_s + phase
        dx = 30 * np.sin(1.3 * t) + 8 * np.sin(5.1 * t)
        dy = 12 * np.sin(2.1 * t) + 4 * np.sin(7.3 * t)
        return Place(x + dx, y + dy, scale * (1 + 0.06 * np.sin(0.7 * t)))

    return path


def walk(start: Place, end: Place, seconds: float, first_s: float = 0.0) -> Path_:
    def path(time_s: float) -> Place | None:
        share = (time_s - first_s) / seconds
        if not 0.0 <= share <= 1.0:
            return None
        x, y = start.x + share * (end.x - start.x), start.y + share * (end.y - start.y)
        return Place(x, y, start.scale + share * (end.scale - start.scale))

    return path


def then(*paths: Path_) -> Path_:
    """The first of them that is there."""
    return lambda time_s: next((p for path in paths if (p := path(time_s))), None)


def during(path: Path_, first_s: float, last_s: float) -> Path_:
    return lambda time_s: path(time_s) if first_s <= time_s < last_s else None


def pan(path: Path_, *, speed: float, seconds: float) -> Path_:
    """A camera that swings to and fro: everything moves with it."""

    def moved(time_s: float) -> Place | None:
        place = path(time_s)
        shift = speed * seconds / (2 * np.pi) * np.sin(2 * np.pi * time_s / seconds)
        return place and replace(place, x=place.x + shift)

    return moved


def zoom(path: Path_, *, factor: float, seconds: float) -> Path_:
    """A camera that zooms in on the middle of the photo and out again."""

    def moved(time_s: float) -> Place | None:
        place = path(time_s)
        now = factor ** (0.5 - 0.5 * np.cos(2 * np.pi * time_s / seconds))
        if place is None:
            return None
        x, y = WIDTH / 2 + now * (place.x - WIDTH / 2), HEIGHT / 2 + now * (place.y - HEIGHT / 2)
        return Place(x, y, place.scale * now)

    return moved


def arrive(start: Place, end: Place, seconds: float, first_s: float = 0.0) -> Path_:
    """Somebody who walks, and then stands and talks."""
    talking = bob(end.x, end.y, phase=0)
    return then(walk(start, end, seconds, first_s), during(talking, first_s + seconds, math.inf))


def weave(phase: float) -> Path_:
    """To and fro across the photo, in front of some and behind others."""
    return lambda time_s: Place(
        640 + 400 * float(np.sin(1.5 * time_s + phase)), 330 + 20 * float(np.cos(phase))
    )


def talkers(count: int, scale: float = 1.0) -> tuple[Path_, ...]:
    return tuple(
        bob(WIDTH * (i + 0.5) / count, HEIGHT * (0.4 + 0.1 * (i % 2)), phase=1.7 * i, scale=scale)
        for i in range(count)
    )


LEFT, RIGHT = Place(-120, 330), Place(WIDTH + 120, 350)

SCENES = {
    "four who talk": Scene(talkers(4), 8.0),
    "pan, 600 px/s": Scene(tuple(pan(p, speed=600, seconds=4.0) for p in talkers(3)), 8.0),
    "pan, 1500 px/s": Scene(tuple(pan(p, speed=1500, seconds=1.2) for p in talkers(3)), 6.0),
    "zoom, twice and back": Scene(tuple(zoom(p, factor=2.0, seconds=4.0) for p in talkers(3)), 8.0),
    "crossing": Scene(
        (
            then(walk(Place(250, 330), Place(1030, 330), 4.0), bob(1030, 330, phase=0)),
            then(walk(Place(1030, 350), Place(250, 350), 4.0), bob(250, 350, phase=1)),
        ),
        6.0,
    ),
    "three crossings": Scene(tuple(weave(phase) for phase in (0.0, 2.1, 4.2)), 8.0),
    "behind a pillar": Scene(
        (
            walk(Place(120, 330), Place(1160, 330), 5.0),
            then(walk(Place(1160, 400), Place(120, 400), 6.0), bob(120, 400, phase=0)),
        ),
        7.0,
        pillar=(560, 720),
    ),
    "leaves and returns": Scene(
        (
            then(walk(Place(400, 330), LEFT, 2.0), arrive(RIGHT, Place(700, 330), 2.0, 5.0)),
            bob(950, 400, phase=2),
        ),
        10.0,
    ),
    "two leave, return swapped": Scene(
        (
            then(walk(Place(400, 330), LEFT, 1.5), arrive(RIGHT, Place(880, 330), 1.5, 4.0)),
            then(walk(Place(880, 330), RIGHT, 1.5), arrive(LEFT, Place(400, 330), 1.5, 4.0)),
        ),
        9.0,
    ),
    "blurred for a second": Scene(talkers(3), 6.0, blur=(2.0, 3.0)),
    "cut to another, and back": Scene(
        (
            then(
                during(bob(640, 330, phase=0), 0.0, 3.0), during(bob(500, 330, phase=0), 6.0, 9.0)
            ),
            during(bob(640, 330, phase=1), 3.0, 6.0),
        ),
        9.0,
        cuts=(3.0, 6.0),
    ),
}


def people(photos: Path | None, count: int = 4) -> list[Person]:
    """People cut out of photos, each alone in the part cut out; the largest first, one a photo."""
    detector = YuNetDetector()
    if photos is None:
        images = [load_image(PORTRAIT)]
        for shift in (40, 90, 140):
            hsv = cv2.cvtColor(images[0][:, ::-1].copy(), cv2.COLOR_RGB2HSV)
            hsv[..., 0] = (hsv[..., 0].astype(int) + shift) % 180
            images.append(np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8))
        return [_cut_out(image, detector.detect(image)[0]) for image in images[:count]]
    anyone = YuNetDetector(min_score=0.3)
    sized = []
    for path in sorted(photos.glob("*.jpg")):
        image = load_image(path)
        faces = [f for f in detector.detect(image) if f.score > 0.85]
        for face in sorted(faces, key=lambda face: -face.size_px):
            person = _cut_out(image, face)
            if len(anyone.detect(_on_gray(person))) == 1:
                sized.append((face.size_px, person))
                break
    sized.sort(key=lambda item: -item[0])
    return [person for _, person in sized[:count]]


def _on_gray(person: Person) -> Image:
    """The part that is cut out, with the room around it that its neighbors' faces would need."""
    height, width = person.mask.shape
    image = np.full((2 * height, 2 * width, 3), 128, np.uint8)
    x0, y0, x1, y1 = person.box
    middle = Place(width / 2 + (x0 + x1) / 2, height / 2 + (y0 + y1) / 2)
    _paste(image, person, middle)
    return image


def _cut_out(image: Image, face: Face) -> Person:
    """Head and shoulders within an ellipse with a soft border, scaled to `FACE_PX`."""
    x0, y0, x1, y1 = face.box
    scale = FACE_PX / (y1 - y0)
    reach = 0.9 * (y1 - y0)
    left, top = max(0, int(x0 - reach * 0.7)), max(0, int(y0 - reach * 0.5))
    right, bottom = min(image.shape[1], int(x1 + reach * 0.7)), min(image.shape[0], int(y1 + reach))
    part = image[top:bottom, left:right]
    photo = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = photo.shape[:2]
    mask = np.zeros((height, width), np.float32)
    center, axes = (width // 2, height // 2), (int(width * 0.46), int(height * 0.47))
    cv2.ellipse(mask, center, axes, 0, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 4)
    box = tuple(
        (value - offset) * scale for value, offset in zip(face.box, (left, top) * 2, strict=True)
    )
    return Person(np.asarray(photo, np.uint8), mask, box)  # type: ignore[arg-type]


def draw(
    scene: Scene, cast: list[Person]
) -> Iterator[tuple[Frame, dict[int, Box], dict[int, Box]]]:
    """The frames of a scene with the boxes of the visible faces, and of all, by person."""
    random = np.random.default_rng(0)
    grounds = [
        cv2.resize(
            random.integers(60, 200, (9, 16, 3)).astype(np.uint8),
            (WIDTH, HEIGHT),
            interpolation=cv2.INTER_CUBIC,
        )
        for _ in range(1 + len(scene.cuts))
    ]
    noise = random.normal(0, scene.noise, (8, HEIGHT, WIDTH, 1)).astype(np.int16)
    for index in range(round(scene.seconds * FPS)):
        time_s = index / FPS
        shot = sum(time_s >= cut for cut in scene.cuts)
        image = np.array(grounds[shot], np.uint8)
        boxes: dict[int, Box] = {}
        for number, (path, person) in enumerate(zip(scene.paths, cast, strict=False)):
            place = path(time_s)
            if place is not None and (box := _paste(image, person, place)):
                boxes[number] = box
        if scene.pillar:
            image[:, scene.pillar[0] : scene.pillar[1]] = (90, 70, 60)
        if scene.blur and scene.blur[0] <= time_s < scene.blur[1]:
            image = np.asarray(cv2.blur(image, (45, 1)), np.uint8)
        noisy = image.astype(np.int16) + noise[index % len(noise)]
        yield (
            Frame(index, time_s, np.clip(noisy, 0, 255).astype(np.uint8)),
            {number: box for number, box in boxes.items() if _is_visible(number, boxes, scene)},
            boxes,
        )


def _paste(image: Image, person: Person, place: Place) -> Box | None:
    x0, y0, x1, y1 = person.box
    shift_x = place.x - place.scale * (x0 + x1) / 2
    shift_y = place.y - place.scale * (y0 + y1) / 2
    height, width = person.mask.shape
    left, top = max(0, int(shift_x)), max(0, int(shift_y))
    right = min(WIDTH, int(shift_x + width * place.scale) + 2)
    bottom = min(HEIGHT, int(shift_y + height * place.scale) + 2)
    if right <= left or bottom <= top:
        return None
    turn = np.array([[place.scale, 0, shift_x - left], [0, place.scale, shift_y - top]], np.float32)
    size = (right - left, bottom - top)
    mask = cv2.warpAffine(person.mask, turn, size)[:, :, None]
    photo = cv2.warpAffine(person.photo, turn, size, borderMode=cv2.BORDER_REPLICATE)
    under = image[top:bottom, left:right]
    mixed = under + mask * (photo.astype(np.float32) - under)
    image[top:bottom, left:right] = mixed.astype(np.uint8)
    (x0, x1), (y0, y1) = ((place.scale * v for v in ends) for ends in ((x0, x1), (y0, y1)))
    return x0 + shift_x, y0 + shift_y, x1 + shift_x, y1 + shift_y


def _is_visible(number: int, boxes: dict[int, Box], scene: Scene) -> bool:
    """Whether at least three quarters of a face are in the photo, and nothing is before it."""
    x0, y0, x1, y1 = boxes[number]

    def within(other: Box) -> float:
        """The share of the face that lies within another box."""
        across = min(x1, other[2]) - max(x0, other[0])
        down = min(y1, other[3]) - max(y0, other[1])
        return max(across, 0) * max(down, 0) / ((x1 - x0) * (y1 - y0))

    covers = [box for other, box in boxes.items() if other > number]
    if scene.pillar:
        covers.append((scene.pillar[0], 0, scene.pillar[1], HEIGHT))
    return within((0, 0, WIDTH, HEIGHT)) >= 0.75 and all(within(one) <= 0.25 for one in covers)


@dataclass
class Score:
    """How well one scene was followed; see Bernardin and Stiefelhagen 2008 (CLEAR MOT)."""

    visible: int = 0  # faces in all frames
    found: int = 0  # of these, matched at IoU .5
    switches: int = 0  # matches of a person under another number than the last time
    # Likewise, of the numbers as a live view shows them: a face that returns cut by the border may
    # have a new one for some frames, which a file's rows never show.
    live_switches: int = 0
    fragments: int = 0  # matches that were interrupted while the person was visible
    false: int = 0  # faces that match no person at IoU .3, visible or hidden
    detection_frames: int = 0  # frames in which the detector searched
    frames: int = 0  # all


def score(scene: Scene, cast: list[Person], settings: TrackingSettings) -> tuple[Score, float]:
    """How a scene was followed, and what detection alone finds of it, 0 to 1."""
    tracker, detector = Tracker(YuNetDetector(), settings), YuNetDetector()
    result, alone = Score(), 0
    lately: dict[int, bool] = {}  # person that is visible, and was matched -> whether it is now
    seen = defaultdict[int, list[int]](list)  # person -> its numbers, one for each match
    merged: dict[int, int] = {}
    drawn, truth = tee(draw(scene, cast))
    for frame, tracked in tracker.over(frame for frame, _, _ in drawn):
        _, visible, boxes = next(truth)
        faces = [(face.track, face.box) for face in tracked]
        merged |= tracker.merged
        matched = match(visible, faces)
        if not settings.detect_every_s:
            alone += len(match(visible, [(0, f.box) for f in detector.detect(frame.image)]))
        result.frames += 1
        result.visible += len(visible)
        result.found += len(matched)
        result.false += len(faces) - len(match(boxes, faces, 0.3))
        result.fragments += sum(lately.get(person) is False for person in matched)
        lately = {one: one in matched for one in visible if one in matched or one in lately}
        for person, number in matched.items():
            seen[person].append(number)
    for numbers in seen.values():
        result.live_switches += sum(a != b for a, b in pairwise(numbers))
        final = [merged.get(number, number) for number in numbers]
        result.switches += sum(a != b for a, b in pairwise(final))
    result.detection_frames = tracker.detection_frames
    return result, alone / max(1, result.visible)


def match(
    visible: dict[int, Box], faces: list[tuple[int, Box]], min_iou: float = MATCH_IOU
) -> dict[int, int]:
    """Person -> number of the face on it; the best overlap first."""
    pairs = [
        (iou(box, face), person, i)
        for person, box in visible.items()
        for i, (_, face) in enumerate(faces)
    ]
    matched: dict[int, int] = {}
    taken: set[int] = set()
    for overlap, person, i in sorted(pairs, reverse=True):
        if overlap >= min_iou and person not in matched and i not in taken:
            matched[person] = faces[i][0]
            taken.add(i)
    return matched


def print_tracking(cast: list[Person], only: str) -> None:
    print(f"following, {len(cast)} people; switches and fragments are counts")
    print_head(
        *("scene", "detection frame every", "recall", "detection alone", "switches", "live"),
        *("fragments", "false", "searched"),
    )
    for name, scene in SCENES.items():
        if only not in name:
            continue
        for every_s in (0.0, TrackingSettings().detect_every_s):
            result, found = score(scene, cast, TrackingSettings(detect_every_s=every_s))
            counts = (result.switches, result.live_switches, result.fragments, result.false)
            recall = f"{result.found / max(1, result.visible):.1%}"
            every, alone = (f"{every_s:g} s", "") if every_s else ("frame", f"{found:.1%}")
            searched = f"{result.detection_frames / result.frames:.0%}"
            print_row(name, every, recall, alone, *map(str, counts), searched)
    print()


def one_to_four(seconds: float) -> Scene:
    """Talkers of whom one more comes in each quarter of the video."""
    paths = talkers(4)
    return Scene(
        tuple(during(path, i * seconds / 4, seconds) for i, path in enumerate(paths)), seconds
    )


def write_clip(path: Path, scene: Scene, cast: list[Person]) -> Path:
    """A scene as H.264, with B-frames and a keyframe every two seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "23", "g": str(2 * FPS)}
        stream.codec_context.thread_count = 1
        for frame, _, _ in draw(scene, cast):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="rgb24")))
        container.mux(stream.encode())
    return path


def repeat_video(path: Path, clip: Path, times: int) -> Path:
    """The same packets again and again."""
    with av.open(str(path), "w") as container:
        with av.open(str(clip)) as source:
            stream = container.add_stream_from_template(source.streams.video[0])
        start = 0
        for _ in range(times):
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                for packet in source.demux(video):
                    if packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + start, packet.dts + start
                        packet.stream = stream
                        container.mux(packet)
                start += int(video.duration or 0)
    return path


def pace(read: Callable[[], int], runs: int) -> tuple[float, float]:
    """Frames a second by the clock, and milliseconds of processor time a frame; medians of runs.

    `read` gives its number of frames. The second, of all threads together, holds where others run
    beside.
    """
    measured = []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        count = read()
        cpu_ms = (time.process_time() - cpu) / count * 1e3
        measured.append((count / (time.perf_counter() - wall), cpu_ms))
    fps, cpu_ms = map(statistics.median, zip(*measured, strict=True))
    return fps, cpu_ms


def print_throughput(videos: dict[str, Path], model: str) -> None:
    print(
        f"throughput on one thread, videos of {WIDTH} x {HEIGHT}, median of {RUNS} runs; of Haar "
        f"one run of {SLOW_S:g} s"
    )
    print(_load())
    rates = ("frames/s by the clock", "CPU ms a frame", "frames/s by CPU time")
    print_head("video", "what", *rates, left=2)
    yunet, haar = Recognizer(model), Recognizer(model, detector="haar")
    between, every = VideoSettings(), VideoSettings(tracking=TrackingSettings(detect_every_s=0.0))
    for name, clip in videos.items():
        slow, whole = partial(frames, clip, end_s=SLOW_S), partial(frames, clip)
        rows, copy = clip.with_suffix(".csv"), clip.with_suffix(".out.mp4")
        seldom = VideoSettings(read_every_s=1 / 15)
        ways: dict[str, Callable[[], int]] = {
            "decoding alone": partial(count_of, whole),
            "mien": partial(_read, yunet, whole, between),
            "mien, to rows.csv": partial(_write, yunet, clip, Outputs(csv=rows)),
            "mien, to annotated.mp4": partial(_write, yunet, clip, Outputs(video=copy)),
            "mien, detection on every frame": partial(_read, yunet, whole, every),
            "mien, faces read 15 times a second": partial(_read, yunet, whole, seldom),
            "Haar on every frame": partial(_read, haar, slow, every),
        }
        for way, read in ways.items():
            fps, cpu_ms = pace(read, 1 if way == "Haar on every frame" else RUNS)
            print_row(name, way, f"{fps:.0f}", f"{cpu_ms:.1f}", f"{1e3 / cpu_ms:.0f}")
    print(_load() + "\n")


def _load() -> str:
    """How many processes want to run; more than cores, and the clock is not to be trusted."""
    return f"load {psutil.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores"


def count_of(given: Callable[[], Iterable[Any]]) -> int:
    return sum(1 for _ in given())


def _read(
    recognizer: Recognizer, given: Callable[[], Iterator[Frame]], settings: VideoSettings
) -> int:
    return sum(1 for _ in read_stream(recognizer, given(), settings=settings))


def _write(recognizer: Recognizer, clip: Path, outputs: Outputs) -> int:
    return write_video(recognizer, str(clip), outputs, VideoOptions()).frames


def print_latency(clip: Path, model: str) -> None:
    """From a frame at hand to its drawn result, as `mien webcam` reads."""
    recognizer = Recognizer(model)
    ready: list[tuple[float, float]] = []

    def given() -> Iterator[Frame]:
        for frame in list(frames(clip, end_s=4.0)):
            ready.append((time.perf_counter(), time.thread_time()))
            yield frame

    wall_ms, cpu_ms = [], []
    settings = VideoSettings(batch_frames=1)
    for frame, readings in read_stream(recognizer, given(), settings=settings):
        annotate(frame.image, readings)
        wall_ms.append((time.perf_counter() - ready[-1][0]) * 1e3)
        cpu_ms.append((time.thread_time() - ready[-1][1]) * 1e3)
    print(f"latency from frame to drawn result, four faces, n = {len(wall_ms)}")
    for name, times in (("by the clock", wall_ms), ("processor time", cpu_ms)):
        low, middle, high = np.percentile(times, (5, 50, 95))
        print(f"  {name:16} {middle:.1f} ms (5 % {low:.1f}, 95 % {high:.1f}, max {max(times):.1f})")
    print()


def print_flips(clip: Path, model: str) -> None:
    recognizer = Recognizer(model)
    print("changes of the label per minute and face; small faces in noise, that keep their look")
    print_head("half-life", "margin", "raw", "smoothed as it comes", "offline", left=0)
    for half_life_s, margin in ((0.0, 0.1), (0.4, 0.0), (0.4, 0.1), (1.0, 0.1)):
        settings = VideoSettings(smoothing=SmoothingSettings(half_life_s, margin))
        online, offline = (
            analyze_video(clip, recognizer, settings=settings, offline=way).summary()
            for way in (False, True)
        )
        flips = [
            [track.raw_flips_per_minute for track in online],
            [track.flips_per_minute for track in online],
            [track.flips_per_minute for track in offline],
        ]
        # Where no face is found, as of the portrait without --photos, none changes.
        means = (f"{statistics.mean(values):.1f}" if values else "no face" for values in flips)
        print_row(f"{half_life_s:g} s", f"{margin:g}", *means)
    print()


def print_looks(photos: Path) -> None:
    """How alike faces are to themselves in changed copies of their photos, and to others."""
    detector, random = YuNetDetector(), np.random.default_rng(0)
    known: list[tuple[Path, Floats]] = []
    again: list[tuple[int, Floats]] = []  # which of the known, and its appearance in a copy
    for path in (PORTRAIT, *sorted(photos.glob("*.jpg"))):
        image = load_image(path)
        faces = detector.detect(image)
        first = len(known)
        known += [(path, appearance_of(image, face, detector.framing)) for face in faces]
        # Degrees, scale, brightness, standard deviations of blur in pixels and noise in levels.
        for degrees, scale, light, blur_px, noise in (
            (10, 0.8, 1.0, 0.0, 0.0),
            (-10, 1.25, 0.75, 0.0, 0.0),
            (0, 1.0, 1.2, 1.5, 0.0),
            (0, 0.7, 1.0, 0.0, 8.0),
        ):
            height, width = image.shape[:2]
            size = round(width * scale), round(height * scale)
            turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
            turn[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
            copy = cv2.warpAffine(image, turn, size, borderMode=cv2.BORDER_REPLICATE)
            copy = cv2.GaussianBlur(copy, (0, 0), blur_px) if blur_px else copy
            levels = copy * light + random.normal(0, noise, copy.shape)
            changed = np.clip(levels, 0, 255).astype(np.uint8)
            found = detector.detect(changed)
            for index, face in enumerate(faces):
                x0, y0, x1, y1 = face.box
                x, y = (turn @ ((x0 + x1) / 2, (y0 + y1) / 2, 1.0)).tolist()
                across, down = scale * (x1 - x0) / 2, scale * (y1 - y0) / 2
                box = (x - across, y - down, x + across, y + down)
                best = max(found, key=lambda other: iou(other.box, box), default=None)
                if best is not None and iou(best.box, box) >= MATCH_IOU:
                    again.append((first + index, appearance_of(changed, best, detector.framing)))
    paths, appearances = zip(*known, strict=True)
    indices, appearances_again = zip(*again, strict=True)
    alike = np.array(appearances_again) @ np.array(appearances).T
    own, names = np.array(indices), np.array(list(map(str, paths)))
    same = alike[np.arange(len(own)), own]
    others = alike[names[own][:, None] != names[None, :]]
    print(
        f"appearance: {len(known)} faces of {len(set(names))} photos, {len(again)} times seen again"
    )
    print(f"  the most alike is the right one  {(alike.argmax(1) == own).mean():.1%}")
    print(f"  alike to itself, 5 % are below   {np.percentile(same, 5):.2f}")
    print(f"  to others, of other photos, 1 % are above  {np.percentile(others, 99):.2f}\n")


def print_memory(cast: list[Person], folder: Path, model: str) -> None:
    """Peak of memory of a process that reads a clip, for two lengths of it."""
    short_s, long_s = MEMORY_S
    clip = write_clip(folder / "short.mp4", one_to_four(short_s), cast)
    print("peak of memory, from file to rows")
    peaks = []
    for times in (1, round(long_s / short_s)):
        path = repeat_video(folder / f"times{times}.mp4", clip, times)
        command = [sys.executable, __file__, "--peak-of", str(path), "--model", model]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        count, peak = json.loads(done.stdout)
        print(f"  {count / FPS:6.0f} s, {count} frames   {peak:.0f} MB")
        peaks.append(peak)
    print(f"  ratio {peaks[1] / peaks[0]:.3f}\n")


def peak_of(clip: str, model: str) -> None:
    count = sum(1 for _ in Recognizer(model).stream(clip))
    print(json.dumps([count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def main() -> None:
    parser = options_of(__doc__, model=DEFAULT_MODEL, data=False)
    parser.add_argument("--photos", type=Path, help="folder of .jpg files to cut people out of")
    parts = ("speed", "latency", "tracking", "flips", "looks", "memory")
    parser.add_argument("--only", choices=parts)
    parser.add_argument("--scene", default="", help="only scenes whose name contains this")
    parser.add_argument("--long", action="store_true", help="measure memory, too; takes minutes")
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.peak_of:
        peak_of(options.peak_of, options.model)
        return
    cast = people(options.photos)
    wanted = {options.only} if options.only else {*parts} - {"memory"}
    if options.long:
        wanted.add("memory")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        videos: dict[str, Path] = {}
        if wanted & {"speed", "latency"}:
            growing, four = one_to_four(SECONDS), Scene(talkers(4), SECONDS)
            videos = {
                "one to four faces": write_clip(folder / "growing.mp4", growing, cast),
                "four faces": write_clip(folder / "four.mp4", four, cast),
            }
        if "speed" in wanted:
            print_throughput(videos, options.model)
        if "latency" in wanted:
            print_latency(videos["four faces"], options.model)
        if "flips" in wanted:
            scene = Scene(talkers(4, scale=FAR), SECONDS, noise=25.0)
            print_flips(write_clip(folder / "far.mp4", scene, cast), options.model)
        if "memory" in wanted:
            print_memory(cast, folder, options.model)
        if "looks" in wanted and options.photos is not None:
            print_looks(options.photos)
    if "tracking" in wanted:
        print_tracking(cast, options.scene)


if __name__ == "__main__":
    main()
