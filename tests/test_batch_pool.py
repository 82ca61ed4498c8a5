"""Worker processes that die, drivers that are killed, disks that are full: no row lost or doubled.

The shard that is to be cut off holds a named pipe: see `named_pipes`.
"""

import errno
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from archives import jpeg, rows_of, write_folder, write_tar
from mien.errors import MienError, ModelError, OutputError
from mien.recognize.batch import BatchSettings, Status, pool, run_batch
from mien.recognize.batch.pool import MOST_DEATHS
from named_pipes import LIMIT_S, Killer, Pipe, wait_until
from processes import family_of

pytestmark = pytest.mark.slow

SMALL = BatchSettings(shard_images=3)
Rows = Callable[[], list[dict[str, Any]]]


def workers() -> list[BaseProcess]:
    return [child for child in multiprocessing.active_children() if child.name == "mien-batch"]


@pytest.fixture
def clean(tmp_path: Path) -> Iterator[Rows]:
    """The rows that the images give when nothing goes wrong."""

    def rows() -> list[dict[str, Any]]:
        pipe = tmp_path / "pipe.jpg"
        pipe.unlink(missing_ok=True)
        pipe.write_bytes(jpeg())
        result = run_batch([tmp_path / "in", pipe], tmp_path / "calm", SMALL, processes=0)
        return rows_of(result.out)

    yield rows
    assert not workers()


def test_processes_give_the_rows_of_one(tmp_path: Path) -> None:
    write_folder(tmp_path / "in", 9)
    here = run_batch([tmp_path / "in"], tmp_path / "here", SMALL, processes=0)
    said: list[Status] = []
    two = run_batch([tmp_path / "in"], tmp_path / "two", SMALL, processes=2, report=said.append)
    assert rows_of(two.out) == rows_of(here.out)
    assert (two.workers, two.tally.faces, two.complete) == (2, here.tally.faces, True)
    counts = [(status.shards_done, status.images_done) for status in said]
    assert counts == sorted(counts)
    assert counts[-1] == (3, 9)
    assert {status.images for status in said} == {9}
    assert not workers()


def test_workers_that_are_killed_lose_no_row_and_double_none(tmp_path: Path, clean: Rows) -> None:
    write_folder(tmp_path / "in", 5)
    sources = [tmp_path / "in", tmp_path / "pipe.jpg"]
    with Killer(Pipe(tmp_path / "pipe.jpg"), 2, feed=jpeg()) as killer:
        result = run_batch(sources, tmp_path / "out", SMALL, processes=2)
    assert len(killer.killed) == 2
    assert (result.complete, result.tally.images) == (True, 6)
    assert rows_of(result.out) == clean()


def test_a_shard_that_kills_three_workers_is_given_up_and_tried_by_a_rerun(
    tmp_path: Path, clean: Rows
) -> None:
    write_folder(tmp_path / "in", 6)
    sources = [tmp_path / "in", tmp_path / "pipe.jpg"]
    with Killer(Pipe(tmp_path / "pipe.jpg"), MOST_DEATHS):
        result = run_batch(sources, tmp_path / "out", SMALL, processes=1)
    assert (result.given_up, result.complete, result.shards_done) == (1, False, 2)
    (error,) = [row["error"] for row in rows_of(result.out) if row["error"]]
    assert "it has killed 3 processes, with SIGKILL, SIGKILL, SIGKILL" in error
    assert result.tally.errors == {"kills the process that reads it": 1}
    assert result.tally.images == 6
    expected = clean()
    again = run_batch(sources, tmp_path / "out", SMALL, processes=0)
    assert (again.complete, again.images, again.tally.failed) == (True, 1, 0)
    assert rows_of(again.out) == expected


