"""One step of training: the views of some faces, the loss, and the weights moved once."""

import math
from dataclasses import dataclass, replace
from typing import Final

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mien.errors import OutOfMemoryError
from mien.learn.networks import Network
from mien.learn.training.batches import Batch, Batches, Mixup, augmentation_draws, share_of
from mien.learn.training.corruption import corrupt_by, corruption_draws
from mien.learn.training.distillation import Answers, Teachers, distillation_loss
from mien.learn.training.memory import is_out_of_memory, largest_that_fits, reason_of
from mien.learn.training.recipes import Recipe
from mien.learn.training.runs import State
from mien.learn.training.views import AugmentBy, StoredViews

ADAM_EPSILON: Final = 1e-7  # Keras's, so that the paper's recipe is the paper's


def optimizer_of(network: Network, recipe: Recipe, device: torch.device) -> torch.optim.Optimizer:
    """The optimizer of a recipe; biases and norms are not decayed."""
    groups = [
        {
            "params": [p for p in network.parameters() if p.ndim > 1],
            "weight_decay": recipe.weight_decay,
        },
        {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = True if device.type in ("cpu", "cuda") else None  # one pass over each parameter
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=recipe.learning_rate, momentum=0.9, nesterov=True, fused=fused
        )
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=recipe.learning_rate, eps=ADAM_EPSILON, fused=fused)


def learning_rate_at(recipe: Recipe, epochs_done: float) -> float:
    """The learning rate after so many epochs, fractions included; 0 at the end of a cosine."""
    if recipe.warmup_epochs and epochs_done < recipe.warmup_epochs:
        return recipe.learning_rate * epochs_done / recipe.warmup_epochs
    if recipe.schedule == "constant":
        return recipe.learning_rate
    share = (epochs_done - recipe.warmup_epochs) / max(recipe.epochs - recipe.warmup_epochs, 1e-9)
    return recipe.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0)))


def update_average(average: AveragedModel, network: nn.Module, decay: float) -> None:
    """Take the weights after a step into their exponential moving average.

    After n steps the decay is min(decay, (1 + n) / (10 + n)), as in TensorFlow's
    ExponentialMovingAverage, so that the first steps do not count for as long as it would have it.
    """
    n = int(average.n_averaged)  # on the CPU, where reading it does not wait for the device
    kept = min(decay, (1 + n) / (10 + n))
    average.multi_avg_fn = get_ema_multi_avg_fn(kept)  # type: ignore[no-untyped-call]
    average.update_parameters(network)


