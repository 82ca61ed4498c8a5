"""The same work as Ray Data: shards as items, and an actor on each core that opens the model once.

Ray starts a shard again when its worker or its node is gone. A part appears whole or not at all,
and under one name, so a shard that is done twice leaves the rows of one.
"""

import importlib.util
import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from mien.batch.dataset import MANIFEST
from mien.batch.plan import Plan, Shard
from mien.batch.pool import MOST_DEATHS, Event, Failure, attempt
from mien.batch.records import KILLS, GivenUp, ShardRecord
from mien.batch.settings import Job
from mien.batch.storage import Folder, open_file
from mien.batch.work import PARTS, ShardWorker, read_record
from mien.environment import environment
from mien.errors import DataError, MienError, MissingExtraError, OptionError, OutputError

if TYPE_CHECKING:
    import numpy as np

LOCAL: Final = "local"
"""In place of an address: a Ray of our own on this machine, for as long as the work takes."""

ANSWER_S: Final = 12.0
"""After which a cluster that does not answer counts as gone."""

_MOST_BLOCKS: Final = 10_000  # of Ray Data; with more shards each block has several
_STORE_BYTES: Final = 100_000_000  # of our own Ray: nothing but names and counts goes through it
_ATTEMPTS: Final = "attempts"


def run_ray(
    job: Job, plan: Plan, numbers: Sequence[int], address: str, workers: int | None
) -> Iterator[Event]:
    """Do shards on a Ray cluster.

    Args:
        job: what to do; its data set lies where every node can write to it.
        plan: that has the shards.
        numbers: of those to do.
        address: of the cluster, such as `10.0.0.1:6379` or `auto`; or `LOCAL`.
        workers: at once, at most; None takes every core.
    Yields:
        A record for each shard as it is done, and shards that were given up.
    Raises:
        MissingExtraError: Ray is not installed.
        OptionError: nothing answers at the address within `ANSWER_S`, or it is no Ray cluster.
        MienError: a part cannot be written, the model not opened, or Ray itself failed.
    """
    if not numbers:
        return
    with _connected(address, workers) as ray:
        import ray.data

        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        size = min(workers or cores, len(numbers))
        items = [{"shard": plan[number].to_json()} for number in numbers]
        rows = ray.data.from_items(items, override_num_blocks=min(len(items), _MOST_BLOCKS))
        done = rows.map_batches(
            ShardActor,
            fn_constructor_args=(job,),
            batch_size=1,
            num_cpus=1,
            # None waits behind another, which may be a large archive, while an actor has nothing.
            compute=ray.data.ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1),
        )
        try:
            for row in done.iter_rows():
                yield _event(json.loads(row["done"]))
        except ray.exceptions.RayError as error:
            line = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise MienError(f"Ray could not go on: {line}. A rerun does what is missing") from error


