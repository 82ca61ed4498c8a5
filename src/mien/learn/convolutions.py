"""3 x 3 convolutions that are trained faster on a CPU than as the library has them.

With stride 1, Winograd's algorithms (Lavin and Gray 2015, arXiv:1509.09308) take sums of
neighboring pixels and of a kernel's numbers, multiply those, and take sums of the products: 6 x 6
pixels then need 64 multiplications for each pair of channels in place of 324. All of it is products
of matrices, fixed ones for the sums, and so is the way back. With stride 2 only the gradient of the
kernels is taken otherwise: as one product of matrices.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_input

SIDES_PX: Final = (6, 12)
"""Of images that Winograd's algorithm is faster for: in larger ones the sums cost too much."""

FEWEST_CHANNELS: Final = 48
FEWEST_FACES: Final = 32
"""Of a batch: fewer do not repay the sums of the kernels."""

_TILE: Final = 6  # pixels of the result that are made together, in each direction
_PLACES: Final = _TILE + 2  # the tile with its border, and as many sums of it
_POINTS: Final = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)  # and infinity


class Conv3x3(nn.Conv2d):
    """A convolution of 3 x 3 with a border of zeros and no bias, faster in training on a CPU.

    In training alone, and in float32 alone: what comes out differs in the sixth digit, and a
    finished network should read the same everywhere.

    Args:
        inputs: channels of the image.
        outputs: channels of the result.
        stride: 1 or 2.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride=stride, padding=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
        if self.training and _repays(features):
            height, width = features.shape[2:]
            if self.stride == (1, 1) and height == width and height in SIDES_PX:
                return by_winograd(features, self.weight)
            if self.stride == (2, 2) and height % 2 == width % 2 == 0:
                return halved(features, self.weight)
        return super().forward(features)


def _repays(features: Tensor) -> bool:
    count, channels, _, _ = features.shape
    return (
        features.device.type == "cpu"
        and features.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and channels >= FEWEST_CHANNELS
        and count >= FEWEST_FACES
    )


def halved(features: Tensor, weight: Tensor) -> Tensor:
    """The convolution with kernels of 3 x 3, stride 2 and a border of zeros.

    Args:
        features: (N, C, H, W) float32, channels_last; H and W are even.
        weight: (D, C, 3, 3) float32.
    Returns:
        (N, D, H / 2, W / 2) float32, channels_last.
    """
    result: Tensor = _Halving.apply(features, weight)  # type: ignore[no-untyped-call]
    return result


class _Halving(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(features, weight)
        return F.conv2d(features, weight, stride=2, padding=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        features, weight = ctx.saved_tensors
        outputs, channels, _, _ = weight.shape
        of_features = conv2d_input(  # type: ignore[no-untyped-call]
            features.shape, weight, gradient, stride=2, padding=1
        )
        windows = F.pad(features, (1, 1, 1, 1)).unfold(2, 3, 2).unfold(3, 3, 2)
        seen = windows.permute(0, 2, 3, 4, 5, 1).reshape(-1, 9 * channels)  # row: of one pixel
        of_kernels = gradient.permute(1, 0, 2, 3).reshape(outputs, -1) @ seen
        return of_features, of_kernels.view(outputs, 3, 3, channels).permute(0, 3, 1, 2)


def by_winograd(features: Tensor, weight: Tensor) -> Tensor:
    """The convolution of square images with kernels of 3 x 3 and a border of zeros.

    Args:
        features: (N, C, S, S) float32, channels_last; S is one of `SIDES_PX`.
        weight: (D, C, 3, 3) float32.
    Returns:
        (N, D, S, S) float32, channels_last.
    """
    outputs, channels, _, _ = weight.shape
    matrices = _MATRICES[features.shape[2]]
    kernels = matrices.of_kernels @ weight.permute(2, 3, 0, 1).reshape(9, outputs * channels)
    result: Tensor = _Winograd.apply(  # type: ignore[no-untyped-call]
        features, kernels.view(-1, outputs, channels)
    )
    return result


class _Winograd(torch.autograd.Function):
    """Images to sums, times the sums of the kernels, and the products to images again."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, kernels: Tensor) -> Tensor:
        matrices = _MATRICES[features.shape[2]]
        sums = _sums_of(features, matrices.of_pixels)
        ctx.save_for_backward(sums, kernels)
        return _images_of(sums @ kernels.mT, matrices.to_pixels)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        sums, kernels = ctx.saved_tensors
        matrices = _MATRICES[gradient.shape[2]]
        products = _sums_of(gradient, matrices.to_pixels.T.contiguous())
        images = _images_of(products @ kernels, matrices.of_pixels.T.contiguous())
        return images, products.mT @ sums


