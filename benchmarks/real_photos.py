"""Photos of real people, read by mien's models and by the packaged readers of `peers.py`.

    python benchmarks/real_photos.py --data PHOTOS --work DIR [--models mien,mien:label,paper]
        [--peers fer]

PHOTOS is a folder of folders named after the emotions, or one with a list of its images, such as
labels.csv with the columns image and emotion; docs/real-photos.md says more. Nothing of it is kept.
The peers are installed into environments under DIR, or found there, as `peers.py` does it, and all
readers are behind its adapters, on one thread.

Each reader finds the face with its own detector and frames it in its own way; of several faces the
one counts whose box has the longest side. A photo in which it finds none counts as read wrong. Of
each peer there are two rows more, which tell what its detector and framing cost it:

- its network on mien's crop, 48 x 48 gray pixels;
- its network on the best of twelve boxes: its own detector's and mien's, their sides times `SIDES`,
  cut from the photo as it cuts. The best is chosen on these same photos, so it is a little
  flattered; `--json` has all of them.

Needs the extra `train`, and for peers from npm node and npm.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

import peers
from mien.errors import MienError
from mien.labels import EMOTIONS
from mien.learn.data.datasets import list_images
from mien.learn.data.formats import LabeledImage
from mien.learn.data.labeled_images import largest_face
from mien.learn.evaluation.photos import NO_FACE, PhotoScores, count_readings, score_photos
from mien.learn.evaluation.scores import Interval
from mien.readings import Box
from mien.recognize.crops import Crops, crop_faces
from mien.recognize.faces import YuNetDetector
from mien.recognize.images import load_image
from program import INTERRUPTED, options_of, table, write_json
from program import say as tell

SIDES: Final = (0.7, 0.8, 0.9, 1.0, 1.2, 1.4)
"""Of the frames that a peer's network is tried on, in sides of a detector's box."""

OWN: Final = "its own"
CROP: Final = "mien's crop"
BOXES: Final = tuple(
    (f"{whose} box x {side:g}", whose, side) for whose in (OWN, "mien's") for side in SIDES
)
"""The frames: name, whose box, side."""

TRIED: Final = frozenset(name for name, _, _ in BOXES)

PHOTOS_A_REPORT: Final = 200

Labels = list[str | None]
"""What each photo was read as; None where no face was found."""

say = partial(tell, "real_photos")


@dataclass(frozen=True)
class Reader:
    """Something that reads photos."""

    name: str  # what messages call it
    package: str  # what its registry calls it
    command: peers.Command  # what starts its adapter
    peer: peers.Peer | None = None  # whose network is also tried on other frames than its own


@dataclass(frozen=True)
class Row:
    """How one reader did with one way to find and frame faces."""

    reader: str  # package and version
    framing: str
    scores: PhotoScores


@dataclass(frozen=True)
class Found:
    """Where mien finds the faces of the photos."""

    boxes: tuple[Box | None, ...]  # FER2013's square frame, not turned; None where no face is found
    crops: Crops  # of the photos with a face


def of_mien(model: str) -> Reader:
    """A model of mien, as this Python imports it; with a colon, a head of it: "mien:label"."""
    command = [sys.executable, str(peers.ADAPTERS / "mien_adapter.py"), *model.split(":")]
    return Reader(f"model {model}", "mien", command)


def find(images: Sequence[LabeledImage], *, side: float = 1.0) -> Found:
    """Find faces as `mien evaluate --find-faces` does; `side` in sides of mien's own frames."""
    detector = YuNetDetector()
    framing = replace(detector.framing, side=side * detector.framing.side)
    boxes: list[Box | None] = []
    crops = [np.empty((0, 48, 48), np.uint8)]
    for photo in images:
        image = load_image(photo.file, min_side_px=1)
        face = largest_face(image, detector)
        boxes.append(None)
        if face is not None:
            x0, y0, x1, y1 = face.box
            x, y, half = (x0 + x1) / 2, (y0 + y1) / 2, framing.side * face.size_px / 2
            boxes[-1] = (x - half, y - half, x + half, y + half)
            crops.append(crop_faces(image, [face], framing))
    return Found(tuple(boxes), np.concatenate(crops))


def scaled(box: Box, side: float) -> Box:
    """A box with sides so many times as long, around the same center."""
    x0, y0, x1, y1 = box
    x, y, across, down = (x0 + x1) / 2, (y0 + y1) / 2, side * (x1 - x0) / 2, side * (y1 - y0) / 2
    return x - across, y - down, x + across, y + down


def read(
    process: peers.Process, images: Sequence[LabeledImage], found: Found | None, work: Path
) -> dict[str, Labels]:
    """What a reader makes of the photos, for its own framing, and those of `found`, if any."""
    labels: dict[str, Labels] = defaultdict(list)
    pixels = work / "inputs" / "real_photo.rgb"
    pixels.parent.mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(images):
        if number and number % PHOTOS_A_REPORT == 0:
            say(f"{number:,} of {len(images):,} photos")
        image = load_image(photo.file, min_side_px=1)
        np.ascontiguousarray(image).tofile(pixels)
        sent = {"file": str(pixels), "width": image.shape[1], "height": image.shape[0]}
        answer = process.ask(do="photo", **sent)
        labels[OWN].append(answer["label"])
        if found is None:
            continue
        places = {OWN: answer["box"], "mien's": found.boxes[number]}
        frames = {
            name: scaled(place, side)
            for name, whose, side in BOXES
            if (place := places[whose]) is not None
        }
        answer = process.ask(do="boxes", boxes=list(frames.values()), **sent) if frames else {}
        got = peers.labels_of(answer, len(frames)) if frames else []
        in_frame = dict(zip(frames, got, strict=True))
        for name, _, _ in BOXES:
            labels[name].append(in_frame.get(name))
    pixels.unlink(missing_ok=True)
    if found is not None:
        crops = work / "inputs" / "real_photos.gray"
        found.crops.tofile(crops)
        of_crops = iter(peers.read_crops(process, crops, len(found.crops)))
        labels[CROP] = [None if box is None else next(of_crops) for box in found.boxes]
        crops.unlink()
    return labels


