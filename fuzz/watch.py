"""Starts workers, looks at them from outside, and keeps what makes them fail."""

import hashlib
import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fuzz.worker import CPU_LIMIT_S, MEMORY_LIMIT, Outcome

WALL_LIMIT_S: Final = 60.0  # without an answer and without use of a processor: it waits for nothing
START_LIMIT_S: Final = 180.0  # for the libraries and the seeds
INPUTS_OF_A_WORKER: Final = 500  # so that what a library leaks is not taken for one input's
WORKER: Final = ["-m", "fuzz.worker"]  # what the interpreter is told to start
_LOOK_S: Final = 0.05
_ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass
class Summary:
    """What came of one target."""

    name: str
    inputs: int = 0
    seconds: float = 0.0
    kinds: dict[str, int] = field(default_factory=dict)
    outcomes: set[str] = field(default_factory=set)
    slowest_s: float = 0.0
    peak_bytes: int = 0
    findings: dict[str, Path] = field(default_factory=dict)  # what -> the first input that did it

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.inputs += 1
        self.kinds[outcome.kind] = self.kinds.get(outcome.kind, 0) + 1
        self.outcomes.add(outcome.what)
        self.slowest_s = max(self.slowest_s, outcome.cpu_s)
        self.peak_bytes = max(self.peak_bytes, outcome.peak_bytes)


def fuzz(
    name: str,
    *,
    inputs: int,
    seed: int,
    work: Path,
    found: Path,
    show: Callable[[Summary], None] = lambda summary: None,
) -> Summary:
    """Give a reader so many inputs, in one process after another.

    Args:
        name: of the target.
        inputs: how many.
        seed: the same seed makes the same inputs.
        work: folder for what is being read.
        found: folder for inputs that must not have done what they did; made when there is one.
        show: is told now and then how far it is.
    """
    summary = Summary(name)
    work.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    number = 0
    while number < inputs:
        before = number
        count = min(INPUTS_OF_A_WORKER, inputs - number)
        for outcome, path in _outcomes(name, seed, number, count, work):
            summary.add(outcome)
            number = outcome.number + 1
            if outcome.is_finding:
                key = f"{outcome.kind}: {outcome.what}"
                if key not in summary.findings:
                    summary.findings[key] = _keep(name, seed, outcome, path, found)
            summary.seconds = time.monotonic() - began
            show(summary)
        if number == before:  # the library that was to make an input did not survive it
            number += 1
    return summary


def _outcomes(
    name: str, seed: int, first: int, count: int, work: Path
) -> Iterator[tuple[Outcome, Path | None]]:
    """What a worker says of each input; the input's file, where a reader did what it must not."""
    reading, writing = os.pipe()
    log = work.with_name(work.name + ".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *WORKER, name, *map(str, (seed, first, count, work, writing))],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[writing],
            cwd=_ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(_ROOT)},
        )
    os.close(writing)
    at: int | None = None  # the input that is being read; none while the next is being made
    started = False
    try:
        for line in _lines(reading, process):
            if isinstance(line, str):  # the watch has ended it
                if at is not None:
                    yield Outcome(at, line.split(":")[0], line, _tail(log)), _input_of(work)
                elif not started:
                    raise RuntimeError(f"{name}: its worker did not start; {line}\n{_tail(log)}")
                return
            started = True
            if "at" in line:
                at = line["at"]
            else:
                at = None
                outcome = Outcome(**line)
                kept = work / "found" / str(outcome.number)
                yield outcome, next(kept.iterdir()) if outcome.is_finding else None
        status = process.wait()
        if status > 0 or (status < 0 and not started):
            raise RuntimeError(f"{name}: its worker ended with {status}\n{_tail(log)}")
        if status < 0 and at is not None:
            yield Outcome(at, "crash", f"crash: signal {-status}", _tail(log)), _input_of(work)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(reading)


def _lines(reading: int, process: "subprocess.Popen[bytes]") -> Iterator[dict[str, Any] | str]:
    """What comes through the pipe; a text, and no more, where the process had to be ended."""
    waiting = b""
    started = False
    since, cpu_at = time.monotonic(), 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        while True:
            if selector.select(_LOOK_S):
                if not (piece := os.read(reading, 1 << 16)):
                    return
                *whole, waiting = (waiting + piece).split(b"\n")
                for line in whole:
                    yield json.loads(line)
                started = True
                since, cpu_at = time.monotonic(), _cpu_s_of(process.pid)
            wall_s, cpu_s = time.monotonic() - since, _cpu_s_of(process.pid) - cpu_at
            why = ""
            if _resident_of(process.pid) > MEMORY_LIMIT * 1.1:
                why = f"memory: over {MEMORY_LIMIT / 1e9:.0f} GB"
            elif started and cpu_s > 2 * CPU_LIMIT_S:  # between the two it may still end by itself
                why = f"hang: over {CPU_LIMIT_S:.0f} s of processor time"
            elif started and wall_s > WALL_LIMIT_S and cpu_s < 1.0:
                why = f"hang: {WALL_LIMIT_S:.0f} s without an answer"
            elif not started and wall_s > START_LIMIT_S:
                why = "hang: while it started"
            if why:
                process.kill()
                yield why
                return


def _cpu_s_of(pid: int) -> float:
    with suppress(OSError, IndexError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _resident_of(pid: int) -> int:
    with suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    return 0


def _tail(log: Path) -> str:
    with suppress(OSError):
        return log.read_bytes()[-4000:].decode(errors="replace")
    return ""


def _input_of(work: Path) -> Path | None:
    """The file that the worker wrote last among its inputs."""
    marker = work / "reading"
    with suppress(OSError):
        return work / marker.read_text()
    return None


def _keep(name: str, seed: int, outcome: Outcome, path: Path | None, found: Path) -> Path:
    """Put an input aside, with what it did beside it."""
    found.mkdir(parents=True, exist_ok=True)
    content = path.read_bytes() if path is not None and path.exists() else b""
    label = path.name if path is not None else "nothing"
    digest = hashlib.sha256(content).hexdigest()[:8]
    kept = found / f"{name}-{outcome.kind}-{digest}-{label}"
    if path is not None and path.exists():
        shutil.copyfile(path, kept)
    kept.with_name(kept.name + ".txt").write_text(
        f"target {name}, seed {seed}, input {outcome.number}\n{outcome.kind}: {outcome.what}\n"
        f"{outcome.cpu_s:.1f} s of processor time, {outcome.peak_bytes / 1e6:,.0f} MB\n\n"
        f"{outcome.detail}\n"
    )
    return kept
