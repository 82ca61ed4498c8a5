"""The local engine: worker processes, each with one shard at a time.

A worker that dies, of a signal or for want of memory, is replaced and its shard done again; a shard
that has killed `MOST_DEATHS` of them is given up, and the others go on. A worker that loses the
process that began it ends at once.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import mien.errors
from mien.batch.plan import Plan, Shard
from mien.batch.records import KILLS, GivenUp, ShardRecord
from mien.batch.settings import Job
from mien.errors import MienError

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from mien.batch.work import ShardWorker, Tell

MOST_DEATHS: Final = 3
"""Workers that a shard may kill before it is given up."""

_START_DEATHS: Final = 3  # workers in a row that die before they are ready
_END_S: Final = 5.0  # for a worker to end, before it is killed


@dataclass(frozen=True)
class Progress:
    """Pictures that were read since the last of these.

    Attributes:
        images: read; below zero where those of a worker that died are to be read again.
        errors: that could not be; likewise.
    """

    images: int = 0
    errors: int = 0

    def __add__(self, other: "Progress") -> "Progress":
        return Progress(self.images + other.images, self.errors + other.errors)

    def __neg__(self) -> "Progress":
        return Progress(-self.images, -self.errors)


Event: TypeAlias = ShardRecord | Progress | GivenUp


@dataclass(frozen=True)
class Failure:
    """An error that ends the whole batch, in a form that travels between processes.

    Attributes:
        kind: of the error, a name in `mien.errors`.
        message: its own.
    """

    kind: str
    message: str

    @classmethod
    def of(cls, error: MienError) -> Self:
        """The form of an error."""
        return cls(type(error).__name__, str(error))

    def error(self) -> MienError:
        """The error; where its kind has a constructor of its own, that is not called."""
        kind: type[MienError] = getattr(mien.errors, self.kind, MienError)
        made = kind.__new__(kind)
        made.args = (self.message,)
        return made


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def attempt(
    worker: "ShardWorker", shard: Shard, tell: "Tell" = lambda images, errors: None
) -> ShardRecord | GivenUp:
    """Do a shard; an error that nobody foresaw gives up this shard, not the others.

    Args:
        worker: what does it.
        shard: of the plan.
        tell: see `ShardWorker`.
    Raises:
        MienError: its part cannot be written.
    """
    begun = time.monotonic()
    try:
        return worker(shard, tell)
    except (MienError, BrokenPipeError, ConnectionResetError):
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
        told: list[Progress] = []
        done = attempt(worker, plan[number], lambda i, e, told=told: told.append(Progress(i, e)))  # type: ignore[misc]
        yield from told
        if isinstance(done, GivenUp):
            yield -sum(told, Progress())
        yield done


def run_pool(job: Job, plan: Plan, numbers: Sequence[int], processes: int) -> Iterator[Event]:
    """Do shards in processes of this machine.

    Args:
        job: what to do.
        plan: that has the shards.
        numbers: of those to do, in this order.
        processes: how many at once.
    Yields:
        A record for each shard as it is done, words about how far they are, and shards that were
        given up. Closing it ends the processes; what they have not finished leaves no trace.
    Raises:
        MienError: a part cannot be written, the model not opened, or no process comes up.
    """
    pool = _Pool(job, plan, numbers, processes)
    try:
        while pool.workers:
            for worker in pool.ready():
                yield from pool.hear(worker)
    finally:
        pool.end()


class _Pool:
    """The workers, and the shards that wait for one."""

    def __init__(self, job: Job, plan: Plan, numbers: Sequence[int], processes: int) -> None:
        self._job, self._plan = job, plan
        self._waiting = list(reversed(numbers))
        self._deaths: dict[int, list[int | None]] = {}  # of each shard: how its workers ended
        self._start_deaths = 0
        self.workers = [_Worker(job) for _ in range(min(processes, len(numbers)))]

    def ready(self) -> list["_Worker"]:
        """Wait for workers that have something to say, or are dead."""
        found = wait([x for w in self.workers for x in (w.connection, w.process.sentinel)])
        return [w for w in self.workers if w.connection in found or w.process.sentinel in found]

    def hear(self, worker: "_Worker") -> Iterator[Event]:
        """Take what a worker says, and give it another shard where it has none."""
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._bury(worker)
            return
        self._start_deaths = 0
        if isinstance(message, Failure):
            raise message.error()
        if isinstance(message, Progress):
            worker.told += message
            yield message
            return
        if isinstance(message, GivenUp):
            yield -worker.told
        if isinstance(message, ShardRecord | GivenUp):
            yield message
        if self._waiting:
            worker.give(self._plan[self._waiting.pop()])
        else:
            worker.dismiss()
            self.workers.remove(worker)

    def _bury(self, worker: "_Worker") -> Iterator[Event]:
        """Put another in the place of a worker that died."""
        code = worker.exit_code()
        self.workers.remove(worker)
        if worker.shard is None:
            self._start_deaths += 1
            if self._start_deaths == _START_DEATHS:
                raise MienError(
                    f"expected worker processes to come up; {_START_DEATHS} in a row died, the "
                    f"last one with {_how(code)}"
                )
            self.workers.append(_Worker(self._job))
            return
        yield -worker.told
        died = self._deaths.setdefault(worker.shard, [])
        died.append(code)
        if len(died) < MOST_DEATHS:
            self._waiting.append(worker.shard)
        else:
            how = ", ".join(map(_how, died))
            seconds = time.monotonic() - worker.begun
            reason = f"it has killed {len(died)} processes, with {how}"
            yield GivenUp(worker.shard, reason, seconds, kind=KILLS)
        if self._waiting:
            self.workers.append(_Worker(self._job))

    def end(self) -> None:
        """End all workers, in the middle of whatever they do."""
        for worker in self.workers:
            worker.process.terminate()
        for worker in self.workers:
            worker.end()


class _Worker:
    """A process that asks for shards, seen from where they are given."""

    def __init__(self, job: Job) -> None:
        # A fork would share the threads' locks of whoever calls, in whatever state they are.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=_work, args=(job, theirs), name="mien-batch", daemon=True
        )
        self.shard: int | None = None
        self.told = Progress()  # of this shard
        self.begun = time.monotonic()
        self.process.start()
        theirs.close()  # so that its end is seen here

    def give(self, shard: Shard) -> None:
        """Hand it a shard; where it has died meanwhile, that is seen at the next look."""
        self.shard, self.told, self.begun = shard.number, Progress(), time.monotonic()
        with suppress(OSError):
            self.connection.send(shard)

    def dismiss(self) -> None:
        """Let it end."""
        with suppress(OSError):
            self.connection.send(None)
        self.end()

    def exit_code(self) -> int | None:
        """How it ended; minus the number of a signal."""
        self.end()
        return self.process.exitcode

    def end(self) -> None:
        """Wait until it has ended; kill it where that takes too long."""
        self.process.join(_END_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"status {code}"


def _work(job: Job, connection: Connection) -> None:
    """A worker process: from being ready to being dismissed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that began it hears Ctrl-C, and ends it
    _end_with_parent()
    import cv2

    from mien.batch.work import ShardWorker

    cv2.setNumThreads(1)
    try:
        worker = ShardWorker(job)
        connection.send("ready")
        while (shard := connection.recv()) is not None:
            connection.send(attempt(worker, shard, lambda i, e: connection.send(Progress(i, e))))
    except (BrokenPipeError, EOFError, ConnectionResetError):
        pass  # the one that began it is gone
    except MienError as error:
        with suppress(OSError):
            connection.send(Failure.of(error))


def _end_with_parent() -> None:
    parent: Any = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="mien-parent", daemon=True).start()
