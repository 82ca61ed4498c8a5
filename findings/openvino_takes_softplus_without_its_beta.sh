#!/bin/sh
# openvino 2026.4.1: convert_model of a PyTorch module leaves the beta and the threshold of Softplus out: with
# beta=5, as a smooth ReLU or a head for a variance has it, 0 becomes .69, not .14, without a word. Of
# Softplus() it is right, and by way of torch.onnx.export, too, which writes the beta out. Write softplus(beta
# * x) / beta instead.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openvino==2026.4.1 torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 \
  numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import numpy as np
import openvino
import torch

x = torch.linspace(-2, 2, 9)[None]


class ByHand(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.softplus(5 * x) / 5


def run(model):
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled([x.numpy()])[compiled.output(0)]


for name, network, right in (
    ("Softplus()", torch.nn.Softplus(), True),
    ("Softplus(beta=5)", torch.nn.Softplus(beta=5), False),
    ("Softplus(threshold=1)", torch.nn.Softplus(threshold=1), False),
    ("softplus(5 * x) / 5", ByHand(), True),
):
    truth = network.eval()(x).numpy()
    straight = run(openvino.convert_model(network, example_input=x))
    exported = torch.onnx.export(network, (x,), verbose=False).model_proto.SerializeToString()
    by_onnx = run(openvino.Core().read_model(exported))
    print(f"{name}: of 0 torch makes {truth[0, 4]:.3f}, of 2 {truth[0, 8]:.3f};", end=" ")
    print(f"OpenVINO {straight[0, 4]:.3f} and {straight[0, 8]:.3f}, by way of ONNX at most", end=" ")
    print(f"{abs(by_onnx - truth).max():.3f} off")
    assert np.allclose(straight, truth, atol=1e-4) == right
    assert right or np.allclose(straight, np.log1p(np.exp(x.numpy())), atol=1e-4)
    if "threshold" not in name:
        assert np.allclose(by_onnx, truth, atol=1e-4)
PYTHON
