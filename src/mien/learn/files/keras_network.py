"""A trained network -> the same as a Keras model, layer by layer."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from numpy.typing import NDArray
from torch import Tensor, nn

from mien.errors import ModelError
from mien.learn.files.keras_config import SCALING_LAYER
from mien.learn.files.keras_h5 import import_keras
from mien.learn.networks import MinPool2d, Network, _BasicBlock, _SEBlock, _SqueezeExcitation
from mien.recognize.crops import SIZE_PX

_ACTIVATIONS: Final[dict[type[nn.Module], str]] = {
    nn.ReLU: "relu",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
}


def to_keras(network: Network, *, temperature: float = 1.0) -> Any:
    """Build the Keras model that gives the same probabilities.

    The paper's network becomes the paper's Sequential model (Njoku et al. 2024, Table 2), layer by
    layer under the same names, after one layer without parameters that scales the pixels.

    Args:
        network: one whose parts Keras has too: those of `mien.learn.networks`.
        temperature: divides the logits before the softmax; it goes into the last layer's weights.
    Returns:
        A keras.Model: (N, 48, 48, 1) float32 gray levels, 0 to 255, in; (N, 7) float32 out, rows
        sum to 1; a keras.Sequential where the network has no branches.
    Raises:
        ModelError: the network has a part of another kind.
        MissingExtraError: Keras is not installed.
    """
    keras = import_keras("writing Keras files")
    with keras.device("cpu"):
        pixels = keras.Input((SIZE_PX, SIZE_PX, 1), dtype="float32", name="gray_levels")
        translation = _Translation(keras)
        mean, std = float(network.mean), float(network.std)
        scaling = keras.layers.Rescaling(
            1.0 / std, -mean / std, dtype="float32", name=SCALING_LAYER
        )
        normalized = translation.follow(scaling, pixels)
        features = translation.through(_parts(network.backbone), normalized)
        head = network.head
        probabilities = translation.dense(
            features, head.weight / temperature, head.bias / temperature, "softmax"
        )
        if translation.branches:
            return keras.Model(pixels, probabilities, name="functional")
        return keras.Sequential([pixels, *translation.layers], name="sequential")


def _parts(module: nn.Module) -> list[nn.Module]:
    """The steps of a network in order, without the containers.

    An activation that follows max or min pooling comes before it instead, where the paper has it
    and Keras can put it into the convolution: activations rise, so the two commute.
    """
    if not isinstance(module, nn.Sequential):
        return [] if isinstance(module, nn.Identity) else [module]
    parts = [part for child in module for part in _parts(child)]
    for i in range(len(parts) - 1):
        pooling, activation = parts[i], parts[i + 1]
        rises = isinstance(activation, (*_ACTIVATIONS, nn.LeakyReLU))
        if isinstance(pooling, nn.MaxPool2d | MinPool2d) and rises:
            parts[i], parts[i + 1] = activation, pooling
    return parts


class _Translation:
    """Makes Keras layers, and names them as Keras does in a process of their own."""

    def __init__(self, keras: Any) -> None:
        self._keras = keras
        self._names: Counter[str] = Counter()
        self._flattened: tuple[int, int, int] | None = None  # H, W, C, until the next dense layer
        self.layers: list[Any] = []
        self.branches = False

    def through(self, parts: Sequence[nn.Module], x: Any) -> Any:
        """Send a symbolic tensor through the parts of a network."""
        i = 0
        while i < len(parts):
            part = parts[i]
            activation = None
            if isinstance(part, nn.Conv2d | nn.Linear) and i + 1 < len(parts):
                activation = _ACTIVATIONS.get(type(parts[i + 1]))
            x = self._part(part, activation, x)
            i += 1 if activation is None else 2
        return x

    def follow(self, layer: Any, x: Any) -> Any:
        """Add a finished layer."""
        self.layers.append(layer)
        return layer(x)

    def dense(self, x: Any, weight: Tensor, bias: Tensor, activation: str | None) -> Any:
        """Add a dense layer with torch's weights, (units, features) and (units,)."""
        kernel = _array(weight)
        if self._flattened is not None:
            # torch flattened (C, H, W), Keras (H, W, C).
            height, width, channels = self._flattened
            kernel = kernel.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
            kernel = kernel.reshape(len(kernel), -1)
            self._flattened = None
        options = {"units": len(kernel), "activation": activation}
        return self._add("Dense", x, [kernel.T, _array(bias)], **options)

    def _part(self, part: nn.Module, activation: str | None, x: Any) -> Any:
        if isinstance(part, nn.Conv2d):
            return self._convolution(part, activation, x)
        if isinstance(part, nn.Linear):
            return self.dense(x, part.weight, part.bias, activation)
        if isinstance(part, nn.BatchNorm2d):
            weights = [part.weight, part.bias, part.running_mean, part.running_var]
            arrays = [_array(weight) for weight in weights if weight is not None]
            momentum = 1.0 - (part.momentum or 0.0)
            options = {"epsilon": part.eps, "momentum": momentum, "axis": -1}
            return self._add("BatchNormalization", x, arrays, **options)
        if isinstance(part, nn.MaxPool2d | nn.AvgPool2d) and not (part.padding or part.ceil_mode):
            kind = "MaxPooling2D" if isinstance(part, nn.MaxPool2d) else "AveragePooling2D"
            return self._add(kind, x, pool_size=part.kernel_size, strides=part.stride)
        if isinstance(part, MinPool2d):  # max pooling upside down, which Keras has no layer for
            x = self._add("Rescaling", x, scale=-1.0)
            x = self._add("MaxPooling2D", x, pool_size=part.size, strides=part.size)
            return self._add("Rescaling", x, scale=-1.0)
        if isinstance(part, nn.AdaptiveAvgPool2d) and part.output_size == 1:
            return self._add("GlobalAveragePooling2D", x)
        if isinstance(part, nn.Flatten):
            if len(x.shape) == 2:
                return x  # as it leaves global pooling
            self._flattened = tuple(x.shape[1:])
            return self._add("Flatten", x)
        if isinstance(part, nn.Dropout):
            return self._add("Dropout", x, rate=part.p)
        if isinstance(part, nn.LeakyReLU):
            return self._add("LeakyReLU", x, negative_slope=part.negative_slope)
        if type(part) in _ACTIVATIONS:
            return self._add("Activation", x, activation=_ACTIVATIONS[type(part)])
        if isinstance(part, _BasicBlock | _SEBlock):
            return self._block(part, x)
        if isinstance(part, _SqueezeExcitation):
            means = self._add("GlobalAveragePooling2D", x, keepdims=True)
            scales = self.through([part.squeeze, nn.ReLU(), part.excite, nn.Sigmoid()], means)
            return self._add("Multiply", [x, scales])
        raise ModelError(
            "expected a network whose parts Keras has too, as those of mien.learn.networks; this "
            f"one has {part}"
        )

    def _block(self, block: _BasicBlock | _SEBlock, x: Any) -> Any:
        self.branches = True
        scale = [block.scale] if isinstance(block, _SEBlock) else []
        path = [block.conv1, block.norm1, nn.ReLU(), block.conv2, block.norm2, *scale]
        inner, shortcut = self.through(path, x), self.through(_parts(block.shortcut), x)
        return self.through([nn.ReLU()], self._add("Add", [inner, shortcut]))

    def _convolution(self, part: nn.Conv2d, activation: str | None, x: Any) -> Any:
        sides = part.padding  # a word, or a number of pixels for each direction
        grows = tuple(side - 1 for side in part.kernel_size)
        padding = "valid"
        if isinstance(sides, str):
            padding = sides
        elif part.stride == (1, 1) and tuple(2 * side for side in sides) == grows:
            padding = "same" if any(sides) else "valid"
        elif any(sides):
            # With strides, Keras's "same" would pad the other side than torch does.
            x = self._add("ZeroPadding2D", x, padding=sides)
        weights = [_array(part.weight).transpose(2, 3, 1, 0)]  # (kH, kW, in, out)
        if part.bias is not None:
            weights.append(_array(part.bias))
        return self._add(
            "Conv2D",
            x,
            weights,
            filters=part.out_channels,
            kernel_size=part.kernel_size,
            strides=part.stride,
            padding=padding,
            dilation_rate=part.dilation,
            groups=part.groups,
            use_bias=part.bias is not None,
            activation=activation,
        )

    def _add(self, kind: str, x: Any, weights: Sequence[NDArray[Any]] = (), **options: Any) -> Any:
        # All that a user's Keras settings could change is given.
        if kind.endswith("2D") or kind == "Flatten":
            options["data_format"] = "channels_last"
        name = re.sub("(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", kind).lower()
        number = self._names[name]
        self._names[name] += 1
        name = f"{name}_{number}" if number else name
        layer = getattr(self._keras.layers, kind)(name=name, dtype="float32", **options)
        x = self.follow(layer, x)
        if weights:
            layer.set_weights(weights)
        return x


def _array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().cpu().numpy()
    return array
