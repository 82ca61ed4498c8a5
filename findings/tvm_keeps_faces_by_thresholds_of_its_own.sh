#!/bin/sh
# apache-tvm 0.27.0.post1: ONNX's NonMaxSuppression whose thresholds come with the frame, as inputs of the model, runs
# with others: an overlap of .5, a score of 0 and 0 boxes, so that no face is ever found, without a word; the inputs
# are asked for and not read. Where they are in the file, an overlap of 0 (no two may touch) finds no face, and of
# scores below 0 (logits, without a threshold) none is found. onnxruntime and onnx's reference agree. Write thresholds
# above 0 into the model, and put a Sigmoid before.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q apache-tvm==0.27.0.post1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import numpy as np
import onnxruntime
import tvm
from onnx import TensorProto, checker, helper, numpy_helper, reference
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx

boxes = np.array([[[10, 10, 60, 60], [12, 11, 62, 61], [10, 90, 60, 140], [80, 20, 99, 41]]], np.float32)
scores = np.array([[[0.9, 0.8, 0.75, 0.3]]], np.float32)  # of four boxes; the second is the first face again


def model(thresholds, asked):
    some = {name: helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in (
        ("boxes", TensorProto.FLOAT, boxes.shape), ("scores", TensorProto.FLOAT, scores.shape),
        ("count", TensorProto.INT64, [1]), ("overlap", TensorProto.FLOAT, [1]), ("score", TensorProto.FLOAT, [1]),
        ("kept", TensorProto.INT64, ["faces", 3]))}
    node = helper.make_node("NonMaxSuppression", ["boxes", "scores", *thresholds], ["kept"])
    constants = [numpy_helper.from_array(one, name) for name, one in thresholds.items() if name not in asked]
    inputs = [some[name] for name in ("boxes", "scores", *asked)]
    graph = helper.make_graph([node], "faces", inputs, [some["kept"]], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def by_tvm(network, inputs):
    module = relax.transform.LegalizeOps()(from_onnx(network))
    machine = relax.VirtualMachine(tvm.compile(module, target="llvm"), tvm.cpu())
    return machine["main"](*map(tvm.runtime.tensor, inputs.values())).numpy()


for name, asked, overlap, score, logits, told in (
    ("all in the file", "", 0.5, 0.4, False, [0, 2]),
    ("all given", "count overlap score", 0.5, 0.4, False, []),
    ("overlap .95 given", "overlap", 0.95, 0.4, False, [0, 2]),
    ("score .78 given", "score", 0.5, 0.78, False, [0, 2, 3]),
    ("overlap 0 in the file", "", 0, 0.4, False, []),
    ("logits, no threshold", "", 0.5, None, True, []),
):
    thresholds = {"count": np.array([10]), "overlap": np.array([overlap], np.float32)}
    if score is not None:
        thresholds["score"] = np.array([score], np.float32)
    checker.check_model(network := model(thresholds, asked.split()), full_check=True)
    inputs = {"boxes": boxes, "scores": scores - np.float32(logits)} | {one: thresholds[one] for one in asked.split()}
    truth = onnxruntime.InferenceSession(network.SerializeToString()).run(None, inputs)[0]
    assert np.array_equal(reference.ReferenceEvaluator(network).run(None, inputs)[0], truth)
    found = by_tvm(network, inputs)[:, 2].tolist()
    print(f"{name}: tvm keeps the boxes {found}, onnxruntime {truth[:, 2].tolist()}")
    assert found == told and (name == "all in the file") == (found == truth[:, 2].tolist())
PYTHON
