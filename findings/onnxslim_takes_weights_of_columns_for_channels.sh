#!/bin/sh
# onnxslim 0.1.98: a convolution whose map is multiplied by a weight for each column (or row), as by a window
# that fades towards the border, becomes one whose channels are multiplied, if there are as many channels as
# columns: of a map of 24 channels and 24 columns all is off, of 32 channels nothing. Nothing warns; onnxsim
# and onnxruntime's own optimizer are right. Run the model before and after.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnxslim==0.1.98 onnxsim==0.8.1 onnx==1.23.2 onnxruntime==1.32.0
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import numpy as np
import onnxruntime
import onnxsim
import onnxslim
from onnx import TensorProto, checker, helper, numpy_helper

random = np.random.default_rng(0)
image = random.normal(size=(1, 3, 26, 26)).astype(np.float32)
window = np.hanning(26)[1:-1].astype(np.float32)  # one weight for each of 24 columns


def model(channels, weights):
    filters = random.normal(size=(channels, 3, 3, 3)).astype(np.float32)
    constants = [numpy_helper.from_array(filters, "w"), numpy_helper.from_array(weights, "window")]
    nodes = [helper.make_node("Conv", ["x", "w"], ["map"]), helper.make_node("Mul", ["map", "window"], ["y"])]
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, image.shape)]
    ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, channels, 24, 24]))
    graph = helper.make_graph(nodes, "window", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def output(network, level=onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    return onnxruntime.InferenceSession(network.SerializeToString(), options).run(None, {"x": image})[0]


for name, channels, weights in (
    ("24 channels, columns", 24, window),
    ("24 channels, rows", 24, window.reshape(1, 1, 24, 1)),
    ("32 channels, columns", 32, window),
    ("24 channels, channels", 24, window.reshape(24, 1, 1)),
):
    checker.check_model(network := model(channels, weights), full_check=True)
    truth = output(network, onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    slim = onnxslim.slim(network)
    changed = {"onnxslim": output(slim), "onnxsim": output(onnxsim.simplify(network)[0])}
    changed["onnxruntime"] = output(network)
    apart = {who: float(abs(one - truth).mean() / abs(truth).mean()) for who, one in changed.items()}
    print(f"{name}: {[node.op_type for node in slim.graph.node]},", end=" ")
    print(", ".join(f"{who} {one:.0%} off" for who, one in apart.items()))
    assert apart["onnxsim"] < 1e-5 and apart["onnxruntime"] < 1e-5
    if name in ("24 channels, columns", "24 channels, rows"):
        bare = truth / weights
        assert apart["onnxslim"] > 0.3
        assert np.allclose(output(slim), bare * window.reshape(24, 1, 1), atol=1e-3)
    else:
        assert apart["onnxslim"] < 1e-5
PYTHON
