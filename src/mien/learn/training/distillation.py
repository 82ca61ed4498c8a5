"""Learning from finished runs: a student is trained towards what its teachers, together, say."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from mien.errors import OptionError, TrainingError
from mien.learn.networks import Network
from mien.learn.training.recipes import Recipe
from mien.learn.training.runs import EarlierRun, fingerprint, load_best, read_history

Answers = tuple[Tensor, Tensor | None]
"""(N, 7) shares of the emotions, and (N, 8) of the FER+ votes; each row sums to 1."""


class Teachers:
    """Finished runs, with their best weights, that a student learns from.

    Their order means nothing: they are kept in that of their fingerprints.

    Args:
        run_dirs: the folders of the runs.
        recipe: of the student.
    Raises:
        OptionError: there are teachers and the recipe gives them no weight, or the other way round;
            or a run is named twice.
        TrainingError: a folder holds no run, an unfinished one, or one whose files are damaged.
    """

    def __init__(self, run_dirs: Sequence[str | Path], recipe: Recipe) -> None:
        if run_dirs and not recipe.distill_weight:
            raise OptionError(
                f"expected more than 0 with teachers; got {recipe.distill_weight}. "
                "Take the recipe mien-distilled, or one of your own",
                argument="distill_weight",
            )
        if recipe.distill_weight and not run_dirs:
            raise OptionError(
                f"the recipe {recipe.name} learns from teachers (distill_weight "
                f"{recipe.distill_weight}): expected the folders of finished runs; got none"
            )
        loaded = sorted(
            (_load(Path(folder)) for folder in run_dirs), key=lambda pair: pair[0].fingerprint
        )
        self.runs = tuple(run for run, _ in loaded)
        for one, other in zip(self.runs, self.runs[1:], strict=False):
            if one.fingerprint == other.fingerprint:
                raise OptionError(
                    f"expected each once; {one.name} and {other.name} have the same weights",
                    argument="teachers",
                )
        self._networks: list[nn.Module] = [network for _, network in loaded]
        self.have_votes = any(network.votes_head for _, network in loaded)

    def __len__(self) -> int:
        return len(self.runs)

    def prepare(self, device: torch.device, *, compiled: bool) -> None:
        """Move the networks to the device where they are asked, and compile them there."""
        for index, network in enumerate(self._networks):
            network.requires_grad_(False).to(device)
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            if compiled:
                self._networks[index] = cast(nn.Module, torch.compile(network, dynamic=False))

    @torch.no_grad()
    def answers(self, pixels: Tensor, temperature: float, fabric: Fabric) -> Answers:
        """The mean of the teachers' softened probabilities.

        Args:
            pixels: (N, 1, 48, 48) float32, gray levels 0 to 255: the views that the student gets.
            temperature: divides the logits before the softmax.
            fabric: gives the precision of a training step.
        Returns:
            (N, 7) shares of the emotions, and (N, 8) of the FER+ votes by those teachers that have
            a head for them, or None if none has; each row sums to 1.
        """
        with fabric.autocast():
            answers = [network(pixels) for network in self._networks]
        emotions, votes = (
            [(of.float() / temperature).softmax(1) for of in head if of is not None]
            for head in zip(*answers, strict=True)
        )
        return torch.stack(emotions).mean(0), torch.stack(votes).mean(0) if votes else None


def distillation_loss(logits: Tensor, shares: Tensor, temperature: float) -> Tensor:
    """T^2 KL(teachers || student) at temperature T (Hinton et al. 2015, arXiv:1503.02531, 2).

    The factor T^2 keeps the gradients as large as those of the labels, whatever the temperature.

    Args:
        logits: (N, C) of the student.
        shares: (N, C) probabilities of the teachers at that temperature.
        temperature: T, above 0.
    """
    student = (logits.float() / temperature).log_softmax(1)
    return temperature**2 * F.kl_div(student, shares, reduction="batchmean")


def _load(run_dir: Path) -> tuple[EarlierRun, Network]:
    network, config, _ = load_best(run_dir)
    finished, epochs = len(read_history(run_dir)), config.recipe.epochs
    if finished < epochs:
        raise TrainingError(
            f"{run_dir}: expected a finished run as a teacher; it has {finished} of {epochs} "
            "epochs. Go on with it first"
        )
    return EarlierRun(run_dir.resolve().name, fingerprint(network.state_dict())), network
