"""A split of the data set on its device, and the augmentation of a whole batch at once."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mien.errors import OptionError, check_number
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.recognize.crops import SIZE_PX

MAX_BLUR: Final = 8.0  # pixels: more leaves nothing of a face of 48 x 48
MIN_COARSE_PX: Final = 8
MAX_QUALITY: Final = 95

_QUANTILES: Final = 4096
_MOVES: Final = 4  # draws for each face: angle, zoom, shift to the right, shift down
_ERASING: Final = 6  # whether, area, stretch, center down, center to the right, gray level


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a face before the network sees it; each draw is uniform.

    The paper names rotation, flip and zoom and gives no ranges. What cameras do, from `blur` on,
    happens to half of the faces each (but `bars`), and teachers are shown the face without it.
    """

    rotation_deg: float = 10.0  # up to this many degrees either way
    zoom: float = 0.1  # scaled by 1 - zoom to 1 + zoom
    shift: float = 0.1  # moved by up to this fraction of the width and of the height
    flip: bool = True  # mirrored left to right, half of the time
    erasing: float = 0.0  # probability that a rectangle is painted over with one gray level
    blur: float = 0.0  # Gaussian, of a standard deviation up to so many pixels
    brightness: float = 0.0  # up to so many gray levels either way
    contrast: float = 0.0  # made 1 - contrast to 1 + contrast times as strong
    noise: float = 0.0  # Gaussian, of a standard deviation up to so many gray levels
    coarse_px: int = 0  # shrunk to as few pixels as that, and enlarged again; 0: never
    jpeg: int = 0  # compressed, with a quality down to that (of 1 to 95); 0: never
    shade: float = 0.0  # darkened by up to that share, evenly or to one side
    bars: float = 0.0  # probability that dark glasses hide the eyes, or a mask the mouth

    def __post_init__(self) -> None:
        moves = ("rotation_deg", "zoom", "shift")
        for name in (*moves, "blur", "brightness", "contrast", "noise"):
            check_number(name, getattr(self, name), finite=True)
        if not self.zoom < 1.0:
            raise OptionError(f"expected below 1; got {self.zoom}", argument="zoom")
        if not self.blur <= MAX_BLUR:
            raise OptionError(f"expected 0 to {MAX_BLUR:g}; got {self.blur}", argument="blur")
        for name in ("erasing", "contrast", "shade", "bars"):
            check_number(name, getattr(self, name), 0, 1)
        for name, low, high in (("coarse_px", MIN_COARSE_PX, SIZE_PX), ("jpeg", 1, MAX_QUALITY)):
            if (got := getattr(self, name)) and not low <= got <= high:
                raise OptionError(f"expected 0, or {low} to {high}; got {got}", argument=name)

    @property
    def corrupts(self) -> bool:
        """Whether it does what cameras do."""
        return self.cuts or max(self.blur, self.brightness, self.contrast, self.noise) > 0.0

    @property
    def cuts(self) -> bool:
        """Whether it does what comes with faces that are cut from photos."""
        return max(self.coarse_px, self.jpeg, self.shade, self.bars) > 0.0


@dataclass(frozen=True)
class Batch:
    """Some faces on the device they are trained on."""

    pixels: Tensor  # (N, 1, 48, 48) float32, gray levels 0 to 255
    targets: Tensor  # (N,) int64; of blended faces (N, 7) float32, shares that sum to 1
    votes: Tensor | None  # (N, 8) float32, shares of the FER+ votes; a row of zeros has none

    def part(self, rows: Tensor | slice) -> "Batch":
        """The faces of those rows."""
        votes = None if self.votes is None else self.votes[rows]
        return Batch(self.pixels[rows], self.targets[rows], votes)


class Batches:
    """One split, whole, on its device: bytes there, floats only a batch at a time.

    Args:
        faces: the split.
        votes: also hold the FER+ votes.
        device: where the arrays live and the batches are made.
    """

    def __init__(self, faces: FaceSet, *, votes: bool = False, device: torch.device) -> None:
        self.images = torch.from_numpy(faces.images)[:, None].to(device)  # (N, 1, 48, 48) uint8
        self.targets = torch.from_numpy(faces.targets).to(device)  # (N,) int64
        self.votes = None
        if votes:
            self.votes = torch.from_numpy(faces.vote_shares()).to(device)  # (N, 8) float32

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: Tensor | slice) -> Batch:
        """The faces of those rows, as they are in the data set."""
        pixels = self.images[rows].to(torch.float32).contiguous(memory_format=torch.channels_last)
        votes = None if self.votes is None else self.votes[rows]
        return Batch(pixels, self.targets[rows], votes)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Every face once, in the data set's order."""
        for start in range(0, len(self), batch_size):
            yield self.take(slice(start, start + batch_size))


