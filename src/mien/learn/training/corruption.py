"""What cameras, files and things before a face do to an image of it, a whole batch at once."""

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from mien.learn.training.batches import MAX_QUALITY, Augmentation
from mien.recognize.crops import SIZE_PX

_OLD: Final = 8  # draws for each face, whether and how far: blur, brightness, contrast, noise
_CUT: Final = 13  # coarse 2, jpeg 2, shade 4, bars 5; drawn where one of them is asked for

# Of the luminance, ITU-T T.81, Table K.1: rows are frequencies downwards, columns to the right.
_QUANTISATION: Final = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_BLOCK: Final = len(_QUANTISATION)


def corruption_draws(
    count: int, augmentation: Augmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """(K, count) float32, 0 to 1, and (count, 1, 48, 48) of mean 0 and standard deviation 1.

    All that chance decides in `corrupt_by`; without noise the second has no faces.
    """
    device = generator.device
    kinds = _OLD + _CUT * augmentation.cuts
    draws = torch.rand(kinds, count, generator=generator, device=device)
    noisy = count if augmentation.noise else 0
    shape = (noisy, 1, SIZE_PX, SIZE_PX)
    return draws, torch.randn(shape, generator=generator, device=device)


def corrupt_by(pixels: Tensor, draws: Tensor, noise: Tensor, augmentation: Augmentation) -> Tensor:
    """What comes between a face and its crop, in the order in which it does.

    Bars and light are before the camera; blur, coarse pixels, contrast, brightness and noise are
    its own; JPEG is of the file. It leaves nothing to chance, so that it can be compiled.

    Args:
        pixels: (N, 1, 48, 48) float32.
        draws: (K, N) float32, of `corruption_draws`.
        noise: (N, 1, 48, 48) float32, likewise.
        augmentation: the ranges.
    Returns:
        (N, 1, 48, 48) float32, within 0 to 255.
    """
    cut = draws[_OLD:]
    if augmentation.bars:
        pixels = _barred(pixels, augmentation.bars, cut[8:])
    if augmentation.shade:
        pixels = _shaded(pixels, augmentation.shade, cut[4:8])
    happens = (draws[:_OLD:2] < 0.5).to(pixels.dtype)  # (4, N)
    far = draws[1:_OLD:2, :, None, None, None] * happens[:, :, None, None, None]  # (4, N, 1, 1, 1)
    # From 0 to 1, or from -1 to 1 where it goes both ways; 0 where it does not happen.
    blur, grain = far[0], far[3]
    brighter, stronger = 2.0 * far[1:3] - happens[1:3, :, None, None, None]
    if augmentation.blur:
        pixels = _blurred(pixels, augmentation.blur * blur.flatten(), augmentation.blur)
    if augmentation.coarse_px:
        pixels = _coarse(pixels, augmentation.coarse_px, cut[:2])
    if augmentation.contrast:
        mean = pixels.mean((1, 2, 3), keepdim=True)
        pixels = mean + (1.0 + augmentation.contrast * stronger) * (pixels - mean)
    if augmentation.brightness:
        pixels = pixels + augmentation.brightness * brighter
    if augmentation.noise:
        pixels = pixels + augmentation.noise * grain * noise
    pixels = pixels.clamp(0.0, 255.0)
    if augmentation.jpeg:
        pixels = _compressed(pixels, augmentation.jpeg, cut[2:4])
    return pixels.contiguous(memory_format=torch.channels_last)


def _blurred(pixels: Tensor, sigmas: Tensor, highest: float) -> Tensor:
    """Each face through a Gaussian of its own, (N,) pixels wide; 0 leaves it as it is."""
    count, _, height, width = pixels.shape
    reach = max(1, math.ceil(3.0 * highest))
    away = torch.arange(-reach, reach + 1, device=pixels.device, dtype=pixels.dtype)
    kernels = (-0.5 * (away / sigmas.clamp(min=1e-2)[:, None]) ** 2).exp()
    kernels = (kernels / kernels.sum(1, keepdim=True)).view(count, 1, -1, 1)
    side = F.pad(pixels.view(1, count, height, width), (reach,) * 4, mode="replicate")
    down = F.conv2d(side, kernels, groups=count)
    across = F.conv2d(down, kernels.transpose(2, 3), groups=count)
    return across.view(count, 1, height, width)


def _barred(pixels: Tensor, probability: float, draws: Tensor) -> Tensor:
    """A bar of one gray level over the eyes, as of dark glasses, or from the nose down, as a mask.

    Where FER2013's faces have their eyes and mouths: at .37 and .75 of the height (LOG.md).
    """
    barred, mask, place, thickness, gray = draws[:, :, None]  # (N, 1) each
    barred, mask = barred < probability, mask < 0.5
    top = torch.where(mask, 0.52 + 0.12 * place, 0.22 + 0.08 * place)
    bottom = torch.where(mask, 1.0, top + 0.16 + 0.1 * thickness)
    margin = torch.where(mask, 0.1 + 0.1 * thickness, 0.05 * thickness)  # left and right of it
    y = (torch.arange(SIZE_PX, device=pixels.device) + 0.5) / SIZE_PX
    rows = (y > top) & (y < bottom) & barred  # (N, H)
    columns = (y - 0.5).abs() < 0.5 - margin  # (N, W)
    inside = (rows[:, :, None] & columns[:, None, :])[:, None]
    level = 255.0 * torch.where(mask, gray, 0.25 * gray)
    return torch.where(inside, level[:, :, None, None], pixels)


def _shaded(pixels: Tensor, most: float, draws: Tensor) -> Tensor:
    """Darker by up to a share `most`: all of the face, or rising from one side to the other."""
    happens, far, direction, even = draws[:, :, None, None]  # (N, 1, 1) each
    angle = 2.0 * math.pi * direction
    x = torch.linspace(-1.0, 1.0, SIZE_PX, device=pixels.device)
    across = x * angle.cos() + x[:, None] * angle.sin()  # (N, H, W)
    reach = angle.cos().abs() + angle.sin().abs()  # in the corners
    dark = even + (1.0 - even) * 0.5 * (1.0 + across / reach)
    light: Tensor = 1.0 - most * far * (happens < 0.5) * dark
    return pixels * light[:, None]


def _coarse(pixels: Tensor, fewest: int, draws: Tensor) -> Tensor:
    """Each face as if it had been fewer pixels wide: means of areas, then bilinear enlargement."""
    sides = (SIZE_PX - draws[1] * (SIZE_PX - fewest)).round()
    sides = torch.where(draws[0] < 0.5, sides, SIZE_PX)[:, None, None]  # (N, 1, 1)
    here = torch.arange(SIZE_PX, device=pixels.device, dtype=pixels.dtype)
    small, large = here[:, None], here  # rows and columns of the matrices
    width = SIZE_PX / sides  # of a small pixel, in large ones
    covered = torch.minimum((small + 1) * width, large + 1) - torch.maximum(small * width, large)
    shrink = covered.clamp(min=0.0) / width  # (N, small, large); rows from `sides` on are unused
    place = ((small + 0.5) / width - 0.5).clamp(min=0.0)  # of a large pixel among the small ones
    place = torch.minimum(place, sides - 1)
    enlarge = (1.0 - (place - large).abs()).clamp(min=0.0)  # (N, large, small)
    both = (enlarge @ shrink)[:, None]
    return both @ pixels @ both.mT


def _compressed(pixels: Tensor, lowest: int, draws: Tensor) -> Tensor:
    """As JPEG leaves the luminance: 8 x 8 cosine transforms with rounded coefficients.

    The table is scaled by the quality as the Independent JPEG Group's library does.
    """
    frequency = torch.arange(_BLOCK, device=pixels.device, dtype=pixels.dtype)
    cosines = ((2.0 * frequency + 1.0) * frequency[:, None] * math.pi / (2 * _BLOCK)).cos() * 0.5
    cosines = torch.where(frequency[:, None] == 0, math.sqrt(0.125), cosines)  # (frequency, place)
    quality = (MAX_QUALITY - draws[1] * (MAX_QUALITY - lowest)).round()
    scale = torch.where(quality < 50.0, 50.0 / quality, 2.0 - quality / 50.0)
    table = torch.tensor(_QUANTISATION, device=pixels.device, dtype=pixels.dtype)
    table = (table * scale[:, None, None, None, None] + 0.5).floor().clamp(1.0, 255.0)
    across = SIZE_PX // _BLOCK
    blocks = pixels.view(-1, across, _BLOCK, across, _BLOCK).transpose(2, 3)  # (N, 6, 6, 8, 8)
    coefficients = cosines @ (blocks - 128.0) @ cosines.mT
    back = cosines.mT @ ((coefficients / table).round() * table) @ cosines
    back = (back + 128.0).round().clamp(0.0, 255.0).transpose(2, 3).reshape(pixels.shape)
    return torch.where(draws[0, :, None, None, None] < 0.5, back, pixels)
