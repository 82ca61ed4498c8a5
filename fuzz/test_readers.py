"""Every reader takes a damaged file or refuses it with a `MienError`: `make fuzz`."""

import faulthandler
import os
import re
import resource
import shutil
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from fuzz.damage import damaged
from fuzz.readers import READERS
from mien.cli.app import main
from mien.errors import MienError

INPUTS: Final = int(os.environ.get("FUZZ_INPUTS", "10000"))  # for each reader
FOUND: Final = Path(__file__).resolve().parent / "found"

CPU_LIMIT_S: Final = 10.0  # of processor time: a machine that is shared does not look like a hang
HANG_S: Final = 120.0  # after which the process ends; where it was is in hang.txt
MEMORY_LIMIT: Final = 1_900_000_000  # bytes that come to be resident for one input
COMMAND_EVERY: Final = 50  # one input in so many also goes through the command line

_ADDRESS_ROOM: Final = 6 * 2**30  # beyond which no allocation succeeds: for the machine's sake

pytestmark = pytest.mark.filterwarnings("ignore")


class Opened:
    """A reader at work in a folder of its own, with the files that it takes.

    The input that is read lies in the folder, also when the process does not survive it; the
    smallest that fails is the last.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.reader = READERS[name]
        self.folder = folder
        self.seeds = self.reader.seeds()
        self.read = self.reader.open(folder)
        self.hang = (folder / "hang.txt").open("w")
        for file, contents in self.seeds.items():
            for content in contents:  # what is damaged must be what is taken
                self.read(self.write(file, content))

    def write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


@pytest.fixture(scope="module")
def opened(request: pytest.FixtureRequest) -> Iterator[Opened]:
    folder = FOUND / request.param
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    failed = request.session.testsfailed
    opened = Opened(request.param, folder)
    resource.setrlimit(resource.RLIMIT_AS, (_pages(0) + _ADDRESS_ROOM, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    yield opened
    opened.hang.close()
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    if request.session.testsfailed == failed:
        shutil.rmtree(folder)


@pytest.mark.parametrize("opened", READERS, indirect=True)
@settings(
    max_examples=INPUTS, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck)
)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(
    opened: Opened, data: st.DataObject, capfd: pytest.CaptureFixture[str]
) -> None:
    with watched(opened):
        name, content = data.draw(damaged(opened.seeds, opened.reader.changes))
        path = opened.write(name, content)
        _forget_peak()
        resident, began = _pages(1), time.process_time()
        try:
            event(f"{name}: read {opened.read(path)}")
        except MienError as error:
            event(f"{name}: refused, {_outcome(error)}")
    assert time.process_time() - began <= CPU_LIMIT_S
    assert _peak() - resident <= MEMORY_LIMIT
    # By its content, so that an input does the same when it is read again.
    if opened.reader.command is not None and zlib.crc32(content) % COMMAND_EVERY == 0:
        check_command(opened.reader.command(path), capfd)


@contextmanager
def watched(opened: Opened) -> Iterator[None]:
    """End the process where the body hangs, be it in a library that knows no exceptions."""
    faulthandler.dump_traceback_later(HANG_S, exit=True, file=opened.hang)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def check_command(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """A file that is refused gives lines of mien's alone, and exit status 2."""
    capfd.readouterr()
    status: object = 0
    with pytest.MonkeyPatch.context() as patch, open(2, "w", closefd=False) as stderr:
        patch.setattr(sys, "argv", ["mien", *arguments])
        patch.setattr(sys, "stderr", stderr)  # as a process has it, not as pytest does
        try:
            main()
        except SystemExit as ended:
            status = ended.code
    lines = capfd.readouterr().err.splitlines()
    assert status in (0, None, 1, 2)
    assert lines or status != 2
    for line in lines:
        assert line.startswith("mien: ")
        assert line.isprintable()  # nothing acts on the terminal


def _outcome(error: BaseException) -> str:
    """The words of an error's message, without the numbers, names and values of the input."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"|/\S+|\[.*\]|\(.*\)|\{.*\}", "_", str(error).split("; ")[0])
    return " ".join(re.sub(r"[-+]?\d[\d.,e+]*", "0", text).split()[:14])


def _pages(which: int) -> int:
    """Bytes that this process has: 0 as addresses, 1 resident."""
    return int(Path("/proc/self/statm").read_text().split()[which]) * resource.getpagesize()


def _forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else 0
