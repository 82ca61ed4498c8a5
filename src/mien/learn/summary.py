"""A network layer by layer: output shapes, parameters and where they come from, MACs."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from mien.learn.networks import MinPool2d, Network, macs_of
from mien.recognize.crops import SIZE_PX

_KERAS_NAMES: Final[dict[type[nn.Module], str]] = {
    nn.Conv2d: "conv2d",
    nn.Linear: "dense",
    nn.MaxPool2d: "max_pooling2d",
    nn.AvgPool2d: "average_pooling2d",
    nn.AdaptiveAvgPool2d: "global_average_pooling2d",
    nn.Dropout: "dropout",
    nn.Flatten: "flatten",
    nn.BatchNorm2d: "batch_normalization",
    MinPool2d: "min_pooling2d",
}
"""The kinds of layers that are listed, and what Keras calls them."""


@dataclass(frozen=True)
class Layer:
    """One layer of a network, as the paper's Table 2 lists them."""

    name: str  # kind and number, counted from 0 as Keras does: `conv2d`, `conv2d_1`, ...
    kind: str  # the class of the layer: `Conv2d`, `Linear`, ...
    output_shape: tuple[int, ...]  # of one face: (height, width, channels) or (features,)
    parameters: int  # how many it learns
    arithmetic: str  # how that comes about: `(3 * 3 * 32 + 1) * 64`; empty where it learns nothing
    macs: int  # for one face


def summarize(network: Network) -> list[Layer]:
    """The layers of a deployed network in the order in which a face goes through them.

    Activations are left out, as they are in the paper's Table 2: they learn nothing and change no
    shape.
    """
    layers: list[Layer] = []
    numbers: Counter[str] = Counter()

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        stem = next(name for kind, name in _KERAS_NAMES.items() if isinstance(module, kind))
        number, shape = numbers[stem], tuple(output.shape[1:])
        numbers[stem] += 1
        layers.append(
            Layer(
                name=f"{stem}_{number}" if number else stem,
                kind=type(module).__name__,
                output_shape=(*shape[1:], shape[0]) if len(shape) == 3 else shape,
                parameters=sum(p.numel() for p in module.parameters()),
                arithmetic=_arithmetic(module),
                macs=_macs(module, inputs[0]),
            )
        )

    hooks = [
        module.register_forward_hook(record)
        for module in network.modules()
        if isinstance(module, tuple(_KERAS_NAMES)) and module is not network.votes_head
    ]
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            network.head(network.backbone(torch.zeros(1, 1, SIZE_PX, SIZE_PX)))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return layers


def _arithmetic(module: nn.Module) -> str:
    """The paper's parameter arithmetic (its Tables 6 to 9 and what follows them)."""
    if isinstance(module, nn.Conv2d):
        height, width = module.kernel_size
        channels = module.in_channels // module.groups
        bias = " + 1" if module.bias is not None else ""
        return f"({height} * {width} * {channels}{bias}) * {module.out_channels}"
    if isinstance(module, nn.Linear):
        bias = f" + {module.out_features}" if module.bias is not None else ""
        return f"{module.in_features} * {module.out_features}{bias}"
    if isinstance(module, nn.BatchNorm2d) and module.affine:
        return f"2 * {module.num_features}"
    return ""


def _macs(module: nn.Module, inputs: Tensor) -> int:
    # Only these do products that count; the hook is inside a forward pass, so run them once more.
    return macs_of(module.forward, inputs) if isinstance(module, nn.Conv2d | nn.Linear) else 0
