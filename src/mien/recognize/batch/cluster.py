"""The same work as tasks of Ray: its workers on every node open the model once, and do shards.

A part appears whole or not at all, and under one name, so a shard that is done twice, since its
node was lost before it could say so, leaves the rows of one.
"""

import importlib.util
import json
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Final

from mien.environment import environment, without_stderr
from mien.errors import MienError, MissingExtraError, OptionError, OutputError
from mien.recognize.batch.dataset import MANIFEST
from mien.recognize.batch.plan import Plan, Shard
from mien.recognize.batch.pool import Event, WorkerDiedError, Workers, run_workers, worker_of
from mien.recognize.batch.records import ShardRecord
from mien.recognize.batch.settings import Job
from mien.recognize.batch.storage import Folder

LOCAL: Final = "local"
"""In place of an address: a Ray of our own on this machine, for as long as the work takes."""

CONNECT_S: Final = 12.0
"""After which an address where nothing listens counts as gone."""

ANSWER_S: Final = 60.0
"""Likewise, where something listens: a busy machine takes long to start what asks."""

_STORE_BYTES: Final = 100_000_000  # of our own Ray: nothing but names and counts goes through it


def run_ray(
    job: Job, plan: Plan, numbers: Sequence[int], address: str, workers: int | None
) -> Iterator[Event]:
    """Do shards on a Ray cluster; see `mien.recognize.batch.pool.run_workers`.

    Args:
        job: what to do; its data set lies where every node can write to it.
        plan: that has the shards.
        numbers: of those to do.
        address: of the cluster, such as `10.0.0.1:6379` or `auto`; or `LOCAL`.
        workers: at once, at most; None takes every core.
    Raises:
        OptionError: nothing answers at the address in time, or it is no Ray cluster.
    """
    if not numbers:
        return
    with _connected(address, workers) as ray:
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        yield from run_workers(_Tasks(ray, job), job, plan, numbers, workers or cores)


class _Tasks(Workers):
    """Shards as tasks of a core each, which Ray gives to workers of whatever node has one free."""

    def __init__(self, ray: Any, job: Job) -> None:
        self._ray = ray
        self._job = ray.put(job)  # a model of one's own goes to each node once
        # Ray would start some tasks again for ever: those of workers that are out of memory.
        options = {"num_cpus": 1, "max_retries": 0, "scheduling_strategy": "SPREAD"}
        self._do = ray.remote(**options)(do_shard)
        self._tasks: dict[Future[Any], Any] = {}

    def submit(self, shard: Shard) -> Future[Any]:
        task = self._do.remote(self._job, shard)
        future: Future[Any] = task.future()
        self._tasks[future] = task
        return future

    def receive(self, future: Future[Any]) -> ShardRecord:
        errors = self._ray.exceptions
        del self._tasks[future]
        try:
            done: ShardRecord | MienError = future.result()
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError) as error:
            raise WorkerDiedError(type(error).__name__) from error
        except errors.RayError as error:
            line = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise MienError(f"Ray could not go on: {line}. A rerun does what is missing") from error
        if isinstance(done, MienError):
            raise done
        return done

    def close(self) -> None:
        for task in self._tasks.values():
            self._ray.cancel(task, force=True)


def do_shard(job: Job, shard: Shard) -> ShardRecord | MienError:
    """Do a shard in a worker of Ray; errors are given back: raised ones come in pages of traces."""
    try:
        _check_shared(job.out, job.dataset)
        return worker_of(job)(shard)
    except MienError as error:
        return error


@lru_cache(maxsize=1)
def _check_shared(out: str, dataset: str) -> None:
    content = Folder(out).read(MANIFEST)
    if content is None or json.loads(content)["id"] != dataset:
        raise OutputError(
            f"{out}: expected a folder that every node of the cluster shares; "
            f"{socket.gethostname()} does not see the data set in it"
        )


@contextmanager
def _connected(address: str, workers: int | None) -> Iterator[Any]:
    """Ray, connected to a cluster; one that was connected before stays so."""
    # Ray would tell its makers of every start, and its core writes to standard error.
    quiet_core = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    with environment(**quiet_core):
        try:
            import ray
        except ImportError as error:
            raise _no_ray(error) from error
        if ray.is_initialized():
            yield ray
            return
        options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        if address == LOCAL:
            options |= {"num_cpus": workers, "include_dashboard": False}
            options |= {"object_store_memory": _STORE_BYTES, "_node_ip_address": "127.0.0.1"}
        else:
            options["address"] = address
        try:
            with without_stderr():  # on which its core tells that it was told to be quiet
                ray.init(**options)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            line = " ".join(str(error).split())
            raise OptionError(f"--ray {address}: expected a Ray cluster; {line}") from error
        try:
            yield ray
        finally:
            ray.shutdown()


def check_answers(address: str) -> None:
    """Ask whether there is a Ray cluster at an address; Ray itself would wait for minutes.

    Args:
        address: `host:port`, or `ray://host:port`; `auto` and `LOCAL` are not asked for.
    Raises:
        MissingExtraError: Ray is not installed.
        OptionError: nothing listens, or it is no Ray that answers within `ANSWER_S`.
    """
    if importlib.util.find_spec("ray") is None:
        raise _no_ray(ModuleNotFoundError("No module named 'ray'"))
    if address in ("auto", LOCAL):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    expected = f"--ray {address}: expected"
    if not host or not port.isdigit():
        raise OptionError(
            f"{expected} the address of a cluster, such as 10.0.0.1:6379, or auto, or {LOCAL}"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise OptionError(f"{expected} a Ray cluster; nothing answers there: {error}") from None
    if address.startswith("ray://"):
        return
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    with suppress(subprocess.TimeoutExpired, subprocess.CalledProcessError):
        subprocess.run(command, capture_output=True, timeout=ANSWER_S, check=True)
        return
    raise OptionError(f"{expected} a Ray cluster; what listens there does not answer as one")


def _no_ray(error: ImportError) -> MissingExtraError:
    return MissingExtraError("working on a Ray cluster", "ray", error)
