"""What does the shards: this process, or worker processes that may die.

A shard whose worker dies, of a signal or for want of memory, is submitted once more; one that has
killed `MOST_DEATHS` of them is given up, and the others go on. A worker that loses the process that
began it ends at once.
"""

import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import lru_cache
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Final, NamedTuple, TypeAlias

from mien.environment import end_with_parent
from mien.errors import ErrorKind, MienError
from mien.recognize.batch.plan import Plan, Shard
from mien.recognize.batch.records import ShardRecord
from mien.recognize.batch.settings import Job
from mien.recognize.batch.work import ShardWorker, failed_part

MOST_DEATHS: Final = 3
"""Workers that a shard may kill before it is given up."""

_START_DEATHS: Final = 3  # workers in a row that die before they are ready
_PROGRESS_S: Final = 0.5  # between two words about how far it is


class Progress(NamedTuple):
    """How far the shards are that are under way now."""

    images: int = 0
    errors: int = 0


Event: TypeAlias = ShardRecord | Progress


class WorkerDiedError(Exception):
    """The worker of a shard is gone, with what it had not finished; it says how that ended."""

    had_begun = True  # the shard; else it died while it started, which is no fault of the shard


class Workers(ABC):
    """What shards are submitted to."""

    @abstractmethod
    def submit(self, shard: Shard) -> Future[Any]:
        """Have a shard done by a worker that has none.

        Raises:
            MienError: no worker can be started.
        """

    @abstractmethod
    def receive(self, future: Future[Any]) -> ShardRecord:
        """What came of a shard.

        Raises:
            WorkerDiedError: nothing.
            MienError: its part cannot be written, the model not opened, or no worker comes up.
        """

    @abstractmethod
    def close(self) -> None:
        """End all workers, in the middle of whatever they do."""

    def progress(self) -> Progress:
        """How far the shards are that are under way, where workers tell before they are done."""
        return Progress()


def run_workers(
    workers: Workers, job: Job, plan: Plan, numbers: Sequence[int], size: int
) -> Iterator[Event]:
    """Do shards, so many at once, in this order; those whose worker died are submitted once more.

    Yields:
        A record for each shard as it is done or given up; after these, and now and then, how far
        the others are. Closing it ends the workers; what they have not finished leaves no trace.
    Raises:
        MienError: see `Workers.submit` and `Workers.receive`.
    """
    waiting = list(reversed(numbers))
    under_way: dict[Future[Any], tuple[int, float]] = {}  # number of the shard, when submitted
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
                        continue
                    why = f"it has killed {len(died)} processes, with {', '.join(died)}"
                    seconds = time.monotonic() - begun
                    kind: ErrorKind = "kills the process that reads it"
                    yield failed_part(job, plan[number], why, seconds, kind)
            yield workers.progress()
    finally:
        workers.close()


def run_local(job: Job, plan: Plan, numbers: Sequence[int], processes: int) -> Iterator[Event]:
    """Do shards on this machine, in so many processes; with 0 in this one. See `run_workers`."""
    if numbers and processes:
        yield from run_workers(_Processes(job), job, plan, numbers, processes)
    elif numbers:
        worker = ShardWorker(job)
        for number in numbers:
            yield worker(plan[number])
            yield Progress()


class _Processes(Workers):
    """Processes of this machine, each in an executor of its own.

    In a `ProcessPoolExecutor` of several, one that dies would take the others with it, and nobody
    would know which shard it had.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._processes: list[_Process] = []
        self._start_deaths = 0

    def submit(self, shard: Shard) -> Future[ShardRecord]:
        process = next((p for p in self._processes if p.future is None), None)
        if process is None:
            self._processes.append(process := _Process())
        process.counts[1:] = [0, 0]
        try:
            process.future = process.executor.submit(_do, self._job, shard)
        except BrokenProcessPool:  # it died while it had nothing to do
            self._processes.remove(process)
            return self.submit(shard)
        except OSError as error:  # the system gives no further process, or no memory for it
            raise MienError(
                f"expected worker processes to come up; {error.strerror or error}"
            ) from error
        return process.future

    def receive(self, future: Future[ShardRecord]) -> ShardRecord:
        (process,) = [p for p in self._processes if p.future is future]
        process.future = None
        try:
            record = future.result()
        except BrokenProcessPool:
            self._processes.remove(process)
            death = WorkerDiedError(_how(process.end()))
            death.had_begun = bool(process.counts[0])
            self._start_deaths += not death.had_begun
            if self._start_deaths == _START_DEATHS:
                raise MienError(
                    f"expected worker processes to come up; {_START_DEATHS} in a row died, the "
                    f"last one with {death}"
                ) from None
            raise death from None
        self._start_deaths = 0
        return record

    def progress(self) -> Progress:
        at_work = [p.counts for p in self._processes if p.future is not None]
        return Progress(sum(c[1] for c in at_work), sum(c[2] for c in at_work))

    def close(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.end()


# A fork would share the threads' locks of whoever calls, in whatever state they are.
class _Process(SpawnContext):
    """An executor of one process; its context, since an executor does not say how one ended."""

    def __init__(self) -> None:
        # Whether the model is open, and images and errors of the shard. Memory that is shared has
        # no lock that a process could take with it when it is killed.
        self.counts = self.RawArray("q", 3)
        self.executor = ProcessPoolExecutor(1, self, _begin, (self.counts,))
        self.future: Future[ShardRecord] | None = None
        self._process: SpawnProcess | None = None

    def Process(self, *arguments: Any, **options: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        self._process = SpawnProcess(*arguments, **options | {"name": "mien-batch"})
        return self._process

    def kill(self) -> None:
        if self._process is not None and self._process.pid is not None:  # it has been started
            self._process.kill()

    def end(self) -> int | None:
        """Wait until it has ended: its exit code, or minus the number of a signal."""
        self.executor.shutdown()
        return None if self._process is None else self._process.exitcode


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
    end_with_parent()
    _counts = counts


def _do(job: Job, shard: Shard) -> ShardRecord:
    worker = worker_of(job)
    _counts[0] = 1

    def progress(images: int, errors: int) -> None:
        _counts[1:] = [images, errors]

    return worker(shard, progress)


@lru_cache(maxsize=1)
def worker_of(job: Job) -> ShardWorker:
    """The one that this process opens for a job."""
    import cv2

    cv2.setNumThreads(1)
    return ShardWorker(job)
