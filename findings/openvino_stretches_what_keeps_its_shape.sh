#!/bin/sh
# openvino 2026.4.1: ONNX's Resize with keep_aspect_ratio_policy ("not_larger" fits an image into a box, as
# before the padding of a letterbox, "not_smaller" around it; since opset 18) is read as if it were "stretch":
# of a frame of 64 by 48 a box of 32 by 32 makes 32 by 32, not 32 by 24, and a face a third higher, without a
# word, though onnx's own inference of shapes says 24. onnxruntime is right. Write the size that comes of it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openvino==2026.4.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
import openvino
from onnx import TensorProto, checker, helper, numpy_helper

rows, columns = np.mgrid[:48, :64]
disc = ((rows - 23.5) ** 2 + (columns - 31.5) ** 2 < 20**2).astype(np.float32)[None, None]


def outputs(box, last, **options):
    """A disc, resized into a box, or the mean of it, where the size does not show."""
    nodes = [helper.make_node("Resize", ["x", "", "", "box"], ["r"], mode="linear", axes=[2, 3], **options)]
    nodes.append(helper.make_node(last, ["r"], ["y"]))
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, disc.shape)]
    ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, "rows", "columns"]))
    constants = [numpy_helper.from_array(np.array(box), "box")]
    graph = helper.make_graph(nodes, "resize", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(data), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    ort = onnxruntime.InferenceSession(data).run(None, {"x": disc})[0]
    return ort, compiled([disc])[compiled.output(0)]


def shape(image):
    inside = image[0, 0] > 0.5
    return int(inside.any(1).sum()), int(inside.any(0).sum())


for policy, box in (("not_larger", [32, 32]), ("not_smaller", [32, 32]), ("stretch", [24, 32])):
    ort, found = outputs(box, "Relu", keep_aspect_ratio_policy=policy)
    print(f"{policy}, box {box}: onnxruntime {ort.shape[2:]}, the disc is {shape(ort)};", end=" ")
    print(f"OpenVINO {found.shape[2:]}, {shape(found)}")
    assert abs(shape(ort)[0] - shape(ort)[1]) <= 1
    if policy == "stretch":
        assert np.allclose(ort, found, atol=1e-4)
    else:
        stretched = outputs(box, "Relu")[0]
        assert found.shape[2:] == (32, 32) and np.allclose(found, stretched, atol=1e-4)
        assert ort.shape[2:] == ((24, 32) if policy == "not_larger" else (32, 43))
PYTHON
