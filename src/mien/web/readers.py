"""Threads that read, all of them with one detector and one network."""

import asyncio
import copy
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from mien.recognizer import Recognizer
from mien.web.batching import BatchingClassifier
from mien.web.settings import WebSettings

T = TypeVar("T")

MAX_THREADS: Final = 16


class Recognizers:
    """Recognizers for threads: each has a threshold of its own, detector and network are shared.

    Args:
        settings: model, detector and threshold.
    Attributes:
        classifier: that all recognizers share.
        unshared: the same network, for who would keep the others waiting.
    Raises:
        MienError: as `mien.Recognizer` raises.
    """

    def __init__(self, settings: WebSettings) -> None:
        self._first = settings.open(threads=settings.threads)
        self.unshared = self._first.classifier
        self._first.classifier = self.classifier = BatchingClassifier(self.unshared)

    def new(self) -> Recognizer:
        """A recognizer for one thread, whose settings it may change."""
        return copy.copy(self._first)


class Readers:
    """A few threads that read pictures, in the order in which they come.

    Args:
        recognizers: give each thread its own.
        threads: how many; one for each core unless given.
    """

    def __init__(self, recognizers: Recognizers, threads: int | None = None) -> None:
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[Recognizer], Any]] | None]
        self._jobs = queue.SimpleQueue()
        self._recognizers = recognizers
        # A thread that reads must not keep the process from ending.
        self._threads = [
            threading.Thread(target=self._work, name=f"mien reader {number}", daemon=True)
            for number in range(threads or min(os.cpu_count() or 1, MAX_THREADS))
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, job: Callable[[Recognizer], T]) -> T:
        """What a job gives; one that is cancelled before its turn is never begun."""
        future: Future[T] = Future()
        self._jobs.put((future, job))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """End the threads when their jobs are done."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        recognizer = self._recognizers.new()
        while (found := self._jobs.get()) is not None:
            future, job = found
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(job(recognizer))
            except BaseException as error:  # is raised where it is waited for
                future.set_exception(error)
            del found, future, job  # pictures are not kept while it waits for the next
