"""The networks, by name: gray pixels in, logits out; normalization is their first step."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from mien.errors import OptionError, check_choice, needs_extra

with needs_extra("train", "building networks"):
    import torch
    from torch import Tensor, nn
    from torch.nn import functional as F
    from torch.utils.flop_counter import FlopCounterMode

from mien.labels import EMOTIONS
from mien.learn.convolutions import Conv3x3
from mien.recognize.crops import SIZE_PX

VOTES_HEAD: Final = "votes_head."
"""What the names of the weights begin with that only the FER+ votes need."""


class Network(nn.Module):
    """A backbone that turns a face into features, and a linear head for each question asked about
    it.

    The head for the FER+ votes is a help in training only: it is left out of `export` and of every
    count of parameters.

    Args:
        backbone: (N, 1, 48, 48) float32, normalized -> (N, features).
        features: width of what the backbone gives.
        classes: number of emotions.
        votes: number of FER+ classes to predict beside the emotion; 0 leaves that head out.
        mean: subtracted from the pixels, in gray levels 0 to 255.
        std: divides them afterwards, in gray levels.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        features: int,
        *,
        classes: int = len(EMOTIONS),
        votes: int = 0,
        mean: float = 0.0,
        std: float = 255.0,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))
        self.backbone = backbone
        self.head = nn.Linear(features, classes)
        self.votes_head = nn.Linear(features, votes) if votes else None

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits of the emotions and, where the network has that head, of the FER+ votes.

        Args:
            pixels: (N, 1, 48, 48) float, gray levels 0 to 255.
        Returns:
            (N, classes) logits and (N, votes) logits or None.
        """
        features = self.backbone((pixels - self.mean) / self.std)  # (N, features)
        return self.head(features), self.votes_head(features) if self.votes_head else None

    def parameter_count(self) -> int:
        """Trainable parameters of the deployed network: without the head for the votes."""
        return sum(
            p.numel() for name, p in self.named_parameters() if not name.startswith(VOTES_HEAD)
        )


def macs(network: Network) -> int:
    """MACs for one face in the deployed network's convolutions and matrix products."""
    deployed = nn.Sequential(network.backbone, network.head)
    return macs_of(deployed, torch.zeros(1, 1, SIZE_PX, SIZE_PX))


def macs_of(module: Callable[[Tensor], Tensor], inputs: Tensor) -> int:
    """MACs of what a module makes of its inputs."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(inputs)
    return int(counter.get_total_flops()) // 2


ACTIVATIONS: Final[dict[str, Callable[[], nn.Module]]] = {
    "relu": nn.ReLU,  # the paper's equation 2
    "sigmoid": nn.Sigmoid,  # equation 3
    "tanh": nn.Tanh,  # equation 4
    "leaky-relu": partial(nn.LeakyReLU, 0.3),  # equation 5; m is Keras's default
}
"""The activations that the paper names, in its order."""


class MinPool2d(nn.Module):
    """The smallest value of each window: max pooling upside down."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H // size, W // size)."""
        return -F.max_pool2d(-features, self.size)


POOLINGS: Final[dict[str, Callable[[int], nn.Module]]] = {
    "max": nn.MaxPool2d,
    "average": nn.AvgPool2d,
    "min": MinPool2d,
}
"""The poolings that the paper names, in its order."""


@dataclass(frozen=True)
class BackboneOptions:
    """What can be varied in a network; each uses what it has a place for."""

    dropout: float = 0.1  # after each pooling
    dense_dropout: float = 0.2  # before each fully connected layer but the first
    activation: str = "relu"  # a name in ACTIVATIONS
    pooling: str = "max"  # a name in POOLINGS

    def __post_init__(self) -> None:
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("pooling", self.pooling, POOLINGS)


def paper_backbone(options: BackboneOptions) -> tuple[nn.Module, int]:
    """The convolutional part of the paper's CNN and its 512 units (Njoku et al. 2024, Table 2).

    With a head of 7 it has 2,489,095 parameters. The paper names the dropout rates .1 and .2 but
    not which of its four dropout layers has which; here `dropout` follows each pooling and
    `dense_dropout` the 512 units.

    The paper activates before each pooling, this backbone after it: activations rise, so they
    commute with max and min pooling. The network is the same, and the activation has a quarter of
    the values to go through. Means do not commute, so average pooling comes after the activation.
    """
    activation, pooling = ACTIVATIONS[options.activation], POOLINGS[options.pooling]

    def activate_and_pool() -> Iterator[nn.Module]:
        if options.pooling == "average":
            yield from (activation(), pooling(2))
        else:
            yield from (pooling(2), activation())
        yield nn.Dropout(options.dropout)

    backbone = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding="same"),  # (N, 32, 48, 48)
        activation(),
        nn.Conv2d(32, 64, 3),  # (N, 64, 46, 46)
        *activate_and_pool(),  # (N, 64, 23, 23)
        nn.Conv2d(64, 128, 3),  # (N, 128, 21, 21)
        *activate_and_pool(),  # (N, 128, 10, 10)
        nn.Conv2d(128, 256, 3),  # (N, 256, 8, 8)
        *activate_and_pool(),  # (N, 256, 4, 4)
        nn.Flatten(),  # (N, 4096)
        nn.Linear(4096, 512),
        activation(),
        nn.Dropout(options.dense_dropout),
    )
    return backbone, 512


