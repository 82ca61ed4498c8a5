"""An average of a network's weights over its last steps."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from mien.learn.networks import Network


class WeightAverage:
    """The exponential moving average of a network's weights (Polyak and Juditsky 1992).

    The statistics of batch normalisation are averaged as the weights are. In step t, from 0, the
    decay is min(decay, (1 + t) / (10 + t)), as in TensorFlow's ExponentialMovingAverage, so that
    the first steps do not count for as long as the decay would have it.

    Args:
        network: whose weights are averaged; on its device already.
        decay: of the average, 0 to below 1: its window is about 1 / (1 - decay) steps.
    """

    def __init__(self, network: Network, decay: float) -> None:
        # The count of steps stays on the CPU, where reading it does not wait for the device.
        self._model = AveragedModel(network, multi_avg_fn=partial(_move, decay), use_buffers=True)

    @property
    def network(self) -> Network:
        """The network with the average in it; the same object each time."""
        return cast(Network, self._model.module)

    def update(self, network: Network) -> None:
        """Take in the weights after a step; the first ones are the average themselves."""
        self._model.update_parameters(network)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return self._model.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state_dict`."""
        self._model.load_state_dict(state)


@torch.no_grad()
def _move(
    decay: float, averages: Sequence[Tensor], values: Sequence[Tensor], count: Tensor | int
) -> None:
    """Move the averages, of `count` steps so far, towards the values of one more; in place."""
    if not torch.is_floating_point(averages[0]):  # batch normalisation's count of batches
        torch._foreach_copy_(list(averages), list(values))
        return
    done = int(count)
    kept = min(decay, (1 + done) / (10 + done))
    torch._foreach_lerp_(list(averages), list(values), 1.0 - kept)
