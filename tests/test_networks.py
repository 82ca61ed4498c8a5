import math

import pytest
import torch
from torch import Tensor, nn

from mien.learn.networks import ACTIVATIONS, POOLINGS, BackboneOptions, build, macs

PAPER_PARAMETERS = 2_489_095


def _layers(network: nn.Module, *kinds: type[nn.Module]) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, kinds)]


def _pixels(count: int = 2) -> Tensor:
    return torch.rand(count, 1, 48, 48, generator=torch.Generator().manual_seed(0)) * 255.0


def test_the_head_for_the_votes_is_a_help_that_is_not_counted() -> None:
    network = build("paper", votes=8).eval()
    logits, votes = network(_pixels())

    assert network.parameter_count() == PAPER_PARAMETERS
    assert logits.shape == (2, 7)
    assert votes is not None
    assert votes.shape == (2, 8)
    assert build("paper").eval()(_pixels())[1] is None
    other = build("paper", classes=8).eval()
    assert other(_pixels())[0].shape == (2, 8)
    assert other.parameter_count() == PAPER_PARAMETERS + 513


def test_normalization_is_inside() -> None:
    plain = build("paper", mean=0.0, std=1.0).eval()
    normalizing = build("paper", mean=129.5, std=65.0).eval()
    normalizing.backbone.load_state_dict(plain.backbone.state_dict())
    normalizing.head.load_state_dict(plain.head.state_dict())
    pixels = _pixels()

    expected, _ = plain((pixels - 129.5) / 65.0)
    assert torch.allclose(normalizing(pixels)[0], expected, atol=1e-5)
    plain.load_state_dict(normalizing.state_dict())  # it travels with the weights
    assert torch.equal(plain(pixels)[0], normalizing(pixels)[0])


def test_weights_start_as_keras_starts_them() -> None:
    torch.manual_seed(0)  # in float32 a draw may lie beyond the range by its rounding
    for layer in _layers(build("paper", votes=8), nn.Conv2d, nn.Linear):
        weight, bias = (p.detach() for p in layer.parameters())
        fans = math.prod(weight.shape[2:]) * (weight.shape[0] + weight.shape[1])
        assert not bias.any()
        assert 0.9 * math.sqrt(6 / fans) < float(weight.abs().max()) <= math.sqrt(6 / fans)


def test_dropout_is_active_in_training_alone() -> None:
    network = build("paper", options=BackboneOptions(dropout=0.5, dense_dropout=0.5))
    pixels = _pixels()

    assert not torch.equal(network.train()(pixels)[0], network(pixels)[0])
    assert torch.equal(network.eval()(pixels)[0], network(pixels)[0])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_activation_and_pooling_leave_the_parameters_and_change_the_reading(
    activation: str, pooling: str
) -> None:
    plain = build("paper").eval()
    varied = build("paper", options=BackboneOptions(activation=activation, pooling=pooling)).eval()
    for kind in (nn.Conv2d, nn.Linear):
        for layer, same in zip(_layers(varied, kind), _layers(plain, kind), strict=True):
            layer.load_state_dict(same.state_dict())

    assert varied.parameter_count() == PAPER_PARAMETERS
    equal = torch.allclose(varied(_pixels())[0], plain(_pixels())[0])
    assert equal == ((activation, pooling) == ("relu", "max"))


def test_the_network_in_the_box_keeps_to_the_papers_budget_and_its_teacher_is_larger() -> None:
    box, large = (build(name, votes=8).eval() for name in ("se-resnet", "se-resnet-large"))

    assert sum(p.numel() for p in box.parameters()) <= 2_500_000
    assert macs(box) <= 300_000_000
    assert 10_000_000 < large.parameter_count() < 12_000_000
    assert 4.0 < large.parameter_count() / box.parameter_count() < 5.5
    assert macs(large) > 5 * macs(box)
