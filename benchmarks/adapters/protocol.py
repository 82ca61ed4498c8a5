"""The adapters' side of the protocol in `benchmarks/peers.py`, for peers in Python.

A request is one line of JSON on standard input, its answer one line on standard output:

    {"do": "hello"}
        -> {"version": "25.10.3", "fed": "how crops and photos reach the peer"}
    {"do": "photo", "file": F, "width": W, "height": H}     F: raw RGB bytes, row by row
        -> {"ms": 41.8, "cpu_ms": 41.5, "faces": 1, "label": "happy", "box": [X0, Y0, X1, Y1]}
                       of the face whose box has the longest side; null, both, without a face
    {"do": "boxes", "file": F, "width": W, "height": H, "boxes": [[X0, Y0, X1, Y1], ...]}
        -> {"labels": ["sad", null, ...]}                   of faces said to be in these boxes
    {"do": "crops", "file": F, "first": 256, "count": 64}   F: raw gray bytes, 48 x 48 a face
        -> {"labels": ["sad", null, ...]}                   null where the peer commits to none

or {"error": "in words"}. Labels are mien's. Boxes are in pixels, and may reach past the border.
`ms` is what the peer's own call takes on pixels that are in memory, `cpu_ms` the processor time of
its process meanwhile. The end of standard input ends the process. `protocol.cjs` is the same for
node.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SIZE_PX = 48

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels; may reach past the border of the image."""


@dataclass(frozen=True)
class Face:
    """One face as a peer saw it."""

    box: Box
    label: str | None  # mien's


@dataclass(frozen=True)
class Adapter:
    """A peer as the protocol sees it."""

    version: str  # of the package
    fed: str  # how crops and photos reach the peer, in words
    photo: Callable[[Any], Any]  # (H, W, 3) uint8 RGB: what the peer's users call; its time counts
    faces: Callable[[Any], Sequence[Face]]  # of what `photo` gave
    crops: Callable[[Any], Sequence[str | None]]  # (N, 48, 48) uint8 gray -> a label for each
    # An image as `photo` takes it, and boxes such as `faces` gives -> what the peer reads in each,
    # prepared as in its own; None where it takes no boxes.
    boxes: Callable[[Any, Sequence[Box]], Sequence[str | None]] | None = None


def answer(adapter: Adapter, request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request."""
    if request["do"] == "hello":
        return {"version": adapter.version, "fed": adapter.fed}
    if request["do"] in ("photo", "boxes"):
        shape = (request["height"], request["width"], 3)
        image = np.fromfile(request["file"], np.uint8).reshape(shape)
    if request["do"] == "boxes":
        if adapter.boxes is None:
            raise ValueError("it takes no boxes")
        return {"labels": list(adapter.boxes(image, request["boxes"]))}
    if request["do"] == "photo":
        start, cpu_start = time.perf_counter(), time.process_time()
        raw = adapter.photo(image)
        ms, cpu_ms = (time.perf_counter() - start) * 1e3, (time.process_time() - cpu_start) * 1e3
        faces = adapter.faces(raw)
        largest = max(faces, key=lambda face: _size_px(face.box), default=None)
        label, box = (largest.label, largest.box) if largest else (None, None)
        return {"ms": ms, "cpu_ms": cpu_ms, "faces": len(faces), "label": label, "box": box}
    face_bytes = SIZE_PX * SIZE_PX
    crops = np.fromfile(
        request["file"],
        np.uint8,
        count=request["count"] * face_bytes,
        offset=request["first"] * face_bytes,
    ).reshape(-1, SIZE_PX, SIZE_PX)
    return {"labels": list(adapter.crops(crops))}


def _size_px(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])  # as mien's own `Face.size_px`


def serve(build: Callable[[], Adapter]) -> None:
    """Answer requests until standard input ends; where `build` fails, that is the first answer."""
    # What the peer prints goes to standard error; only answers go to standard output.
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    adapter: Adapter | None = None
    for line in sys.stdin:
        try:
            adapter = adapter or build()
            reply = answer(adapter, json.loads(line))
        except Exception as error:  # whatever a peer raises, the others go on
            reply = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
        print(json.dumps(reply), file=answers)
