"""What changes while a run goes on, and how it is saved and taken up again after each epoch."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch.optim.swa_utils import AveragedModel

from mien.errors import TrainingError
from mien.learn.networks import Network
from mien.learn.training.runs import (
    EpochRow,
    read_checkpoint,
    remove_parts,
    write_best,
    write_checkpoint,
    write_history,
)


@dataclass
class State:
    """What changes while a run goes on; all of it is in last.pt."""

    network: Network
    optimizer: torch.optim.Optimizer
    generator: torch.Generator  # of the augmentation; the same in every process
    average: AveragedModel | None  # of the weights and of the statistics of normalization
    history: list[EpochRow]
    best_epoch: int = 0

    @property
    def best(self) -> EpochRow | None:
        """The row whose weights are in best.pt."""
        return self.history[self.best_epoch - 1] if self.best_epoch else None

    @property
    def measured(self) -> Network:
        """The network that val chooses: the average of the weights, if there is one."""
        return cast(Network, self.average.module) if self.average else self.network


def save(state: State, row: EpochRow, run_dir: Path, fabric: Fabric) -> None:
    """Take in the row of an epoch that is finished, and write last.pt, best.pt and history.csv.

    Every process must call it; the first one writes. last.pt is written first, so that a process
    killed between two files leaves one from which `restore` can write the others.
    """
    best = state.best
    state.history.append(row)
    if best is None or row.val_accuracy > best.val_accuracy:
        state.best_epoch = row.epoch
    draws = _random_states(fabric)
    if not fabric.is_global_zero:
        return
    content = {
        "network": state.network.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "random": {**draws[0], "augmentation": state.generator.get_state()},
        "random_of_others": draws[1:],
        "average": state.average.state_dict() if state.average else None,
        "history": [asdict(row) for row in state.history],
        "best_epoch": state.best_epoch,
    }
    write_checkpoint(run_dir / "last.pt", content)
    if state.best_epoch == row.epoch:
        write_best(run_dir, state.measured, row)
    write_history(run_dir, state.history)


def restore(state: State, run_dir: Path, fabric: Fabric, seed: int) -> None:
    """Take up the run in a folder after its last whole epoch; with none, it begins again.

    With another number of processes than before, what they draw by chance is drawn anew: dropout
    alone, since augmentation is the same however many processes share a batch.

    Raises:
        TrainingError: last.pt is damaged, or the state of another run.
    """
    if fabric.is_global_zero:
        remove_parts(run_dir)
    path = run_dir / "last.pt"
    if not path.exists():
        return  # it ended before the first epoch did
    stored = read_checkpoint(path)
    try:
        state.network.load_state_dict(stored["network"])
        state.optimizer.load_state_dict(stored["optimizer"])
        if state.average:
            state.average.load_state_dict(stored["average"])
        state.history[:] = [EpochRow(**row) for row in stored["history"]]
        state.best_epoch = stored["best_epoch"]
        state.generator.set_state(stored["random"]["augmentation"])
        # Runs from before there were several processes have none of others.
        draws = [stored["random"], *stored.get("random_of_others", ())]
        if len(draws) == fabric.world_size or fabric.is_global_zero:
            _set_random_state(draws[fabric.global_rank], fabric)
        else:
            torch.manual_seed(own_seed(seed, state, fabric.global_rank))
        best = state.best
    except (RuntimeError, AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise TrainingError(f"{path}: not the state of this run; {error}") from error
    if fabric.is_global_zero:  # what a process killed after last.pt did not come to write
        write_history(run_dir, state.history)
        if best and state.best_epoch == len(state.history):
            path = run_dir / "best.pt"
            if not path.exists() or read_checkpoint(path).get("row") != asdict(best):
                write_best(run_dir, state.measured, best)


def own_seed(seed: int, state: State, rank: int) -> int:
    """What a process other than the first draws dropout from, where a run begins or changes."""
    return (seed * 1_000_003 + len(state.history) + 1) * 100_003 * 1_009 + rank


def _random_states(fabric: Fabric) -> list[dict[str, torch.Tensor]]:
    """What each process draws dropout from, in the order of their ranks."""
    own = {"cpu": torch.get_rng_state()}
    if fabric.device.type == "cuda":
        own["cuda"] = torch.cuda.get_rng_state(fabric.device)
    if fabric.world_size == 1:
        return [own]
    every: list[dict[str, torch.Tensor]] = [{} for _ in range(fabric.world_size)]
    torch.distributed.all_gather_object(every, own)
    return every


def _set_random_state(stored: dict[str, Any], fabric: Fabric) -> None:
    torch.set_rng_state(stored["cpu"])
    if "cuda" in stored and fabric.device.type == "cuda":
        torch.cuda.set_rng_state(stored["cuda"], fabric.device)
