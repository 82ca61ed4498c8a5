"""`scripts/newest_python.sh`, with something harmless in place of mmdebstrap."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from named_pipes import LIMIT_S, wait_until

pytestmark = pytest.mark.tools

SCRIPT = Path(__file__).parent.parent / "scripts" / "newest_python.sh"

# Mounts something, as mmdebstrap does, and waits for a process that it does not tell to end.
MMDEBSTRAP = """#!/bin/sh
trap "" TERM
for folder; do case $folder in */build/newest) root=$folder ;; esac; done
mkdir "$root/proc"
mount -t tmpfs none "$root/proc"
(trap - TERM; exec sleep 600) &
echo $$ $! >"$root/pids"
wait
"""


def has_namespaces() -> bool:
    """Whether mounts may be made that others do not see."""
    command = ["unshare", "--mount", "true"]
    return bool(shutil.which("unshare")) and subprocess.run(command, check=False).returncode == 0


@pytest.mark.skipif(os.name == "nt" or not has_namespaces(), reason="it needs root, and a Linux")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_nothing_of_it_is_left_when_it_alone_is_stopped(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    for name, text in (("scripts/run.sh", SCRIPT.read_text()), ("bin/mmdebstrap", MMDEBSTRAP)):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text(text)
        path.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    command = [str(tmp_path / "scripts" / "run.sh"), "true"]
    script = subprocess.Popen(command, env=environment, start_new_session=True)
    pids = tmp_path / "build" / "newest" / "pids"
    wait_until(lambda: pids.exists() and pids.read_text().endswith("\n"), "mmdebstrap")
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    script.send_signal(number)
    assert script.wait(LIMIT_S) == status
    started = [Path(f"/proc/{pid}/exe") for pid in pids.read_text().split()]
    wait_until(lambda: not any(exe.exists() for exe in started), "their end")