def epoch_order(count: int, *, seed: int, epoch: int) -> Tensor:
    """(count,) int64: the order of one epoch, a function of seed and epoch alone."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(count, generator=generator)


def split_order(order: Tensor, batch_size: int, *, fill: bool) -> tuple[Tensor, ...]:
    """The rows of each batch of an epoch.

    Args:
        order: (count,) int64, of `epoch_order`.
        batch_size: faces in each batch.
        fill: the last batch, which may be smaller, is filled up with faces from the front, which
            then come twice: compiled code is for one size of batch.
    """
    if fill:
        full = math.ceil(len(order) / batch_size) * batch_size
        order = order.repeat(math.ceil(full / len(order)))[:full]
    return torch.split(order, batch_size)


def share_of(count: int, *, rank: int, processes: int) -> slice:
    """Which of a batch's faces one process works on: a run of neighbors, as even as can be.

    With fewer faces than processes some of the shares are empty.
    """
    return slice(rank * count // processes, (rank + 1) * count // processes)


def augmentation_draws(
    count: int, augmentation: Augmentation, generator: torch.Generator
) -> Tensor:
    """(K, count) float32, 0 to 1: all that chance decides in the augmentation of a batch."""
    kinds = _MOVES + augmentation.flip + _ERASING * (augmentation.erasing > 0)
    return torch.rand(kinds, count, generator=generator, device=generator.device)


def augment_by(pixels: Tensor, draws: Tensor, augmentation: Augmentation) -> Tensor:
    """Rotate, zoom, shift and mirror each face by amounts of its own, in one resampling; erase.

    It leaves nothing to chance, so that it can be compiled.

    Args:
        pixels: (N, 1, 48, 48) float32.
        draws: (K, N) float32, of `augmentation_draws`.
        augmentation: the ranges.
    Returns:
        (N, 1, 48, 48) float32. What lies outside the image repeats its border, as Keras does.
    """
    angle = _between(-1.0, 1.0, draws[0]) * math.radians(augmentation.rotation_deg)
    zoom = _between(1.0 - augmentation.zoom, 1.0 + augmentation.zoom, draws[1])
    # affine_grid's frame runs from -1 to 1, so a shift by the whole width is 2.
    shift_x = _between(-2.0, 2.0, draws[2]) * augmentation.shift
    shift_y = _between(-2.0, 2.0, draws[3]) * augmentation.shift
    mirror = torch.ones_like(angle)
    if augmentation.flip:
        mirror = torch.where(draws[_MOVES] < 0.5, -1.0, 1.0)
    cosine, sine = angle.cos() / zoom, angle.sin() / zoom
    rows = (cosine * mirror, -sine, shift_x, sine * mirror, cosine, shift_y)
    theta = torch.stack(rows, dim=1).view(len(pixels), 2, 3)
    grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)  # (N, 48, 48, 2)
    moved = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    if augmentation.erasing:
        moved = _erase(moved, augmentation.erasing, draws[-_ERASING:])
    return moved.contiguous(memory_format=torch.channels_last)


def _between(low: float, high: float, draw: Tensor) -> Tensor:
    return low + (high - low) * draw


def _erase(pixels: Tensor, probability: float, draws: Tensor) -> Tensor:
    """Random erasing (Zhong et al. 2017, arXiv:1708.04896): a rectangle becomes one gray level.

    It has 2 to 20 % of the area and is up to 3.3 times as long as wide; its center lies anywhere,
    so that the image's edge may cut it.
    """
    _, _, height, width = pixels.shape
    erased, area, longer, center_y, center_x, gray = draws[:, :, None]  # (N, 1) each
    erased = erased < probability
    half_side = 0.5 * _between(0.02, 0.2, area).sqrt()
    stretch = (0.5 * math.log(3.3) * _between(-1.0, 1.0, longer)).exp()
    y = (torch.arange(height, device=pixels.device) + 0.5) / height
    x = (torch.arange(width, device=pixels.device) + 0.5) / width
    rows = ((y - center_y).abs() < half_side * stretch) & erased  # (N, H)
    columns = (x - center_x).abs() < half_side / stretch  # (N, W)
    inside = (rows[:, :, None] & columns[:, None, :])[:, None]  # (N, 1, H, W)
    return torch.where(inside, 255.0 * gray[:, :, None, None], pixels)


class Mixup:
    """Blends each face with another of its batch, and what they show likewise.

    After Zhang et al. 2017, arXiv:1710.09412, with a share drawn for each face, which is the one
    of its own: at least a half, and the larger of lambda and 1 - lambda in the paper's words.

    Args:
        alpha: both parameters of the Beta distribution that lambda comes from; above 0.
        device: where the batches are.
    """

    def __init__(self, alpha: float, *, device: torch.device) -> None:
        from scipy.special import betaincinv

        # Quantiles, since torch has no Beta distribution that takes a generator.
        levels = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
        quantiles = betaincinv(alpha, alpha, levels)
        own = np.maximum(quantiles, 1.0 - quantiles).astype(np.float32)
        self.own_shares = torch.from_numpy(own).to(device)

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """`blended`, with a generator on the device of the batch."""
        own, partner = self.draw(len(batch.targets), generator)
        return blended(batch, batch.part(partner), own)

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(count,) float32, each face's own share, and (count,) int64, the face beside it."""
        device = self.own_shares.device
        draw = torch.randint(_QUANTILES, (count,), generator=generator, device=device)
        partner = torch.randperm(count, generator=generator, device=device)
        return self.own_shares[draw], partner


def blended(batch: Batch, others: Batch, own: Tensor) -> Batch:
    """Each face of a batch blended with one of another, by (N,) `own` shares, and what it shows."""
    own = own[:, None]

    def blend(one: Tensor, other: Tensor, share: Tensor = own) -> Tensor:
        return share * one + (1.0 - share) * other

    shown = (F.one_hot(of.targets, len(EMOTIONS)).to(torch.float32) for of in (batch, others))
    votes = None
    if batch.votes is not None and others.votes is not None:
        votes = blend(batch.votes, others.votes)
    pixels = blend(batch.pixels, others.pixels, own[:, :, None, None])
    return Batch(pixels.contiguous(memory_format=torch.channels_last), blend(*shown), votes)
