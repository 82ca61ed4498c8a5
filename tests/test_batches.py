import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from learn_fixtures import STILL, made_up_faces, seeded, some_pixels
from mien.errors import OptionError
from mien.learn.training.batches import (
    Augmentation,
    Batches,
    Mixup,
    augment_by,
    augmentation_draws,
    epoch_order,
    split_order,
)

CPU = torch.device("cpu")


def augment(pixels: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    draws = augmentation_draws(len(pixels), augmentation, generator)
    return augment_by(pixels, draws, augmentation)


def _spots(count: int, *, x: float, y: float) -> Tensor:
    """(N, 1, 48, 48): a soft bright spot at that place, in pixels from the middle."""
    places = torch.arange(48.0) - 23.5
    spot = torch.exp(-((places[None, :] - x) ** 2 + (places[:, None] - y) ** 2) / 8.0)
    return spot.expand(count, 1, 48, 48).contiguous()


def _centers(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """x and y of each image's center of mass, in pixels from the middle."""
    places = torch.arange(48.0) - 23.5
    mass = pixels.sum(dim=(1, 2, 3))
    return (
        (pixels.sum(dim=(1, 2)) * places).sum(1) / mass,
        (pixels.sum(dim=(1, 3)) * places).sum(1) / mass,
    )


def test_augmentation_without_ranges_leaves_the_faces_as_they_are() -> None:
    pixels = some_pixels()

    assert torch.allclose(augment(pixels, STILL, seeded()), pixels, atol=0.01)


def test_about_half_of_the_faces_are_mirrored_and_nothing_else() -> None:
    pixels = some_pixels(1).expand(400, 1, 48, 48)
    moved = augment(pixels, Augmentation(0.0, 0.0, 0.0, flip=True), seeded())

    as_is = (moved - pixels).abs().amax(dim=(1, 2, 3)) < 0.01
    mirrored = (moved - pixels.flip(3)).abs().amax(dim=(1, 2, 3)) < 0.01
    assert bool((as_is ^ mirrored).all())
    assert 150 < int(mirrored.sum()) < 250


def test_moves_reach_their_range_in_both_directions_and_no_further() -> None:
    def moved(x: float, turn: float, zoom: float, shift: float) -> tuple[Tensor, Tensor]:
        spots = _spots(300, x=x, y=0.0)
        return _centers(augment(spots, Augmentation(turn, zoom, shift, flip=False), seeded()))

    for places in moved(0.0, 0.0, 0.0, 0.1):
        assert -4.85 < float(places.min()) < -4.0
        assert 4.0 < float(places.max()) < 4.85

    x, y = moved(12.0, 10.0, 0.0, 0.0)
    angle_deg = torch.atan2(y, x) * 180 / math.pi
    assert -10.2 < float(angle_deg.min()) < -9.0
    assert 9.0 < float(angle_deg.max()) < 10.2
    assert torch.allclose(torch.hypot(x, y), torch.tensor(12.0), atol=0.1)

    x, y = moved(12.0, 0.0, 0.1, 0.0)
    assert 0.89 < float(x.min()) / 12.0 < 0.92
    assert 1.08 < float(x.max()) / 12.0 < 1.11
    assert torch.allclose(y, torch.zeros_like(y), atol=0.05)


def test_augmented_values_stay_within_the_image() -> None:
    pixels = some_pixels()
    moved = augment(pixels, Augmentation(), seeded())

    assert moved.shape == pixels.shape
    assert float(moved.min()) >= float(pixels.min()) - 0.01
    assert float(moved.max()) <= float(pixels.max()) + 0.01
    plain = torch.full((20, 1, 48, 48), 200.0)  # what comes in at the border repeats it
    assert torch.allclose(augment(plain, Augmentation(), seeded()), plain, atol=0.01)


def test_augmentation_is_drawn_from_the_generator_alone() -> None:
    pixels, augmentation = some_pixels(), Augmentation(erasing=0.5)
    first, again, other = (augment(pixels, augmentation, seeded(s)) for s in (1, 1, 2))

    assert augmentation_draws(9, augmentation, seeded()).shape == (11, 9)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    "ranges",
    [
        {"rotation_deg": -1.0},
        {"zoom": 1.0},
        {"shift": float("nan")},
        {"blur": 9.0},
        {"coarse_px": 49},
        {"jpeg": 96},
        {"shade": 1.1},
    ],
)
def test_ranges_that_make_no_sense_are_refused(ranges: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(ranges))):
        Augmentation(**ranges)


