"""What each part of a recipe and of its network is worth: one of them changed at a time.

    python benchmarks/ablations.py --data FER2013 [--votes FILE] --out DIR
        [--recipe mien] [--epochs 8] [--seeds 0] [--only "as it is" "without mixup" ...]

Trains the recipe as it is, and then with each of `CHANGES`, for so many epochs, and prints a table
in Markdown: size and work as trained, latency on one thread, and accuracy on val after the last
epoch, of several seeds their mean and how far they are apart. A short run tells how quickly a
network learns, and flatters what regularises less: compare recipes at the length at which they will
be used. One standard error of val (n 3,589) is .008, so that one seed tells differences of two
points and more. Test is not looked at. A run that is there already in DIR is gone on with.
"""

import re
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mien.learn.data.datasets import load_faces
from mien.learn.networks import NETWORKS, BackboneOptions, se_resnet_backbone
from mien.learn.training.recipes import Recipe, recipe_named
from program import print_head, print_row
from trained import COLUMNS, columns_of, runs_of, trained

# What a network is called that has one part of `se-resnet` in another way.
NO_SQUEEZE, BRANCHES, SMOOTHED = "se-resnet/no-squeeze", "se-resnet/branches", "se-resnet/smoothed"


def _augmented(r: Recipe, **settings: Any) -> Recipe:
    return replace(r, augmentation=replace(r.augmentation, **settings))


CHANGES: Final[dict[str, Callable[[Recipe], Recipe]]] = {
    "as it is": lambda r: r,
    "without FER+ votes": lambda r: replace(r, votes_weight=0.0),
    "without mixup": lambda r: replace(r, mixup=0.0),
    "without label smoothing": lambda r: replace(r, label_smoothing=0.0),
    "without erasing": lambda r: _augmented(r, erasing=0.0),
    "without turns, zooms and shifts": lambda r: _augmented(
        r, rotation_deg=0.0, zoom=0.0, shift=0.0
    ),
    "AdamW at 1.5e-3": lambda r: replace(
        r, optimizer="adamw", learning_rate=1.5e-3, weight_decay=0.02
    ),
    "half the learning rate": lambda r: replace(r, learning_rate=r.learning_rate / 2),
    "batches twice as large": lambda r: replace(r, batch_size=r.batch_size * 2),
    "average of the weights, .998": lambda r: replace(r, ema=0.998),
    "without squeeze-excitation": lambda r: replace(r, network=NO_SQUEEZE),
    "1 x 1 and identity beside each 3 x 3": lambda r: replace(r, network=BRANCHES),
    "smoothed before each halving": lambda r: replace(r, network=SMOOTHED),
}


class Branches(nn.Module):
    """A 3 x 3 convolution, a 1 x 1 and, where shapes allow, the input, each normalized and added.

    As in RepVGG (Ding et al. 2021, arXiv:2101.03697); in use they are one convolution.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        inputs, outputs, stride = conv.in_channels, conv.out_channels, conv.stride[0]
        self.conv = nn.Sequential(conv, nn.BatchNorm2d(outputs))
        self.point = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
        )
        same = inputs == outputs and stride == 1
        self.identity = nn.BatchNorm2d(outputs) if same else None

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
        added: Tensor = self.conv(features) + self.point(features)
        return added if self.identity is None else added + self.identity(features)


class Smooth(nn.Module):
    """The binomial filter of 3 x 3 pixels (Zhang 2019, arXiv:1904.11486)."""

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([0.25, 0.5, 0.25])
        kernel = torch.outer(row, row).expand(channels, 1, 3, 3).contiguous()
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        return F.conv2d(features, self.kernel, padding=1, groups=features.shape[1])


def _replaced(conv: nn.Conv2d, kind: str) -> nn.Module:
    if kind == BRANCHES and conv.kernel_size == (3, 3) and conv.in_channels > 1:
        return Branches(conv)
    if kind == SMOOTHED and conv.stride == (2, 2):
        return nn.Sequential(Smooth(conv.in_channels), conv)
    return conv


def changed_backbone(kind: str, options: BackboneOptions) -> tuple[nn.Module, int]:
    """The backbone of `se-resnet` with one part in another way."""
    backbone, width = se_resnet_backbone(options)
    for module in list(backbone.modules()):
        for name, child in list(module.named_children()):
            if kind == NO_SQUEEZE and name == "scale":
                setattr(module, name, nn.Identity())
            elif isinstance(child, nn.Conv2d):
                setattr(module, name, _replaced(child, kind))
    return backbone, width


@contextmanager
def changed_networks() -> Iterator[None]:
    """The networks above are known by their names within."""
    ours = (NO_SQUEEZE, BRANCHES, SMOOTHED)
    NETWORKS.update({kind: lambda o, kind=kind: changed_backbone(kind, o) for kind in ours})  # type: ignore[misc]
    try:
        yield
    finally:
        for kind in ours:
            del NETWORKS[kind]


def main() -> None:
    parser = runs_of(__doc__, recipe="mien", epochs=8)
    parser.add_argument("--votes", help="fer2013new.csv, beside fer2013.csv")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", choices=CHANGES, default=list(CHANGES))
    options = parser.parse_args()
    faces = load_faces(options.data, votes=options.votes)
    base = recipe_named(options.recipe, epochs=options.epochs)
    print(f"{base.name}, {base.epochs} epochs, seeds {options.seeds}\n")
    print_head("change", *COLUMNS, "val accuracy", "spread")
    with changed_networks():
        for name in options.only:
            recipe = CHANGES[name](base)
            folder = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
            last = [
                trained(faces, recipe, options.out / f"{folder}-{seed}", seed=seed).history[-1]
                for seed in options.seeds
            ]
            accuracies = [row.val_accuracy for row in last]
            apart = max(accuracies) - min(accuracies)
            spread = f"{apart:.4f}" if len(accuracies) > 1 else ""
            mean = f"{statistics.mean(accuracies):.4f}"
            print_row(name, *columns_of(recipe.network), mean, spread)


if __name__ == "__main__":
    main()
