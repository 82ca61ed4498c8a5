#!/bin/sh
# opencv-python-headless 4.14.0.94: cv2.dnn pads a convolution or pooling of ONNX with auto_pad=SAME_LOWER as
# if it were SAME_UPPER. Where the padding is odd (a stride of 2 over an even size, an even kernel), the odd
# row and column go below and right, not above and left, and every window lies one pixel off: a convolution
# of 48 px is 40 % off, of 47 px right. Nothing warns; onnxruntime is right, and so is OpenCV where the same
# padding is written as pads. Write pads.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opencv-python-headless==4.14.0.94 onnx==1.23.2 \
  onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import cv2
import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper

random = np.random.default_rng(0)
image = random.uniform(0, 1, (1, 1, 48, 48)).astype(np.float32)
weights = numpy_helper.from_array(random.normal(size=(1, 1, 3, 3)).astype(np.float32), "w")


def outputs(kind, x, **attributes):
    inputs = ["x", "w"] if kind == "Conv" else ["x"]
    if kind != "Conv":
        attributes["kernel_shape"] = [3, 3]
    node = helper.make_node(kind, inputs, ["y"], strides=[2, 2], **attributes)
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)]
    ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, "rows", "columns"]))
    graph = helper.make_graph([node], "layer", ends[:1], ends[1:], [weights] if kind == "Conv" else [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    network = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
    network.setInput(x)
    return onnxruntime.InferenceSession(data).run(None, {"x": x})[0], network.forward()


for kind in ("Conv", "MaxPool", "AveragePool"):
    upper = outputs(kind, image, auto_pad="SAME_UPPER")[0]
    for how, x in (
        ({"auto_pad": "SAME_LOWER"}, image),
        ({"pads": [1, 1, 0, 0]}, image),  # the same, for an even size
        ({"auto_pad": "SAME_UPPER"}, image),
        ({"auto_pad": "SAME_LOWER"}, image[:, :, :47, :47].copy()),  # one row on each side
    ):
        ort, opencv = outputs(kind, x, **how)
        apart = np.abs(ort - opencv).mean() / np.abs(ort).mean()
        print(f"{kind} of {x.shape[2]} px, {how}: OpenCV is {apart:.0%} off")
        if how == {"auto_pad": "SAME_LOWER"} and x is image:
            assert apart > 0.02 and np.allclose(opencv, upper, atol=1e-5)
            lower = ort
        else:
            assert apart < 1e-4
            assert "pads" not in how or np.allclose(ort, lower, atol=1e-6)
PYTHON