def alexnet_backbone(options: BackboneOptions) -> tuple[nn.Module, int]:
    """AlexNet (Krizhevsky, Sutskever and Hinton 2012) for 48 pixels.

    Its five convolutions, three overlapping poolings and two fully connected layers; the first
    convolution is 5 x 5 with stride 1 in place of 11 x 11 with stride 4, which would leave 9 x 9 of
    48 x 48, and the fully connected layers have 1,024 units in place of 4,096.
    """
    backbone = nn.Sequential(
        nn.Conv2d(1, 64, 5, padding=2),  # (N, 64, 48, 48)
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),  # (N, 64, 23, 23)
        nn.Conv2d(64, 192, 5, padding=2),  # (N, 192, 23, 23)
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),  # (N, 192, 11, 11)
        nn.Conv2d(192, 384, 3, padding=1),  # (N, 384, 11, 11)
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),  # (N, 256, 11, 11)
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),  # (N, 256, 11, 11)
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),  # (N, 256, 5, 5)
        nn.Flatten(),  # (N, 6400)
        nn.Dropout(options.dense_dropout),
        nn.Linear(6400, 1024),
        nn.ReLU(),
        nn.Dropout(options.dense_dropout),
        nn.Linear(1024, 1024),
        nn.ReLU(),
    )
    return backbone, 1024


def _normed(
    inputs: int, outputs: int, stride: int = 1, *, inplace: bool = False
) -> Iterator[nn.Module]:
    """A convolution of 3 x 3 with batch normalization, and its activation."""
    yield nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    yield nn.BatchNorm2d(outputs)
    yield nn.ReLU(inplace)


def _averaged(options: BackboneOptions) -> Iterator[nn.Module]:
    """(N, C, H, W) -> (N, C): the mean of each channel."""
    yield nn.AdaptiveAvgPool2d(1)
    yield nn.Flatten()
    yield nn.Dropout(options.dense_dropout)


def vgg_backbone(options: BackboneOptions) -> tuple[nn.Module, int]:
    """VGG (Simonyan and Zisserman 2014, arXiv:1409.1556) for 48 pixels.

    Configuration A: eight convolutions of 3 x 3, of which 48 x 48 leaves room for four poolings in
    place of five, each with batch normalization (Ioffe and Szegedy 2015, arXiv:1502.03167), and one
    fully connected layer of 512 units in place of two of 4,096.
    """

    def pooling() -> Iterator[nn.Module]:
        yield nn.MaxPool2d(2)
        yield nn.Dropout(options.dropout)

    backbone = nn.Sequential(
        *_normed(1, 64),
        *pooling(),  # (N, 64, 24, 24)
        *_normed(64, 128),
        *pooling(),  # (N, 128, 12, 12)
        *_normed(128, 256),
        *_normed(256, 256),
        *pooling(),  # (N, 256, 6, 6)
        *_normed(256, 512),
        *_normed(512, 512),
        *pooling(),  # (N, 512, 3, 3)
        *_normed(512, 512),
        *_normed(512, 512),  # (N, 512, 3, 3)
        nn.Flatten(),  # (N, 4608)
        nn.Linear(4608, 512),
        nn.ReLU(),
        nn.Dropout(options.dense_dropout),
    )
    return backbone, 512


