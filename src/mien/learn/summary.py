"""A network layer by layer: output shapes, parameters and where they come from, MACs."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mien.learn.networks import MinPool2d, Network
from mien.recognize.crops import SIZE_PX

_COUNTED = (
    nn.Conv2d,
    nn.Linear,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.Dropout,
    nn.Flatten,
    nn.BatchNorm2d,
    MinPool2d,
)


@dataclass(frozen=True)
class Layer:
    """One layer of a network, as the paper's Table 2 lists them.

    Attributes:
        name: kind and number, counted from 0 as Keras does: `conv2d`, `conv2d_1`, ...
        kind: the class of the layer: `Conv2d`, `Linear`, ...
        output_shape: of one face, without the batch: (height, width, channels) or (features,).
        parameters: how many it learns.
        arithmetic: how that number comes about, for instance `(3 * 3 * 32 + 1) * 64`; empty for a
            layer that learns nothing.
        macs: for one face.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    arithmetic: str
    macs: int


def summarize(network: Network) -> list[Layer]:
    """The layers of a deployed network in the order in which a face goes through them.

    Activations are left out, as they are in the paper's Table 2: they learn nothing and change no
    shape.
    """
    layers: list[Layer] = []
    numbers: dict[str, int] = {}

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        stem = _keras_name(module)
        number = numbers.get(stem, 0)
        numbers[stem] = number + 1
        layers.append(
            Layer(
                name=f"{stem}_{number}" if number else stem,
                kind=type(module).__name__,
                output_shape=_channels_last(output),
                parameters=sum(p.numel() for p in module.parameters()),
                arithmetic=_arithmetic(module),
                macs=_macs(module, inputs[0]),
            )
        )

    hooks = [
        module.register_forward_hook(record)
        for module in network.modules()
        if isinstance(module, _COUNTED) and module is not network.votes_head
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


def _keras_name(module: nn.Module) -> str:
    names: dict[type[nn.Module], str] = {
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
    return next(name for kind, name in names.items() if isinstance(module, kind))


def _channels_last(output: Tensor) -> tuple[int, ...]:
    shape = tuple(output.shape[1:])
    return (*shape[1:], shape[0]) if len(shape) == 3 else shape


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
    if not isinstance(module, nn.Conv2d | nn.Linear):
        return 0
    with FlopCounterMode(display=False) as counter:
        module.forward(inputs)
    return int(counter.get_total_flops()) // 2
