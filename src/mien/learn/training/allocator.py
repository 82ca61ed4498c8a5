"""Memory that a process keeps for its next step, in place of giving it back after each."""

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

# Parameters of mallopt: malloc.h of glibc, mallopt(3).
_TRIM_THRESHOLD: Final = -1
_TOP_PAD: Final = -2
_MMAP_THRESHOLD: Final = -3
_MMAP_MAX: Final = -4

_KEEPING: Final = {_TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 64 * 1024 * 1024, _MMAP_MAX: 0}

# What glibc has come to by itself when something of 32 MB has been freed; it adapts no more.
_AFTERWARDS: Final = {
    _TRIM_THRESHOLD: 64 * 1024 * 1024,
    _TOP_PAD: 128 * 1024,
    _MMAP_THRESHOLD: 32 * 1024 * 1024,
    _MMAP_MAX: 65_536,
}

_OF_PEOPLE: Final = tuple(
    f"MALLOC_{name}_" for name in ("TRIM_THRESHOLD", "TOP_PAD", "MMAP_THRESHOLD", "MMAP_MAX")
)


@contextmanager
def kept_memory() -> Iterator[None]:
    """Memory of tensors that are freed stays with the process until the end.

    glibc fetches what is large from the system and gives it back when it is freed, page by page:
    in training on a CPU that is the same memory in every step. Elsewhere than on Linux with glibc,
    and where the environment sets the allocator by itself, nothing is changed.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    _set(libc, _KEEPING)
    try:
        yield
    finally:
        _set(libc, _AFTERWARDS)
        libc.malloc_trim(0)


@cache
def _glibc() -> Any:
    """The library, if it is there and nobody has set it; else None."""
    if platform.libc_ver()[0] != "glibc":
        return None
    tuned = "glibc.malloc." in os.environ.get("GLIBC_TUNABLES", "")
    if tuned or any(name in os.environ for name in _OF_PEOPLE):
        return None
    return ctypes.CDLL(None)


def _set(libc: Any, values: dict[int, int]) -> None:
    for parameter, value in values.items():
        libc.mallopt(parameter, value)
