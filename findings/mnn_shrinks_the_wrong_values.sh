#!/bin/sh
# MNN 3.6.1: below zero ONNX's Shrink (torch's Hardshrink and Softshrink) works the wrong way round: what lies under
# -lambd, which is to stay, comes out as 0, and what lies between -lambd and 0, which is to become 0, stays (plus
# the bias). Of a map around zero half of the values are off, without a word; onnxruntime is right. Write a Softshrink
# as relu(x - lambd) - relu(-x - lambd).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet MNN==3.6.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON' >said.txt 2>&1 || { cat said.txt; exit 1; }
import subprocess
import sys
import MNN
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

image = np.random.default_rng(0).normal(size=(1, 4, 16, 16)).astype(np.float32)
LIMIT = 0.4


def run(nodes):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, image.shape) for name in ("x", "y")]
    limit = numpy_helper.from_array(np.float32(LIMIT), "l")
    graph, opset = helper.make_graph(nodes, "shrink", ends[:1], ends[1:], [limit]), helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "shrink.onnx")
    inner = "import sys, _tools; _tools.mnnconvert(sys.argv)"  # mnnconvert itself installs another package
    convert = [sys.executable, "-c", inner, "-f", "ONNX", "--modelFile", "shrink.onnx", "--MNNModel", "shrink.mnn"]
    subprocess.run([*convert, "--bizCode", "x"], check=True, capture_output=True)
    net = MNN.nn.load_module_from_file("shrink.mnn", ["x"], ["y"])
    given = net.forward(MNN.expr.const(image, list(image.shape), MNN.expr.NCHW, MNN.expr.float))
    given = np.array(MNN.expr.convert(given, MNN.expr.NCHW).read())
    return onnxruntime.InferenceSession("shrink.onnx").run(None, {"x": image})[0], given


near = (image > -LIMIT) & (image < 0)
hard = np.where(abs(image) > LIMIT, image, 0)
soft = np.sign(image) * np.maximum(abs(image) - LIMIT, 0)
node = helper.make_node
apart = [node("Sub", ["x", "l"], ["a"]), node("Neg", ["x"], ["n"]), node("Sub", ["n", "l"], ["b"])]
apart += [node("Relu", ["a"], ["c"]), node("Relu", ["b"], ["d"]), node("Sub", ["c", "d"], ["y"])]
for name, right, swapped, nodes in (
    ("Hardshrink", hard, image, [node("Shrink", ["x"], ["y"], lambd=LIMIT)]),
    ("Softshrink", soft, image + LIMIT, [node("Shrink", ["x"], ["y"], lambd=LIMIT, bias=LIMIT)]),
    ("Softshrink of two Relus", soft, None, apart),
):
    ort, given = run(nodes)
    assert np.allclose(ort, right, atol=1e-6)
    print(f"@{name}: {(abs(given - right) > 1e-5).mean():.0%} of the values off, by at most", end=" ")
    print(f"{abs(given - right).max():.2f}; under {-LIMIT} {(given[image < -LIMIT] == 0).mean():.0%} are 0", end=", ")
    print(f"from there to 0 {(given[near] == 0).mean():.0%}")
    wrong = right if swapped is None else np.where(near, swapped, np.maximum(right, 0))
    assert np.allclose(given, wrong, atol=1e-5)
PYTHON
sed -n 's/^.*@//p' said.txt
