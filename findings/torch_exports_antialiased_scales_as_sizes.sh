#!/bin/sh
# torch 2.13.0 with onnxscript 0.7.2: interpolate(x, scale_factor=.4) of 49 pixels gives 19 that lie 2.5
# apart. torch.onnx.export keeps the .4 without antialias; with antialias=True it writes the size 19 and
# drops the scale: the pixels lie 2.58 apart, and the picture is stretched by 1.4 pixels at its end.
# Nothing warns. Where scale times size is whole they agree. Give size=, or recompute_scale_factor=True.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 \
  onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import numpy as np
import onnxruntime
import torch

WIDTH, SCALE = 49, 0.4
ramp = torch.arange(float(WIDTH)).expand(1, 1, WIDTH, WIDTH).contiguous()  # each pixel is its own place
places = (np.arange(int(WIDTH * SCALE)) + 0.5) / SCALE - 0.5


class Smaller(torch.nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.options = {"scale_factor": SCALE, "mode": "bilinear", **options}

    def forward(self, x):
        return torch.nn.functional.interpolate(x, **self.options)


def middle_row(**options):
    network = Smaller(**options).eval()
    model = torch.onnx.export(network, (ramp,), verbose=False).model_proto
    session = onnxruntime.InferenceSession(model.SerializeToString())
    in_onnx = session.run(None, {session.get_inputs()[0].name: ramp.numpy()})[0]
    rows = [out[0, 0, len(out[0, 0]) // 2] for out in (network(ramp).numpy(), in_onnx)]
    torch_end, onnx_end = (row[-2] for row in rows)  # the last one rests on the border
    print(f"{options}: {len(places)} pixels, the last but one should come from {places[-2]:.2f}:", end=" ")
    print(f"torch {torch_end:.2f}, ONNX {onnx_end:.2f}")
    return rows


in_torch, in_onnx = middle_row(antialias=False)
assert np.allclose(in_torch, places, atol=1e-3) and np.allclose(in_onnx, places, atol=1e-3)
in_torch, in_onnx = middle_row(antialias=True)
stretched = (np.arange(19) + 0.5) * WIDTH / 19 - 0.5
assert np.allclose(in_torch[2:-2], places[2:-2], atol=0.05)
assert np.allclose(in_onnx[2:-2], stretched[2:-2], atol=0.05) and in_onnx[-2] - in_torch[-2] > 1
in_torch, in_onnx = middle_row(antialias=True, recompute_scale_factor=True)
assert np.allclose(in_torch, in_onnx, atol=1e-3)
PYTHON
