from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from learn_fixtures import TINY, best_weights, interrupt_at, made_up_faces, same_run, same_weights
from mien.learn.networks import Network
from mien.learn.training.loop import train
from mien.learn.training.runs import read_checkpoint
from mien.learn.training.steps import update_average

pytestmark = pytest.mark.usefixtures("tiny")

FACES = made_up_faces()
AVERAGED = replace(TINY, ema=0.95)


def _network() -> Network:
    backbone = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.AdaptiveAvgPool2d(1))
    return Network(nn.Sequential(*backbone, nn.Flatten()), 2)


def _norm(network: Network) -> nn.BatchNorm2d:
    norm = network.backbone[1]  # type: ignore[index]
    assert isinstance(norm, nn.BatchNorm2d)
    return norm


def test_weights_and_statistics_are_averaged_with_the_decay() -> None:
    network = _network()
    average = AveragedModel(network, use_buffers=True)
    averaged = average.module
    assert isinstance(averaged, Network)
    expected: list[float] = []
    for value in (1.0, 5.0, 2.0):
        with torch.no_grad():
            network.head.bias.fill_(value)
            _norm(network).running_mean.fill_(-value)  # type: ignore[union-attr]
        update_average(average, network, 0.2)
        # The first is taken as it is; then 2/11 and 3/12 are below .2 and above it.
        kept = min(0.2, (1 + len(expected)) / (10 + len(expected)))
        expected.append(kept * expected[-1] + (1 - kept) * value if expected else value)
        assert averaged.head.bias.tolist() == pytest.approx([expected[-1]] * 7)
        assert _norm(averaged).running_mean.tolist() == pytest.approx([-expected[-1]] * 2)  # type: ignore[union-attr]

    assert float(averaged.std) == 255.0


def test_val_chooses_among_averages_and_best_holds_one(tmp_path: Path) -> None:
    averaging, without = (replace(recipe, epochs=1) for recipe in (AVERAGED, TINY))
    averaged = train(FACES, averaging, tmp_path / "averaged", device="cpu")
    plain = train(FACES, without, tmp_path / "plain", device="cpu")
    last = read_checkpoint(tmp_path / "averaged" / "last.pt")
    best = best_weights(tmp_path / "averaged")

    # The network trains as without it; what val sees is another.
    assert [row.loss for row in averaged.history] == [row.loss for row in plain.history]
    assert [row.val_loss for row in averaged.history] != [row.val_loss for row in plain.history]
    stored = {
        name.removeprefix("module."): value
        for name, value in last["average"].items()
        if name.startswith("module.")
    }
    assert same_weights(best, stored)
    assert not same_weights(best, last["network"])


def test_a_run_with_an_average_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    interrupt, recipe = interrupt_at((2, 10)), replace(AVERAGED, epochs=2)
    whole = train(FACES, recipe, tmp_path / "whole", device="cpu")
    stopped = train(FACES, recipe, tmp_path / "run", device="cpu", report=interrupt)
    resumed = train(FACES, recipe, tmp_path / "run", device="cpu", resume=True)

    assert not stopped.finished
    assert same_run(resumed, whole)
