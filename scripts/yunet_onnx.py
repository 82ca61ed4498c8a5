"""Write the YuNet of the package from the file that OpenCV's model zoo gives out.

    python scripts/yunet_onnx.py [--out FILE]

The zoo's file is for OpenCV's FaceDetectorYN: images of one size, twelve outputs, and what they
mean is in OpenCV. The one in the package takes RGB pixels of any size, as they lie in memory, and
gives what is likely a face. The layers and weights are the same, otherwise arranged:

- the first convolution sees the three colors of a pixel as three columns of one plane, so that
  nothing is transposed;
- of each level, the four heads (class, objectness, box, landmarks) are one of sixteen channels;
- scores, and the choice of the cells that reach the lowest one, are in the graph.
"""

import argparse
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

ROOT: Final = Path(__file__).parents[1]
ORIGINAL: Final = ROOT / "tests" / "assets" / "face_detection_yunet_2023mar.onnx"

FEATURES: Final = ("256", "246", "236")  # of cells of 8, 16 and 32 pixels
HEADS: Final = ("cls", "obj", "bbox", "kps")  # of 1, 1, 4 and 10 channels
CHANNELS: Final = 16


def main() -> None:
    """Write the file that the arguments name."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "src" / "mien" / "assets" / "yunet.onnx")
    onnx.save(rearranged(onnx.load(ORIGINAL)), parser.parse_args().out)


def rearranged(original: onnx.ModelProto) -> onnx.ModelProto:
    """The same network: `image` (H, W, 3) uint8 and `least` in, what reaches that score out.

    H and W are multiples of 32. Out come `found` (15, F) float32 (box, landmarks and score, as the
    network gives them), and `cell` (F,) int64, which cell each is of: rows of cells of 8 pixels
    first, then of 16, then of 32.
    """
    given = {tensor.name: numpy_helper.to_array(tensor) for tensor in original.graph.initializer}
    backbone = [
        node
        for node in original.graph.node
        if node.op_type in ("Conv", "Relu", "MaxPool", "Resize", "Add")
        and not any(name.startswith("bbox_head") for name in node.input)
    ]
    weights: dict[str, NDArray[np.generic]] = {
        name: given[name] for node in backbone for name in node.input if name in given
    }
    first, *rest = backbone
    kernel = given[first.input[1]][:, ::-1]  # (16, 3, 3, 3): BGR, now RGB
    weights[first.input[1]] = kernel.transpose(0, 2, 3, 1).reshape(16, 1, 3, 9)
    weights |= {
        "columns": np.array([0, -1]),
        "leading": np.array([0, 1]),
        "by_channel": np.array([CHANNELS, -1]),
        "parts": np.array([1, 1, CHANNELS - 2]),
        "second": np.array(1),
    }
    node = helper.make_node
    square: dict[str, Any] = {"kernel_shape": [3, 9], "strides": [2, 6], "pads": [1, 3, 1, 3]}
    nodes = [
        node("Cast", ["image"], ["levels"], to=TensorProto.FLOAT),
        node("Reshape", ["levels", "columns"], ["plane"]),  # (H, 3 W)
        node("Unsqueeze", ["plane", "leading"], ["planes"]),  # (1, 1, H, 3 W)
        node("Conv", ["planes", *first.input[1:]], first.output, **square),
        *rest,
    ]
    for level, features in enumerate(FEATURES):
        heads = [f"bbox_head.multi_level_{head}.{level}." for head in HEADS]
        names = [f"head.{level}.{name}" for name in ("in", "in.bias", "out", "out.bias")]
        layers = ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias")
        for name, layer in zip(names, layers, strict=True):
            weights[name] = np.concatenate([given[head + layer] for head in heads])
        narrow, wide, flat = (f"head.{level}.{name}" for name in ("narrow", "wide", "flat"))
        around: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "group": CHANNELS}
        nodes += [
            node("Conv", [features, *names[:2]], [narrow], kernel_shape=[1, 1]),
            node("Conv", [narrow, *names[2:]], [wide], **around),
            node("Reshape", [wide, "by_channel"], [flat]),
        ]
    nodes += [
        node("Concat", [f"head.{level}.flat" for level in range(3)], ["heads"], axis=1),  # (16, N)
        node("Split", ["heads", "parts"], ["class", "objectness", "places"], axis=0),
        node("Sigmoid", ["class"], ["is_face"]),
        node("Sigmoid", ["objectness"], ["is_object"]),
        node("Mul", ["is_face", "is_object"], ["squared"]),
        node("Sqrt", ["squared"], ["score"]),  # (1, N)
        node("GreaterOrEqual", ["score", "least"], ["kept"]),
        node("NonZero", ["kept"], ["indices"]),  # (2, F)
        node("Gather", ["indices", "second"], ["cell"], axis=0),
        node("Concat", ["places", "score"], ["all"], axis=0),  # (15, N)
        node("Gather", ["all", "cell"], ["found"], axis=1),
    ]
    return _model_of(nodes, weights)


def _model_of(
    nodes: list[onnx.NodeProto], weights: dict[str, NDArray[np.generic]]
) -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "yunet",
        [
            value("image", TensorProto.UINT8, ["height", "width", 3]),
            value("least", TensorProto.FLOAT, []),
        ],
        [
            value("found", TensorProto.FLOAT, [CHANNELS - 1, "faces"]),
            value("cell", TensorProto.INT64, ["faces"]),
        ],
        [numpy_helper.from_array(array.copy(), name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


if __name__ == "__main__":
    main()
