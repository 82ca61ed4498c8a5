#!/bin/sh
# opencv-python-headless 4.14.0.94: cv2.dnn ignores count_include_pad of ONNX's AveragePool and never
# counts the padding. torch.nn.AvgPool2d(3, padding=1) counts it, and is exported with count_include_pad=1:
# OpenCV's averages are 1.5 times as large along the border, 2.25 times in the corners, without a word;
# onnxruntime's are right. Pad with zeros in a step of its own (torch.nn.ZeroPad2d), and pool without
# padding.
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

image = np.random.default_rng(0).uniform(1, 2, (1, 1, 6, 6)).astype(np.float32)


def outputs(nodes, initializers=()):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 6, 6]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "pool", ends[:1], ends[1:], list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model, full_check=True)
    network = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))
    network.setInput(image)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return network.forward()[0, 0], session.run(None, {"x": image})[0][0, 0]


def pool(source="x", **options):
    return helper.make_node("AveragePool", [source], ["y"], kernel_shape=[3, 3], **options)


padded, inside = np.pad(image[0, 0], 1), np.pad(np.ones((6, 6)), 1)
windows = np.lib.stride_tricks.sliding_window_view
sums, counts = windows(padded, (3, 3)).sum((2, 3)), windows(inside, (3, 3)).sum((2, 3))
truth = {1: sums / 9, 0: sums / counts}
for counted in (1, 0):
    opencv, ort = outputs([pool(pads=[1, 1, 1, 1], count_include_pad=counted)])
    print(f"count_include_pad={counted}: the corner's average is {truth[counted][0, 0]:.3f};", end=" ")
    print(f"onnxruntime {ort[0, 0]:.3f}, OpenCV {opencv[0, 0]:.3f}")
    assert np.allclose(ort, truth[counted], atol=1e-5)
    assert np.allclose(opencv, truth[0], atol=1e-5)
pads = numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1]), "pads")
opencv, ort = outputs([helper.make_node("Pad", ["x", "pads"], ["padded"]), pool("padded")], [pads])
print(f"Pad, then AveragePool: OpenCV {opencv[0, 0]:.3f}")
assert np.allclose(opencv, truth[1], atol=1e-5) and np.allclose(ort, truth[1], atol=1e-5)
PYTHON
