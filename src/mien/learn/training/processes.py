"""One training run in several processes, one for each device, which Fabric starts.

The process that is asked to train tells of progress and hears Ctrl-C, so that both are as without
the others. A script must ask under `if __name__ == "__main__":`, since they import it.

With several machines the same command is started on each, and the environment says where it is:
MASTER_ADDR and MASTER_PORT of the first machine, and NODE_RANK, from 0. What torchrun or Slurm
started is taken as it is.
"""

import logging
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing.synchronize import Event as ProcessEvent
from typing import Any, Final, TypeVar, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor
from torch.multiprocessing.spawn import ProcessException

from mien.environment import end_with_parent
from mien.errors import MienError, OptionError, TrainingError, check_count

STUCK_AFTER: Final = timedelta(minutes=10)  # a process that waits so long for another gives up

_RANKS: Final = ("RANK", "NODE_RANK", "GROUP_RANK", "LOCAL_RANK", "SLURM_PROCID")

_TALKATIVE: Final = {  # loggers, and from what level on they are heard
    "lightning_fabric.utilities.rank_zero": logging.WARNING,
    "lightning_fabric.utilities.distributed": logging.WARNING,
    "torch.multiprocessing.spawn": logging.ERROR,
}

Result = TypeVar("Result")


Flag = threading.Event | ProcessEvent

Work = Callable[[Fabric, Callable[[Any], None] | None, Flag], Result]
"""What each process does: its Fabric, what to tell (None: nobody hears), whether to stop."""


def is_first_process() -> bool:
    """Whether this process is the one that prints and writes, as far as its environment says."""
    return not any(os.environ.get(name, "0").strip() not in ("", "0") for name in _RANKS)


def check_counts(devices: int, nodes: int) -> None:
    """Refuse numbers of devices and machines that make no sense.

    Raises:
        OptionError: one is below 1, or several machines do not know of one another.
    """
    for name, count in (("devices", devices), ("nodes", nodes)):
        check_count(name, count, 1)
    if nodes > 1 and not _started_by_another():
        wanted = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")
        if missing := [name for name in wanted if name not in os.environ]:
            raise OptionError(
                f"{nodes} nodes: expected {', '.join(wanted)} in the environment of each; "
                f"{', '.join(missing)} not set"
            )


def _started_by_another() -> bool:
    return "LOCAL_RANK" in os.environ or "SLURM_NTASKS" in os.environ


class SeveralDevices(DDPStrategy):
    """Data parallelism in processes that Fabric starts, but for those that are there already."""

    def __init__(self) -> None:
        start_method = "popen" if _started_by_another() else "spawn"  # popen starts none of these
        super().__init__(timeout=STUCK_AFTER, start_method=start_method)  # type: ignore[arg-type]

    def setup_environment(self) -> None:
        """Join the others, without Lightning's words about it."""
        with quiet_libraries():
            super().setup_environment()


def launch(fabric: Fabric, work: Work[Result], report: Callable[[Any], None] | None) -> Result:
    """Have `work` done by a process for each device; with one device, by this one.

    Args:
        fabric: set up for the devices and not launched.
        work: can be pickled, as can what it tells and returns.
        report: called in this process with what the first one tells.
    Returns:
        What the first process returned.
    Raises:
        TrainingError: one of the processes failed.
        MienError: as `work` does.
    """
    if isinstance(fabric.strategy, SeveralDevices) and not _started_by_another():
        with quiet_libraries():
            return _launch_beside(fabric, work, report)
    flag = threading.Event()
    with _ctrl_c_sets(flag):
        return cast(Result, fabric.launch(partial(_work, work, report, flag)))


def _work(work: Work[Result], report: Any, flag: Flag, fabric: Fabric) -> Result:
    result = work(fabric, report if fabric.is_global_zero else None, flag)
    if fabric.world_size > 1:
        torch.distributed.destroy_process_group()
    return result


def _launch_beside(fabric: Fabric, work: Work[Result], report: Any) -> Result:
    spawn = multiprocessing.get_context("spawn")
    asked, said, flag = spawn.Queue(), spawn.Queue(), spawn.Event()
    # Not as an argument: what is more than a pipe holds, each process would read before the next
    # one is started, after its imports.
    for _ in range(fabric.strategy.num_processes):  # type: ignore[attr-defined]
        asked.put(work)
    asked.cancel_join_thread()  # where a process ended before it heard
    own, port = set(multiprocessing.active_children()), os.environ.get("MASTER_PORT")
    results: list[Result] = []
    # The thread starts the processes and waits for them; it hears no Ctrl-C, nor do they.
    with _ctrl_c_sets(flag), ThreadPoolExecutor(1, initializer=_ignore_ctrl_c) as thread:
        running = thread.submit(fabric.launch, _WorkBeside(asked, said, flag))
        try:
            for kind, content in _messages(said, running):
                if kind == "error":
                    raise content
                if kind == "result":
                    results.append(content)
                elif report:
                    report(content)
        except BaseException:
            while not running.done():
                for process in set(multiprocessing.active_children()) - own:
                    process.kill()
                time.sleep(0.05)
            raise
        finally:
            if port is None:  # Fabric has set it
                os.environ.pop("MASTER_PORT", None)
    try:
        running.result()
    except ProcessException as error:
        last = str(error).strip().splitlines()[-1]  # of a traceback
        raise TrainingError(f"a process for another device failed: {last}") from error
    return results[0]


def _messages(said: Any, running: Future[Any]) -> Iterator[tuple[str, Any]]:
    """What the processes say until all have ended."""
    ended = False
    while True:
        try:
            yield said.get(timeout=0.1)
        except queue.Empty:
            if ended:
                return
            ended = running.done()


class _WorkBeside:
    """What one of several processes does. From when it gets this on it ends with its parent.

    It waits for the others before it is called: for half an hour, where a kill came in between.
    """

    def __init__(self, asked: Any, said: Any, flag: Flag) -> None:
        self._asked, self._said, self._flag = asked, said, flag

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        end_with_parent()

    def __call__(self, fabric: Fabric) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # where threads cannot be told to ignore it
        said = self._said
        try:
            work = self._asked.get()
            result = _work(work, lambda told: said.put(("progress", told)), self._flag, fabric)
        except MienError as error:
            said.put(("error", error))
            raise
        if fabric.local_rank == 0:
            said.put(("result", result))


def _ignore_ctrl_c() -> None:
    """In this thread, and in processes that it starts, from their first moment on."""
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


@contextmanager
def _ctrl_c_sets(flag: Flag) -> Iterator[None]:
    """Ctrl-C sets the flag; a second Ctrl-C stops at once, as without it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
        return
    before = signal.getsignal(signal.SIGINT)

    def on_interrupt(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        flag.set()

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def sum_of(values: Tensor, fabric: Fabric) -> Tensor:
    """The sum over all processes, in each of them."""
    every = fabric.all_reduce(values, reduce_op="sum")
    assert isinstance(every, Tensor)
    return every


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keeps from standard error what Lightning and torch say of precision and processes."""
    before = {logger: logger.level for logger in map(logging.getLogger, _TALKATIVE)}
    for logger in before:
        logger.setLevel(_TALKATIVE[logger.name])
    try:
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
