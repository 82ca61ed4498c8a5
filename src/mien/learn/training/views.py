"""Views of the training faces that teachers are asked about once, before the first epoch.

The run's seed draws so many views of each face. What the teachers say of them is kept in the run's
folder, and each epoch shows one of the views of each face, so that teachers cost nothing any more.

    views/00.pt    the answers for the first view of every face, and what they depend on; and so on
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch
from lightning_fabric import Fabric
from torch import Tensor

from mien.errors import TrainingError
from mien.labels import EMOTIONS, FERPLUS_EMOTIONS
from mien.learn.training.batches import (
    Augmentation,
    Batch,
    Batches,
    Mixup,
    augmentation_draws,
    blended,
    share_of,
    split_order,
)
from mien.learn.training.distillation import Answers, Teachers
from mien.learn.training.memory import told_of_memory
from mien.learn.training.processes import Flag, sum_of
from mien.learn.training.recipes import Recipe
from mien.learn.training.runs import read_checkpoint, write_checkpoint
from mien.output.files import writing

FOLDER: Final = "views"

AugmentBy = Callable[[Tensor, Tensor, Augmentation], Tensor]
"""`augment_by` of `mien.learn.training.batches`, which may be compiled."""


class StoredViews:
    """The views of every face, and what teachers say of them.

    Args:
        batches: train.
        recipe: how many views there are, and how they are made.
        augment_by: moves the faces.
        seed: draws them; on the CPU, so that they are the same on every device.
        basis: what else the answers depend on, in words: the teachers and the data.
        compiled: teachers are asked about batches of one size.
    """

    def __init__(
        self,
        batches: Batches,
        recipe: Recipe,
        augment_by: AugmentBy,
        *,
        seed: int,
        basis: str,
        compiled: bool,
    ) -> None:
        self._batches, self._recipe, self._augment_by = batches, recipe, augment_by
        self._seed, self._compiled = seed, compiled
        self._answers: list[Tensor] = []  # of each view (N, 7) or (N, 15) float16
        self._fingerprints: list[str] = []
        count, device = len(batches), batches.targets.device
        mixup = Mixup(recipe.mixup, device=torch.device("cpu")) if recipe.mixup else None
        drawn: list[tuple[Tensor, ...]] = []
        for view in range(recipe.stored_views):
            generator = torch.Generator().manual_seed((seed * 1_000_003 + view) * 3 + 1)
            draws = augmentation_draws(count, recipe.augmentation, generator)
            drawn.append((draws, *(mixup.draw(count, generator) if mixup else ())))
            digest = hashlib.sha256(f"{basis} {recipe.distill_temperature}".encode())
            digest.update(f"{recipe.augmentation} {recipe.mixup}".encode())
            for tensor in drawn[-1]:  # which another version of torch might draw otherwise
                digest.update(tensor.numpy().tobytes())
            self._fingerprints.append(digest.hexdigest())
        # (K, D, N) draws for K views of N faces; with mixup (K, N) own shares and (K, N) partners.
        self._draws, *self._blends = (torch.stack(of).to(device) for of in zip(*drawn, strict=True))

    def chosen(self, epoch: int) -> Tensor:
        """(N,) int64: which of its views, from 0, an epoch shows of each face."""
        generator = torch.Generator().manual_seed((self._seed * 1_000_003 + epoch) * 3 + 2)
        shape = (len(self._batches),)
        views = torch.randint(self._recipe.stored_views, shape, generator=generator)
        return views.to(self._batches.targets.device)

    def make(self, rows: Tensor, views: Tensor) -> Batch:
        """The same view of the same face, whenever it is made.

        Args:
            rows: (N,) int64, faces of train.
            views: (N,) int64, the view of each, from 0.
        """

        def moved(faces: Tensor) -> Batch:
            batch = self._batches.take(faces)
            draws = self._draws[views, :, faces].T.contiguous()
            pixels = self._augment_by(batch.pixels, draws, self._recipe.augmentation)
            return replace(batch, pixels=pixels)

        batch = moved(rows)
        if not self._blends:
            return batch
        own, partners = (of[views, rows] for of in self._blends)
        return blended(batch, moved(partners), own)

    def answers(self, rows: Tensor, views: Tensor) -> Answers:
        """What `Teachers.answers` said of those views, to three digits."""
        found = torch.stack([answers[rows] for answers in self._answers])  # (K, N, 7 or 15)
        said = found[views, torch.arange(len(rows), device=rows.device)].float()
        shares, votes_shares = said[:, : len(EMOTIONS)], said[:, len(EMOTIONS) :]
        shares = shares / shares.sum(1, keepdim=True)
        if not votes_shares.shape[1]:
            return shares, None
        return shares, votes_shares / votes_shares.sum(1, keepdim=True)

    @torch.no_grad()
    @told_of_memory("the teachers' answers")
    def ask(
        self,
        teachers: Teachers,
        run_dir: Path,
        fabric: Fabric,
        interrupted: Flag,
        tell: Callable[[float], None],
    ) -> bool:
        """Ask about all views whose answers are not in the run's folder yet, and keep them there.

        Every process must call it: each asks about its share of the faces, and tells which share of
        that is done. Of an interrupted view nothing is kept.

        Returns:
            False if it was interrupted.
        Raises:
            TrainingError: the folder has answers of other teachers, or for other views.
            OutputError: they cannot be written.
        """
        paths = [run_dir / FOLDER / f"{view:02}.pt" for view in range(len(self._fingerprints))]
        there = fabric.broadcast([path.exists() for path in paths])  # before any of them is written
        share = share_of(len(self._batches), rank=fabric.global_rank, processes=fabric.world_size)
        own = torch.arange(share.start, share.stop, device=fabric.device)
        chunks = split_order(own, self._recipe.batch_size, fill=self._compiled) if len(own) else ()
        width = len(EMOTIONS) + len(FERPLUS_EMOTIONS) * teachers.have_votes
        for view, path in enumerate(paths):
            if there[view]:
                self._answers.append(self._read(path, view).to(fabric.device))
                tell((view + 1) / len(paths))
                continue
            answers = torch.zeros(len(self._batches), width, device=fabric.device)
            for done, rows in enumerate(chunks):
                if interrupted.is_set():
                    break
                pixels = self.make(rows, torch.full_like(rows, view)).pixels
                said = teachers.answers(pixels, self._recipe.distill_temperature, fabric)
                answers[rows] = torch.cat([part for part in said if part is not None], dim=1)
                tell((view + done / len(chunks)) / len(paths))
            flag = torch.tensor(float(interrupted.is_set()), device=fabric.device)
            if sum_of(flag, fabric):  # the answers of some process are not all there
                return False
            self._answers.append(sum_of(answers, fabric).half())
            if fabric.is_global_zero:
                self._write(path, view)
            tell((view + 1) / len(paths))
        return True

    def _read(self, path: Path, view: int) -> Tensor:
        stored = read_checkpoint(path)
        answers = stored.get("answers")
        if stored.get("fingerprint") != self._fingerprints[view] or not isinstance(answers, Tensor):
            raise TrainingError(
                f"{path}: expected what this run's teachers say of its views of these faces; it is "
                f"of others. Remove the folder {path.parent}, and they are asked again"
            )
        return answers

    def _write(self, path: Path, view: int) -> None:
        with writing(path):
            path.parent.mkdir(exist_ok=True)
        content = {"fingerprint": self._fingerprints[view], "answers": self._answers[view].cpu()}
        write_checkpoint(path, content)
