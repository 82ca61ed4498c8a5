"""One process that gives inputs to a reader and says on a pipe what came of each.

It may crash, hang or grow: `fuzz.watch` has started it, looks at it from outside, and starts
another. Lines on the pipe are JSON: `{"at": 12}` before an input is read, and an `Outcome` after.
"""

import faulthandler
import gc
import json
import os
import re
import resource
import shutil
import sys
import traceback
import warnings
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import mien
from fuzz.mutations import mutate
from fuzz.seeds import stored
from fuzz.targets import TARGETS, Target
from mien.errors import MienError

CPU_LIMIT_S: Final = 10.0  # of processor time: a machine that is shared does not look like a hang
MEMORY_LIMIT: Final = 2_000_000_000  # bytes that are resident at once, libraries included

_PACKAGE: Final = Path(mien.__file__).parent
_ADDRESS_ROOM: Final = 6 * 2**30  # beyond which no allocation succeeds: for the machine's sake
_COMMAND_EVERY: Final = 50  # one input in so many also goes through the command line
_MOST_KEPT: Final = 200  # inputs with an outcome of their own, from which others are made
_SHARE_OF_SEEDS: Final = 0.6  # of inputs that are made from what the reader takes
_TRIES: Final = 150  # while an input is made smaller


@dataclass(frozen=True)
class Outcome:
    """What came of one input.

    Attributes:
        number: of the input; the same in each run with the same seed.
        kind: "read", "refused" (a MienError), "raised" (anything else), "command" (the command line
            did not end as it should), "slow" or "memory"; from `fuzz.watch` also "hang", "crash".
        what: how it ended, with nothing in it that differs from input to input.
        detail: a traceback, or what was printed, for findings.
        cpu_s: processor time.
        peak_bytes: the most memory that was resident.
    """

    number: int
    kind: str
    what: str
    detail: str = ""
    cpu_s: float = 0.0
    peak_bytes: int = 0

    @property
    def is_finding(self) -> bool:
        """Whether the reader did what it must not."""
        return self.kind not in ("read", "refused")


def message_of(error: BaseException) -> str:
    """The words of an error's message, without the numbers, names and values of the input."""
    text = str(error).split("; ")[0]
    text = re.sub(r"'[^']*'|\"[^\"]*\"|/\S+|\[.*\]|\(.*\)|\{.*\}", "_", text)
    text = re.sub(r"[-+]?\d[\d.,e+]*", "0", text)
    return f"{type(error).__name__}: {' '.join(text.split()[:14])}"


