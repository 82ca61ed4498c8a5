"""A run of `mien train` that is killed again and again, and each time started with --resume.

A script: it imports what training needs once, and forks a process for each start.

    python killed_runs.py DATA RUN_DIR

prints a line for each process: what killed it, or the status with which it ended.
"""

import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from learn_fixtures import add_tiny_network
from mien.cli.app import main
from mien.learn.training import loop  # what each start would import
from mien.learn.training.steps import learning_rate_at

RECIPE = (
    *("--recipe", "paper", "--network", "tiny", "--epochs", "5"),
    *("--batch-size", "7", "--learning-rate", "0.003"),
)

Death = Callable[[], None]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def in_write(number: int) -> Death:
    """In the middle of the file that is written as the `number`-th, from 1."""

    def prepare() -> None:
        done: list[int] = []

        def fsync(descriptor: int) -> None:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):  # and not a folder
                done.append(descriptor)
            if len(done) == number:
                os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
                _die()

        setattr(os, "fsync", fsync)  # noqa: B010

    return prepare


def in_step(number: int) -> Death:
    """As the `number`-th step begins, from 1."""

    def prepare() -> None:
        done: list[int] = []

        def rate(*arguments: object) -> float:
            done.append(1)
            if len(done) == number:
                _die()
            return learning_rate_at(*arguments)  # type: ignore[arg-type]

        setattr(loop, "learning_rate_at", rate)  # noqa: B010

    return prepare


def after(seconds: float) -> Death:
    """So long after training began, wherever it is then."""

    def prepare() -> None:
        def wait() -> None:
            time.sleep(seconds)
            _die()

        threading.Thread(target=wait, daemon=True).start()

    return prepare


DEATHS: list[Death] = [
    in_write(1),  # config.json
    in_step(3),
    in_write(1),  # last.pt
    in_write(2),  # best.pt of the first epoch, whose last.pt is there
    in_write(3),  # history.csv, or a file of the next epoch
    in_step(17),
    in_write(3),
    after(0.05),
    in_write(2),
]


def run(arguments: list[str], death: Death | None) -> str:
    """Train in a process of its own; how it ended."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        if death:
            death()
        sys.argv = ["mien", *arguments]
        try:
            main()
        except SystemExit as ended:
            os._exit(ended.code if isinstance(ended.code, int) else 0)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return "killed" if code == -signal.SIGKILL else f"ended with {code}"


if __name__ == "__main__":
    add_tiny_network()
    data, run_dir = sys.argv[1:]
    start = ["train", "--data", data, "--out", run_dir, *RECIPE]
    begun = False
    for death in [*DEATHS, None]:
        print(run([*start, "--resume"] if begun else start, death))
        begun = (Path(run_dir) / "config.json").exists()
