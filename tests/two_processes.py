"""Training runs in two processes on the CPU: what `test_several_devices.py` looks at.

A script, since each of the processes imports it, and with it learns of the network "tiny".
"""

import os
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from learn_fixtures import TINY, add_tiny_network, interrupt_at, made_up_faces
from mien.errors import OutputError, TrainingError
from mien.learn.training import loop
from mien.learn.training.loop import Progress, TrainingResult, _train, train
from mien.learn.training.runs import EpochRow, State, save

RECIPE = replace(
    TINY, dropout=0.0, dense_dropout=0.0, batch_size=3, mixup=0.2, votes_weight=0.5, ema=0.9
)
"""All but dropout and batch normalization, which depend on how many processes share a batch."""

STUDENT = replace(RECIPE, epochs=2, distill_weight=0.8, stored_views=2)

FACES = made_up_faces(train=13, votes=True)
"""91 for training: thirty batches of 3, and one of 1, of which one process has none."""


def _save_and_keep(state: State, row: EpochRow, run_dir: Path, fabric: Fabric) -> None:
    save(state, row, run_dir, fabric)
    name = f"{run_dir.name}.epoch{len(state.history)}.rank{fabric.global_rank}.pt"
    torch.save(state.network.state_dict(), run_dir.parent / name)


def _train_and_fail(call: Any, fabric: Fabric, report: Any, interrupted: Any) -> TrainingResult:
    """As it is; but when all is written, the second process of a resumed run has a reason.

    The first one goes on from step 10 of epoch 2 when it has heard that it shall not.
    """

    def tell(progress: Progress) -> None:
        report(progress)
        ends = time.monotonic() + 30.0
        if call.run_dir.name == "two" and (progress.epoch, progress.step) == (2, 10):
            while not (call.resume or interrupted.is_set() or time.monotonic() > ends):
                time.sleep(0.01)

    result = _train(call, fabric, tell if report else None, interrupted)
    if call.resume and fabric.global_rank:
        raise ValueError("the second one has a reason")
    if call.resume:
        fabric.barrier()
    return result


def main(folder: Path) -> None:
    """The runs, one after the other."""
    interrupt = interrupt_at((2, 10))
    train(FACES, RECIPE, folder / "two", device="cpu", devices=2, report=interrupt)
    shutil.copytree(folder / "two", folder / "left")
    try:
        train(FACES, RECIPE, folder / "two", device="cpu", devices=2, resume=True)
    except TrainingError as error:
        (folder / "failure.txt").write_text(str(error))
    try:
        train(FACES, RECIPE, folder / "two", device="cpu", devices=2)
    except OutputError as error:
        (folder / "refusal.txt").write_text(str(error))
    train(FACES, RECIPE, folder / "teacher", device="cpu")
    taught: dict[str, Any] = {"device": "cpu", "teachers": [folder / "teacher"]}
    train(FACES, STUDENT, folder / "student", devices=2, **taught)
    assert "LOCAL_RANK" not in os.environ
    assert not torch.distributed.is_initialized()


if __name__ in ("__main__", "__mp_main__"):  # and not for the tests that import its constants
    add_tiny_network()
    for name, function in (("save", _save_and_keep), ("_train", _train_and_fail)):
        setattr(loop, name, function)
if __name__ == "__main__":
    main(Path(sys.argv[1]))
