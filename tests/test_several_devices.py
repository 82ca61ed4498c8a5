import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from command_line import Mien, in_python
from learn_fixtures import best_weights, made_up_faces, same_weights, write_csv
from mien.errors import OptionError, TrainingError
from mien.learn.training import loop
from mien.learn.training.batches import share_of
from mien.learn.training.loop import TrainingResult, train
from mien.learn.training.processes import _ignore_ctrl_c, is_first_process
from mien.learn.training.runs import read_checkpoint, read_config, read_history
from two_processes import FACES, RECIPE, STUDENT

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny")]

TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `two_processes.py` left: the runs, and the weights of each process after each epoch."""
    folder = tmp_path_factory.mktemp("two")
    done = in_python(TESTS / "two_processes.py", folder, timeout=600)
    assert done.returncode == 0, done.stderr
    return folder


def _agrees(run_dir: Path, reference: TrainingResult, within: float) -> bool:
    return all(
        row.epoch == other.epoch
        and row.accuracy == other.accuracy
        and row.val_accuracy == other.val_accuracy
        and row.loss == pytest.approx(other.loss, rel=within)
        and row.val_loss == pytest.approx(other.val_loss, rel=within)
        for row, other in zip(read_history(run_dir), reference.history, strict=True)
    )


def test_two_processes_train_the_network_that_one_trains(runs: Path, tmp_path: Path) -> None:
    # Batches of 3 and of 1, which cannot be shared evenly; interrupted and resumed on the way.
    alone = train(FACES, RECIPE, tmp_path / "alone", device="cpu")

    assert alone.finished
    assert _agrees(runs / "two", alone, within=1e-4)
    best, best_alone = (best_weights(run) for run in (runs / "two", tmp_path / "alone"))
    assert all(torch.allclose(best[name], best_alone[name], atol=1e-5) for name in best)
    assert read_config(runs / "two").processes == 2
    assert read_config(tmp_path / "alone").processes == 1


def test_two_processes_ask_teachers_about_the_views_that_one_asks_about(
    runs: Path, tmp_path: Path
) -> None:
    run_dir, teachers = tmp_path / "alone", [runs / "teacher"]
    alone = train(FACES, STUDENT, run_dir, device="cpu", teachers=teachers)

    assert _agrees(runs / "student", alone, within=1e-4)
    for name in ("00.pt", "01.pt"):
        one, other = (read_checkpoint(run / "views" / name) for run in (runs / "student", run_dir))
        assert one["fingerprint"] == other["fingerprint"]
        assert torch.allclose(one["answers"].float(), other["answers"].float(), atol=1e-3)


def test_a_run_of_two_processes_goes_on_with_one(runs: Path, tmp_path: Path) -> None:
    assert len(read_history(runs / "left")) == 1
    resumed = train(FACES, RECIPE, runs / "left", device="cpu", resume=True)

    assert resumed.finished
    assert _agrees(runs / "two", resumed, within=1e-4)


def test_every_process_has_the_same_weights_after_each_epoch(runs: Path) -> None:
    for epoch in range(1, RECIPE.epochs + 1):
        first, second = (
            torch.load(runs / f"two.epoch{epoch}.rank{rank}.pt", weights_only=True)
            for rank in (0, 1)
        )
        assert same_weights(first, second)


def test_the_first_process_alone_writes_and_each_drops_units_of_its_own(runs: Path) -> None:
    files = ["best.pt", "config.json", "history.csv", "last.pt"]
    last = read_checkpoint(runs / "two" / "last.pt")
    (other,) = last["random_of_others"]

    assert sorted(path.name for path in (runs / "two").iterdir()) == files
    assert [row.epoch for row in read_history(runs / "two")] == [1, 2, 3, 4]
    assert not torch.equal(other["cpu"], last["random"]["cpu"])


def test_why_another_process_failed_or_refused_is_said(runs: Path) -> None:
    assert (runs / "failure.txt").read_text() == (
        "a process for another device failed: ValueError: the second one has a reason"
    )
    expected = f"{runs / 'two'}: expected a new or empty folder; it holds files. Resume the run in "
    assert (runs / "refusal.txt").read_text().startswith(expected)


def test_ctrl_c_saves_and_ends_every_process_of_the_command_line(
    mien: Mien, tmp_path: Path
) -> None:
    data = write_csv(tmp_path / "fer2013.csv", made_up_faces(train=3, val=1, test=1))
    run_dir = tmp_path / "run"
    arguments = ("train", "--data", data, "--out", run_dir, "--device", "cpu")
    recipe = ("--recipe", "paper", "--epochs", "300", "--batch-size", "7", "--precision", "bf16")
    process = subprocess.Popen(
        [sys.executable, "-m", "mien", *map(str, arguments), *recipe, "--devices", "2"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("epoch 1/300"):
                process.send_signal(signal.SIGINT)  # to the first process alone
                break
        stdout, stderr = process.communicate(timeout=120)  # until no process holds the pipes

    assert process.returncode == 130
    assert stdout == ""
    assert lines == [line for line in lines if line.startswith("epoch 1/300")]  # and said once
    assert stderr.splitlines()[-1].startswith("mien: interrupted and saved; go on with --resume")
    finished = len(read_history(run_dir))
    assert 1 <= finished < 300

    config = read_config(run_dir)
    assert config.processes == 2
    # With one device, and interrupted again at once: it goes on from where the two were.
    from mien.cli.display import TrainingDisplay

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingDisplay, "report", lambda *_: signal.raise_signal(signal.SIGINT))
        ended = mien(*arguments, "--resume")
    assert ended.status == 130
    assert len(read_history(run_dir)) >= finished


def test_processes_that_are_started_for_devices_do_not_hear_ctrl_c() -> None:
    script = "import signal; signal.raise_signal(signal.SIGINT); print('goes on')"
    with ThreadPoolExecutor(1, initializer=_ignore_ctrl_c) as thread:
        started = thread.submit(subprocess.check_output, [sys.executable, "-c", script], text=True)
        assert started.result() == "goes on\n"
    with pytest.raises(KeyboardInterrupt):  # as before
        signal.raise_signal(signal.SIGINT)


def _started(run_dir: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A training command in a group of its own, and its processes for two devices."""
    data = write_csv(run_dir.parent / "fer2013.csv", made_up_faces(train=3, val=1, test=1))
    arguments = ("train", "--data", data, "--out", run_dir, "--device", "cpu", "--devices", 2)
    recipe = ("--recipe", "paper", "--epochs", "300", "--batch-size", "7")
    process = subprocess.Popen(
        [sys.executable, "-m", "mien", *map(str, arguments), *recipe],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children = Path(f"/proc/{process.pid}/task")
    ends = time.monotonic() + 60.0
    started: list[int] = []
    while len(started) < 3 and time.monotonic() < ends:  # one of multiprocessing's own beside them
        time.sleep(0.05)
        started = [int(n) for of in children.glob("*/children") for n in of.read_text().split()]
    return process, started


@pytest.mark.skipif(sys.platform != "linux", reason="it looks for processes in /proc")
def test_ctrl_c_while_the_others_start_is_not_lost(tmp_path: Path) -> None:
    process, _ = _started(tmp_path / "run")
    with process:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, stderr = process.communicate(timeout=120)

    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert stderr.splitlines()[-1].startswith("mien: interrupted and saved; go on with --resume")


@pytest.mark.skipif(sys.platform != "linux", reason="it looks for processes in /proc")
def test_no_process_is_left_of_a_command_that_was_killed(tmp_path: Path) -> None:
    process, started = _started(tmp_path / "run")
    with process:
        process.kill()
        process.communicate(timeout=120)  # until no process holds the pipe

    assert len(started) == 3


def test_several_devices_work_in_bfloat16_where_they_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Fabric] = []

    def stop(fabric: Fabric, *_: object) -> None:
        asked.append(fabric)
        raise InterruptedError

    monkeypatch.setattr(loop, "_has_bf16", lambda device: True)
    monkeypatch.setattr(loop, "launch", stop)
    recipe = replace(RECIPE, precision="bf16")
    with pytest.raises(InterruptedError):
        train(FACES, recipe, tmp_path / "run", device="cpu", devices=2)

    assert asked[0]._precision.precision == "bf16-mixed"
    assert asked[0].strategy.num_processes == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [1, 5, 8, 9])
def test_the_shares_of_a_batch_make_it_up_and_are_even(count: int, processes: int) -> None:
    shares = [share_of(count, rank=rank, processes=processes) for rank in range(processes)]
    faces = [row for share in shares for row in range(count)[share]]

    assert faces == list(range(count))
    assert max(s.stop - s.start for s in shares) - min(s.stop - s.start for s in shares) <= 1


@pytest.mark.parametrize(
    ("counts", "error", "message"),
    [
        ({"devices": 0}, OptionError, "devices: expected 1 or more; got 0"),
        ({"nodes": -1}, OptionError, "nodes: expected 1 or more; got -1"),
        ({"nodes": 2}, OptionError, "2 nodes: expected MASTER_ADDR, MASTER_PORT, NODE_RANK in"),
        ({"compile": "fast"}, OptionError, "compile: expected one of auto, off, .*; got 'fast'"),
        ({"device": "cuda", "devices": 99}, TrainingError, "mps with 99 devices; "),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_devices_that_are_not_there_are_refused(
    counts: dict[str, int], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        train(FACES, RECIPE, tmp_path / "run", **counts)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_one_of_several_started_processes_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_first_process()
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert is_first_process()
    monkeypatch.setenv("NODE_RANK", "1")
    assert not is_first_process()
