"""One network for many clients: what comes while it is busy is read together."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.recognize.classifier import Classifier
from mien.recognize.crops import SIZE_PX, Crops


@dataclass(frozen=True, eq=False)
class _Job:
    """Crops of one caller, and what comes of them."""

    crops: Crops
    names: tuple[str, ...]
    rows: "Future[list[NDArray[np.float32]]]" = field(default_factory=Future)


class BatchingClassifier(Classifier):
    """A `mien.Classifier` that threads share.

    Crops that come while the network is busy wait, and then go through it together; where it is
    idle nobody waits. The thread that finds it idle runs what waits at that moment, its own among
    it, and hands the others their rows.

    `runs` is how often the network ran, `calls` how often it was asked to.
    """

    MOST: Final = 256  # crops that one run takes, so that none waits long

    def __init__(self, classifier: Classifier) -> None:
        self.spec = classifier.spec
        self.paths = classifier.paths
        self._members = classifier._members
        self.head = classifier.head
        self.runs = self.calls = 0
        self._classifier = classifier
        self._changed = threading.Condition()
        self._waiting: list[_Job] = []
        self._busy = False

    def _run(self, crops: Crops, names: tuple[str, ...]) -> list[NDArray[np.float32]]:
        fits = isinstance(crops, np.ndarray) and crops.dtype == np.uint8
        if not fits or crops.shape[1:] != (SIZE_PX, SIZE_PX) or not len(crops):
            return self._classifier._run(crops, names)  # which says what is wrong
        job = _Job(crops, names)
        with self._changed:
            self.calls += 1
            self._waiting.append(job)
            self._changed.wait_for(lambda: job.rows.done() or not self._busy)
            if job.rows.done():
                return job.rows.result()
            self._busy = True
            jobs = self._take(job)
        try:
            self._read(jobs)
        finally:
            with self._changed:
                self.runs += 1
                self._busy = False
                self._changed.notify_all()
        return job.rows.result()

    def _take(self, first: _Job) -> list[_Job]:
        """A job and those that can be run with it, the oldest first; they wait no longer."""
        taken, faces = [first], len(first.crops)
        for job in self._waiting:
            if job is first or job.names != first.names:
                continue
            if faces + len(job.crops) > self.MOST:
                break
            taken.append(job)
            faces += len(job.crops)
        self._waiting = [job for job in self._waiting if job not in taken]
        return taken

    def _read(self, jobs: Sequence[_Job]) -> None:
        crops = jobs[0].crops if len(jobs) == 1 else np.concatenate([job.crops for job in jobs])
        try:
            answers = self._classifier._run(crops, jobs[0].names)
        except BaseException as error:  # each of those who asked has to know
            for job in jobs:
                job.rows.set_exception(error)
            return
        start = 0
        for job in jobs:
            end = start + len(job.crops)
            job.rows.set_result([answer[start:end] for answer in answers])
            start = end
