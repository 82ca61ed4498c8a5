"""How well events are found in time: thresholds, smoothing and short expressions, on FER2013's val.

    python benchmarks/events.py --data FER2013 [--model mien] [--faces 1200]

No labelled videos of expressions may be used by everybody, so one is made: faces of val in a row,
each for 1 to 4 seconds at 25 frames a second, which move, turn, grow, darken and are noisy from
frame to frame. The truth is what at least half of FER+'s taggers say; what they disagree on has no
truth, and an event that is found there is false. For short expressions a face is put into the
middle of another one, for .08 to .8 seconds. An event is right if it shares more than half of its
time with one of the truth, of the same emotion (intersection over union).

All figures are of changes at once; real ones take some tenths of a second.
"""

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.labels import EMOTIONS, FERPLUS_COLUMNS
from mien.learn.data.datasets import FaceSet, load_faces
from mien.output.records import MEASURES
from mien.readings import Event
from mien.recognize.classifier import Classifier
from mien.recognize.video.smoothing import smooth
from mien.rows.events import EventSettings, events_of
from mien.rows.table import VideoResult
from program import options_of

FPS = 25.0
SHORT_S = (0.08, 0.16, 0.24, 0.32, 0.4, 0.48, 0.6, 0.8)
THRESHOLDS = ((0.4, 0.3), (0.5, 0.3), (0.5, 0.35), (0.5, 0.4), (0.6, 0.4), (0.7, 0.4))
WINDOWS_S = (0.0, 0.28, 0.36, 0.5, 0.68, 0.84, 1.0)


class Truth(NamedTuple):
    """An expression that is there; times in seconds."""

    emotion: int
    onset_s: float
    end_s: float


def main() -> None:
    """Read the faces once, and print the tables."""
    parser = options_of(__doc__, model="mien")
    parser.add_argument("--faces", type=int, default=1200)
    given = parser.parse_args()
    chance = np.random.default_rng(0)
    faces = load_faces(given.data).split("val")
    chosen = chance.permutation(len(faces.targets))[: given.faces]
    classifier = Classifier(given.model)
    parts = [_read(classifier, faces.images[i], chance) for i in chosen]
    named = _named(faces)[chosen]

    truth, start_s = list[Truth](), 0.0
    for part, emotion in zip(parts, named.tolist(), strict=True):
        end_s = start_s + len(part) / FPS
        if truth and truth[-1].emotion == emotion and truth[-1].end_s == start_s:
            truth[-1] = truth[-1]._replace(end_s=end_s)
        elif emotion >= 0:
            truth.append(Truth(emotion, start_s, end_s))
        start_s = end_s
    video = _video(np.concatenate(parts))
    print(f"{len(parts)} faces, {start_s / 60:.1f} minutes, {len(truth)} expressions")
    print("\nsmoothing, on/off: events, precision, recall, F1; edges within two frames")
    for on, off in THRESHOLDS:
        _print("median of .5 s", video, truth, EventSettings(on, off))
    for window_s in WINDOWS_S:
        _print(f"median of {window_s:g} s", video, truth, EventSettings(window_s=window_s))
    of_rows = _smoothed(video)
    for on, off in THRESHOLDS:
        _print("that of the rows", of_rows, truth, EventSettings(on, off, window_s=0.0))
    _print_short(parts, named, np.random.default_rng(1))


def _read(
    classifier: Classifier, image: NDArray[np.uint8], chance: np.random.Generator
) -> NDArray[np.float32]:
    """(N, 7): what is read of a face that moves for some seconds."""
    count = int(chance.uniform(1, 4) * FPS)
    sizes = (1.0, 1.0, 3.0, 0.03, 0.05)  # pixels, pixels, degrees, of the size, of the light
    moves = [_wander(count, size, chance) for size in sizes]
    crops = np.empty((count, *image.shape), np.uint8)
    for i, (x, y, turn_deg, grow, light) in enumerate(zip(*moves, strict=True)):
        shift = cv2.getRotationMatrix2D((23.5, 23.5), turn_deg, 1 + grow)
        shift[:, 2] += x, y
        moved = cv2.warpAffine(
            image.astype(np.float32), shift, image.shape, borderMode=cv2.BORDER_REPLICATE
        )
        crops[i] = np.clip(moved * (1 + light) + chance.normal(0, 3, image.shape), 0, 255)
    return np.concatenate([classifier(crops[i : i + 64]) for i in range(0, count, 64)])


def _wander(
    count: int, size: float, chance: np.random.Generator, tau_s: float = 0.3
) -> list[float]:
    """Values about 0 that forget themselves within `tau_s`."""
    kept = np.exp(-1 / FPS / tau_s)
    value, values = chance.normal() * size, []
    for _ in range(count):
        value = kept * value + np.sqrt(1 - kept**2) * size * chance.normal()
        values.append(value)
    return values


