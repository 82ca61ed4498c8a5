"""Muon, and the momentum that it makes orthonormal."""

import copy
import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from learn_fixtures import tiny_network
from mien.learn.networks import Network, build
from mien.learn.training.muon import Muon, orthogonalised


def network(name: str = "paper") -> Network:
    torch.manual_seed(0)
    return build(name)


def with_gradients(of: Network, seed: int) -> Network:
    draws = torch.Generator().manual_seed(seed)
    for p in of.parameters():
        p.grad = torch.randn(p.shape, generator=draws)
    return of


@pytest.mark.parametrize("shape", [(3, 8, 40), (2, 40, 8), (1, 16, 16)])
def test_rows_or_columns_become_about_orthonormal(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 7.0
    found = orthogonalised(matrices).float()
    assert found.shape == shape
    values = torch.linalg.svdvals(found)
    small, large = 0.3 if shape[1] == shape[2] else 0.6, 1.3
    assert values.min() > small
    assert values.max() < large
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    nearest = left @ right
    alike = torch.cosine_similarity(found.flatten(1), nearest.flatten(1))
    assert alike.min() > 0.95


def test_a_matrix_alone_and_among_others_becomes_the_same() -> None:
    matrices = torch.randn(4, 6, 20, generator=torch.Generator().manual_seed(1))
    together = orthogonalised(matrices)
    for alone, expected in zip(matrices, together, strict=True):
        torch.testing.assert_close(orthogonalised(alone[None])[0], expected, rtol=0.05, atol=0.02)


def test_zeros_stay_zeros() -> None:
    assert torch.equal(orthogonalised(torch.zeros(1, 3, 5)), torch.zeros(1, 3, 5).bfloat16())


def test_kernels_move_by_the_same_length_and_heads_by_adamw() -> None:
    trained = network()
    optimizer = Muon(trained, lr=0.02, weight_decay=0.0)
    before = {name: p.detach().clone() for name, p in trained.named_parameters()}
    with_gradients(trained, 0)
    optimizer.step()
    moved = {name: p.detach() - before[name] for name, p in trained.named_parameters()}
    for name, move in moved.items():
        if name.startswith("trunk") and move.ndim > 1:
            rows, columns = len(move), move[0].numel()
            # Singular values of about one, times the rate and the share for tall matrices.
            expected = 0.02 * math.sqrt(min(rows, columns) * max(1.0, rows / columns))
            assert float(move.norm()) == pytest.approx(expected, rel=0.25), name
        else:
            # The first step of Adam goes as far as its learning rate, for each number.
            torch.testing.assert_close(move.abs(), torch.full_like(move, 0.02 * 0.08))


def test_weights_decay_by_the_rate_and_biases_do_not() -> None:
    trained = network()
    optimizer = Muon(trained, lr=0.5, weight_decay=0.1)
    before = {name: p.detach().clone() for name, p in trained.named_parameters()}
    for p in trained.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for name, p in trained.named_parameters():
        kept = 0.95 if name.startswith("trunk") and p.ndim > 1 else 1.0
        torch.testing.assert_close(p.detach(), before[name] * kept)


@pytest.fixture
def tiny() -> Iterator[str]:
    """A network whose kernels and dense layer are soon made orthonormal."""
    with tiny_network():
        yield "tiny"


@pytest.mark.parametrize("as_tensor", [False, True])
def test_its_state_goes_on_where_it_was(as_tensor: bool, tiny: str) -> None:
    def rate() -> float | Tensor:
        return torch.tensor(0.02) if as_tensor else 0.02

    whole = network(tiny)
    optimizer = Muon(whole, lr=rate())
    for seed in range(2):
        with_gradients(whole, seed)
        optimizer.step()

    first = network(tiny)
    half = Muon(first, lr=rate())
    with_gradients(first, 0)
    half.step()
    second = network(tiny)
    second.load_state_dict(first.state_dict())
    rest = Muon(second, lr=rate())
    rest.load_state_dict(copy.deepcopy(half.state_dict()))
    with_gradients(second, 1)
    rest.step()
    for name, p in second.named_parameters():
        assert torch.equal(p, whole.get_parameter(name)), name


def test_what_has_no_gradient_stays() -> None:
    trained = network()
    before = copy.deepcopy(trained.state_dict())
    Muon(trained, lr=0.02).step()
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())
