"""Muon: momentum whose singular values are made equal, for kernels and matrices."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from mien.learn.networks import Network

MOMENTUM: Final = 0.9
BETAS: Final = (0.9, 0.99)  # of AdamW

_STEPS: Final = 5  # of Newton-Schulz
_COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)  # K. Jordan, kellerjordan.github.io/posts/muon
_EPSILON: Final = 1e-7


class Muon(torch.optim.Optimizer):
    """Muon for hidden kernels and matrices, AdamW for all else (K. Jordan et al. 2024).

    The momentum of a matrix is moved to the nearest one with orthonormal rows or columns, so that a
    step goes as far in directions that gradients seldom point to. A kernel of a convolution counts
    as a matrix with a row for each output. Biases, norms and the heads are moved by AdamW. All
    numbers stay on the device, and a step can be captured in a CUDA graph.

    Args:
        network: whose parameters are trained.
        lr: learning rate of Muon, a number or a tensor of one; in `param_groups`, the same for all.
        adamw_share: of `lr`, the learning rate of AdamW.
        weight_decay: of kernels and matrices, decoupled: a step takes away `lr` times that share.
        momentum: Nesterov's, 0 to below 1.
    """

    def __init__(
        self,
        network: Network,
        *,
        lr: float | Tensor,
        adamw_share: float = 0.08,
        weight_decay: float = 0.0,
        momentum: float = MOMENTUM,
    ) -> None:
        hidden = [p for p in network.trunk.parameters() if p.ndim > 1]
        known = {id(p) for p in hidden}
        others = [p for p in network.parameters() if id(p) not in known]
        groups: list[dict[str, Any]] = [
            {"params": hidden, "muon": True, "weight_decay": weight_decay},
            {"params": others, "muon": False, "weight_decay": 0.0},
        ]
        defaults = {"lr": lr, "momentum": momentum, "adamw_share": adamw_share}
        super().__init__([group for group in groups if group["params"]], defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move the weights once; those without a gradient stay."""
        assert closure is None, "expected gradients that are there; got a closure"
        for group in self.param_groups:
            moved = [p for p in group["params"] if p.grad is not None]
            if moved:
                (self._muon if group["muon"] else self._adamw)(moved, group)

    def _muon(self, moved: Sequence[Tensor], group: dict[str, Any]) -> None:
        rate, momentum = group["lr"], group["momentum"]
        same: dict[tuple[int, int], list[Tensor]] = {}  # shape as a matrix -> parameters
        for p in moved:
            same.setdefault((len(p), p[0].numel()), []).append(p)
        for (rows, columns), parameters in same.items():
            updates = []
            for p in parameters:
                assert p.grad is not None
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].mul_(momentum).add_(p.grad)
                updates.append(p.grad.add(state["momentum"], alpha=momentum).reshape(rows, columns))
            directions = orthogonalised(torch.stack(updates))
            scale = math.sqrt(max(1.0, rows / columns))
            for p, direction in zip(parameters, directions, strict=True):
                p.mul_(1.0 - rate * group["weight_decay"])
                p.sub_(direction.view(p.shape).to(p.dtype) * (rate * scale))

    def _adamw(self, moved: Sequence[Tensor], group: dict[str, Any]) -> None:
        for p in moved:
            if not self.state[p]:
                # Not "step", which load_state_dict leaves on the device of the file.
                self.state[p]["steps"] = torch.zeros((), device=p.device)
                self.state[p]["exp_avg"] = torch.zeros_like(p)
                self.state[p]["exp_avg_sq"] = torch.zeros_like(p)
        states = [self.state[p] for p in moved]
        adamw(
            list(moved),
            [p.grad for p in moved if p.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["steps"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=group["lr"] * group["adamw_share"],
            weight_decay=group["weight_decay"],
            eps=1e-8,
            maximize=False,
        )


def orthogonalised(matrices: Tensor) -> Tensor:
    """About the nearest matrices with orthonormal rows, or columns where those are fewer.

    Five steps of a quintic Newton-Schulz iteration bring every singular value to between .7 and
    1.2, in bfloat16: exact ones train no better.

    Args:
        matrices: (N, R, C) float32.
    Returns:
        (N, R, C) bfloat16.
    """
    a, b, c = _COEFFICIENTS
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + _EPSILON)
    for _ in range(_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