class ShardActor:
    """What Ray Data keeps on each core: it opens the model at its first shard.

    Args:
        job: what to do.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._folder = Folder(job.out)
        self._worker: ShardWorker | None = None

    def __call__(self, batch: "dict[str, np.ndarray[Any, Any]]") -> dict[str, list[str]]:
        """Do the shards of a batch.

        Args:
            batch: `shard`: their JSON.
        Returns:
            `done`: JSON of what came of each. Errors come so, too: Ray would wrap them in pages of
            traces, and try them again and again.
        """
        return {"done": [json.dumps(self._done(Shard.from_json(s))) for s in batch["shard"]]}

    def _done(self, shard: Shard) -> dict[str, Any]:
        try:
            done = self._do(shard)
        except MienError as error:
            return {"failure": asdict(Failure.of(error))}
        if isinstance(done, GivenUp):
            return {"given_up": asdict(done)}
        return {"record": done.to_dict()}

    def _do(self, shard: Shard) -> ShardRecord | GivenUp:
        if self._worker is None:
            import cv2

            cv2.setNumThreads(1)
            self._check_folder()
            self._worker = ShardWorker(self._job)
        if (record := self._earlier(shard)) is not None:
            return record
        # A shard that kills its worker is started again by Ray, for ever.
        tries = [f"{_ATTEMPTS}/{shard.number:06}-{i}" for i in range(MOST_DEATHS)]
        begun = [name for name in tries if self._folder.read(name) is not None]
        if len(begun) == MOST_DEATHS:
            reason = f"it has killed {len(begun)} processes, or the nodes under them"
            return GivenUp(shard.number, reason, 0.0, kind=KILLS)
        self._folder.write(tries[len(begun)], b"")
        done = attempt(self._worker, shard)
        for name in tries[: len(begun) + 1]:
            self._folder.remove(name)
        return done

    def _check_folder(self) -> None:
        content = self._folder.read(MANIFEST)
        if content is None or json.loads(content)["id"] != self._job.dataset:
            raise OutputError(
                f"{self._job.out}: expected a folder that every node of the cluster shares; "
                f"{socket.gethostname()} does not see the data set in it"
            )

    def _earlier(self, shard: Shard) -> ShardRecord | None:
        """What came of a shard that was done, but whose node was lost before it could tell."""
        name = self._folder.path(f"{PARTS}/{shard.file_name}")
        with suppress(DataError), open_file(name, in_a_row=False) as file:
            record = read_record(file)
            if record is not None and record.dataset == self._job.dataset and record.is_done:
                return record
        return None


def _event(values: dict[str, Any]) -> Event:
    if "failure" in values:
        raise Failure(**values["failure"]).error()
    if "given_up" in values:
        return GivenUp(**values["given_up"])
    return ShardRecord.from_dict(values["record"])


@contextmanager
def _connected(address: str, workers: int | None) -> Iterator[Any]:
    """Ray, connected to a cluster; one that was connected before stays so."""
    # Ray would tell its makers of every start, and its core writes to standard error.
    quiet_core = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    with environment(**quiet_core):
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise MissingExtraError("working on a Ray cluster", "ray", error) from error
        if ray.is_initialized():
            yield ray
            return
        quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        if address == LOCAL:
            where: dict[str, Any] = {
                "num_cpus": workers,
                "include_dashboard": False,
                "object_store_memory": _STORE_BYTES,
                "_node_ip_address": "127.0.0.1",
            }
        else:
            where = {"address": address}
        try:
            with _without_stderr():  # on which its core tells that it was told to be quiet
                ray.init(**where, **quiet)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            line = " ".join(str(error).split())
            raise OptionError(f"--ray {address}: expected a Ray cluster; {line}") from error
        try:
            yield ray
        finally:
            ray.shutdown()


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Keep what C++ writes to standard error away from it."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def check_answers(address: str) -> None:
    """Ask whether there is a Ray cluster at an address; Ray itself would wait for minutes.

    Args:
        address: `host:port`, or `ray://host:port`; `auto` and `LOCAL` are not asked for.
    Raises:
        MissingExtraError: Ray is not installed.
        OptionError: nothing answers within `ANSWER_S`, or something else than Ray.
    """
    if importlib.util.find_spec("ray") is None:
        error = ModuleNotFoundError("No module named 'ray'")
        raise MissingExtraError("working on a Ray cluster", "ray", error)
    if address in ("auto", LOCAL):
        return
    begun = time.monotonic()
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise OptionError(
            f"--ray {address}: expected the address of a cluster, such as 10.0.0.1:6379, or auto, "
            f"or {LOCAL}"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise OptionError(
            f"--ray {address}: expected a Ray cluster; nothing answers there: {error}"
        ) from None
    if address.startswith("ray://"):
        return
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    with suppress(subprocess.TimeoutExpired):
        left_s = ANSWER_S - (time.monotonic() - begun)
        done = subprocess.run(command, capture_output=True, timeout=left_s, check=False)
        if done.returncode == 0:
            return
    raise OptionError(
        f"--ray {address}: expected a Ray cluster; what listens there does not answer as one"
    )
