#!/bin/sh
# tract 0.23.9: ONNX's LSTM, GRU and RNN with direction "reverse" (a layer that reads a video from its end) run
# forward, and the activations of any are left out (issue 2751 there): torch's RNN(nonlinearity="relu") runs with
# tanh. Nothing warns: the numbers are those of the plain layer, exactly, and off by .3 to 1.6. "bidirectional" is
# right. Reverse the sequence before and after a plain layer.
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
frames = random.normal(size=(6, 1, 4)).astype(np.float32)  # six frames of one video, four features
opset = [helper.make_opsetid("", 17)]


def layer(op, gates, **attributes):
    both = attributes.get("direction") == "bidirectional"
    draw = np.random.default_rng(1)
    shapes = {"w": (2, gates * 5, 4), "r": (2, gates * 5, 5)}
    weights = {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    weights = [numpy_helper.from_array(w if both else w[:1], name) for name, w in weights.items()]
    node = helper.make_node(op, ["x", "w", "r"], ["y"], hidden_size=5, **attributes)
    ends = [("x", [6, 1, 4]), ("y", [6, 1 + both, 1, 5])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends]
    graph = helper.make_graph([node], "layer", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), "layer.onnx")
    here = tract.onnx().load("layer.onnx").into_model().into_runnable().run([frames])[0].to_numpy()
    return here, onnxruntime.InferenceSession("layer.onnx").run(None, {"x": frames})[0]


def apart(one, other):
    return float(np.abs(one - other).max())


layers = {"LSTM": (4, ["Sigmoid", "Relu", "Relu"]), "GRU": (3, ["Sigmoid", "Relu"]), "RNN": (1, ["Relu"])}
for op, (gates, relu) in layers.items():
    found, plain = layer(op, gates)
    both = apart(*layer(op, gates, direction="bidirectional"))
    print(f"{op}: tract and onnxruntime apart by {apart(found, plain):.4f}, bidirectional {both:.4f}")
    assert max(apart(found, plain), both) < 1e-4
    for told in ({"direction": "reverse"}, {"activations": relu}):
        found, right = layer(op, gates, **told)
        print(f"  {told}: {apart(found, right):.2f}; from the plain layer {apart(found, plain):.4f}")
        assert apart(found, right) > 0.1 and apart(found, plain) < 1e-4
PYTHON
