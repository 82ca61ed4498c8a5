"""The passes of a network over the training faces, step by step."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from mien.errors import DivergedError, OutOfMemoryError
from mien.learn.training.batches import (
    Batches,
    Mixup,
    augment_by,
    augmentation_draws,
    epoch_order,
    share_of,
    split_order,
)
from mien.learn.training.checkpoints import State, save
from mien.learn.training.distillation import Answers, Teachers, distillation_loss
from mien.learn.training.memory import is_out_of_memory, largest_that_fits, reason_of
from mien.learn.training.recipes import Recipe
from mien.learn.training.runs import EpochRow
from mien.learn.training.spoiling import spoil_by, spoiling_draws
from mien.learn.training.views import StoredViews

CHECK_EVERY_STEPS: Final = 10  # how often the loss is looked at; each look waits for the device


@dataclass(frozen=True)
class Progress:
    """Where a run is; sent every few steps, and with `row` at the end of each epoch."""

    epoch: int  # from 1
    epochs: int
    step: int  # within the epoch, from 1
    steps: int
    loss: float  # mean over the epoch so far
    accuracy: float  # likewise
    row: EpochRow | None = None
    asked: float | None = None  # before the first step: share of the teachers' answers


class Epochs:
    """The passes of one process over its share of train."""

    def __init__(
        self,
        model: nn.Module,
        state: State,
        batches: Batches,
        recipe: Recipe,
        *,
        seed: int,
        run_dir: Path,
        fabric: Fabric,
        teachers: Teachers,
        views: StoredViews | None,
        compiled: bool,
        report: Callable[[Progress], None] | None,
    ) -> None:
        self.model, self.state, self.batches, self.recipe = model, state, batches, recipe
        self.seed, self.run_dir, self.fabric, self.teachers = seed, run_dir, fabric, teachers
        self.views, self.report = views, report
        self.chosen: Tensor | None = None  # of the stored views, in the epoch under way
        self.fill = compiled
        self.steps = math.ceil(len(batches) / recipe.batch_size)
        self.mixup = Mixup(recipe.mixup, device=fabric.device) if recipe.mixup else None
        # Not in the network's mode: what CUDA graphs give is overwritten by their next call.
        self.augment_by = torch.compile(augment_by, dynamic=False) if compiled else augment_by
        spoils = compiled and recipe.augmentation.spoils
        self.spoil_by = torch.compile(spoil_by, dynamic=False) if spoils else spoil_by
        self.loss_sum = torch.zeros((), device=fabric.device)  # of this process, in this epoch
        self.correct = torch.zeros((), device=fabric.device)

    def ask_teachers(self, interrupted: threading.Event) -> bool:
        """Have all answers about stored views, if the recipe has any; False if interrupted."""
        if self.views is None:
            return True

        def tell(share: float) -> None:
            if self.report:
                epoch, epochs = self.state.epoch, self.recipe.epochs
                self.report(Progress(epoch, epochs, 0, self.steps, 0.0, 0.0, asked=share))

        return self.views.ask(
            self.teachers,
            self.run_dir,
            self.fabric,
            augment_by=self.augment_by,
            compiled=self.fill,
            interrupted=interrupted,
            tell=tell,
        )

    def train_one(self, interrupted: threading.Event) -> bool:
        """Go through the rest of the epoch under way; False if an interrupt came between steps."""
        state, recipe, fabric = self.state, self.recipe, self.fabric
        self.model.train()
        order = epoch_order(len(self.batches), seed=self.seed, epoch=state.epoch)
        chunks = split_order(order.to(fabric.device), recipe.batch_size, fill=self.fill)
        self.chosen = self.views.chosen(state.epoch) if self.views else None
        # What came before an interrupt is counted once, by the first process.
        self.loss_sum.fill_(state.loss_sum if fabric.is_global_zero else 0.0)
        self.correct.fill_(state.correct if fabric.is_global_zero else 0.0)
        alone, stop = fabric.world_size == 1, False
        started = time.perf_counter()
        while state.step < self.steps and not stop:
            rate = learning_rate_at(recipe, state.epoch - 1 + (state.step + 1) / self.steps)
            for group in state.optimizer.param_groups:
                group["lr"] = rate
            rows = chunks[state.step]
            self._step_or_save(rows)
            state.step += 1
            state.seen += len(rows)
            if state.step % CHECK_EVERY_STEPS == 0 or state.step == self.steps:
                stop = self._look(interrupted.is_set())
            # Several processes agree on it where they look; one alone need not wait for that.
            stop = stop or (alone and interrupted.is_set())
        if alone:
            state.loss_sum, state.correct = float(self.loss_sum), float(self.correct)
        state.seconds += time.perf_counter() - started
        return state.step == self.steps

    def _look(self, interrupted: bool) -> bool:
        """Wait for the device, look at the loss of all processes and tell of it.

        Returns:
            Whether any of the processes was interrupted.
        """
        state = self.state
        flag = self.loss_sum.new_tensor(float(interrupted))
        own = torch.stack([self.loss_sum, self.correct, flag])
        state.loss_sum, state.correct, interrupts = sum_of(own, self.fabric).tolist()
        check_finite(state.loss_sum, state)
        if self.report:
            self.report(
                Progress(
                    state.epoch,
                    self.recipe.epochs,
                    state.step,
                    self.steps,
                    state.loss_sum / state.seen,
                    state.correct / state.seen,
                )
            )
        return bool(interrupts)

    def _step_or_save(self, rows: Tensor) -> None:
        """A step; where memory runs out, the state before it is saved and the remedy named."""
        before = _Moment(self.state, self.fabric.device)
        try:
            self._step(rows, before)
            return
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = reason_of(error)
        # Here the error is gone, and with it what its frames held of the memory.
        state, size, advice = self.state, self.recipe.batch_size, "half of it may fit"
        state.optimizer.zero_grad(set_to_none=True)
        if self.fabric.world_size == 1:
            if state.step and before.restore(state):
                state.loss_sum, state.correct = float(self.loss_sum), float(self.correct)
                save(state, self.run_dir, self.fabric)
            fits = largest_that_fits(size, self._attempt)
            advice = f"{fits} fits" if fits else "no smaller one fits either"
        raise OutOfMemoryError(
            f"out of memory in epoch {state.epoch}, step {state.step + 1}: expected room for a "
            f"batch_size of {size}; {advice}. Train with a smaller one into another folder or on "
            f"more devices, or resume this run where there is more memory ({reason})"
        )

    def _step(self, rows: Tensor, before: "_Moment") -> None:
        """Move the weights once, and count the loss and the right answers."""
        state, recipe, fabric = self.state, self.recipe, self.fabric
        # Every process makes the whole batch, which costs little, and keeps its share: the views
        # do not depend on how many there are, nor does what mixup blends.
        pixels, shown, votes, answers = self._shown(rows)
        spoiled = pixels
        if recipe.augmentation.spoils:
            draws, noise = spoiling_draws(len(rows), recipe.augmentation, state.generator)
            spoiled = self.spoil_by(pixels, draws, noise, recipe.augmentation)
        targets, weight = self.batches.targets[rows], 1.0
        if fabric.world_size > 1:
            share = share_of(len(rows), rank=fabric.global_rank, processes=fabric.world_size)
            faces = share.stop - share.start
            # The mean over processes of weighted means over shares is the mean over the batch.
            weight = faces * fabric.world_size / len(rows)
            if not faces:  # all must take part in the mean
                share = slice(0, 1)
            pixels, spoiled = pixels[share], spoiled[share]
            shown, targets = shown[share], targets[share]
            votes = None if votes is None else votes[share]
            if answers is not None:
                answers = answers[0][share], None if answers[1] is None else answers[1][share]
        logits, votes_logits = self.model(spoiled)
        loss = self._objective(logits, votes_logits, shown, votes, pixels, answers) * weight
        state.optimizer.zero_grad(set_to_none=True)
        fabric.backward(loss)
        before.undoable = False
        state.optimizer.step()
        if state.average:
            state.average.update(state.network)
        if weight:
            with torch.no_grad():
                self.loss_sum += F.cross_entropy(logits, targets) * len(targets)
                self.correct += (logits.argmax(1) == targets).sum()

    def _shown(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor | None, Answers | None]:
        """The views of those faces, what they show, and what is stored of the teachers' answers.

        Returns:
            (N, 1, 48, 48) pixels, (N,) int64 emotions or (N, 7) shares of them, (N, 8) shares of
            votes or None, and the answers or None.
        """
        recipe, generator = self.recipe, self.state.generator
        if self.views and self.chosen is not None:
            views = self.chosen[rows]
            return *self.views.make(rows, views, self.augment_by), self.views.answers(rows, views)
        batch = self.batches.take(rows)
        draws = augmentation_draws(len(rows), recipe.augmentation, generator)
        pixels = self.augment_by(batch.pixels, draws, recipe.augmentation)
        if self.mixup:
            return *self.mixup(pixels, batch, generator), None
        return pixels, batch.targets, batch.votes, None

    def _objective(
        self,
        logits: Tensor,
        votes_logits: Tensor | None,
        shown: Tensor,
        votes: Tensor | None,
        pixels: Tensor,
        answers: Answers | None,
    ) -> Tensor:
        """What a step minimises: the emotion, the FER+ votes beside it, and the teachers' answers.

        Args:
            logits: (N, 7).
            votes_logits: (N, 8), or None.
            shown: (N,) int64 emotions, or (N, 7) shares of them.
            votes: (N, 8) shares, or None.
            pixels: (N, 1, 48, 48), what the network has seen, before a camera spoiled it.
            answers: of the teachers about it; if None, they are asked.
        """
        recipe, weight = self.recipe, self.recipe.distill_weight
        loss = F.cross_entropy(logits, shown, label_smoothing=recipe.label_smoothing)
        of_votes: Tensor | None = None
        if votes_logits is not None and votes is not None:
            # A face without votes has a row of zeros, which adds nothing to the mean.
            of_votes = -(votes * votes_logits.log_softmax(1)).sum(1).mean()
        if len(self.teachers):
            temperature = recipe.distill_temperature
            answers = answers or self.teachers.answers(pixels, temperature, self.fabric)
            shares, votes_shares = answers
            loss = (1 - weight) * loss + weight * distillation_loss(logits, shares, temperature)
            if votes_logits is not None and of_votes is not None and votes_shares is not None:
                of_teachers = distillation_loss(votes_logits, votes_shares, temperature)
                of_votes = (1 - weight) * of_votes + weight * of_teachers
        return loss if of_votes is None else loss + recipe.votes_weight * of_votes

    def _attempt(self, faces: int) -> None:
        """A step with so many faces that changes no weight."""
        rows = torch.arange(faces, device=self.fabric.device) % len(self.batches)
        batch = self.batches.take(rows)
        try:
            with self.fabric.autocast():
                logits, votes_logits = self.state.network(batch.pixels)
            answers = self.views.answers(rows, torch.zeros_like(rows)) if self.views else None
            self.fabric.backward(
                self._objective(
                    logits, votes_logits, batch.targets, batch.votes, batch.pixels, answers
                )
            )
        finally:
            self.state.optimizer.zero_grad(set_to_none=True)


class _Moment:
    """What a step changes before it moves the weights: what was drawn, and the normalisation."""

    def __init__(self, state: State, device: torch.device) -> None:
        self.undoable = True
        self._augmentation = state.generator.get_state()
        self._cpu = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        self._device = device
        buffers = list(state.network.buffers())
        self._buffers = [torch.empty_like(buffer) for buffer in buffers]
        torch._foreach_copy_(self._buffers, buffers)

    def restore(self, state: State) -> bool:
        """Go back to it; False if the weights have been moved, perhaps in part."""
        if not self.undoable:
            return False
        state.generator.set_state(self._augmentation)
        torch.set_rng_state(self._cpu)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self._device)
        torch._foreach_copy_(list(state.network.buffers()), self._buffers)
        return True


def learning_rate_at(recipe: Recipe, epochs_done: float) -> float:
    """The learning rate after so many epochs, fractions included; 0 at the end of a cosine."""
    if recipe.warmup_epochs and epochs_done < recipe.warmup_epochs:
        return recipe.learning_rate * epochs_done / recipe.warmup_epochs
    if recipe.schedule == "constant":
        return recipe.learning_rate
    share = (epochs_done - recipe.warmup_epochs) / max(recipe.epochs - recipe.warmup_epochs, 1e-9)
    return recipe.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0)))


def sum_of(values: Tensor, fabric: Fabric) -> Tensor:
    """The sum over all processes, in each of them."""
    every = fabric.all_reduce(values, reduce_op="sum")
    assert isinstance(every, Tensor)
    return every


def check_finite(loss: float, state: State) -> None:
    """Raise DivergedError where the loss is no longer a finite number."""
    if not math.isfinite(loss):
        raise DivergedError(
            f"the loss is no longer a finite number in epoch {state.epoch}, step {state.step}. "
            "Try a lower learning rate; the best weights so far are kept"
        )
