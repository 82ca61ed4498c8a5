#!/bin/sh
# openvino 2026.4.1: an AveragePool with pads, count_include_pad=1 and ceil_mode=1, which is what torch
# exports of AvgPool2d(3, stride=2, padding=1, ceil_mode=True), divides the windows that reach beyond the
# padding by all of their 9 pixels, torch and onnxruntime by those within it: the last row and column of a map
# of even size are 2/3 of what they should be, the corner 4/9. Nothing warns. Odd sizes, and either option
# alone, are right. Pad in a step of its own, without ceil_mode.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openvino==2026.4.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
import openvino
from onnx import TensorProto, checker, helper

random = np.random.default_rng(0)


def outputs(image, **options):
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, image.shape)]
    ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, "rows", "columns"]))
    window = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    node = helper.make_node("AveragePool", ["x"], ["y"], **window, **options)
    graph = helper.make_graph([node], "pool", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(data), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    ort = onnxruntime.InferenceSession(data).run(None, {"x": image})[0]
    return ort[0, 0], compiled([image])[compiled.output(0)][0, 0]


def by_torch(image):
    """What torch documents: the padding counts, what ceil_mode adds beyond it does not."""
    padded, within = np.pad(image[0, 0], (1, 2)), np.pad(np.ones(image.shape[2:]), (1, 2))
    within[:-1, :-1] = 1  # the padding itself
    windows = np.lib.stride_tricks.sliding_window_view
    sums, counts = (windows(one, (3, 3))[::2, ::2].sum((2, 3)) for one in (padded, within))
    return sums / counts


both = {"ceil_mode": 1, "count_include_pad": 1}
for size, options in ((8, both), (9, both), (8, {"ceil_mode": 1}), (8, {"count_include_pad": 1})):
    image = random.uniform(1, 2, (1, 1, size, size)).astype(np.float32)
    ort, found = outputs(image, **options)
    print(f"{size} px, {', '.join(options)}: OpenVINO / onnxruntime, last row", (found / ort)[-1].round(3))
    if (size, options) == (8, both):
        assert np.allclose(ort, by_torch(image), atol=1e-5)
        wrong = np.ones((5, 5))
        wrong[-1] = wrong[:, -1] = 2 / 3
        wrong[-1, -1] = 4 / 9
        assert np.allclose(found, ort * wrong, atol=1e-5)
    else:
        assert np.allclose(found, ort, atol=1e-5)
PYTHON
