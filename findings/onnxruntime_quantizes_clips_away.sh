#!/bin/sh
# onnxruntime 1.32.0: quantize_static leaves out a Clip (or a Relu) behind a convolution or a Gemm, as the range of
# its 8 bits is to do the same. That range always holds 0, so a Clip from 1 on (torch's clamp(min=1), as for a
# divisor) or up to -1 no longer clips there: values from 0 to 1 and from -1 to 0 go through. Nothing warns; from 0
# or across 0 it is right. extra_options={"QDQKeepRemovableActivations": True} keeps it in the QDQ format.
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
filters = random.normal(size=(4, 1, 3, 3)).astype(np.float32)
KEEP = {"QDQKeepRemovableActivations": True}
FORMATS = {"QDQ": QuantFormat.QDQ, "QOperator": QuantFormat.QOperator, "QDQ, kept": QuantFormat.QDQ}


class Faces(CalibrationDataReader):
    def __init__(self):
        self.rows = iter([{"x": faces}])

    def get_next(self):
        return next(self.rows, None)


def output(path):
    return onnxruntime.InferenceSession(path).run(None, {"x": faces})[0]


for low, high in ((1, 3), (-3, -1), (0, 3), (-1, 3)):
    limits = {"w": filters, "low": np.float32(low), "high": np.float32(high)}
    nodes = [helper.make_node("Conv", ["x", "w"], ["m"]), helper.make_node("Clip", ["m", "low", "high"], ["y"])]
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1, 24, 24])]
    ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 4, 22, 22]))
    constants = [numpy_helper.from_array(one, name) for name, one in limits.items()]
    graph, opset = helper.make_graph(nodes, "clip", ends[:1], ends[1:], constants), helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "clip.onnx")
    for name, kind in FORMATS.items():
        how = {"quant_format": kind, "weight_type": QuantType.QInt8, "extra_options": KEEP if "kept" in name else {}}
        quantize_static("clip.onnx", "small.onnx", Faces(), **how)
        small, apart = output("small.onnx"), abs(output("small.onnx") - output("clip.onnx"))
        kinds = {node.op_type for node in onnx.load("small.onnx").graph.node}
        print(f"Clip from {low} to {high}, {name}: {small.min():.2f} to {small.max():.2f},", end=" ")
        print(f"{(apart > 0.1).mean():.0%} of the values off by more than .1, Clip left: {'Clip' in kinds}")
        assert ("Clip" in kinds) == ("kept" in name)
        if (low, high) in ((1, 3), (-3, -1)) and "Clip" not in kinds:
            assert (apart > 0.1).mean() > 0.5 and 0 in (small.min(), small.max())
        else:
            assert apart.max() < 0.1
PYTHON