def _named(faces: FaceSet) -> NDArray[np.int64]:
    """(N,): what at least half of the taggers say; -1 where they agree on nothing."""
    assert faces.votes is not None
    votes = faces.votes[:, FERPLUS_COLUMNS]
    agreed = 2 * votes.max(axis=1) >= np.maximum(faces.votes.sum(axis=1), 1)
    return np.where(agreed, votes.argmax(axis=1), -1)


def _video(raw: NDArray[np.float32]) -> VideoResult:
    """One face in every frame."""
    count = len(raw)
    numbers = np.arange(count)
    return VideoResult(
        source="val",
        frames=numbers,
        times_s=numbers / FPS,
        positions=numbers,
        tracks=np.ones(count, np.int64),
        boxes=np.zeros((count, 4), np.float32),
        scores=np.ones(count, np.float32),
        detected=np.ones(count, np.bool_),
        raw_probabilities=raw,
        probabilities=raw,
        labels=raw.argmax(axis=1),
        unsure=np.zeros(count, np.bool_),
        landmarks=np.full((count, 5, 2), np.nan, np.float32),
        measures=np.full((count, len(MEASURES)), np.nan, np.float32),
        unusable=np.full(count, -1, np.int64),
        pose_methods=np.full(count, -1, np.int64),
    )


def _smoothed(video: VideoResult) -> VideoResult:
    smoothed, _ = smooth(video.raw_probabilities, video.times_s)
    return replace(video, raw_probabilities=smoothed.astype(np.float32))


def _overlap(event: Event, truth: Truth) -> float:
    """Intersection over union of their times; 0 for another emotion."""
    both_s = min(event.end_s, truth.end_s) - max(event.onset_s, truth.onset_s)
    any_s = max(event.end_s, truth.end_s) - min(event.onset_s, truth.onset_s)
    return max(both_s, 0.0) / any_s if EMOTIONS[truth.emotion] == event.emotion else 0.0


def _print(name: str, video: VideoResult, truth: list[Truth], settings: EventSettings) -> None:
    events = events_of(video, settings)
    edges_s: list[float] = []
    starts_s = np.array([one.onset_s for one in truth])
    for event in events:
        last = int(np.searchsorted(starts_s, event.end_s))
        near = truth[max(0, last - 20) : last]
        best = max(near, key=lambda one: _overlap(event, one), default=None)
        if best is not None and _overlap(event, best) >= 0.5:
            edges_s += [abs(event.onset_s - best.onset_s), abs(event.end_s - best.end_s)]
    right = len(edges_s) // 2
    precision, recall = right / max(len(events), 1), right / len(truth)
    close = np.mean(np.array(edges_s) <= 2.01 / FPS)
    f1 = 2 * precision * recall / (precision + recall)
    print(
        f"{name}, {settings.on:g}/{settings.off:g}: {len(events)}, {precision:.3f}, "
        f"{recall:.3f}, {f1:.3f}; {close:.0%}"
    )


def _print_short(
    parts: list[NDArray[np.float32]], named: NDArray[np.int64], chance: np.random.Generator
) -> None:
    """Which share of short expressions is found, by how long they last."""
    clear = [i for i, part in enumerate(parts) if named[i] >= 0 and len(part) > FPS]
    pieces, truth, frames = list[NDArray[np.float32]](), list[Truth](), 0
    for _ in range(3):
        order = chance.permutation(clear)
        for host, guest in zip(order[::2], order[1::2], strict=False):
            if named[host] == named[guest]:
                continue
            count, half = round(chance.choice(SHORT_S) * FPS), len(parts[host]) // 2
            pieces += [parts[host][:half], parts[guest][:count], parts[host][half:]]
            onset_s = (frames + half) / FPS
            truth.append(Truth(int(named[guest]), onset_s, onset_s + count / FPS))
            frames += len(parts[host]) + count
    video = _video(np.concatenate(pieces))
    print(f"\n{len(truth)} short expressions: the share that is found, by their seconds")
    for name, shown, window_s in (
        *((f"median of {window_s:g} s", video, window_s) for window_s in (0.28, 0.5, 0.84)),
        ("that of the rows", _smoothed(video), 0.0),
    ):
        settings = EventSettings(window_s=window_s, min_duration_s=0.0)
        events = events_of(shown, settings)
        onsets_s = np.array([event.onset_s for event in events])
        found: dict[float, list[bool]] = {}
        for one in truth:
            last = int(np.searchsorted(onsets_s, one.end_s))
            near = events[max(0, last - 20) : last]
            hit = any(_overlap(event, one) >= 0.5 for event in near)
            found.setdefault(round(one.end_s - one.onset_s, 2), []).append(hit)
        print(f"{name}: ", end="")
        print(", ".join(f"{s:g}: {np.mean(hits):.2f}" for s, hits in sorted(found.items())))


if __name__ == "__main__":
    main()
