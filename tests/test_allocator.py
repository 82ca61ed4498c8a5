"""Memory that is kept for the next step."""

import os
import platform

import pytest

from command_line import in_python
from mien.learn.training.allocator import kept_memory

SCRIPT = """
import resource, sys
from contextlib import nullcontext
import torch
from mien.learn.training.allocator import kept_memory

MB = 1024 * 1024

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        torch.ones(64 * MB, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

torch.ones(1)
print(faults())
with kept_memory():
    for _ in range(10):  # holes that something small has come into are doubled until one is enough
        faults()
    print(faults())
    held = resident()
print((held - resident()) // MB)
print(faults())
"""


of_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another allocator than glibc's"
)


def numbers(**environment: str) -> list[int]:
    done = in_python("-c", SCRIPT, check=True, env={**os.environ, **environment})
    return [int(line) for line in done.stdout.split()]


@pytest.mark.slow
@of_glibc
def test_what_is_freed_is_there_for_the_next_step_and_given_back_at_the_end() -> None:
    before, within, given_back_mb, after = numbers()
    assert before > 1000  # three times 64 MB, page by page
    assert within < before / 20
    assert given_back_mb >= 60
    assert after > 1000


@pytest.mark.slow
@of_glibc
def test_an_allocator_that_people_set_stays_as_it_is() -> None:
    _, within, _, _ = numbers(MALLOC_TOP_PAD_="0")
    assert within > 1000


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.learn.training.allocator.platform.libc_ver", lambda: ("", ""))
    monkeypatch.setattr("mien.learn.training.allocator.ctypes", None)
    with kept_memory():
        pass
