#!/bin/sh
# apache-tvm 0.27.0.post1: of an exported PyTorch program from_exported_program leaves out alpha of torch.add, sub and
# rsub, by which a residual branch is scaled (x.add(branch, alpha=.2)), and divisor_override of avg_pool2d: the branch
# counts in full, sums are means. grid_sample, as of a layer that turns faces upright, is told that x and y come before
# rows and columns, where they come last: its map is 2 wide, which a mean over the map hides. Nothing warns; the
# exported program itself is right in torch. Write x + .2 * branch.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q apache-tvm==0.27.0.post1 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import torch
import tvm
from torch.nn import functional
from tvm import relax
from tvm.relax.frontend.torch import from_exported_program

torch.manual_seed(0)
face = torch.rand(1, 3, 12, 12)
upright = functional.affine_grid(torch.tensor([[[0.9, -0.3, 0], [0.3, 0.9, 0]]]), (1, 3, 12, 12), align_corners=False)

pool = functional.avg_pool2d


class Network(torch.nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.forward = forward


cases = {
    "x + .2 * branch": (lambda x: x + 0.2 * torch.tanh(x), None),
    "add, alpha=.2": (lambda x: x.add(torch.tanh(x), alpha=0.2), lambda x: x + torch.tanh(x)),
    "sub, alpha=.2": (lambda x: x.sub(torch.tanh(x), alpha=0.2), lambda x: x - torch.tanh(x)),
    "rsub, alpha=2": (lambda x: torch.rsub(x, 1.0, alpha=2), lambda x: 1 - x),
    "a sum of 3 by 3": (lambda x: pool(x, 3, divisor_override=1), lambda x: pool(x, 3)),
    "turned": (lambda x: functional.grid_sample(x, upright, align_corners=False), None),
}
for name, (forward, seen) in cases.items():
    program = torch.export.export(Network(forward).eval(), (face,))
    truth = forward(face)
    assert torch.allclose(program.module()(face), truth)  # what was exported is right
    module = relax.transform.LegalizeOps()(from_exported_program(program))
    machine = relax.VirtualMachine(tvm.compile(module, target="llvm"), tvm.cpu())
    found = torch.from_numpy(machine["main"](tvm.runtime.tensor(face.numpy()))[0].numpy())
    print(f"{name}: mean {found.mean():.3f} of a map {tuple(found.shape)}", end=", ")
    print(f"in torch {truth.mean():.3f} of {tuple(truth.shape)}")
    if name == "turned":
        assert found.shape == (1, 3, 12, 2) and truth.shape == (1, 3, 12, 12)
    else:
        assert torch.allclose(found, seen(face) if seen else truth, atol=1e-5)
        assert seen is None or not torch.allclose(found, truth, atol=0.05)
PYTHON