def _sums_of(images: Tensor, matrix: Tensor) -> Tensor:
    """(N, C, S, S) -> (64, N * T * T, C): what meets the same sums of the kernels lies together."""
    count, channels, side, _ = images.shape
    tiles = side // _TILE
    rows = matrix @ images.permute(0, 2, 3, 1).reshape(count, side, side * channels)
    both = (matrix @ rows.view(-1, side, channels)).view(
        count, _PLACES, tiles, _PLACES, tiles, channels
    )
    return both.permute(1, 3, 0, 2, 4, 5).reshape(_PLACES**2, -1, channels)


def _images_of(sums: Tensor, matrix: Tensor) -> Tensor:
    """(64, N * T * T, C) -> (N, C, S, S), channels_last."""
    side, channels = len(matrix), sums.shape[2]
    tiles = side // _TILE
    both = sums.view(_PLACES, _PLACES, -1, tiles, tiles, channels).permute(2, 0, 3, 1, 4, 5)
    rows = matrix @ both.reshape(-1, _PLACES * tiles, channels)
    images = matrix @ rows.view(-1, _PLACES * tiles, side * channels)
    return images.view(-1, side, side, channels).permute(0, 3, 1, 2)


class _Matrices(NamedTuple):
    """The sums, for one side of S pixels that has T tiles; the order is places, then tiles."""

    of_pixels: Tensor  # (8 * T, S)
    of_kernels: Tensor  # (64, 9): for both directions
    to_pixels: Tensor  # (S, 8 * T)


def _matrices(side: int) -> _Matrices:
    """By Cook and Toom: polynomials are multiplied by multiplying their values at some points.

    That is a convolution; its transpose, with regard to one of the two, is what is wanted here.
    """
    values = np.array([[point**power for power in range(_PLACES)] for point in _POINTS])
    values = np.vstack([values, np.eye(_PLACES)[-1]])  # at infinity the highest power is the value
    of_kernel, back = np.vstack([values[:-1, :3], [0, 0, 1]]), values[:, :_TILE].T.copy()
    back[:, -1] = np.eye(_TILE)[-1]
    of_tile = np.linalg.inv(values).T
    largest = np.abs(of_tile).max(1, keepdims=True)  # so that no sum is large and none small
    of_tile, of_kernel = of_tile / largest, of_kernel * largest

    tiles = side // _TILE
    of_pixels = np.zeros((_PLACES, tiles, side + 2))
    to_pixels = np.zeros((side, _PLACES, tiles))
    for tile in range(tiles):
        start = tile * _TILE
        of_pixels[:, tile, start : start + _PLACES] = of_tile
        to_pixels[start : start + _TILE, :, tile] = back
    return _Matrices(
        torch.from_numpy(of_pixels[:, :, 1:-1].reshape(-1, side)).float(),  # the border is zeros
        torch.from_numpy(np.kron(of_kernel, of_kernel)).float(),
        torch.from_numpy(to_pixels.reshape(side, -1)).float(),
    )


_MATRICES: Final = {side: _matrices(side) for side in SIDES_PX}