def place_of(error: BaseException) -> str:
    """The last place in mien that an error came through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if Path(f.filename).is_relative_to(_PACKAGE)]
    if not own:
        return type(error).__name__
    return f"{type(error).__name__} in {Path(own[-1].filename).name}:{own[-1].name}"


def judge(target: Target, read: Any, path: Path) -> tuple[str, str, str]:
    """Read one input: the kind of its outcome, what it was and, for findings, the traceback."""
    try:
        answer = read(path)
    except MienError as error:
        cause = type(error.__cause__).__name__ if error.__cause__ is not None else "-"
        return "refused", f"{message_of(error)} < {cause}", ""
    except Exception as error:
        return "raised", place_of(error), traceback.format_exc()
    return "read", f"read {answer}", ""


def judge_command(arguments: list[str], folder: Path) -> tuple[str, str] | None:
    """Run a command in this process: what it did that it must not, and what it printed; or None."""
    from mien.cli import main

    logs = [folder / "stdout", folder / "stderr"]
    before = [os.dup(1), os.dup(2)]
    argv, sys.argv = sys.argv, ["mien", *arguments]
    status: object = 0
    try:
        for number, log in enumerate(logs, start=1):
            opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(opened, number)
            os.close(opened)
        try:
            main()
        except SystemExit as ended:
            status = ended.code
        except Exception as error:
            return f"{arguments[0]}: {place_of(error)}", traceback.format_exc()
    finally:
        sys.argv = argv
        sys.stdout.flush()
        sys.stderr.flush()
        for number, old in enumerate(before, start=1):
            os.dup2(old, number)
            os.close(old)
    said = logs[1].read_text(encoding="utf-8", errors="surrogateescape")
    printed = f"{arguments[0]} ended with {status!r} and said\n{said}"
    if status not in (0, None, 1, 2):
        return f"{arguments[0]}: exit status {status!r}", printed
    lines = said.splitlines()
    if status == 2 and not lines:
        return f"{arguments[0]}: exit status 2 without a word", printed
    for line in lines:
        if not line.startswith("mien: "):
            return f"{arguments[0]}: a line that is not mien's", printed
        if not line.isprintable():
            return f"{arguments[0]}: a line that acts on the terminal", printed
    return None


class Worker:
    """Makes inputs for one target, reads them and reports.

    Args:
        target: what is read.
        seed: of the run; with the number of its first input it determines all that a worker makes.
        first: number of the first input.
        folder: of this worker alone.
        report: file descriptor of the pipe.
    """

    def __init__(self, target: Target, seed: int, first: int, folder: Path, report: int) -> None:
        self._target = target
        self._random = Random(f"{seed}/{target.name}/{first}")
        self._number = first
        self._folder = folder
        self._report = report
        self._pools = {
            name: list(found)
            for name, found in stored(target.name, target.seeds, folder.parent / "seeds").items()
        }
        self._sizes = {name: len(found) for name, found in self._pools.items()}
        self._known: set[str] = set()
        self._read = target.open(folder)

    def run(self, count: int) -> None:
        """Read so many inputs."""
        for name, seeds in self._pools.items():
            for content in seeds:  # as they are: what is fuzzed must be what is read
                outcome = self._try(name, content)
                if outcome.kind != "read":
                    raise AssertionError(f"{self._target.name}: {name}: {outcome}")
        for _ in range(count):
            name = self._random.choice(list(self._pools))
            pool = self._pools[name]
            if self._random.random() < _SHARE_OF_SEEDS:
                pool = pool[: self._sizes[name]]
            content = mutate(pool, self._random, self._target.changes.get(name, ()))
            self._say({"at": self._number})
            outcome = self._try(name, content)
            if outcome.kind in ("raised", "command"):
                content = self._smaller(name, content, outcome)
            if outcome.is_finding:
                self._keep(name, content)
            elif outcome.what not in self._known:
                self._known.add(outcome.what)
                if (
                    len(self._pools[name]) < self._sizes[name] + _MOST_KEPT
                    and len(content) < 200_000
                ):
                    self._pools[name].append(content)
            self._say(asdict(outcome))
            self._number += 1

    def replay(self, path: Path, name: str) -> Outcome:
        """Read one input that was kept."""
        return self._try(name, path.read_bytes(), always_command=True)

    def _write(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        (self._folder / "reading").write_text(name)  # for `fuzz.watch`, if this process dies of it
        return path

    def _keep(self, name: str, content: bytes) -> None:
        place = self._folder / "found" / str(self._number)
        place.mkdir(parents=True)
        (place / name).write_bytes(content)

    def _try(self, name: str, content: bytes, *, always_command: bool = False) -> Outcome:
        path = self._write(name, content)
        _forget_peak()
        before = _cpu_s()
        kind, what, detail = judge(self._target, self._read, path)
        # By its content, so that an input does the same when it is read again.
        chosen = zlib.crc32(content) % _COMMAND_EVERY == 0
        if kind != "raised" and self._target.command is not None and (chosen or always_command):
            found = judge_command(self._target.command(path), self._folder)
            if found is not None:
                kind, (what, detail) = "command", found
        cpu_s, peak = _cpu_s() - before, _peak_bytes()
        if kind in ("read", "refused") and peak > MEMORY_LIMIT:
            kind, detail = "memory", f"{peak / 1e6:,.0f} MB; {what}"
        elif kind in ("read", "refused") and cpu_s > CPU_LIMIT_S:
            kind, detail = "slow", f"{cpu_s:.1f} s; {what}"
        return Outcome(self._number, kind, what, detail, cpu_s, peak)

    def _smaller(self, name: str, content: bytes, outcome: Outcome) -> bytes:
        """The same input with pieces left out, as long as its outcome stays what it is."""
        piece, tries = max(1, len(content) // 2), 0
        while tries < _TRIES:
            start = 0
            while start < len(content) and tries < _TRIES:
                shorter = content[:start] + content[start + piece :]
                tries += 1
                found = self._try(name, shorter, always_command=outcome.kind == "command")
                if (found.kind, found.what) == (outcome.kind, outcome.what):
                    content = shorter
                else:
                    start += piece
            if piece == 1:
                break
            piece = max(1, piece // 4)
        return content

    def _say(self, line: dict[str, Any]) -> None:
        os.write(self._report, json.dumps(line).encode() + b"\n")


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_bytes() -> int:
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else 0


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    room = pages * resource.getpagesize() + _ADDRESS_ROOM
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**30, 2**30))


def start(name: str, seed: int, first: int, folder: Path, report: int) -> Worker:
    """A worker with its limits set and its libraries loaded."""
    faulthandler.enable()
    warnings.simplefilter("ignore")
    worker = Worker(TARGETS[name], seed, first, folder, report)
    gc.freeze()
    _limit()
    return worker


def main() -> None:
    """Started by `fuzz.watch`: target, seed, first number, count, folder, file descriptor."""
    name, seed, first, count, folder, report = sys.argv[1:]
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).mkdir(parents=True)
    start(name, int(seed), int(first), Path(folder), int(report)).run(int(count))


if __name__ == "__main__":
    main()
