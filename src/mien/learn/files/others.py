"""Models that others have trained: what they do not say, and how to find it out.

Such a model becomes an ONNX file of mien's, with the pixels' scaling before it and the order of the
emotions behind it. The numbers of the scaling stand in the file under names of their own, so that
another one can be tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mien.environment import onnx_session
from mien.errors import ModelError, OptionError, counted
from mien.labels import EMOTIONS, target_of
from mien.recognize.crops import Crops
from mien.spec import ModelSpec

if TYPE_CHECKING:
    import onnx

    from mien.learn.data.datasets import FaceSet

SCALINGS: Final[dict[str, tuple[float, float]]] = {
    "1/255": (1 / 255, 0.0),
    "-1..1": (1 / 127.5, -1.0),
    "none": (1.0, 0.0),
}
"""Name -> factor of the gray levels 0 to 255 and what is added then."""

FACTOR: Final = "mien_factor"
OFFSET: Final = "mien_offset"
"""Names, in the file, of the two numbers of a scaling."""

LEAST: Final = 1e-30
"""What a probability of 0 becomes before the seven are made to sum to 1: all of them may be 0."""

NETWORKS: Final = ("keras", "onnx")
"""What `ModelSpec.network` says of models of others."""

_TRIED: Final = 1000  # faces that other orders and scalings are tried on
_FEWEST: Final = 100  # that tell anything
_FAR: Final = 0.1  # by how much more must be read right for it to be said

_SUMS_TO_ONE: Final = 1e-2  # how far a row of probabilities may be off, in half precision


@dataclass(frozen=True)
class Better:
    """Another order of the outputs, or another scaling, with which a model reads far better."""

    labels: tuple[str, ...]  # of its outputs, in order
    scaling: str  # a name in `SCALINGS`
    accuracy: float  # with these, 0 to 1
    now: float  # as it is taken at present, 0 to 1
    n: int  # faces that both were measured on

    def __str__(self) -> str:
        return (
            f"{self.now:.0%} of {counted(self.n, 'face')} are read as they are labelled, and "
            f"{self.accuracy:.0%} with --labels {','.join(self.labels)} --scaling={self.scaling}"
        )


def label_names(labels: str | Sequence[str]) -> tuple[str, ...]:
    """What the outputs of a model are, in their order.

    Args:
        labels: a sequence, or a text with commas: the seven emotions or their synonyms, each once,
            and whatever else the model tells, such as contempt, which is left out of a reading.
    Raises:
        OptionError: an emotion is missing, or one of the labels comes twice.
    """
    given = labels.split(",") if isinstance(labels, str) else [str(name) for name in labels]
    targets = [target_of(name) for name in given]
    names = tuple(
        name.strip().lower() if target is None else EMOTIONS[target]
        for name, target in zip(given, targets, strict=True)
    )
    if not set(EMOTIONS) <= set(names) or len(set(names)) < len(names):
        raise OptionError(
            f"expected {', '.join(EMOTIONS)} in the order of the model's output, each "
            f"once; got {', '.join(given)}",
            argument="labels",
        )
    return names


def gives_logits(outputs: NDArray[np.float32], source: str) -> bool:
    """Whether a softmax must follow what a model gives: (N, K) float.

    Raises:
        ModelError: they are neither probabilities nor logits.
    """
    if not np.isfinite(outputs).all():
        raise ModelError(f"{source}: expected finite numbers from the model; got {outputs[0]}")
    inside = bool((outputs >= 0).all() and (outputs <= 1 + _SUMS_TO_ONE).all())
    sums = outputs.sum(axis=1)
    if inside and bool((np.abs(sums - 1) > _SUMS_TO_ONE).any()):
        count = "seven" if outputs.shape[1] == 7 else outputs.shape[1]
        raise ModelError(
            f"{source}: expected probabilities that sum to 1, or logits; got values from 0 to 1 "
            f"that sum to {sums.min():.2f} to {sums.max():.2f}, as {count} sigmoids give"
        )
    # Shares of a hundred, or of whatever, that a softmax would make one emotion of.
    alike = bool((outputs >= 0).all()) and float(np.ptp(sums)) <= _SUMS_TO_ONE * float(sums.max())
    if not inside and alike and bool((outputs != outputs[0]).any()):
        raise ModelError(
            f"{source}: expected probabilities that sum to 1, or logits; got values without "
            f"negatives that sum to {sums[0]:g} for each face, as percentages do"
        )
    return not inside


def spec_of(
    name: str,
    network: str,
    *,
    labels: Sequence[str],
    scaling: str,
    logits: bool,
    parameters: int,
    macs: int,
) -> ModelSpec:
    """What is known of a model of others."""
    return ModelSpec(
        name=name,
        network=network,
        parameters=parameters,
        macs=macs,
        recipe=f"{'logits' if logits else 'probabilities'} of {', '.join(labels)}; "
        f"scaling {scaling}",
        seed=0,
        epoch=0,
        trained_on="unknown",
        chosen_on="unknown",
        license="unknown",
    )


def set_scaling(model: "onnx.ModelProto", scaling: str) -> None:
    """Change the numbers of the scaling in a converted model."""
    from onnx import numpy_helper

    numbers = dict(zip((FACTOR, OFFSET), SCALINGS[scaling], strict=True))
    for tensor in model.graph.initializer:
        if (number := numbers.get(tensor.name)) is not None:
            tensor.CopyFrom(numpy_helper.from_array(np.array(number, np.float32), tensor.name))


def better_reading(content: bytes, faces: "FaceSet") -> Better | None:
    """Try a converted model with every scaling, and with the order of emotions that fits best.

    The order that fits best gives each output the emotion whose faces it is highest for, each
    emotion once: an assignment (Kuhn 1955).

    Args:
        content: of a model file of `NETWORKS`.
        faces: labelled faces.
    Returns:
        What reads far better; None if nothing does, or the faces are too few to tell.
    """
    import onnx
    from scipy.optimize import linear_sum_assignment

    if len(faces) < _FEWEST:
        return None
    rows = np.random.default_rng(0).permutation(len(faces))[:_TRIED]
    crops, targets = faces.images[rows], faces.targets[rows]
    model = onnx.load_from_string(content)
    about = {entry.key: entry.value for entry in model.metadata_props}
    # The labels and the scaling that `spec_of` wrote down.
    words, _, now_scaling = ModelSpec.from_metadata(about, source="the model").recipe.partition(
        "; scaling "
    )
    now_labels = words.partition(" of ")[2].split(", ")
    now = 0.0
    best: tuple[float, str, list[int]] = (0.0, now_scaling, [])
    for scaling in sorted(SCALINGS, key=lambda name: name != now_scaling):  # the same if it ties
        set_scaling(model, scaling)
        read = run(model.SerializeToString(), crops).argmax(axis=1)
        counts = np.zeros((len(EMOTIONS), len(EMOTIONS)))  # an output's row, an emotion's column
        np.add.at(counts, (read, targets), 1.0)
        if scaling == now_scaling:
            now = float(np.trace(counts)) / len(crops)
        # Of outputs that nothing tells apart each keeps its emotion.
        _, emotions = linear_sum_assignment(counts + 1e-3 * np.eye(len(EMOTIONS)), maximize=True)
        accuracy = float(counts[range(len(EMOTIONS)), emotions].sum()) / len(crops)
        if accuracy > best[0]:
            best = (accuracy, scaling, emotions.tolist())
    accuracy, scaling, found = best
    if accuracy < now + _FAR:
        return None
    labels = list(now_labels)
    for output, emotion in zip(EMOTIONS, found, strict=True):
        labels[now_labels.index(output)] = EMOTIONS[emotion]
    return Better(tuple(labels), scaling, accuracy, now, len(crops))


def run(content: bytes, crops: Crops) -> NDArray[np.float32]:
    """(N, 48, 48) uint8 -> what a converted model gives first, (N, K) float32.

    Raises:
        Exception: ONNX Runtime's, which share no base.
    """
    session = onnx_session(content, threads=0)
    starts = range(0, len(crops), 64)
    rows = [session.run(None, {"crops": crops[i : i + 64]})[0] for i in starts]
    return np.concatenate(rows).astype(np.float32)
