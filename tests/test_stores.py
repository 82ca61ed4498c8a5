import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from fakes import some_crops
from learn_fixtures import onnx_model
from mien.learn.files.stores import with_half_weights, with_int8_weights
from mien.recognize.crops import Crops

CHANNELS = 16


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    """Two convolutions, a mean over the image and a matrix, with weights of unequal size."""
    random = np.random.default_rng(0)
    scales = np.geomspace(0.01, 1.0, CHANNELS).reshape(-1, 1, 1, 1)  # of each channel
    constants: dict[str, NDArray[Any]] = {
        "white": np.array(255, np.float32),
        "axes": np.array([1], np.int64),
        "stem_weight": random.normal(0, 1, (4, 1, 3, 3)).astype(np.float32),
        "conv_weight": (scales * random.normal(0, 1, (CHANNELS, 4, 9, 9))).astype(np.float32),
        "conv_bias": random.normal(0, 1, CHANNELS).astype(np.float32),
        "head_weight": random.normal(0, 1, (7, CHANNELS)).astype(np.float32),
        "head_bias": random.normal(0, 1, 7).astype(np.float32),
    }
    text = """small (uint8[N, 48, 48] crops) => (float[N, 7] probabilities) {
        levels = Cast <to = 1> (crops)
        shares = Div (levels, white)
        pixels = Unsqueeze (shares, axes)
        edges = Conv (pixels, stem_weight)
        maps = Conv (edges, conv_weight, conv_bias)
        positive = Relu (maps)
        means = GlobalAveragePool (positive)
        features = Flatten (means)
        logits = Gemm <transB = 1> (features, head_weight, head_bias)
        probabilities = Softmax <axis = 1> (logits)
    }"""
    return onnx_model(text, constants, opset=20, ir_version=10)


def read(model: onnx.ModelProto, crops: Crops) -> NDArray[Any]:
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {"crops": crops})[0])


def stored_types(model: onnx.ModelProto) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in model.graph.initializer}


def test_half_weights_read_the_same_within_their_precision(model: onnx.ModelProto) -> None:
    before = model.SerializeToString()
    half = with_half_weights(model)

    assert np.abs(read(half, some_crops(9)) - read(model, some_crops(9))).max() < 2e-3
    assert model.SerializeToString() == before  # it is left as it is
    types = stored_types(half)
    assert types["conv_weight.fp16"] == types["head_weight.fp16"] == TensorProto.FLOAT16
    assert types["conv_bias"] == types["white"] == TensorProto.FLOAT
    assert "conv_weight" not in types


def test_half_weights_are_made_whole_once_when_the_file_is_opened(
    model: onnx.ModelProto, tmp_path: Path
) -> None:
    half = with_half_weights(model)
    assert sum(node.op_type == "Cast" for node in half.graph.node) == 4

    computed = operations(half, tmp_path / "half.onnx")
    assert computed == operations(model, tmp_path / "whole.onnx")
    assert computed.count("Cast") == 1  # that of the crops


def operations(model: onnx.ModelProto, path: Path) -> list[str]:
    """What ONNX Runtime computes, in order, as it writes it down."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return [node.op_type for node in onnx.load(path).graph.node]


def test_weights_beyond_half_precision_show_in_what_is_read(model: onnx.ModelProto) -> None:
    large = onnx.ModelProto()
    large.CopyFrom(model)
    (weight,) = (w for w in large.graph.initializer if w.name == "head_weight")
    beyond = numpy_helper.to_array(weight) * np.float32(1e6)
    weight.CopyFrom(numpy_helper.from_array(beyond, weight.name))

    found, expected = (read(m, some_crops(9)) for m in (with_half_weights(large), large))
    assert not np.abs(found - expected).max() < 2e-3


def test_int8_reads_nearly_the_same(model: onnx.ModelProto) -> None:
    before = model.SerializeToString()
    small = with_int8_weights(model, some_crops(40))

    assert model.SerializeToString() == before  # it is left as it is
    found, expected = (read(m, some_crops(9, seed=1)) for m in (small, model))
    assert np.abs(found - expected).max() < 0.02
    types = stored_types(small)
    assert types["conv_weight_quantized"] == TensorProto.INT8
    # An error of the first would go through all the others, and one of the last into the answer.
    assert types["stem_weight"] == types["head_weight"] == TensorProto.FLOAT
    (scales,) = (t for t in small.graph.initializer if t.name == "conv_weight_scale")
    assert list(scales.dims) == [CHANNELS]  # one for each channel
    for tensor in small.graph.initializer:
        if tensor.data_type == TensorProto.INT8 and tensor.dims:
            assert np.abs(numpy_helper.to_array(tensor).astype(int)).max() <= 64  # 7 of 8 bits


def test_int8_draws_the_same_faces_each_time(model: onnx.ModelProto) -> None:
    faces = some_crops(1000)
    faces[::2] //= 8  # half of them are dark: ranges depend on the draw
    one, same = (with_int8_weights(model, faces).SerializeToString() for _ in range(2))

    assert one == same


def test_nothing_is_printed_and_logging_stays_as_it_was(
    model: onnx.ModelProto, capfd: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    before = list(root.handlers), root.level
    with_int8_weights(model, some_crops(3))

    assert (list(root.handlers), root.level) == before
    assert capfd.readouterr() == ("", "")
