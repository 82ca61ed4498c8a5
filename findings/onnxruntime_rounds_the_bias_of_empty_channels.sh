#!/bin/sh
# onnxruntime 1.32.0: quantize_static with per_channel=True gives a channel whose weights are all 0 (as pruning
# leaves them) the scale 1, so its bias is rounded to whole multiples of the input's scale: with pixels of 0 to
# 255 the bias .4 becomes 0 and .6 becomes 1, while the other channels are within .01. Nothing warns; with pixels
# of 0 to 1, or with per_channel=False, both are right. Take such channels out of the network before.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cd "$folder"
venv/bin/python - 2>errors.txt <<'PYTHON' || { cat errors.txt; exit 1; }
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

random = np.random.default_rng(0)
faces = random.uniform(0, 1, (20, 1, 24, 24)).astype(np.float32)
faces[0, 0, 0, :2] = 0, 1
filters = random.normal(size=(4, 1, 3, 3), scale=0.3).astype(np.float32)
filters[2:] = 0  # the last two channels are pruned: what they give is their bias
bias = np.array([0.4, 0.6, 0.4, 0.6], np.float32)


class Faces(CalibrationDataReader):
    def __init__(self, brightest):
        self.rows = iter([{"x": brightest * faces}])

    def get_next(self):
        return next(self.rows, None)


def output(path, brightest):
    return onnxruntime.InferenceSession(path).run(None, {"x": brightest * faces})[0]


for brightest in (1, 255):
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1, 24, 24])]
    ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 4, 22, 22]))
    constants = [numpy_helper.from_array(one, name) for one, name in ((filters / brightest, "w"), (bias, "b"))]
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w", "b"], ["y"])], "conv", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "conv.onnx")
    for kind in (QuantFormat.QDQ, QuantFormat.QOperator):
        for each in (True, False):
            how = {"quant_format": kind, "per_channel": each, "weight_type": QuantType.QInt8}
            quantize_static("conv.onnx", "small.onnx", Faces(np.float32(brightest)), **how)
            whole, small = (output(path, np.float32(brightest)) for path in ("conv.onnx", "small.onnx"))
            apart = abs(small - whole).max((0, 2, 3))
            print(f"pixels of 0 to {brightest}, {kind.name}, per_channel={each}: empty channels", end=" ")
            print(f"{[round(float(one), 2) for one in small[0, 2:, 0, 0]]}, others at most {apart[:2].max():.3f} off")
            assert np.allclose(whole[:, 2], 0.4) and np.allclose(whole[:, 3], 0.6) and apart[:2].max() < 0.1
            rounded = [0, 1] if brightest == 255 and each else [0.4, 0.6]
            assert np.allclose(small[:, 2:].mean((0, 2, 3)), rounded, atol=0.02)
PYTHON