def start(
    tmp_path: Path, *options: str, sources: tuple[str, ...] = ("in", "pipe.jpg"), **more: Any
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mien", "batch", *sources, "--out", "out"]
    return subprocess.Popen(
        [*command, "--shard-images", "3", *options],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


@pytest.mark.parametrize("ended", [signal.SIGKILL, signal.SIGINT])
def test_a_driver_that_is_killed_or_interrupted_is_gone_on_with(
    ended: signal.Signals, tmp_path: Path, clean: Rows
) -> None:
    write_folder(tmp_path / "in", 9)
    pipe = Pipe(tmp_path / "pipe.jpg")
    driver = start(tmp_path, "--processes", "2")
    parts = tmp_path / "out" / "rows"
    wait_until(lambda: parts.is_dir() and len(list(parts.glob("part-*"))) == 3, "three parts")
    wait_until(lambda: pipe.is_read() or driver.poll() is not None, "the last shard")
    others = family_of(driver.pid)[1:]
    driver.send_signal(ended)
    _, stderr = driver.communicate(timeout=LIMIT_S)
    wait_until(lambda: not any(Path(f"/proc/{p.pid}/exe").exists() for p in others), "the workers")
    pipe.release()
    kept = {path.name: path.stat().st_mtime_ns for path in parts.glob("part-*")}
    assert len(kept) == 3
    state = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert state["state"] == "incomplete"
    if ended == signal.SIGINT:
        assert driver.returncode == 130
        assert stderr == (
            "mien: interrupted; what is done is kept in out, and the same command goes on\n"
        )
        assert state["runs"][0]["ended"] == "interrupted"
        assert len(state["shards"]) == 3
        assert "incomplete: the same command goes on" in (tmp_path / "out/summary.html").read_text()
    expected = clean()
    again = start(tmp_path, "--processes", "1", "--json")
    stdout, stderr = again.communicate(timeout=LIMIT_S)
    result = json.loads(stdout)
    assert (again.returncode, stderr) == (0, "")
    assert (result["shards_before"], result["run"]["images"], result["complete"]) == (3, 1, True)
    assert rows_of(tmp_path / "out") == expected
    now = {path.name: path.stat().st_mtime_ns for path in parts.iterdir()}
    assert {name: now[name] for name in kept} == kept
    assert len(now) == 4


def test_a_full_disk_is_one_line_and_what_was_done_stays(tmp_path: Path) -> None:
    write_folder(tmp_path / "in", 3)
    # Errors with names that do not shrink make a large part without taking time.
    names = [os.urandom(100).hex() for _ in range(600)]
    write_tar(tmp_path / "large.tar", {f"{name}.jpg": b"no image" for name in names})

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    sources = ("in", "large.tar")
    full = start(tmp_path, "--processes", "1", sources=sources, preexec_fn=small_files)
    stdout, stderr = full.communicate(timeout=LIMIT_S)
    assert (full.returncode, stdout) == (2, "")
    assert stderr.startswith(f"mien: {tmp_path}/out/rows/part-00000")
    assert stderr.endswith(".parquet: cannot be written; File too large\n")
    assert stderr.count("\n") == 1
    assert not [path for path in (tmp_path / "out").rglob("*") if ".part" in path.suffixes]
    here = [tmp_path / source for source in sources]
    assert run_batch(here, tmp_path / "out", SMALL, processes=0).complete
    assert len(rows_of(tmp_path / "out")) == 3 + 600


def test_what_was_done_before_the_disk_was_full_stays_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    write_folder(tmp_path / "in", 6)
    write, written = pq.ParquetWriter.write_table, []

    def fills_up(self: Any, table: Any, *arguments: Any) -> None:
        written.append(table)
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        write(self, table, *arguments)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", fills_up)
    with pytest.raises(OutputError, match=r"part-000001.parquet: cannot be written; No space left"):
        run_batch([tmp_path / "in"], tmp_path / "out", SMALL, processes=0)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [shard["shard"] for shard in manifest["shards"]] == [0]
    assert "No space left on device" in manifest["runs"][0]["ended"]
    result = run_batch([tmp_path / "in"], tmp_path / "out", SMALL, processes=0)
    assert (result.shards_before, result.images, result.complete) == (1, 3, True)


def test_an_unforeseen_error_gives_up_its_shard_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mien.recognize.batch import reading, work

    write_folder(tmp_path / "in", 6)
    read = reading.items

    def breaks(shard: Any, *others: Any) -> Any:
        if shard.number == 0:
            raise KeyError("nobody thought of this")
        return read(shard, *others)

    monkeypatch.setattr(work, "items", breaks)
    result = run_batch([tmp_path / "in"], tmp_path / "out", SMALL, processes=0)
    assert (result.given_up, result.tally.images, result.shards_done) == (1, 3, 1)
    assert result.tally.errors == {"other": 1}
    (error,) = [row["error"] for row in rows_of(result.out) if row["error"]]
    assert "KeyError: 'nobody thought of this'" in error


def test_a_model_that_is_gone_ends_the_batch_once(tmp_path: Path, tiny_model: Path) -> None:
    write_folder(tmp_path / "in", 3)
    model = tmp_path / "mine.onnx"
    model.write_bytes(tiny_model.read_bytes())
    pipe = Pipe(tmp_path / "pipe.jpg")
    settings = BatchSettings(model=str(model), shard_images=3)
    sources = [tmp_path / "in", pipe.path]
    errors: list[BaseException] = []

    def work() -> None:
        try:
            run_batch(sources, tmp_path / "out", settings, processes=1)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    wait_until(lambda: pipe.is_read() or not thread.is_alive(), "a reader of the pipe")
    model.write_bytes(b"another")
    (pid,) = pipe.readers()
    os.kill(pid, signal.SIGKILL)  # the one that takes its place must open the model
    thread.join(LIMIT_S)
    pipe.release()
    (error,) = errors
    assert isinstance(error, ModelError)
    assert "expected the model with which the work began" in str(error)
    assert not workers()


def dies(counts: object) -> None:
    os._exit(7)


def test_workers_that_never_come_up_end_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "in", 3)
    monkeypatch.setattr(pool, "_begin", dies)
    with pytest.raises(MienError, match="3 in a row died, the last one with status 7"):
        run_batch([tmp_path / "in"], tmp_path / "out", SMALL, processes=1)
    assert not workers()


def test_a_worker_that_cannot_be_started_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(process: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    write_folder(tmp_path / "in", 3)
    monkeypatch.setattr(SpawnProcess, "start", refuses)
    with pytest.raises(MienError, match="processes to come up; Resource temporarily unavailable"):
        run_batch([tmp_path / "in"], tmp_path / "out", SMALL, processes=1)
    assert not workers()
