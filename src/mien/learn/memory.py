"""What to do when a training step does not fit into the memory of its device."""

from collections.abc import Callable
from typing import Final

import torch

from mien.errors import TrainingError

_OF_THE_CPU: Final = ("can't allocate memory", "not enough memory", "out of memory")


class OutOfMemoryError(TrainingError, RuntimeError):
    """A training step does not fit into memory; the message names a batch size that does.

    A RuntimeError too, as torch's own, which it stands for.
    """


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that memory ran out, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error).lower() for words in _OF_THE_CPU
    )


def largest_that_fits(batch_size: int, attempt: Callable[[int], None]) -> int | None:
    """The largest of batch_size / 2, / 4, ... with which a step goes through; None if none does.

    Args:
        batch_size: one that does not fit.
        attempt: a step with so many faces; raises where they do not fit.
    """
    while batch_size > 1:
        batch_size //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            attempt(batch_size)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            return batch_size
    return None
