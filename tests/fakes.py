"""Stand-ins for models, detectors and readings, so that few tests need the real ones."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mien.labels import EMOTIONS, FERPLUS_EMOTIONS
from mien.readings import Box, Face, Image, Landmarks, Reading, TrackedReading
from mien.recognize.crops import Crops
from mien.recognize.faces import Framing
from mien.spec import METADATA_KEY, ModelSpec, Score

SPEC = ModelSpec(
    name="tiny",
    network="matrix",
    parameters=48 * 48 * 7 + 7,
    macs=48 * 48 * 7,
    recipe="none",
    seed=0,
    epoch=1,
    trained_on="nothing",
    chosen_on="nothing",
    scores={"val": Score(n=3589, accuracy=0.125, macro_f1=0.0625)},
)

EYES: Landmarks = ((30.0, 40.0), (70.0, 40.0), (50.0, 60.0), (35.0, 80.0), (65.0, 80.0))


def write_model(
    path: Path,
    *,
    metadata: str | None = SPEC.to_json(),
    side_px: int = 48,
    classes: int = len(EMOTIONS),
    input_type: int = TensorProto.UINT8,
    votes: int = 0,
    people: bool = False,
    seed: int = 0,
) -> Path:
    """Write an ONNX file (N, side, side) -> softmax of a fixed random matrix, (N, classes).

    With `people` that is `label_probabilities`, and another softmax (N, classes) the first output.
    With `votes`, that of yet another matrix, (N, votes), is the last.
    """
    heads = [("", "label_probabilities" if people else "probabilities", classes)]
    heads += [("people_", "probabilities", classes)] if people else []
    heads += [("votes_", "votes", votes)] if votes else []
    random = np.random.default_rng(seed)
    nodes = [
        helper.make_node("Cast", ["crops"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["levels", "white"], ["shares"]),
        helper.make_node("Flatten", ["shares"], ["rows"]),
    ]
    outputs = {}
    constants = [numpy_helper.from_array(np.array(255, np.float32), "white")]
    for of, name, width in heads:
        weights = random.normal(0, 0.1, (side_px * side_px, width)).astype(np.float32)
        constants.append(numpy_helper.from_array(weights, f"{of}weights"))
        nodes.append(helper.make_node("MatMul", ["rows", f"{of}weights"], [f"{of}logits"]))
        nodes.append(helper.make_node("Softmax", [f"{of}logits"], [name], axis=1))
        outputs[name] = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width])
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("crops", input_type, ["N", side_px, side_px])],
        [outputs.pop("probabilities"), *outputs.values()],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if metadata is not None:
        helper.set_model_props(model, {METADATA_KEY: metadata})
    onnx.save(model, path)
    return path


def write_people_model(path: Path, *, people: bool = True, seed: int = 0) -> Path:
    """Write an ONNX file that says what people would say, the label as `write_model`, and votes."""
    spec = replace(SPEC, name=path.stem, votes_labels=FERPLUS_EMOTIONS, votes_share=0.7)
    votes = len(FERPLUS_EMOTIONS)
    return write_model(path, votes=votes, people=people, metadata=spec.to_json(), seed=seed)


def some_crops(count: int, *, seed: int = 0) -> Crops:
    """(count, 48, 48) uint8: noise."""
    return np.random.default_rng(seed).integers(0, 256, (count, 48, 48), dtype=np.uint8)


@dataclass
class FixedDetector:
    """Finds the same faces in every image."""

    faces: list[Face]
    framing: Framing = field(default_factory=lambda: Framing(1.0, 0.0, 0.0))

    def detect(self, image: Image) -> list[Face]:
        return list(self.faces)


def a_reading(box: Box = (10.0, 20.0, 110.0, 140.0), emotion: str = "happy") -> Reading:
    probabilities = tuple(0.7 if label == emotion else 0.05 for label in EMOTIONS)
    return Reading(box, 0.875, EYES, emotion, 0.7, probabilities)


def a_tracked_reading(
    track: int = 1,
    emotion: str = "happy",
    *,
    probability: float = 0.7,
    box: Box = (20.0, 20.0, 80.0, 90.0),
    detected: bool = True,
    unsure: bool = False,
) -> TrackedReading:
    """What a video shows in one frame; smoothing has changed nothing."""
    rest = (1 - probability) / (len(EMOTIONS) - 1)
    probabilities = tuple(probability if label == emotion else rest for label in EMOTIONS)
    return TrackedReading(
        box=box,
        score=0.875,
        landmarks=None,
        emotion=emotion,
        probability=probability,
        probabilities=probabilities,
        unsure=unsure,
        track=track,
        raw_probabilities=probabilities,
        raw_emotion=emotion,
        detected=detected,
    )
