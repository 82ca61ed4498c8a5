#!/bin/sh
# onnx 1.23.2: version_converter.convert_version of a model with an Upsample of opset 9 or a Resize of opset
# 10 does not write down which coordinates these mean ("asymmetric"), so that from opset 11 on they mean
# others ("half_pixel"): in a heatmap of landmarks made four times as large the peak moves by 1.5 px right
# and down. The checker accepts both, nothing warns. Set coordinate_transformation_mode on the converted
# nodes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, version_converter

FACTOR = 4
y, x = np.mgrid[:16, :16]
heatmap = np.exp(-((x - 6) ** 2 + (y - 9) ** 2) / 8).astype(np.float32)[None, None]
by_hand_px = np.array([6.0, 9.0]) * FACTOR  # asymmetric: pixel i of the small one lies at i * FACTOR


def model(operator: str, opset: int) -> onnx.ModelProto:
    """Linear enlarging, as PyTorch exported it then."""
    node = helper.make_node(operator, ["heatmap", "scales"], ["large"], mode="linear")
    scales = numpy_helper.from_array(np.float32([1, 1, FACTOR, FACTOR]), "scales")
    small = helper.make_tensor_value_info("heatmap", TensorProto.FLOAT, [1, 1, 16, 16])
    large = helper.make_tensor_value_info("large", TensorProto.FLOAT, [1, 1, 64, 64])
    graph = helper.make_graph([node], "landmark", [small], [large], [scales])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def peak_px(made: onnx.ModelProto) -> np.ndarray:
    """x and y of the middle of the upper half of the heatmap."""
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    large = session.run(None, {"heatmap": heatmap})[0][0, 0]
    high = np.clip(large - 0.5, 0, None)
    rows, columns = np.mgrid[:64, :64]
    return np.round([(high * columns).sum() / high.sum(), (high * rows).sum() / high.sum()], 2)


for operator, opset in (("Upsample", 9), ("Resize", 10)):
    old = model(operator, opset)
    new = version_converter.convert_version(old, 13)
    onnx.checker.check_model(new, full_check=True)
    before, after = peak_px(old), peak_px(new)
    print(f"{operator} of opset {opset}: peak at {before} (by hand {by_hand_px}), as opset 13 at {after}")
    assert abs(before - by_hand_px).max() < 0.1
    assert abs(after - before - 1.5).max() < 0.1
PYTHON
