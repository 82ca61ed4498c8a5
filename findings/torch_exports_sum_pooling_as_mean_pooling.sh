#!/bin/sh
# torch 2.13.0 with onnxscript 0.7.2: torch.onnx.export leaves avg_pool2d's divisor_override out without a
# word, as ONNX has nothing like it. divisor_override=1, which makes a sum of a mean, is exported as the
# mean: of 3 by 3 pixels a ninth of what the network gives. (torch 2.0 refused it.) Write avg_pool2d(x, 3)
# * 9 instead, and compare what was exported with the network.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 \
  onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import warnings

import numpy as np
import onnxruntime
import torch

SIZE = 3
image = torch.rand(1, 1, 12, 12, generator=torch.Generator().manual_seed(0))
windows = image.numpy()[0, 0].reshape(4, SIZE, 4, SIZE)
sums = windows.sum((1, 3))


class TimesNine(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.avg_pool2d(x, SIZE) * SIZE**2


def exported(network):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = torch.onnx.export(network.eval(), (image,), verbose=False).model_proto
    print(f"  {', '.join(node.op_type for node in model.graph.node)}", end=": ")
    assert not any("divisor" in str(one.message) for one in said)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {session.get_inputs()[0].name: image.numpy()})[0][0, 0]


for name, network in {
    "divisor_override=1": torch.nn.AvgPool2d(SIZE, divisor_override=1),
    "mean times 9": TimesNine(),
}.items():
    print(name)
    in_torch, in_onnx = network(image).numpy()[0, 0], exported(network)
    given = f"torch {in_torch[0, 0]:.3f}, ONNX {in_onnx[0, 0]:.3f}"
    print(f"the first nine pixels add up to {sums[0, 0]:.3f}; {given}")
    assert np.allclose(in_torch, sums, atol=1e-5)
    expected = sums / SIZE**2 if "override" in name else sums
    assert np.allclose(in_onnx, expected, atol=1e-5)
PYTHON
