#!/bin/sh
# opencv-python-headless 4.14.0.94: cv2.dnn ignores the dilations of ONNX's MaxPool, AveragePool and
# ConvTranspose (of Conv it keeps to them), without a word: of MaxPool2d(3, padding=1, dilation=2) the
# windows are 3 px wide, not 5, and the map is larger, which the mean over it, as before most last layers,
# hides (1.413 where the network has 1.435; of averages -.008, not -.024). onnxruntime is right. A pooling
# with a dilation of 2 is one without of each of the four maps x[:, :, i::2, j::2].
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
image = random.normal(size=(1, 1, 24, 24)).astype(np.float32)
weights = numpy_helper.from_array(random.normal(size=(1, 1, 3, 3)).astype(np.float32), "w")


def outputs(kind, dilation, mean):
    has_weights = kind in ("Conv", "ConvTranspose")
    window = {} if has_weights else {"kernel_shape": [3, 3]}
    inputs, name = ["x", "w"] if has_weights else ["x"], "map" if mean else "y"
    nodes = [helper.make_node(kind, inputs, [name], dilations=[dilation] * 2, pads=[1] * 4, **window)]
    if mean:
        nodes.append(helper.make_node("GlobalAveragePool", ["map"], ["y"]))
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, image.shape)]
    ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, "rows", "columns"]))
    graph = helper.make_graph(nodes, "layer", ends[:1], ends[1:], [weights] if has_weights else [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    network = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
    network.setInput(image)
    return onnxruntime.InferenceSession(data).run(None, {"x": image})[0], network.forward()


for kind in ("MaxPool", "AveragePool", "ConvTranspose", "Conv"):
    for dilation in (1, 2):
        ort, opencv = outputs(kind, dilation, mean=False)
        means = [float(one.squeeze()) for one in outputs(kind, dilation, mean=True)]
        print(f"{kind}, dilation {dilation}: onnxruntime {ort.shape[2:]}, OpenCV {opencv.shape[2:]}", end="; ")
        print(f"means {means[0]:.4f} and {means[1]:.4f}")
        right = dilation == 1 or kind == "Conv"
        assert (ort.shape == opencv.shape and np.allclose(ort, opencv, atol=1e-4)) == right
        assert (abs(means[0] - means[1]) < 1e-5) == right
        if dilation == 1:
            undilated = opencv
        elif not right:
            assert np.array_equal(opencv, undilated)  # what it gives is the layer without dilation
    if kind == "MaxPool":  # by hand, of the padded image
        padded = np.pad(image[0, 0], 1, constant_values=-np.inf)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))[:, :, ::2, ::2]
        assert np.array_equal(windows.max((2, 3)), ort[0, 0])
PYTHON
