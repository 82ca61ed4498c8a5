#!/bin/sh
# torch 2.13.0: FlopCounterMode knows some operators and adds nothing for others, without a word. On a CPU that
# leaves out scaled_dot_product_attention (issue 195460 there), all of nn.LSTM (a GRU is counted), and of a
# transformer for faces that reads (eval, no_grad), where attention and layers are fused, everything: 0 of
# 3.9 million. While it trains with dropout, all of them are counted. Count it so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" -W error::UserWarning - <<'PYTHON'
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

patches = torch.rand(1, 50, 64)  # of one face


def counted(run):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


products = 2 * 2 * 50 * 50 * 64  # q @ k and the mean of v
weights = 2 * 50 * 64 * (3 * 64 + 64)  # q, k, v and the projection
perceptron = 2 * 2 * 50 * 64 * 128
layer = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.1, batch_first=True)
attention = nn.MultiheadAttention(64, 4, batch_first=True)
heads = torch.rand(1, 4, 50, 16)
parts = {
    "q @ k.mT, softmax, @ v": (lambda: (heads @ heads.mT).softmax(-1) @ heads, products),
    "scaled_dot_product_attention": (lambda: scaled_dot_product_attention(heads, heads, heads), products),
    "GRU": (lambda net=nn.GRU(64, 64, batch_first=True): net(patches), 50 * 2 * 3 * 2 * 64 * 64),
    "LSTM": (lambda net=nn.LSTM(64, 64, batch_first=True): net(patches), 50 * 2 * 4 * 2 * 64 * 64),
}
found = {}
for name, (run, truth) in parts.items():
    found[name] = counted(run) / truth
    print(f"{name}: {counted(run)} of {truth}")
assert list(found.values()) == [1, 0, 1, 0]
for mode in ("train", "eval"):
    for name, net in (("MultiheadAttention", attention), ("TransformerEncoderLayer", layer)):
        getattr(net, mode)()
        inputs = (patches,) * (3 if net is attention else 1)
        truth = products + weights + (0 if net is attention else perceptron)
        flops = counted(lambda: net(*inputs))
        print(f"{name}, {mode}: {flops} of {truth}")
        assert flops == (truth if mode == "train" else 0)
with torch.no_grad():
    fused = layer(patches)
assert torch.allclose(layer(patches), fused, atol=1e-5)  # the same work
PYTHON
