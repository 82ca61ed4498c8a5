"""The models in the package: what each says of itself, its card, and how fast it is here."""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mien.errors import ModelError
from mien.recognize.classifier import DEFAULT_MODEL, Classifier, shipped_models
from mien.recognize.crops import SIZE_PX, Crops
from mien.spec import ModelSpec

BATCH: Final = 64  # faces that are read together for `Speed.faces_per_s`

_WARM_RUNS: Final = 3
_LEAST_RUNS: Final = 5
_MOST_RUNS: Final = 200
_SECONDS: Final = 0.4  # for each of the two batches, so that a table of models is there at once


@dataclass(frozen=True)
class Speed:
    """How fast a network is on one core of this machine; faces are not searched for."""

    latency_ms: float  # median time for one face alone
    faces_per_s: float  # median rate for `BATCH` faces at a time


@dataclass(frozen=True)
class ShippedModel:
    """One model in the package."""

    name: str  # what `mien.Classifier` takes
    path: Path  # of the ONNX file
    spec: ModelSpec  # what the file says of itself
    size_bytes: int  # of the file
    speed: Speed  # on this machine
    default: bool  # it is read with where no model is named

    def to_dict(self) -> dict[str, Any]:
        """What the file says of itself, with all else that is known of it; ready for JSON."""
        return {
            **json.loads(self.spec.to_json()),
            "name": self.name,
            "default": self.default,
            "file": str(self.path),
            "size_bytes": self.size_bytes,
            "latency_ms": self.speed.latency_ms,
            "faces_per_s": self.speed.faces_per_s,
        }


def list_models() -> list[ShippedModel]:
    """The models in the package, the default first, each timed on this machine.

    Raises:
        ModelError: a file in the package is broken.
    """
    names = sorted(shipped_models(), key=lambda name: (name != DEFAULT_MODEL, name))
    return [shipped_model(name) for name in names]


def shipped_model(name: str) -> ShippedModel:
    """One model in the package, timed on this machine.

    Raises:
        ModelError: there is none of that name, or its file is broken.
    """
    path = _path_of(name)
    classifier = Classifier(name, threads=1)
    return ShippedModel(
        name=name,
        path=path,
        spec=classifier.spec,
        size_bytes=path.stat().st_size,
        speed=measure_speed(classifier),
        default=name == DEFAULT_MODEL,
    )


def measure_speed(classifier: Callable[[Crops], Any]) -> Speed:
    """Time a classifier on made-up faces, for about a second.

    Args:
        classifier: opened with as many threads as are to be timed.
    """
    return Speed(
        latency_ms=latency_ms(classifier),
        faces_per_s=BATCH / _median_s(classifier, BATCH),
    )


def latency_ms(classifier: Callable[[Crops], Any]) -> float:
    """Median milliseconds for one face alone; as for `measure_speed`."""
    return 1e3 * _median_s(classifier, 1)


def model_card(name: str) -> str:
    """The card of a model in the package, as Markdown; `mien card` writes cards of others.

    Raises:
        ModelError: there is no model of that name, or it has no card.
    """
    card = _path_of(name).with_suffix(".md")
    try:
        return card.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(
            f"expected a card of {name!r} beside its file; {error.strerror or error}. "
            f"`mien card {name} --data FER2013` writes one"
        ) from error


def _path_of(name: str) -> Path:
    shipped = shipped_models()
    if name not in shipped:
        raise ModelError(f"expected a model in the package, {', '.join(shipped)}; got {name!r}")
    return shipped[name]


def _median_s(classifier: Callable[[Crops], Any], faces: int) -> float:
    # What is in a crop makes no difference to how long it takes.
    crops = np.random.default_rng(0).integers(0, 256, (faces, SIZE_PX, SIZE_PX), dtype=np.uint8)
    for _ in range(_WARM_RUNS):
        classifier(crops)
    times: list[float] = []
    while len(times) < _LEAST_RUNS or (sum(times) < _SECONDS and len(times) < _MOST_RUNS):
        start = time.perf_counter()
        classifier(crops)
        times.append(time.perf_counter() - start)
    return statistics.median(times)
