"""Standard output and standard error that are closed, full or no longer read; Ctrl-C at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.newest,
    pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no shell"),
]

# More than a buffer holds, so that writing fails before the command ends; and less.
COMMANDS = ["models mien", "--version", "detect --help", "detect {portrait} --json"]
CLOSED, FULL = "[Errno 9] Bad file descriptor", "[Errno 28] No space left on device"


def ended(arguments: str, redirected: str, **environment: str) -> tuple[int, str, str]:
    """Status, standard output and standard error of a command that a shell starts."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m mien {arguments} {redirected}'],
        env={**own, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arguments", "redirected", "reason"),
    [
        *((command, ">/dev/full", FULL) for command in COMMANDS),
        *((command, ">&-", CLOSED) for command in COMMANDS[:2]),
    ],
)
def test_results_that_nobody_takes_are_one_line_and_a_status(
    portrait: Path, arguments: str, redirected: str, reason: str
) -> None:
    status, _, messages = ended(arguments.format(portrait=portrait), redirected)
    assert (status, messages) == (2, f"mien: {reason}: 'standard output'\n")


def test_unbuffered_output_that_is_full_is_one_line_and_a_status() -> None:
    status, _, messages = ended("models mien", ">/dev/full", PYTHONUNBUFFERED="1")
    assert (status, messages) == (2, f"mien: {FULL}\n")


@pytest.fixture(scope="module")
def undisturbed(portrait: Path) -> tuple[int, str, str]:
    return ended(f"detect {portrait}", "")


@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full", "<&-", "<&- 2>&-"])
def test_without_a_place_for_messages_the_results_are_whole(
    portrait: Path, redirected: str, undisturbed: tuple[int, str, str]
) -> None:
    assert undisturbed[0] == 0
    assert ended(f"detect {portrait}", redirected) == undisturbed
    assert ended("detect no-such.jpg", redirected)[0] == 2


@pytest.mark.parametrize("redirected", [">&- 2>&-", ">/dev/full 2>/dev/full", "<&- >&- 2>&-"])
def test_with_nowhere_to_write_there_is_a_status(redirected: str) -> None:
    assert ended("models mien", redirected) == (2, "", "")


@pytest.mark.parametrize(
    ("arguments", "unbuffered"),
    [("models mien", ""), ("models mien", "1"), ("detect {0} --json --csv {1}/faces.csv", "")],
)
def test_a_reader_that_goes_early_ends_the_command_in_silence(
    portrait: Path, tmp_path: Path, arguments: str, unbuffered: str
) -> None:
    piped = "| true; exit ${PIPESTATUS[0]}"
    done = ended(arguments.format(portrait, tmp_path), piped, PYTHONUNBUFFERED=unbuffered)
    assert done == (1, "", "")


def test_no_file_takes_the_place_of_a_closed_stream(portrait: Path, tmp_path: Path) -> None:
    # What libraries print would stand in the middle of it.
    status, *_ = ended(f"detect {portrait} --csv {tmp_path}/faces.csv", ">&- 2>&-")
    assert status == 2
    lines = (tmp_path / "faces.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["file", str(portrait)]


# Ctrl-C comes while the modules of the command line are imported.
INTERRUPTED = """
import sys
from mien.__main__ import run

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "mien.cli.app":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
run()
"""


def test_an_interrupt_before_the_command_begins_is_one_line_and_a_status() -> None:
    command = [sys.executable, "-c", INTERRUPTED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "mien: interrupted\n")
