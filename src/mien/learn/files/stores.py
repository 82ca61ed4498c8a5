"""Ways to store the weights of an ONNX model in fewer bytes."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mien.environment import import_onnxruntime
from mien.labels import FERPLUS_EMOTIONS
from mien.recognize.crops import Crops

if TYPE_CHECKING:
    import onnx

STORES: Final = {
    "fp32": "as the network has them, 4 bytes a weight",
    "fp16": "2 bytes a weight, made float32 again when the file is opened",
    "int8": "1 byte a weight, computed with in whole numbers",
}
"""Name -> what it does to the weights."""

CALIBRATION_FACES: Final = 512  # training images that set the ranges of what int8 computes

_BATCH: Final = 32
_ANSWERS: Final = len(FERPLUS_EMOTIONS)  # the most that a head gives


def with_half_weights(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """The same model with its convolutions' and matrices' weights stored as float16.

    A Cast to float32 stands before each; ONNX Runtime folds it when it opens the file, so that the
    network computes as before and as fast. Biases and single numbers, few of the bytes, stay as
    they are.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    half = onnx.ModelProto()
    half.CopyFrom(model)
    casts = []
    for tensor in half.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) >= 2:
            name = tensor.name
            weights = numpy_helper.to_array(tensor)
            with np.errstate(over="ignore"):  # what is too large becomes infinite, and parity fails
                tensor.CopyFrom(numpy_helper.from_array(weights.astype(np.float16), f"{name}.fp16"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *half.graph.node]
    del half.graph.node[:]
    half.graph.node.extend(nodes)
    return half


def with_int8_weights(model: "onnx.ModelProto", faces: Crops) -> "onnx.ModelProto":
    """The same model with its convolutions and matrix products computed in 8 bits.

    Static quantisation by ONNX Runtime, a scale for each output channel (Jacob et al. 2017,
    arXiv:1712.05877): weights are int8, what flows between layers is uint8 in the range that it
    has on the faces. Weights use 7 of the 8 bits: processors without VNNI instructions add pairs
    of products in 16 bits, which would overflow, and the file reads the same on all.

    Args:
        model: with the input `crops`.
        faces: (N, 48, 48) uint8, that the network was trained on; `CALIBRATION_FACES` of them are
            drawn.
    """
    import onnx

    import_onnxruntime()
    from onnxruntime import quantization

    count = min(CALIBRATION_FACES, len(faces))
    rows = np.random.default_rng(0).choice(len(faces), count, replace=False)

    batches = ({"crops": faces[rows[i : i + _BATCH]]} for i in range(0, count, _BATCH))

    class Drawn(quantization.CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Any] | None:
            return next(batches, None)

    own = onnx.ModelProto()
    own.CopyFrom(model)  # the quantiser moves the weights of what it is given into files
    for number, node in enumerate(own.graph.node):
        node.name = node.name or f"node-{number}"  # by which it knows what stays in float
    with TemporaryDirectory() as folder, quiet():
        out = Path(folder) / "int8.onnx"
        quantization.quantize_static(
            own,
            out,
            Drawn(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
            nodes_to_exclude=_in_float(own),
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            # Mean ranges of the batches: the widest of all are set by single faces (LOG.md).
            extra_options={"CalibMovingAverage": True},
        )
        quantized: onnx.ModelProto = onnx.load(out)
    return quantized


def _in_float(model: "onnx.ModelProto") -> list[str]:
    """Names of what stays in float, where 8 bits would cost most and save least.

    The first convolution, those on a single pixel, and the matrices that give the answers: these
    decide between emotions, and OpenCV's runtime reads several of them in 8 bits wrong.
    """
    import onnx

    graph = onnx.shape_inference.infer_shapes(model).graph
    sides = {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim][2:]
        for value in graph.value_info
    }
    widths = {tensor.name: min(tensor.dims, default=1) for tensor in graph.initializer}
    first, *others = [node for node in graph.node if node.op_type == "Conv"]
    matrices = [node for node in graph.node if node.op_type in ("Gemm", "MatMul")]
    heads = [node.name for node in matrices if widths.get(node.input[1], 1) <= _ANSWERS]
    pixels = [node.name for node in others if sides.get(node.output[0]) == [1, 1]]
    return [first.name, *pixels, *heads]


@contextmanager
def quiet(logger: str = "") -> Iterator[None]:
    """No warnings, and of that logger, by default the root's, errors alone."""
    log, nowhere = logging.getLogger(logger), logging.NullHandler()
    level = log.level
    log.addHandler(nowhere)  # without one, the root would get one that prints
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
        log.removeHandler(nowhere)