@dataclass(eq=False)
class Step:
    """The training step of one process, on its share of a batch."""

    model: nn.Module
    state: State
    batches: Batches
    recipe: Recipe
    fabric: Fabric
    teachers: Teachers
    augment_by: AugmentBy
    views: StoredViews | None
    compiled: bool

    def __post_init__(self) -> None:
        recipe = self.recipe
        self.chosen: Tensor | None = None  # of the stored views, in the epoch under way
        self.mixup = Mixup(recipe.mixup, device=self.fabric.device) if recipe.mixup else None
        corrupts = self.compiled and recipe.augmentation.corrupts
        self.corrupt_by = torch.compile(corrupt_by, dynamic=False) if corrupts else corrupt_by

    def begin(self, epoch: int) -> None:
        """Make ready for the steps of an epoch, from 1."""
        self.model.train()
        self.chosen = self.views.chosen(epoch) if self.views else None

    def __call__(self, rows: Tensor, rate: float, when: str) -> Tensor:
        """Move the weights once.

        Args:
            rows: (N,) int64, the faces of the batch, of all processes.
            rate: the learning rate.
            when: names the step where memory runs out.
        Returns:
            (2,) float32: of this process's faces the sum of the losses, and how many it read right.
        Raises:
            OutOfMemoryError: it does not fit; the message names a batch size that does.
        """
        for group in self.state.optimizer.param_groups:
            group["lr"] = rate
        try:
            return self._move(rows)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = reason_of(error)
        # Here the error is gone, and with it what its frames held of the memory.
        self.state.optimizer.zero_grad(set_to_none=True)
        size, advice = self.recipe.batch_size, "half of it may fit"
        if self.fabric.world_size == 1:
            fits = largest_that_fits(size, self._attempt)
            advice = f"{fits} fits" if fits else "no smaller one fits either"
        raise OutOfMemoryError(
            f"out of memory in {when}: expected room for a batch_size of {size}; {advice}. "
            "Train with a smaller one into another folder or on more devices, or resume this run "
            f"where there is more memory ({reason})"
        )

    def _move(self, rows: Tensor) -> Tensor:
        state, recipe, fabric = self.state, self.recipe, self.fabric
        # Every process makes the whole batch, which costs little, and keeps its share: the views
        # do not depend on how many there are, nor does what mixup blends.
        batch, answers = self._shown(rows)
        corrupted = batch.pixels
        if recipe.augmentation.corrupts:
            draws, noise = corruption_draws(len(rows), recipe.augmentation, state.generator)
            corrupted = self.corrupt_by(corrupted, draws, noise, recipe.augmentation)
        targets, weight = self.batches.targets[rows], 1.0
        if fabric.world_size > 1:
            share = share_of(len(rows), rank=fabric.global_rank, processes=fabric.world_size)
            # The mean over processes of weighted means over shares is the mean over the batch.
            weight = (share.stop - share.start) * fabric.world_size / len(rows)
            if not weight:  # all must take part in the mean
                share = slice(0, 1)
            batch, corrupted, targets = batch.part(share), corrupted[share], targets[share]
            if answers is not None:
                answers = answers[0][share], None if answers[1] is None else answers[1][share]
        logits, votes_logits = self.model(corrupted)
        loss = self._objective(logits, votes_logits, batch, answers) * weight
        state.optimizer.zero_grad(set_to_none=True)
        fabric.backward(loss)
        state.optimizer.step()
        if state.average:
            update_average(state.average, state.network, recipe.ema)
        with torch.no_grad():
            loss = F.cross_entropy(logits, targets) * len(targets)
            correct = (logits.argmax(1) == targets).sum()
            sums = torch.stack([loss, correct.to(loss.dtype)])
        return sums if weight else 0.0 * sums

    def _shown(self, rows: Tensor) -> tuple[Batch, Answers | None]:
        """The views of those faces, and what is stored of the teachers' answers."""
        recipe, generator = self.recipe, self.state.generator
        if self.views and self.chosen is not None:
            views = self.chosen[rows]
            return self.views.make(rows, views), self.views.answers(rows, views)
        batch = self.batches.take(rows)
        draws = augmentation_draws(len(rows), recipe.augmentation, generator)
        moved = replace(batch, pixels=self.augment_by(batch.pixels, draws, recipe.augmentation))
        return self.mixup(moved, generator) if self.mixup else moved, None

    def _objective(
        self, logits: Tensor, votes_logits: Tensor | None, batch: Batch, answers: Answers | None
    ) -> Tensor:
        """What a step minimises: the emotion, the FER+ votes beside it, and the teachers' answers.

        Teachers without `answers` are asked about the faces as no camera has corrupted them.
        """
        recipe, weight = self.recipe, self.recipe.distill_weight
        loss = F.cross_entropy(logits, batch.targets, label_smoothing=recipe.label_smoothing)
        of_votes: Tensor | None = None
        if votes_logits is not None and batch.votes is not None:
            # A face without votes has a row of zeros, which adds nothing to the mean.
            of_votes = -(batch.votes * votes_logits.log_softmax(1)).sum(1).mean()
        if len(self.teachers):
            temperature = recipe.distill_temperature
            asked = answers or self.teachers.answers(batch.pixels, temperature, self.fabric)
            shares, votes_shares = asked
            loss = (1 - weight) * loss + weight * distillation_loss(logits, shares, temperature)
            if votes_logits is not None and of_votes is not None and votes_shares is not None:
                of_teachers = distillation_loss(votes_logits, votes_shares, temperature)
                of_votes = (1 - weight) * of_votes + weight * of_teachers
        return loss if of_votes is None else loss + recipe.votes_weight * of_votes

    def _attempt(self, faces: int) -> None:
        """A step with so many faces that changes no weight."""
        rows = torch.arange(faces, device=self.fabric.device) % len(self.batches)
        batch = self.batches.take(rows)
        answers = self.views.answers(rows, torch.zeros_like(rows)) if self.views else None
        try:
            with self.fabric.autocast():
                logits, votes_logits = self.state.network(batch.pixels)
            self.fabric.backward(self._objective(logits, votes_logits, batch, answers))
        finally:
            self.state.optimizer.zero_grad(set_to_none=True)