class _BasicBlock(nn.Module):
    """Two 3 x 3 convolutions around which the input is added (He et al. 2015, Figure 2)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, features: Tensor) -> Tensor:
        inner = torch.relu(self.norm1(self.conv1(features)))
        return torch.relu(self.norm2(self.conv2(inner)) + self.shortcut(features))


def _stages(block: Callable[[int, int, int], nn.Module], widths: Sequence[int]) -> list[nn.Module]:
    """Two blocks of each width; the first of each stage but the first halves the image."""
    blocks, inputs = [], widths[0]
    for width in widths:
        blocks += [block(inputs, width, 1 if width == widths[0] else 2), block(width, width, 1)]
        inputs = width
    return blocks


def resnet_backbone(options: BackboneOptions) -> tuple[nn.Module, int]:
    """ResNet-18 (He et al. 2015, arXiv:1512.03385) for 48 pixels.

    The stem is one 3 x 3 convolution with stride 2 in place of 7 x 7 with stride 2 and a pooling.
    """
    backbone = nn.Sequential(
        *_normed(1, 64, stride=2),  # (N, 64, 24, 24)
        *_stages(_BasicBlock, (64, 128, 256, 512)),  # (N, 512, 3, 3)
        *_averaged(options),  # (N, 512)
    )
    return backbone, 512


class _SqueezeExcitation(nn.Module):
    """Scales each channel by what all of them are on average (Hu et al. 2017, Figure 2)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // reduction, 1)
        self.excite = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        if self.training:  # the gradient of a mean is written down for each pixel, a sum's is not
            mean = features.sum((2, 3), keepdim=True) / features[0, 0].numel()
        else:
            mean = features.mean((2, 3), keepdim=True)
        inner = torch.relu_(self.squeeze(mean))
        return features * torch.sigmoid(self.excite(inner))


class _SEBlock(nn.Module):
    """Two 3 x 3 convolutions and squeeze-excitation, around which the input is added.

    Where the image is halved, the input is averaged before its 1 x 1 convolution, which would
    otherwise leave three of four pixels out (He et al. 2018, arXiv:1812.01187, Figure 2c).
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = Conv3x3(inputs, outputs, stride)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = Conv3x3(outputs, outputs)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.scale = _SqueezeExcitation(outputs, reduction=8)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
        inner = torch.relu_(self.norm1(self.conv1(features)))
        inner = self.scale(self.norm2(self.conv2(inner)))
        return torch.relu_(inner.add_(self.shortcut(features)))


def se_resnet_backbone(options: BackboneOptions) -> tuple[nn.Module, int]:
    """SE-ResNet (Hu et al. 2017, arXiv:1709.01507) of the paper's size, for 48 pixels.

    2.2 million parameters. Two convolutions halve the image before the first block, where most
    MACs would be, so that what they cost is spent on wider layers.
    """
    backbone = nn.Sequential(
        *_normed(1, 32, inplace=True),  # (N, 32, 48, 48)
        *_normed(32, 48, stride=2, inplace=True),  # (N, 48, 24, 24)
        _SEBlock(48, 48, stride=1),
        _SEBlock(48, 128, stride=2),  # (N, 128, 12, 12)
        _SEBlock(128, 128, stride=1),
        _SEBlock(128, 224, stride=2),  # (N, 224, 6, 6)
        _SEBlock(224, 224, stride=1),
        *_averaged(options),  # (N, 224)
    )
    return backbone, 224


def se_resnet_large_backbone(options: BackboneOptions) -> tuple[nn.Module, int]:
    """SE-ResNet five times as large, for 48 pixels: a teacher for the smaller one.

    10.4 million parameters in four stages of two blocks, the first of them on the whole image.
    """
    backbone = nn.Sequential(
        *_normed(1, 64, inplace=True),  # (N, 64, 48, 48)
        *_stages(_SEBlock, (64, 128, 256, 480)),  # (N, 480, 6, 6)
        *_averaged(options),  # (N, 480)
    )
    return backbone, 480


NETWORKS: Final[dict[str, Callable[[BackboneOptions], tuple[nn.Module, int]]]] = {
    "paper": paper_backbone,
    "alexnet": alexnet_backbone,
    "vgg": vgg_backbone,
    "resnet": resnet_backbone,
    "se-resnet": se_resnet_backbone,
    "se-resnet-large": se_resnet_large_backbone,
}
"""Name -> a function that builds the backbone and gives its width."""


def build(
    name: str,
    *,
    classes: int = len(EMOTIONS),
    votes: int = 0,
    mean: float = 0.0,
    std: float = 255.0,
    options: BackboneOptions | None = None,
) -> Network:
    """A freshly initialized network for 48 x 48 gray faces.

    Weights start as Keras starts them, in the paper as here: Glorot and Bengio (2010) uniform, and
    zero for each bias.

    Args:
        name: one of `NETWORKS`.
        classes: number of emotions.
        votes: number of FER+ classes to predict beside the emotion; 0 leaves that head out.
        mean: of the normalization, in gray levels.
        std: of the normalization, in gray levels.
        options: what can be varied.
    Raises:
        OptionError: no network has that name.
    """
    if name not in NETWORKS:
        raise OptionError(f"expected a network among {', '.join(NETWORKS)}; got {name!r}")
    backbone, features = NETWORKS[name](options or BackboneOptions())
    network = Network(backbone, features, classes=classes, votes=votes, mean=mean, std=std)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