def test_the_order_of_an_epoch_is_a_permutation_of_its_own() -> None:
    order = epoch_order(100, seed=3, epoch=1)

    assert sorted(order.tolist()) == list(range(100))
    assert torch.equal(order, epoch_order(100, seed=3, epoch=1))
    assert not torch.equal(order, epoch_order(100, seed=3, epoch=2))
    assert not torch.equal(order, epoch_order(100, seed=4, epoch=1))


@pytest.mark.parametrize("batch_size", [1, 5, 14, 1000])
def test_in_order_gives_every_face_once(batch_size: int) -> None:
    faces = made_up_faces(train=2, val=0, test=0)
    batches = list(Batches(faces, device=CPU).in_order(batch_size))

    pixels = torch.cat([batch.pixels for batch in batches])
    assert torch.equal(pixels[:, 0], torch.from_numpy(faces.images).float())
    assert all(len(batch.targets) <= batch_size for batch in batches)


def test_take_keeps_faces_labels_and_votes_together() -> None:
    faces = made_up_faces(train=2, val=0, test=0, votes=True)
    rows = torch.tensor([9, 0, 4])
    batch = Batches(faces, votes=True, device=CPU).take(rows)

    assert torch.equal(batch.pixels[:, 0], torch.from_numpy(faces.images[rows.numpy()]).float())
    assert batch.targets.tolist() == faces.targets[rows.numpy()].tolist()
    assert batch.votes is not None
    assert torch.equal(batch.votes, torch.from_numpy(faces.vote_shares()[rows.numpy()]))
    assert Batches(faces, device=CPU).take(rows).votes is None


def test_erasing_paints_one_rectangle_of_one_gray_level_over_its_share_of_the_faces() -> None:
    pixels = torch.full((2000, 1, 48, 48), 300.0)  # a level that no rectangle has
    erased = augment(pixels, replace(STILL, erasing=0.25), seeded()) < 299.0

    areas = erased.float().mean(dim=(1, 2, 3))
    assert 0.2 < float((areas > 0.0).float().mean()) < 0.3
    assert float(areas.max()) < 0.23
    for mask in erased[areas > 0.0][:20, 0]:
        rows, columns = mask.any(1), mask.any(0)
        assert bool((mask == (rows[:, None] & columns[None, :])).all())


def test_mixup_blends_faces_emotions_and_votes_by_the_same_shares() -> None:
    faces = Batches(made_up_faces(votes=True), votes=True, device=CPU).take(torch.tensor([0, 1]))
    black_and_white = torch.tensor([0.0, 100.0])[:, None, None, None].expand(2, 1, 48, 48)
    batch = replace(faces, pixels=black_and_white)
    assert batch.votes is not None
    mixup, generator = Mixup(1.0, device=CPU), seeded()

    of_the_other = []
    for _ in range(20):
        found = mixup(batch, generator)
        pixels, shown, votes = found.pixels, found.targets, found.votes
        assert votes is not None
        share = float(pixels[0].mean()) / 100.0  # of the white one in the black one
        assert float(pixels[0].std()) == 0.0
        assert float(shown[0, batch.targets[1]]) == pytest.approx(share, abs=1e-6)
        assert float(shown[0, batch.targets[0]]) == pytest.approx(1.0 - share, abs=1e-6)
        assert torch.allclose(votes[0], (1.0 - share) * batch.votes[0] + share * batch.votes[1])
        of_the_other.append(share)
    assert max(of_the_other) > 0.3
    assert max(of_the_other) <= 0.5  # each face stays the larger part of itself


def test_mixup_with_a_small_alpha_leaves_most_faces_nearly_alone() -> None:
    shares = Mixup(0.2, device=CPU).own_shares

    assert float(shares.min()) >= 0.5
    assert 0.85 < float(shares.mean()) < 0.95  # E[max(lambda, 1 - lambda)] of Beta(.2, .2) is .9


@pytest.mark.parametrize(("count", "size"), [(10, 4), (12, 4), (3, 8), (1, 3)])
def test_an_epoch_can_be_filled_up_to_whole_batches(count: int, size: int) -> None:
    order = epoch_order(count, seed=0, epoch=1)
    plain, filled = split_order(order, size, fill=False), split_order(order, size, fill=True)

    assert torch.equal(torch.cat(plain), order)
    assert {len(rows) for rows in filled} == {size}
    assert len(filled) == len(plain)
    assert torch.equal(torch.cat(filled)[:count], order)
    assert set(torch.cat(filled).tolist()) == set(range(count))