def measure(
    reader: Reader, images: Sequence[LabeledImage], found: Found | None, work: Path
) -> list[Row]:
    """The rows of a reader, its own framing first."""
    targets = [photo.target for photo in images]
    process = peers.Process(reader.command)
    try:
        version = process.ask(do="hello")["version"]
        labels = read(process, images, found if reader.peer else None, work)
    finally:
        process.close()
    name = f"{reader.package} {version}"
    order = [OWN, *(framing for framing in (CROP, *(b[0] for b in BOXES)) if framing in labels)]
    return [
        Row(name, framing, score_photos(count_readings(targets, labels[framing])))
        for framing in order
    ]


def shown(rows: Sequence[Row]) -> list[Row]:
    """Of a reader's rows its own framing, mien's crop, and of the boxes the most accurate."""
    first = [row for row in rows if row.framing not in TRIED]
    tried = [row for row in rows if row.framing in TRIED]
    return [*first, *([max(tried, key=lambda row: row.scores.accuracy)] if tried else [])]


def tables(readers: Sequence[Sequence[Row]]) -> str:
    """The rows of readers as tables in Markdown."""
    rows = [row for of_reader in readers for row in shown(of_reader)]

    def of_rows(head: Sequence[str], cells: Callable[[PhotoScores], Sequence[str]]) -> str:
        lines = []
        for row in rows:
            best = f" (best of {len(TRIED)} boxes)" if row.framing in TRIED else ""
            lines.append([row.reader, row.framing + best, *cells(row.scores)])
        return table(["reader", "face and frame", *head], lines, left=2)

    if not rows:
        return "no reader was measured"
    counts = {label: sum(read.values()) for label, read in rows[0].scores.read_as.items()}
    result = [
        of_rows(
            ["accuracy", "mean class recall", "no face"],
            lambda scores: [
                _share(scores.accuracy, scores.intervals["accuracy"]),
                _share(scores.mean_class_recall, scores.intervals.get("mean_class_recall")),
                f"{scores.faceless:,}",
            ],
        ),
        "Recall of each emotion:",
        of_rows(
            [f"{label}, n {count:,}" for label, count in counts.items()],
            lambda scores: [_share(scores.recall[x], scores.recall_intervals[x]) for x in counts],
        ),
    ]
    if "neutral" in counts:
        result += [
            f"What the {counts['neutral']:,} neutral faces are called:",
            of_rows(
                [*EMOTIONS, NO_FACE],
                lambda scores: [f"{count:,}" for count in scores.read_as["neutral"].values()],
            ),
        ]
    return "\n\n".join(result)


def _share(value: float, interval: Interval | None) -> str:
    told = f" ({interval.low:.3f} to {interval.high:.3f})" if interval else ""
    return f"{value:.3f}{told}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the tables; the status is 1 where a reader failed, 130 on Ctrl-C."""
    known = {name: peer for name, peer in peers.known_peers().items() if name != "mien"}
    parser = options_of(__doc__, data=False)
    parser.add_argument("--data", required=True, help="folder of photos, or a list of them")
    parser.add_argument("--work", type=Path, required=True, help="folder of the environments")
    parser.add_argument("--models", default="mien,mien:label,paper", help="mien's: names or files")
    parser.add_argument("--peers", default=",".join(known), help="some of them; '' for none")
    parser.add_argument("--json", type=Path, help="file for all that was measured")
    options = parser.parse_args(arguments)
    try:
        work = peers.work_folder(options.work)
        chosen = peers.chosen(options.peers, known) if options.peers else []
        listing = list_images(options.data)
        found = find(listing.images) if chosen else None
    except MienError as error:
        say(str(error))
        return 2
    for reason, count in listing.left_out.items():
        say(f"left out: {reason}: {count:,}")
    failures: dict[str, str] = {}
    measured: list[list[Row]] = []
    readers = [of_mien(model) for model in options.models.split(",") if model]
    readers += [Reader(peer.name, peer.package, peer.command(work), peer) for peer in chosen]
    interrupted = False
    try:
        for reader in readers:
            say(reader.name)
            try:
                if reader.peer:
                    peers.install(reader.peer, work, say)
                measured.append(measure(reader, listing.images, found, work))
            except MienError as error:
                failures[reader.name] = str(error)
                say(f"{reader.name}: {error}")
    except KeyboardInterrupt:
        say("interrupted; this is what was measured until then")
        interrupted = True
    print(
        f"{listing.name}: {len(listing.images):,} photos. One without a face counts as read "
        "wrong. In brackets 95 % bootstrap intervals: another draw of such photos.\n"
    )
    print(tables(measured))
    for name, failure in failures.items():
        print(f"\n{name} failed: {failure}")
    if options.json:
        rows = [{**asdict(r), "shown": r in shown(rows)} for rows in measured for r in rows]
        write_json(options.json, {"data": listing.name, "rows": rows, "failures": failures})
    return INTERRUPTED if interrupted else bool(failures)


if __name__ == "__main__":
    sys.exit(main())
