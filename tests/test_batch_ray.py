"""The same rows on a Ray cluster, and none lost or doubled where a node or the driver is killed."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from archives import jpeg, rows_of, write_folder
from command_line import Mien
from mien import __version__
from mien.errors import MissingExtraError, OptionError, OutputError
from mien.recognize.batch import BatchSettings, run_batch
from mien.recognize.batch.cluster import CONNECT_S, check_answers, do_shard
from mien.recognize.batch.plan import make_plan
from mien.recognize.batch.pool import MOST_DEATHS
from mien.recognize.batch.records import ShardRecord
from mien.recognize.batch.settings import Job, model_files
from named_pipes import LIMIT_S, Killer, Pipe, wait_until

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("two_nodes.py")


@dataclass(frozen=True)
class Running:
    """A cluster that `SCRIPT` has started."""

    process: subprocess.Popen[str]
    address: str


@pytest.fixture(scope="module")
def cluster() -> Iterator[Running]:
    """A cluster of two nodes with a core each; the first test takes the second away."""
    started = subprocess.Popen(
        [sys.executable, str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with started:
        assert started.stdin
        assert started.stdout
        yield Running(started, started.stdout.readline().strip())
        started.stdin.close()
        try:
            started.wait(30)
        except subprocess.TimeoutExpired:
            started.kill()


def test_a_killed_driver_and_a_killed_node_lose_no_row_and_double_none(
    cluster: Running, tmp_path: Path
) -> None:
    assert cluster.process.stdin
    assert cluster.process.stdout
    write_folder(tmp_path / "in", 3)
    (tmp_path / "in" / "a" / "bad.jpg").write_bytes(b"no image")
    pipes = [Pipe(tmp_path / "p.jpg"), Pipe(tmp_path / "q.jpg")]
    sources = ["in", *(pipe.path.name for pipe in pipes)]
    command = [sys.executable, "-m", "mien", "batch", *sources, "--shard-images", "1", "--json"]

    def driver() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, "--out", "out", "--ray", cluster.address],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def both_at_work(process: subprocess.Popen[str]) -> None:
        wait_until(
            lambda: all(pipe.is_read() for pipe in pipes) or process.poll() is not None,
            "a worker on each node",
        )
        assert process.poll() is None, process.communicate()[1]

    # Four shards are done, and both nodes are in the middle of another, when the driver dies.
    with driver() as first:
        both_at_work(first)
        first.send_signal(signal.SIGKILL)
    for pipe in pipes:
        pipe.release()
    parts = tmp_path / "out" / "rows"
    kept = {path.name: path.stat().st_mtime_ns for path in parts.glob("part-*")}
    assert len(kept) == 4

    # The rerun does the other two; one of them is lost with its node.
    with driver() as second:
        both_at_work(second)
        cluster.process.stdin.write("remove\n")
        cluster.process.stdin.flush()
        assert cluster.process.stdout.readline() == "removed\n"
        wait_until(lambda: not all(pipe.readers() for pipe in pipes), "the lost node's worker")
        (lost,) = [pipe for pipe in pipes if not pipe.readers()]
        lost.release()
        for pipe in pipes:
            threading.Thread(target=pipe.feed, args=(jpeg(),), daemon=True).start()
        stdout, stderr = second.communicate(timeout=LIMIT_S)
    assert second.returncode == 2, stderr  # for bad.jpg
    assert "mien: 1 of 6 images or archives could not be read" in stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    result = json.loads(stdout)
    assert (result["complete"], result["shards_before"], result["run"]["images"]) == (True, 4, 2)
    now = {path.name: path.stat().st_mtime_ns for path in parts.iterdir()}
    assert {name: now[name] for name in kept} == kept
    assert len(now) == 6
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [run["engine"] for run in manifest["runs"]] == ["ray", "ray"]

    for pipe in pipes:
        pipe.replace(jpeg())
    here = [tmp_path / source for source in sources]
    calm = run_batch(here, tmp_path / "calm", BatchSettings(shard_images=1), processes=0)
    assert rows_of(tmp_path / "out") == rows_of(calm.out)


def test_a_shard_that_kills_three_workers_is_given_up_and_no_other(
    cluster: Running, tmp_path: Path
) -> None:
    write_folder(tmp_path / "in", 3)
    sources = [tmp_path / "in", tmp_path / "pipe.jpg"]
    settings = BatchSettings(shard_images=1)
    with Killer(Pipe(tmp_path / "pipe.jpg"), MOST_DEATHS) as killer:
        result = run_batch(sources, tmp_path / "out", settings, processes=1, ray=cluster.address)
    assert len(killer.killed) == MOST_DEATHS
    assert (result.given_up, result.complete, result.shards_done) == (1, False, 3)
    (error,) = [row["error"] for row in rows_of(result.out) if row["error"]]
    assert "it has killed 3 processes, with WorkerCrashedError" in error
    assert result.tally.errors == {"kills the process that reads it": 1}


# What a worker does, without Ray


def a_job(out: Path, dataset: str, *, travels: bool = False, model: str = "mien") -> Job:
    settings = BatchSettings(model=model, shard_images=2)
    files = model_files(model, with_content=travels)
    return Job(settings, files, "mien", str(out), dataset, __version__)


def test_what_a_worker_does_on_a_node(tmp_path: Path, tiny_model: Path) -> None:
    write_folder(tmp_path / "in", 2)
    out = tmp_path / "out"
    run_batch([tmp_path / "in"], out, BatchSettings(), processes=0)
    dataset = json.loads((out / "manifest.json").read_text())["id"]
    with make_plan([str(tmp_path / "in")], BatchSettings()) as plan:
        shard = plan[0]

    # A shard that is done twice leaves the rows of one.
    rows = rows_of(out)
    (out / "rows" / shard.file_name).unlink()
    for _ in range(2):
        done = do_shard(a_job(out, dataset), shard)
        assert isinstance(done, ShardRecord)
        assert (done.tally.faces, done.rows) == (2, 2)
        assert rows_of(out) == rows
        assert [path.name for path in (out / "rows").iterdir()] == [shard.file_name]

    # A model of one's own travels to the node; one of the package need not.
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(tiny_model.read_bytes())
    job = a_job(out, dataset, travels=True, model=str(mine))
    mine.unlink()
    assert isinstance(do_shard(job, shard), ShardRecord)
    assert a_job(out, dataset, travels=True).models[0].content is None

    # A node that does not see the data set says so.
    error = do_shard(a_job(out, "of another node"), shard)
    assert isinstance(error, OutputError)
    assert "expected a folder that every node of the cluster shares" in str(error)
    assert socket.gethostname() in str(error)


# Clusters that are not there


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense", r"--ray nonsense: expected the address of a cluster, such as 10.0.0.1:6379"),
        ("127.0.0.1:1", r"--ray 127.0.0.1:1: expected a Ray cluster; nothing answers there"),
        ("ray://127.0.0.1:1", "nothing answers there"),
        ("127.0.0.1:99999", "nothing answers there"),
    ],
)
def test_an_address_where_nothing_answers_is_one_line(
    mien: Mien, address: str, message: str, tmp_path: Path, portrait: Path
) -> None:
    begun = time.monotonic()
    ended = mien("batch", portrait, "--out", tmp_path / "out", "--ray", address)
    assert (ended.status, ended.stdout) == (2, "")
    assert message.replace("\\", "") in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert time.monotonic() - begun < CONNECT_S + 3
    assert not (tmp_path / "out").exists()


def test_what_listens_and_says_nothing_is_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.recognize.batch.cluster.ANSWER_S", 3.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        begun = time.monotonic()
        with pytest.raises(OptionError, match="what listens there does not answer as one"):
            check_answers(f"127.0.0.1:{server.getsockname()[1]}")
        assert 3.0 <= time.monotonic() - begun < 10.0


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mien\[ray\]'"):
        check_answers("local")
