"""One training run in several processes, one for each device.

The process that is asked to train works itself, as the first; beside it, on its machine, it starts
one for each other device. So progress and Ctrl-C reach it as without them, and it makes no
difference whether the command line, a script or a test asked. A script must ask under
`if __name__ == "__main__":`, since the other processes import it.

With several machines the same command is started on each, and the environment says where it is:
MASTER_ADDR and MASTER_PORT of the first machine, and NODE_RANK, from 0. What torchrun or Slurm
started is taken as it is.
"""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from torch.multiprocessing.spawn import ProcessException, start_processes

from mien.errors import MienError, OptionError, TrainingError

_SET: Final = (
    "MASTER_ADDR",
    "MASTER_PORT",
    "NODE_RANK",
    "LOCAL_RANK",
    "WORLD_SIZE",
    "OMP_NUM_THREADS",  # set by Fabric, so that the processes share the cores
)
_RANKS: Final = ("RANK", "NODE_RANK", "GROUP_RANK", "LOCAL_RANK", "SLURM_PROCID")
_Call = TypeVar("_Call")
START_LIMIT_S: Final = 300.0
FAILURE_LIMIT_S: Final = 60.0  # for another process to end after it has failed


def is_first_process() -> bool:
    """Whether this process is the one that prints and writes, as far as its environment says."""
    return not any(os.environ.get(name, "0").strip() not in ("", "0") for name in _RANKS)


def check_counts(devices: int, nodes: int) -> None:
    """Refuse numbers of devices and machines that make no sense.

    Raises:
        OptionError: one is below 1, or several machines do not know of one another.
    """
    for name, count in (("devices", devices), ("nodes", nodes)):
        if count < 1:
            raise OptionError(f"{name}: expected 1 or more; got {count}")
    if nodes > 1 and not _started_by_another():
        wanted = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")
        if missing := [name for name in wanted if name not in os.environ]:
            raise OptionError(
                f"{nodes} nodes: expected {', '.join(wanted)} in the environment of each; "
                f"{', '.join(missing)} not set"
            )


def _started_by_another() -> bool:
    return "LOCAL_RANK" in os.environ or "SLURM_NTASKS" in os.environ


@contextmanager
def processes(
    fabric: Fabric,
    fabric_for: Callable[[_Call], Fabric],
    work: Callable[[_Call, Fabric], object],
    call: _Call,
) -> Iterator[None]:
    """Start the other processes of this machine, and join them all to one group.

    Each calls `work(call, fabric_for(call))`, with functions of a module; the call is pickled. They
    are ended when the body is left, however that is.

    Args:
        fabric: of this process, set up for the devices and not launched.
        fabric_for: makes that of another process.
        work: what the other processes do.
        call: what they are told.
    Raises:
        TrainingError: one of the processes failed.
    """
    environment = getattr(fabric.strategy, "cluster_environment", None)
    if not isinstance(environment, ClusterEnvironment):  # one device
        yield
        return
    devices = fabric.strategy.num_processes  # type: ignore[attr-defined]
    kept = {name: os.environ.get(name) for name in _SET}
    threads = torch.get_num_threads()
    others = None
    try:
        if not environment.creates_processes_externally:
            os.environ["MASTER_ADDR"] = environment.main_address
            os.environ["MASTER_PORT"] = str(environment.main_port)
            os.environ["LOCAL_RANK"] = "0"
            ready = multiprocessing.get_context("spawn").SimpleQueue()
            with _interrupts_later():
                others = start_processes(  # type: ignore[no-untyped-call]
                    _work_beside,
                    args=(dict(os.environ), ready, fabric_for, work, call),
                    nprocs=devices - 1,
                    join=False,
                    start_method="spawn",
                )
            _wait_until_ready(others, ready, devices - 1)
        with _joined(fabric):
            yield
        while others is not None and not others.join():
            pass
    except Exception as error:
        # Where another process failed first, that is the reason, and this one's a consequence.
        if others is not None:
            _raise_failure(others, error)
        raise
    finally:
        if others is not None:
            for process in others.processes:
                process.kill()
                process.join()
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        torch.set_num_threads(threads)


@contextmanager
def _joined(fabric: Fabric) -> Iterator[None]:
    """Take part in the group of processes that the environment names, and leave it at the end."""
    with without_notes_of_lightning():
        fabric.launch()
    try:
        yield
    finally:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _wait_until_ready(others: Any, ready: Any, count: int) -> None:
    """Wait for the others to be about to join: joining itself waits without looking at them."""
    started = time.monotonic()
    while count:
        if not ready.empty():
            ready.get()
            count -= 1
        elif time.monotonic() - started > START_LIMIT_S:
            raise TrainingError(f"expected {count} more processes within {START_LIMIT_S:.0f} s")
        else:
            others.join(timeout=0.05)  # raises if one has failed


def _raise_failure(others: Any, error: Exception) -> None:
    """Raise what made another process fail, where `error` is but what came of it in this one."""
    if not isinstance(error, ProcessException):
        of_the_group = isinstance(error, torch.distributed.DistError) or "gloo" in str(error)
        if isinstance(error, MienError) or not of_the_group:
            return
        try:
            others.join(timeout=FAILURE_LIMIT_S)
            return
        except ProcessException as failure:
            error = failure
    last = str(error).strip().splitlines()[-1]  # of a traceback
    raise TrainingError(f"a process for another device failed: {last}") from error


def _work_beside(
    index: int,
    environment: dict[str, str],
    ready: Any,
    fabric_for: Callable[[_Call], Fabric],
    work: Callable[[_Call, Fabric], object],
    call: _Call,
) -> None:
    """One of the other processes: its index is from 0, its rank on the machine from 1."""
    os.environ.update(environment, LOCAL_RANK=str(index + 1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where masks are unknown, from here on
    threading.Thread(target=_end_with_parent, daemon=True).start()
    fabric = fabric_for(call)
    ready.put(index)
    with _joined(fabric):
        work(call, fabric)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Ctrl-C in here is heard at the end; processes started in here never hear it.

    A terminal sends it to all of them. The first process hears it and tells the others, which
    would else end with a traceback each if it came while they import torch.
    """
    in_main = threading.current_thread() is threading.main_thread()
    can_mask = hasattr(signal, "pthread_sigmask")  # not on Windows
    came = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: came.set()) if in_main else None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if can_mask else set()
    try:
        yield
    finally:
        if can_mask:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if in_main:
            signal.signal(signal.SIGINT, before)
            if came.is_set():
                signal.raise_signal(signal.SIGINT)


def _end_with_parent() -> None:
    """Without its first process a group would wait for it, perhaps for ever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


@contextmanager
def without_notes_of_lightning() -> Iterator[None]:
    """Keeps from standard error what Lightning says of precision and processes, as it goes on."""
    names = ("lightning_fabric.utilities.rank_zero", "lightning_fabric.utilities.distributed")
    before = {logger: logger.level for logger in map(logging.getLogger, names)}
    for logger in before:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
