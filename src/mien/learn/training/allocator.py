"""Memory that a process keeps for its next step, in place of giving it back after each."""

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# mallopt(3): M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX. Afterwards they have what
# glibc has come to by itself when something of 32 MB has been freed; it adapts no more.
_KEEPING: Final = {-1: 2**31 - 1, -2: 2**26, -4: 0}
_AFTERWARDS: Final = {-1: 2**26, -2: 2**17, -3: 2**25, -4: 2**16}


@contextmanager
def kept_memory() -> Iterator[None]:
    """Memory of tensors that are freed stays with the process until the end.

    glibc gives back what is large page by page, and in training on a CPU fetches the same in the
    next step. Elsewhere, and where the environment sets the allocator, nothing is changed.
    """
    tuned = any(name == "GLIBC_TUNABLES" or name.startswith("MALLOC_") for name in os.environ)
    if tuned or platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    for parameter, value in _KEEPING.items():
        libc.mallopt(parameter, value)
    try:
        yield
    finally:
        for parameter, value in _AFTERWARDS.items():
            libc.mallopt(parameter, value)
        libc.malloc_trim(0)
