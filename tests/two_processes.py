"""Training runs in two processes on the CPU: what `test_several_devices.py` looks at.

A script, since each of the processes imports it, and with it learns of the network "tiny".
"""

import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import torch
from lightning_fabric import Fabric

from learn_fixtures import TINY, add_tiny_network, made_up_faces
from mien.errors import TrainingError
from mien.learn import training
from mien.learn.checkpoints import State, save
from mien.learn.processes import processes
from mien.learn.training import Progress, train

RECIPE = replace(
    TINY, dropout=0.0, dense_dropout=0.0, batch_size=3, mixup=0.2, votes_weight=0.5, ema=0.9
)
"""All but dropout and batch normalisation, which depend on how many processes share a batch."""

FACES = made_up_faces(train=13, votes=True)
"""91 for training: thirty batches of 3, and one of 1, of which one process has none."""


def _save_and_keep(state: State, run_dir: Path, fabric: Fabric) -> None:
    save(state, run_dir, fabric)
    name = f"{run_dir.name}.epoch{len(state.history)}.rank{fabric.global_rank}.pt"
    torch.save(state.network.state_dict(), run_dir.parent / name)


def _fabric_for(call: str) -> Fabric:
    return Fabric(accelerator="cpu", devices=2, strategy="ddp")


def _fail(call: str, fabric: Fabric) -> None:
    raise ValueError(call)


def main(folder: Path) -> None:
    """The runs, one after the other."""

    def interrupt(progress: Progress) -> None:
        if progress.row is None and (progress.epoch, progress.step) == (2, 10):
            signal.raise_signal(signal.SIGINT)

    train(FACES, RECIPE, folder / "two", device="cpu", devices=2, report=interrupt)
    shutil.copytree(folder / "two", folder / "left")
    train(FACES, RECIPE, folder / "two", device="cpu", devices=2, resume=True)
    fabric = _fabric_for("")
    try:
        with processes(fabric, _fabric_for, _fail, "the second one has a reason"):
            fabric.barrier()
    except TrainingError as error:
        (folder / "failure.txt").write_text(str(error))
    assert "LOCAL_RANK" not in os.environ
    assert not torch.distributed.is_initialized()


add_tiny_network()
setattr(training, "save", _save_and_keep)  # noqa: B010 - it is none of what the module exports
if __name__ == "__main__":
    main(Path(sys.argv[1]))
