#!/bin/sh
# openvino 2026.4.1 and MNN 3.6.1: of an ONNX MaxPool with ceil_mode=1 and pads (torch's MaxPool2d(3, 3, 1,
# ceil_mode=True)) they keep windows that begin behind the map, which ONNX says to ignore, as torch does: of 14
# pixels 6 values, not 5. A mean over the map, which hides the shape, is then -inf in openvino and .867 in MNN,
# where it is .922. Nothing warns; of 15 pixels, or with ceil_mode=0, both are right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openvino==2026.4.1 MNN==3.6.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON' >said.txt 2>&1 || { cat said.txt; exit 1; }
import subprocess
import sys

import MNN
import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper

random = np.random.default_rng(0)


def run(nodes, image):
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, image.shape)]
    ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, None, None]))
    graph, opset = helper.make_graph(nodes, "pool", ends[:1], ends[1:]), helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "pool.onnx")
    inner = "import sys, _tools; _tools.mnnconvert(sys.argv)"  # mnnconvert itself installs another package
    convert = [sys.executable, "-c", inner, "-f", "ONNX", "--modelFile", "pool.onnx", "--MNNModel", "pool.mnn"]
    subprocess.run([*convert, "--bizCode", "x"], check=True, capture_output=True)
    net = MNN.nn.load_module_from_file("pool.mnn", ["x"], ["y"])
    given = net.forward(MNN.expr.const(image, list(image.shape), MNN.expr.NCHW, MNN.expr.float))
    given = np.array(MNN.expr.convert(given, MNN.expr.NCHW).read())
    compiled = openvino.Core().compile_model("pool.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    ort = onnxruntime.InferenceSession("pool.onnx").run(None, {"x": image})[0]
    return {"onnxruntime": ort, "openvino": compiled(image)[0], "MNN": given}


for size, ceil in ((14, 1), (15, 1), (14, 0)):
    image = random.uniform(0, 1, (1, 1, size, size)).astype(np.float32)
    padded = np.pad(image[0, 0], ((1, 3), (1, 3)), constant_values=-np.inf)
    begins = [one for one in range(0, size + 1, 3) if ceil or one + 3 <= size + 2]
    right = np.array([[padded[y : y + 3, x : x + 3].max() for x in begins] for y in begins])
    pool = helper.make_node("MaxPool", ["x"], ["m"], kernel_shape=[3, 3], strides=[3, 3], pads=[1] * 4, ceil_mode=ceil)
    maps = run([pool, helper.make_node("Identity", ["m"], ["y"])], image)
    means = run([pool, helper.make_node("GlobalAveragePool", ["m"], ["y"])], image)
    for who, found in maps.items():
        print(f"@{size} pixels, ceil_mode={ceil}, {who}: {found.shape[2:]} of {right.shape},", end=" ")
        print(f"mean {means[who].item():.3g} of {right.mean():.3g}")
        fine = who == "onnxruntime" or (size, ceil) != (14, 1)
        assert found.shape[2:] == ((len(begins),) * 2 if fine else (6, 6))
        assert np.allclose(found[0, 0, :5, :5], right[:5, :5])
        assert (abs(means[who] - right.mean()).item() < 1e-4) == fine
PYTHON
sed -n 's/^.*@//p' said.txt
