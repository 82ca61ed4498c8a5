#!/bin/sh
# opencv-python-headless 4.14.0.94: whether cv2.dnn counts the padding in ONNX's AveragePool hangs on the
# model's producer_name: always where it is "pytorch", which torch.onnx.export writes, never where it is
# anything else; count_include_pad is not read. So the same nodes give other numbers after
# onnx.utils.extract_model or onnxruntime's quantize_dynamic, which write names of their own: the corner of a
# map of ones is .44, then 1, without a word. Pad in a step of its own, and pool without padding.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opencv-python-headless==4.14.0.94 onnx==1.23.2 \
  onnxruntime==1.32.0 sympy==1.14.0 numpy==2.4.6
cd "$folder"
venv/bin/python - 2>errors.txt <<'PYTHON' || { cat errors.txt; exit 1; }
import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnxruntime.quantization import quantize_dynamic

ones = np.ones((1, 1, 8, 8), np.float32)


def model(counted, producer):
    window = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    node = helper.make_node("AveragePool", ["x"], ["y"], **window, count_include_pad=counted)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ones.shape) for name in ("x", "y")]
    graph = helper.make_graph([node], "pool", ends[:1], ends[1:])
    options = {"opset_imports": [helper.make_opsetid("", 20)], "ir_version": 9}
    made = helper.make_model(graph, producer_name=producer, **options)
    onnx.checker.check_model(made, full_check=True)
    onnx.save(made, "made.onnx")
    return made


def corners(network):
    data = network.SerializeToString()
    opencv = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
    opencv.setInput(ones)
    ort = onnxruntime.InferenceSession(data).run(None, {"x": ones})[0]
    return round(float(ort[0, 0, 0, 0]), 2), round(float(opencv.forward()[0, 0, 0, 0]), 2)


for counted in (1, 0):
    for producer in ("pytorch", "tf2onnx", "PyTorch"):
        right, opencv = corners(model(counted, producer))
        print(f'count_include_pad={counted}, by "{producer}": onnxruntime {right}, OpenCV {opencv}')
        assert right == (0.44 if counted else 1) and opencv == (0.44 if producer == "pytorch" else 1)
    before = model(counted, "pytorch")
    onnx.utils.extract_model("made.onnx", "extracted.onnx", ["x"], ["y"])
    quantize_dynamic("made.onnx", "quantized.onnx")
    for name in ("extracted", "quantized"):
        after = onnx.load(f"{name}.onnx")
        right, opencv = corners(after)
        print(f'  {name}, by "{after.producer_name}": onnxruntime {right}, OpenCV {opencv}')
        assert after.graph.node == before.graph.node and after.producer_name != "pytorch"
        assert right == (0.44 if counted else 1) and opencv == 1
PYTHON
