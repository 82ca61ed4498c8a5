#!/bin/sh
# tract 0.23.9: of ONNX's Celu (torch's CELU, a smooth ReLU) what is below 0 comes without the factor alpha: -3
# with alpha=2 is -.78, not -1.55, with alpha=.5 it is -.998, not -.50; above 0, with alpha=1 and in Elu it is
# right. A small network with alpha=2 says another emotion for 17 % of the faces, without a word. GlobalLpPool is
# off, too: it takes a mean for the sum. Write alpha * elu(x / alpha), which is the same.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tract==0.23.9 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
import tract
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(0)
opset = [helper.make_opsetid("", 17)]


def outputs(x, nodes, shape, weights=()):
    weights = [numpy_helper.from_array(one, name) for name, one in weights]
    ends = [("x", list(x.shape)), ("y", shape)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in ends]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), "net.onnx")
    here = tract.onnx().load("net.onnx").into_model().into_runnable().run([x])[0].to_numpy()
    return here, onnxruntime.InferenceSession("net.onnx").run(None, {"x": x})[0]


values = np.array([[-3, -1, -0.5, 0.5, 2]], np.float32)
for op in ("Celu", "Elu"):
    for alpha in (0.5, 1.0, 2.0):
        found, right = outputs(values, [helper.make_node(op, ["x"], ["y"], alpha=alpha)], [1, 5])
        print(f"{op}, alpha={alpha}: tract {found[0].round(3)}, onnxruntime {right[0].round(3)}")
        low = alpha * (np.exp(values / (alpha if op == "Celu" else 1)) - 1)
        assert np.allclose(right, np.where(values > 0, values, low), atol=1e-5)
        factor = np.where(values < 0, alpha if op == "Celu" else 1, 1)
        assert np.allclose(found * factor, right, atol=1e-5)

faces = random.normal(size=(500, 64)).astype(np.float32)
weights = [("v", random.normal(0, 0.15, (64, 64))), ("w", random.normal(0, 0.15, (64, 7)))]
weights = [(name, one.astype(np.float32)) for name, one in weights]
for alpha in (1.0, 2.0):
    nodes = [helper.make_node("MatMul", ["x", "v"], ["a"]), helper.make_node("Celu", ["a"], ["b"], alpha=alpha)]
    nodes.append(helper.make_node("MatMul", ["b", "w"], ["y"]))
    found, right = outputs(faces, nodes, [500, 7], weights)
    same = (found.argmax(1) == right.argmax(1)).mean()
    print(f"a network with alpha={alpha}: the same emotion for {same:.0%} of 500 faces")
    assert same == 1 if alpha == 1 else same < 0.9
maps = random.normal(size=(1, 2, 8, 8)).astype(np.float32)
found, right = outputs(maps, [helper.make_node("GlobalLpPool", ["x"], ["y"], p=2)], [1, 2, 1, 1])
print(f"GlobalLpPool, p=2: tract {found.ravel().round(2)}, onnxruntime {right.ravel().round(2)}")
assert np.allclose(8 * found, right, rtol=1e-4)  # the root of 64 pixels
PYTHON
