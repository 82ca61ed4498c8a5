import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from learn_fixtures import TINY, made_up_faces, same_run
from mien.errors import OutOfMemoryError, TrainingError
from mien.learn import networks
from mien.learn.networks import BackboneOptions
from mien.learn.training.batches import Batch, Batches
from mien.learn.training.loop import Progress, TrainingResult, train
from mien.learn.training.memory import is_out_of_memory

FACES = made_up_faces()
NORMED = replace(TINY, network="normed", epochs=3, batch_size=14)
MESSAGES = {
    "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 80 GiB."),
    "cpu": RuntimeError(
        "[enforce fail at alloc_cpu.cpp:119] data. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 80000000000 bytes."
    ),
}


class _Memory(nn.Module):
    """Stands for a device: from the `full`-th training step on, it has room for so many faces."""

    full: int | None = None
    room = 4
    steps = 0
    error: Exception = MESSAGES["cuda"]

    def forward(self, features: Tensor) -> Tensor:
        if self.training and _Memory.full is not None:
            _Memory.steps += 1
            if _Memory.steps >= _Memory.full and len(features) > _Memory.room:
                raise _Memory.error
        return features


def _backbone(options: BackboneOptions) -> tuple[nn.Module, int]:
    """With normalization, whose statistics a step that fails has changed already."""
    backbone = nn.Sequential(
        nn.AvgPool2d(6),
        nn.Conv2d(1, 4, 3),  # (N, 4, 6, 6)
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(options.dropout),
        nn.Flatten(),
        _Memory(),
    )
    return backbone, 144


@pytest.fixture(autouse=True)
def _memory(tiny: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(networks.NETWORKS, "normed", _backbone)
    for name, value in (("full", None), ("room", 4), ("steps", 0)):
        monkeypatch.setattr(_Memory, name, value)


@pytest.fixture(scope="module")
def reference(tiny: None, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """The run that has room."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(networks.NETWORKS, "normed", _backbone)
        return train(FACES, NORMED, tmp_path_factory.mktemp("runs") / "reference", device="cpu")


@pytest.mark.parametrize(("device", "full"), [("cuda", 1), ("cpu", 4), ("cuda", 16)])
def test_out_of_memory_names_a_batch_size_that_fits_and_loses_nothing(
    device: str,
    full: int,
    reference: TrainingResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(_Memory, "full", full)
        patch.setattr(_Memory, "error", MESSAGES[device])
        epoch, step = divmod(full - 1, 10)
        message = (
            f"out of memory in epoch {epoch + 1}, step {step + 1}: expected room for a batch_size "
            "of 14; 3 fits. Train with a smaller one"
        )
        with pytest.raises(TrainingError, match=re.escape(message)):
            train(FACES, NORMED, tmp_path / "run", device="cpu")
    # Where there is room again, it goes on from the step that failed, bit for bit.
    seen: list[Progress] = []
    resumed = train(FACES, NORMED, tmp_path / "run", device="cpu", resume=True, report=seen.append)

    assert seen[0].epoch == epoch + 1
    assert same_run(resumed, reference)


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (MESSAGES["cuda"], OutOfMemoryError, "a batch_size of 14; no smaller one fits either"),
        (RuntimeError("mat1 and mat2 cannot be multiplied"), RuntimeError, "^mat1 and mat2"),
    ],
)
def test_where_not_even_one_face_fits_it_is_said_and_other_errors_are_not_taken_for_it(
    error: Exception,
    raised: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("full", 1), ("room", 0), ("error", error)):
        monkeypatch.setattr(_Memory, name, value)
    with pytest.raises(raised, match=message):
        train(FACES, NORMED, tmp_path / "run", device="cpu")


@pytest.mark.parametrize(
    ("function", "needed"),
    [("__init__", "the network and the faces"), ("take", "reading 256 faces at a time")],
)
def test_out_of_memory_outside_of_a_step_is_told_too(
    function: str, needed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = getattr(Batches, function)

    def full(self: Batches, rows: Tensor | slice) -> Batch:
        if isinstance(rows, slice):  # as faces are read to measure, not to train
            raise MESSAGES["cuda"]
        batch: Batch = given(self, rows)
        return batch

    def none_at_all(*_: object, **__: object) -> None:
        raise MESSAGES["cuda"]

    monkeypatch.setattr(Batches, function, none_at_all if function == "__init__" else full)
    with pytest.raises(OutOfMemoryError, match=f"out of memory: expected room for {needed}. Free"):
        train(FACES, NORMED, tmp_path / "run", device="cpu")


def test_what_out_of_memory_is() -> None:
    assert all(is_out_of_memory(error) for error in MESSAGES.values())
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError("out of memory"))
