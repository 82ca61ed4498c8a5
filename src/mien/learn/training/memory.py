"""What to do when a training step does not fit into the memory of its device."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import torch

from mien.errors import MienError, OutOfMemoryError

_OF_THE_CPU: Final = ("can't allocate memory", "not enough memory", "out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that memory ran out, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error).lower() for words in _OF_THE_CPU
    )


@contextmanager
def told_of_memory(what: str) -> Iterator[None]:
    """Raise `OutOfMemoryError` where memory runs out for `what` has no batch size to lower."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, MienError) or not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"out of memory: expected room for {what}. Free what other programs hold of the "
            f"device's memory, or take another device ({reason_of(error)})"
        ) from error


def reason_of(error: BaseException) -> str:
    """The first sentence of what an error says, on one line."""
    return " ".join(str(error).split()).partition(". ")[0]


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
