import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from learn_fixtures import STILL, seeded, some_pixels
from mien.learn.training.batches import Augmentation
from mien.learn.training.corruption import corrupt_by, corruption_draws

CUTS = replace(STILL, coarse_px=20, jpeg=40, shade=0.6, bars=0.3)


def corrupt(pixels: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    draws, noise = corruption_draws(len(pixels), augmentation, generator)
    return corrupt_by(pixels, draws, noise, augmentation)


def _spoilt(gray: Tensor, count: int = 1000, **ranges: float) -> Tensor:
    """(N, 48, 48): so many copies of an image, each spoilt in its own way."""
    copies = gray.expand(count, 1, 48, 48).contiguous()
    return corrupt(copies, replace(STILL, **ranges), seeded()).squeeze(1)  # type: ignore[arg-type]


def test_noise_is_of_the_range_in_half_of_the_faces() -> None:
    noise = _spoilt(torch.full((48, 48), 128.0), noise=12.0) - 128.0
    deviations = noise.flatten(1).std(1)

    assert 0.45 < float((deviations == 0.0).float().mean()) < 0.55
    there = deviations[deviations > 0.0]
    assert float(there.max()) == pytest.approx(12.0, abs=0.6)
    assert float(there.mean()) == pytest.approx(6.0, abs=0.5)
    assert abs(float(noise.mean())) < 0.05


def test_light_is_of_the_range_in_both_directions_in_half_of_the_faces() -> None:
    ramp = torch.linspace(100.0, 150.0, 48).expand(48, 48)
    brighter = _spoilt(ramp, brightness=60.0) - ramp
    stronger = _spoilt(ramp, contrast=0.5)

    lift = brighter.mean((1, 2))
    assert torch.allclose(brighter, lift[:, None, None].expand_as(brighter), atol=1e-3)
    assert 0.45 < float((lift == 0.0).float().mean()) < 0.55
    assert float(lift.min()) == pytest.approx(-60.0, abs=1.0)
    assert float(lift.max()) == pytest.approx(60.0, abs=1.0)
    assert torch.allclose(stronger.mean((1, 2)), torch.tensor(125.0), atol=1e-3)
    spread = (stronger[:, 0, -1] - stronger[:, 0, 0]) / 50.0
    assert 0.45 < float(((spread - 1.0).abs() < 1e-4).float().mean()) < 0.55
    assert float(spread.min()) == pytest.approx(0.5, abs=0.01)
    assert float(spread.max()) == pytest.approx(1.5, abs=0.01)


def test_blur_is_a_gaussian_up_to_the_range_in_half_of_the_faces() -> None:
    point = torch.zeros(48, 48)
    point[24, 20] = 255.0
    blurred = _spoilt(point, blur=1.5)
    places = torch.arange(48.0)

    mass = blurred.sum((1, 2))
    assert torch.allclose(mass, torch.tensor(255.0), atol=0.01)
    for profile, middle in ((blurred.sum(2), 24.0), (blurred.sum(1), 20.0)):
        assert torch.allclose((profile * places).sum(1) / 255.0, torch.tensor(middle), atol=1e-3)
        deviations = ((profile * (places - middle) ** 2).sum(1) / 255.0).sqrt()
        assert 0.45 < float((deviations < 0.01).float().mean()) < 0.6  # the least change no pixel
        assert float(deviations.max()) == pytest.approx(1.5, abs=0.03)


@pytest.mark.parametrize(
    "ranges", [replace(STILL, blur=2.0, brightness=200.0, contrast=1.0, noise=100.0), CUTS]
)
def test_spoilt_values_stay_within_the_image_and_come_from_the_generator_alone(
    ranges: Augmentation,
) -> None:
    one, again, other = (corrupt(some_pixels(), ranges, seeded(seed)) for seed in (0, 0, 1))

    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert float(one.min()) >= 0.0
    assert float(one.max()) <= 255.0
    assert ranges.corrupts
    assert not STILL.corrupts


def _changed(spoilt: Tensor, gray: Tensor) -> Tensor:
    """(N,) bool: which copies differ from the image."""
    return (spoilt - gray).abs().amax((1, 2)) > 0.01


def test_a_coarse_face_is_shrunk_by_areas_and_enlarged_in_half_of_the_faces() -> None:
    gray = some_pixels(1)[0, 0]
    draws = torch.zeros(21, 29)
    draws[9] = torch.linspace(0.0, 1.0, 29)  # 48 pixels, 47, ... 20
    coarse = corrupt_by(
        gray.expand(29, 1, 48, 48), draws, torch.empty(0), replace(STILL, coarse_px=20)
    )

    for side in (24, 48):  # where torch has the same
        small = F.interpolate(gray[None, None], size=(side, side), mode="area")
        expected = F.interpolate(small, size=(48, 48), mode="bilinear", align_corners=False)
        assert torch.allclose(coarse[48 - side], expected[0], atol=0.01)
    variances = coarse.var((1, 2, 3))
    assert float(variances[28]) < float(variances[14]) < float(variances[0])
    means = coarse.mean((1, 2, 3))
    assert torch.allclose(means, gray.mean().expand(29), atol=2.0)
    assert 0.4 < float(_changed(_spoilt(gray, coarse_px=20), gray).float().mean()) < 0.55


@pytest.mark.parametrize("quality", [40, 75, 95])
def test_jpeg_is_what_a_file_of_that_quality_has(quality: int) -> None:
    gray = some_pixels(1)[0, 0].round()
    draws = torch.zeros(21, 1)
    draws[11] = 1.0  # the lowest quality
    ours = corrupt_by(gray[None, None], draws, torch.empty(0), replace(STILL, jpeg=quality))
    buffer = io.BytesIO()
    Image.fromarray(gray.numpy().astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    theirs = torch.from_numpy(np.array(Image.open(buffer))).float()

    # The library's cosines are whole numbers.
    lost = float((theirs - gray).abs().mean())
    assert float((ours[0, 0] - theirs).abs().mean()) < 0.5 + 0.02 * lost
    assert lost > 1.0
    assert 0.4 < float(_changed(_spoilt(gray, jpeg=40), gray).float().mean()) < 0.6


def test_shade_darkens_evenly_or_from_one_side_up_to_the_share() -> None:
    gray = torch.full((48, 48), 200.0)
    shaded = _spoilt(gray, shade=0.6) / 200.0

    assert 0.45 < float(_changed(200.0 * shaded, gray).float().mean()) < 0.55
    assert float(shaded.max()) <= 1.0
    assert 0.4 <= float(shaded.min()) < 0.45
    down, right = shaded.diff(dim=1), shaded.diff(dim=2)
    for slopes in (down, right):  # of one face the same everywhere, and both ways
        assert torch.allclose(slopes, slopes[:, :1, :1].expand_as(slopes), atol=1e-4)
        assert float(slopes.min()) < -0.005
        assert float(slopes.max()) > 0.005


def test_bars_hide_the_eyes_or_the_mouth_of_their_share_of_the_faces() -> None:
    barred = _spoilt(torch.full((48, 48), 300.0), bars=0.3)  # a level that no bar has
    hidden = barred < 254.9
    there = hidden.flatten(1).any(1)

    assert 0.25 < float(there.float().mean()) < 0.35
    eyes, mouth = hidden[there, 17, 15:33].all(1), hidden[there, 36, 15:33].all(1)
    assert bool((eyes ^ mouth).all())
    assert 0.4 < float(eyes.float().mean()) < 0.6
    for mask in hidden[there][:20]:
        assert bool((mask == (mask.any(1)[:, None] & mask.any(0)[None, :])).all())


def test_without_it_nothing_more_is_drawn_than_before_it_was_there() -> None:
    draws, noise = corruption_draws(9, replace(STILL, blur=1.0, noise=3.0), seeded())
    generator = seeded()

    assert torch.equal(draws, torch.rand(8, 9, generator=generator))
    assert torch.equal(noise, torch.randn(9, 1, 48, 48, generator=generator))
    assert len(corruption_draws(9, CUTS, seeded())[0]) == 21
