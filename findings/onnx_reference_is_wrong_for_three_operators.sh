#!/bin/sh
# onnx 1.23.2: onnx.reference.ReferenceEvaluator, by which exported models and runtimes are checked, does not
# follow ONNX itself: LRN normalizes as many channels as there are images, of eight channels of one image one,
# LpNormalization with p=1 divides by the sum of the values, not of their sizes, and MaxPool with stride 1
# takes pads of the left and right for others. Nothing warns. (Pull request 7805 there is of LRN.) Check
# against onnxruntime or the formula.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper
from onnx.reference import ReferenceEvaluator

random = np.random.default_rng(0)


def both(kind, x, **attributes):
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)]
    ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, list("abcd")))
    node = helper.make_node(kind, ["x"], ["y"], **attributes)
    graph = helper.make_graph([node], kind, ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": x})[0], ReferenceEvaluator(model).run(None, {"x": x})[0]


def lrn(x):
    squares = np.pad(x**2, ((0, 0), (1, 1), (0, 0), (0, 0)))
    near = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
    return x / (2 + 0.5 / 3 * near) ** 0.75


for images in (1, 3, 8):
    x = random.normal(size=(images, 8, 5, 5)).astype(np.float32)
    ort, reference = both("LRN", x, size=3, alpha=0.5, beta=0.75, bias=2.0)
    right = np.isclose(reference, lrn(x), atol=1e-5).all((0, 2, 3))
    print(f"LRN, images: {images}, channels: 8; channels that are right: {right.sum()}")
    assert np.allclose(ort, lrn(x), atol=1e-5) and right.tolist() == [True] * images + [False] * (8 - images)
    assert np.allclose(reference[:, ~right], x[:, ~right] / 2**0.75, atol=1e-5)
x = random.normal(size=(1, 8, 5, 5)).astype(np.float32)
for faces, wrong in ((x, True), (abs(x), False)):
    ort, reference = both("LpNormalization", faces, axis=1, p=1)
    signs = "both signs" if wrong else "no negative values"
    print(f"LpNormalization of {signs}: {abs(reference - ort).max():.3f} off")
    assert np.allclose(ort, faces / abs(faces).sum(1, keepdims=True), atol=1e-5)
    assert np.allclose(reference, faces / faces.sum(1, keepdims=True), rtol=1e-3)
    assert np.allclose(reference, ort, atol=1e-5) != wrong
for pads in ([1, 0, 1, 0], [1, 1, 1, 1]):  # above, left, below, right
    ort, reference = both("MaxPool", x, kernel_shape=[3, 3], pads=pads)
    print(f"MaxPool with pads {pads}: onnxruntime {ort.shape[2:]}, reference {reference.shape[2:]}")
    assert ort.shape[2:] == (3 + pads[0] + pads[2], 3 + pads[1] + pads[3])
    assert np.array_equal(ort, reference) == (pads == [1, 1, 1, 1])
PYTHON
