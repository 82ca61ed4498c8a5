"""How tests see the command line: what a command printed, and how it ended."""

import csv
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str


Mien = Callable[..., Outcome]
"""Runs the command line in this process: the fixture `mien`."""


def in_python(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """What another process with this Python prints; with options of `subprocess.run`."""
    command = [sys.executable, *map(str, words)]
    given = {"timeout": 120, "check": False, **options}
    return subprocess.run(command, capture_output=True, text=True, **given)


def assert_refused(done: Outcome, *words: str) -> None:
    """It ended with status 2 and one line, which has these words."""
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr.startswith("mien: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def csv_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table that a command wrote."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
