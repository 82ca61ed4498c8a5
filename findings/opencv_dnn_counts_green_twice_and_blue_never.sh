#!/bin/sh
# opencv-python-headless 4.14.0.94: cv2.dnn reduces over three axes at once (ReduceMean, ReduceMax and the
# like of ONNX, axes 1, 2 and 3) over wrong planes: of a color image the second counts twice, the third never.
# Input that the network standardizes by x.mean((1, 2, 3)) and x.std((1, 2, 3)) is .23 off on average, without
# a word. Of one or two axes or a gray image it is right. Write x.flatten(1).mean(1).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 \
  opencv-python-headless==4.14.0.94 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import cv2
import numpy as np
import onnxruntime
import torch


class Standardized(torch.nn.Module):
    def forward(self, x):
        return (x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True)


class Mean(torch.nn.Module):
    def forward(self, x):
        return x.mean((1, 2, 3))


class Flattened(torch.nn.Module):
    def forward(self, x):
        row = x.flatten(1)
        return ((row - row.mean(1, keepdim=True)) / row.std(1, keepdim=True)).view(x.shape)


def answers(network, image):
    model = torch.onnx.export(network.eval(), (torch.tensor(image),), verbose=False).model_proto
    session = onnxruntime.InferenceSession(data := model.SerializeToString())
    ort = session.run(None, {session.get_inputs()[0].name: image})[0]
    assert np.allclose(ort, network(torch.tensor(image)).numpy(), atol=1e-4)
    opencv = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
    opencv.setInput(image)
    return ort, opencv.forward()


for index, name in enumerate(("red", "green", "blue")):
    image = 9 * np.eye(3, dtype=np.float32)[index].reshape(1, 3, 1, 1).repeat(48, 2).repeat(48, 3)
    ort, opencv = (float(one.squeeze()) for one in answers(Mean(), image))
    print(f"mean of all {name}, 9: onnxruntime {ort:.2f}, OpenCV {opencv:.2f}")
    assert abs(ort - 3) < 1e-4 and abs(opencv - (3, 6, 0)[index]) < 1e-4
skin = np.random.default_rng(0).normal([[[0.8]], [[0.6]], [[0.45]]], 0.2, (1, 3, 48, 48)).astype(np.float32)
for name, network, image, right in (
    ("x.mean((1, 2, 3)), color", Standardized(), skin, False),
    ("x.mean((1, 2, 3)), gray", Standardized(), skin[:, :1], True),
    ("x.flatten(1).mean(1), color", Flattened(), skin, True),
):
    ort, opencv = answers(network, image)
    apart = np.abs(opencv - ort).mean()
    print(f"standardized by {name}: OpenCV is {apart:.3f} off on average")
    assert apart < 1e-4 if right else apart > 0.05
PYTHON
