"""What a process and all that it has started take together; psutil comes with the extra `dev`."""

from collections.abc import Callable
from contextlib import suppress

import psutil  # type: ignore[import-untyped]

Measure = Callable[[psutil.Process], float]


def family_of(pid: int) -> list[psutil.Process]:
    """A process and all that it has started; none where it has ended."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def sum_of(pid: int, measure: Measure) -> float:
    """The sum of a measure over a process and all that it has started."""
    total = 0.0
    for process in family_of(pid):
        with suppress(psutil.Error):  # it has ended meanwhile
            total += measure(process)
    return total


def cpu_s(process: psutil.Process) -> float:
    """Processor time until now."""
    user, system, *_ = process.cpu_times()
    return float(user + system)


def resident_mb(process: psutil.Process) -> float:
    """Resident memory, in thousands of 1,024 bytes."""
    return float(process.memory_info().rss) / 1024 / 1000


def shared_out_mb(process: psutil.Process) -> float:
    """Proportional set size, of which shared pages count once, in thousands of 1,024 bytes."""
    return float(process.memory_full_info().pss) / 1024 / 1000
