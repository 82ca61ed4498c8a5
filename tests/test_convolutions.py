import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mien.learn import convolutions
from mien.learn.convolutions import Conv3x3, by_winograd, halved
from mien.learn.networks import build


def _layer_and_images(
    stride: int, side: int, *, count: int = 33, dtype: torch.dtype = torch.float32
) -> tuple[Conv3x3, Tensor]:
    torch.manual_seed(0)
    layer = Conv3x3(48, 50, stride).to(dtype)
    images = torch.randn(count, 48, side, side, dtype=dtype)
    return layer, images.contiguous(memory_format=torch.channels_last).requires_grad_()


@pytest.mark.parametrize(("stride", "side"), [(1, 6), (1, 12), (2, 12), (2, 24)])
def test_results_and_gradients_are_those_of_the_library(stride: int, side: int) -> None:
    layer, images = _layer_and_images(stride, side)
    inputs = (images, layer.weight)
    result = (by_winograd if stride == 1 else halved)(*inputs)
    exact = F.conv2d(images.double(), layer.weight.double(), stride=stride, padding=1)
    weighting = torch.randn_like(exact)

    gradients = torch.autograd.grad(result, inputs, weighting.float())
    expected = torch.autograd.grad(exact, inputs, weighting)
    for got, wanted in zip((result, *gradients), (exact, *expected), strict=True):
        assert got.dtype == torch.float32
        assert float(((got - wanted).norm() / wanted.norm()).detach()) < 1e-5
    assert result.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("stride", "side", "name"), [(1, 12, "by_winograd"), (2, 24, "halved")])
def test_they_are_for_training_in_32_bits_with_large_batches(
    stride: int, side: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def watched(features: Tensor, weight: Tensor) -> Tensor:
        asked.append(name)
        return F.conv2d(features, weight, stride=stride, padding=1)

    monkeypatch.setattr(convolutions, name, watched)
    layer, images = _layer_and_images(stride, side)

    layer(images)
    assert asked == [name]
    layer.eval()(images)
    layer.train()(images[:8])
    layer(images[:, :, :-1])
    with torch.autocast("cpu", torch.bfloat16):
        layer(images)
    wide, wide_images = _layer_and_images(stride, side, dtype=torch.float64)
    wide(wide_images)
    assert asked == [name]


def test_a_finished_network_reads_as_it_would_without_them() -> None:
    layer, images = _layer_and_images(1, 12)
    expected = F.conv2d(images, layer.weight, padding=1)

    assert torch.equal(layer.eval()(images), expected)
    assert not torch.equal(layer.train()(images), expected)
    assert list(layer.state_dict()) == ["weight"]


def test_a_network_learns_from_them_what_it_would_without(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = build("se-resnet", mean=128.0, std=64.0).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    pixels = torch.rand(32, 1, 48, 48) * 255.0
    gradients: list[Tensor] = []
    for fewest in (32, 33):  # the second time no batch is large enough
        monkeypatch.setattr(convolutions, "FEWEST_FACES", fewest)
        torch.manual_seed(0)  # of dropout
        logits, _ = network.train()(pixels)
        loss = F.cross_entropy(logits, torch.arange(32) % 7)
        found = torch.autograd.grad(loss, list(network.parameters()))
        gradients.append(torch.cat([gradient.flatten() for gradient in found]))

    one, other = gradients
    assert not torch.equal(one, other)
    assert float((one - other).norm() / other.norm()) < 1e-2
