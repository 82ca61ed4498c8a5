#!/bin/sh
# opencv-python-headless 4.14.0.94 (cv2.dnn) and openvino 2026.4.1: a model that shrinks its input smoothly,
# F.interpolate(..., mode="bilinear", antialias=True), which torch exports as Resize with antialias=1, picks
# single pixels in both, as if it were 0, without a word: stripes that are gray in torch and in onnxruntime
# come out black, and a portrait of 512 px at 48 is 13 gray levels off. Shrink it outside the model.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 \
    openvino==2026.4.1 opencv-python-headless==4.14.0.94 numpy==2.4.6 scikit-image==0.26.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import cv2
import numpy as np
import onnxruntime
import openvino
import torch
from skimage import data
from torch.nn.functional import interpolate


class Shrink(torch.nn.Module):
    def __init__(self, antialias: bool):
        super().__init__()
        self.antialias = antialias

    def forward(self, image):
        return interpolate(image, size=(48, 48), mode="bilinear", antialias=self.antialias)


def run_all(image: np.ndarray) -> dict[str, np.ndarray]:
    batch = np.ascontiguousarray(image[None, None], np.float32)
    with torch.no_grad():
        small = {"torch": Shrink(True)(torch.tensor(batch)).numpy()}
        small["torch, antialias=False"] = Shrink(False)(torch.tensor(batch)).numpy()
    torch.onnx.export(Shrink(True).eval(), (torch.tensor(batch),), "shrink.onnx", verbose=False)
    session = onnxruntime.InferenceSession("shrink.onnx", providers=["CPUExecutionProvider"])
    small["onnxruntime"] = session.run(None, {session.get_inputs()[0].name: batch})[0]
    network = cv2.dnn.readNetFromONNX("shrink.onnx")
    network.setInput(batch)
    small["opencv"] = network.forward()
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model("shrink.onnx", "CPU", options)
    small["openvino"] = compiled([batch])[compiled.output(0)]
    return small


stripes = np.zeros((192, 192))
stripes[:, ::4] = stripes[:, 3::4] = 255  # half of it white
portrait = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY)
for name, image in (("stripes", stripes), ("portrait", portrait)):
    small = run_all(image)
    apart = {who: float(abs(one - small["torch"]).mean()) for who, one in small.items()}
    print(f"{name}: mean {({who: round(float(one.mean())) for who, one in small.items()})}")
    print(f"    from torch on average: {({who: round(levels, 1) for who, levels in apart.items()})}")
    assert apart["onnxruntime"] < 0.1
    for who in ("opencv", "openvino"):
        assert apart[who] > 10 and abs(small[who] - small["torch, antialias=False"]).max() < 0.1
PYTHON
