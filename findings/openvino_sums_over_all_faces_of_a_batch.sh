#!/bin/sh
# openvino 2026.4.1: of ONNX models of opset 13 to 17 it ignores the axes of ReduceLogSumExp, ReduceLogSum and
# ReduceL1 and reduces over all, batch included; as the axes stay (keepdims), what follows goes on. Of one
# face all is right, of five that are read at once the probabilities add up to 1 together, without a word.
# Opsets 11 and 18 and ReduceL2 are right. (Issue 38238 there.) Export with opset 18, or run one face at a
# time.
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

logits = np.random.default_rng(0).normal(0, 2, (5, 7)).astype(np.float32)
EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
LAST = {  # what is done with the result of a reduction over the seven emotions
    "ReduceLogSumExp": [helper.make_node("Sub", ["x", "r"], ["d"]), helper.make_node("Exp", ["d"], ["y"])],
    "ReduceL1": [helper.make_node("Div", ["x", "r"], ["y"])],
    "ReduceL2": [helper.make_node("Div", ["x", "r"], ["y"])],
}


def answers(kind, opset, faces):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["faces", 7]) for name in ("x", "y")]
    if opset < 18:
        reduction, constants = helper.make_node(kind, ["x"], ["r"], axes=[1], keepdims=1), []
    else:
        constants = [numpy_helper.from_array(np.array([1]), "axes")]
        reduction = helper.make_node(kind, ["x", "axes"], ["r"], keepdims=1)
    graph = helper.make_graph([reduction, *LAST[kind]], "last", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(data), "CPU", EXACT)
    found = compiled([faces])[compiled.output(0)]
    return onnxruntime.InferenceSession(data).run(None, {"x": faces})[0], found


for kind in LAST:
    for opset in (11, 13, 17, 18):
        right = []
        for faces in (logits[:1], logits):
            ort, found = answers(kind, opset, faces)
            right.append(np.allclose(found, ort, atol=1e-4))
            if kind == "ReduceLogSumExp":
                assert np.allclose(ort.sum(1), 1, atol=1e-4)
        print(f"{kind}, opset {opset}: right of one face {right[0]}, of five {right[1]}", end="; ")
        print(f"sums of each face {np.abs(found).sum(1).round(3)}")
        assert right == [True, kind == "ReduceL2" or opset in (11, 18)]
        if kind == "ReduceLogSumExp" and opset in (13, 17):
            assert abs(found.sum() - 1) < 1e-4  # of five faces together
PYTHON
