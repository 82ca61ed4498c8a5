"""What does the shards: this process, or worker processes that may die.

A shard whose worker dies, of a signal or for want of memory, is submitted once more; one that has
killed `MOST_DEATHS` of them is given up, and the others go on. A worker that loses the process that
began it ends at once.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import connection
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from mien.batch.plan import Plan, Shard
from mien.batch.records import KILLS, GivenUp, ShardRecord
from mien.batch.settings import Job
from mien.errors import MienError

if TYPE_CHECKING:
    from mien.batch.work import ShardWorker

MOST_DEATHS: Final = 3
"""Workers that a shard may kill before it is given up."""

_START_DEATHS: Final = 3  # workers in a row that die before they are ready
_PROGRESS_S: Final = 0.5  # between two words about how far it is


@dataclass(frozen=True)
class Progress:
    """How far the shards are that are under way now.

    Attributes:
        images: of them that were read.
        errors: pictures of them that could not be.
    """

    images: int = 0
    errors: int = 0


Done: TypeAlias = ShardRecord | GivenUp
Event: TypeAlias = Done | Progress


class WorkerDiedError(Exception):
    """The worker of a shard is gone, with what it had not finished.

    Args:
        how: it ended.
        had_begun: the shard; else it died while it started, which is no fault of the shard.
    """

    def __init__(self, how: str, *, had_begun: bool = True) -> None:
        super().__init__(how)
        self.had_begun = had_begun


class Workers(Protocol):
    """What shards are submitted to."""

    def submit(self, shard: Shard) -> "Future[Done]":
        """Have a shard done by a worker that has none."""

    def receive(self, future: "Future[Done]") -> Done:
        """What came of a shard.

        Raises:
            WorkerDiedError: nothing, since its worker died.
            MienError: its part cannot be written, the model not opened, or no worker comes up.
        """

    def progress(self) -> Progress:
        """How far the shards are that are under way."""

    def close(self) -> None:
        """End all workers, in the middle of whatever they do."""


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def attempt(
    worker: "ShardWorker",
    shard: Shard,
    progress: Callable[[int, int], None] = lambda images, errors: None,
) -> Done:
    """Do a shard; an error that nobody foresaw gives up this shard, not the others.

    Args:
        worker: what does it.
        shard: of the plan.
        progress: see `ShardWorker`.
    Raises:
        MienError: its part cannot be written.
    """
    begun = time.monotonic()
    try:
        return worker(shard, progress)
    except MienError:
        raise
    except Exception as error:
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return GivenUp(shard.number, text, time.monotonic() - begun)


def run_here(job: Job, plan: Plan, numbers: Sequence[int]) -> Iterator[Event]:
    """Do shards in this very process, one after the other.

    Args:
        job: what to do.
        plan: that has the shards.
        numbers: of those to do.
    Yields:
        As `run_pool`.
    Raises:
        MienError: a part cannot be written, or the model not opened.
    """
    from mien.batch.work import ShardWorker

    worker = ShardWorker(job)
    for number in numbers:
        yield attempt(worker, plan[number])
        yield Progress()


def run_pool(job: Job, plan: Plan, numbers: Sequence[int], processes: int) -> Iterator[Event]:
    """Do shards in processes of this machine.

    Args:
        job: what to do.
        plan: that has the shards.
        numbers: of those to do, in this order.
        processes: how many at once.
    Yields:
        See `run_workers`.
    Raises:
        MienError: a part cannot be written, the model not opened, or no process comes up.
    """
    return run_workers(_Processes(job), plan, numbers, processes)


def run_workers(workers: Workers, plan: Plan, numbers: Sequence[int], size: int) -> Iterator[Event]:
    """Submit shards to workers, those whose worker died once more.

    Args:
        workers: closed at the end.
        plan: that has the shards.
        numbers: of those to do, in this order.
        size: shards under way at once.
    Yields:
        A record for each shard as it is done, and shards that were given up; after these, and now
        and then, how far the others are. Closing it ends the workers; what they have not finished
        leaves no trace.
    Raises:
        MienError: see `Workers.receive`.
    """
    waiting = list(reversed(numbers))
    under_way: dict[Future[Done], tuple[int, float]] = {}  # number of the shard, when submitted
    deaths: dict[int, list[str]] = {}  # of each shard: how its workers ended
    try:
        while waiting or under_way:
            while waiting and len(under_way) < size:
                number = waiting.pop()
                under_way[workers.submit(plan[number])] = number, time.monotonic()
            for future in wait(under_way, _PROGRESS_S, FIRST_COMPLETED).done:
                number, begun = under_way.pop(future)
                try:
                    yield workers.receive(future)
                except WorkerDiedError as death:
                    died = deaths.setdefault(number, [])
                    if death.had_begun:
                        died.append(str(death))
                    if len(died) < MOST_DEATHS:
                        waiting.append(number)
                    else:
                        reason = f"it has killed {len(died)} processes, with {', '.join(died)}"
                        yield GivenUp(number, reason, time.monotonic() - begun, kind=KILLS)
            yield workers.progress()
    finally:
        workers.close()


class _Processes:
    """Processes of this machine, each in an executor of its own.

    In a `ProcessPoolExecutor` of several, one that dies would take the others with it, and nobody
    would know which shard it had.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._processes: list[_Process] = []
        self._start_deaths = 0

    def submit(self, shard: Shard) -> "Future[Done]":
        for process in self._processes:
            if process.future is None:
                with suppress(BrokenProcessPool):  # it died while it had nothing to do
                    return process.submit(self._job, shard)
        self._processes.append(process := _Process())
        return process.submit(self._job, shard)

    def receive(self, future: "Future[Done]") -> Done:
        (process,) = [p for p in self._processes if p.future is future]
        try:
            done = process.receive()
        except BrokenProcessPool:
            self._processes.remove(process)
            how = _how(process.end())
            self._start_deaths += not process.is_ready
            if self._start_deaths == _START_DEATHS:
                raise MienError(
                    f"expected worker processes to come up; {_START_DEATHS} in a row died, the "
                    f"last one with {how}"
                ) from None
            raise WorkerDiedError(how, had_begun=process.is_ready) from None
        self._start_deaths = 0
        return done

    def progress(self) -> Progress:
        at_work = [p.counts for p in self._processes if p.future is not None]
        return Progress(sum(c[1] for c in at_work), sum(c[2] for c in at_work))

    def close(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.end()


class _Context(SpawnContext):
    """Keeps the process that an executor starts: an executor does not say how it ended."""

    # A fork would share the threads' locks of whoever calls, in whatever state they are.
    process: SpawnProcess | None = None

    def Process(self, *arguments: Any, **options: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        self.process = SpawnProcess(*arguments, **options | {"name": "mien-batch"})
        return self.process


class _Process:
    """An executor of one process, which does one shard at a time."""

    def __init__(self) -> None:
        self._context = _Context()
        # Whether it is ready, and pictures and errors of its shard. Memory that is shared has no
        # lock that a process could take with it when it is killed.
        self.counts = self._context.RawArray("q", 3)
        self._executor = ProcessPoolExecutor(1, self._context, _begin, (self.counts,))
        self.future: Future[Done] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it has opened the model."""
        return bool(self.counts[0])

    def submit(self, job: Job, shard: Shard) -> "Future[Done]":
        """Have a shard done.

        Raises:
            BrokenProcessPool: the process has died.
        """
        self.counts[1:] = [0, 0]
        self.future = self._executor.submit(_do, job, shard)
        return self.future

    def receive(self) -> Done:
        """What came of its shard; it has none then.

        Raises:
            BrokenProcessPool: the process has died.
            MienError: see `attempt`.
        """
        future, self.future = self.future, None
        assert future is not None
        return future.result()

    def kill(self) -> None:
        """End it at once."""
        if self._context.process is not None:
            self._context.process.kill()

    def end(self) -> int | None:
        """Wait until it has ended: its exit code, or minus the number of a signal."""
        self._executor.shutdown()
        return None if self._context.process is None else self._context.process.exitcode


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"status {code}"


# In a worker process

_counts: Any = None


def _begin(counts: Any) -> None:
    global _counts
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that began it hears Ctrl-C, and ends it
    _end_with_parent()
    _counts = counts


def _do(job: Job, shard: Shard) -> Done:
    worker = _open(job)
    _counts[0] = 1

    def progress(images: int, errors: int) -> None:
        _counts[1:] = [images, errors]

    return attempt(worker, shard, progress)


@lru_cache(maxsize=1)
def _open(job: Job) -> "ShardWorker":
    import cv2

    from mien.batch.work import ShardWorker

    cv2.setNumThreads(1)
    return ShardWorker(job)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="mien-parent", daemon=True).start()
